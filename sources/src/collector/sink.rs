//! Where observations go: a store, or what a test puts in its place.

use std::path::Path;

use gaugelog::{Error, ErrorKind, Observation, Store, Writer};

/// Takes observations in order.
pub(super) trait Sink {
    /// Appends all of them. What was refused for a passing cause is given again,
    /// unchanged and before anything else, or not at all.
    fn append(&mut self, observations: &[Observation]) -> Result<(), Refusal>;

    /// Where the counts of the polls are kept, if they are.
    fn directory(&self) -> Option<&Path> {
        None
    }

    /// Forces what was appended to the disk, where the policy has not yet.
    fn sync(&mut self) -> Result<(), Error>;
}

/// Why observations were not appended.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The cause may go away by itself: trying again is right.
    Passing(Error),
    /// It will not.
    Lasting(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error.kind() {
            // Another writer is slow; the disk is full, or failed this once.
            ErrorKind::Locked | ErrorKind::Io => Self::Passing(error),
            _ => Self::Lasting(error),
        }
    }
}

/// A store, and what it has refused of a batch.
pub(super) struct StoreSink<'a> {
    store: &'a Store,
    /// A batch that fails, on a full disk at the end of a segment, may have been
    /// stored in part. The writer knows what is left, where appending the batch anew
    /// would store the first part twice: it is kept, with its lock, until it succeeds.
    unfinished: Option<Writer>,
}

impl<'a> StoreSink<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self { store, unfinished: None }
    }
}

impl Sink for StoreSink<'_> {
    fn append(&mut self, observations: &[Observation]) -> Result<(), Refusal> {
        if let [one] = observations {
            self.store.append(*one)?;
            return Ok(());
        }
        let mut writer = match self.unfinished.take() {
            Some(writer) => writer,
            None => {
                let mut writer = self.store.writer()?;
                for observation in observations {
                    writer.push(*observation)?;
                }
                writer
            }
        };
        if let Err(error) = writer.flush() {
            self.unfinished = Some(writer);
            return Err(error.into());
        }
        Ok(())
    }

    fn directory(&self) -> Option<&Path> {
        Some(self.store.path())
    }

    fn sync(&mut self) -> Result<(), Error> {
        // Whatever it has not stored is given up; its lock would keep out the sync.
        self.unfinished = None;
        self.store.sync()
    }
}
