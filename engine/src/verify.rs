//! Reading everything that a store holds: every checksum is taken, and every
//! statistic that is written down is computed again and compared bit by bit.
//!
//! It is one pass over the observations, in memory that does not grow with
//! their number, beside writers and without their lock.

mod claims;
mod findings;
mod guides;
mod leaves;

use crate::damage::Damage;
use crate::error::Result;
use crate::scan::{Run, Scan};
use crate::segment::format::encode_summary;
use crate::stats::summary::Summary;
use crate::view::View;

use findings::Findings;
use leaves::Leaves;

/// What [`Store::verify`](crate::Store::verify) found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// How many observations there are, lost ones counted.
    pub observations: u64,
    /// How many of them can be read.
    pub readable: u64,
    /// Files that hold them.
    pub segments: usize,
    /// As [`Found::dropped_bytes`](crate::Found::dropped_bytes): no damage, but
    /// the remains of an append that was never acknowledged.
    pub dropped_bytes: u64,
    /// The places that are not as they were written: the first 1,000 that were
    /// met.
    pub damage: Vec<Damage>,
    /// Further such places, which are not listed.
    pub damage_unlisted: u64,
}

impl Verification {
    /// Whether every byte that is under a checksum is as it was written, and
    /// every stored statistic is that of the observations.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

/// Verifies what `view` shows; `marker` is what is wrong with the store's marker.
pub(crate) fn verify(view: &View, marker: Option<Damage>) -> Result<Verification> {
    let mut findings = Findings::default();
    findings.extend(marker);
    findings.extend(view.damage().iter().cloned());
    let chain = view.chain();
    for index in 0..chain.len() {
        findings.extend(match chain.segment(index)? {
            Ok(segment) => segment.damage.clone(),
            Err(damage) => Some(damage),
        });
    }

    let mut leaves = Leaves::new(view, &mut findings)?;
    let mut scan = Scan::new(view, 0..u64::MAX);
    let mut run = Vec::new();
    while let Some(found) = scan.next(&mut run)? {
        match found {
            Run::Observations { first } => leaves.take(first, &run, &mut findings)?,
            Run::Damaged(damage) => {
                leaves.lose(&damage.lost, &mut findings)?;
                findings.extend([damage]);
            }
        }
    }
    let readable = leaves.finish(&mut findings)?;

    let (damage, damage_unlisted) = findings.into_parts();
    Ok(Verification {
        observations: view.end_sequence(),
        readable,
        segments: chain.len(),
        dropped_bytes: view.active()?.map_or(0, |(_, tail)| tail.dropped_bytes),
        damage,
        damage_unlisted,
    })
}

/// Whether two summaries would be written down alike.
fn same_bits(a: &Summary, b: &Summary) -> bool {
    let bits = |summary| {
        let mut bytes = Vec::new();
        encode_summary(summary, &mut bytes);
        bytes
    };
    bits(a) == bits(b)
}
