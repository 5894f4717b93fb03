//! What a program may do with a store, beside a plain vector that holds what it
//! was told is stored. At any moment the process may die: what was acknowledged
//! is there all the same.

use std::time::Duration;

use gaugelog::{ErrorKind, Observation, Options, Snapshot, Store, SyncPolicy, Writer, fuzzing};

use crate::input::Input;
use crate::model;
use crate::scratch::Place;

/// An input does no more than this.
const OPERATIONS_MAX: usize = 64;
/// Large batches and full comparisons, which take the most time, are fewer.
const LARGE_MAX: usize = 3;
const COMPARED_MAX: usize = 3;
const SNAPSHOTS_MAX: usize = 3;

/// The store, and what it must hold.
struct World {
    /// Where the store is, and where it was before each crash.
    places: Vec<Place>,
    options: Options,
    stores: [Store; 2],
    /// It holds the lock, and what was pushed and not acknowledged.
    writer: Option<(Writer, Vec<Observation>)>,
    all: Vec<Observation>,
    snapshots: Vec<(Snapshot, usize)>,
    large: usize,
    compared: usize,
}

/// Does what `bytes` say to a new store.
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
    while let Some((snapshot, length)) = world.snapshots.pop() {
        model::assert_arrivals(&snapshot, &world.all, 0, length);
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
            snapshots: Vec::new(),
            large: 0,
            compared: 0,
        }
    }

    fn operate(&mut self, input: &mut Input<'_>) {
        let what = input.byte();
        let store = &self.stores[usize::from(what >> 7)];
        match what & 15 {
            0 | 1 => self.append(input, usize::from(what >> 7)),
            2 => self.append_batch(input, usize::from(what >> 7)),
            3 => self.refuse(usize::from(what >> 7)),
            4 => self.open_writer(usize::from(what >> 7)),
            5 | 6 => self.push(input),
            7 => self.use_writer(input),
            8 => self.let_go_of_the_writer(input),
            9 => {
                let synced = store.sync();
                assert_eq!(is_locked(&synced), self.writer.is_some(), "{synced:?}");
            }
            10 => self.reopen(input),
            11 => self.take_or_compare_snapshot(input),
            12 => self.crash(input),
            13 => self.remove_derived(input),
            14 => self.verify(),
            _ => self.compare_some(input),
        }
    }

    /// Whether a call said what it had to: that a writer has the lock, or how
    /// many there are now.
    fn acknowledge(&mut self, appended: gaugelog::Result<u64>, new: &[Observation]) {
        if self.writer.is_some() {
            assert!(is_locked(&appended), "{appended:?}");
            return;
        }
        assert_eq!(appended.expect("appended"), self.all.len() as u64, "the first one's number");
        self.all.extend_from_slice(new);
    }

    fn append(&mut self, input: &mut Input<'_>, store: usize) {
        let one = observation(input, self.all.len());
        let appended = self.stores[store].append(one);
        self.acknowledge(appended, &[one]);
    }

    fn append_batch(&mut self, input: &mut Input<'_>, store: usize) {
        let mut count = usize::from(input.byte());
        if count >= 200 {
            self.large += 1;
            count = if self.large <= LARGE_MAX { 512 * (count - 198) / 10 } else { 200 };
        }
        // Large ones repeat a few, or an input would have to be as large.
        let few: Vec<_> =
            (0..count.min(8)).map(|n| observation(input, self.all.len() + n)).collect();
        let mut batch = few.clone();
        for n in few.len()..count {
            let Observation { timestamp_ns, value } = few[n % 8];
            let moved = value + n as f64;
            let value = if moved.is_finite() { moved } else { value };
            batch.push(Observation::new(timestamp_ns.wrapping_add(n as i64), value));
        }
        let appended = self.stores[store].append_batch(&batch);
        self.acknowledge(appended.map(|numbers| numbers.start), &batch);
    }

    /// Of a batch with a value that is none, nothing is stored.
    fn refuse(&mut self, store: usize) {
        let batch = [0.5, f64::NAN, 1.0].map(|value| Observation::new(0, value));
        let error = self.stores[store].append_batch(&batch).expect_err("not a number");
        assert_eq!((error.kind(), error.stored()), (ErrorKind::Invalid, 0));
        if let Some((writer, _)) = &mut self.writer {
            let pushed = writer.push(Observation::new(0, f64::INFINITY));
            assert_eq!(pushed.expect_err("infinite").kind(), ErrorKind::Invalid);
        }
    }

    fn open_writer(&mut self, store: usize) {
        let writer = self.stores[store].writer();
        match &self.writer {
            Some(_) => assert!(is_locked(&writer)),
            None => self.writer = Some((writer.expect("nobody has the lock"), Vec::new())),
        }
    }

    fn push(&mut self, input: &mut Input<'_>) {
        let Some((writer, pushed)) = &mut self.writer else { return };
        for _ in 0..1 + input.below(8) {
            let one = observation(input, self.all.len() + pushed.len());
            writer.push(one).expect("pushed");
            pushed.push(one);
        }
    }

    fn use_writer(&mut self, input: &mut Input<'_>) {
        let Some((writer, pushed)) = &mut self.writer else { return };
        match input.byte() % 3 {
            0 => {
                let end = writer.flush().expect("flushed");
                self.all.append(pushed);
                assert_eq!(end, self.all.len() as u64, "the next one's number");
            }
            1 => {
                writer.sync().expect("synced");
                self.all.append(pushed);
            }
            // Where it is due, it stores all that was pushed.
            _ => {
                let due = writer.sync_if_due().expect("synced");
                let length = self.stores[0].snapshot().expect("a snapshot").len();
                if length > self.all.len() as u64 {
                    assert!(due.is_none());
                    self.all.append(pushed);
                }
            }
        }
    }

    fn let_go_of_the_writer(&mut self, input: &mut Input<'_>) {
        let Some((writer, pushed)) = self.writer.take() else { return };
        if input.flag() {
            writer.close().expect("closed");
        } else {
            drop(writer);
        }
        self.all.extend(pushed);
    }

    /// Both handles anew, with other options.
    fn reopen(&mut self, input: &mut Input<'_>) {
        self.options = options(input);
        let path = self.places.last().expect("a place").path();
        self.stores = [0, 1].map(|_| self.options.open(path).expect("opened"));
        for store in &self.stores {
            assert_eq!(store.found().observations, self.all.len() as u64);
            assert_eq!((store.found().dropped_bytes, store.found().damage.len()), (0, 0));
        }
    }

    /// What lies in the directory now is all that is left of the process.
    fn crash(&mut self, input: &mut Input<'_>) {
        if self.places.len() > 4 {
            return;
        }
        let files = self.places.last().expect("a place").files();
        self.writer = None;
        self.places.push(Place::with(&files));
        self.reopen(input);
    }

    fn remove_derived(&mut self, input: &mut Input<'_>) {
        let which = input.byte();
        let place = self.places.last().expect("a place");
        for name in std::fs::read_dir(place.path()).expect("a directory") {
            let path = name.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name");
            let derived = (which & 1 != 0 && name == "checkpoint")
                || (which & 2 != 0 && name.ends_with(".tree"))
                || (which & 4 != 0 && name.ends_with(".guide"));
            if derived {
                std::fs::remove_file(path).expect("removed");
            }
        }
    }

    fn verify(&mut self) {
        self.compared += 1;
        if self.compared <= COMPARED_MAX {
            let found = self.stores[0].verify().expect("readable");
            assert!(found.is_sound(), "{found:?}");
            assert_eq!(found.readable, self.all.len() as u64);
        }
    }

    /// A snapshot shows what there was, whatever was appended since.
    fn take_or_compare_snapshot(&mut self, input: &mut Input<'_>) {
        if self.snapshots.len() >= SNAPSHOTS_MAX {
            let (snapshot, length) = self.snapshots.swap_remove(input.below(SNAPSHOTS_MAX));
            compare(&snapshot, &self.all[..length], input);
            return;
        }
        let snapshot = self.stores[0].snapshot().expect("a snapshot");
        assert_eq!(snapshot.len(), self.all.len() as u64);
        self.snapshots.push((snapshot, self.all.len()));
    }

    fn compare_some(&mut self, input: &mut Input<'_>) {
        self.compared += 1;
        if self.compared <= COMPARED_MAX {
            compare(&self.stores[1].snapshot().expect("a snapshot"), &self.all, input);
        }
    }

    fn compare_all(&self, input: &mut Input<'_>) {
        let snapshot = self.stores[0].snapshot().expect("a snapshot");
        assert!(snapshot.damage().is_empty(), "{:?}", snapshot.damage());
        model::assert_arrivals(&snapshot, &self.all, 0, self.all.len());
        model::assert_whole_summary(&snapshot, &self.all);
        compare(&snapshot, &self.all, input);
    }
}

/// Asks one question.
fn compare(snapshot: &Snapshot, all: &[Observation], input: &mut Input<'_>) {
    assert_eq!(snapshot.len(), all.len() as u64);
    match input.byte() % 16 {
        0 | 6 | 7 => {
            let from = input.below(all.len());
            model::assert_arrivals(snapshot, all, from, from + input.below(2000));
        }
        1 => model::assert_whole_summary(snapshot, all),
        2 | 8 | 9 => {
            let mut time = || match input.below(all.len() + 2).checked_sub(2) {
                None => [i64::MIN, i64::MAX][input.below(2)],
                Some(n) => all[n].timestamp_ns.saturating_add(i64::from(input.byte() % 3) - 1),
            };
            let (from, to) = (time(), time());
            model::assert_range(snapshot, all, from, to);
        }
        3 => model::assert_quantile(snapshot, all, input),
        4 | 10 | 11 => model::assert_histogram(snapshot, all, 1 + input.below(300)),
        _ => model::assert_columns(snapshot, all, 1 + input.below(300)),
    }
}

fn is_locked<T>(result: &gaugelog::Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Locked)
}

fn options(input: &mut Input<'_>) -> Options {
    let what = input.byte();
    let policy = match what & 3 {
        0 => SyncPolicy::Never,
        1 => SyncPolicy::Always,
        2 => SyncPolicy::Every(Duration::ZERO),
        _ => SyncPolicy::Every(Duration::from_hours(1)),
    };
    let segment_bytes_max = [1024, 8 * 1024, 40 * 1024, 1 << 20][usize::from(what >> 2 & 3)];
    Options::new()
        .sync(policy)
        .segment_bytes_max(segment_bytes_max)
        .positioned_reads(what & 16 != 0)
        .lock_wait(Duration::ZERO)
}

/// A value of one sort or another, about the time of the `n`-th.
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
