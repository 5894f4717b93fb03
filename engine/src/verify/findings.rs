//! What was found, each place once.

use std::time::Duration;

use crate::damage::Damage;
use crate::error::{Error, Result};

/// So many places are listed; further ones are counted.
const LISTED_MOST: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct Findings {
    damage: Vec<Damage>,
    unlisted: u64,
}

impl Findings {
    /// Takes in places, of which some may be known: one is met when the store is
    /// opened and again when it is read.
    pub(super) fn extend(&mut self, damage: impl IntoIterator<Item = Damage>) {
        for found in damage {
            self.add(found);
        }
    }

    fn add(&mut self, found: Damage) {
        let same = |it: &Damage| it.offset == found.offset && it.path == found.path;
        match self.damage.iter().position(same) {
            Some(at) => {
                let known = &mut self.damage[at].lost;
                let both = known.start.min(found.lost.start)..known.end.max(found.lost.end);
                match (known.is_empty(), found.lost.is_empty()) {
                    (_, true) => {}
                    (true, false) => *known = found.lost,
                    (false, false) => *known = both,
                }
            }
            None if self.damage.len() < LISTED_MOST => self.damage.push(found),
            None => self.unlisted += 1,
        }
    }

    /// A file that can be made again from others, and cannot be read; unless the
    /// process lacks what it takes to read any.
    pub(super) fn add_error(&mut self, error: Error) -> Result<()> {
        if error.is_lack() {
            return Err(error);
        }
        self.add(Damage {
            path: error.path().to_owned(),
            offset: error.offset().unwrap_or(0),
            lost: 0..0,
            detail: match error.io_error() {
                Some(cause) => format!("{}: {cause}", error.detail()),
                None => error.detail().to_owned(),
            },
        });
        Ok(())
    }

    pub(super) fn into_parts(self) -> (Vec<Damage>, u64) {
        (self.damage, self.unlisted)
    }
}

/// Longer than a writer takes for one record. A fuzzer has no other writers, and would
/// wait for a third of its time.
const A_MOMENT: Duration = if cfg!(fuzzing) { Duration::ZERO } else { Duration::from_millis(2) };

/// Reads again what does not hold, a moment later: a writer may have been in the
/// midst of writing it.
pub(super) fn settled<T>(mut read: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 0..2 {
        if let Ok(held) = read() {
            return Ok(held);
        }
        std::thread::sleep(A_MOMENT);
    }
    read()
}
