//! Observations as lines of text, fast: times of the same day share their date.

use gaugelog::Observation;

use super::range::Range;
use crate::json;
use crate::utc::Clock;

/// Writes observations with times in a range's zone.
pub(crate) struct Rows<'r> {
    range: &'r Range,
    clock: Clock,
}

impl<'r> Rows<'r> {
    pub(crate) fn new(range: &'r Range) -> Self {
        Self { range, clock: Clock::default() }
    }

    /// RFC 3339 with 0, 3, 6 or 9 digits of the second, as few as are exact.
    pub(super) fn time(&mut self, buffer: &mut Vec<u8>, time_ns: i64) {
        if !self.range.is_utc() {
            return buffer.extend_from_slice(self.range.text(time_ns).as_bytes());
        }
        let begun = buffer.len();
        buffer.extend_from_slice(self.clock.text(time_ns));
        buffer[begun + DATE_BYTES] = b'T';
        let fraction = time_ns.rem_euclid(1_000_000_000);
        let digits = match fraction {
            0 => 0,
            _ if fraction % 1_000_000 == 0 => 3,
            _ if fraction % 1_000 == 0 => 6,
            _ => 9,
        };
        if digits > 0 {
            buffer.push(b'.');
            let mut place = 100_000_000;
            for _ in 0..digits {
                let digit = fraction / place % 10;
                buffer.push(b'0' + u8::try_from(digit).unwrap_or(0));
                place /= 10;
            }
        }
        buffer.push(b'Z');
    }

    /// `TIME,VALUE` and a line end.
    pub(super) fn csv(&mut self, buffer: &mut Vec<u8>, observation: Observation) {
        self.time(buffer, observation.timestamp_ns);
        buffer.push(b',');
        json::number(buffer, observation.value);
        buffer.push(b'\n');
    }

    /// `{"time": "…", "value": …}`, without a line end.
    pub(crate) fn json(&mut self, buffer: &mut Vec<u8>, observation: Observation) {
        buffer.extend_from_slice(b"{\"time\": \"");
        self.time(buffer, observation.timestamp_ns);
        buffer.extend_from_slice(b"\", \"value\": ");
        json::number(buffer, observation.value);
        buffer.push(b'}');
    }
}

/// The length of `2026-06-01`.
const DATE_BYTES: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use gaugelog_sources::TimeFormat;

    fn range(zone: &str) -> Range {
        Range { since: None, until: None, zone: zone.parse().unwrap() }
    }

    fn csv(zone: &str, time_ns: i64, value: f64) -> String {
        let mut line = Vec::new();
        Rows::new(&range(zone)).csv(&mut line, Observation::new(time_ns, value));
        String::from_utf8(line).unwrap()
    }

    #[test]
    pub(crate) fn rows_have_all_digits_and_no_more() {
        for (time_ns, expected) in [
            (0, "1970-01-01T00:00:00Z,14.2\n"),
            (250_000_000, "1970-01-01T00:00:00.250Z,14.2\n"),
            (7_000, "1970-01-01T00:00:00.000007Z,14.2\n"),
            (-1, "1969-12-31T23:59:59.999999999Z,14.2\n"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z,14.2\n"),
        ] {
            assert_eq!(csv("UTC", time_ns, 14.2), expected);
        }
        assert_eq!(csv("Europe/Berlin", 0, -0.0), "1970-01-01T01:00:00+01:00,-0.0\n");
    }

    #[test]
    fn times_read_back_as_they_were() {
        let times = (0..2000_i64).map(|i| i.wrapping_mul(0x3c6e_f372_fe94_f82b));
        for time_ns in times.chain([i64::MIN, i64::MAX]) {
            for zone in ["UTC", "America/New_York"] {
                let line = csv(zone, time_ns, 1.0);
                let time = line.split_once(',').unwrap().0;
                assert_eq!(TimeFormat::default().parse(time), Ok(time_ns), "{time}");
            }
        }
    }
}
