//! Sources that deliver when they have something.

use std::convert::Infallible;
use std::time::Duration;

use gaugelog::Observation;

use super::{Ending, Run, SLICE};
use crate::collector::worker::{Polled, Worker};

/// How many readings of a source with its own pace are appended together.
pub(in crate::collector) const BATCH_MAX: usize = 4096;

impl Run<'_> {
    pub(super) fn at_own_pace(&mut self, worker: &mut Worker) -> Result<Infallible, Ending> {
        let mut batch = Vec::new();
        loop {
            let halted = self.halted();
            let first = match halted {
                Some(_) => worker.receive_waiting(),
                None => worker.receive(self.until_end().min(SLICE)),
            };
            let gathered = self.gather(first, worker, &mut batch);
            self.store(&batch)?;
            batch.clear();
            gathered?;
            if let Some(by) = halted {
                return Err(Ending::well(by));
            }
            self.keep_counts();
        }
    }

    /// Fills the batch with what has already arrived; failures take room in it too, so
    /// that bad input cannot hold up the rest. An error is the end of the source: what
    /// came before it is in the batch.
    fn gather(
        &mut self,
        first: Option<Polled>,
        worker: &mut Worker,
        batch: &mut Vec<Observation>,
    ) -> Result<(), Ending> {
        let mut next = first;
        let mut room = BATCH_MAX;
        while let Some(polled) = next {
            batch.extend(self.take(polled)?);
            room -= 1;
            next = if room > 0 { worker.receive_waiting() } else { None };
        }
        Ok(())
    }

    fn until_end(&self) -> Duration {
        let left_ns = self.end_ns.map(|end_ns| end_ns.saturating_sub(self.now_ns()));
        left_ns.map_or(Duration::MAX, Duration::from_nanos)
    }
}
