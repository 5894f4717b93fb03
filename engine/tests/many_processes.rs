//! Promise 6: any number of processes append and read at once.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use gaugelog::{Observation, Store, SyncPolicy};
use support::{arrivals, bits, place, small_segments};

const WRITERS: usize = 8;
const EACH: usize = 500;
const READERS: usize = 2;
const PATH: &str = "GAUGELOG_TEST_SHARED_PATH";
const ROLE: &str = "GAUGELOG_TEST_SHARED_ROLE";

/// The `n`-th observation of a writer: the two can be told from it again.
fn observation(writer: usize, n: usize) -> Observation {
    let number = i64::try_from(writer * EACH + n).expect("a small number");
    Observation::new(number, n as f64 / 7.0)
}

/// Not a test by itself: what is run again as each of the processes.
#[test]
fn one_of_the_processes() {
    let Some(path) = std::env::var_os(PATH).map(PathBuf::from) else { return };
    let role = std::env::var(ROLE).expect("a role");
    match role.parse() {
        Ok(writer) => append(&path, writer),
        Err(_) => read(&path),
    }
}

/// Appends through one handle, now and then through another, and in batches.
fn append(path: &Path, writer: usize) {
    // Where nothing is synced, only the segment itself tells of an append.
    let policy = if writer.is_multiple_of(2) { SyncPolicy::Always } else { SyncPolicy::Never };
    let options = small_segments().sync(policy);
    let mut store = options.open(path).expect("opened");
    let mut n = 0;
    while n < EACH {
        if n % 50 == 49 {
            store = options.open(path).expect("opened");
        }
        let count = if n % 90 == 89 { 11.min(EACH - n) } else { 1 };
        let batch: Vec<_> = (n..n + count).map(|n| observation(writer, n)).collect();
        store.append_batch(&batch).expect("appended");
        n += count;
    }
}

/// Takes snapshots until all is there; each is a prefix of all later ones.
fn read(path: &Path) {
    let store = Store::open_read_only(path).expect("opened");
    let mut before: Vec<Observation> = Vec::new();
    while before.len() < WRITERS * EACH {
        let snapshot = store.snapshot().expect("a snapshot");
        let now = arrivals(&snapshot);
        assert_eq!(now.len() as u64, snapshot.len());
        assert!(now.starts_with(&before), "what was seen does not change");
        assert_eq!(snapshot.summary().expect("a summary").count(), snapshot.len());
        assert_each_in_order(&now);
        assert_eq!(arrivals(&snapshot), now, "a snapshot does not move");
        before = now;
    }
}

/// Nothing is lost or doubled of what each writer has appended so far.
fn assert_each_in_order(all: &[Observation]) {
    let mut next = [0; WRITERS];
    for stored in all {
        let writer = usize::try_from(stored.timestamp_ns).expect("as appended") / EACH;
        assert_eq!(*stored, observation(writer, next[writer]));
        next[writer] += 1;
    }
}

fn start(path: &Path, role: &str) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "one_of_the_processes"])
        .env(PATH, path)
        .env(ROLE, role)
        .spawn()
        .expect("started")
}

#[test]
fn many_processes_append_and_read_at_once() {
    let (_guard, path) = place();
    small_segments().create(&path).expect("created");
    let writers = (0..WRITERS).map(|writer| start(&path, &writer.to_string()));
    let readers = (0..READERS).map(|_| start(&path, "reader"));
    let all: Vec<Child> = writers.chain(readers).collect();
    for mut child in all {
        assert!(child.wait().expect("waited for").success());
    }
    let store = Store::open(&path).expect("opened");
    assert_eq!(store.found().observations, (WRITERS * EACH) as u64);
    let snapshot = store.snapshot().expect("a snapshot");
    let stored = arrivals(&snapshot);
    assert_eq!(stored.len(), WRITERS * EACH);
    assert_each_in_order(&stored);
    // The same in one go gives the same statistics.
    let (_guard, calm) = place();
    let alone = Store::create(&calm).expect("created");
    alone.append_batch(&stored).expect("appended");
    let expected = alone.snapshot().expect("a snapshot").summary().expect("a summary");
    assert_eq!(bits(&snapshot.summary().expect("a summary")), bits(&expected));
}
