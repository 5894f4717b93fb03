//! The places that a reader met and could not read.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::error::Damage;

/// The most places that are listed one by one. A badly damaged store has more.
const LISTED_MAX: usize = if cfg!(test) { 20 } else { 1000 };
const MORE: &str = "observations here and in further places, which are not listed, cannot be read";

/// Each place once, the first 1,000.
#[derive(Debug, Default)]
pub(crate) struct Missing(Mutex<Vec<Damage>>);

impl Missing {
    /// Adds a place, unless it is listed already or the list is full.
    pub(crate) fn add(&self, damage: Damage) {
        let mut listed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if listed.iter_mut().any(|place| extend(place, &damage)) {
            return;
        }
        if listed.len() < LISTED_MAX {
            listed.push(damage);
        } else {
            listed[LISTED_MAX - 1].detail = MORE.into();
        }
    }

    /// Whether a place was met that is not listed.
    pub(crate) fn is_full(&self) -> bool {
        let listed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listed.last().is_some_and(|last| last.detail == MORE)
    }

    pub(crate) fn list(&self) -> Vec<Damage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Sequence numbers that were reported as lost: the start and the end of each run of them.
/// Runs that touch become one. In a store of a billion observations, half of whose pages
/// are damaged, they take some 10 MB.
#[derive(Debug, Default)]
pub(super) struct Reported {
    runs: BTreeMap<u64, u64>,
    /// Places where an unknown number is lost, which have an empty run.
    unknown: BTreeSet<u64>,
}

impl Reported {
    /// Adds a run. Returns whether any of it is new.
    pub(super) fn add(&mut self, run: &Range<u64>) -> bool {
        if run.is_empty() {
            return self.unknown.insert(run.start);
        }
        let (mut start, mut end) = (run.start, run.end);
        if let Some((first, last)) = self.runs.range(..=start).next_back()
            && *last >= start
        {
            if *last >= end {
                return false;
            }
            start = *first;
        }
        while let Some((first, last)) = self.runs.range(start..=end).next() {
            let (first, last) = (*first, *last);
            self.runs.remove(&first);
            end = end.max(last);
        }
        self.runs.insert(start, end);
        true
    }
}

/// Extends `place` to cover `other`, if both are the same place and another part of it
/// was wanted.
pub(crate) fn extend(place: &mut Damage, other: &Damage) -> bool {
    let (own, more) = (&place.lost, &other.lost);
    let is_same = place.offset == other.offset
        && own.start <= more.end
        && more.start <= own.end
        && place.path == other.path
        && place.detail == other.detail;
    if is_same {
        place.lost = own.start.min(more.start)..own.end.max(more.end);
    }
    is_same
}

#[cfg(test)]
mod tests {
    use super::*;

    fn damage(offset: u64, lost: Range<u64>) -> Damage {
        Damage { path: "x.log".into(), offset, lost, detail: "corrupt".into() }
    }

    #[test]
    fn a_place_is_listed_once_with_its_whole_extent() {
        let missing = Missing::default();
        for (offset, lost) in [(32, 5..8), (32, 5..8), (32, 8..20), (32, 30..31), (64, 20..21)] {
            missing.add(damage(offset, lost));
        }
        let lost: Vec<_> = missing.list().into_iter().map(|place| place.lost).collect();
        assert_eq!(lost, [5..20, 30..31, 20..21]);
    }

    #[test]
    fn the_list_is_bounded() {
        let missing = Missing::default();
        for n in 0..3000 {
            missing.add(damage(n, n..n + 1));
        }
        assert_eq!(missing.list().len(), LISTED_MAX);
        assert_eq!(missing.list()[LISTED_MAX - 1].detail, MORE);
    }

    #[test]
    fn a_run_is_new_until_all_of_it_is_reported() {
        let runs = [
            (5..8, true),
            (5..8, false),
            (8..20, true),
            (6..19, false),
            (30..40, true),
            (50..60, true),
            (22..30, true),
            (4..21, true),
            (15..55, true),
            (4..60, false),
            (59..61, true),
            (0..3, true),
            (3..4, true),
            (0..61, false),
            (61..61, true),
            (61..61, false),
        ];
        let mut reported = Reported::default();
        for (run, is_new) in runs {
            assert_eq!(reported.add(&run), is_new, "{run:?}");
        }
        assert_eq!(Vec::from_iter(reported.runs), [(0, 61)]);
    }
}
