//! Values that are decimals, as integers.

use crate::stats::sketch::{DECIMALS_MAX, POWERS_OF_TEN};

/// Up to this magnitude every integer is an f64.
const INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// The smallest number of decimals `d` for which every value is, bit for bit, an integer
/// divided by 10^d, and these integers. −0.0 is no decimal.
pub(crate) fn of_values(values: &[f64]) -> Option<(u8, Vec<i64>)> {
    let mut integers = Vec::with_capacity(values.len());
    // The value that failed with fewer digits is tried first with more.
    let mut hardest = 0;
    for decimals in 0..=DECIMALS_MAX {
        if values.get(hardest).is_some_and(|value| integer_of(*value, decimals).is_none()) {
            continue;
        }
        integers.clear();
        integers.extend(values.iter().map_while(|value| integer_of(*value, decimals)));
        if integers.len() == values.len() {
            return Some((decimals, integers));
        }
        hardest = integers.len();
    }
    None
}

fn integer_of(value: f64, decimals: u8) -> Option<i64> {
    let rounded = (value * POWERS_OF_TEN[usize::from(decimals)]).round();
    if rounded.abs() > INTEGER_MAX {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "an integer within 53 bits")]
    let integer = rounded as i64;
    (value_of(integer, decimals).to_bits() == value.to_bits()).then_some(integer)
}

/// The value of an integer.
fn value_of(integer: i64, decimals: u8) -> f64 {
    integer as f64 / POWERS_OF_TEN[usize::from(decimals)]
}

/// Fills `into` with the values of `integers`.
pub(super) fn to_values(integers: &[i64], decimals: u8, into: &mut [f64]) {
    for (integer, value) in integers.iter().zip(into) {
        *value = value_of(*integer, decimals);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_number_of_decimals_is_found() {
        let cases: [(&[f64], Option<u8>); 9] = [
            (&[1.0, -3.0, 9_007_199_254_740_992.0], Some(0)),
            (&[0.1, 0.2, 0.3], Some(1)),
            (&[1.0, 0.25], Some(2)),
            (&[1e-15], Some(15)),
            (&[1e-22], Some(22)),
            (&[0.0, -0.0], None),
            (&[0.1 + 0.2], None),
            (&[f64::MAX], None),
            (&[5e-324], None),
        ];
        for (values, decimals) in cases {
            let found = of_values(values);
            assert_eq!(found.as_ref().map(|(decimals, _)| *decimals), decimals, "{values:?}");
            if let Some((decimals, integers)) = found {
                let mut again = vec![0.0; values.len()];
                to_values(&integers, decimals, &mut again);
                assert_eq!(again, values);
            }
        }
    }
}
