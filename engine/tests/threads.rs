//! Promise 6 within one process: threads append through one `Store` and through
//! their own, and read beside it, also one snapshot by several.
//!
//! `engine/RELIABILITY.md` has the command that runs this under ThreadSanitizer.

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use gaugelog::{Observation, Options, Snapshot, Store, SyncPolicy};
use support::{arrivals, bits, place, small_segments};

/// Threads that append through one store, and as many that have their own.
const WRITERS: usize = 3;
const EACH: usize = 2_000;
const READERS: usize = 2;
const ALL: usize = 2 * WRITERS * EACH;

/// The `n`-th observation of a writer: the two can be told from it again.
fn observation(writer: usize, n: usize) -> Observation {
    let number = i64::try_from(writer * EACH + n).expect("a small number");
    Observation::new(number, n as f64 / 7.0)
}

/// Appends singly, in batches, and now and then with a writer of its own.
fn append(store: &Store, writer: usize, acknowledged: &AtomicUsize) {
    let mut n = 0;
    while n < EACH {
        let count = [1, 1, 250, 1, 40][n % 5].min(EACH - n);
        let batch: Vec<_> = (n..n + count).map(|n| observation(writer, n)).collect();
        if n % 3 == 0 {
            let mut held = store.writer().expect("a writer");
            batch.iter().for_each(|it| held.push(*it).expect("pushed"));
            held.close().expect("closed");
        } else {
            let numbers = store.append_batch(&batch).expect("appended");
            assert_eq!(numbers.end - numbers.start, count as u64);
        }
        acknowledged.fetch_add(count, Ordering::Release);
        n += count;
    }
}

/// Takes snapshots until all is there; each has what was acknowledged before it.
fn read(store: &Store, acknowledged: &AtomicUsize) {
    let mut before: Vec<Observation> = Vec::new();
    while before.len() < ALL {
        let least = acknowledged.load(Ordering::Acquire);
        let snapshot = store.snapshot().expect("a snapshot");
        let now = arrivals(&snapshot);
        assert!(now.len() >= least, "{} of {least} that were acknowledged", now.len());
        assert!(now.starts_with(&before), "{} seen, now there are {}", before.len(), now.len());
        assert_each_in_order(&now);
        assert_eq!(snapshot.summary().expect("read").count(), snapshot.len());
        before = now;
    }
}

/// Nothing is lost or doubled of what each writer has appended so far.
fn assert_each_in_order(all: &[Observation]) {
    let mut next = [0; 2 * WRITERS];
    for stored in all {
        let writer = usize::try_from(stored.timestamp_ns).expect("as appended") / EACH;
        assert_eq!(*stored, observation(writer, next[writer]));
        next[writer] += 1;
    }
}

fn append_and_read(path: &Path, options: &Options) {
    let shared = options.create(path).expect("created");
    let acknowledged = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (shared, acknowledged) = (&shared, &acknowledged);
        for writer in 0..WRITERS {
            scope.spawn(move || append(shared, writer, acknowledged));
            scope.spawn(move || {
                let own = options.open(path).expect("opened");
                append(&own, WRITERS + writer, acknowledged);
            });
        }
        for _ in 0..READERS {
            scope.spawn(|| read(shared, acknowledged));
        }
    });
    ask_together(&shared.snapshot().expect("a snapshot"));
}

/// Threads that ask one snapshot at once get the same answers.
fn ask_together(snapshot: &Snapshot) {
    let answers = || {
        let summary = bits(&snapshot.summary().expect("read"));
        let median = snapshot.median().expect("read");
        let range: Vec<_> = snapshot.range(100..500).map(|it| it.expect("read")).collect();
        (summary, median, range, arrivals(snapshot).len())
    };
    let expected = answers();
    assert_eq!(expected.3, ALL);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..READERS + 1).map(|_| scope.spawn(answers)).collect();
        for thread in threads {
            assert_eq!(thread.join().expect("no panic"), expected);
        }
    });
}

#[test]
fn threads_append_and_read_at_once() {
    for (policy, positioned_reads) in [(SyncPolicy::Always, false), (SyncPolicy::Never, true)] {
        let (_guard, path) = place();
        let options = small_segments().sync(policy).positioned_reads(positioned_reads);
        append_and_read(&path, &options);
    }
}
