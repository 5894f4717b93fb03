//! Names and labels: `name{label="x",other=~"y.*"}`, as on a page and in a spec.

use regex_lite::Regex;

/// A label of a sample, or a condition on one.
#[derive(Debug)]
pub(super) struct Label {
    pub(super) name: String,
    pub(super) comparison: Comparison,
    pub(super) value: String,
}

/// How a label is compared. On a page there is only `=`.
#[derive(Debug)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    /// `=~`: the whole value matches.
    Matches(Regex),
    MatchesNot(Regex),
}

impl Label {
    /// Whether a sample with these labels matches. A missing label counts as empty, as in
    /// Prometheus.
    pub(super) fn allows(&self, labels: &[Self]) -> bool {
        let found = labels.iter().find(|label| label.name == self.name);
        let value = found.map_or("", |label| label.value.as_str());
        match &self.comparison {
            Comparison::Equal => value == self.value,
            Comparison::NotEqual => value != self.value,
            Comparison::Matches(regex) => regex.is_match(value),
            Comparison::MatchesNot(regex) => !regex.is_match(value),
        }
    }
}

/// Name, labels and what follows them.
pub(super) type Head<'a> = (String, Vec<Label>, &'a str);

/// Reads a name and labels; `None` if they are not of that form, an error if a regular
/// expression is invalid.
pub(super) fn head(text: &str) -> Option<Result<Head<'_>, String>> {
    let (plain, rest) = name(text);
    let mut named = (!plain.is_empty()).then(|| plain.to_owned());
    let mut labels = Vec::new();
    let mut text = match rest.trim_start().strip_prefix('{') {
        Some(inside) => inside,
        None => return Some(Ok((named?, labels, rest))),
    };
    loop {
        text = text.trim_start();
        if let Some(rest) = text.strip_prefix('}') {
            return Some(Ok((named?, labels, rest)));
        }
        let (word, rest) = match text.strip_prefix('"') {
            Some(quoted) => quoted_value(quoted)?,
            None => label_name(text)?,
        };
        let rest = rest.trim_start();
        text = match comparison(rest) {
            Some((sign, rest)) => {
                let (value, rest) = quoted_value(rest.trim_start().strip_prefix('"')?)?;
                match compared(sign, &value) {
                    Ok(comparison) => labels.push(Label { name: word, comparison, value }),
                    Err(what) => return Some(Err(what)),
                }
                rest
            }
            // Since Prometheus 3 the name may be among the labels, in quotes.
            None if text.starts_with('"') && named.is_none() => {
                named = Some(word);
                rest
            }
            None => return None,
        }
        .trim_start();
        text = match text.strip_prefix(',') {
            Some(rest) => rest,
            None if text.starts_with('}') => text,
            None => return None,
        };
    }
}

fn comparison(text: &str) -> Option<(&'static str, &str)> {
    let mut signs = ["=~", "!~", "!=", "="].into_iter();
    signs.find_map(|sign| text.strip_prefix(sign).map(|rest| (sign, rest)))
}

fn compared(sign: &str, value: &str) -> Result<Comparison, String> {
    let regex = || {
        // It must match the whole value, as in Prometheus.
        Regex::new(&format!("^(?s:{value})$"))
            .map_err(|error| format!("{value:?} is not a regular expression: {error}"))
    };
    Ok(match sign {
        "=~" => Comparison::Matches(regex()?),
        "!~" => Comparison::MatchesNot(regex()?),
        "!=" => Comparison::NotEqual,
        _ => Comparison::Equal,
    })
}

/// The name at the beginning, and what follows it.
pub(super) fn name(text: &str) -> (&str, &str) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    if text.starts_with(|c: char| c.is_ascii_digit()) { ("", text) } else { text.split_at(end) }
}

fn label_name(text: &str) -> Option<(String, &str)> {
    let (label, rest) = name(text);
    (!label.is_empty()).then(|| (label.to_owned(), rest))
}

/// A value up to its closing quote, without its escapes, and what follows it.
fn quoted_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                escaped @ ('\\' | '"') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            _ => value.push(c),
        }
    }
    None
}
