//! One row of statistics: of a store, or of several together, in a range or a bucket.

use gaugelog::{Observation, Summary};

use super::range::Range;
use crate::figures::{count, figure, figure_or_dash};
use crate::json;

/// Digits of numbers on a terminal.
const DIGITS: usize = 6;

/// What a row says.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Whose it is.
    pub(super) store: String,
    /// Of a bucket, when it begins.
    pub(super) start_ns: Option<i64>,
    pub(super) summary: Summary,
    /// Each quantile, from 0 to 1, and its value.
    pub(super) quantiles: Vec<(f64, Option<f64>)>,
}

/// The heading of [`Row::cells`].
pub(super) fn heading(has_buckets: bool, quantiles: &[f64]) -> Vec<String> {
    let mut heading = vec!["store".to_owned()];
    if has_buckets {
        heading.push("from".to_owned());
    }
    heading.extend(["count", "min", "max", "mean", "std dev"].map(str::to_owned));
    heading.extend(quantiles.iter().map(|q| percentile(*q)));
    heading
}

/// `p95`, and `p99.9`.
pub(super) fn percentile(q: f64) -> String {
    // Rounded: 0.29 * 100 is 28.999999999999996.
    format!("p{}", figure(q * 100.0, 12))
}

impl Row {
    pub(super) fn cells(&self, range: &Range) -> Vec<String> {
        let mut cells = vec![self.store.clone()];
        cells.extend(self.start_ns.map(|start| range.text(start)));
        cells.push(count(self.summary.count()));
        let numbers = self.numbers().map(|(_, value)| value);
        let quantiles = self.quantiles.iter().map(|(_, value)| *value);
        cells.extend(numbers.into_iter().chain(quantiles).map(|it| figure_or_dash(it, DIGITS)));
        cells
    }

    fn numbers(&self) -> [(&'static str, Option<f64>); 4] {
        let summary = &self.summary;
        [
            ("min", summary.min()),
            ("max", summary.max()),
            ("mean", summary.mean()),
            ("std_dev", summary.std_dev()),
        ]
    }

    /// One object, with a line end.
    pub(crate) fn to_json(&self, range: &Range) -> Vec<u8> {
        let mut line = b"{\"store\": ".to_vec();
        json::string(&mut line, &self.store);
        if let Some(start) = self.start_ns {
            field(&mut line, "from");
            json::string(&mut line, &range.text(start));
        }
        field(&mut line, "count");
        line.extend_from_slice(self.summary.count().to_string().as_bytes());
        let variance = ("variance", self.summary.variance());
        for (name, value) in self.numbers().into_iter().chain([variance]) {
            field(&mut line, name);
            number_or_null(&mut line, value);
        }
        for (name, found) in [("first", self.summary.first()), ("last", self.summary.last())] {
            field(&mut line, name);
            observation(&mut line, found, range);
        }
        field(&mut line, "quantiles");
        line.push(b'{');
        for (at, (q, value)) in self.quantiles.iter().enumerate() {
            if at > 0 {
                line.extend_from_slice(b", ");
            }
            line.extend_from_slice(format!("\"{q}\": ").as_bytes());
            number_or_null(&mut line, *value);
        }
        line.extend_from_slice(b"}}\n");
        line
    }

    /// A line of CSV, without the store.
    pub(super) fn to_csv(&self, range: &Range) -> Vec<u8> {
        let mut line = Vec::new();
        if let Some(start) = self.start_ns {
            line.extend_from_slice(range.text(start).as_bytes());
            line.push(b',');
        }
        line.extend_from_slice(self.summary.count().to_string().as_bytes());
        let numbers = self.numbers().map(|(_, value)| value);
        for value in numbers.into_iter().chain(self.quantiles.iter().map(|(_, value)| *value)) {
            line.push(b',');
            if let Some(value) = value {
                json::number(&mut line, value);
            }
        }
        line.push(b'\n');
        line
    }
}

/// The first line of the CSV of buckets.
pub(super) fn csv_heading(quantiles: &[f64]) -> String {
    let mut heading = "time,count,min,max,mean,std_dev".to_owned();
    for q in quantiles {
        heading.push(',');
        heading.push_str(&percentile(*q));
    }
    heading + "\n"
}

fn field(line: &mut Vec<u8>, name: &str) {
    line.extend_from_slice(b", ");
    json::string(line, name);
    line.extend_from_slice(b": ");
}

fn number_or_null(line: &mut Vec<u8>, value: Option<f64>) {
    match value {
        Some(value) => json::number(line, value),
        None => line.extend_from_slice(b"null"),
    }
}

fn observation(line: &mut Vec<u8>, found: Option<Observation>, range: &Range) {
    let Some(found) = found else { return line.extend_from_slice(b"null") };
    line.extend_from_slice(b"{\"time\": ");
    json::string(line, &range.text(found.timestamp_ns));
    line.extend_from_slice(b", \"value\": ");
    json::number(line, found.value);
    line.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_named_as_people_do() {
        for (q, name) in [(0.5, "p50"), (0.95, "p95"), (0.999, "p99.9"), (0.0, "p0"), (1.0, "p100")]
        {
            assert_eq!(percentile(q), name);
        }
    }
}
