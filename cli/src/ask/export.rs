//! `gaugelog export`: everything in a store, or the statistics of its buckets, as a file.

#[cfg(feature = "parquet")]
use std::io::IsTerminal;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use gaugelog::{Observation, Snapshot, Window};

use super::buckets::{Every, buckets};
use super::export_format::Format;
use super::influx;
use super::range::{Range, RangeOptions};
use super::rows::Rows;
use super::statistics::{Row, csv_heading};
use super::stats::{each_once, quantile};
use super::stores::{self, Named};
use super::{reported, snapshot, whole_file};
use crate::exit::Exit;
use crate::output;
#[cfg(feature = "parquet")]
use crate::parquet_file;

const EXAMPLES: &str = "\
Examples:
  gaugelog export room.log > room.csv
  gaugelog export room.log --since 2026-11-01 --until 2026-12-01 -o november.csv
  gaugelog export room.log --every 1h --tz Europe/Berlin -o hours.csv
  gaugelog export room.log --format jsonl | gzip > room.jsonl.gz
  gaugelog export room.log --format influx | influx write --bucket house --precision ns
  gaugelog export room.log -o room.parquet

Observations come in the order of arrival, times with all their digits and values so that
they read back as the same bits. With --every there is a row for each bucket that holds an
observation.";

/// How much is gathered for one write.
const WRITE_BYTES: usize = 256 * 1024;

/// What to export, how and where to.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The store.
    #[arg(value_name = "STORE")]
    store: PathBuf,
    #[command(flatten)]
    range: RangeOptions,
    /// Statistics of buckets of this width: 5m, 1h, or day, week, month of the calendar.
    #[arg(long, value_name = "WIDTH")]
    every: Option<Every>,
    /// Quantiles of each bucket, from 0 to 1.
    #[arg(long, value_name = "Q,...", value_delimiter = ',', value_parser = quantile, requires = "every")]
    quantile: Vec<f64>,
    /// csv, jsonl (an object a line), json (one array), influx (line protocol with
    /// nanoseconds; the measurement is the name of the store's directory) or parquet (the
    /// series is that name; times are UTC) [default: by the ending of --output: .csv, .txt,
    /// .jsonl, .ndjson, .json, .lp or .parquet; csv without an ending].
    #[arg(long, value_name = "FORMAT", hide_possible_values = true)]
    format: Option<Format>,
    /// The file to write, which appears whole or not at all; until then it is .FILE-XXXXXX.part,
    /// which stays if the program is killed [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let format = arguments.format()?;
    let range = arguments.range.range()?;
    let [store] = &stores::named(std::slice::from_ref(&arguments.store))?[..] else {
        return Err(Exit::Error(format!(
            "{}: this is a folder of several stores; name one of them",
            arguments.store.display()
        )));
    };
    let snapshot = snapshot(store)?;
    match &arguments.output {
        None => write(arguments, format, store, &snapshot, &range, &mut output::stdout())
            .map_err(|failure| failure.in_words(&|error| Exit::of_output(error)))?,
        Some(path) => whole_file::write(path, |file, refused| {
            write(arguments, format, store, &snapshot, &range, file)
                .map_err(|failure| failure.in_words(refused))
        })?,
    }
    reported(&snapshot)
}

impl Arguments {
    /// The format; refuses options that do not go together.
    fn format(&self) -> Result<Format, Exit> {
        let format = Format::of(self.format, self.output.as_deref())?;
        if format.is_for_observations() && self.every.is_some() {
            return Err(Exit::Usage(format!(
                "error: --format {} is for observations; use csv or jsonl with --every\n",
                format.name()
            )));
        }
        #[cfg(feature = "parquet")]
        if format == Format::Parquet && self.output.is_none() && io::stdout().is_terminal() {
            let why = "a Parquet file is no text for a terminal; give --output FILE";
            return Err(Exit::Usage(format!("error: {why}\n")));
        }
        Ok(format)
    }
}

/// Why writing ended.
enum Failure {
    Store(Exit),
    Output(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failure {
    fn in_words(self, of_output: &dyn Fn(&io::Error) -> Exit) -> Exit {
        match self {
            Self::Store(exit) => exit,
            Self::Output(error) => of_output(&error),
        }
    }
}

fn write(
    arguments: &Arguments,
    format: Format,
    store: &Named,
    snapshot: &Snapshot,
    range: &Range,
    out: &mut (impl Write + Send),
) -> Result<(), Failure> {
    #[cfg(feature = "parquet")]
    if format == Format::Parquet {
        let series = stores::series(&store.name);
        return parquet_file::write(out, series, Vec::new(), observations(snapshot, range));
    }
    let measurement = influx::measurement(&store.name);
    let mut lines = Lines { format, measurement, buffer: Vec::new(), written: 0, out };
    match arguments.every {
        None => {
            lines.begin("time,value\n");
            let mut rows = Rows::new(range);
            for found in observations(snapshot, range) {
                lines.observation(&mut rows, found?.1)?;
            }
        }
        Some(every) => {
            let asked = each_once(&arguments.quantile);
            lines.begin(&csv_heading(&asked));
            for bucket in buckets(snapshot, range, every).map_err(Failure::Store)? {
                let found = Window::quantiles_of_all(&[bucket.window], &asked);
                let found = found.map_err(|error| Failure::Store(error.into()))?;
                let row = Row {
                    store: store.name.clone(),
                    start_ns: Some(bucket.start_ns),
                    summary: bucket.summary,
                    quantiles: asked.iter().copied().zip(found).collect(),
                };
                lines.statistics(&row, range)?;
            }
        }
    }
    lines.end()
}

/// Those of a range of times, in the order of arrival.
fn observations(
    snapshot: &Snapshot,
    range: &Range,
) -> impl Iterator<Item = Result<(u64, Observation), Failure>> {
    let is_wanted = |found: &gaugelog::Result<(u64, Observation)>| match found {
        Ok((_, observation)) => range.contains(observation.timestamp_ns),
        Err(_) => true,
    };
    let found = snapshot.by_sequence(..).filter(is_wanted);
    found.map(|found| found.map_err(|error| Failure::Store(error.into())))
}

/// Rows in a format, gathered to large writes.
struct Lines<'w, W> {
    format: Format,
    /// What line protocol calls the series.
    measurement: String,
    buffer: Vec<u8>,
    /// How many rows there were.
    written: u64,
    out: &'w mut W,
}

impl<W: Write> Lines<'_, W> {
    fn begin(&mut self, csv_heading: &str) {
        match self.format {
            Format::Csv => self.buffer.extend_from_slice(csv_heading.as_bytes()),
            Format::Json => self.buffer.push(b'['),
            _ => {}
        }
    }

    fn observation(&mut self, rows: &mut Rows<'_>, observation: Observation) -> io::Result<()> {
        match self.format {
            Format::Csv => rows.csv(&mut self.buffer, observation),
            Format::Influx => influx::line(&mut self.buffer, &self.measurement, observation),
            _ => {
                self.separate();
                rows.json(&mut self.buffer, observation);
                self.end_line();
            }
        }
        self.after_row()
    }

    fn statistics(&mut self, row: &Row, range: &Range) -> io::Result<()> {
        match self.format {
            Format::Csv => self.buffer.extend_from_slice(&row.to_csv(range)),
            _ => {
                self.separate();
                let line = row.to_json(range);
                self.buffer.extend_from_slice(line.trim_ascii_end());
                self.end_line();
            }
        }
        self.after_row()
    }

    fn separate(&mut self) {
        if self.format == Format::Json {
            self.buffer.extend_from_slice(if self.written == 0 { b"\n" } else { b",\n" });
        }
    }

    fn end_line(&mut self) {
        if self.format == Format::Jsonl {
            self.buffer.push(b'\n');
        }
    }

    fn after_row(&mut self) -> io::Result<()> {
        self.written += 1;
        if self.buffer.len() >= WRITE_BYTES {
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    fn end(mut self) -> Result<(), Failure> {
        if self.format == Format::Json {
            self.buffer.extend_from_slice(b"\n]\n");
        }
        self.out.write_all(&self.buffer)?;
        self.out.flush()?;
        Ok(())
    }
}
