//! Sizes as people write them: `500MB`, `1GiB`.

use crate::figures::figure;

/// The units, the longer names first.
const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// Reads a size in bytes; the error says what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let unit = UNITS.iter().find_map(|(name, bytes)| Some((text.strip_suffix(name)?, *bytes)));
    let Some((number, bytes)) = unit else {
        let why = if text.parse::<f64>().is_ok() { "it has no unit" } else { "no size" };
        return Err(format!("{why}; write something like 500MB or 1GiB"));
    };
    let number: u64 = number
        .trim()
        .parse()
        .map_err(|_| "no size; write a whole number, such as 500MB or 1GiB".to_owned())?;
    number.checked_mul(bytes).ok_or_else(|| "more bytes than any disk has".to_owned())
}

/// A size for people: `512 B`, `1.5 MiB`.
pub(crate) fn text(bytes: u64) -> String {
    let binary = UNITS[..4].iter().rev().find(|(_, unit)| bytes >= *unit);
    match binary {
        Some((name, unit)) => format!("{} {name}", figure(bytes as f64 / *unit as f64, 3)),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_printed_for_people() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536 << 10, "1.5 MiB"),
            (7 << 30, "7 GiB"),
            (5 << 41, "10 TiB"),
        ] {
            assert_eq!(text(bytes), expected);
        }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in
            [("1GiB", 1 << 30), ("500MB", 500_000_000), (" 64 KiB ", 65_536), ("7B", 7), ("0B", 0)]
        {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "5", "5g", "MB", "-1MB", "1.5GB", "99999999999TiB"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
