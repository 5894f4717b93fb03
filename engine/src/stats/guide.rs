//! Where in the order the values lie, to three digits: what tells an exact
//! quantile which values are worth looking at.
//!
//! A [`Guide`] counts values in two HdrHistograms, one for each sign, of the
//! integers `floor(|x| * 2^k)`. The bits of a float are never fed to it: their
//! order is logarithmic already, and HdrHistogram would round it so again. `2^k`
//! is a unit that suits the data; being a power of two it makes scaling exact.
//!
//! A bucket is 1/1,024 of a power of two wide, or one unit where that is wider.
//! So of two buckets of guides with different units one lies within the other, or
//! they are apart; [`Buckets`](super::buckets::Buckets) adds them up.

use hdrhistogram::Histogram;

use super::counts::{Counts, Entry};

/// Three significant digits: of 2,048 buckets, the upper 1,024 are repeated for
/// every further power of two.
const DIGITS: u8 = 3;
/// The largest value seen when the unit is chosen is given 40 bits: 29 powers of
/// two below it keep three digits, and 22 above it are room for growth.
const BITS_AT_FIRST: i32 = 40;
/// One bit below what HdrHistogram's iterators can carry.
pub(super) const VALUE_LIMIT: u64 = 1 << 62;
/// The unit is then the smallest f64, and finer ones would divide nothing.
pub(super) const SCALE_MAX: i32 = 1074;
/// f64::MAX has 40 bits.
pub(super) const SCALE_MIN: i32 = BITS_AT_FIRST - 1024;

/// Counts of values by sign and magnitude, to three significant digits.
#[derive(Clone, Debug)]
pub(crate) struct Guide {
    /// Magnitudes are counted in units of 2^-scale_exponent.
    scale_exponent: i32,
    positive: Histogram<u64>,
    negative: Histogram<u64>,
}

impl Guide {
    /// An empty guide for values whose largest magnitude is, so far, `max_abs`.
    pub(crate) fn for_magnitude(max_abs: f64) -> Self {
        // Zeros alone say nothing of what will follow; 1.0 is as good as any.
        let max_abs = if max_abs > 0.0 { max_abs } else { 1.0 };
        let (mantissa, exponent) = parts(max_abs);
        let bits = exponent + 64 - mantissa.leading_zeros().cast_signed();
        Self::with_scale((BITS_AT_FIRST - bits).clamp(SCALE_MIN, SCALE_MAX))
    }

    /// A guide to nothing yet, in the units of these counts.
    pub(crate) fn in_units_of(counts: &Counts) -> Self {
        Self::with_scale(counts.scale_exponent())
    }

    /// The guide that has these counts, to record further values.
    pub(crate) fn going_on(counts: &Counts) -> Self {
        let mut guide = Self::in_units_of(counts);
        // The largest first, so that a side grows once.
        for entry in counts.entries().iter().rev() {
            guide.record_n(entry.negative, entry.lowest, entry.count);
        }
        guide
    }

    /// What it has counted.
    pub(crate) fn counts(&self) -> Counts {
        Counts::of(self)
    }

    fn with_scale(scale_exponent: i32) -> Self {
        Self { scale_exponent, positive: histogram(), negative: histogram() }
    }

    /// Whether `value` would be counted to three digits (or to one unit) instead
    /// of among all that is too large. If not, a new guide serves better.
    pub(crate) fn fits(&self, value: f64) -> bool {
        self.in_units(value) < VALUE_LIMIT
    }

    /// Counts `value`. One that does not fit is counted in the topmost bucket,
    /// which has no upper end.
    pub(crate) fn record(&mut self, value: f64) {
        let units = self.in_units(value).min(VALUE_LIMIT - 1);
        self.record_n(value.is_sign_negative(), units, 1);
    }

    fn record_n(&mut self, negative: bool, units: u64, count: u64) {
        let side = if negative { &mut self.negative } else { &mut self.positive };
        side.record_n(units, count).expect("an automatic resize below 2^62 fits in memory");
    }

    /// k, where the unit is 2^-k.
    pub(super) fn scale_exponent(&self) -> i32 {
        self.scale_exponent
    }

    /// The buckets that hold something: negative ones, then positive ones, each
    /// by increasing magnitude.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        [(true, &self.negative), (false, &self.positive)].into_iter().flat_map(
            |(negative, side)| {
                side.iter_recorded().map(move |bucket| Entry {
                    negative,
                    lowest: side.lowest_equivalent(bucket.value_iterated_to()),
                    count: bucket.count_at_value(),
                })
            },
        )
    }

    /// `floor(|value| * 2^k)`, exactly; `u64::MAX` where that is 2^62 or more.
    fn in_units(&self, value: f64) -> u64 {
        let (mantissa, exponent) = parts(value);
        let shift = exponent + self.scale_exponent;
        if shift <= 0 {
            return mantissa.checked_shr(shift.unsigned_abs()).unwrap_or(0);
        }
        let room = mantissa.leading_zeros().cast_signed() - 2;
        if mantissa == 0 || shift <= room { mantissa << shift.min(63) } else { u64::MAX }
    }
}

fn histogram() -> Histogram<u64> {
    // 16 KiB; grows as far as the largest value needs, at most to 424 KiB.
    let mut histogram = Histogram::new_with_bounds(1, 2, DIGITS).expect("1 and 2 are valid bounds");
    histogram.auto(true);
    histogram
}

/// m and e of |value| = m * 2^e, m below 2^53.
fn parts(value: f64) -> (u64, i32) {
    const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
    let bits = value.abs().to_bits();
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    match i32::try_from(bits >> FRACTION_BITS).expect("eleven bits") {
        0 => (fraction, -1074),
        exponent => (fraction | 1 << FRACTION_BITS, exponent - 1075),
    }
}

/// 2^exponent, for exponents from -1074 to 1023.
pub(super) fn power_of_two(exponent: i32) -> f64 {
    match u64::try_from(exponent + 1023) {
        Ok(biased) if biased > 0 => f64::from_bits(biased << 52),
        // 2^(exponent + 1074) is at most 2^52 here.
        _ => f64::from_bits(1) * power_of_two(exponent + 1074),
    }
}

#[cfg(test)]
mod tests;
