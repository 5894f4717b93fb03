//! What a CSV file looks like: its delimiter, its heading, and which columns are wanted.

use std::io::Cursor;

use csv::{ByteRecord, ReaderBuilder, StringRecord};

use super::Arguments;
use super::columns::Columns;
use super::csv_input::CsvInput;
use super::numbers::Numbers;
use super::row_scan::RowScan;
use super::times::Times;
use crate::figures::plural;
use crate::listing::quoted;

/// How much of a file is looked at first.
pub(super) const SAMPLE_BYTES: u64 = 64 * 1024;
/// How many rows of it.
const SAMPLE_ROWS: usize = 100;
/// The length of `sep=;`.
const SEPARATOR_BYTES: usize = 5;

/// How a file is read.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) delimiter: u8,
    /// Rows about the file, before the heading.
    pub(super) preamble: usize,
    /// The names of the columns, if the file has them.
    pub(super) heading: Option<Vec<String>>,
    /// How many cells a row has: those of the heading up to its last name, or else those of
    /// the first row, also where it is skipped.
    pub(super) width: usize,
    /// The columns whose cells, joined by a blank, are the time; none, if there is no time.
    pub(super) time: Vec<usize>,
    pub(super) value: usize,
    pub(super) times: Times,
    pub(super) numbers: Numbers,
    /// The first row that was understood, for people.
    example: String,
}

/// Reads CSV as files have it.
pub(super) fn csv_reader(delimiter: u8) -> ReaderBuilder {
    let mut builder = ReaderBuilder::new();
    builder.delimiter(delimiter).has_headers(false).flexible(true).comment(Some(b'#'));
    builder
}

/// What the beginning of a file shows, divided by `delimiter` if that is known; the error is in
/// words, and follows the file's name.
pub(super) fn understand(
    sample: &[u8],
    is_whole: bool,
    delimiter: Option<u8>,
    arguments: &Arguments,
) -> Result<Layout, String> {
    let times = Times::of(arguments);
    let numbers = Numbers::of(arguments);
    let sample = if is_whole { sample } else { without_cut_character(sample) };
    let delimiter = delimiter.unwrap_or_else(|| delimiter_of(sample, arguments.decimal_comma));
    check_quotes(sample, is_whole, delimiter)?;
    let mut rows = sample_rows(sample, is_whole, delimiter, arguments.skip > 0)?;
    if rows.is_empty() && is_whole {
        return Err("there is no row in it; name a file with observations".to_owned());
    }
    let preamble = preamble(&rows, &times, &numbers);
    rows.drain(..preamble);
    let are_counted = arguments.start.is_some() && arguments.skip == 0;
    let heading = is_heading(&rows, &times, &numbers, are_counted)?
        .then(|| rows.remove(0).iter().map(|cell| cell.trim().to_owned()).collect());
    // What is skipped tells nothing about the columns, unless there is nothing else.
    let skip = usize::try_from(arguments.skip).unwrap_or(usize::MAX);
    let skipped = if skip < rows.len() { rows.drain(..skip).collect() } else { Vec::new() };
    if rows.is_empty() && !is_whole {
        return Err(NO_ROW.to_owned());
    }
    let columns = Columns { heading, skipped, rows, times: &times, numbers: &numbers };
    let time = match (&arguments.time[..], &arguments.start) {
        (_, Some(_)) => Vec::new(),
        ([], None) => columns.with_clock(columns.find_time()?)?,
        (named, None) => named.iter().map(|it| columns.named(it)).collect::<Result<_, _>>()?,
    };
    let value = match &arguments.value {
        Some(named) => columns.named(named)?,
        None => columns.find_value(&time)?,
    };
    let example = columns.example(&time, value);
    let width = columns.width(&time, value);
    let Columns { heading, .. } = columns;
    Ok(Layout { delimiter, preamble, heading, width, time, value, times, numbers, example })
}

const NO_ROW: &str = "its first 64 KiB hold no whole row of data; shorten the comments or the row, \
                      or close or remove a quote that is not closed";

/// Refuses a file in which a quote is not closed, before its rows are looked at.
fn check_quotes(sample: &[u8], is_whole: bool, delimiter: u8) -> Result<(), String> {
    let mut scan = RowScan::new(delimiter, true);
    scan.follow(sample).map_err(|misquoted| misquoted.why.to_string())?;
    scan.ends_open().filter(|_| is_whole).map_or(Ok(()), |why| Err(why.to_string()))
}

/// The delimiter that is in the most lines one after another, which lines about the file
/// need not have; then the one that divides them into the most cells. A decimal comma stands
/// between cells only in files that quote the numbers.
fn delimiter_of(sample: &[u8], decimal_comma: bool) -> u8 {
    let lines = sample.split(|byte| *byte == b'\n').filter(|line| {
        let line = line.trim_ascii();
        !line.is_empty() && !line.starts_with(b"#")
    });
    let lines: Vec<&[u8]> = lines.take(SAMPLE_ROWS).collect();
    // The last line of a sample may be cut.
    let whole = if lines.len() > 1 { &lines[..lines.len() - 1] } else { &lines };
    let run = |delimiter: u8| {
        let counts =
            whole.iter().map(|line| line.iter().filter(|byte| **byte == delimiter).count());
        let counts: Vec<usize> = counts.collect();
        let runs = counts.split(|count| *count == 0);
        let cells = |run: &[usize]| run.iter().min().copied().filter(|_| !decimal_comma);
        runs.map(|run| (run.len(), cells(run).unwrap_or(0))).max()
    };
    // Of equally good ones the first.
    let candidates: &[u8] = match (decimal_comma, sample.contains(&b'"')) {
        (false, _) => b",\t;|",
        (true, true) => b";\t|,",
        (true, false) => b";\t|",
    };
    candidates.iter().copied().rev().max_by_key(|it| run(*it)).unwrap_or(b',')
}

/// Takes the delimiter from a first line such as `sep=;`, which Excel writes. The line stays,
/// without a text, as lines are counted in errors.
pub(super) fn take_separator(begin: &mut Vec<u8>) -> Option<u8> {
    let end = begin.iter().position(|byte| *byte == b'\n').unwrap_or(begin.len());
    let line = begin[..end].strip_suffix(b"\r").unwrap_or(&begin[..end]);
    let [name @ .., delimiter] = line else { return None };
    let delimiter = name.eq_ignore_ascii_case(b"sep=").then_some(*delimiter)?;
    begin.drain(..SEPARATOR_BYTES);
    Some(delimiter)
}

/// How files begin that hold no text yet: what they are, and the program that reads them.
const NO_TEXT: [(&[u8], &str, &str); 5] = [
    (b"\x1f\x8b", "compressed by gzip", "zcat"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "zstdcat"),
    (b"\xfd7zXZ\0", "compressed by xz", "xzcat"),
    (b"PK\x03\x04", "an archive or a spreadsheet; unpack it, or save it as CSV", ""),
    (b"PAR1\x15", "Parquet, and only CSV and JSON are read; convert it to CSV", ""),
];

/// What to do about a file that is no text yet.
pub(super) fn no_text(begin: &[u8], arguments: &Arguments) -> Option<String> {
    let (_, what, program) = NO_TEXT.iter().find(|(magic, ..)| begin.starts_with(magic))?;
    let [file, store] = [&arguments.file, &arguments.store].map(|it| quoted(&it.to_string_lossy()));
    Some(match *program {
        "" => format!("it is {what}"),
        program => {
            format!("it is {what}; decompress it: {program} {file} | gaugelog import {store} -")
        }
    })
}

/// A sample without the character that its end divides, if it does.
fn without_cut_character(sample: &[u8]) -> &[u8] {
    match std::str::from_utf8(sample) {
        Err(error) if error.error_len().is_none() => &sample[..error.valid_up_to()],
        _ => sample,
    }
}

/// The first rows. Where some are skipped, they may be other text than UTF-8; the rest are
/// then refused when they are read.
fn sample_rows(
    sample: &[u8],
    is_whole: bool,
    delimiter: u8,
    are_some_skipped: bool,
) -> Result<Vec<StringRecord>, String> {
    let mut rows = Vec::new();
    let sample = Box::new(Cursor::new(sample.to_vec()));
    let mut input = CsvInput::new(&csv_reader(delimiter), sample, delimiter, true);
    let mut bytes = ByteRecord::new();
    while rows.len() <= SAMPLE_ROWS {
        match input.next(&mut bytes) {
            Ok(true) => {}
            Ok(false) => break,
            // The sample ends in a quoted cell.
            Err(_) => return Ok(rows),
        }
        let mut position = csv::Position::new();
        position.set_line(input.line(&bytes));
        bytes.set_position(Some(position));
        let row = match are_some_skipped {
            true => StringRecord::from_byte_record_lossy(bytes.clone()),
            false => StringRecord::from_byte_record(bytes.clone())
                .map_err(|error| format!("{error}; only text in UTF-8 is read"))?,
        };
        rows.push(row);
    }
    if !is_whole && rows.len() <= SAMPLE_ROWS {
        rows.pop();
    }
    Ok(rows)
}

/// The first row is one if it has a text, and no number or time. Otherwise a first row with a
/// mistake in it would be lost. If rows are counted for their times, one more or less shifts
/// all of them: a row that may be either is refused.
fn is_heading(
    rows: &[StringRecord],
    times: &Times,
    numbers: &Numbers,
    are_counted: bool,
) -> Result<bool, String> {
    let Some((first, rest)) = rows.split_first() else { return Ok(false) };
    let texts = |row: &StringRecord| row.iter().filter(|cell| !cell.trim().is_empty()).count();
    let is_datum = |cell: &&str| {
        let cell = cell.trim();
        !cell.is_empty() && (numbers.fits(cell) || times.fits(cell))
    };
    let data = |row: &StringRecord| row.iter().filter(is_datum).count();
    let (found, next) = (data(first), rest.first().map_or(0, data));
    if are_counted && found > 0 && found < next.min(2) {
        let line = first.position().map_or(0, csv::Position::line);
        return Err(format!(
            "line {line}: this row may be a heading or not, as it has fewer numbers than the next; \
             complete it, or name its columns by words"
        ));
    }
    Ok(found == 0 && texts(first) > 0)
}

/// How many rows are about the file: those shorter than the heading after them, which has
/// no datum in it. Without such a heading every row counts.
fn preamble(rows: &[StringRecord], times: &Times, numbers: &Numbers) -> usize {
    let width = rows.iter().map(StringRecord::len).max().unwrap_or(0);
    let shorter = rows.iter().take_while(|row| row.len() < width).count();
    let is_name = |cell: &str| {
        let cell = cell.trim();
        !cell.is_empty() && cell.parse::<f64>().is_err() && !times.fits(cell)
    };
    let names = rows.get(shorter).is_some_and(|row| row.iter().all(is_name));
    let has_rows = rows.get(shorter + 1).is_some_and(|row| has_number(row, numbers));
    if names && has_rows { shorter } else { 0 }
}

fn has_number(row: &StringRecord, numbers: &Numbers) -> bool {
    row.iter().any(|cell| matches!(numbers.parse(cell), Ok(Some(_))))
}

impl Layout {
    /// Refuses a row with other cells than the file's columns: a comma in a number has divided
    /// it. Below a heading, the last cells may be missing, and further ones empty.
    pub(super) fn check_width(&self, cells: &StringRecord) -> Result<(), String> {
        let (found, width) = (cells.len(), self.width);
        let is_right = match &self.heading {
            Some(_) => cells.iter().skip(width).all(|cell| cell.trim().is_empty()),
            None => found == width,
        };
        if is_right {
            return Ok(());
        }
        let first = if self.heading.is_some() { "heading" } else { "first row" };
        let way_out = match found > width {
            true => format!(
                "write numbers without commas between thousands, quote a cell that has a {:?} in \
                 it, or give --decimal-comma or another --delimiter",
                char::from(self.delimiter)
            ),
            false => "complete it, or put a heading above the first row, below which the last \
                      cells may be missing"
                .to_owned(),
        };
        Err(format!(
            "it has {found} cell{}, and the {first} has {width}; {way_out}",
            plural(found as u64)
        ))
    }

    /// The same for people, a line each.
    pub(super) fn description(&self) -> String {
        let name = |at: usize| match self.heading.as_ref().and_then(|names| names.get(at)) {
            Some(name) => format!("column {}, {name:?}", at + 1),
            None => format!("column {}", at + 1),
        };
        let time = match &self.time[..] {
            [] => "none; made from --start".to_owned(),
            columns => columns.iter().map(|at| name(*at)).collect::<Vec<_>>().join(", and "),
        };
        format!(
            "delimiter  {:?}\nheading    {}\ntime       {time}\nvalue      {}\nfirst row  {}\n",
            char::from(self.delimiter),
            match (&self.heading, self.preamble) {
                (None, _) => "none".to_owned(),
                (Some(_), 0) => "the first row".to_owned(),
                (Some(_), before) => format!("row {}", before + 1),
            },
            name(self.value),
            self.example,
        )
    }
}
