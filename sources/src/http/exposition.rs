//! A sample of a Prometheus page (text format 0.0.4 and 1.0.0, and OpenMetrics as far as
//! it is the same).
//!
//! ```text
//! # TYPE node_hwmon_temp_celsius gauge
//! node_hwmon_temp_celsius{chip="pci0000",sensor="temp1"} 38.85 1700000000000
//! {"http.requests", "http.method"="GET"} 7
//! ```

mod labels;

use super::body::Text;
use super::extract::{number, shown};
use labels::{Comparison, Label, head, name};

/// The most samples that an error shows if several match.
const SHOWN_MAX: usize = 3;

/// Which sample: a name, and conditions on its labels.
#[derive(Debug)]
pub(super) struct Selector {
    name: String,
    labels: Vec<Label>,
}

/// A line of a page: name, labels, and what follows them.
#[derive(Debug)]
struct Sample<'a> {
    labels: Vec<Label>,
    /// The value; a time may follow it.
    rest: &'a str,
    /// Name and labels as written.
    head: &'a str,
}

impl Selector {
    /// Reads `name{label="x"}`; the labels may be missing. `None` if it is not of that
    /// form.
    pub(super) fn parse(text: &str) -> Option<Result<Self, String>> {
        let (name, labels, rest) = match head(text)? {
            Ok(head) => head,
            Err(what) => return Some(Err(what)),
        };
        let is_whole = !name.is_empty() && rest.trim().is_empty();
        is_whole.then(|| Ok(Self { name, labels }))
    }

    /// The value of the one sample that matches. If several match, the one without
    /// further labels is taken.
    pub(super) fn find(&self, page: &Text) -> Result<f64, String> {
        let (lines, torn) = whole_lines(page)?;
        let mut matching = Vec::new();
        let mut others = Vec::new();
        let mut unclear = None;
        for line in lines.lines().map(str::trim).filter(|line| self.may_be(line)) {
            match Sample::parse(line, &self.name) {
                Some(Some(sample)) => {
                    let matches = self.labels.iter().all(|label| label.allows(&sample.labels));
                    if matches { &mut matching } else { &mut others }.push(sample);
                }
                Some(None) => {}
                // An error only if it may be the wanted value.
                None => unclear = Some(line),
            }
        }
        let exact: Vec<&Sample<'_>> =
            matching.iter().filter(|sample| self.has_no_further(sample)).collect();
        match (&matching[..], &exact[..]) {
            ([only], _) | (_, &[only]) => only.value(),
            ([], _) => Err(match (unclear, torn) {
                (Some(line), _) => format!("\"{}\" is not a sample", shown(line)),
                (None, Some(torn)) => format!("the page was cut off within \"{}\"", shown(torn)),
                _ if others.is_empty() => format!("there is no sample of {}", shown(&self.name)),
                _ => format!("there is no sample with these labels; there is {}", heads(&others)),
            }),
            (several, _) => {
                Err(format!("there are {} such samples: {}", several.len(), heads(several)))
            }
        }
    }

    /// Whether a line may be a sample of this name, by a quick check.
    fn may_be(&self, line: &str) -> bool {
        name(line).0 == self.name || line.starts_with('{')
    }

    fn has_no_further(&self, sample: &Sample<'_>) -> bool {
        let is_named = |label: &Label| self.labels.iter().any(|named| named.name == label.name);
        sample.labels.iter().all(|label| label.value.is_empty() || is_named(label))
    }
}

/// The complete lines of a page, and its last line if that may be cut off.
fn whole_lines(page: &Text) -> Result<(&str, Option<&str>), String> {
    let text = page.text.as_str();
    if page.is_whole {
        return Ok((text, None));
    }
    if page.is_open_metrics && text.lines().next_back() != Some("# EOF") {
        return Err("the page was cut off: the line \"# EOF\" is missing at its end".to_owned());
    }
    let end = text.rfind('\n').map_or(0, |at| at + 1);
    let is_end = text[end..].trim() == "# EOF" || text[end..].is_empty();
    Ok((&text[..end], (!is_end).then(|| &text[end..])))
}

impl<'a> Sample<'a> {
    /// The sample on a line: `None` if it is not a sample, and `Some(None)` if it is one
    /// of another name.
    fn parse(line: &'a str, name: &str) -> Option<Option<Self>> {
        let (found, labels, rest) = head(line)?.ok()?;
        if labels.iter().any(|label| !matches!(label.comparison, Comparison::Equal)) {
            return None;
        }
        let head = line[..line.len() - rest.len()].trim_end();
        Some((found == name).then_some(Self { labels, rest, head }))
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

#[cfg(test)]
mod tests;
