//! Numbers as people read them on a terminal.

use gaugelog_sources::Counts;

use crate::json;

/// All whole numbers below this, 2^53, are exact.
const EXACT_BELOW: f64 = 9_007_199_254_740_992.0;

/// A number rounded to `digits` significant digits, without zeros at its end. Its whole part
/// has all of its digits: a rounded one would end in zeros that look measured.
pub(crate) fn figure(value: f64, digits: usize) -> String {
    let whole = match value.abs() {
        magnitude if magnitude < EXACT_BELOW => format!("{:.0}", magnitude.trunc()).len(),
        _ => 0,
    };
    let decimals = digits.max(whole).saturating_sub(1);
    // By way of text: rounding to decimal digits is no operation on binary numbers.
    let rounded = format!("{value:.decimals$e}").parse().ok().filter(|read: &f64| read.is_finite());
    let mut text = Vec::new();
    json::number(&mut text, rounded.unwrap_or(value));
    let text = String::from_utf8_lossy(&text);
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// The same of a number that there may not be.
pub(crate) fn figure_or_dash(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| figure(value, digits))
}

/// A count, its thousands apart.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The part of the expected observations that is there: `99.98% of 10,000 expected`.
/// Rounded down, so that only all of them are 100%.
pub(crate) fn coverage(counts: &Counts) -> String {
    let expected = counts.expected();
    if expected == 0 {
        return "-".to_owned();
    }
    let hundredths = u128::from(counts.stored) * 10_000 / u128::from(expected);
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    let percent = if rest == 0 { format!("{whole}%") } else { format!("{whole}.{rest:02}%") };
    format!("{percent} of {} expected", count(expected))
}

/// The ending of a noun behind a count.
pub(crate) fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_for_people() {
        for (value, digits, text) in [
            (14.480742088585053, 6, "14.4807"),
            (14.0, 6, "14"),
            (-0.5, 6, "-0.5"),
            (0.0, 6, "0"),
            (123_456_789.0, 6, "123456789"),
            (24_069_570_560.0, 6, "24069570560"),
            (-24_069_570_560.4, 6, "-24069570560"),
            (9_007_199_254_740_991.0, 6, "9007199254740991"),
            (123_456.7, 6, "123457"),
            (1e300, 6, "1e+300"),
            (f64::MAX, 3, "1.7976931348623157e+308"),
            (21.4682, 10, "21.4682"),
        ] {
            assert_eq!(figure(value, digits), text);
        }
        assert_eq!(figure_or_dash(None, 6), "-");
    }

    #[test]
    fn only_all_of_them_are_a_hundred_percent() {
        let text = |stored, missed| {
            coverage(&Counts { polls: stored, stored, missed, ..Counts::default() })
        };
        assert_eq!(text(0, 0), "-");
        assert_eq!(text(100, 0), "100% of 100 expected");
        assert_eq!(text(9_999_999, 1), "99.99% of 10,000,000 expected");
        assert_eq!(text(1, 2), "33.33% of 3 expected");
        assert_eq!(text(0, 7), "0% of 7 expected");
        assert_eq!(text(5, 95), "5% of 100 expected");
        assert_eq!(text(5, 100), "4.76% of 105 expected");
        assert_eq!(text(101, 99), "50.50% of 200 expected");
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }
}
