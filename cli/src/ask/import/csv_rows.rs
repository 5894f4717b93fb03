//! Rows of a CSV file.

use std::io::Read;

use csv::{ByteRecord, StringRecord};
use gaugelog::Observation;

use super::counted_lines::CountedLines;
use super::layout::{Layout, csv_reader};
use super::paced::Paced;
use super::{Failure, Refused, Row, Rows};

/// A CSV file whose layout is known.
pub(super) struct CsvRows {
    input: Box<dyn Read>,
    layout: Layout,
    /// How times are made, where the file has none.
    paced: Option<Paced>,
}

impl CsvRows {
    pub(super) fn new(input: Box<dyn Read>, layout: Layout, paced: Option<Paced>) -> Self {
        Self { input, layout, paced }
    }

    /// What a row says. `number` counts rows from 0.
    fn row(&self, cells: &StringRecord, number: u64, joined: &mut String) -> Result<Row, String> {
        let is_blank = self.paced.is_some() && cells.iter().all(str::is_empty);
        if !is_blank {
            self.layout.check_width(cells)?;
        }
        let cell = |at: usize| {
            cells.get(at).ok_or_else(|| format!("it has {} cells, and not {}", cells.len(), at + 1))
        };
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
}

impl Rows for CsvRows {
    fn each(
        mut self: Box<Self>,
        skip: u64,
        take: &mut dyn FnMut(Row) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let input = std::mem::replace(&mut self.input, Box::new(std::io::empty()));
        let heading = self.layout.preamble + usize::from(self.layout.heading.is_some());
        let delimiter = self.layout.delimiter;
        let mut builder = csv_reader(delimiter);
        builder.buffer_capacity(1 << 18);
        let input: Box<dyn Read> = match self.paced {
            None => input,
            Some(_) => {
                builder.comment(None);
                Box::new(CountedLines::new(input, delimiter, heading))
            }
        };
        let mut reader = builder.from_reader(input);
        // Bytes, as what is not read need not be UTF-8.
        let mut unread = ByteRecord::new();
        for _ in 0..heading {
            reader.read_byte_record(&mut unread).map_err(refused_by_csv)?;
        }
        for _ in 0..skip {
            if !reader.read_byte_record(&mut unread).map_err(refused_by_csv)? {
                return Ok(());
            }
            take(Row::Skipped)?;
        }
        let (mut cells, mut joined) = (StringRecord::new(), String::new());
        let mut number = skip;
        while reader.read_record(&mut cells).map_err(refused_by_csv)? {
            let line = cells.position().map_or(0, csv::Position::line);
            let row = self.row(&cells, number, &mut joined);
            take(row.map_err(|why| Failure::Refused(Refused::row(line, why)))?)?;
            number += 1;
        }
        Ok(())
    }

    fn description(&self) -> String {
        self.layout.description()
    }
}

fn refused_by_csv(error: csv::Error) -> Failure {
    let line = error.position().map_or(0, csv::Position::line);
    let why = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Failure::Input(error),
        csv::ErrorKind::Utf8 { .. } => {
            let why = "it is no text in UTF-8; convert the file, such as with iconv".to_owned();
            Failure::Refused(Refused::row(line, why))
        }
        _ => Failure::Refused(Refused::row(line, why)),
    }
}
