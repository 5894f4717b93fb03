//! `/api/v1/`: what stores hold, in JSON. Each answer has a bounded size.

use gaugelog::{Observation, Snapshot};
use hyper::header::{self, HeaderValue};
use serde_json::{Value, json};

use super::answer::{Answer, JSON, Refusal};
use super::columns::Columns;
use super::overview::{Overview, bytes, missing};
use super::query::{Query, STORE};
use super::stores::Reader;
use crate::ask::buckets::Every;
use crate::ask::range::Range;
use crate::ask::rows::Rows;
use crate::ask::stats::{Asked, each_once, quantile};
use crate::ask::stores::Named;
use crate::page::Saved;

/// As wide as the widest screen.
const COLUMNS_MAX: usize = 4_000;
const COLUMNS_DEFAULT: usize = 1_000;
const BUCKETS_MAX: u128 = 5_000;
const VALUES_MAX: usize = 10_000;
const VALUES_DEFAULT: usize = 1_000;
const QUANTILES_MAX: usize = 20;
/// An exact quantile may take a look at each observation.
const QUANTILE_OBSERVATIONS_MAX: u64 = 10_000_000;

/// `/api/v1/stores`.
pub(super) fn stores(reader: &Reader<'_>) -> Result<Answer, Refusal> {
    let range = utc();
    // One after the other, and not as one tree of values: there may be thousands of them.
    let mut text = format!("{{\"folder\": {}, \"stores\": [", Value::from(reader.folder()));
    for (at, store) in reader.all()?.iter().enumerate() {
        let separator = if at > 0 { "," } else { "" };
        text.push_str(separator);
        text.push_str(&Overview::of(reader, store).to_json(&range).to_string());
    }
    text.push_str("]}\n");
    text.shrink_to_fit();
    Ok(Answer::new(JSON, text))
}

/// `/saved.html`: the page as one file, to keep or to send, of all stores or the named ones.
pub(super) fn saved(reader: &Reader<'_>, query: &Query) -> Result<Answer, Refusal> {
    query.only(&["since", "until", "since_ns", "until_ns", "tz", STORE])?;
    let range = query.range()?;
    let all = reader.some(&query.stores())?;
    let saved = Saved {
        title: &reader.folder(),
        unit: "",
        zone: &range.zone,
        stores: &all.iter().map(|store| store.name.as_str()).collect::<Vec<_>>(),
        // Taken one after the other, and not kept: each has a file open.
        snapshot: &|at| reader.snapshot_again(&all[at]),
        has_unreadable: true,
        times: range.bounds(),
    };
    let name = HeaderValue::from_static("attachment; filename=\"gaugelog.html\"");
    let answer = Answer::new("text/html; charset=utf-8", saved.to_html()?);
    Ok(Answer { headers: vec![(header::CONTENT_DISPOSITION, name)], ..answer })
}

/// `/api/v1/stores/NAME`.
pub(super) fn store(reader: &Reader<'_>, store: &Named, query: &Query) -> Result<Answer, Refusal> {
    query.only(&[])?;
    let mut object = Overview::of(reader, store).to_json(&utc());
    object["bytes"] = bytes(store).into();
    Ok(Answer::json(&object))
}

/// `/api/v1/stores/NAME/stats`.
pub(super) fn stats(reader: &Reader<'_>, store: &Named, query: &Query) -> Result<Answer, Refusal> {
    query.only(&["since", "until", "since_ns", "until_ns", "tz", "quantile"])?;
    rows(reader, store, query, None, &[0.5])
}

/// `/api/v1/stores/NAME/buckets`.
pub(super) fn buckets(
    reader: &Reader<'_>,
    store: &Named,
    query: &Query,
) -> Result<Answer, Refusal> {
    query.only(&["every", "since", "until", "since_ns", "until_ns", "tz", "quantile"])?;
    let every = query.read("every")?.ok_or_else(|| {
        Refusal::bad("every is missing: the width of a bucket, such as 5m, or day, week, month")
    })?;
    rows(reader, store, query, Some(every), &[])
}

/// The rows that `gaugelog stats --json` prints.
fn rows(
    reader: &Reader<'_>,
    store: &Named,
    query: &Query,
    every: Option<Every>,
    quantiles_default: &[f64],
) -> Result<Answer, Refusal> {
    let range = query.range()?;
    let quantiles: Vec<f64> = match query.get("quantile") {
        Some("") => Vec::new(),
        Some(text) => {
            text.split(',').map(quantile).collect::<Result<_, _>>().map_err(Refusal::bad)?
        }
        None => quantiles_default.to_vec(),
    };
    let quantiles = each_once(&quantiles);
    let snapshot = reader.snapshot(store)?;
    check(&snapshot, &range, every, quantiles.len(), query)?;
    let asked = Asked { range: &range, every, quantiles: &quantiles };
    let rows = asked.of_one(&store.name, &snapshot)?;
    let mut text = b"{\"rows\": [".to_vec();
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            text.push(b',');
        }
        text.extend_from_slice(row.to_json(&range).trim_ascii_end());
    }
    text.extend_from_slice(b"], \"missing\": ");
    text.extend_from_slice(json!(missing(&snapshot)).to_string().as_bytes());
    text.extend_from_slice(b"}\n");
    Ok(Answer::new(JSON, text))
}

/// Refuses what would take too long, or more memory than there is for it.
fn check(
    snapshot: &Snapshot,
    range: &Range,
    every: Option<Every>,
    quantiles: usize,
    query: &Query,
) -> Result<(), Refusal> {
    if quantiles > QUANTILES_MAX {
        return Err(Refusal::bad(format!("more than {QUANTILES_MAX} quantiles")));
    }
    let summary = range.window(snapshot).summary()?;
    let is_asked = query.get("quantile").is_some_and(|text| !text.is_empty());
    if quantiles > 0 && summary.count() > QUANTILE_OBSERVATIONS_MAX {
        let why = if is_asked { "" } else { "; quantile= leaves the median out" };
        return Err(Refusal::bad(format!(
            "quantiles of more than {QUANTILE_OBSERVATIONS_MAX} observations are not computed \
             here: choose a shorter time, or use `gaugelog stats`{why}"
        )));
    }
    let (Some(every), Some(first), Some(last)) = (every, summary.first(), summary.last()) else {
        return Ok(());
    };
    let span = last.timestamp_ns.abs_diff(first.timestamp_ns);
    if u128::from(span) / every.least().as_nanos() >= BUCKETS_MAX {
        return Err(Refusal::bad(format!(
            "more than {BUCKETS_MAX} buckets; choose a wider one with every, or a shorter time"
        )));
    }
    Ok(())
}

/// `/api/v1/stores/NAME/columns`.
pub(super) fn columns(
    reader: &Reader<'_>,
    store: &Named,
    query: &Query,
) -> Result<Answer, Refusal> {
    query.only(&["since", "until", "since_ns", "until_ns", "tz", "count"])?;
    let range = query.range()?;
    let count = query.count("count", COLUMNS_MAX)?.unwrap_or(COLUMNS_DEFAULT);
    let snapshot = reader.snapshot_again(store)?;
    let columns = Columns::of(&range.window(&snapshot), &range, count)?;
    Ok(Answer::new(JSON, columns.to_json(&store.name, &missing(&snapshot))))
}

/// `/api/v1/stores/NAME/values`.
pub(super) fn values(reader: &Reader<'_>, store: &Named, query: &Query) -> Result<Answer, Refusal> {
    query.only(&["since", "until", "since_ns", "until_ns", "tz", "from", "last", "limit"])?;
    let range = query.range()?;
    let snapshot = reader.snapshot(store)?;
    let last = query.count("last", VALUES_MAX)?;
    let limit = query.count("limit", VALUES_MAX)?.or(last).unwrap_or(VALUES_DEFAULT);
    let first = first_sequence(&snapshot, &range, query, last)?;
    let mut list = List::new(&range, limit);
    let Some(first) = first else {
        let is_cut = list.add(range.window(&snapshot).iter())?;
        return Ok(list.finish(&json!({ "truncated": is_cut, "missing": missing(&snapshot) })));
    };
    let (kept, durable) = (snapshot.first_sequence(), snapshot.durable_end());
    // What a program goes on with is given once, and is not taken back.
    let end = if last.is_some() { snapshot.end_sequence() } else { durable };
    let mut next = first.max(kept);
    // To the end, so that damage there is met.
    let rows = snapshot.by_sequence(first..);
    let rows = rows.filter(|row| row.as_ref().map_or(true, |(sequence, _)| *sequence < end));
    let rows = rows.take(limit).map(|row| {
        row.map(|(sequence, observation)| {
            next = sequence + 1;
            observation
        })
    });
    list.add(rows)?;
    if last.is_some() {
        next = next.min(durable).max(kept);
    }
    Ok(list.finish(&json!({ "first": kept, "next": next, "missing": missing(&snapshot) })))
}

/// The sequence number to begin with; `None` for an answer in order of time.
fn first_sequence(
    snapshot: &Snapshot,
    range: &Range,
    query: &Query,
    last: Option<usize>,
) -> Result<Option<u64>, Refusal> {
    let end = snapshot.end_sequence();
    let has_range = range.since.is_some() || range.until.is_some();
    match (query.sequence("from")?, last) {
        (None, None) => Ok(None),
        (Some(from), None) if !has_range && from > end => Err(Refusal::bad(format!(
            "{from} is after the end of the store, {end}: another store stands in its place, or \
             a power cut took what was not synced; begin again"
        ))),
        (Some(from), None) if !has_range => Ok(Some(from)),
        (None, Some(last)) if !has_range => Ok(Some(end.saturating_sub(last as u64))),
        _ => Err(Refusal::bad("give one of since and until, from, or last; not several")),
    }
}

fn utc() -> Range {
    Range { since: None, until: None, zone: gaugelog_sources::Zone::default() }
}

/// Observations as `gaugelog tail --json` prints them.
struct List<'r> {
    rows: Rows<'r>,
    limit: usize,
    text: Vec<u8>,
}

impl<'r> List<'r> {
    fn new(range: &'r Range, limit: usize) -> Self {
        Self { rows: Rows::new(range), limit, text: b"{\"values\": [".to_vec() }
    }

    /// Adds as many as may be; whether there are more.
    fn add(
        &mut self,
        found: impl Iterator<Item = gaugelog::Result<Observation>>,
    ) -> Result<bool, Refusal> {
        let mut found = found;
        for at in 0..self.limit {
            let Some(observation) = found.next() else { return Ok(false) };
            if at > 0 {
                self.text.extend_from_slice(b", ");
            }
            self.rows.json(&mut self.text, observation?);
        }
        found.next().transpose().map(|more| more.is_some()).map_err(Refusal::from)
    }

    /// With these other fields.
    fn finish(mut self, fields: &Value) -> Answer {
        self.text.extend_from_slice(b"], ");
        self.text.extend_from_slice(fields.to_string().trim_start_matches('{').as_bytes());
        self.text.push(b'\n');
        // It may wait for its reader.
        self.text.shrink_to_fit();
        Answer::new(JSON, self.text)
    }
}
