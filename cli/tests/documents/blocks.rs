//! The commands in a document, with what it says that they print, and its files.

/// A command, and the lines below it.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) command: String,
    /// Empty where the document shows nothing.
    pub(crate) printed: Vec<String>,
    /// Behind `# `: the command of an administrator.
    pub(crate) is_for_root: bool,
}

/// The steps of all ```console blocks.
pub(crate) fn steps(document: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for block in fenced(document, "console") {
        let prompt = if block.starts_with("# ") { "# " } else { "$ " };
        let mut lines = block.lines();
        while let Some(line) = lines.next() {
            match line.strip_prefix(prompt) {
                Some(command) => {
                    let mut command = command.to_owned();
                    while command.ends_with('\\') {
                        command.push('\n');
                        command.push_str(lines.next().expect("the command goes on"));
                    }
                    steps.push(Step { command, printed: vec![], is_for_root: prompt == "# " });
                }
                None => {
                    let step: &mut Step = steps.last_mut().expect("a block begins with a command");
                    step.printed.push(line.to_owned());
                }
            }
        }
    }
    steps
}

/// The contents of the blocks of one language.
pub(crate) fn fenced(document: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        let Some(found) = line.strip_prefix("```") else { continue };
        let block = lines.by_ref().take_while(|line| *line != "```");
        let block: String = block.map(|line| format!("{line}\n")).collect();
        assert!(!["sh", "bash", "shell"].contains(&found), "a block {found:?}: {block}");
        if found == language {
            blocks.push(block);
        }
    }
    blocks
}

/// What stands for any lines.
const ANY: &str = "...";

/// Whether lines were printed as shown. Figures may differ unless they must be equal.
pub(crate) fn are_as_shown(found: &str, shown: &[String], must_be_equal: bool) -> bool {
    let line = |line: &str| match must_be_equal || line == ANY {
        true => line.to_owned(),
        false => shape(line),
    };
    let found: Vec<String> = found.lines().map(line).collect();
    let shown: Vec<String> = shown.iter().map(|it| line(it)).collect();
    let mut parts: Vec<&[String]> = shown.split(|line| line == ANY).collect();
    let last = parts.pop().unwrap_or_default();
    let Some((first, between)) = parts.split_first() else { return found == last };
    let rest = found.strip_prefix(*first).and_then(|rest| rest.strip_suffix(last));
    let Some(mut rest) = rest else { return false };
    for part in between {
        let mut places = 0..=rest.len().saturating_sub(part.len());
        let Some(place) = places.find(|at| rest[*at..].starts_with(part)) else { return false };
        rest = &rest[place + part.len()..];
    }
    true
}

/// A line with `#` for each figure and one blank for several.
fn shape(line: &str) -> String {
    let mut text = String::new();
    for word in line.split_whitespace() {
        let mut is_figure = false;
        for character in word.chars() {
            let goes_on = is_figure && matches!(character, '0'..='9' | '.' | ',');
            is_figure = character.is_ascii_digit() || goes_on;
            match is_figure {
                true if text.ends_with('#') => {}
                true => text.push('#'),
                false => text.push(character),
            }
        }
        text.push(' ');
    }
    text
}

#[test]
fn what_is_shown_is_compared() {
    let shown = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let is = |found: &str, text: &str, equal| are_as_shown(found, &shown(text), equal);
    assert!(is("a 1\nb 2\n", "a 1\nb 2", true));
    assert!(!is("a 1\nb 2\n", "a 1\nb 3", true));
    assert!(is("a  1.25\nb 2\n", "a 3\nb 1,000", false));
    assert!(!is("a 1\nb 2\n", "a 1", false));
    assert!(is("a 1\nb 2\nc 3\n", "a 1\n...\nc 4", false));
    assert!(is("a 1\nb 2\nc 3\n", "a 1\n...", true));
    assert!(!is("a 1\nb 2\nc 3\n", "a 1\n...\nd 3", false));
    assert!(!is("a 1\n", "a 1\nb 2", false));
}
