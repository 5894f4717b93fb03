//! Promise 6: any number of processes append and read at once, even if some of them are
//! killed at random.
//!
//! `GAUGELOG_APPENDS` is how many observations each writer appends, `GAUGELOG_SEED` the
//! seed of the moments. `--nocapture` shows the figures.

mod support;

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use gaugelog::{Observation, Options, Store, SyncPolicy};
use support::processes::{Process, again, amount, called, report};
use support::{CHUNK, Random, arrivals, assert_sound, bits, place, undisturbed};

const WRITERS: usize = 16;
const READERS: usize = 3;
/// The most that a writer appends at once, and so the most that a killed writer has not
/// acknowledged.
const BATCH_MOST: u64 = 11;
/// How many observations of one more writer are stored before. They are sealed during the
/// test.
fn before(each: u64) -> u64 {
    CHUNK.saturating_sub(WRITERS as u64 * each / 2)
}

/// A writer is killed about once in this many acknowledgements.
const ACKNOWLEDGEMENTS_A_KILL: u64 = 8;

/// The `n`-th observation of a writer. It identifies both the writer and `n`.
fn observation(writer: u64, n: u64) -> Observation {
    let [writer, number] = [writer, n].map(|it| u32::try_from(it).expect("a small number"));
    Observation::new((i64::from(writer) << 32) | i64::from(number), f64::from(number) / 7.0)
}

fn writer_of(observation: &Observation) -> usize {
    usize::try_from(observation.timestamp_ns >> 32).expect("as appended")
}

/// Asserts that nothing of what each writer has appended is lost, doubled or out of
/// order. Returns how much that is.
fn assert_each_in_order(all: &[Observation]) -> [u64; WRITERS + 1] {
    let mut next = [0; WRITERS + 1];
    for (sequence, stored) in all.iter().enumerate() {
        let writer = writer_of(stored);
        assert_eq!(*stored, observation(writer as u64, next[writer]), "number {sequence}");
        next[writer] += 1;
    }
    next
}

/// Some writers do not sync. Then only the log itself shows an append, and others find
/// unconfirmed frames.
fn options(writer: u64) -> Options {
    let policy = match writer {
        0 => SyncPolicy::Never,
        1 | 2 => SyncPolicy::Every(Duration::from_millis(3)),
        _ => SyncPolicy::Always,
    };
    Options::new().sync(policy).lock_wait(Duration::from_secs(60))
}

/// Not a test by itself: a writer, or the successor of a killed one.
#[test]
fn one_of_the_writers() {
    let Some((path, words)) = called() else { return };
    let numbers: Vec<u64> = words.split(' ').map(|it| it.parse().expect("a number")).collect();
    let [writer, each, seed] = numbers[..] else { panic!("three numbers") };
    append_rest(&path, writer, each, &mut Random(seed));
}

/// Appends what is not stored yet, in every way.
fn append_rest(path: &Path, writer: u64, each: u64, random: &mut Random) {
    let mut store = options(writer).open(path).expect("opened the first time");
    let snapshot = store.snapshot().expect("a snapshot");
    let mut n = assert_each_in_order(&arrivals(&snapshot))[at(writer)];
    report(&format!("stored {n}"));
    while n < each {
        let count = if random.below(4) == 0 { 1 + random.below(BATCH_MOST) } else { 1 };
        let batch: Vec<_> = (n..each.min(n + count)).map(|n| observation(writer, n)).collect();
        n += batch.len() as u64;
        let stored = match random.below(8) {
            0 => append_held(&store, &batch),
            _ => store.append_batch(&batch).expect("appended"),
        };
        report(&format!("acknowledged {} {}", stored.start, stored.end));
        if random.below(30) == 0 {
            store = options(writer).open(path).expect("opened");
        }
    }
    report("done");
}

fn append_held(store: &Store, batch: &[Observation]) -> Range<u64> {
    let mut writer = store.writer().expect("a writer");
    for observation in batch {
        writer.push(*observation).expect("pushed");
    }
    writer.flush().expect("flushed");
    let end = store.snapshot().expect("a snapshot").end_sequence();
    writer.close().expect("closed");
    end - batch.len() as u64..end
}

/// What one writer has done.
#[derive(Debug, Default)]
struct Written {
    /// The acknowledged sequence number of its `n`-th observation; `None` if it was
    /// stored but not acknowledged before a kill.
    numbers: Vec<Option<usize>>,
    kills: u64,
}

/// Runs a writer until it is done, and kills it from time to time.
fn run_writer(path: &Path, writer: u64, each: u64, random: &mut Random) -> Written {
    let mut written = Written::default();
    loop {
        let words = format!("{writer} {each} {}", random.next());
        let mut process = Process::start(&mut again("one_of_the_writers", path, &words));
        let until_killed = random.below(2 * ACKNOWLEDGEMENTS_A_KILL);
        let mut acknowledged = 0;
        let mut done = false;
        while let Some(line) = process.line_with("") {
            done |= line == "done";
            if let Some(stored) = line.strip_prefix("stored ") {
                let stored = at(stored.parse().expect("a number"));
                let unknown = stored.checked_sub(written.numbers.len());
                let most = if written.kills > 0 { at(BATCH_MOST) } else { 0 };
                assert!(unknown.is_some_and(|it| it <= most), "{stored} stored, {written:?}");
                written.numbers.resize(stored, None);
            }
            if let Some(stored) = line.strip_prefix("acknowledged ") {
                let (start, end) = stored.split_once(' ').expect("two numbers");
                let [start, end] = [start, end].map(|it| it.parse().expect("a number"));
                written.numbers.extend((start..end).map(Some));
                acknowledged += 1;
                if acknowledged == until_killed {
                    std::thread::sleep(Duration::from_micros(random.below(3_000)));
                    process.kill();
                }
            }
        }
        if done {
            return written;
        }
        assert!(acknowledged >= until_killed, "it ended before it was killed");
        written.kills += 1;
    }
}

/// Not a test by itself: takes snapshots until all is stored; each is a prefix of all
/// later ones.
#[test]
fn one_of_the_readers() {
    let Some((path, each)) = called() else { return };
    let each = each.parse().expect("a number");
    let all = at(before(each)) + WRITERS * at(each);
    let store = Store::open_read_only(&path).expect("opened");
    let mut earlier: Vec<Observation> = Vec::new();
    let mut snapshots = 0_u64;
    while earlier.len() < all {
        let snapshot = store.snapshot().expect("a snapshot");
        assert!(snapshot.damage().is_empty(), "{:?}", snapshot.damage());
        let now = arrivals(&snapshot);
        assert_eq!(now.len() as u64, snapshot.len());
        assert!(now.starts_with(&earlier), "{} seen, now there are {}", earlier.len(), now.len());
        assert_each_in_order(&now);
        assert_summarised(&snapshot, &now);
        assert_eq!(arrivals(&snapshot), now, "a snapshot does not move");
        earlier = now;
        snapshots += 1;
    }
    report(&format!("snapshots {snapshots}"));
}

/// The stored summaries are exactly those of the observations.
fn assert_summarised(snapshot: &gaugelog::Snapshot, all: &[Observation]) {
    let summary = snapshot.summary().expect("a summary");
    assert_eq!(summary.count(), all.len() as u64);
    let by_time = |it: &&Observation| it.timestamp_ns;
    assert_eq!(summary.first(), all.iter().min_by_key(by_time).copied());
    assert_eq!(summary.last(), all.iter().max_by_key(by_time).copied());
    assert_eq!(summary.min(), all.iter().map(|it| it.value).min_by(f64::total_cmp));
    assert_eq!(summary.max(), all.iter().map(|it| it.value).max_by(f64::total_cmp));
}

fn at(number: u64) -> usize {
    usize::try_from(number).expect("a small number")
}

/// Each acknowledged number holds the observation that it was reported for. Of the others
/// there is at most one batch for each kill.
fn assert_as_acknowledged(stored: &[Observation], each: u64, written: &[Written]) {
    assert_eq!(stored.len(), at(before(each)) + WRITERS * at(each));
    assert_each_in_order(stored);
    for (writer, Written { numbers, kills }) in (0..).zip(written) {
        assert_eq!(numbers.len() as u64, each);
        for (n, number) in (0..).zip(numbers) {
            if let Some(number) = number {
                assert_eq!(stored[*number], observation(writer, n), "number {number}");
            }
        }
        let unknown = numbers.iter().filter(|number| number.is_none()).count();
        assert!(unknown as u64 <= kills * BATCH_MOST, "{unknown} unknown, {kills} kills");
    }
}

#[test]
fn many_processes_append_and_read_at_once_and_some_are_killed() {
    let each = amount("GAUGELOG_APPENDS", 60);
    let seed = amount("GAUGELOG_SEED", 5);
    println!("seed {seed}");
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    let earlier: Vec<_> = (0..before(each)).map(|n| observation(WRITERS as u64, n)).collect();
    store.append_batch(&earlier).expect("appended");
    let readers: Vec<Process> = (0..READERS)
        .map(|_| Process::start(&mut again("one_of_the_readers", &path, &each.to_string())))
        .collect();
    let written: Vec<Written> = std::thread::scope(|scope| {
        let run = |writer| {
            let (path, mut random) = (&path, Random(seed << 8 | writer));
            scope.spawn(move || run_writer(path, writer, each, &mut random))
        };
        let running: Vec<_> = (0..WRITERS as u64).map(run).collect();
        running.into_iter().map(|it| it.join().expect("it wrote all")).collect()
    });
    let snapshots = readers.into_iter().map(|mut reader| reader.expect_line("snapshots"));
    let snapshots: Vec<String> = snapshots.collect();
    let store = Store::open(&path).expect("opened");
    assert_sound(&store);
    let snapshot = store.snapshot().expect("a snapshot");
    let stored = arrivals(&snapshot);
    assert_as_acknowledged(&stored, each, &written);
    // The same observations in one append give the same statistics.
    let (_guard, calm) = place();
    let expected = undisturbed(&calm, &stored, 0).summary().expect("a summary");
    assert_eq!(bits(&snapshot.summary().expect("a summary")), bits(&expected));
    let kills: u64 = written.iter().map(|it| it.kills).sum();
    assert!(kills > 0, "some are killed");
    let known = written.iter().flat_map(|it| &it.numbers).filter(|it| it.is_some()).count();
    println!(
        "{WRITERS} writers, {kills} killed; {} stored, {known} acknowledged; {READERS} readers, \
         snapshots {snapshots:?}",
        stored.len()
    );
}
