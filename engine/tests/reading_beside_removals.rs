//! Promise 6 and 7: a reader that holds a snapshot goes on with it while segments
//! are begun and a stranger removes what can be made again; where a stranger
//! removes data, it is told which file, and never a wrong value.
//!
//! `GAUGELOG_ROTATIONS` says how many segments are begun, about.

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gaugelog::{ErrorKind, Observation, Options, Result, Snapshot, Store, SyncPolicy};
use support::processes::{Process, again, amount, called, tell};
use support::{Random, arrivals, bits, place, quick_place, small_segments};

const READERS: usize = 3;
/// What a segment of the smallest size holds, about.
const OBSERVATIONS_A_SEGMENT: u64 = 4_096;
/// A reader keeps a snapshot for so many rounds.
const ROUNDS: usize = 4;

fn observation(n: u64) -> Observation {
    let number = u32::try_from(n).expect("a small number");
    Observation::new(i64::from(number) * 1_000, f64::from(number % 10_007) / 7.0)
}

/// Not a test by itself: appends until all is there.
#[test]
fn the_writer() {
    let Some((path, all)) = called() else { return };
    let all: u64 = all.parse().expect("a number");
    let policy = SyncPolicy::Every(Duration::from_millis(2));
    let store = small_segments().sync(policy).open(path).expect("opened");
    let mut random = Random(71);
    let (mut next, mut failures) = (0, 0);
    while next < all {
        let end = all.min(next + 1 + random.below(200));
        let batch: Vec<_> = (next..end).map(observation).collect();
        match store.append_batch(&batch) {
            Ok(stored) => assert_eq!(std::mem::replace(&mut next, end), stored.start),
            // The new segment was removed before it had its name.
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Io, "{error}");
                let cause = error.io_error().map(std::io::Error::kind);
                assert_eq!(cause, Some(std::io::ErrorKind::NotFound), "{error}");
                next += error.stored() as u64;
                failures += 1;
            }
        }
    }
    store.sync().expect("synced");
    tell(&format!("failures {failures}"));
}

/// Not a test by itself: keeps asking the same of a snapshot, then takes another,
/// and asks the first one again each time.
#[test]
fn one_of_the_readers() {
    let Some((path, words)) = called() else { return };
    let (all, positioned) = words.split_once(' ').expect("two words");
    let all: u64 = all.parse().expect("a number");
    let options = Options::new().positioned_reads(positioned == "true");
    let store = options.open_read_only(path).expect("opened");
    let mut held: Option<(Snapshot, Answers)> = None;
    let mut snapshots = 0;
    loop {
        let snapshot = store.snapshot().expect("a snapshot");
        assert!(snapshot.damage().is_empty(), "{:?}", snapshot.damage());
        let first = answers(&snapshot).expect("readable");
        assert_answers(&snapshot, &first);
        for _ in 1..ROUNDS {
            assert!(answers(&snapshot).expect("readable") == first, "a snapshot does not move");
        }
        if let Some((held, before)) = &held {
            assert!(answers(held).expect("readable") == *before, "nor does one held for long");
        }
        snapshots += 1;
        if snapshot.len() == all {
            break;
        }
        if held.is_none() && snapshot.len() > OBSERVATIONS_A_SEGMENT / 2 {
            held = Some((snapshot, first));
        }
    }
    tell(&format!("snapshots {snapshots}"));
}

/// What a snapshot says.
#[derive(Debug, PartialEq)]
struct Answers {
    arrivals: Vec<(u64, Observation)>,
    by_time: Vec<Observation>,
    summary: Vec<u64>,
    of_range: Vec<u64>,
    median: Option<f64>,
}

fn answers(snapshot: &Snapshot) -> Result<Answers> {
    let middle = observation(snapshot.len() / 2).timestamp_ns;
    Ok(Answers {
        arrivals: snapshot.arrivals(0..u64::MAX).collect::<Result<_>>()?,
        by_time: snapshot.range(..middle).collect::<Result<_>>()?,
        summary: bits(&snapshot.summary()?),
        of_range: bits(&snapshot.summary_of(..middle)?),
        median: snapshot.median()?,
    })
}

fn assert_answers(snapshot: &Snapshot, answers: &Answers) {
    let expected = (0..snapshot.len()).map(|n| (n, observation(n)));
    assert!(answers.arrivals.iter().copied().eq(expected));
    assert!(answers.by_time.iter().copied().eq((0..snapshot.len() / 2).map(observation)));
    assert_eq!(answers.summary[0], snapshot.len());
    assert_eq!(answers.of_range[0], snapshot.len() / 2);
    let mut values: Vec<f64> = answers.arrivals.iter().map(|(_, it)| it.value).collect();
    values.sort_by(f64::total_cmp);
    let median = values.get(values.len() / 2).map(|upper| {
        let lower = values[(values.len() - 1) / 2];
        lower + (upper - lower) / 2.0
    });
    assert_eq!(answers.median, median);
}

/// Removes what a store makes again, and what it is just making.
fn remove_again_and_again(path: &Path, done: &AtomicBool) -> u64 {
    let mut removed = 0;
    while !done.load(Ordering::Relaxed) {
        for name in names(path) {
            let again = ["checkpoint", "lock"].contains(&name.as_str())
                || [".tree", ".guide", ".tmp"].iter().any(|end| name.ends_with(end));
            removed += u64::from(again && std::fs::remove_file(path.join(name)).is_ok());
        }
        std::thread::sleep(Duration::from_micros(300));
    }
    removed
}

fn names(path: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(path).expect("a directory");
    entries.map(|it| it.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_snapshot_is_read_while_segments_are_begun_and_derived_files_removed() {
    let all = amount("GAUGELOG_ROTATIONS", 12) * OBSERVATIONS_A_SEGMENT;
    let (_guard, path) = quick_place();
    small_segments().create(&path).expect("created");
    let start = |part: &str, words: String| Process::start(&mut again(part, &path, &words));
    let readers: Vec<Process> = (0..READERS)
        .map(|reader| start("one_of_the_readers", format!("{all} {}", reader == 0)))
        .collect();
    let mut writer = start("the_writer", all.to_string());
    let done = AtomicBool::new(false);
    let (failures, snapshots, removed) = std::thread::scope(|scope| {
        let stranger = scope.spawn(|| remove_again_and_again(&path, &done));
        let failures = writer.hear("failures");
        let snapshots: Vec<_> = readers.into_iter().map(|mut it| it.hear("snapshots")).collect();
        done.store(true, Ordering::Relaxed);
        (failures, snapshots, stranger.join().expect("it removed files"))
    });
    let failures: u64 = failures.expect("the writer ends well").parse().expect("a number");
    assert!(snapshots.iter().all(Option::is_some), "the readers end well");
    let store = Store::open(&path).expect("opened");
    assert!(store.found().damage.is_empty(), "{:?}", store.found());
    let stored = arrivals(&store.snapshot().expect("a snapshot"));
    assert!(stored.into_iter().eq((0..all).map(observation)));
    let segments = names(&path).iter().filter(|name| name.ends_with(".rows")).count();
    println!(
        "{segments} segments, {removed} files removed, {failures} appends failed by it; \
         snapshots {snapshots:?}"
    );
    assert!(segments > 1 && removed > 0);
}

/// What a stranger does to the files of segments 2 and 3, or, in the last, to the
/// last one.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Remove,
    Rename,
    Swap,
    Replace,
    Empty,
    MakeDirectory,
    CutShort,
}

const HARMS: [Harm; 7] = [
    Harm::Remove,
    Harm::Rename,
    Harm::Swap,
    Harm::Replace,
    Harm::Empty,
    Harm::MakeDirectory,
    Harm::CutShort,
];

impl Harm {
    fn inflict(self, file: &Path, neighbour: &Path, foreign: &Path) {
        let away = file.with_extension("away");
        match self {
            Self::Remove => std::fs::remove_file(file),
            Self::Rename => std::fs::rename(file, away),
            Self::Swap => std::fs::rename(file, &away)
                .and_then(|()| std::fs::rename(neighbour, file))
                .and_then(|()| std::fs::rename(away, neighbour)),
            Self::Replace => {
                std::fs::copy(foreign, &away).and_then(|_| std::fs::rename(away, file))
            }
            Self::Empty => std::fs::write(&away, "").and_then(|()| std::fs::rename(away, file)),
            Self::MakeDirectory => {
                std::fs::remove_file(file).and_then(|()| std::fs::create_dir(file))
            }
            Self::CutShort => std::fs::OpenOptions::new()
                .write(true)
                .open(file)
                .and_then(|file| file.set_len(40_000)),
        }
        .expect("done");
    }
}

/// A store of six segments and a little.
fn filled(path: &Path) -> u64 {
    let store = small_segments().sync(SyncPolicy::Never).create(path).expect("created");
    let all = 6 * OBSERVATIONS_A_SEGMENT + 700;
    let batch: Vec<_> = (0..all).map(observation).collect();
    for part in batch.chunks(512) {
        store.append_batch(part).expect("appended");
    }
    store.sync().expect("synced");
    all
}

fn rows(path: &Path, ordinal: usize) -> PathBuf {
    path.join(format!("{ordinal:010}.rows"))
}

/// Every value read is right, and an error names one of `files`.
fn assert_told(snapshot: &Snapshot, files: &[PathBuf], expected: &Answers, what: &str) {
    let told = |error: &gaugelog::Error| {
        assert!(files.iter().any(|file| file == error.path()), "{what}: {error}");
        assert!([ErrorKind::Io, ErrorKind::Damaged].contains(&error.kind()), "{what}: {error}");
    };
    let mut errors = 0;
    let mut next = 0;
    for item in snapshot.arrivals(0..u64::MAX) {
        match item {
            Ok((sequence, found)) => {
                assert!(sequence >= next, "{what}: {sequence} again");
                assert_eq!(found, observation(sequence), "{what}");
                next = sequence + 1;
            }
            Err(error) => {
                told(&error);
                errors += 1;
            }
        }
    }
    assert!(errors > 0, "{what}: nothing was told");
    let all = expected.arrivals.len() as u64;
    for item in snapshot.range(..) {
        match item {
            Ok(found) => {
                let n = u64::try_from(found.timestamp_ns / 1_000).expect("as appended");
                assert!(n < all && found == observation(n), "{what}: {found:?}");
            }
            Err(error) => told(&error),
        }
    }
    match snapshot.summary() {
        Ok(summary) if summary.count() == all => {
            assert_eq!(bits(&summary), expected.summary, "{what}");
        }
        Ok(summary) => assert!(summary.count() < all, "{what}: {summary:?}"),
        Err(error) => told(&error),
    }
    let whole = |answer: Result<Option<f64>>| match answer {
        Ok(value) => assert_eq!(value, expected.median, "{what}"),
        Err(error) => told(&error),
    };
    whole(snapshot.median());
    match snapshot.summary_of(..observation(all / 2).timestamp_ns) {
        Ok(summary) => assert_eq!(bits(&summary), expected.of_range, "{what}"),
        Err(error) => told(&error),
    }
}

#[test]
fn a_snapshot_names_the_file_that_was_taken_from_under_it() {
    let (_guard, foreign) = quick_place();
    filled(&foreign);
    for (number, harm) in (0..).zip(HARMS) {
        for (positioned, read_before, victim) in [
            (true, true, 3),
            (true, false, 3),
            (false, true, 3),
            (false, false, 7),
            (true, true, 1),
        ] {
            // What a map shows of a file that was cut short is a signal; the
            // documentation says so, and what to do.
            if matches!(harm, Harm::CutShort) && !positioned {
                continue;
            }
            let what = format!("{harm:?} {victim}, {positioned}, {read_before}");
            let (_guard, path) = quick_place();
            let all = filled(&path);
            let options = small_segments().positioned_reads(positioned);
            let store = options.open_read_only(&path).expect("opened");
            let expected = answers(&store.snapshot().expect("a snapshot")).expect("readable");
            assert_eq!(expected.arrivals.len() as u64, all);
            let snapshot = store.snapshot().expect("a snapshot");
            if read_before {
                answers(&snapshot).expect("readable");
            }
            let file = rows(&path, victim);
            let neighbour = rows(&path, if victim == 7 { 6 } else { victim + 1 });
            harm.inflict(&file, &neighbour, &rows(&foreign, 5 - number % 2));
            assert_told(&snapshot, &[file, neighbour], &expected, &what);
        }
    }
}

/// A file that is being read goes on being read, also where it has lost its name.
#[test]
fn an_iterator_amid_a_file_that_is_removed_goes_on_to_its_end() {
    let (_guard, path) = place();
    let all = filled(&path);
    let snapshot = Store::open(&path).expect("opened").snapshot().expect("a snapshot");
    let mut iterator = snapshot.arrivals(0..u64::MAX);
    for n in 0..100 {
        assert_eq!(iterator.next().expect("more").expect("readable"), (n, observation(n)));
    }
    for ordinal in 1..=7 {
        std::fs::remove_file(rows(&path, ordinal)).expect("removed");
    }
    let mut next = 100;
    let error = loop {
        match iterator.next().expect("an error before the end") {
            Ok(found) => {
                assert_eq!(found, (next, observation(next)));
                next += 1;
            }
            Err(error) => break error,
        }
    };
    assert!(next >= OBSERVATIONS_A_SEGMENT && next < all, "{next}");
    assert_eq!(error.path(), rows(&path, 2));
    assert!(iterator.next().is_none());
}
