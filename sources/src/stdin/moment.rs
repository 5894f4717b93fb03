//! A time as a line of text has it.

use jiff::Timestamp;

/// Nanoseconds since 1970 of a time in RFC 3339, or in seconds since 1970; the error is
/// in words that follow the line.
pub(super) fn parse(text: &str) -> Result<i64, &'static str> {
    const RANGE: &str = "begins with a time outside the years 1678 to 2261";
    if let Some(nanoseconds) = of_seconds(text) {
        return i64::try_from(nanoseconds).map_err(|_| RANGE);
    }
    let stamp: Timestamp = text
        .parse()
        .map_err(|_| "begins with what is no time: neither RFC 3339 nor seconds since 1970")?;
    i64::try_from(stamp.as_nanosecond()).map_err(|_| RANGE)
}

/// Seconds in decimal, to the nanosecond, further digits cut off. A float would be off
/// by a hundred nanoseconds. `None` where this is no such number.
fn of_seconds(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    // A number of twenty digits is out of range, however it goes on; zeros say nothing.
    let whole = whole.trim_start_matches('0');
    let whole: i128 = format!("0{}", whole.get(..20).unwrap_or(whole)).parse().ok()?;
    let fraction: i128 = format!("{:0<9.9}", fraction).parse().ok()?;
    Some(sign * (whole * 1_000_000_000 + fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact_to_the_nanosecond() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("1.5", 1_500_000_000),
            ("-1.000000001", -1_000_000_001),
            ("1780315200.123456789999", 1_780_315_200_123_456_789),
            ("-0000000000000000000000001.5", -1_500_000_000),
            ("000", 0),
            ("9223372036.854775807", i64::MAX),
        ] {
            assert_eq!(parse(text), Ok(nanoseconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", ".", "1.", ".5", "1e9", "+-1", "1_0", "noon", "2026-06-01", "12:00", "--1"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        for text in ["9223372036.854775808", &"9".repeat(4000), "9999-01-01T00:00:00Z"] {
            assert_eq!(parse(text), Err("begins with a time outside the years 1678 to 2261"));
        }
    }
}
