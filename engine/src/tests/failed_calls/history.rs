//! What calls that succeeded and calls that failed leave in a store.

use crate::observation::Observation;

enum Entry {
    /// Acknowledged. `first` is the sequence number of the first observation.
    Kept { first: Option<u64>, of: Vec<Observation> },
    /// Refused. The error says that all or the first of them may still be found.
    Uncertain(Vec<Observation>),
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, first, of) = match self {
            Self::Kept { first, of } => ("kept", *first, of),
            Self::Uncertain(of) => ("uncertain", None, of),
        };
        let from = of.first().map(|it| it.timestamp_ns / 1_000_000_007);
        write!(f, "{} {kind} as {first:?}, numbers from {from:?}", of.len())
    }
}

/// What was to be stored, in order.
#[derive(Debug, Default)]
pub(super) struct History {
    entries: Vec<Entry>,
}

impl History {
    pub(super) fn keep(&mut self, first: Option<u64>, of: &[Observation]) {
        if !of.is_empty() {
            self.entries.push(Entry::Kept { first, of: of.to_vec() });
        }
    }

    pub(super) fn may_keep(&mut self, of: &[Observation]) {
        self.entries.push(Entry::Uncertain(of.to_vec()));
    }

    /// Whether `found`, which begins with sequence number `first`, holds in order what
    /// must be there, each once, and otherwise only prefixes of what is uncertain.
    pub(super) fn explains(&self, first: u64, found: &[Observation]) -> bool {
        let mut all = self.certain();
        all.truncate(usize::try_from(first).expect("small"));
        all.extend_from_slice(found);
        explained(&self.entries, &all, 0)
    }

    /// What must be there.
    pub(super) fn certain(&self) -> Vec<Observation> {
        let kept = self.entries.iter().filter_map(|entry| match entry {
            Entry::Kept { of, .. } => Some(of),
            Entry::Uncertain(_) => None,
        });
        kept.flatten().copied().collect()
    }

    /// The fewest and the most observations that may be there.
    pub(super) fn bounds(&self) -> (u64, u64) {
        let (mut kept, mut uncertain) = (0, 0);
        for entry in &self.entries {
            match entry {
                Entry::Kept { of, .. } => kept += of.len() as u64,
                Entry::Uncertain(of) => uncertain += of.len() as u64,
            }
        }
        (kept, kept + uncertain)
    }
}

fn explained(entries: &[Entry], found: &[Observation], at: usize) -> bool {
    match entries {
        [] => at == found.len(),
        [Entry::Kept { first, of }, rest @ ..] => {
            first.is_none_or(|first| first == at as u64)
                && found[at..].starts_with(of)
                && explained(rest, found, at + of.len())
        }
        [Entry::Uncertain(of), rest @ ..] => {
            let most = of.iter().zip(&found[at..]).take_while(|(it, found)| it == found).count();
            (0..=most).rev().any(|count| explained(rest, found, at + count))
        }
    }
}
