//! Times of a whole chunk that are one fixed step apart, as an import or a simulator gives
//! them: the first and the step are all that is stored.

use crate::format::{CHUNK, LEAF};

/// Times that are a fixed step apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    /// The time of the chunk's first observation.
    first: i64,
    /// From each time to the next.
    step: i64,
}

impl Steps {
    /// `None` unless these are the times of all observations of a chunk, and in steps.
    pub(super) fn of(times: &[i64]) -> Option<Self> {
        let [first, second, ..] = *times else { return None };
        let step = second.checked_sub(first)?;
        let is_step = |pair: &[i64]| pair[0].checked_add(step) == Some(pair[1]);
        let is_whole = times.len() as u64 == CHUNK;
        (is_whole && times.windows(2).all(is_step)).then_some(Self { first, step })
    }

    /// The meta of the column, whose pages are empty.
    pub(super) fn encode(self) -> Vec<u8> {
        [self.first.to_le_bytes(), self.step.to_le_bytes()].concat()
    }

    /// `None` if the times would go beyond the range of times.
    pub(super) fn decode(meta: &[u8]) -> Option<Self> {
        let (first, step) = meta.split_first_chunk()?;
        let (first, step) = (i64::from_le_bytes(*first), i64::from_le_bytes(step.try_into().ok()?));
        let last = i128::from(first) + i128::from(CHUNK - 1) * i128::from(step);
        i64::try_from(last).ok().map(|_| Self { first, step })
    }

    /// Fills `into` with the times of a leaf; `None` if its page holds something.
    pub(super) fn fill(self, leaf: u64, page: &[u8], into: &mut [i64]) -> Option<()> {
        let before = (leaf * LEAF).cast_signed();
        let mut next = self.first.wrapping_add(before.wrapping_mul(self.step));
        for time in into {
            *time = next;
            next = next.wrapping_add(self.step);
        }
        page.is_empty().then_some(())
    }
}
