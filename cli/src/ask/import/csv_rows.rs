//! Rows of a CSV file.

use std::io::Read;
use std::path::Path;

use csv::{ByteRecord, StringRecord};
use gaugelog::Observation;

use super::columns::lacks;
use super::counted_lines::CountedLines;
use super::csv_input::CsvInput;
use super::layout::{Layout, csv_reader};
use super::paced::Paced;
use super::{Arguments, Failure, Refused, Row, Rows};
use crate::output;

/// A CSV file whose layout is known.
pub(super) struct CsvRows {
    input: Box<dyn Read>,
    layout: Layout,
    /// How times are made, where the file has none.
    paced: Option<Paced>,
    /// Whether to report a last line without a line end. Files often have one; in a pipe it
    /// may be cut.
    warns: bool,
}

impl CsvRows {
    pub(super) fn new(
        input: Box<dyn Read>,
        layout: Layout,
        arguments: &Arguments,
        paced: Option<Paced>,
    ) -> Self {
        let warns = arguments.file == Path::new("-") && !arguments.dry_run;
        Self { input, layout, paced, warns }
    }

    /// What a row says. `number` counts rows from 0.
    fn row(&self, cells: &StringRecord, number: u64, joined: &mut String) -> Result<Row, String> {
        let is_blank = self.paced.is_some() && cells.iter().all(str::is_empty);
        if !is_blank {
            self.layout.check_width(cells)?;
        }
        let cell = |at: usize| cells.get(at).ok_or_else(|| lacks(cells, at));
        let value = match cells.get(self.layout.value) {
            // A blank line among values that are counted.
            None if is_blank => "",
            _ => cell(self.layout.value)?,
        };
        let Some(value) = self.layout.numbers.parse(value)? else {
            return Ok(Row::Missing);
        };
        let time_ns = match (&self.layout.time[..], self.paced) {
            (_, Some(paced)) => paced.time(number)?,
            ([one], None) => self.layout.times.parse(cell(*one)?)?,
            (several, None) => {
                joined.clear();
                for at in several {
                    if !joined.is_empty() {
                        joined.push(' ');
                    }
                    joined.push_str(cell(*at)?.trim());
                }
                self.layout.times.parse(joined)?
            }
        };
        Ok(Row::Observation(Observation::new(time_ns, value)))
    }

    fn reader(&mut self) -> CsvInput {
        let input = std::mem::replace(&mut self.input, Box::new(std::io::empty()));
        let delimiter = self.layout.delimiter;
        let mut builder = csv_reader(delimiter);
        builder.buffer_capacity(1 << 18);
        if self.paced.is_none() {
            return CsvInput::new(&builder, input, delimiter, true);
        }
        builder.comment(None);
        let lines = CountedLines::new(input, delimiter, self.heading());
        CsvInput::new(&builder, Box::new(lines), delimiter, false)
    }

    /// Reports a last line without a line end, which a pipe that broke off leaves.
    fn warn(&self, line: u64, row: &ByteRecord) {
        let cells: Vec<_> = row.iter().map(String::from_utf8_lossy).collect();
        let text = cells.join(&char::from(self.layout.delimiter).to_string());
        output::say(
            "gaugelog",
            &format!(
                "warning: line {line}: \"{text}\" has no line end: it is stored, and may be half \
                 of a line"
            ),
        );
    }

    /// How many rows are before the data.
    fn heading(&self) -> usize {
        self.layout.preamble + usize::from(self.layout.heading.is_some())
    }
}

fn refused(line: u64, why: String) -> Failure {
    Failure::Refused(Refused::row(line, why))
}

impl Rows for CsvRows {
    fn each(
        mut self: Box<Self>,
        skip: u64,
        take: &mut dyn FnMut(Row) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut reader = self.reader();
        // Bytes, as what is not read need not be UTF-8.
        let mut row = ByteRecord::new();
        for _ in 0..self.heading() {
            reader.next(&mut row)?;
        }
        for rows in 0..skip {
            if !reader.next(&mut row)? {
                return Err(Failure::SkipsMore { rows });
            }
            take(Row::Skipped)?;
        }
        let (mut last, mut joined) = (ByteRecord::new(), String::new());
        let mut cut_at = None;
        let mut number = skip;
        while reader.next(&mut row)? {
            let cells = StringRecord::from_byte_record(row).map_err(|error| {
                refused(reader.line(&error.into_byte_record()), NO_TEXT.to_owned())
            })?;
            let found = self.row(&cells, number, &mut joined);
            let found = found.map_err(|why| refused(reader.line(cells.as_byte_record()), why))?;
            take(found)?;
            number += 1;
            if self.warns && reader.lacks_line_end() && matches!(found, Row::Observation(_)) {
                cut_at = Some(reader.line(cells.as_byte_record()));
            }
            // The next row is read into the memory of the one before the last.
            row = std::mem::replace(&mut last, cells.into_byte_record());
        }
        if let Some(line) = cut_at {
            self.warn(line, &last);
        }
        Ok(())
    }

    fn description(&self) -> String {
        self.layout.description()
    }
}

const NO_TEXT: &str = "it is no text in UTF-8; convert the file, such as with iconv";
