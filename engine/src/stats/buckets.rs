//! How many values lie where, over any number of guides: apart from each other
//! and in order.

use super::counts::{Bucket, Counts};
use super::order;

/// So that memory stays below 4 MiB however differently scaled the guides are.
const BUCKETS_MAX: usize = 1 << 16;

/// Counts of values in intervals that do not overlap.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buckets {
    /// In order.
    buckets: Vec<Bucket>,
}

impl Buckets {
    /// Adds counts, whatever their unit. Where buckets overlap, one
    /// that spans them all takes their place.
    pub(crate) fn add(&mut self, counts: &Counts) {
        self.buckets.reserve(counts.entries().len());
        self.buckets.extend(counts.buckets());
        // Two sorted runs, which the stable sort takes as such.
        self.buckets.sort_by_key(|bucket| order::key(bucket.low));
        self.buckets.dedup_by(|next, kept| {
            let overlaps = order::key(next.low) <= order::key(kept.high);
            if overlaps {
                *kept = spanning(*kept, next);
            }
            overlaps
        });
        while self.buckets.len() > BUCKETS_MAX {
            let pairs = self.buckets.chunks(2);
            self.buckets = pairs.map(|pair| pair[1..].iter().fold(pair[0], spanning)).collect();
        }
    }

    /// How many values there are.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |count, bucket| count.saturating_add(bucket.count))
    }

    /// The bucket that holds the value of this rank, counted from 0.
    pub(crate) fn of_rank(&self, rank: u64) -> Option<Bucket> {
        let mut below = 0_u64;
        self.buckets.iter().copied().find(|bucket| {
            below = below.saturating_add(bucket.count);
            rank < below
        })
    }
}

/// The bucket that holds what the two do, of which `next` does not begin first.
fn spanning(bucket: Bucket, next: &Bucket) -> Bucket {
    Bucket {
        low: bucket.low,
        high: if bucket.high.total_cmp(&next.high).is_lt() { next.high } else { bucket.high },
        count: bucket.count.saturating_add(next.count),
    }
}

#[cfg(test)]
mod tests;
