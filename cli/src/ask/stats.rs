//! `gaugelog stats`: statistics of stores, of a part of their time, or of its buckets.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use clap::Args;
use gaugelog::{Snapshot, Summary, Window};

use super::Readable;
use super::buckets::{Every, buckets};
use super::range::{Range, RangeOptions};
use super::statistics::{Row, heading};
use super::stores::{self, Named};
use super::table::table;
use crate::exit::Exit;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  gaugelog stats room.log
  gaugelog stats house --since today --quantile .5,.95
  gaugelog stats room.log --since -1d --every 5m
  gaugelog stats house --every day --tz Europe/Berlin --merge
  gaugelog stats room.log --since 14:00 --until 15:00 --json | jq .mean

The standard deviation divides by the count, as numpy's default does. Quantiles are exact,
linear between the two nearest values. A bucket without an observation has no row.

Buckets of a large store take seconds with --quantile, and long if its times are in
disorder: the values of each bucket are searched one after the other.";

/// What to ask of which stores.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Stores, or folders of stores.
    #[arg(value_name = "STORE", required = true)]
    stores: Vec<PathBuf>,
    #[command(flatten)]
    range: RangeOptions,
    /// A row for each bucket of this width: 5m, 1h, or day, week, month of the calendar.
    #[arg(long, value_name = "WIDTH")]
    every: Option<Every>,
    /// Quantiles to add, from 0 to 1 [default: 0.5, without --every].
    #[arg(long, value_name = "Q,...", value_delimiter = ',', value_parser = quantile)]
    quantile: Vec<f64>,
    /// Statistics of all stores together; one that is named twice counts once.
    #[arg(long)]
    merge: bool,
    /// Print JSON, an object a line for each row.
    #[arg(long)]
    json: bool,
}

/// A quantile, from 0 to 1.
pub(crate) fn quantile(text: &str) -> Result<f64, String> {
    let read = text.trim().parse().ok().filter(|q| (0.0..=1.0).contains(q));
    // `-0` is 0 too, and is written so.
    let read = read.map(f64::abs);
    read.ok_or_else(|| "a quantile is a number from 0 to 1, such as 0.95".to_owned())
}

/// Each of these quantiles once: in JSON it is the name of a value.
pub(crate) fn each_once(quantiles: &[f64]) -> Vec<f64> {
    let mut all = Vec::new();
    for q in quantiles {
        if !all.contains(q) {
            all.push(*q);
        }
    }
    all
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let range = arguments.range.range()?;
    let stores = stores::named(&arguments.stores)?;
    let stores = if arguments.merge { distinct(stores) } else { stores };
    let mut readable = Readable::among(stores)?;
    let quantiles = match (arguments.quantile.as_slice(), arguments.every) {
        ([], None) => vec![0.5],
        (given, _) => each_once(given),
    };
    let asked = Asked { range: &range, every: arguments.every, quantiles: &quantiles };
    let rows = match arguments.merge {
        true => asked.merged(&readable.snapshots)?,
        false => asked.side_by_side(&mut readable)?,
    };
    if rows.is_empty() && readable.outcome.is_err() {
        return readable.end();
    }
    if arguments.json {
        let lines: Vec<u8> = rows.iter().flat_map(|row| row.to_json(&range)).collect();
        output::print(&lines)?;
    } else {
        let cells: Vec<Vec<String>> = rows.iter().map(|row| row.cells(&range)).collect();
        let has_buckets = arguments.every.is_some();
        let left = if has_buckets { 2 } else { 1 };
        output::print(table(&heading(has_buckets, &quantiles), &cells, left).as_bytes())?;
    }
    readable.end()
}

/// Each store once, by whatever paths it is named.
fn distinct(mut stores: Vec<Named>) -> Vec<Named> {
    let mut seen = HashSet::new();
    stores.retain(|store| {
        // What cannot be asked for cannot be read either, which is reported later.
        let directory = fs::metadata(&store.path);
        directory.map_or(true, |directory| seen.insert((directory.dev(), directory.ino())))
    });
    stores
}

/// What is asked of each store.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) range: &'a Range,
    pub(crate) every: Option<Every>,
    pub(crate) quantiles: &'a [f64],
}

/// A part of the time: when it begins, if it is a bucket, and what one store has there.
type Part = (Option<i64>, Summary, Window);

impl Asked<'_> {
    /// A row for each store and part; those of one bucket stand together.
    fn side_by_side(self, readable: &mut Readable) -> Result<Vec<Row>, Exit> {
        let mut rows = Vec::new();
        readable.ask_each(|store, snapshot| {
            rows.extend(self.of_one(&store.name, snapshot)?);
            Ok(())
        })?;
        rows.sort_by_key(|row| row.start_ns);
        Ok(rows)
    }

    /// A row for each part of one store, in order of time.
    pub(crate) fn of_one(self, store: &str, snapshot: &Snapshot) -> Result<Vec<Row>, Exit> {
        let parts = self.parts(snapshot)?.into_iter();
        parts.map(|(start, summary, window)| self.row(store, start, summary, &[window])).collect()
    }

    /// A row for each part, of all stores together.
    fn merged(self, snapshots: &[Snapshot]) -> Result<Vec<Row>, Exit> {
        let mut parts = Vec::new();
        for snapshot in snapshots {
            parts.extend(self.parts(snapshot)?);
        }
        parts.sort_by_key(|(start_ns, ..)| *start_ns);
        let name =
            if snapshots.len() == 1 { "1 store" } else { &*format!("{} stores", snapshots.len()) };
        let mut rows = Vec::new();
        for same in parts.chunk_by(|(left, ..), (right, ..)| left == right) {
            let [(start_ns, first, _), rest @ ..] = same else { continue };
            let summary = rest.iter().fold(first.clone(), |all, (_, each, _)| all.merge(each));
            let windows: Vec<Window> = same.iter().map(|(.., window)| window.clone()).collect();
            rows.push(self.row(name, *start_ns, summary, &windows)?);
        }
        Ok(rows)
    }

    fn parts(self, snapshot: &Snapshot) -> Result<Vec<Part>, Exit> {
        let Some(every) = self.every else {
            let window = self.range.window(snapshot);
            return Ok(vec![(None, window.summary()?, window)]);
        };
        let buckets = buckets(snapshot, self.range, every)?;
        Ok(buckets.into_iter().map(|it| (Some(it.start_ns), it.summary, it.window)).collect())
    }

    fn row(
        self,
        store: &str,
        start_ns: Option<i64>,
        summary: Summary,
        windows: &[Window],
    ) -> Result<Row, Exit> {
        let found = Window::quantiles_of_all(windows, self.quantiles)?;
        let quantiles = self.quantiles.iter().copied().zip(found).collect();
        Ok(Row { store: store.to_owned(), start_ns, summary, quantiles })
    }
}
