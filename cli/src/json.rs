//! JSON as Python's `json.dumps` lays it out: `", "` and `": "` between things.
//!
//! Written by hand into a reused buffer, because a dump writes tens of millions of
//! rows; numbers are serde_json's, which read back as the same f64.

use std::path::Path;

use gaugelog::Observation;
use serde::Serializer;

use crate::utc::Clock;

/// Appends a number. What is not finite, which JSON cannot say, becomes `null`.
pub(crate) fn number(buffer: &mut Vec<u8>, value: f64) {
    // Neither serialising an f64 nor writing to a Vec can fail.
    let _ = serde_json::to_writer(buffer, &value);
}

/// Appends a string in quotes, with its escapes.
pub(crate) fn string(buffer: &mut Vec<u8>, text: &str) {
    // Serialising a str cannot fail.
    let quoted = serde_json::to_string(text).unwrap_or_default();
    buffer.extend_from_slice(harmless(quoted).as_bytes());
}

/// The same JSON, in which nothing controls a terminal: JSON itself escapes the control
/// characters of ASCII alone.
pub(crate) fn harmless(json: String) -> String {
    let controls = |c: char| c.is_control() && c != '\n' || is_direction(c);
    if !json.contains(controls) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match controls(c) {
            // All of them are in the first plane.
            true => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => escaped.push(c),
        }
    }
    escaped
}

/// A path as text. JSON is UTF-8, and a path need not be.
pub(crate) fn path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// Makes what follows run the other way.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Appends one observation of a dump: `{"val": 14.2, "time_added": "2021-06-01 12:00:00"}`.
pub(crate) fn observation(buffer: &mut Vec<u8>, clock: &mut Clock, observation: Observation) {
    buffer.extend_from_slice(br#"{"val": "#);
    number(buffer, observation.value);
    buffer.extend_from_slice(br#", "time_added": ""#);
    buffer.extend_from_slice(clock.text(observation.timestamp_ns));
    buffer.extend_from_slice(br#""}"#);
}

/// The metrics of a store. What there is no number for is `null`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Metrics {
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) median: Option<f64>,
    pub(crate) mean: Option<f64>,
    pub(crate) variance: Option<f64>,
    pub(crate) std_dev: Option<f64>,
    pub(crate) size: u64,
}

impl Metrics {
    /// Their names and values, in the order in which callers know them.
    pub(crate) fn named(&self) -> [(&'static str, Option<f64>); 6] {
        [
            ("min", self.min),
            ("max", self.max),
            ("median", self.median),
            ("mean", self.mean),
            ("variance", self.variance),
            ("std dev", self.std_dev),
        ]
    }

    /// One object, with a line end.
    pub(crate) fn to_line(self) -> Vec<u8> {
        let mut line = vec![b'{'];
        for (name, value) in self.named() {
            string(&mut line, name);
            line.extend_from_slice(b": ");
            match value {
                Some(value) => number(&mut line, value),
                None => line.extend_from_slice(b"null"),
            }
            line.extend_from_slice(b", ");
        }
        line.extend_from_slice(format!("\"size\": {}}}\n", self.size).as_bytes());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_come_in_the_callers_order_with_pythons_separators() {
        let metrics = Metrics {
            min: Some(8.127806186682104),
            max: Some(22.792308388964692),
            median: Some(13.850778661989605),
            mean: Some(14.480742088585053),
            variance: Some(12.239089690455327),
            std_dev: Some(3.4984410371557395),
            size: 35,
        };
        let line = r#"{"min": 8.127806186682104, "max": 22.792308388964692, "median": 13.850778661989605, "mean": 14.480742088585053, "variance": 12.239089690455327, "std dev": 3.4984410371557395, "size": 35}"#;
        assert_eq!(String::from_utf8(metrics.to_line()).unwrap(), format!("{line}\n"));
    }

    #[test]
    fn rows_are_laid_out_as_callers_know_them() {
        let mut row = Vec::new();
        let noon = Observation::new(1_622_548_800_999_999_999, 14.2);
        observation(&mut row, &mut Clock::default(), noon);
        let text = r#"{"val": 14.2, "time_added": "2021-06-01 12:00:00"}"#;
        assert_eq!(String::from_utf8(row).unwrap(), text);
    }

    #[test]
    fn strings_control_no_terminal_and_read_back() {
        for (text, json) in [
            ("/golem/out/dist.png", "\"/golem/out/dist.png\""),
            ("é\u{301}😀\\\"", "\"é\u{301}😀\\\\\\\"\""),
            ("a\u{1b}[2J\n", "\"a\\u001b[2J\\n\""),
            ("\u{7f}\u{9b}2J\u{202e}", "\"\\u007f\\u009b2J\\u202e\""),
        ] {
            let mut line = Vec::new();
            string(&mut line, text);
            assert_eq!(String::from_utf8(line).unwrap(), json);
            assert_eq!(serde_json::from_str::<String>(json).unwrap(), text);
        }
    }

    #[test]
    fn numbers_read_back_as_the_same_bits() {
        let edges =
            [0.0, -0.0, 1.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, 1e16, 1e-5, 0.1];
        let spread = (0..20_000_u64).map(|i| f64::from_bits(i.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let mut text = Vec::new();
        for value in edges.into_iter().chain(spread).filter(|value| value.is_finite()) {
            text.clear();
            number(&mut text, value);
            let read: f64 = std::str::from_utf8(&text).unwrap().parse().unwrap();
            assert_eq!(read.to_bits(), value.to_bits(), "{value}");
        }
    }
}
