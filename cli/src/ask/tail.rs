//! `gaugelog tail`: the latest observations to arrive, and those that follow.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use clap::Args;
use gaugelog::{Error, ErrorKind, Observation, Options, Snapshot, Store};

use super::range::Range;
use super::reported;
use super::rows::Rows;
use super::stores::{self, Named};
use crate::each::each;
use crate::exit::Exit;
use crate::explain;
use crate::figures::{count, plural};
use crate::json;
use crate::output::{self, shown};
use crate::verify::in_words;
use gaugelog_sources::Zone;

const EXAMPLES: &str = "\
Examples:
  gaugelog tail room.log
  gaugelog tail house -n 1
  gaugelog tail room.log -f --tz Europe/Berlin
  gaugelog tail room.log -n 0 -f --json | while read -r line; do echo \"$line\"; done

The latest are those that were the last to arrive, whatever their time.";

/// How often a store that is followed is looked at.
const PAUSE: Duration = Duration::from_millis(250);

/// What to print of which stores.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A store, or a folder of stores.
    #[arg(value_name = "STORE", required = true)]
    stores: Vec<PathBuf>,
    /// How many of each store.
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 10)]
    lines: u64,
    /// Go on with what arrives, until interrupted.
    #[arg(short, long)]
    follow: bool,
    /// The time zone of the times, such as Europe/Berlin or local [default: UTC].
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    tz: Option<Zone>,
    /// Print JSON, an object a line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let range = Range { since: None, until: None, zone: arguments.tz.clone().unwrap_or_default() };
    let stores = stores::named(&arguments.stores)?;
    let are_named = stores.len() > 1;
    let mut followed = Vec::new();
    let mut outcome = each(stores, |Named { name, path }| {
        let store = Options::new().open_read_only(&path).map_err(|error| in_words(&error))?;
        let name = are_named.then_some(name);
        followed.push(Followed { store, name, next: None, last: None, begun: 0, durable: 0 });
        Ok(())
    });
    loop {
        let mut left = Vec::new();
        let printed = each(followed, |mut store| {
            let printed = store.print(arguments, &range)?;
            left.push(store);
            printed
        });
        match printed {
            Ok(()) | Err(Exit::Told) => outcome = outcome.and(printed),
            Err(other) => return Err(other),
        }
        // One that cannot be read is not asked again.
        followed = left;
        if !arguments.follow || followed.is_empty() {
            return outcome;
        }
        thread::sleep(PAUSE);
    }
}

/// Why a store that was there when this began cannot be looked at.
fn refused(error: &Error) -> Exit {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotAStore
            if explain::without_manifest(error).is_none() =>
        {
            let path = shown(error.path());
            Exit::Error(format!("{path}: the store has gone; begin again when it is back"))
        }
        _ => in_words(error),
    }
}

/// A store and what of it was printed.
struct Followed {
    store: Store,
    /// Its name, where there are several.
    name: Option<String>,
    /// The sequence number after the last one that was printed.
    next: Option<u64>,
    /// The last one that was printed.
    last: Option<Observation>,
    /// The sequence number of the first that was to be printed.
    begun: u64,
    /// What is from here on was not durable at the last look, so it is taken back if its append
    /// fails.
    durable: u64,
}

impl Followed {
    /// Prints what is new; the inner result says whether all of it could be read.
    fn print(&mut self, arguments: &Arguments, range: &Range) -> Result<Result<(), Exit>, Exit> {
        let snapshot = self.store.snapshot().map_err(|error| refused(&error))?.skip_damage();
        let first = match self.next {
            Some(next) => self.after_removed(self.after_taken_back(next, &snapshot)?, &snapshot),
            None => {
                self.begun = snapshot.end_sequence().saturating_sub(arguments.lines);
                self.begun
            }
        };
        let printed = self.print_from(first, &snapshot, arguments, range);
        match printed? {
            // The next snapshot shows how many were removed.
            Err(error) if !arguments.follow || error.kind() != ErrorKind::Removed => {
                return Err(error.into());
            }
            Err(_) => {}
            Ok(()) => self.next = Some(snapshot.end_sequence()),
        }
        self.durable = self.durable.max(snapshot.durable_end());
        Ok(reported(&snapshot))
    }

    /// Prints from a sequence number on; the inner result says why that ended early.
    fn print_from(
        &mut self,
        first: u64,
        snapshot: &Snapshot,
        arguments: &Arguments,
        range: &Range,
    ) -> Result<Result<(), Error>, Exit> {
        let (mut rows, mut buffer) = (Rows::new(range), Vec::new());
        let mut outcome = Ok(());
        self.next = Some(first);
        for found in snapshot.by_sequence(first..) {
            match found {
                Ok((sequence, observation)) => {
                    self.add_line(&mut buffer, &mut rows, observation, arguments.json);
                    (self.next, self.last) = (Some(sequence + 1), Some(observation));
                }
                Err(error) => outcome = Err(error),
            }
            if buffer.len() > 64 * 1024 {
                output::print(&buffer)?;
                buffer.clear();
            }
        }
        output::print(&buffer)?;
        Ok(outcome)
    }

    fn add_line(
        &self,
        buffer: &mut Vec<u8>,
        rows: &mut Rows<'_>,
        observation: Observation,
        is_json: bool,
    ) {
        if is_json {
            if let Some(name) = &self.name {
                buffer.extend_from_slice(b"{\"store\": ");
                json::string(buffer, name);
                buffer.extend_from_slice(b", \"observation\": ");
            }
            rows.json(buffer, observation);
            buffer.extend_from_slice(if self.name.is_some() { b"}\n" } else { b"\n" });
        } else {
            if let Some(name) = &self.name {
                buffer.extend_from_slice(format!("{name}  ").as_bytes());
            }
            rows.time(buffer, observation.timestamp_ns);
            buffer.extend_from_slice(b"  ");
            json::number(buffer, observation.value);
            buffer.push(b'\n');
        }
    }

    /// Where to go on; says how many that were printed are not stored, since their append
    /// failed.
    fn after_taken_back(&self, next: u64, snapshot: &Snapshot) -> Result<u64, Exit> {
        let end = snapshot.end_sequence();
        if next <= end && (next <= self.durable || self.is_there(next, snapshot)) {
            return Ok(next);
        }
        if self.durable > end {
            return Err(self.is_shorter(snapshot));
        }
        let printed = next.saturating_sub(self.durable.max(self.begun));
        if printed == 0 {
            return Ok(self.durable);
        }
        let path = shown(self.store.path());
        let (plural, printed) = (plural(printed), count(printed));
        let text = format!(
            "{path}: an append failed, and the last {printed} observation{plural} printed may not \
             be stored; what is stored is printed from there on"
        );
        output::say("gaugelog", &text);
        Ok(self.durable)
    }

    /// Whether the last one that was printed is still there, as far as it can be read.
    fn is_there(&self, next: u64, snapshot: &Snapshot) -> bool {
        let found = snapshot.by_sequence(next.saturating_sub(1)..next).next();
        let bits = |it: Observation| (it.timestamp_ns, it.value.to_bits());
        match (found, self.last) {
            (Some(Ok((_, found))), Some(last)) => bits(found) == bits(last),
            _ => true,
        }
    }

    /// Where to go on; says how many retention has removed since the last look.
    fn after_removed(&self, next: u64, snapshot: &Snapshot) -> u64 {
        let removed = snapshot.first_sequence().saturating_sub(next);
        if removed > 0 {
            let (path, plural, removed) =
                (shown(self.store.path()), plural(removed), count(removed));
            let text = format!(
                "{path}: {removed} observation{plural} removed by retention before being printed"
            );
            output::say("gaugelog", &text);
        }
        next.saturating_add(removed)
    }

    fn is_shorter(&self, snapshot: &Snapshot) -> Exit {
        let (path, end) = (self.store.path().display(), snapshot.end_sequence());
        Exit::Error(format!(
            "{path}: it has become shorter and ends at {end}: another store stands in its place, \
             or a power cut took what was not synced; begin again"
        ))
    }
}
