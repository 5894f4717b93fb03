//! Mean and variance without loss, within a leaf and between leaves.
//!
//! - Within a leaf: the corrected two-pass algorithm (Chan, Golub, LeVeque,
//!   "Algorithms for computing the sample variance: analysis and
//!   recommendations", The American Statistician 37, 1983), about a centre that is
//!   itself found from shifted values. Welford's running update (Technometrics 4,
//!   1962) is as exact on shifted values, but has a division an observation, each
//!   waiting for the one before: ten times the time.
//! - Between leaves: the pairwise update of the same authors ("Updating formulae
//!   and a pairwise algorithm for computing sample variances", STAN-CS-79-773,
//!   1979), with the mean as an unevaluated sum of two f64 (T. J. Dekker, "A
//!   floating-point technique for extending the available precision", Numerische
//!   Mathematik 18, 1971). A single f64 would round an offset like that of
//!   1e9 ± 1e-3 anew in every merge.
//!
//! Nothing is fused into `mul_add`, and every sum is added in one fixed order, so that
//! results are the same bits on every machine.

/// Mean and sum of squared deviations of a run.
#[derive(Clone, Copy)]
pub(super) struct Moments {
    pub(super) mean: Pair,
    /// Sum of the squared deviations from the mean, never negative.
    pub(super) m2: f64,
}

impl Moments {
    /// The moments of at least one item. Inlining it for each scale of a summary would
    /// take 1.25 times as long.
    #[inline(never)]
    pub(super) fn of<T>(items: &[T], value_of: impl Fn(&T) -> f64) -> Self {
        let count = items.len() as f64;
        let start = items.first().map_or(0.0, &value_of);
        // Any centre near the mean will do. The sum is of differences from the first
        // value, so that a large common offset costs no digits, and the centre of equal
        // values is exactly that value.
        let mut shifted = [0.0; LANES];
        each_row(items, &value_of, start, |row| {
            for (shifted, value) in shifted.iter_mut().zip(row) {
                *shifted += value - start;
            }
        });
        let centre = start + sum(shifted) / count;

        let (mut deviations, mut squares) = ([0.0; LANES], [0.0; LANES]);
        each_row(items, &value_of, centre, |row| {
            let row = row.map(|value| value - centre);
            for (deviations, deviation) in deviations.iter_mut().zip(row) {
                *deviations += deviation;
            }
            for (squares, deviation) in squares.iter_mut().zip(row) {
                *squares += deviation * deviation;
            }
        });
        let deviation = sum(deviations);
        // By Cauchy and Schwarz not negative, except for rounding.
        let m2 = (sum(squares) - deviation * deviation / count).max(0.0);
        Self { mean: Pair::sum(centre, deviation / count), m2 }
    }

    /// The moments of a run of at least one observation and the run to its right.
    pub(super) fn merge(left: Self, left_count: u64, right: Self, right_count: u64) -> Self {
        let (left_count, right_count) = (left_count as f64, right_count as f64);
        let count = left_count + right_count;
        let difference = right.mean.minus(left.mean);
        let gap = difference.hi;
        // Starting from the longer run keeps the step, and so its rounding, small.
        let mean = if left_count >= right_count {
            left.mean.plus(difference.times(right_count / count))
        } else {
            right.mean.plus(difference.times(-left_count / count))
        };
        let between = gap * gap * (left_count * (right_count / count));
        Self { mean, m2: left.m2 + right.m2 + between }
    }
}

/// Partial sums that are kept side by side, so that no addition waits for the one before.
/// The number is part of the format: another one gives other bits.
pub(super) const LANES: usize = 8;

/// Calls `step` with as many values at a time as there are lanes. The last row is filled
/// up with `padding`, which must not change the result.
#[inline(always)]
pub(super) fn each_row<T>(
    items: &[T],
    value_of: impl Fn(&T) -> f64,
    padding: f64,
    mut step: impl FnMut([f64; LANES]),
) {
    let (rows, rest) = items.as_chunks::<LANES>();
    for row in rows {
        step(row.each_ref().map(&value_of));
    }
    if !rest.is_empty() {
        let mut row = [padding; LANES];
        for (value, item) in row.iter_mut().zip(rest) {
            *value = value_of(item);
        }
        step(row);
    }
}

/// The sum of the lanes, always by the same tree of additions.
fn sum(lanes: [f64; LANES]) -> f64 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// An unevaluated sum of two f64, the second at most half a unit in the last
/// place of the first: a number of 106 bits ("double-double").
#[derive(Clone, Copy)]
pub(super) struct Pair {
    pub(super) hi: f64,
    pub(super) lo: f64,
}

impl Pair {
    /// a + b exactly, whichever is larger: Knuth, The Art of Computer
    /// Programming, volume 2, section 4.2.2, theorem B ("two-sum").
    fn sum(a: f64, b: f64) -> Self {
        let hi = a + b;
        let b_seen = hi - a;
        let a_seen = hi - b_seen;
        Self { hi, lo: (a - a_seen) + (b - b_seen) }
    }

    /// The sum to about 2^-104 of the larger summand (Dekker 1971, "add2").
    fn plus(self, other: Self) -> Self {
        let sum = Self::sum(self.hi, other.hi);
        Self::sum(sum.hi, sum.lo + (self.lo + other.lo))
    }

    fn minus(self, other: Self) -> Self {
        self.plus(Self { hi: -other.hi, lo: -other.lo })
    }

    /// The product, rounded to f64 once or nearly so. The partial products are exact
    /// (Dekker 1971, "mul12"), so neither factor may be near the end of f64's range.
    pub(super) fn rounded_product(self, factor: f64) -> f64 {
        let product = self.hi * factor;
        let ((a, b), (c, d)) = (halves(self.hi), halves(factor));
        let error = b * d - (((product - a * c) - b * c) - a * d);
        product + (error + self.lo * factor)
    }

    /// The product, each half rounded; exact where the factor is a power of two.
    pub(super) fn times(self, factor: f64) -> Self {
        Self { hi: self.hi * factor, lo: self.lo * factor }
    }
}

/// A number as the sum of two of 26 bits (Veltkamp's splitting, in Dekker 1971).
fn halves(number: f64) -> (f64, f64) {
    let shifted = number * 134_217_729.0; // 2^27 + 1
    let high = shifted - (shifted - number);
    (high, number - high)
}
