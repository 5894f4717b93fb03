//! The page as one file, with as many columns of each store as there is room for.

use std::ops::{Bound, RangeBounds};
use std::time::Duration;

use gaugelog::{Bucket, ErrorKind, Observation, Snapshot, Summary, Window};
use gaugelog_sources::Zone;
use serde_json::{Value, json};

use crate::ask::latest;
use crate::explain::explained;

/// The file is smaller than this.
const BYTES_MAX: usize = 2_000_000;
/// Columns or observations of all stores together: some 60 bytes each.
const COLUMNS_MAX: usize = 24_000;
/// As many as the engine makes.
const INTERVALS_MAX: usize = 1 << 20;
/// Of a column's width, which it is as precise as.
const TICKS: u64 = 256;
/// Digits of what the values of a store differ by.
const DIGITS: i32 = 6;
/// What an f64 needs at most.
const DIGITS_MAX: i32 = 17;

/// What a saved page shows.
pub(crate) struct Saved<'a> {
    pub(crate) title: &'a str,
    /// Of the values; empty if it is not known.
    pub(crate) unit: &'a str,
    /// The time zone of the times: `Europe/Berlin`, `UTC` or `+02:00`.
    pub(crate) zone: &'a Zone,
    /// The names of the stores.
    pub(crate) stores: &'a [&'a str],
    /// The store of a number, each time that it is read. One that is read around damage is
    /// shown with what it misses.
    pub(crate) snapshot: &'a dyn Fn(usize) -> gaugelog::Result<Snapshot>,
    /// Whether a store that cannot be read is shown, with the reason, and is no error.
    pub(crate) has_unreadable: bool,
    /// The part of their time that is shown.
    pub(crate) times: (Bound<i64>, Bound<i64>),
}

impl Saved<'_> {
    /// One HTML file, of less than 2 MB, that needs nothing else.
    ///
    /// # Errors
    /// Those of the stores.
    pub(crate) fn to_html(&self) -> gaugelog::Result<String> {
        let mut columns = COLUMNS_MAX;
        loop {
            let html = super::in_one_file(&self.data(columns)?);
            if html.len() < BYTES_MAX || columns < 2 {
                return Ok(html);
            }
            columns /= 2;
        }
    }

    /// In JSON. Written store by store: a tree of values takes tens of times as much memory.
    fn data(&self, columns: usize) -> gaugelog::Result<String> {
        let each = (columns / self.stores.len().max(1)).max(1);
        // What is removed while it is read is not in the next snapshot.
        let twice = |at, name: &str| match self.store(at, name, each) {
            Err(error) if error.kind() == ErrorKind::Removed => self.store(at, name, each),
            read => read,
        };
        let one = |(at, name): (usize, &&str)| match twice(at, name) {
            Err(error) if self.has_unreadable && !is_of_the_request(&error) => {
                Ok(unreadable(name, &error))
            }
            read => read,
        };
        let about = json!({ "title": self.title, "unit": self.unit, "zone": self.zone_name() });
        let mut text = about.to_string();
        text.truncate(text.len() - 1);
        text.push_str(",\"stores\":[");
        for (at, store) in self.stores.iter().enumerate().map(one).enumerate() {
            text.push_str(if at > 0 { "," } else { "" });
            text.push_str(&store?.to_string());
        }
        text.push_str("]}");
        Ok(text)
    }

    /// A zone that a browser knows too: `UTC` for one with rules and without a name.
    fn zone_name(&self) -> String {
        self.zone.name().unwrap_or_else(|| "UTC".to_owned())
    }

    fn store(&self, at: usize, name: &str, columns: usize) -> gaugelog::Result<Value> {
        let snapshot = (self.snapshot)(at)?;
        let mut store = store(name, &snapshot.window(self.times), columns)?;
        // One of another time is not shown: then the last of this time is.
        let latest = latest(&snapshot)?.filter(|it| self.times.contains(&it.timestamp_ns));
        if let Some(latest) = latest {
            store["latest"] =
                json!({ "time": seconds(latest.timestamp_ns), "value": latest.value });
        }
        let missing = snapshot.missing();
        store["missing"] = missing.iter().map(ToString::to_string).collect();
        Ok(store)
    }
}

/// Whether the same request may be answered the next time.
fn is_of_the_request(error: &gaugelog::Error) -> bool {
    matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Removed)
}

fn unreadable(name: &str, error: &gaugelog::Error) -> Value {
    let mut store = empty(name);
    store["missing"] = json!([explained(error)]);
    store
}

/// A store without observations.
fn empty(name: &str) -> Value {
    json!({ "name": name, "observations": 0, "after": [], "mean": [] })
}

/// A store with at most `columns` columns, or all of its observations.
fn store(name: &str, window: &Window, columns: usize) -> gaugelog::Result<Value> {
    let summary = window.summary()?;
    let mut store = empty(name);
    let (Some(first), Some(last)) = (summary.first(), summary.last()) else { return Ok(store) };
    store["observations"] = json!(summary.count());
    store["first"] = json!(seconds(first.timestamp_ns));
    store["last"] = json!(seconds(last.timestamp_ns));
    store["latest"] = json!({ "time": seconds(last.timestamp_ns), "value": last.value });
    store["span"] = json!(summary.max().zip(summary.min()).map(|(max, min)| max - min));
    store["start"] = json!(seconds(first.timestamp_ns));
    if summary.count() <= columns as u64 {
        let all = window.iter().collect::<gaugelog::Result<Vec<_>>>()?;
        add_observations(&mut store, first, &all);
    } else {
        add_columns(&mut store, first, &finest(window, first, last, columns)?, &summary);
    }
    Ok(store)
}

fn add_observations(store: &mut Value, first: Observation, all: &[Observation]) {
    let offsets = all.iter().map(|it| it.timestamp_ns.abs_diff(first.timestamp_ns));
    let offsets: Vec<u64> = offsets.collect();
    let tick = offsets.iter().fold(0, |tick, offset| common_divisor(tick, *offset)).max(1);
    store["tick"] = json!(tick as f64 / 1e9);
    store["after"] = json!(differences(offsets.iter().map(|offset| offset / tick)));
    store["mean"] = json!(all.iter().map(|it| it.value).collect::<Vec<_>>());
}

fn add_columns(store: &mut Value, first: Observation, columns: &[Bucket], whole: &Summary) {
    let width = columns.windows(2).map(|pair| pair[0].start_ns.abs_diff(pair[1].start_ns)).min();
    let tick = (width.unwrap_or(1) / TICKS).max(1);
    let ticks = |found: Option<Observation>| {
        found.map_or(0, |it| it.timestamp_ns.abs_diff(first.timestamp_ns) / tick)
    };
    let firsts = columns.iter().map(|column| ticks(column.summary.first()));
    let lasts = columns.iter().map(|it| ticks(it.summary.last()) - ticks(it.summary.first()));
    let digits = digits_of(whole);
    let values = |value: fn(&Summary) -> Option<f64>| {
        columns
            .iter()
            .map(|it| value(&it.summary).map(|it| rounded(it, digits)))
            .collect::<Vec<_>>()
    };
    store["tick"] = json!(tick as f64 / 1e9);
    store["lasts"] = json!(lasts.collect::<Vec<_>>());
    store["after"] = json!(differences(firsts));
    store["count"] = json!(columns.iter().map(|it| it.summary.count()).collect::<Vec<_>>());
    store["min"] = json!(values(Summary::min));
    store["max"] = json!(values(Summary::max));
    store["mean"] = json!(values(Summary::mean));
}

/// The narrowest columns of which there are not too many. Where much of the time is
/// empty, they are narrower.
fn finest(
    window: &Window,
    first: Observation,
    last: Observation,
    most: usize,
) -> gaugelog::Result<Vec<Bucket>> {
    let span = last.timestamp_ns.abs_diff(first.timestamp_ns).max(1);
    let of = |count: usize| {
        let width = span / (count as u64) + 1;
        window.buckets(Duration::from_nanos(width), first.timestamp_ns)
    };
    let mut count = most;
    let mut found = of(count)?;
    while found.len() <= most / 2 && count < INTERVALS_MAX {
        count = (count * 2).min(INTERVALS_MAX);
        let finer = of(count)?;
        if finer.len() > most {
            break;
        }
        found = finer;
    }
    Ok(found)
}

fn differences(ascending: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut before = 0;
    ascending.map(|it| it - std::mem::replace(&mut before, it)).collect()
}

fn common_divisor(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { common_divisor(other, one % other) }
}

fn seconds(time_ns: i64) -> f64 {
    time_ns as f64 / 1e9
}

/// How many digits of a value show what the values of a store differ by.
fn digits_of(whole: &Summary) -> usize {
    let (min, max) = (whole.min().unwrap_or(0.0), whole.max().unwrap_or(0.0));
    let ratio = min.abs().max(max.abs()) / (max - min);
    // All digits of equal values, and where no f64 holds the difference.
    let suffice = |digits: &i32| ratio > 0.0 && 10_f64.powi(digits - DIGITS) >= ratio;
    let digits = (DIGITS..DIGITS_MAX).find(suffice).unwrap_or(DIGITS_MAX);
    usize::try_from(digits).expect("6 to 17")
}

/// A number to so many digits.
fn rounded(value: f64, digits: usize) -> f64 {
    let decimals = digits - 1;
    let read = format!("{value:.decimals$e}").parse().ok();
    read.filter(|read: &f64| read.is_finite()).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::ops::Bound;

    use gaugelog::{Observation, Store};

    use super::*;

    /// The observations of a chunk.
    const CHUNK: usize = 65_536;

    /// A store of a chunk and ten observations; the first snapshots lose the chunk.
    fn page_of(outdated: usize) -> gaugelog::Result<String> {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(dir.path().join("room")).unwrap();
        let all: Vec<_> = (0..65_546).map(|n: i32| Observation::new(n.into(), n.into())).collect();
        store.append_batch(&all).unwrap();
        let before: Vec<_> = (0..outdated).map(|_| store.snapshot().unwrap()).collect();
        let before = Cell::new(before);
        assert_eq!(store.keep_bytes(1).unwrap(), CHUNK as u64);
        let snapshot = |_| {
            let mut left = before.take();
            let next = left.pop().map_or_else(|| store.snapshot(), Ok);
            before.set(left);
            next
        };
        let zone = Zone::default();
        Saved {
            title: "house",
            unit: "",
            zone: &zone,
            stores: &["room"],
            snapshot: &snapshot,
            has_unreadable: true,
            times: (Bound::Unbounded, Bound::Unbounded),
        }
        .data(COLUMNS_MAX)
    }

    #[test]
    fn what_is_removed_while_it_is_read_makes_no_store_empty() {
        let page = page_of(1).unwrap();
        assert!(page.contains("\"observations\":10"), "{page}");
        let error = page_of(2).expect_err("removed twice");
        assert_eq!(error.kind(), ErrorKind::Removed, "{error}");
    }
}
