//! Rows of JSON: an array of objects, or an object a line, as `export` and `--dump` write
//! them.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use gaugelog::Observation;
use memchr::memchr_iter;
use serde::de::{DeserializeSeed, Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::csv_input::ROW_BYTES_MAX;
use super::json_object::{Keys, Object};
use super::numbers::Numbers;
use super::paced::Paced;
use super::times::Times;
use super::{Arguments, Failure, Refused, Row, Rows};

/// A JSON file.
pub(super) struct JsonRows {
    input: Box<dyn Read>,
    keys: Keys,
    times: Times,
    numbers: Numbers,
    /// How times are made, where the file has none.
    paced: Option<Paced>,
}

impl JsonRows {
    /// Of a file that begins with `[` or `{`; the error is in words, and follows its name.
    pub(super) fn new(
        input: Box<dyn Read>,
        arguments: &Arguments,
        paced: Option<Paced>,
    ) -> Result<Self, String> {
        if arguments.delimiter.is_some() {
            return Err("this is JSON, and --delimiter is for CSV; leave it out".to_owned());
        }
        let (times, numbers) = (Times::of(arguments), Numbers::of(arguments));
        Ok(Self { input, keys: Keys::of(arguments)?, times, numbers, paced })
    }
}

impl Rows for JsonRows {
    fn each(
        self: Box<Self>,
        skip: u64,
        take: &mut dyn FnMut(Row) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let object_bytes = Rc::new(Cell::new(0));
        let bounded =
            Bounded { input: self.input, object_bytes: Rc::clone(&object_bytes), line: 1 };
        let mut input = BufReader::with_capacity(1 << 18, bounded);
        // Nothing is consumed, as lines are counted in errors.
        let begin = input.fill_buf().map_err(Failure::Input)?;
        let is_array = begin.trim_ascii_start().first() == Some(&b'[');
        let object = Object::new(&self.keys, &self.numbers);
        let (times, paced) = (&self.times, self.paced);
        let mut taking = Taking { object, times, paced, skip, object_bytes, take, failure: None };
        let mut json = serde_json::Deserializer::from_reader(input);
        if is_array {
            let read = json.deserialize_seq(&mut taking).and_then(|()| json.end());
            return match (taking.failure, read) {
                (Some(failure), _) => Err(failure),
                (None, read) => read.map_err(failed),
            };
        }
        for number in 0.. {
            // The error is that an object follows, and says where.
            let line = match json.end() {
                Ok(()) if number < skip => return Err(Failure::SkipsMore { rows: number }),
                Ok(()) => break,
                Err(error) if error.is_io() => return Err(failed(error)),
                Err(error) => error.line() as u64,
            };
            let row = if number < skip {
                IgnoredAny::deserialize(&mut json).map_err(failed)?;
                Row::Skipped
            } else {
                taking.object.deserialize(&mut json).map_err(failed)?;
                let row = taking.row(number);
                row.map_err(|why| Failure::Refused(Refused::row(line, why)))?
            };
            taking.take(row)?;
        }
        Ok(())
    }

    fn description(&self) -> String {
        self.keys.description()
    }
}

fn failed(error: serde_json::Error) -> Failure {
    if error.is_io() {
        return io::Error::from(error).into();
    }
    // Where an object is broken, the next one cannot be found.
    let can_be_skipped = error.is_data();
    Failure::Refused(Refused { line: error.line() as u64, why: error.to_string(), can_be_skipped })
}

/// Ends where an object has more than 1 MiB: a text that is not closed takes no more memory.
struct Bounded {
    input: Box<dyn Read>,
    /// Bytes since the last object.
    object_bytes: Rc<Cell<usize>>,
    /// The line of the next byte.
    line: u64,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.object_bytes.get() > ROW_BYTES_MAX {
            let why = "here is an object of more than 1 MiB; write one for each value, or close a \
                       text that is not closed";
            return Err(io::Error::other(Refused::without_end(self.line, why.to_owned())));
        }
        let read = self.input.read(buffer)?;
        self.object_bytes.set(self.object_bytes.get() + read);
        self.line += memchr_iter(b'\n', &buffer[..read]).count() as u64;
        Ok(read)
    }
}

/// Hands over each object as it is read.
struct Taking<'t> {
    object: Object<'t>,
    times: &'t Times,
    paced: Option<Paced>,
    /// How many rows are not parsed.
    skip: u64,
    /// Bytes that were read since the last one.
    object_bytes: Rc<Cell<usize>>,
    take: &'t mut dyn FnMut(Row) -> Result<(), Failure>,
    /// Why it ended, if that was no fault of the JSON.
    failure: Option<Failure>,
}

impl Taking<'_> {
    fn take(&mut self, row: Row) -> Result<(), Failure> {
        self.object_bytes.set(0);
        (self.take)(row)
    }

    /// What the object read last says. `number` counts rows from 0.
    fn row(&self, number: u64) -> Result<Row, String> {
        let Some(value) = self.object.value() else { return Ok(Row::Missing) };
        let time_ns = match self.paced {
            Some(paced) => paced.time(number)?,
            None => self.times.parse(self.object.time()?)?,
        };
        Ok(Row::Observation(Observation::new(time_ns, value)))
    }
}

impl<'de> Visitor<'de> for &mut Taking<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects with a time and a value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        for number in 0.. {
            let row = if number < self.skip {
                rows.next_element::<IgnoredAny>()?.map(|_| Row::Skipped)
            } else {
                let object = rows.next_element_seed(&mut self.object)?;
                object.map(|()| self.row(number)).transpose().map_err(A::Error::custom)?
            };
            let Some(row) = row else {
                if number < self.skip {
                    self.failure = Some(Failure::SkipsMore { rows: number });
                }
                break;
            };
            if let Err(failure) = self.take(row) {
                self.failure = Some(failure);
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}
