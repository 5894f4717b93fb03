//! Numbers as Python's `float()` reads them, which is what callers of the service
//! were promised.

/// Reads a number: white space around it, underscores between digits, `inf`,
/// `infinity` and `nan` in any case and with a sign, and what overflows becomes
/// infinite. Hexadecimal is no number. (Digits of other scripts, which Python
/// takes too, are refused.)
pub(crate) fn parse(text: &str) -> Option<f64> {
    let trimmed = text.trim_matches(is_space);
    if trimmed.contains('_') { without_underscores(trimmed)?.parse() } else { trimmed.parse() }.ok()
}

/// Python counts the four separators U+001C to U+001F as white space; Unicode does not.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// `None` where an underscore has no digit on either side of it.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at)).is_some_and(|byte| byte.is_ascii_digit())
    };
    let between_digits = |at: usize| is_digit(at.checked_sub(1)) && is_digit(at.checked_add(1));
    let well_placed = text.match_indices('_').all(|(at, _)| between_digits(at));
    well_placed.then(|| text.replace('_', ""))
}

#[cfg(test)]
mod tests {
    use super::parse;

    /// The right-hand side is what Python 3.11 said.
    #[test]
    fn reads_what_python_reads() {
        for (text, value) in [
            ("14.2", 14.2),
            (" 14.2\t\n", 14.2),
            ("\u{a0}\u{1c}1\u{2003}", 1.0),
            ("1_000", 1000.0),
            ("1_0.0_1e1_0", 10.01e10),
            ("-1e-05", -1e-5),
            ("+5", 5.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("-.5e+1", -5.0),
            ("1E5", 1e5),
            ("0001", 1.0),
            ("1e400", f64::INFINITY),
            ("-1e400", f64::NEG_INFINITY),
            ("1e-400", 0.0),
            ("Infinity", f64::INFINITY),
            ("-iNf", f64::NEG_INFINITY),
            ("+inf", f64::INFINITY),
            ("0.1000000000000000055511151231257827", 0.1),
        ] {
            assert_eq!(parse(text), Some(value), "{text:?}");
        }
        assert!(parse("-0").is_some_and(|zero| zero.to_bits() == (-0.0_f64).to_bits()));
        assert!(["nan", "NaN", "-nan", "+NAN"].iter().all(|text| parse(text).unwrap().is_nan()));
    }

    #[test]
    fn refuses_what_python_refuses() {
        for text in [
            "",
            " ",
            "x",
            "_1",
            "1_",
            "1__0",
            "1_.0",
            "1._0",
            "1e_5",
            "1_e5",
            "+_1",
            "0x10",
            "0x1p3",
            "1,5",
            "1 000",
            "- 5",
            "--5",
            "e5",
            ".",
            "-",
            "+",
            "infin",
            "in_f",
            "1e",
            "1e+",
            "nan(1)",
            "14.2f",
            "1\u{200b}",
            "½",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
