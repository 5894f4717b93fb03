//! Promise 6 within one process: threads append through one `Store`, where they share
//! syncs, and through their own. They also read meanwhile, and several share one
//! snapshot.
//!
//! `engine/RELIABILITY.md` has the command that runs this under ThreadSanitizer.

mod support;

use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gaugelog::{ErrorKind, Observation, Options, Snapshot, Store, SyncPolicy};
use support::{CHUNK, arrivals, assert_sound, bits, place};

/// How many threads append through one store, and as many through their own.
const WRITERS: usize = 3;
const EACH: usize = 12_000;
const READERS: usize = 2;
const ALL: usize = 2 * WRITERS * EACH;

/// The `n`-th observation of a writer. It identifies both the writer and `n`.
fn observation(writer: usize, n: usize) -> Observation {
    let number = i64::try_from(writer * EACH + n).expect("a small number");
    Observation::new(number, n as f64 / 7.0)
}

/// Appends singly, in batches, and sometimes with a held writer.
fn append(store: &Store, writer: usize, acknowledged: &AtomicUsize) {
    let mut n = 0;
    while n < EACH {
        let count = [1, 1, 950, 1, 340][n % 5].min(EACH - n);
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

/// Takes snapshots until all is stored; each has what was acknowledged before it.
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

/// Nothing of what each writer has appended so far is lost or doubled.
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
    assert_sound(&shared);
    assert_eq!(shared.verify().expect("verified").chunks, ALL as u64 / CHUNK);
    ask_together(&shared.snapshot().expect("a snapshot"));
}

/// Threads that ask one snapshot at once get the same answers.
fn ask_together(snapshot: &Snapshot) {
    let answers = || {
        let summary = bits(&snapshot.summary().expect("read"));
        let median = snapshot.median().expect("read");
        let range: Vec<_> = snapshot.window(100..500).iter().map(|it| it.expect("read")).collect();
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
        let options = Options::new().sync(policy).positioned_reads(positioned_reads);
        append_and_read(&path, &options);
    }
}

/// How many threads append at once, and how often each does.
const SHARERS: usize = 8;
const SHARED_EACH: usize = 400;

/// Each thread's observations are stored once, in its order, at the returned numbers, and
/// are in every snapshot that is taken after the append returned.
#[test]
fn appends_that_share_a_sync_are_each_stored_once_at_the_numbers_returned() {
    for policy in [SyncPolicy::Always, SyncPolicy::Every(Duration::from_micros(200))] {
        let (_guard, path) = place();
        let store = Options::new().sync(policy).create(&path).expect("created");
        let begin = Barrier::new(SHARERS);
        let numbers: Vec<Vec<u64>> = std::thread::scope(|scope| {
            let (store, begin) = (&store, &begin);
            let share = |thread: usize| move || append_and_read_back(store, begin, thread);
            let threads: Vec<_> = (0..SHARERS).map(|it| scope.spawn(share(it))).collect();
            threads.into_iter().map(|it| it.join().expect("no panic")).collect()
        });
        let stored = arrivals(&store.snapshot().expect("a snapshot"));
        assert_eq!(stored.len(), numbers.iter().map(Vec::len).sum::<usize>());
        for (thread, numbers) in numbers.iter().enumerate() {
            assert!(numbers.is_sorted_by(|one, next| one < next));
            for (n, sequence) in numbers.iter().enumerate() {
                let at = usize::try_from(*sequence).expect("a small number");
                assert_eq!(stored[at], shared_observation(thread, n));
            }
        }
        assert_sound(&store);
    }
}

fn shared_observation(thread: usize, n: usize) -> Observation {
    let time = i64::try_from(thread * 1_000_000 + n).expect("a small number");
    Observation::new(time, n as f64)
}

/// Appends single observations and small batches, and sometimes an invalid one, which
/// does not affect other threads. Returns the number of each.
fn append_and_read_back(store: &Store, begin: &Barrier, thread: usize) -> Vec<u64> {
    begin.wait();
    let mut numbers = Vec::new();
    while numbers.len() < SHARED_EACH {
        if numbers.len() % 50 == thread {
            let error = store.append(Observation::new(0, f64::NAN)).expect_err("not finite");
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
        let first = numbers.len();
        let count = if first.is_multiple_of(7) { 3 } else { 1 };
        let batch: Vec<_> = (first..first + count).map(|n| shared_observation(thread, n)).collect();
        let stored = store.append_batch(&batch).expect("appended");
        assert_eq!(stored.end - stored.start, count as u64);
        let snapshot = store.snapshot().expect("a snapshot");
        if matches!(numbers.len() % 16, 0) {
            let read: Vec<_> = snapshot.by_sequence(stored.clone()).collect();
            let read = read.into_iter().map(|it| it.expect("read").1);
            assert!(read.eq(batch), "{stored:?}");
        }
        numbers.extend(stored);
    }
    numbers
}

/// It would wait for itself.
#[test]
fn a_thread_that_holds_a_writer_and_appends_gets_an_error_at_once() {
    let (_guard, path) = place();
    let store = Options::new().lock_wait(Duration::from_secs(60)).create(&path).expect("created");
    let mut writer = store.writer().expect("a writer");
    writer.push(Observation::new(1, 1.0)).expect("pushed");
    let begun = Instant::now();
    let refusals = [
        store.append(Observation::new(2, 2.0)).map(drop),
        store.append_batch(&[Observation::new(2, 2.0); 3]).map(drop),
        store.writer().map(drop),
        store.sync(),
        store.seal(),
        store.remove_before(0).map(drop),
        store.keep_bytes(0).map(drop),
        store.clone().append(Observation::new(2, 2.0)).map(drop),
    ];
    for refusal in refusals {
        let error = refusal.expect_err("it would wait for itself");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("this thread holds a writer"), "{error}");
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    // Reading needs no lock.
    assert_eq!(store.snapshot().expect("a snapshot").len(), 0);
    writer.close().expect("closed");
    assert_eq!(store.append(Observation::new(2, 2.0)).expect("appended"), 1);
}

/// Another thread waits for the writer, and goes on after it.
#[test]
fn another_thread_waits_for_a_writer_that_is_held() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    let mut writer = store.writer().expect("a writer");
    let begin = Barrier::new(2);
    std::thread::scope(|scope| {
        let appending = scope.spawn(|| {
            begin.wait();
            store.append(Observation::new(2, 2.0)).expect("appended after the writer")
        });
        begin.wait();
        writer.push(Observation::new(1, 1.0)).expect("pushed");
        std::thread::sleep(Duration::from_millis(30));
        assert!(!appending.is_finished());
        writer.close().expect("closed");
        assert_eq!(appending.join().expect("no panic"), 1);
    });
    // A writer belongs to the thread that uses it.
    let mut writer = store.writer().expect("a writer");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            writer.push(Observation::new(3, 3.0)).expect("pushed");
            writer.flush().expect("flushed");
            let error = store.append(Observation::new(4, 4.0)).expect_err("it holds the writer");
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        });
    });
    drop(writer);
    assert_eq!(arrivals(&store.snapshot().expect("a snapshot")).len(), 3);
}
