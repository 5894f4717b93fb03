//! The sketch of a column: how many of its values lie where, to three significant digits
//! at any magnitude.
//!
//! Two HdrHistograms, one for each sign, count the values as integers in the column's own
//! unit. The bits of a float are never fed to them: those are logarithmic already, and
//! HdrHistogram would round them logarithmically again.
//!
//! A bucket is 1/1,024 of a power of two wide, or one unit where that is wider. Each
//! bucket of a decimal below 2,048 units holds one value only. Zero has a bucket of
//! its own.

use hdrhistogram::Histogram;

use super::moments::{LANES, each_row};
use super::summary::extremes;
use unit::{EXPONENT_MIN, FRACTION_BITS, INTEGER_BITS, index_in_smaller_unit, index_of, place};

mod buckets;
mod bytes;
mod unit;

pub(crate) use buckets::Buckets;
pub(crate) use unit::{DECIMALS_MAX, POWERS_OF_TEN, Unit};

/// A binary unit is chosen so that the smallest magnitude has 11 bits. From that
/// magnitude on, a bucket is 1/1,024 of its values or less.
const POWERS_BELOW_SMALLEST: i32 = 10;
const SIGNIFICANT_DIGITS: u8 = 3;

/// The counts of a column's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sketch {
    unit: Unit,
    /// In the order of their places. None is empty.
    cells: Vec<Cell>,
    count: u64,
}

/// A bucket's place and the number of values in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    place: i32,
    count: u32,
}

impl Sketch {
    /// Counts finite values in this unit. A decimal of more than 2^50 units may be
    /// counted one unit too high or too low.
    pub(crate) fn of(values: &[f64], unit: Unit) -> Self {
        let mut cells = match unit.power_of_ten() {
            Some(per_unit) => decimal_cells(values, per_unit),
            None => binary_cells(values),
        };
        // They are in order already, except those of several binary units.
        cells.sort_unstable_by_key(|cell| cell.place);
        Self { unit, cells, count: values.len() as u64 }
    }

    /// The number of values.
    #[cfg(test)]
    pub(crate) fn count(&self) -> u64 {
        self.count
    }
}

fn decimal_cells(values: &[f64], per_unit: f64) -> Vec<Cell> {
    // Rounded by truncating: finding the nearest integer is a function call on older
    // processors.
    let units = |magnitude: f64| integer(magnitude * per_unit + 0.5);
    let (negative, positive) = largest(values);
    let mut sides = Sides::new(units(negative), units(positive));
    for value in values {
        sides.record(*value, units(value.abs()));
    }
    sides.cells(0).collect()
}

fn binary_cells(values: &[f64]) -> Vec<Cell> {
    let mut cells = Vec::new();
    let (negative, positive) = largest(values);
    // From the smallest magnitudes on, in one pass unless one is 2^52 times another.
    let mut from = 0.0;
    loop {
        let exponent = match exponent_bits(smallest(values, from)) {
            0 => EXPONENT_MIN,
            biased => biased - EXPONENT_BIAS - POWERS_BELOW_SMALLEST,
        };
        let end = power_of_two(exponent + INTEGER_BITS.cast_signed());
        // In two factors, since 2^1074 is beyond f64.
        let first = power_of_two(-exponent / 2);
        let second = power_of_two(-exponent / 2 - exponent % 2);
        let units = |magnitude: f64| integer(magnitude * first * second);
        let mut sides = Sides::new(units(negative), units(positive));
        for value in values {
            let magnitude = value.abs();
            if from <= magnitude && magnitude < end {
                sides.record(*value, units(magnitude));
            }
        }
        let powers = u64::from((exponent - EXPONENT_MIN).unsigned_abs());
        cells.extend(sides.cells(powers));
        if negative.max(positive) < end {
            return cells;
        }
        from = end;
    }
}

/// The largest magnitude of a negative value, and that of a positive one; 0 if there is none.
fn largest(values: &[f64]) -> (f64, f64) {
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let (min, max) = extremes(values);
    (min.min(0.0).abs(), max.max(0.0))
}

/// The smallest magnitude from `from` on, except zero; infinite if there is none.
fn smallest(values: &[f64], from: f64) -> f64 {
    let from = from.max(f64::from_bits(1));
    let mut smallest = [f64::INFINITY; LANES];
    each_row(values, f64::clone, 0.0, |row| {
        for (smallest, value) in smallest.iter_mut().zip(row) {
            let magnitude = value.abs();
            let counted = if magnitude >= from { magnitude } else { f64::INFINITY };
            *smallest = if counted < *smallest { counted } else { *smallest };
        }
    });
    smallest.into_iter().fold(f64::INFINITY, f64::min)
}

/// Two HdrHistograms, one for each sign.
struct Sides([Histogram<u32>; 2]);

impl Sides {
    /// For integers up to these maxima.
    fn new(negative_max: u64, positive_max: u64) -> Self {
        Self([positive_max, negative_max].map(|max| {
            Histogram::new_with_bounds(1, max.max(2), SIGNIFICANT_DIGITS)
                .expect("three digits of at most 62 bits are in HdrHistogram's range")
        }))
    }

    fn record(&mut self, value: f64, units: u64) {
        self.0[usize::from(value.is_sign_negative())].saturating_record(units);
    }

    /// The buckets that hold values, in order, in a unit 2^powers times as small.
    fn cells(&self, powers: u64) -> impl Iterator<Item = Cell> {
        let of_side = |negative: bool| -> Vec<Cell> {
            let buckets = self.0[usize::from(negative)].iter_recorded();
            let cells = buckets.map(|bucket| {
                let index = index_in_smaller_unit(index_of(bucket.value_iterated_to()), powers);
                Cell { place: place(negative, index), count: bucket.count_at_value() }
            });
            cells.collect()
        };
        of_side(true).into_iter().rev().chain(of_side(false))
    }
}

/// The integer part, kept below 2^62.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "magnitudes; the cast to i64 is one instruction, and saturates"
)]
fn integer(magnitude: f64) -> u64 {
    (magnitude as i64 as u64).min((1 << INTEGER_BITS) - 1)
}

const EXPONENT_BIAS: i32 = 1023;

/// The exponent's eleven bits of a magnitude.
fn exponent_bits(magnitude: f64) -> i32 {
    i32::try_from(magnitude.to_bits() >> FRACTION_BITS).expect("eleven bits")
}

/// 2^exponent, for exponents from -1022; infinite beyond 1023.
fn power_of_two(exponent: i32) -> f64 {
    let biased = u64::try_from(exponent + EXPONENT_BIAS).expect("a normal number");
    f64::from_bits(biased.min(2047) << FRACTION_BITS)
}

#[cfg(test)]
mod tests;
