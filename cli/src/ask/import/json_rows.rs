//! Rows of JSON: an array of objects, or an object a line, as `export` and `--dump` write
//! them.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use gaugelog::Observation;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::cells::Times;
use super::{Failure, Refused, Row, Rows};

/// A JSON file.
pub(super) struct JsonRows {
    input: Box<dyn Read>,
    times: Times,
}

/// One object.
#[derive(Deserialize)]
struct Object {
    #[serde(alias = "time_added")]
    time: String,
    #[serde(alias = "val")]
    value: Option<f64>,
}

impl JsonRows {
    /// Of a file that begins with `[` or `{`.
    pub(super) fn new(input: Box<dyn Read>, times: Times) -> Self {
        Self { input, times }
    }
}

impl Rows for JsonRows {
    fn each(
        self: Box<Self>,
        skip: u64,
        take: &mut dyn FnMut(Row) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut input = BufReader::with_capacity(1 << 18, self.input);
        let is_array = first_byte(&mut input).map_err(Failure::Input)? == Some(b'[');
        let mut taking = Taking { times: &self.times, skip, take, failure: None };
        let mut json = serde_json::Deserializer::from_reader(input);
        if is_array {
            let read = json.deserialize_seq(&mut taking).and_then(|()| json.end());
            return match (taking.failure, read) {
                (Some(failure), _) => Err(failure),
                (None, read) => read.map_err(failed),
            };
        }
        for line in 1.. {
            match json.end() {
                Ok(()) => break,
                Err(error) if error.is_io() => return Err(failed(error)),
                Err(_) => {}
            }
            let row = if line <= skip {
                IgnoredAny::deserialize(&mut json).map_err(failed)?;
                Row::Skipped
            } else {
                let object = Object::deserialize(&mut json).map_err(failed)?;
                taking.row(&object).map_err(|why| Failure::Refused(Refused::row(line, why)))?
            };
            (taking.take)(row)?;
        }
        Ok(())
    }

    fn description(&self) -> String {
        "JSON: objects with \"time\" or \"time_added\", and \"value\" or \"val\"\n".to_owned()
    }
}

/// The first byte that is not blank, which stays to be read.
fn first_byte(input: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        let buffer = input.fill_buf()?;
        let blank = buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let (first, all) = (buffer.get(blank).copied(), buffer.len());
        input.consume(blank);
        if first.is_some() || all == 0 {
            return Ok(first);
        }
    }
}

fn failed(error: serde_json::Error) -> Failure {
    if error.is_io() {
        return Failure::Input(error.into());
    }
    // Where an object is broken, the next one cannot be found.
    let can_be_skipped = error.is_data();
    Failure::Refused(Refused { line: error.line() as u64, why: error.to_string(), can_be_skipped })
}

/// Hands over each object of an array as it is read.
struct Taking<'t> {
    times: &'t Times,
    /// How many rows are not parsed.
    skip: u64,
    take: &'t mut dyn FnMut(Row) -> Result<(), Failure>,
    /// Why it ended, if that was no fault of the JSON.
    failure: Option<Failure>,
}

impl Taking<'_> {
    fn row(&self, object: &Object) -> Result<Row, String> {
        let Some(value) = object.value else { return Ok(Row::Missing) };
        Ok(Row::Observation(Observation::new(self.times.parse(&object.time)?, value)))
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
                let object = rows.next_element::<Object>()?;
                object.map(|it| self.row(&it)).transpose().map_err(serde::de::Error::custom)?
            };
            let Some(row) = row else { break };
            if let Err(failure) = (self.take)(row) {
                self.failure = Some(failure);
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}
