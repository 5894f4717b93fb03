//! M4 columns as JSON, a list for each field: compact, and what charts take.

use std::time::Duration;

use gaugelog::{Bucket, Observation, Window};

use super::answer::Refusal;
use crate::ask::range::Range;
use crate::json;

/// Equal intervals of a range of times, and those of them that hold something.
pub(super) struct Columns {
    since_ns: i64,
    width_ns: u64,
    filled: Vec<Bucket>,
}

impl Columns {
    /// `count` columns, or fewer, of a range; from the first observation to the last where
    /// it has no bounds.
    pub(super) fn of(window: &Window, range: &Range, count: usize) -> Result<Self, Refusal> {
        let times = match (range.since, range.until) {
            (Some(since), Some(until)) => Some((since, i128::from(until))),
            (since, until) => {
                let summary = window.summary()?;
                let first = since.or(summary.first().map(|first| first.timestamp_ns));
                let end = summary.last().map(|last| i128::from(last.timestamp_ns) + 1);
                first.zip(until.map(i128::from).or(end))
            }
        };
        let Some((since_ns, until)) = times else {
            return Ok(Self { since_ns: 0, width_ns: 0, filled: Vec::new() });
        };
        let (span, count) =
            ((until - i128::from(since_ns)).max(1), i128::try_from(count).unwrap_or(1));
        let width = u64::try_from((span + count - 1) / count).unwrap_or(u64::MAX);
        let filled = window.buckets(Duration::from_nanos(width), since_ns)?;
        Ok(Self { since_ns, width_ns: width, filled })
    }

    pub(super) fn to_json(&self, store: &str, missing: &[String]) -> Vec<u8> {
        let mut text = b"{\"store\": ".to_vec();
        json::string(&mut text, store);
        text.extend_from_slice(
            format!(", \"since_ns\": {}, \"width_ns\": {}", self.since_ns, self.width_ns)
                .as_bytes(),
        );
        let first = |it: &Bucket| it.summary.first();
        let last = |it: &Bucket| it.summary.last();
        let time = |found: Option<Observation>| found.map_or(0, |it| it.timestamp_ns);
        let value = |found: Option<Observation>| found.map(|it| it.value);
        self.integers(&mut text, "start_ns", |it| it.start_ns);
        self.integers(&mut text, "count", |it| {
            i64::try_from(it.summary.count()).unwrap_or(i64::MAX)
        });
        self.integers(&mut text, "first_ns", |it| time(first(it)));
        self.numbers(&mut text, "first", |it| value(first(it)));
        self.integers(&mut text, "last_ns", |it| time(last(it)));
        self.numbers(&mut text, "last", |it| value(last(it)));
        self.numbers(&mut text, "min", |it| it.summary.min());
        self.numbers(&mut text, "max", |it| it.summary.max());
        self.numbers(&mut text, "mean", |it| it.summary.mean());
        text.extend_from_slice(b", \"missing\": ");
        text.extend_from_slice(serde_json::json!(missing).to_string().as_bytes());
        text.extend_from_slice(b"}\n");
        text
    }

    fn integers(&self, text: &mut Vec<u8>, name: &str, field: impl Fn(&Bucket) -> i64) {
        self.list(text, name, |text, it| {
            text.extend_from_slice(field(it).to_string().as_bytes());
        });
    }

    fn numbers(&self, text: &mut Vec<u8>, name: &str, field: impl Fn(&Bucket) -> Option<f64>) {
        self.list(text, name, |text, it| json::number(text, field(it).unwrap_or(f64::NAN)));
    }

    fn list(&self, text: &mut Vec<u8>, name: &str, item: impl Fn(&mut Vec<u8>, &Bucket)) {
        text.extend_from_slice(format!(", \"{name}\": [").as_bytes());
        for (at, bucket) in self.filled.iter().enumerate() {
            if at > 0 {
                text.push(b',');
            }
            item(text, bucket);
        }
        text.push(b']');
    }
}
