//! Commands that ask stores, a file each, and what they share: which stores, which part of
//! their time, and how a row of statistics is printed.

pub(crate) mod add;
pub(crate) mod buckets;
pub(crate) mod export;
mod export_format;
pub(crate) mod import;
mod influx;
pub(crate) mod info;
pub(crate) mod moment;
#[cfg(feature = "plot")]
pub(crate) mod plot;
pub(crate) mod range;
pub(crate) mod rows;
pub(crate) mod statistics;
pub(crate) mod stats;
pub(crate) mod stores;
pub(crate) mod table;
pub(crate) mod tail;
mod whole_file;

use gaugelog::{Observation, Options, Snapshot};

use crate::each::each;
use crate::exit::Exit;
use crate::output;
use crate::verify::in_words;
use stores::Named;

/// All damage that opening a store and answers of its snapshot have met, in words.
pub(crate) fn damage_met(snapshot: &Snapshot) -> Vec<String> {
    let mut damage: Vec<String> = snapshot.missing().iter().map(ToString::to_string).collect();
    for text in snapshot.damage().iter().map(ToString::to_string) {
        if !damage.contains(&text) {
            damage.push(text);
        }
    }
    damage
}

/// The last observation to arrive, whatever its time.
pub(crate) fn latest(snapshot: &Snapshot) -> gaugelog::Result<Option<Observation>> {
    Ok(snapshot.latest(1).next().transpose()?.map(|(_, latest)| latest))
}

/// What a store holds now, read around damage.
fn snapshot(store: &Named) -> Result<Snapshot, Exit> {
    let snapshot = Options::new().snapshot(&store.path);
    snapshot.map(|it| it.skip_damage()).map_err(|error| in_words(&error))
}

/// Stores that can be read, and what they hold now.
struct Readable {
    stores: Vec<Named>,
    snapshots: Vec<Snapshot>,
    outcome: Result<(), Exit>,
}

impl Readable {
    /// Those among `all`. One that cannot be read is reported, and the answer is about the
    /// others.
    ///
    /// # Errors
    /// If there is no other.
    fn among(all: Vec<Named>) -> Result<Self, Exit> {
        let (mut stores, mut snapshots) = (Vec::new(), Vec::new());
        let outcome = each(all, |store| {
            snapshots.push(snapshot(&store)?);
            stores.push(store);
            Ok(())
        });
        match stores.is_empty() {
            true => outcome.map(|()| Self { stores, snapshots, outcome: Ok(()) }),
            false => Ok(Self { stores, snapshots, outcome }),
        }
    }

    /// Asks each of them. One that cannot be read after all is reported, and the others are
    /// asked.
    fn ask_each(
        &mut self,
        mut ask: impl FnMut(&Named, &Snapshot) -> Result<(), Exit>,
    ) -> Result<(), Exit> {
        let all = self.stores.iter().zip(&self.snapshots);
        match each(all, |(store, snapshot)| ask(store, snapshot)) {
            Err(Exit::Told) => {
                self.outcome = Err(Exit::Told);
                Ok(())
            }
            other => other,
        }
    }

    /// Reports what the answers lack because of damage, of each store. What could not be read
    /// fails the command.
    fn end(self) -> Result<(), Exit> {
        self.snapshots.iter().map(reported).fold(self.outcome, Result::and)
    }
}

/// Reports on stderr what the answers of a snapshot lack because of damage, which fails a
/// command at its end.
pub(crate) fn reported(snapshot: &Snapshot) -> Result<(), Exit> {
    let missing = snapshot.missing();
    for damage in &missing {
        output::say("gaugelog", &format!("error: {damage}"));
    }
    if missing.is_empty() { Ok(()) } else { Err(Exit::Told) }
}
