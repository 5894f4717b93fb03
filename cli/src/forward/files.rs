//! `gaugelog forward --to parquet:DIR`: a Parquet file for each 65,536 observations.
//!
//! A file is named after the store's id and its sequence numbers, so no observation is in
//! two of them, and a file that is there is never written again. The cursor spares looking
//! at the files again, and retention waits for it.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use gaugelog::{ErrorKind, Options, Snapshot};
use gaugelog_sources::Stop;

use super::Arguments;
use super::batch::Collisions;
use super::cursor::{self, Counts, Cursor, Found, Place, id_text};
use super::folder::{Folder, Part, Put};
use super::message::Protocol;
use super::newcomers::Newcomers;
use super::rows::Rows;
use crate::ask::stores::{self, Named};
use crate::exit::Exit;
use crate::explain::explained_later;
use crate::figures::{count, plural};
use crate::output::{self, shown};
use crate::queue;
use crate::service_manager;
use crate::signals::{self, Hangup, Second};

/// What the destination begins with.
pub(super) const SCHEME: &str = "parquet:";
/// The observations of a file: those of a chunk.
const ROWS: u64 = 65_536;
/// How often the end of a wait is looked for.
const PAUSE: Duration = Duration::from_millis(100);

/// Writes the files of all stores, once or until the run is to end.
pub(super) fn run(arguments: &Arguments, folder: &str) -> Result<(), Exit> {
    arguments.check_for_files()?;
    let stop = signals::stop_flag(Hangup::Ends, Second::Ends)?;
    let folder = Folder::open(Path::new(folder))?;
    let destination = format!("{SCHEME}{}", shown(folder.path()));
    let name =
        arguments.destination.cursor.clone().unwrap_or_else(|| cursor::name_of(&destination));
    let to = Destination { folder, shown: destination, cursor: name };
    let (newcomers, found) = Newcomers::watch(&arguments.stores)?;
    let mut stores = Vec::new();
    found.into_iter().try_for_each(|store| add(&mut stores, store))?;
    if !arguments.once {
        // A reader that has stopped holds nothing up.
        queue::begin(stop.clone())?;
    }
    stores.iter().for_each(|it| to.introduce(it));
    service_manager::ready(&format!("forwarding to {}", to.shown));
    let outcome = to.write(&mut stores, newcomers, arguments, &stop);
    service_manager::stopping();
    let opened = stores.iter().filter_map(|it| it.opened.as_ref());
    opened.filter(|it| it.next().is_none()).for_each(|it| it.place.touch());
    to.conclude(&stores).and(outcome)
}

impl Arguments {
    /// Refuses what is for a receiver alone.
    fn check_for_files(&self) -> Result<(), Exit> {
        let to = &self.destination;
        let given = [
            ("--metric", to.naming.metric.is_some()),
            ("--label", !to.naming.label.is_empty()),
            ("--protocol", to.protocol != Protocol::One),
            ("--collisions", to.collisions != Collisions::Last),
            ("--bearer-token-file", to.bearer_token_file.is_some()),
            ("--basic-auth-file", to.basic_auth_file.is_some()),
            ("--ca-file", to.ca_file.is_some()),
            ("--pin", to.pin.is_some()),
            ("--cert", to.cert.is_some()),
            ("--timeout", to.timeout != super::destination::TIMEOUT),
            ("--proxy-from-environment", to.proxy_from_environment),
        ];
        match given.iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) => Err(Exit::Usage(format!(
                "error: {option} is for a receiver of remote write; leave it out with --to \
                 {SCHEME}DIR\n"
            ))),
            None => Ok(()),
        }
    }
}

fn add(sources: &mut Vec<Source>, Named { name, path }: Named) -> Result<(), Exit> {
    let series = stores::series(&name).to_owned();
    if let Some(other) = sources.iter().find(|other| other.series == series) {
        return Err(Exit::Error(format!(
            "{} and {} would both be the series {series}; forward one of them to a folder of its \
             own",
            shown(&other.path),
            shown(&path)
        )));
    }
    sources.push(Source::new(path, series));
    Ok(())
}

/// Where the files of all stores go.
struct Destination {
    folder: Folder,
    shown: String,
    /// The name of the cursors.
    cursor: String,
}

impl Destination {
    /// Writes a file of each store in turn. A store that fails is looked at again each time,
    /// and the others go on.
    fn write(
        &self,
        stores: &mut Vec<Source>,
        mut newcomers: Newcomers,
        arguments: &Arguments,
        stop: &Stop,
    ) -> Result<(), Exit> {
        let (mut outcome, mut all_added) = (Ok(()), Ok(()));
        stores.iter_mut().for_each(|store| store.register(self));
        'passes: while !stop.is_set() {
            let mut has_more = false;
            for store in stores.iter_mut() {
                if stop.is_set() {
                    break 'passes;
                }
                match store.write_next(self) {
                    Ok(wrote) => has_more |= wrote,
                    Err(failure) => {
                        store.failed(failure);
                        outcome = Err(Exit::Told);
                    }
                }
            }
            if has_more {
                continue;
            }
            if arguments.once {
                return outcome;
            }
            let until = Instant::now() + arguments.destination.every;
            while !stop.is_set() && Instant::now() < until {
                thread::sleep(until.saturating_duration_since(Instant::now()).min(PAUSE));
            }
            for store in newcomers.now() {
                all_added = all_added.and(self.add_newcomer(stores, store));
            }
        }
        if arguments.once {
            say(&format!(
                "error: {}: ended by a signal before everything was written; start it again",
                self.shown
            ));
            return Err(Exit::Told);
        }
        all_added
    }

    /// Adds a store that has come into a folder. One that would be the series of another is
    /// reported, and left out.
    fn add_newcomer(&self, stores: &mut Vec<Source>, store: Named) -> Result<(), Exit> {
        if let Err(failure) = add(stores, store) {
            if let Exit::Error(why) = failure {
                say(&format!("error: {why}"));
            }
            return Err(Exit::Told);
        }
        stores.last().into_iter().for_each(|it| self.introduce(it));
        Ok(())
    }

    fn introduce(&self, store: &Source) {
        say(&format!("forwarding {} to {} as {}", shown(&store.path), self.shown, store.series));
    }

    /// Says what was done.
    fn conclude(&self, stores: &[Source]) -> Result<(), Exit> {
        let mut all = Counts::default();
        stores.iter().for_each(|store| all.add(store.counts));
        let sum = |of: fn(&Source) -> u64| stores.iter().map(of).sum::<u64>();
        let (written, found) = (sum(|store| store.written), sum(|store| store.found));
        let (number, files, s) = (count(all.sent), count(written), plural(written));
        let mut text = format!("{number} observations written in {files} file{s}");
        for (number, what) in [
            (found, if found == 1 { "file was there already" } else { "files were there already" }),
            (sum(Source::waiting), "wait until a file is full"),
            (all.unreadable, "not readable"),
            (all.removed, "removed before they were written"),
        ] {
            if number > 0 {
                text.push_str(&format!(", {} {what}", count(number)));
            }
        }
        say(&format!("{}: {text}", self.shown));
        if all.unreadable + all.removed > 0 { Err(Exit::Told) } else { Ok(()) }
    }
}

/// One store, and how much of it is in files.
struct Source {
    path: PathBuf,
    series: String,
    opened: Option<Opened>,
    /// Of this run.
    counts: Counts,
    written: u64,
    found: u64,
    /// The failure that was reported last.
    failure: Option<Exit>,
}

/// A store that has observations, and its cursor.
struct Opened {
    place: Place,
    cursor: Cursor,
    snapshot: Snapshot,
}

impl Opened {
    /// The sequence numbers of the next file, if all of them are durable.
    fn next(&self) -> Option<Range<u64>> {
        let start = self.cursor.next;
        let end = (start / ROWS + 1) * ROWS;
        (end <= self.snapshot.durable_end()).then_some(start..end)
    }
}

impl Source {
    fn new(path: PathBuf, series: String) -> Self {
        let (opened, counts, failure) = (None, Counts::default(), None);
        Self { path, series, opened, counts, written: 0, found: 0, failure }
    }

    /// Has retention wait for the store, while none is written.
    fn register(&mut self, to: &Destination) {
        // It fails again when the store's turn comes, and counts then.
        if let Err(failure) = self.look_again(to) {
            self.failed(failure);
        }
    }

    /// How many observations are durable and fill no file yet.
    fn waiting(&self) -> u64 {
        let opened = self.opened.as_ref();
        opened.map_or(0, |it| it.snapshot.durable_end().saturating_sub(it.cursor.next))
    }

    /// Writes the next file. Returns whether there was one to write.
    fn write_next(&mut self, to: &Destination) -> Result<bool, Exit> {
        // If something is removed meanwhile, another snapshot is read.
        let (sequences, read) = loop {
            let Some(sequences) = self.next_file(to)? else { return Ok(false) };
            let Some(opened) = &self.opened else { return Ok(false) };
            match Rows::of(&opened.snapshot, sequences.clone()) {
                Ok(read) => break (sequences, read),
                Err(error) if error.kind() == ErrorKind::Removed => self.look_again(to)?,
                Err(error) => return Err(error.into()),
            }
        };
        for damage in &read.damage {
            self.say(&format!("not written, because it cannot be read: {damage}"));
        }
        let Some(opened) = &self.opened else { return Ok(false) };
        let part = Part {
            store_id: opened.snapshot.store_id(),
            series: &self.series,
            sequences: sequences.clone(),
            rows: &read.found,
        };
        // A file without rows says nothing.
        let put = if read.found.is_empty() { None } else { Some(to.folder.put(&part)?) };
        self.advance(sequences.end, put, &read)?;
        self.failure = None;
        Ok(true)
    }

    /// The next file of the store, by the snapshot that is open or a new one.
    fn next_file(&mut self, to: &Destination) -> Result<Option<Range<u64>>, Exit> {
        let opened = self.opened.as_ref().filter(|it| !it.place.is_replaced());
        if let Some(sequences) = opened.and_then(Opened::next) {
            return Ok(Some(sequences));
        }
        self.look_again(to)?;
        Ok(self.opened.as_ref().and_then(Opened::next))
    }

    /// Looks at the store, which may be another one by now.
    fn look_again(&mut self, to: &Destination) -> Result<(), Exit> {
        // Asked before the snapshot is taken: a store that comes between is noticed next time.
        let is_replaced = self.opened.as_ref().is_some_and(|it| it.place.is_replaced());
        let taken = Options::new().positioned_reads(true).snapshot(&self.path);
        let snapshot = taken.map_err(|error| Exit::Error(explained_later(&error)))?;
        let id = id_text(snapshot.store_id());
        // A copy has the id of its original. What is durable shrinks only in an older one.
        let is_same = |it: &Opened| {
            !is_replaced
                && it.snapshot.durable_end() <= snapshot.durable_end()
                && it.cursor.is_of(&snapshot)
        };
        match &mut self.opened {
            _ if snapshot.store_id() == 0 => self.opened = None,
            Some(opened) if is_same(opened) => opened.snapshot = snapshot,
            _ => {
                // Its lock goes first.
                self.opened = None;
                to.folder.claim(snapshot.store_id(), &self.path)?;
                let opened = self.open(to, &id, snapshot)?;
                to.folder.clean(opened.snapshot.store_id())?;
                self.opened = Some(opened);
            }
        }
        self.note_removed();
        Ok(())
    }

    /// Takes the cursor of a store, or begins one.
    fn open(&self, to: &Destination, id: &str, snapshot: Snapshot) -> Result<Opened, Exit> {
        let place = Place::take(&self.path, &to.cursor)?;
        let (first, file) = (snapshot.first_sequence(), shown(place.path()));
        let why = match place.load()? {
            Found::Cursor(cursor) if cursor.destination != to.shown => {
                return Err(Exit::Error(format!(
                    "{file} is the cursor for {}; name another with --cursor NAME, or remove it",
                    cursor.destination
                )));
            }
            Found::Cursor(cursor) if cursor.store != id => {
                format!("another store has replaced the one of the cursor {file}")
            }
            Found::Cursor(cursor) if cursor.next > snapshot.end_sequence() => {
                format!("the cursor {file} is beyond the end of the store, an older copy")
            }
            Found::Cursor(cursor) if cursor.is_contradicted_by(&snapshot) => format!(
                "the cursor {file} is after another observation than the store has there, so it \
                 was repaired or is an older copy"
            ),
            Found::Cursor(cursor) => return Ok(Opened { place, cursor: *cursor, snapshot }),
            Found::Corrupt(why) => format!("the cursor {file} is corrupt ({why})"),
            Found::None => format!("there is no cursor for {} yet", to.shown),
        };
        let (store, destination) = (id.to_owned(), to.shown.clone());
        let cursor = Cursor { store, destination, next: first, ..Cursor::default() };
        // From now on retention waits for it.
        place.save(&cursor)?;
        self.say(&format!(
            "{why}; files from observation {} on, the first kept, are written unless they are there",
            count(first)
        ));
        Ok(Opened { place, cursor, snapshot })
    }

    /// Counts what retention has removed before it was written.
    fn note_removed(&mut self) {
        let Some(opened) = &mut self.opened else { return };
        let first = opened.snapshot.first_sequence();
        let Some(passed) = opened.cursor.pass_removed(first) else { return };
        let removed = passed.end - passed.start;
        self.count(Counts { removed, ..Counts::default() });
        let (number, s) = (count(removed), plural(removed));
        self.say(&format!(
            "{number} observation{s} from {} on were removed by retention before they were written",
            count(passed.start)
        ));
    }

    /// Moves the cursor past a file, durably.
    fn advance(&mut self, next: u64, put: Option<Put>, read: &Rows) -> Result<(), Exit> {
        let rows = read.found.len() as u64;
        let sent = if put == Some(Put::Written) { rows } else { 0 };
        self.count(Counts { sent, unreadable: read.unreadable, ..Counts::default() });
        self.written += u64::from(put == Some(Put::Written));
        self.found += u64::from(put == Some(Put::Found));
        let Some(opened) = &mut self.opened else { return Ok(()) };
        // Damage may follow the last that was read.
        let last = read.found.last().filter(|(sequence, _)| sequence + 1 == next);
        opened.cursor.advance(next, last.map(|(_, observation)| *observation));
        opened.place.save(&opened.cursor)
    }

    fn count(&mut self, more: Counts) {
        self.counts.add(more);
        if let Some(opened) = &mut self.opened {
            opened.cursor.counts.add(more);
        }
    }

    /// Reports a failure of this store, once until it changes.
    fn failed(&mut self, failure: Exit) {
        if self.failure.as_ref() != Some(&failure) {
            if let Exit::Error(why) = &failure {
                say(&format!("error: {why}"));
            }
            self.failure = Some(failure);
        }
        // It may be another store by now.
        self.opened = None;
    }

    fn say(&self, text: &str) {
        say(&format!("{}: {text}", shown(&self.path)));
    }
}

fn say(text: &str) {
    output::say("gaugelog", text);
}
