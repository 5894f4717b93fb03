//! `--dump`: every observation in the order of time, one JSON array, streamed.

use std::io::{self, Write};

use super::{Place, reading};
use crate::exit::Exit;
use crate::json;
use crate::utc::Clock;

/// How much is gathered for one write: what a pipe holds.
const WRITE_BYTES: usize = 64 * 1024;

pub(super) fn run(store: &Place) -> Result<(), Exit> {
    reading(store, |snapshot, damages| {
        // The iterator goes on behind what is damaged, and so does the dump.
        let readable =
            snapshot.range(..).filter_map(|item| item.map_err(|error| damages.tell(&error)).ok());
        print_all(readable, &mut io::stdout().lock()).map_err(|error| Exit::of_output(&error))
    })
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
