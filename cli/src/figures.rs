//! Numbers as people read them on a terminal.

use crate::json;

/// A number rounded to so many significant digits, without zeros at its end.
pub(crate) fn figure(value: f64, digits: usize) -> String {
    let decimals = digits.saturating_sub(1);
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
            (123_456_789.0, 6, "123457000"),
            (1e300, 6, "1e+300"),
            (f64::MAX, 3, "1.7976931348623157e+308"),
            (21.4682, 10, "21.4682"),
        ] {
            assert_eq!(figure(value, digits), text);
        }
        assert_eq!(figure_or_dash(None, 6), "-");
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }
}
