//! `gaugelog info`: what stores hold and what they take, a line each.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::Args;
use gaugelog::Summary;
use gaugelog_sources::{Record, Zone};
use serde::Serialize;

use super::range::Range;
use super::stores::{self, Named};
use super::table::table;
use super::{latest, reported, snapshot};
use crate::each::each;
use crate::exit::Exit;
use crate::figures::{count, figure, figure_or_dash};
use crate::output;
use crate::size;

const EXAMPLES: &str = "\
Examples:
  gaugelog info house
  gaugelog info room.log hall.log --tz Europe/Berlin
  gaugelog info house --json | jq -r 'select(.damaged) | .store'

Coverage is the part of the expected polls that was stored, of a collector's store. Damaged
is what opening and summarising the store met; `gaugelog verify` finds all damage.";

const DIGITS: usize = 6;

/// Which stores.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Stores, or folders of stores.
    #[arg(value_name = "STORE", required = true)]
    stores: Vec<PathBuf>,
    /// The time zone of the times, such as Europe/Berlin or local [default: UTC].
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    tz: Option<Zone>,
    /// Print JSON, an object a line for each store.
    #[arg(long)]
    json: bool,
}

/// A store's line.
#[derive(Debug, Serialize)]
struct Info {
    store: String,
    #[serde(serialize_with = "crate::json::path")]
    path: PathBuf,
    observations: u64,
    /// How many retention has removed.
    removed: u64,
    first: Option<String>,
    /// The last to arrive.
    latest: Option<String>,
    min: Option<f64>,
    mean: Option<f64>,
    max: Option<f64>,
    /// What the files take on the disk; none of a store that may not be listed.
    bytes: Option<u64>,
    bytes_per_observation: Option<f64>,
    coverage: Option<f64>,
    damaged: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let range = Range { since: None, until: None, zone: arguments.tz.clone().unwrap_or_default() };
    let mut infos = Vec::new();
    let outcome = each(stores::named(&arguments.stores)?, |store| {
        let (info, reported) = info(&store, &range)?;
        infos.push(info);
        reported
    });
    let text = match arguments.json {
        true => infos.iter().map(to_json).collect(),
        false => in_columns(&infos),
    };
    output::print(text.as_bytes()).and(outcome)
}

fn info(store: &Named, range: &Range) -> Result<(Info, Result<(), Exit>), Exit> {
    let snapshot = snapshot(store)?;
    let summary: Summary = snapshot.summary()?;
    let bytes = match bytes_on_disk(&store.path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
        found => Some(found.map_err(|error| {
            let path = store.path.display();
            Exit::Error(format!("{path}: cannot tell the size of its files: {error}"))
        })?),
    };
    let record = Record::read(&store.path).ok().flatten();
    let time = |found: Option<gaugelog::Observation>| found.map(|it| range.text(it.timestamp_ns));
    let reported = reported(&snapshot);
    let observations = summary.count();
    let info = Info {
        store: store.name.clone(),
        path: store.path.clone(),
        observations,
        removed: snapshot.first_sequence(),
        first: time(summary.first()),
        latest: time(latest(&snapshot)?),
        min: summary.min(),
        mean: summary.mean(),
        max: summary.max(),
        bytes,
        bytes_per_observation: bytes
            .filter(|_| observations > 0)
            .map(|bytes| bytes as f64 / observations as f64),
        coverage: record.and_then(|it| it.all.with_held(held(&store.path, &it)).coverage()),
        damaged: reported.is_err() || !snapshot.damage().is_empty(),
    };
    Ok((info, reported))
}

/// What a running collector holds in memory; the rest of one that was cut off is lost.
fn held(store: &Path, record: &Record) -> u64 {
    if Record::kept_now(store).is_ok_and(|collectors| collectors > 0) { record.held } else { 0 }
}

/// What the files of a directory take: blocks, which space written ahead counts to.
pub(crate) fn bytes_on_disk(path: &Path) -> io::Result<u64> {
    const BLOCK: u64 = 512;
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        match entry?.metadata() {
            Ok(found) if found.is_file() => bytes += found.blocks() * BLOCK,
            Ok(_) => {}
            // A log that was replaced meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

fn to_json(info: &Info) -> String {
    // Serialising it cannot fail.
    serde_json::to_string(info).unwrap_or_default() + "\n"
}

fn in_columns(infos: &[Info]) -> String {
    const HEADING: [&str; 11] = [
        "store",
        "first",
        "latest",
        "observations",
        "min",
        "mean",
        "max",
        "on disk",
        "bytes each",
        "coverage",
        "",
    ];
    let dash = || "-".to_owned();
    let row = |info: &Info| {
        let notes = [
            info.damaged.then(|| "damaged".to_owned()),
            (info.removed > 0).then(|| format!("{} older removed", count(info.removed))),
        ];
        let notes: Vec<String> = notes.into_iter().flatten().collect();
        vec![
            info.store.clone(),
            info.first.clone().unwrap_or_else(dash),
            info.latest.clone().unwrap_or_else(dash),
            count(info.observations),
            figure_or_dash(info.min, DIGITS),
            figure_or_dash(info.mean, DIGITS),
            figure_or_dash(info.max, DIGITS),
            info.bytes.map_or_else(dash, size::text),
            figure_or_dash(info.bytes_per_observation, 3),
            info.coverage.map_or_else(dash, percent),
            notes.join(", "),
        ]
    };
    let rows: Vec<Vec<String>> = infos.iter().map(row).collect();
    table(&HEADING.map(str::to_owned), &rows, 3)
}

/// Only all of it is 100%.
fn percent(part: f64) -> String {
    let percent = if part < 1.0 { (part * 100.0).min(99.99) } else { 100.0 };
    format!("{}%", figure(percent, 4))
}
