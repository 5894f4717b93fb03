//! `--dump`: every observation in the order of time, one JSON array, streamed. With
//! `--from`, those from a sequence number on that are durable, in the order of arrival: a
//! caller that asks again and again gets each observation once, also where the clock was
//! set back, or an append failed and was taken back.

use std::io::{self, Write};

use gaugelog::Snapshot;

use super::{Place, reading};
use crate::exit::Exit;
use crate::utc::Clock;
use crate::{json, output};

/// How much is gathered for one write: what a pipe holds.
const WRITE_BYTES: usize = 64 * 1024;

pub(super) fn run(store: &Place, from: Option<u64>) -> Result<(), Exit> {
    reading(store, |snapshot| {
        let mut failure = None;
        let mut note = |error: gaugelog::Error| failure = Some(error);
        let out = &mut output::stdout();
        let printed = match from {
            None => {
                let all = snapshot.window(..).iter();
                print_all(all.map_while(|item| item.map_err(&mut note).ok()), out)
            }
            Some(first) => {
                check(store, snapshot, first)?;
                let durable = snapshot.durable_end();
                // To the end, so that damage there is met.
                let arrived = snapshot.by_sequence(first..);
                let readable = arrived.map_while(|item| item.map_err(&mut note).ok());
                let readable = readable.filter(|(sequence, _)| *sequence < durable);
                print_all(readable.map(|(_, observation)| observation), out)
            }
        };
        printed.map_err(|error| Exit::of_output(&error))?;
        failure.map_or(Ok(()), |error| Err(error.into()))
    })
}

/// A caller that asks for a number after the end has counted the observations of another
/// store. One that asks for what retention has removed would count what is printed wrongly.
fn check(store: &Place, snapshot: &Snapshot, first: u64) -> Result<(), Exit> {
    let (kept, end) = (snapshot.first_sequence(), snapshot.end_sequence());
    let why = if first > end {
        format!(
            "is beyond the end: the store holds {end} observations; if it was made anew, begin \
             with --from 0"
        )
    } else if first < kept {
        format!(
            "begins with observations that were removed: the first one kept has the number \
             {kept}; begin with --from {kept}"
        )
    } else {
        return Ok(());
    };
    Err(Exit::Error(format!("{}: --from {first} {why}", store.path.display())))
}

fn print_all(
    observations: impl Iterator<Item = gaugelog::Observation>,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut clock = Clock::default();
    // A row is well below 1 KiB, so the buffer never grows.
    let mut buffer = Vec::with_capacity(WRITE_BYTES + 1024);
    buffer.push(b'[');
    let mut separator: &[u8] = b"";
    for observation in observations {
        buffer.extend_from_slice(separator);
        separator = b", ";
        json::observation(&mut buffer, &mut clock, observation);
        if buffer.len() >= WRITE_BYTES {
            out.write_all(&buffer)?;
            buffer.clear();
        }
    }
    buffer.extend_from_slice(b"]\n");
    out.write_all(&buffer)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gaugelog::Observation;

    #[test]
    fn no_observations_are_an_empty_array() {
        let mut out = Vec::new();
        print_all(std::iter::empty(), &mut out).unwrap();
        assert_eq!(out, b"[]\n");
    }

    #[test]
    fn many_observations_are_one_array() {
        let second = 1_000_000_000;
        let many = (0..5000_i32).map(|i| Observation::new(i64::from(i) * second, f64::from(i)));
        let mut out = Vec::new();
        print_all(many, &mut out).unwrap();
        let rows: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), 5000);
        assert_eq!(rows[4000]["val"], 4000.0);
        assert_eq!(rows[4000]["time_added"], "1970-01-01 01:06:40");
        let beginning = br#"[{"val": 0.0, "time_added": "1970-01-01 00:00:00"}, {"val": 1.0, "#;
        assert!(out.starts_with(beginning));
    }
}
