//! The path to a value: a JSON Pointer (RFC 6901), with an additional kind of step that
//! chooses by content: `/sensors[name=="attic"]/temp`.

use percent_encoding::percent_decode_str;

/// One step of the path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// The member of this name, or the item of this index.
    Name(String),
    /// The one object among the items or members that has all of these members.
    Choose(Vec<Choice>),
}

/// `[NAME=="VALUE"]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Choice {
    pub(super) name: String,
    pub(super) value: String,
    /// Whether the value is in quotes: then it is a string, otherwise a number, `true` or
    /// `false`.
    pub(super) is_text: bool,
}

/// The steps of a fragment.
pub(crate) fn parse(fragment: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut rest = fragment;
    while let Some(behind) = rest.strip_prefix('/') {
        let end = name_ends(behind);
        steps.push(Step::Name(name(&behind[..end])?));
        rest = &behind[end..];
        let mut choices = Vec::new();
        while rest.starts_with('[') {
            let (choice, behind) = choice(rest)?;
            choices.push(choice);
            rest = behind;
        }
        if !choices.is_empty() {
            // `/[name=="attic"]` chooses from the page itself, not from below a member
            // "".
            if end == 0 {
                steps.pop();
            }
            steps.push(Step::Choose(choices));
        }
    }
    match rest {
        "" => Ok(steps),
        _ => {
            Err("behind ] a / or another [ follows, as in #/sensors[name==\"attic\"]/temp"
                .to_owned())
        }
    }
}

/// Where the name at the beginning ends: before a slash or a choice. A bracket without
/// `==` is part of the name.
fn name_ends(text: &str) -> usize {
    let slash = text.find('/').unwrap_or(text.len());
    let mut from = 0;
    while let Some(at) = text[from..slash].find('[').map(|at| from + at) {
        if is_choice(&text[at..]) {
            return at;
        }
        from = at + 1;
    }
    slash
}

fn is_choice(text: &str) -> bool {
    let name = text.trim_start_matches('[').split(['=', '[', ']', '/', '"']).next().unwrap_or("");
    text[1..].strip_prefix(name).is_some_and(|rest| rest.starts_with("==") && !name.is_empty())
}

/// Reads a choice. Returns it and what follows it.
fn choice(text: &str) -> Result<(Choice, &str), String> {
    let wrong = || "a choice is written [name==\"attic\"] or [id==7]".to_owned();
    let (written, value) =
        text.strip_prefix('[').and_then(|it| it.split_once("==")).ok_or_else(wrong)?;
    let (value, is_text, behind) = match value.strip_prefix('"') {
        Some(quoted) => {
            let (value, behind) = quoted_value(quoted).ok_or_else(wrong)?;
            (value, true, behind.strip_prefix(']').ok_or_else(wrong)?)
        }
        None => {
            let (value, behind) = value.split_once(']').ok_or_else(wrong)?;
            (value.to_owned(), false, behind)
        }
    };
    if value.is_empty() && !is_text {
        return Err(wrong());
    }
    let choice = Choice { name: decoded(written)?, value: decoded(&value)?, is_text };
    Ok((choice, behind))
}

/// A value up to its closing quote, and what follows. A quote or a backslash in the value
/// has a backslash before it.
fn quoted_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            _ => value.push(c),
        }
    }
    None
}

/// A name as in the document.
fn name(written: &str) -> Result<String, String> {
    let name = decoded(written)?;
    let escapes = name.split('~').skip(1);
    if escapes.clone().any(|rest| !rest.starts_with(['0', '1'])) {
        return Err(format!("{name:?}: ~ in a JSON Pointer is written ~0, and / ~1"));
    }
    Ok(name.replace("~1", "/").replace("~0", "~"))
}

fn decoded(written: &str) -> Result<String, String> {
    let decoded = percent_decode_str(written).decode_utf8();
    let not_text = |_| format!("{written:?} in the JSON Pointer is not UTF-8");
    decoded.map(|decoded| decoded.into_owned()).map_err(not_text)
}

/// The steps as written, for errors.
pub(super) fn written(steps: &[Step]) -> String {
    let written = steps.iter().map(|step| match step {
        Step::Name(name) => format!("/{name}"),
        Step::Choose(choices) => choices.iter().map(Choice::written).collect(),
    });
    written.collect()
}

impl Choice {
    fn written(&self) -> String {
        let quote = if self.is_text { "\"" } else { "" };
        format!("[{}=={quote}{}{quote}]", self.name, self.value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(name: &str) -> Step {
        Step::Name(name.to_owned())
    }

    fn chosen(name: &str, value: &str, is_text: bool) -> Step {
        Step::Choose(vec![Choice { name: name.to_owned(), value: value.to_owned(), is_text }])
    }

    fn both(one: Step, other: Step) -> Step {
        match (one, other) {
            (Step::Choose(one), Step::Choose(other)) => Step::Choose([one, other].concat()),
            names => panic!("{names:?}"),
        }
    }

    #[test]
    fn a_way_is_taken_apart() {
        for (fragment, steps) in [
            ("", vec![]),
            ("/", vec![named("")]),
            ("/a~1b/m~0n/%C3%A9", vec![named("a/b"), named("m~n"), named("é")]),
            ("/s[name==\"attic\"]/t", vec![named("s"), chosen("name", "attic", true), named("t")]),
            ("/[id==7]/t", vec![chosen("id", "7", false), named("t")]),
            (
                "/s[a==\"x/y]\\\"\"][b==true]",
                vec![named("s"), both(chosen("a", "x/y]\"", true), chosen("b", "true", false))],
            ),
            ("/s%5Ba==1]", vec![named("s[a==1]")]),
            ("/s[0]/[]", vec![named("s[0]"), named("[]")]),
        ] {
            assert_eq!(parse(fragment), Ok(steps), "{fragment}");
        }
    }

    #[test]
    fn what_is_no_way_is_refused() {
        for fragment in [
            "/a~",
            "/a~2",
            "/~~0",
            "/%ff",
            "/a[b==",
            "/a[b==\"c]",
            "/a[b==]",
            "/a[b==\"c\"",
            "/a[b==\"c\"]d",
            "/a[b==1]d",
        ] {
            assert!(parse(fragment).is_err(), "{fragment}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Any choice is read back as written.
        #[test]
        fn any_choice_is_read_back(name in "[a-zA-Z_. °-]{1,8}", value in any::<String>()) {
            let quoted =
                value.replace('%', "%25").replace('\\', "\\\\").replace('"', "\\\"");
            let steps = parse(&format!("/s[{name}==\"{quoted}\"]/t"));
            prop_assert_eq!(steps, Ok(vec![named("s"), chosen(&name, &value, true), named("t")]));
        }
    }
}
