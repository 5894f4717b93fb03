//! The bins of a histogram, as in numpy's `histogram`.
//!
//! Edges of equal bins are those of `numpy.linspace(min, max, bins + 1)`. A value belongs
//! to the bin whose edges enclose it, even if arithmetic gives another one, so that
//! counts and edges agree to the last bit (numpy/lib/_histograms_impl.py and
//! numpy/_core/function_base.py).

/// The edges of bins, which are equal or given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Edges {
    /// Strictly increasing, one more than there are bins. If f64 cannot separate equal
    /// bins: the two ends of a single bin.
    edges: Vec<f64>,
    /// In equal bins `(value * scale - start) * per_bin` is approximately the number of a
    /// value's bin.
    scale: f64,
    start: f64,
    per_bin: f64,
}

impl Edges {
    /// `bins` equal bins, at least one, from `min` to `max`, which are finite and in this
    /// order. If both are equal, the bins reach from half below to half above.
    pub(crate) fn equal(min: f64, max: f64, bins: usize) -> Self {
        let bins = bins.max(1);
        let (low, high) = if min == max { (min - 0.5, max + 0.5) } else { (min, max) };
        let mut edges = equal_edges(low, high, bins);
        if !increase(&edges) {
            edges = vec![min, max];
        }
        Self::between(low, high, edges)
    }

    /// Bins with these edges; `None` unless there are at least two, all of them
    /// finite and each larger than the one before.
    pub(crate) fn given(edges: Vec<f64>) -> Option<Self> {
        let [low, .., high] = edges[..] else { return None };
        let sound = edges.iter().all(|edge| edge.is_finite()) && increase(&edges);
        sound.then(|| Self::between(low, high, edges))
    }

    fn between(low: f64, high: f64, edges: Vec<f64>) -> Self {
        let scale = match high - low {
            width if !width.is_finite() => 0.5,
            // 2^200, so that dividing by the width does not overflow.
            width if width < 1e-290 => f64::from_bits((1023 + 200) << 52),
            _ => 1.0,
        };
        let start = low * scale;
        let per_bin = (edges.len() - 1) as f64 / (high * scale - start);
        Self { edges, scale, start, per_bin }
    }

    /// How many bins there are: one if f64 cannot separate equal bins.
    pub(crate) fn bins(&self) -> usize {
        self.edges.len() - 1
    }

    /// The bin that holds `value`: the one with `edges[bin] <= value` and
    /// `value < edges[bin + 1]`, the last one with its right edge; `None` outside.
    pub(crate) fn index_of(&self, value: f64) -> Option<usize> {
        let last = self.bins() - 1;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a guess, checked below; to u32 it is one instruction"
        )]
        let guess = ((value * self.scale - self.start) * self.per_bin) as u32 as usize;
        let guess = guess.min(last);
        if self.edges[guess] <= value && value < self.edges[guess + 1] {
            return Some(guess);
        }
        // The largest value, unequal bins, or a guess that rounding moved to the
        // neighbouring bin.
        if !(self.edges[0] <= value && value <= self.edges[last + 1]) {
            return None;
        }
        let begun = self.edges.partition_point(|edge| *edge <= value);
        Some((begun - 1).min(last))
    }

    /// Whether no value from `min` to `max` is in a bin.
    pub(crate) fn miss(&self, min: f64, max: f64) -> bool {
        max < self.edges[0] || self.edges[self.bins()] < min
    }

    /// The edges, one more than there are bins.
    pub(crate) fn into_vec(self) -> Vec<f64> {
        self.edges
    }
}

fn increase(edges: &[f64]) -> bool {
    edges.is_sorted_by(|left, right| left < right)
}

/// `numpy.linspace(low, high, bins + 1)`, also where `high - low` overflows.
fn equal_edges(low: f64, high: f64, bins: usize) -> Vec<f64> {
    let halved = !(high - low).is_finite();
    let (start, width) =
        if halved { (low / 2.0, high / 2.0 - low / 2.0) } else { (low, high - low) };
    let step = width / bins as f64;
    let edge = |number: usize| {
        // A subnormal width may divide to zero; numpy then also divides first.
        let offset =
            if step == 0.0 { number as f64 / bins as f64 * width } else { number as f64 * step };
        if halved { (offset + start) * 2.0 } else { offset + start }
    };
    (0..bins).map(edge).chain([high]).collect()
}

#[cfg(test)]
mod tests;
