//! `gaugelog import`: a file of observations into a store.

mod columns;
mod counted_lines;
mod csv_input;
mod csv_rows;
mod input;
mod json_object;
mod json_rows;
mod layout;
mod numbers;
mod paced;
#[cfg(feature = "progress")]
mod progress;
mod row_scan;
mod storing;
mod times;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgGroup, Args};
use gaugelog::{Observation, Options, SyncPolicy};
use gaugelog_sources::{Ambiguous, TimeUnit, Zone};

use input::Input;
use paced::Paced;
use storing::Import;

use crate::duration;
use crate::exit::Exit;
use crate::figures::count;
use crate::output;
use crate::signals::{self, Hangup, Second};
use crate::verify::in_words;

const EXAMPLES: &str = "\
Examples:
  gaugelog import room.log room.csv
  gaugelog import room.log room.csv --dry-run
  gaugelog import co2.log co2.csv --time date --value co2 --missing -99.99
  gaugelog import pulse.log pulse.txt --start 2026-06-01 --rate 250
  gaugelog import ozone.log airquality.csv --value Ozone --start 1973-05-01 --every 1d
  gaugelog import stock.log stock.csv --time Date --value Close --time-format %d.%m.%Y --delimiter ';' --decimal-comma
  simple_service --dump | gaugelog import copy.log -

It reads CSV, and JSON as export and --dump write it. It finds the delimiter, the heading, also
below a line or two about the file, and the columns; --dry-run shows what it understood,
reads all rows and imports nothing. In JSON, --time and --value name keys. The first row is a
heading if none of its cells is a number, a time or a word for a missing value.

An empty cell, NA, NaN and null are a missing value: the row is skipped and counted. Any other
cell that is no number, and any time that is none, ends the import with an error. So does a row
with more cells than the heading; without a heading, each row has as many cells as the first.
The rows before it are in the store; the error says how to go on. It does so too if a signal
ends the import; a signal before 64 KiB or the end are read imports nothing. A last line without
a line end is stored; of standard input, with a warning.

Lines that begin with # are comments. With --start they are comments only above the heading, or
above the first row if there is none; below, a blank line is a missing value, as each row counts.";

/// What to import, and how it is written.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("pace").args(["rate", "every"]))]
pub(crate) struct Arguments {
    /// The directory of the store, which is created if there is none.
    #[arg(value_name = "STORE")]
    store: PathBuf,
    /// The file, or - for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The column of the time, by name or by number from 1; two are joined, such as
    /// Date,Time.
    #[arg(long, value_name = "COL[,COL]", value_delimiter = ',', num_args = 1)]
    time: Vec<String>,
    /// The column of the value, by name or by number from 1.
    #[arg(long, value_name = "COL")]
    value: Option<String>,
    /// How times are written, as strftime has it, such as %d.%m.%Y or %Y. A year or a month
    /// alone stands for its first day.
    #[arg(long, value_name = "FORMAT")]
    time_format: Option<String>,
    /// What a time that is a bare number counts since 1970: s, ms, us or ns.
    #[arg(long, value_name = "UNIT", conflicts_with = "time_format")]
    time_unit: Option<TimeUnit>,
    /// The time zone of times without an offset, such as Europe/Berlin or local [default: UTC].
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    tz: Option<Zone>,
    /// Which one a time is that the clock of --tz shows twice, as when summer time ends:
    /// earlier or later. The second hour's rows get the same times as the first's [default:
    /// such a time ends the import with an error].
    #[arg(long, value_name = "WHICH", requires = "tz")]
    ambiguous: Option<Ambiguous>,
    /// What stands between cells [default: found, of comma, semicolon, tab and bar].
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// Numbers have a comma for the point, in JSON those in quotes. Then a comma is found
    /// between cells of CSV only if the file has quotes.
    #[arg(long)]
    decimal_comma: bool,
    /// Cells that stand for a missing value, besides empty ones, NA, NaN and null. It can be
    /// repeated; with --decimal-comma, a comma between two digits is part of a number.
    #[arg(long, value_name = "TEXT,...", allow_hyphen_values = true)]
    missing: Vec<String>,
    /// The file has no times: the first value is of this time.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, requires = "pace", conflicts_with_all = ["time", "time_format", "time_unit"])]
    start: Option<String>,
    /// How many values there are in a second, with --start.
    #[arg(long, value_name = "NUMBER", requires = "start", value_parser = rate)]
    rate: Option<f64>,
    /// How long after one value the next one is, with --start, such as 10m or 1d.
    #[arg(long, value_name = "DUR", requires = "start", value_parser = duration::parse)]
    every: Option<Duration>,
    /// Skip this many rows, the heading not counted.
    #[arg(long, value_name = "ROWS", default_value_t = 0)]
    skip: u64,
    /// Show what is understood of the file, read all its rows, and import nothing.
    #[arg(long)]
    dry_run: bool,
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text {
        "\\t" | "tab" => Ok(b'\t'),
        _ => match text.as_bytes() {
            [byte] if byte.is_ascii() => Ok(*byte),
            _ => Err("one ASCII character, or tab".to_owned()),
        },
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let read = text.parse().ok().filter(|rate: &f64| (1e-9..=1e9).contains(rate));
    read.ok_or_else(|| "values in a second, from 1e-9 to 1e9".to_owned())
}

/// What spreadsheets write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A row of a file, and what there may be instead.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Row {
    Observation(Observation),
    Missing,
    /// Left out by `--skip`, and not parsed.
    Skipped,
}

/// A row that cannot be understood.
#[derive(Debug)]
struct Refused {
    /// Its line, counted from 1.
    line: u64,
    why: String,
    /// Whether `--skip` can pass it, which broken JSON is not.
    can_be_skipped: bool,
}

impl Refused {
    /// A row whose end is known.
    fn row(line: u64, why: String) -> Self {
        Self { line, why, can_be_skipped: true }
    }

    /// A row whose end cannot be found.
    fn without_end(line: u64, why: String) -> Self {
        Self { line, why, can_be_skipped: false }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for Refused {}

/// Why rows came to an end early.
#[derive(Debug)]
enum Failure {
    Refused(Refused),
    Input(io::Error),
    /// `--skip` passes more rows than there are.
    SkipsMore {
        rows: u64,
    },
    Store(gaugelog::Error),
}

/// Parsers hand on what a reader below them refuses.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        error.downcast().map_or_else(Self::Input, Self::Refused)
    }
}

/// Takes rows, one after another.
trait Rows {
    /// Hands over each row until `take` fails, the first `skip` of them unparsed.
    fn each(
        self: Box<Self>,
        skip: u64,
        take: &mut dyn FnMut(Row) -> Result<(), Failure>,
    ) -> Result<(), Failure>;

    /// What was understood of the file, a line each.
    fn description(&self) -> String;
}

/// An empty file.
struct NoRows;

impl Rows for NoRows {
    fn each(
        self: Box<Self>,
        skip: u64,
        _take: &mut dyn FnMut(Row) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if skip > 0 { Err(Failure::SkipsMore { rows: 0 }) } else { Ok(()) }
    }

    fn description(&self) -> String {
        "the file is empty\n".to_owned()
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let paced = Paced::of(arguments)?;
    let mut input = open(arguments)?;
    #[cfg(feature = "progress")]
    if !arguments.dry_run {
        input = progress::shown(input, &arguments.file);
    }
    let unreadable = |error: &io::Error| unreadable(&arguments.file, error);
    let mut begin = Vec::new();
    input
        .by_ref()
        .take(layout::SAMPLE_BYTES)
        .read_to_end(&mut begin)
        .map_err(|it| unreadable(&it))?;
    let is_whole = (begin.len() as u64) < layout::SAMPLE_BYTES;
    if begin.starts_with(BYTE_ORDER_MARK) {
        begin.drain(..BYTE_ORDER_MARK.len());
    }
    let separator = layout::take_separator(&mut begin);
    let is_json = matches!(begin.trim_ascii_start().first(), Some(b'[' | b'{'));
    let all: Box<dyn Read> = Box::new(io::Cursor::new(begin.clone()).chain(input));
    let named = |why: String| Exit::Error(format!("{}: {why}", arguments.file.display()));
    if let Some(why) = layout::no_text(&begin, arguments) {
        return Err(named(why));
    }
    // An export of an empty store as JSON Lines is an empty file.
    let is_empty = is_whole && begin.trim_ascii().is_empty();
    let rows: Box<dyn Rows> = if is_empty {
        Box::new(NoRows)
    } else if is_json {
        Box::new(json_rows::JsonRows::new(all, arguments, paced).map_err(named)?)
    } else {
        let layout =
            layout::understand(&begin, is_whole, arguments.delimiter.or(separator), arguments)
                .map_err(named)?;
        Box::new(csv_rows::CsvRows::new(all, layout, arguments, paced))
    };
    if arguments.dry_run {
        return check(rows, arguments);
    }
    let store = Options::new().sync(SyncPolicy::Never).open_or_create(&arguments.store);
    let store = store.map_err(|error| in_words(&error))?;
    let mut import = Import::begin(&store, arguments.skip);
    let ended = rows.each(arguments.skip, &mut |row| import.take(row));
    import.conclude(arguments, ended)
}

/// Says what is understood of a file, and reads all of its rows.
fn check(rows: Box<dyn Rows>, arguments: &Arguments) -> Result<(), Exit> {
    output::print(rows.description().as_bytes())?;
    let (mut with_value, mut missing) = (0, 0);
    let ended = rows.each(arguments.skip, &mut |row| {
        match row {
            Row::Observation(_) => with_value += 1,
            Row::Missing => missing += 1,
            Row::Skipped => {}
        }
        Ok(())
    });
    let without = match missing {
        0 => String::new(),
        _ => format!(", {} without one", count(missing)),
    };
    let rows = format!("{} with a value{without}", count(with_value));
    let file = arguments.file.display();
    match ended {
        Ok(()) => output::print(format!("rows       {rows}\n").as_bytes()),
        Err(Failure::Refused(Refused { line, why, .. })) => {
            Err(Exit::Error(format!("{file}, line {line}: {why}; the rows before it: {rows}")))
        }
        Err(Failure::Input(error)) => Err(unreadable(&arguments.file, &error)),
        Err(Failure::SkipsMore { rows }) => Err(Exit::Error(storing::skips_more(arguments, rows))),
        Err(Failure::Store(error)) => Err(in_words(&error)),
    }
}

fn open(arguments: &Arguments) -> Result<Box<dyn Read>, Exit> {
    let path = &arguments.file;
    let opened = if path == Path::new("-") { Input::stdin() } else { File::open(path) };
    let file = opened.map_err(|error| unreadable(path, &error))?;
    if file.metadata().is_ok_and(|it| it.is_dir()) {
        return Err(Exit::Error(format!(
            "{}: this is a directory; name a file, or use `gaugelog copy` for a store",
            path.display()
        )));
    }
    let stop = match arguments.dry_run {
        true => None,
        false => Some(signals::stop_flag(Hangup::Ends, Second::Ignored)?),
    };
    Ok(Box::new(Input::new(file, stop)))
}

fn unreadable(path: &Path, error: &io::Error) -> Exit {
    let path = path.display();
    if input::is_stopped(error) {
        return Exit::Error(format!("{path}: a signal ended the import; nothing was imported"));
    }
    Exit::Error(format!("{path}: cannot read it: {error}; name a file that can be read"))
}
