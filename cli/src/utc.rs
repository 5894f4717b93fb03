//! Moments as text: `2021-06-01 12:00:00`, in UTC, to the second.

use jiff::Timestamp;

const NANOSECONDS: i64 = 1_000_000_000;
const DAY_SECONDS: i64 = 86_400;
/// `2021-06-01 12:00:00`.
const TEXT_BYTES: usize = 19;

/// A moment as RFC 3339 has it, to the second.
pub(crate) fn moment(timestamp_ns: i64) -> String {
    let mut clock = Clock::default();
    let text = String::from_utf8_lossy(clock.text(timestamp_ns)).replace(' ', "T");
    format!("{text}Z")
}

/// Formats moments, quickly where many fall on the same day: the calendar is asked
/// once a day, the rest is division.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// Days since the epoch of the date in `text`; `None` before the first.
    day: Option<i64>,
    text: [u8; TEXT_BYTES],
}

impl Clock {
    /// The second that a timestamp in nanoseconds since the epoch falls into. The
    /// years 1677 to 2262, which is all there are, have four digits.
    pub(crate) fn text(&mut self, timestamp_ns: i64) -> &[u8] {
        let seconds = timestamp_ns.div_euclid(NANOSECONDS);
        let day = seconds.div_euclid(DAY_SECONDS);
        if self.day != Some(day) {
            self.text = midnight(day);
            self.day = Some(day);
        }
        let of_day = seconds.rem_euclid(DAY_SECONDS);
        self.two_digits(11, of_day / 3600);
        self.two_digits(14, of_day / 60 % 60);
        self.two_digits(17, of_day % 60);
        &self.text
    }

    fn two_digits(&mut self, at: usize, number: i64) {
        for (place, digit) in [(at, number / 10), (at + 1, number % 10)] {
            self.text[place] = b'0' + u8::try_from(digit).unwrap_or(0);
        }
    }
}

/// The first second of a day, counted from the epoch.
fn midnight(day: i64) -> [u8; TEXT_BYTES] {
    // Every day that nanoseconds in an i64 can reach is inside jiff's calendar, and
    // its year has four digits, so neither default is ever taken.
    let midnight = Timestamp::from_second(day.saturating_mul(DAY_SECONDS)).unwrap_or_default();
    let text = midnight.strftime("%Y-%m-%d 00:00:00").to_string();
    text.as_bytes().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(timestamp_ns: i64) -> String {
        String::from_utf8(Clock::default().text(timestamp_ns).to_vec()).unwrap()
    }

    #[test]
    fn moments_are_cut_to_the_second_they_fall_into() {
        for (timestamp_ns, expected) in [
            (0, "1970-01-01 00:00:00"),
            (999_999_999, "1970-01-01 00:00:00"),
            (-1, "1969-12-31 23:59:59"),
            (-NANOSECONDS, "1969-12-31 23:59:59"),
            (-NANOSECONDS - 1, "1969-12-31 23:59:58"),
            (1_622_548_800 * NANOSECONDS, "2021-06-01 12:00:00"),
            (951_825_599 * NANOSECONDS, "2000-02-29 11:59:59"),
            (i64::MAX, "2262-04-11 23:47:16"),
            (i64::MIN, "1677-09-21 00:12:43"),
        ] {
            assert_eq!(text(timestamp_ns), expected);
        }
    }

    #[test]
    fn a_clock_that_has_seen_other_days_says_the_same() {
        let mut clock = Clock::default();
        for i in -2000..2000_i64 {
            let timestamp_ns = i.wrapping_mul(0x3c6e_f372_fe94_f82b);
            let again = clock.text(timestamp_ns).to_vec();
            assert_eq!(String::from_utf8(again).unwrap(), text(timestamp_ns));
            let timestamp = Timestamp::from_nanosecond(i128::from(timestamp_ns)).unwrap();
            let floored = timestamp.as_nanosecond().div_euclid(i128::from(NANOSECONDS));
            let floored = Timestamp::from_second(i64::try_from(floored).unwrap()).unwrap();
            assert_eq!(text(timestamp_ns), floored.strftime("%Y-%m-%d %H:%M:%S").to_string());
        }
    }
}
