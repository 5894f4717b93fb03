//! Observations in InfluxDB's line protocol, which QuestDB and GreptimeDB read too:
//! <https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/>.

use gaugelog::Observation;

use super::stores;
use crate::json;

/// The measurement that a store's name is, escaped. A `#` at its beginning would make each
/// line a comment, and a backslash might escape what follows.
pub(super) fn measurement(store: &str) -> String {
    let name = stores::series(store);
    let mut escaped = String::with_capacity(name.len() + 8);
    for (at, c) in name.chars().enumerate() {
        match c {
            '#' if at == 0 => escaped.push('_'),
            '\\' => escaped.push('_'),
            ',' | ' ' => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}

/// `room value=21.5 1780315200000000000` and a line end.
pub(super) fn line(buffer: &mut Vec<u8>, measurement: &str, observation: Observation) {
    buffer.extend_from_slice(measurement.as_bytes());
    buffer.extend_from_slice(b" value=");
    json::number(buffer, observation.value);
    buffer.extend_from_slice(format!(" {}\n", observation.timestamp_ns).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_are_escaped() {
        for (store, expected) in [
            ("room.log", "room"),
            ("2nd floor, left", "2nd\\ floor\\,\\ left"),
            ("#1", "_1"),
            ("a=b\\", "a=b_"),
            (".log", ".log"),
        ] {
            assert_eq!(measurement(store), expected);
        }
    }

    #[test]
    fn lines_have_all_digits() {
        for (time_ns, value, expected) in [
            (1_780_315_200_000_000_001, 21.5, "room value=21.5 1780315200000000001\n"),
            (-1, -0.0, "room value=-0.0 -1\n"),
            (0, 5e-324, "room value=5e-324 0\n"),
        ] {
            let mut buffer = Vec::new();
            line(&mut buffer, "room", Observation::new(time_ns, value));
            assert_eq!(String::from_utf8(buffer).unwrap(), expected);
        }
    }
}
