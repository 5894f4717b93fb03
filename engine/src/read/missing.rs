//! The places that a reader met and could not read.

use std::sync::{Mutex, PoisonError};

use crate::error::Damage;

/// The most places that are listed one by one. A badly damaged store has more.
const LISTED_MAX: usize = 1000;
const MORE: &str = "observations here and in further places, which are not listed, cannot be read";

/// Each place once, the first 1,000.
#[derive(Debug, Default)]
pub(crate) struct Missing(Mutex<Vec<Damage>>);

impl Missing {
    /// Adds a place. Returns false if it is listed already, or if the list is full.
    pub(crate) fn add(&self, damage: Damage) -> bool {
        let mut listed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if listed.iter_mut().any(|place| extend(place, &damage)) {
            return false;
        }
        if listed.len() < LISTED_MAX {
            listed.push(damage);
            return true;
        }
        listed[LISTED_MAX - 1].detail = MORE.into();
        false
    }

    pub(crate) fn list(&self) -> Vec<Damage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

    fn damage(offset: u64, lost: std::ops::Range<u64>) -> Damage {
        Damage { path: "x.log".into(), offset, lost, detail: "corrupt".into() }
    }

    #[test]
    fn a_place_is_listed_once_with_its_whole_extent() {
        let missing = Missing::default();
        assert!(missing.add(damage(32, 5..8)));
        assert!(!missing.add(damage(32, 5..8)));
        assert!(!missing.add(damage(32, 8..20)));
        assert!(missing.add(damage(32, 30..31)));
        assert!(missing.add(damage(64, 20..21)));
        let lost: Vec<_> = missing.list().into_iter().map(|place| place.lost).collect();
        assert_eq!(lost, [5..20, 30..31, 20..21]);
    }

    #[test]
    fn the_list_is_bounded() {
        let missing = Missing::default();
        for n in 0..3000 {
            assert_eq!(missing.add(damage(n, n..n + 1)), n < 1000);
        }
        assert_eq!(missing.list().len(), LISTED_MAX);
        assert_eq!(missing.list()[LISTED_MAX - 1].detail, MORE);
    }
}
