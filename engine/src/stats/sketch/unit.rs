//! The unit in which a column's values are counted, and the values of each bucket.
//!
//! Buckets are HdrHistogram's for three digits: one unit wide below 2,048 units, and
//! 1,024 of them for each further power of two. They are numbered from zero by their
//! *index*; a *place* is an index with a sign.

/// The buckets of each power of two.
const BUCKETS_OF_A_POWER: u64 = 1 << BUCKET_BITS;
const BUCKET_BITS: u32 = 10;
/// The most bits of an integer, one less than HdrHistogram supports.
pub(super) const INTEGER_BITS: u32 = 62;
/// The largest number of decimals. Powers of ten up to this one are exact in f64.
pub(crate) const DECIMALS_MAX: u8 = 22;
pub(crate) const POWERS_OF_TEN: [f64; DECIMALS_MAX as usize + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
/// The smallest f64 is 2 to this power.
pub(super) const EXPONENT_MIN: i32 = -1074;
pub(super) const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;

/// The unit in which the values of a column are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    /// 10^-d, with d at most [`DECIMALS_MAX`]. Every value is `n as f64 / 10^d` for an integer n.
    Decimal(u8),
    /// 2^-1074, so that every f64 is an integer.
    Binary,
}

impl Unit {
    /// 10^d; `None` for a binary unit.
    pub(super) fn power_of_ten(self) -> Option<f64> {
        match self {
            Self::Decimal(decimals) => Some(POWERS_OF_TEN[usize::from(decimals)]),
            Self::Binary => None,
        }
    }

    /// The place of the highest bucket. The lowest has -1 minus it.
    pub(super) fn place_max(self) -> i32 {
        place(false, self.index_max())
    }

    /// The lowest and the highest value of the bucket at a place. Beyond the last place
    /// they are those of the last bucket.
    pub(super) fn values_at(self, place: i32) -> (f64, f64) {
        let negative = place < 0;
        let index = if negative { !place } else { place };
        let index = u64::from(index.unsigned_abs()).min(self.index_max());
        let (near, far) = if let Some(per_unit) = self.power_of_ten() {
            let (lowest, highest) = (lowest_of(index), lowest_of(index + 1) - 1);
            (lowest as f64 / per_unit, highest as f64 / per_unit)
        } else {
            let (lowest, highest) = (lowest_bits_of(index), lowest_bits_of(index + 1) - 1);
            (f64::from_bits(lowest), f64::from_bits(highest))
        };
        if negative { (-far, -near) } else { (near, far) }
    }

    fn index_max(self) -> u64 {
        match self {
            Self::Decimal(_) => index_of((1 << INTEGER_BITS) - 1),
            Self::Binary => FIRST_NORMAL + (f64::MAX.to_bits() >> (FRACTION_BITS - BUCKET_BITS)),
        }
    }
}

/// The place of the bucket with this index. Places are in the order of the values.
pub(super) fn place(negative: bool, index: u64) -> i32 {
    let index = i32::try_from(index).expect("an index has at most 22 bits");
    if negative { !index } else { index }
}

/// The index of the bucket that counts this integer.
pub(super) fn index_of(units: u64) -> u64 {
    let shift = units.checked_ilog2().unwrap_or(0).saturating_sub(BUCKET_BITS);
    u64::from(shift) * BUCKETS_OF_A_POWER + (units >> shift)
}

/// The lowest integer that the bucket with this index counts.
pub(super) fn lowest_of(index: u64) -> u64 {
    let shift = (index >> BUCKET_BITS).saturating_sub(1);
    (index - shift * BUCKETS_OF_A_POWER) << shift
}

/// The index of the same bucket in a unit 2^powers times as small. The bucket counts
/// zero, or integers of at least 1,024.
pub(super) fn index_in_smaller_unit(index: u64, powers: u64) -> u64 {
    if index == 0 { 0 } else { index + powers * BUCKETS_OF_A_POWER }
}

/// The exponent of a normal number and the ten leading bits of its fraction, read as an
/// integer, plus this are its index in units of 2^-1074.
const FIRST_NORMAL: u64 = (FRACTION_BITS - BUCKET_BITS) as u64 * BUCKETS_OF_A_POWER;

/// The bits of the smallest magnitude in a bucket of 2^-1074. The bits of a subnormal
/// number are the integer itself.
fn lowest_bits_of(index: u64) -> u64 {
    if index < FIRST_NORMAL + BUCKETS_OF_A_POWER {
        lowest_of(index)
    } else {
        (index - FIRST_NORMAL) << (FRACTION_BITS - BUCKET_BITS)
    }
}

#[cfg(test)]
mod tests;
