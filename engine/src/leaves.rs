//! The summaries of complete leaves: from the observations, and, of leaves that
//! have lost some, as they were written down when all were there.

use std::ops::Range;

use crate::error::Result;
use crate::nodes::Nodes;
use crate::scan::{Refused, read_leaves_where};
use crate::stats::summary::Summary;
use crate::stats::tree::LEAF;
use crate::view::View;

/// Hands on each of `leaves`, by its index, with its summary; not those of which
/// nothing is left and nothing written down.
pub(crate) fn summarise(
    view: &View,
    leaves: Range<u64>,
    refused: Refused,
    mut each: impl FnMut(u64, Summary),
) -> Result<()> {
    let mut stored = Nodes::new(view);
    let mut next = leaves.start;
    read_leaves_where(view, leaves.clone(), refused, |index, leaf| {
        hand_on_kept(view, &mut stored, next..index, &mut each);
        let count = leaf.len() as u64;
        let kept = if count < LEAF { stored.get(0, index) } else { None };
        let kept = kept.filter(|kept| kept.count > count);
        each(index, kept.unwrap_or_else(|| Summary::of(leaf)));
        next = index + 1;
    })?;
    hand_on_kept(view, &mut stored, next..leaves.end, &mut each);
    Ok(())
}

/// Hands on what is written down of `lost` leaves. Where whole files are missing
/// those may be very many, of which none is: only leaves are looked for that end
/// in a segment which is there.
fn hand_on_kept(
    view: &View,
    stored: &mut Nodes<'_>,
    lost: Range<u64>,
    each: &mut impl FnMut(u64, Summary),
) {
    let mut next = lost.start;
    while next < lost.end {
        let Some(held) = held_behind(view, next) else { return };
        for leaf in held.start.max(next)..held.end.min(lost.end) {
            if let Some(kept) = stored.get(0, leaf) {
                each(leaf, kept);
            }
        }
        next = held.end.max(next + 1);
    }
}

/// The leaves that end in the segment in which leaf number `leaf` does, or in the
/// first one behind it; `None` where there is none, or it cannot be read.
fn held_behind(view: &View, leaf: u64) -> Option<Range<u64>> {
    let chain = view.chain();
    let (mut index, mut segment) = chain.find(leaf * LEAF + LEAF - 1).ok()??;
    let mut end = view.held_until(index, segment).ok()? / LEAF;
    if end <= leaf {
        (index, segment) = chain.known_behind(index).ok()??;
        end = view.held_until(index, segment).ok()? / LEAF;
    }
    Some(segment.first_sequence / LEAF..end)
}
