//! Reading observations in the order in which they were appended.

use std::ops::Range;

use crate::error::Result;
use crate::observation::Observation;
use crate::scan::{Run, Scan};
use crate::view::View;

/// Observations in order of arrival, with their sequence numbers. An `Err` tells
/// of some that cannot be read; the iterator goes on with the others.
#[derive(Debug)]
pub struct Arrivals<'s> {
    scan: Scan<'s>,
    run: Vec<Observation>,
    first: u64,
    next: usize,
}

impl<'s> Arrivals<'s> {
    pub(crate) fn new(view: &'s View, sequences: Range<u64>) -> Self {
        Self { scan: Scan::new(view, sequences), run: Vec::new(), first: 0, next: 0 }
    }
}

impl Iterator for Arrivals<'_> {
    type Item = Result<(u64, Observation)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(observation) = self.run.get(self.next) {
                let sequence = self.first + self.next as u64;
                self.next += 1;
                return Some(Ok((sequence, *observation)));
            }
            self.next = 0;
            match self.scan.next(&mut self.run) {
                Ok(None) => return None,
                Ok(Some(Run::Observations { first })) => self.first = first,
                Ok(Some(Run::Damaged(damage))) => return Some(Err(damage.into())),
                Err(error) => {
                    // The file cannot be read; asking again would say the same.
                    self.scan.go_to(0..0);
                    self.run.clear();
                    return Some(Err(error));
                }
            }
        }
    }
}
