//! What a program may do with a store, compared with a plain vector that holds what was
//! acknowledged. The process may die at any moment, and what was acknowledged is still
//! there.

use std::time::Duration;

use gaugelog::{ErrorKind, Observation, Options, Snapshot, Store, SyncPolicy, Writer, fuzzing};

use crate::input::Input;
use crate::model::Model;
use crate::scratch::Place;

/// The most operations of an input.
const OPERATIONS_MAX: usize = 64;
/// The limit of large batches and full comparisons, which take the most time.
const LARGE_MAX: usize = 3;
const COMPARED_MAX: usize = 3;
const SNAPSHOTS_MAX: usize = 3;
const PLACES_MAX: usize = 4;

/// The store, and what it must hold.
struct World {
    /// Where the store is, and where it was before each crash and each copy.
    places: Vec<Place>,
    options: Options,
    stores: [Store; 2],
    /// The held writer, and what was pushed to it and not acknowledged.
    writer: Option<Held>,
    all: Vec<Observation>,
    /// How many of the observations retention has removed.
    first: usize,
    snapshots: Vec<Taken>,
    large: usize,
    compared: usize,
}

struct Held {
    writer: Writer,
    pushed: Vec<Observation>,
    /// Which of the two stores it is of.
    store: usize,
}

/// A snapshot, and what it showed when it was taken.
struct Taken {
    snapshot: Snapshot,
    first: usize,
    end: usize,
}

/// Does what `bytes` say with a new store.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    fuzzing::count_identities_from(1 << 32);
    let mut world = World::new(&mut input);
    for _ in 0..OPERATIONS_MAX {
        if input.is_empty() {
            break;
        }
        world.operate(&mut input);
    }
    world.let_go_of_the_writer(&mut input);
    world.reopen(&mut input);
    world.compare_all(&mut input);
    while let Some(taken) = world.snapshots.pop() {
        let model = world.model_of(&taken);
        model.assert_sequences(&taken.snapshot, 0, taken.end - taken.first);
    }
}

impl World {
    fn new(input: &mut Input<'_>) -> Self {
        let place = Place::new();
        let options = options(input);
        drop(options.create(place.path()).expect("created"));
        let stores = [0, 1].map(|_| options.open(place.path()).expect("opened"));
        Self {
            places: vec![place],
            options,
            stores,
            writer: None,
            all: Vec::new(),
            first: 0,
            snapshots: Vec::new(),
            large: 0,
            compared: 0,
        }
    }

    fn operate(&mut self, input: &mut Input<'_>) {
        let what = input.byte();
        let store = usize::from(what >> 7);
        match what & 31 {
            0..=2 => self.append(input, store),
            3..=5 => self.append_batch(input, store),
            6 => self.refuse(store),
            7 | 8 => self.open_writer(store),
            9..=12 => self.push(input),
            13 | 14 => self.use_writer(input),
            15 => self.let_go_of_the_writer(input),
            16 => {
                let synced = self.stores[store].sync();
                self.assert_done(store, synced);
            }
            17 => {
                let sealed = self.stores[store].seal();
                self.assert_done(store, sealed);
            }
            18..=20 => self.remove(input, store),
            21 | 22 => self.reopen_unless_held(input),
            23 | 24 => self.take_or_compare_snapshot(input),
            25 | 26 => self.crash(input),
            27 => self.copy(input),
            28 => self.verify(),
            29 => self.repair(),
            _ => self.compare_some(input),
        }
    }

    /// A call succeeded, unless a writer has the lock: then the error says so at once.
    fn assert_done<T>(&self, store: usize, result: gaugelog::Result<T>) -> Option<T> {
        let Some(held) = &self.writer else { return Some(result.expect("the lock is free")) };
        let kind = if held.store == store { ErrorKind::Invalid } else { ErrorKind::Locked };
        let found = result.map(drop).expect_err("a writer has the lock");
        assert_eq!(found.kind(), kind, "{found}");
        None
    }

    fn acknowledge(
        &mut self,
        store: usize,
        appended: gaugelog::Result<std::ops::Range<u64>>,
        new: &[Observation],
    ) {
        let Some(numbers) = self.assert_done(store, appended) else { return };
        let end = self.all.len() as u64;
        assert_eq!(numbers, end..end + new.len() as u64, "their numbers");
        self.all.extend_from_slice(new);
    }

    fn append(&mut self, input: &mut Input<'_>, store: usize) {
        let one = observation(input, self.all.len());
        let appended = self.stores[store].append(one).map(|number| number..number + 1);
        self.acknowledge(store, appended, &[one]);
    }

    fn append_batch(&mut self, input: &mut Input<'_>, store: usize) {
        let batch = self.batch(input);
        let appended = self.stores[store].append_batch(&batch);
        if batch.is_empty() {
            drop(appended);
        } else {
            self.acknowledge(store, appended, &batch);
        }
    }

    /// Large batches repeat a few observations; otherwise inputs would have to be as
    /// large.
    fn batch(&mut self, input: &mut Input<'_>) -> Vec<Observation> {
        let mut count = usize::from(input.byte());
        if count >= 160 {
            self.large += 1;
            count = if self.large <= LARGE_MAX { 32 * (count - 159) } else { 160 };
        }
        let few: Vec<_> =
            (0..count.min(8)).map(|n| observation(input, self.all.len() + n)).collect();
        let mut batch = few.clone();
        for n in few.len()..count {
            let Observation { timestamp_ns, value } = few[n % 8];
            let moved = value + n as f64;
            let value = if moved.is_finite() { moved } else { value };
            batch.push(Observation::new(timestamp_ns.wrapping_add(n as i64), value));
        }
        batch
    }

    /// Nothing of a batch with a value that is not a number is stored.
    fn refuse(&mut self, store: usize) {
        let batch = [0.5, f64::NAN, 1.0].map(|value| Observation::new(0, value));
        let error = self.stores[store].append_batch(&batch).expect_err("not a number");
        assert_eq!((error.kind(), error.stored()), (ErrorKind::Invalid, 0));
        if let Some(held) = &mut self.writer {
            let pushed = held.writer.push(Observation::new(0, f64::INFINITY));
            assert_eq!(pushed.expect_err("infinite").kind(), ErrorKind::Invalid);
        }
    }

    fn open_writer(&mut self, store: usize) {
        let writer = self.stores[store].writer();
        if let Some(writer) = self.assert_done(store, writer) {
            self.writer = Some(Held { writer, pushed: Vec::new(), store });
        }
    }

    fn push(&mut self, input: &mut Input<'_>) {
        if self.writer.is_none() {
            return;
        }
        let batch = if input.byte() % 8 == 0 {
            self.batch(input)
        } else {
            let count = 1 + input.below(8);
            (0..count).map(|n| observation(input, self.all.len() + n)).collect()
        };
        let Some(Held { writer, pushed, .. }) = &mut self.writer else { return };
        for one in batch {
            writer.push(one).expect("pushed");
            pushed.push(one);
        }
    }

    fn use_writer(&mut self, input: &mut Input<'_>) {
        let what = input.byte() % 4;
        let Some(Held { writer, pushed, .. }) = &mut self.writer else { return };
        match what {
            0 => writer.flush().expect("flushed"),
            1 => writer.sync().expect("synced"),
            2 => writer.seal().expect("sealed"),
            _ => {
                // It makes durable what was stored, and stores nothing more.
                writer.sync_if_due().expect("synced");
                return;
            }
        }
        self.all.append(pushed);
        let snapshot = self.stores[0].snapshot().expect("a snapshot");
        assert_eq!(snapshot.end_sequence(), self.all.len() as u64, "all is stored");
        if what == 1 {
            assert_eq!(snapshot.durable_end(), self.all.len() as u64, "all is durable");
        }
    }

    fn let_go_of_the_writer(&mut self, input: &mut Input<'_>) {
        let Some(Held { writer, pushed, .. }) = self.writer.take() else { return };
        if input.flag() {
            writer.close().expect("closed");
        } else {
            drop(writer);
        }
        self.all.extend(pushed);
    }

    /// Retention, with a store or the writer.
    fn remove(&mut self, input: &mut Input<'_>, store: usize) {
        let (by_time, what) = (input.flag(), input.byte());
        if by_time {
            let time = match what {
                0 => i64::MAX,
                1 => i64::MIN,
                _ => self.all.get(input.below(self.all.len())).map_or(0, |it| it.timestamp_ns),
            };
            let Some(removed) = self.removed(store, |by| by.before(time)) else { return };
            self.assert_removed_before(time, removed);
        } else {
            let bytes = u64::from(what) * 512;
            let Some(removed) = self.removed(store, |by| by.to_bytes(bytes)) else { return };
            self.first += usize::try_from(removed).expect("few");
            let (listed, kept) = (self.listed(), self.bytes());
            assert!(kept <= bytes || listed.is_none_or(|it| it.first_chunk == it.sealed_end));
        }
        let snapshot = self.stores[0].snapshot().expect("a snapshot");
        assert_eq!(snapshot.first_sequence(), self.first as u64, "the first that is kept");
    }

    /// How many observations were removed; `None` if the lock was not free.
    fn removed(
        &mut self,
        store: usize,
        remove: impl FnOnce(Remover<'_>) -> gaugelog::Result<u64>,
    ) -> Option<u64> {
        match &mut self.writer {
            Some(held) if held.store == store => {
                Some(remove(Remover::Writer(&mut held.writer)).expect("removed"))
            }
            _ => {
                let removed = remove(Remover::Store(&self.stores[store]));
                self.assert_done(store, removed)
            }
        }
    }

    fn listed(&self) -> Option<fuzzing::Listed> {
        fuzzing::listed(self.places.last().expect("a place").path())
    }

    /// All older chunks as a whole, and no chunk more.
    fn assert_removed_before(&mut self, time: i64, removed: u64) {
        let chunk = usize::try_from(fuzzing::CHUNK).expect("2,048");
        let removed = usize::try_from(removed).expect("few");
        assert_eq!(removed % chunk, 0, "whole chunks");
        let is_older =
            |from: usize| self.all[from..from + chunk].iter().all(|it| it.timestamp_ns < time);
        assert!((self.first..self.first + removed).step_by(chunk).all(is_older));
        self.first += removed;
        let sealed = self.listed().map_or(0, |it| it.sealed_end) as usize * chunk;
        assert!(self.first >= sealed || !is_older(self.first), "a chunk that is older is kept");
    }

    /// The bytes of the log and the chunks.
    fn bytes(&self) -> u64 {
        let files = self.places.last().expect("a place").files();
        let counts =
            files.iter().filter(|(name, _)| name.ends_with(".log") || name.ends_with(".chunk"));
        counts.map(|(_, bytes)| bytes.len() as u64).sum()
    }

    fn reopen_unless_held(&mut self, input: &mut Input<'_>) {
        // A store that is closed under `Every` syncs, and the writer has the lock.
        if self.writer.is_none() {
            self.reopen(input);
        }
    }

    /// Opens both handles again, with other options.
    fn reopen(&mut self, input: &mut Input<'_>) {
        self.options = options(input);
        let path = self.places.last().expect("a place").path();
        self.stores = [0, 1].map(|_| self.options.open(path).expect("opened"));
        for store in &self.stores {
            let found = store.recovery();
            assert_eq!(found.observations, (self.all.len() - self.first) as u64);
            assert_eq!((found.dropped_bytes, found.damage.len()), (0, 0), "{found:?}");
        }
    }

    /// After a crash, only what is in the directory is left.
    fn crash(&mut self, input: &mut Input<'_>) {
        if self.places.len() >= PLACES_MAX {
            return;
        }
        let files = self.places.last().expect("a place").files();
        self.writer = None;
        self.places.push(Place::with(&files));
        self.reopen(input);
    }

    /// A copy, possibly while a writer is held. It replaces the store, or does not.
    fn copy(&mut self, input: &mut Input<'_>) {
        if self.places.len() >= PLACES_MAX {
            return;
        }
        let place = Place::new();
        let copied = self.stores[0].copy_to(place.path()).expect("copied");
        assert_eq!(copied, (self.all.len() - self.first) as u64);
        let found = Store::open(place.path()).expect("opened").verify().expect("readable");
        assert!(found.is_sound(), "{found:?}");
        assert_eq!(found.readable, copied);
        if input.flag() {
            self.writer = None;
            self.places.push(place);
            self.reopen(input);
        }
    }

    fn verify(&mut self) {
        self.compared += 1;
        if self.compared <= COMPARED_MAX {
            let found = self.stores[0].verify().expect("readable");
            assert!(found.is_sound(), "{found:?}");
            assert_eq!(found.readable, (self.all.len() - self.first) as u64);
        }
    }

    /// There is nothing to repair, and nothing is changed.
    fn repair(&mut self) {
        let path = self.places.last().expect("a place").path();
        match self.options.repair(path) {
            Ok(repair) => {
                assert!(self.writer.is_none(), "the writer has the lock");
                assert_eq!((repair.lost, repair.rewritten.len()), (0, 0), "{repair:?}");
                assert!(repair.orphans.is_empty() && !repair.is_manifest_rebuilt, "{repair:?}");
            }
            Err(error) => {
                assert!(self.writer.is_some() && error.kind() == ErrorKind::Locked, "{error}");
            }
        }
    }

    fn model_of(&self, taken: &Taken) -> Model<'_> {
        Model {
            all: &self.all[taken.first..taken.end],
            first: taken.first,
            may_be_removed: self.first > taken.first,
        }
    }

    /// A snapshot shows what there was, whatever was appended later.
    fn take_or_compare_snapshot(&mut self, input: &mut Input<'_>) {
        if self.snapshots.len() >= SNAPSHOTS_MAX {
            let taken = self.snapshots.swap_remove(input.below(SNAPSHOTS_MAX));
            self.model_of(&taken).assert_some(&taken.snapshot, input);
            return;
        }
        let snapshot = self.stores[0].snapshot().expect("a snapshot");
        assert_eq!(snapshot.end_sequence(), self.all.len() as u64);
        assert!(snapshot.durable_end() <= snapshot.end_sequence());
        self.snapshots.push(Taken { snapshot, first: self.first, end: self.all.len() });
    }

    fn model(&self) -> Model<'_> {
        Model { all: &self.all[self.first..], first: self.first, may_be_removed: false }
    }

    fn compare_some(&mut self, input: &mut Input<'_>) {
        self.compared += 1;
        if self.compared <= COMPARED_MAX {
            let snapshot = self.stores[1].snapshot().expect("a snapshot");
            self.model().assert_some(&snapshot, input);
        }
    }

    fn compare_all(&self, input: &mut Input<'_>) {
        let snapshot = self.stores[0].snapshot().expect("a snapshot");
        assert!(snapshot.damage().is_empty(), "{:?}", snapshot.damage());
        let model = self.model();
        model.assert_sequences(&snapshot, 0, self.all.len());
        model.assert_whole_summary(&snapshot);
        model.assert_some(&snapshot, input);
    }
}

/// With which the oldest chunks are removed.
enum Remover<'a> {
    Store(&'a Store),
    Writer(&'a mut Writer),
}

impl Remover<'_> {
    fn before(self, time_ns: i64) -> gaugelog::Result<u64> {
        match self {
            Self::Store(store) => store.remove_before(time_ns),
            Self::Writer(writer) => writer.remove_before(time_ns),
        }
    }

    fn to_bytes(self, bytes: u64) -> gaugelog::Result<u64> {
        match self {
            Self::Store(store) => store.keep_bytes(bytes),
            Self::Writer(writer) => writer.keep_bytes(bytes),
        }
    }
}

fn options(input: &mut Input<'_>) -> Options {
    let what = input.byte();
    let policy = match what & 3 {
        0 => SyncPolicy::Never,
        1 => SyncPolicy::Always,
        2 => SyncPolicy::Every(Duration::ZERO),
        _ => SyncPolicy::Every(Duration::from_secs(3600)),
    };
    // The size at which a writer that does not sync each append seals.
    let log_bytes_max = [0, 16 << 10, 40 << 10, 64 << 20][usize::from(what >> 2 & 3)];
    Options::new()
        .sync(policy)
        .log_bytes_max(log_bytes_max)
        .positioned_reads(what & 16 != 0)
        .lock_wait(Duration::ZERO)
}

/// One of several kinds of values, at about the time of the `n`-th.
fn observation(input: &mut Input<'_>, n: usize) -> Observation {
    let what = input.byte();
    let near = i64::try_from(n).expect("few") * 1000;
    let timestamp_ns = match what >> 6 {
        0 | 1 => near,
        2 => near - i64::from(input.byte()) * 100,
        _ => input.u64().cast_signed(),
    };
    let value = match what & 7 {
        0 => 14.5,
        1 | 2 => f64::from(input.byte()) / 10.0,
        3 => -f64::from(input.u16()) / 8.0,
        4 => -0.0,
        5 => f64::from(input.u32()) * 1e-3,
        _ => {
            let any = f64::from_bits(input.u64());
            if any.is_finite() { any } else { 0.0 }
        }
    };
    Observation::new(timestamp_ns, value)
}
