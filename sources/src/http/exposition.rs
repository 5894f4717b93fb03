//! A sample of a Prometheus page (text format 0.0.4, and OpenMetrics where it is alike).
//!
//! ```text
//! # TYPE node_hwmon_temp_celsius gauge
//! node_hwmon_temp_celsius{chip="pci0000",sensor="temp1"} 38.85 1700000000000
//! ```

use super::extract::{number, shown};

/// So many samples are shown where several match.
const SHOWN_MAX: usize = 3;

type Labels = Vec<(String, String)>;

/// Which sample: a name, and labels that it must have.
#[derive(Debug, PartialEq)]
pub(super) struct Selector {
    name: String,
    labels: Labels,
}

/// A line of a page, with what stands behind name and labels.
#[derive(Debug)]
struct Sample<'a> {
    labels: Labels,
    /// The value; a time may follow it.
    rest: &'a str,
    /// Name and labels as they are written.
    head: &'a str,
}

impl Selector {
    /// Reads `name{label="x"}`, of which the labels may be missing.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, rest) = name(text);
        let (labels, rest) = labels(rest)?;
        let is_whole = !name.is_empty() && rest.trim().is_empty();
        is_whole.then(|| Self { name: name.to_owned(), labels })
    }

    /// The value of the one sample that matches.
    pub(super) fn find(&self, page: &str) -> Result<f64, String> {
        let mut matching = Vec::new();
        let mut others = Vec::new();
        for line in page.lines().map(str::trim).filter(|line| name(line).0 == self.name) {
            let sample = Sample::parse(line)
                .ok_or_else(|| format!("\"{}\" is not a sample", shown(line)))?;
            let has = |label| sample.labels.contains(label);
            if self.labels.iter().all(has) { &mut matching } else { &mut others }.push(sample);
        }
        match &matching[..] {
            [only] => only.value(),
            [] if others.is_empty() => Err(format!("there is no sample of {}", self.name)),
            [] => Err(format!("there is no sample with these labels; there is {}", heads(&others))),
            several => Err(format!("there are {} such samples: {}", several.len(), heads(several))),
        }
    }
}

impl<'a> Sample<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (labels, rest) = labels(name(line).1)?;
        let head = &line[..line.len() - rest.len()];
        Some(Self { labels, rest, head })
    }

    fn value(&self) -> Result<f64, String> {
        let value = self.rest.split_whitespace().next().unwrap_or("");
        number(value).ok_or_else(|| {
            format!("{} is \"{}\", which is not a finite number", shown(self.head), shown(value))
        })
    }
}

/// Some of the samples, for errors.
fn heads(samples: &[Sample<'_>]) -> String {
    let some: Vec<String> = samples.iter().take(SHOWN_MAX).map(|it| shown(it.head)).collect();
    let more = if samples.len() > SHOWN_MAX { " …" } else { "" };
    format!("{}{more}", some.join(" "))
}

/// The name at the beginning, and what follows it.
fn name(text: &str) -> (&str, &str) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    if text.starts_with(|c: char| c.is_ascii_digit()) { ("", text) } else { text.split_at(end) }
}

/// `{label="x",other="y"}` at the beginning, if it is there, and what follows.
fn labels(text: &str) -> Option<(Labels, &str)> {
    let mut labels = Labels::new();
    let Some(mut text) = text.trim_start().strip_prefix('{') else { return Some((labels, text)) };
    loop {
        text = text.trim_start();
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (label, rest) = name(text);
        let rest = rest.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?;
        let (value, rest) = quoted_value(rest)?;
        if label.is_empty() {
            return None;
        }
        labels.push((label.to_owned(), value));
        let rest = rest.trim_start();
        text = match rest.strip_prefix(',') {
            Some(rest) => rest,
            None if rest.starts_with('}') => rest,
            None => return None,
        };
    }
}

/// A value up to its closing quote, without its escapes.
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

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"
# HELP node_load1 1m load average.
# TYPE node_load1 gauge
node_load1 0.21
temp{chip="a",sensor="temp1"} 38.85
temp{chip="a",sensor="temp2"} 4e1 1700000000000
  temp { chip = "b \"x\" \\ \n é", sensor="temp1" , } -1 # {trace="1"} 2
temperature 99
empty{} 5
nan NaN
inf{a="1"} +Inf
word warm
none
twice 1
twice 1
torn{a="b
"#;

    fn found(fragment: &str) -> Result<f64, String> {
        Selector::parse(fragment).unwrap().find(PAGE)
    }

    #[test]
    fn a_sample_is_found_by_name_and_labels() {
        for (fragment, value) in [
            ("node_load1", 0.21),
            ("node_load1{}", 0.21),
            ("temp{sensor=\"temp2\"}", 40.0),
            ("temp{sensor=\"temp1\", chip=\"a\"}", 38.85),
            (r#"temp{chip="b \"x\" \\ \n é"}"#, -1.0),
            ("empty", 5.0),
        ] {
            assert_eq!(found(fragment), Ok(value), "{fragment}");
        }
    }

    #[test]
    fn none_several_and_no_numbers_are_shown() {
        for (fragment, message) in [
            ("load1", "there is no sample of load1"),
            (
                "temp",
                "there are 3 such samples: temp{chip=\"a\",sensor=\"temp1\"} \
                 temp{chip=\"a\",sensor=\"temp2\"} \
                 temp { chip = \"b \\\"x\\\" \\\\ \\n é\", sensor=…",
            ),
            (
                "temp{chip=\"c\"}",
                "there is no sample with these labels; there is temp{chip=\"a\",sensor=\"temp1\"} \
                 temp{chip=\"a\",sensor=\"temp2\"} \
                 temp { chip = \"b \\\"x\\\" \\\\ \\n é\", sensor=…",
            ),
            ("nan", "nan is \"NaN\", which is not a finite number"),
            ("inf", "inf{a=\"1\"} is \"+Inf\", which is not a finite number"),
            ("word", "word is \"warm\", which is not a finite number"),
            ("none", "none is \"\", which is not a finite number"),
            ("twice", "there are 2 such samples: twice twice"),
            ("torn", "\"torn{a=\"b\" is not a sample"),
        ] {
            assert_eq!(found(fragment).unwrap_err(), message, "{fragment}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for text in [
            "1a",
            "a b",
            "a{",
            "a{b}",
            "a{b=c}",
            "a{b=\"c}",
            "a{=\"c\"}",
            "{a=\"b\"}",
            "a}",
            "é",
            "a{b=\"c\" d=\"e\"}",
        ] {
            assert_eq!(Selector::parse(text), None, "{text}");
        }
    }
}
