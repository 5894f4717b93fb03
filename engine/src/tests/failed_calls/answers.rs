//! All questions to a store, and whether the answers are right.

use std::sync::Arc;

use super::super::contents::{Contents, contents_of};
use super::super::summary_of;
use super::history::History;
use crate::error::{Damage, Error, Result};
use crate::os::disk::Directory;
use crate::stats::summary::Summary;
use crate::store::{Store, Verification};
use crate::view::View;

/// A store's answers to all questions.
pub(super) struct Answers {
    contents: Result<(Contents, u64)>,
    summary: Result<Summary>,
    verified: Result<Verification>,
}

impl Answers {
    pub(super) fn ask(store: &Store, positioned_reads: bool) -> Self {
        let contents = || {
            let directory = Arc::new(Directory::open(store.path())?);
            let view = View::take(&directory, positioned_reads)?;
            Ok((contents_of(&view)?, view.end_sequence()))
        };
        Self {
            contents: contents(),
            summary: store.snapshot().and_then(|snapshot| snapshot.summary()),
            verified: store.verify(),
        }
    }

    /// Asserts that each answer is right by `history`, or is an error that passes
    /// `check`. If `device` failed, what it did not return may count as lost, but not
    /// silently.
    pub(super) fn check(&self, history: &History, device: bool, check: impl Fn(&Error)) {
        let is_unread = |damage: &Damage| damage.detail.contains("(os error ");
        match &self.verified {
            Ok(verified) => {
                assert!(device || verified.damage.iter().all(is_unread), "{verified:?}");
            }
            Err(error) => check(error),
        }
        let certain = history.certain();
        match &self.summary {
            Ok(summary) => {
                assert!(*summary == summary_of(&certain), "a wrong summary: {summary:?}");
            }
            Err(error) => check(error),
        }
        match &self.contents {
            Err(error) => check(error),
            Ok((contents, end)) => {
                assert!(device || contents.damage.is_empty(), "a sound store");
                for (sequence, row) in &contents.rows {
                    let at = usize::try_from(*sequence).expect("small");
                    assert_eq!(certain.get(at), Some(row), "{sequence}");
                }
                let lost = |n: u64| contents.damage.iter().any(|it| it.lost.contains(&n));
                let served = |n: u64| contents.rows.binary_search_by_key(&n, |it| it.0).is_ok();
                assert_eq!((0..*end).find(|n| !served(*n) && !lost(*n)), None, "lost silently");
                assert!(*end == certain.len() as u64 || device, "{end} of {}", certain.len());
            }
        }
    }
}
