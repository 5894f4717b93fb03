//! What a cell means as a number, or as a missing value.

use super::Arguments;
use crate::listing::quoted;

/// The texts of one `--missing`. With decimal commas, one between digits divides none.
fn divided(text: &str, decimal_comma: bool) -> Vec<String> {
    let digit = |at: Option<usize>| {
        at.and_then(|at| text.as_bytes().get(at)).is_some_and(u8::is_ascii_digit)
    };
    let mut parts = Vec::new();
    let mut begin = 0;
    for (at, _) in text.match_indices(',') {
        if decimal_comma && digit(at.checked_sub(1)) && digit(at.checked_add(1)) {
            continue;
        }
        parts.push(text[begin..at].to_owned());
        begin = at + 1;
    }
    parts.push(text[begin..].to_owned());
    parts
}

/// What to do about a cell that is no number.
fn way_out(text: &str) -> String {
    let is_number = |text: &str| text.parse::<f64>().is_ok_and(f64::is_finite);
    let (commas, quoted) = (text.matches(',').count(), quoted(text));
    let missing = format!("if it stands for a missing value, say so with --missing {quoted}");
    let before_unit = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    if commas == 0 && before_unit != text && is_number(before_unit) {
        return format!("write it without {:?}; or {missing}", &text[before_unit.len()..]);
    }
    if commas == 0 {
        return missing;
    }
    if commas == 1 && is_number(&text.replace(',', ".")) {
        return "if it has a comma for the point, say so with --decimal-comma".to_owned();
    }
    if is_number(&text.replace(',', "")) {
        return "write it without commas between thousands".to_owned();
    }
    "correct it, or make it empty if it is missing".to_owned()
}

/// How numbers are written.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    decimal_comma: bool,
    missing: Vec<String>,
    /// Those of them that are numbers.
    missing_numbers: Vec<f64>,
}

/// Cells that stand for a missing value in any file.
const MISSING: [&str; 3] = ["NA", "NaN", "null"];

impl Numbers {
    pub(super) fn of(arguments: &Arguments) -> Self {
        let texts = arguments.missing.iter();
        let missing = texts.flat_map(|it| divided(it, arguments.decimal_comma)).collect();
        Self::new(arguments.decimal_comma, missing)
    }

    fn new(decimal_comma: bool, missing: Vec<String>) -> Self {
        let numbers = Self { decimal_comma, missing, missing_numbers: Vec::new() };
        let missing_numbers = numbers.missing.iter().filter_map(|it| numbers.number(it)).collect();
        Self { missing_numbers, ..numbers }
    }

    /// The number of a cell, `None` for a missing one; the error is in words.
    pub(super) fn parse(&self, text: &str) -> Result<Option<f64>, String> {
        let text = text.trim();
        if text.is_empty() || MISSING.iter().any(|known| known.eq_ignore_ascii_case(text)) {
            return Ok(None);
        }
        if self.missing.iter().any(|known| known == text) {
            return Ok(None);
        }
        let value = self
            .number(text)
            .filter(|value: &f64| value.is_finite())
            .ok_or_else(|| format!("{text:?} is no finite number; {}", way_out(text)))?;
        Ok(self.unless_missing(value))
    }

    fn number(&self, text: &str) -> Option<f64> {
        match self.decimal_comma {
            true if text.contains('.') => None,
            true => text.replace(',', ".").parse().ok(),
            false => text.parse().ok(),
        }
    }

    /// `None` for a number that stands for a missing value, also where the file writes it
    /// with more zeros.
    pub(super) fn unless_missing(&self, value: f64) -> Option<f64> {
        (!self.missing_numbers.contains(&value)).then_some(value)
    }

    /// Whether a cell is what a column of values may have.
    pub(super) fn fits(&self, text: &str) -> bool {
        self.parse(text).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_comma_divides_no_missing_values() {
        for (text, decimal_comma, parts) in [
            ("-9999,n/a", false, &["-9999", "n/a"][..]),
            ("-99,9", false, &["-99", "9"]),
            ("-99,9", true, &["-99,9"]),
            ("n/a,-99,9,-88,8", true, &["n/a", "-99,9", "-88,8"]),
            ("x,", true, &["x", ""]),
        ] {
            assert_eq!(divided(text, decimal_comma), parts, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_and_missing_ones_known() {
        let numbers = |decimal_comma, missing: &[&str]| {
            Numbers::new(decimal_comma, missing.iter().map(|it| (*it).to_owned()).collect())
        };
        let plain = numbers(false, &["-9999", "x"]);
        for (text, expected) in [
            ("14.2", Some(14.2)),
            (" -1e-9 ", Some(-1e-9)),
            ("", None),
            ("na", None),
            ("NaN", None),
            ("-9999", None),
            ("-9999.00", None),
            ("x", None),
        ] {
            assert_eq!(plain.parse(text), Ok(expected), "{text}");
        }
        for (text, way_out) in [
            ("1,5", "--decimal-comma"),
            ("1,234,567", "without commas"),
            ("1,234.5", "without commas"),
            ("20.5 °C", "write it without \" °C\"; or if"),
            ("1,2,x", "correct it"),
            ("inf", "--missing inf"),
            ("1e999", "--missing 1e999"),
            ("y", "--missing y"),
            ("1 000", "--missing '1 000'"),
            ("#N/A", "--missing '#N/A'"),
            ("it's", r"--missing 'it'\''s'"),
        ] {
            let found = plain.parse(text);
            assert!(found.as_ref().is_err_and(|why| why.contains(way_out)), "{text} {found:?}");
        }
        let comma = numbers(true, &[]);
        assert_eq!(comma.parse("1,5"), Ok(Some(1.5)));
        assert!(comma.parse("1.234,5").is_err());
        let comma = numbers(true, &["-99,9"]);
        assert_eq!(comma.parse("-99,90"), Ok(None));
    }
}
