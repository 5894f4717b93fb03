//! Numbers as people read them.

/// The decimal exponent of a finite number: 0 for 1 to 9.99…, −310 for 1e-310.
pub(super) fn exponent(value: f64) -> i32 {
    // Printing is exact where a logarithm is off by one at powers of ten.
    let text = format!("{value:e}");
    text.split_once('e').and_then(|(_, digits)| digits.parse().ok()).unwrap_or(0)
}

/// A count with thousands separators.
pub(super) fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// Fixed decimals, with thousands separators and a true minus sign.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let digits = text.trim_start_matches('-');
    let negative = text.starts_with('-') && digits.contains(|c| ('1'..='9').contains(&c));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let sign = if negative { "−" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{fraction}", grouped(whole))
}

/// A statistic: four significant digits, and more where `resolution` (say, the
/// standard deviation) is so small that they would hide it; no trailing zeros.
/// Digits before the decimal point are never rounded away.
pub(super) fn figure(value: f64, resolution: Option<f64>) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let size = exponent(value);
    let finer = match resolution {
        Some(fine) if fine > 0.0 => size.saturating_sub(exponent(fine)).saturating_add(2),
        _ => 0,
    };
    // 17 digits tell any two f64 apart.
    let digits = finer.clamp(4, 17);
    if (-4..15).contains(&size) {
        let decimals = usize::try_from(digits - 1 - size).unwrap_or(0);
        trimmed(fixed(value, decimals))
    } else {
        scientific(value, usize::try_from(digits - 1).unwrap_or(3))
    }
}

/// A value with all the digits that tell it from its neighbours.
pub(super) fn exact(value: f64) -> String {
    let text = format!("{value:e}");
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    match power.parse::<i32>().unwrap_or(0) {
        size @ -5..15 => {
            let decimals = i32::try_from(digits).unwrap_or(0) - size;
            fixed(value, usize::try_from(decimals).unwrap_or(0))
        }
        _ => scientific(value, digits),
    }
}

/// `1.234 × 10⁻³¹⁰`, without trailing zeros.
pub(super) fn scientific(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$e}");
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = trimmed(mantissa.replace('-', "−"));
    format!("{mantissa} × {}", power_of_ten(power.parse().unwrap_or(0)))
}

/// `10⁻³`.
pub(super) fn power_of_ten(power: i32) -> String {
    let raised = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        _ => c.to_digit(10).and_then(|d| char::from_u32(0x2070 + d)).unwrap_or(c),
    };
    std::iter::once("10".to_owned())
        .chain(power.to_string().chars().map(|c| raised(c).to_string()))
        .collect()
}

/// Without zeros at the end of its decimals.
pub(super) fn trimmed(text: String) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_four_digits_and_no_trailing_zeros() {
        for (value, text) in [
            (14.480742088585053, "14.48"),
            (3.4984410371557395, "3.498"),
            (14.0, "14"),
            (0.5, "0.5"),
            (-0.0, "0"),
            (-2.5, "−2.5"),
            (0.0001234567, "0.0001235"),
            (123456.789, "123,457"),
            (99999.99, "100,000"),
            (1e15, "1 × 10¹⁵"),
            (1.7976931348623157e308, "1.798 × 10³⁰⁸"),
            (-1e-310, "−1 × 10⁻³¹⁰"),
        ] {
            assert_eq!(figure(value, None), text);
        }
    }

    #[test]
    fn a_small_deviation_shows_in_the_digits_of_the_mean() {
        assert_eq!(figure(1e9 + 0.00027, Some(1e-3)), "1,000,000,000.0003");
        assert_eq!(figure(14.123456, Some(2.0)), "14.12");
        assert_eq!(figure(5.0, Some(1e-300)), "5");
    }

    #[test]
    fn a_value_in_words_has_all_its_digits() {
        for (value, text) in [
            (21.5, "21.5"),
            (-0.0, "0"),
            (1e12 + 0.125, "1,000,000,000,000.125"),
            (-1e-9, "−1 × 10⁻⁹"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1500.0, "1,500"),
        ] {
            assert_eq!(exact(value), text);
        }
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(7), "7");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn nothing_is_minus_zero() {
        assert_eq!(fixed(-0.0001, 2), "0.00");
        assert_eq!(fixed(-1234.5, 1), "−1,234.5");
    }

    #[test]
    fn exponents_are_exact_at_powers_of_ten() {
        for power in -323..=308 {
            let value: f64 = format!("1e{power}").parse().expect("a number");
            assert_eq!(exponent(value), power);
        }
        assert_eq!(exponent(5e-324), -324);
    }
}
