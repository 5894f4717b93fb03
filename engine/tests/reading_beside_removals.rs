//! Promises 6 and 7: a reader that holds a snapshot goes on with it while chunks are
//! sealed and old ones removed. What retention removed meanwhile is the error `Removed`.
//! If another program removes data, the error names the file. Neither is ever a wrong
//! value or a smaller result.
//!
//! `GAUGELOG_CHUNKS` is the number of chunks that are sealed.

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use gaugelog::{ErrorKind, Observation, Options, Result, Snapshot, Store, SyncPolicy};
use support::processes::{Process, again, amount, called, report};
use support::{CHUNK, Random, bits, place, quick_place};

const READERS: usize = 3;
/// For how many rounds a reader keeps a snapshot.
const ROUNDS: usize = 4;
/// About how many chunks retention keeps.
const CHUNKS_KEPT: u64 = 3;

fn observation(n: u64) -> Observation {
    let number = u32::try_from(n).expect("a small number");
    Observation::new(i64::from(number) * 1_000, f64::from(number % 10_007) / 7.0)
}

/// Not a test by itself: appends until all is stored, and removes old chunks.
#[test]
fn the_writer() {
    let Some((path, all)) = called() else { return };
    let all: u64 = all.parse().expect("a number");
    let policy = SyncPolicy::Every(Duration::from_millis(2));
    let store = Options::new().sync(policy).open(path).expect("opened");
    let mut random = Random(71);
    let (mut next, mut removed) = (0, 0);
    while next < all {
        let end = all.min(next + 1 + random.below(3_000));
        let batch: Vec<_> = (next..end).map(observation).collect();
        assert_eq!(store.append_batch(&batch).expect("appended").start, next);
        next = end;
        if let Some(first_kept) = next.checked_sub(CHUNKS_KEPT * CHUNK)
            && random.below(4) == 0
        {
            removed += store.remove_before(observation(first_kept).timestamp_ns).expect("removed");
        }
    }
    store.sync().expect("synced");
    report(&format!("removed {removed}"));
}

/// The answers of a snapshot.
#[derive(Debug, PartialEq)]
struct Answers {
    by_sequence: Vec<(u64, Observation)>,
    by_time: Vec<Observation>,
    summary: Vec<u64>,
    of_window: Vec<u64>,
    median: Option<f64>,
}

fn middle(snapshot: &Snapshot) -> u64 {
    u64::midpoint(snapshot.first_sequence(), snapshot.end_sequence())
}

fn answers(snapshot: &Snapshot) -> Result<Answers> {
    let before_middle = snapshot.window(..observation(middle(snapshot)).timestamp_ns);
    Ok(Answers {
        by_sequence: snapshot.by_sequence(..).collect::<Result<_>>()?,
        by_time: before_middle.iter().collect::<Result<_>>()?,
        summary: bits(&snapshot.summary()?),
        of_window: bits(&before_middle.summary()?),
        median: snapshot.median()?,
    })
}

fn assert_answers(snapshot: &Snapshot, answers: &Answers) {
    let (first, end) = (snapshot.first_sequence(), snapshot.end_sequence());
    assert!(answers.by_sequence.iter().copied().eq((first..end).map(|n| (n, observation(n)))));
    assert!(answers.by_time.iter().copied().eq((first..middle(snapshot)).map(observation)));
    assert_eq!(answers.summary[0], snapshot.len());
    assert_eq!(answers.of_window[0], middle(snapshot) - first);
    let mut values: Vec<f64> = answers.by_sequence.iter().map(|(_, it)| it.value).collect();
    values.sort_by(f64::total_cmp);
    let median = values.get(values.len() / 2).map(|upper| {
        let lower = values[(values.len() - 1) / 2];
        lower + (upper - lower) / 2.0
    });
    assert_eq!(answers.median, median);
}

/// Each answer of a snapshot whose beginning may have been removed is right, or the error
/// `Removed`. Returns how many were that error.
fn assert_removed_or_right(snapshot: &Snapshot) -> usize {
    let mut removed = 0;
    let mut is_removed = |error: &gaugelog::Error| {
        assert_eq!(error.kind(), ErrorKind::Removed, "{error}");
        removed += 1;
    };
    let (first, end) = (snapshot.first_sequence(), snapshot.end_sequence());
    let mut next = first;
    for item in snapshot.by_sequence(..) {
        match item {
            Ok(item) => {
                assert_eq!(item, (next, observation(next)));
                next += 1;
            }
            Err(error) => {
                is_removed(&error);
                next = end;
            }
        }
    }
    assert_eq!(next, end, "it ended early without an error");
    next = first;
    for item in snapshot.window(..).iter() {
        match item {
            Ok(stored) => {
                assert_eq!(stored, observation(next));
                next += 1;
            }
            Err(error) => {
                is_removed(&error);
                next = end;
            }
        }
    }
    assert_eq!(next, end, "it ended early without an error");
    match snapshot.median() {
        Ok(median) => assert!(median.is_some()),
        Err(error) => is_removed(&error),
    }
    let times = observation(first + 100).timestamp_ns..observation(first + 300).timestamp_ns;
    match snapshot.window(times).summary() {
        Ok(summary) => assert_eq!(summary.count(), 200),
        Err(error) => is_removed(&error),
    }
    // Damage is skipped; what was removed is not.
    match snapshot.skip_damage().by_sequence(..).try_fold(0, |count, it| it.map(|_| count + 1)) {
        Ok(count) => assert_eq!(count, snapshot.len()),
        Err(error) => is_removed(&error),
    }
    removed
}

/// Not a test by itself: asks a snapshot the same again and again, then takes another. It
/// also holds one that it reads only after its beginning was removed.
#[test]
fn one_of_the_readers() {
    let Some((path, words)) = called() else { return };
    let (all, positioned) = words.split_once(' ').expect("two words");
    let all: u64 = all.parse().expect("a number");
    let options = Options::new().positioned_reads(positioned == "true");
    let store = options.open_read_only(path).expect("opened");
    let mut held: Option<Snapshot> = None;
    let (mut snapshots, mut removed) = (0, 0);
    loop {
        let snapshot = store.snapshot().expect("a snapshot");
        assert!(snapshot.damage().is_empty(), "{:?}", snapshot.damage());
        match answers(&snapshot) {
            Ok(first) => {
                assert_answers(&snapshot, &first);
                for _ in 1..ROUNDS {
                    match answers(&snapshot) {
                        Ok(again) => assert!(again == first, "a snapshot does not move"),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Removed, "{error}"),
                    }
                }
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Removed, "{error}"),
        }
        // A snapshot that was not read before, and so has no file open.
        if held.as_ref().is_some_and(|it| it.first_sequence() < snapshot.first_sequence()) {
            removed += held.take().map_or(0, |it| assert_removed_or_right(&it));
        }
        snapshots += 1;
        if snapshot.end_sequence() == all {
            break;
        }
        if held.is_none() && snapshot.len() > CHUNK {
            held = Some(store.snapshot().expect("a snapshot"));
        }
    }
    report(&format!("snapshots {snapshots} {removed}"));
}

#[test]
fn a_snapshot_is_read_while_chunks_are_sealed_and_removed() {
    let all = amount("GAUGELOG_CHUNKS", 12) * CHUNK + 5_000;
    let (_guard, path) = quick_place();
    Store::create(&path).expect("created");
    let start = |part: &str, words: String| Process::start(&mut again(part, &path, &words));
    let readers: Vec<Process> = (0..READERS)
        .map(|reader| start("one_of_the_readers", format!("{all} {}", reader == 0)))
        .collect();
    let mut writer = start("the_writer", all.to_string());
    let removed: u64 = writer.expect_line("removed").parse().expect("a number");
    writer.succeeds();
    let mut errors = 0;
    let snapshots: Vec<String> =
        readers.into_iter().map(|mut it| it.expect_line("snapshots")).collect();
    for line in &snapshots {
        let (_, removed) = line.split_once(' ').expect("two numbers");
        errors += removed.parse::<u64>().expect("a number");
    }
    let store = Store::open(&path).expect("opened");
    support::assert_sound(&store);
    let snapshot = store.snapshot().expect("a snapshot");
    assert_eq!((snapshot.first_sequence(), snapshot.end_sequence()), (removed, all));
    assert_answers(&snapshot, &answers(&snapshot).expect("readable"));
    println!("{removed} removed; snapshots and errors {snapshots:?}");
    assert!(removed > 0 && errors > 0, "removed under readers");
}

/// Chunks that a snapshot has read are removed. All that it can still answer is right,
/// and the rest is the error.
#[test]
fn what_retention_removes_under_a_snapshot_is_an_error() {
    for positioned in [false, true] {
        for read_before in [false, true] {
            let (_guard, path) = quick_place();
            let all = filled(&path);
            let options = Options::new().positioned_reads(positioned);
            let store = options.open(&path).expect("opened");
            let snapshot = store.snapshot().expect("a snapshot");
            if read_before {
                answers(&snapshot).expect("readable");
            }
            let before = bits(&snapshot.summary().expect("needs no chunk"));
            assert_eq!(store.keep_bytes(0).expect("removed"), all - all % CHUNK);
            assert_eq!(bits(&snapshot.summary().expect("needs no chunk")), before);
            let errors = assert_removed_or_right(&snapshot);
            assert!(errors > 0 || read_before, "{positioned}");
            let fresh = store.snapshot().expect("a snapshot");
            assert_answers(&fresh, &answers(&fresh).expect("readable"));
        }
    }
}

/// What another program does to a file.
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
                .and_then(|file| file.set_len(file.metadata()?.len() / 2)),
        }
        .expect("done");
    }
}

/// A store of three chunks and a log.
fn filled(path: &Path) -> u64 {
    let store = Options::new().sync(SyncPolicy::Never).create(path).expect("created");
    let all = 3 * CHUNK + 700;
    let batch: Vec<_> = (0..all).map(observation).collect();
    for part in batch.chunks(5_000) {
        store.append_batch(part).expect("appended");
    }
    store.sync().expect("synced");
    assert_eq!(store.verify().expect("verified").chunks, 3);
    all
}

/// The files of chunks, then the log.
fn file(path: &Path, number: usize) -> PathBuf {
    match number {
        3 => support::log_path(path),
        _ => path.join(format!("{number:010}.chunk")),
    }
}

/// Each answer is right, or an error that names one of `files`.
fn assert_reported(snapshot: &Snapshot, files: &[PathBuf], expected: &Answers, what: &str) {
    let mut errors = 0;
    let mut is_reported = |error: &gaugelog::Error| {
        assert!(files.iter().any(|file| error.path() == file), "{what}: {error}");
        let kinds = [ErrorKind::Damaged, ErrorKind::Io];
        assert!(kinds.contains(&error.kind()), "{what}: {error}");
        errors += 1;
    };
    let mut next = 0;
    for item in snapshot.by_sequence(..) {
        match item {
            Ok((sequence, stored)) => {
                assert!(sequence >= next, "{what}: {sequence} again");
                assert_eq!(stored, observation(sequence), "{what}");
                next = sequence + 1;
            }
            Err(error) => is_reported(&error),
        }
    }
    let all = expected.by_sequence.len() as u64;
    for item in snapshot.window(..).iter() {
        match item {
            Ok(stored) => {
                let n = u64::try_from(stored.timestamp_ns / 1_000).expect("as appended");
                assert!(n < all && stored == observation(n), "{what}: {stored:?}");
            }
            Err(error) => is_reported(&error),
        }
    }
    match snapshot.summary() {
        Ok(summary) => assert_eq!(bits(&summary), expected.summary, "{what}"),
        Err(error) => is_reported(&error),
    }
    match snapshot.median() {
        Ok(median) => assert_eq!(median, expected.median, "{what}"),
        Err(error) => is_reported(&error),
    }
    match snapshot.window(..observation(all / 2).timestamp_ns).summary() {
        Ok(summary) => assert_eq!(bits(&summary), expected.of_window, "{what}"),
        Err(error) => is_reported(&error),
    }
    // A snapshot that has the file open goes on with it, unless its bytes changed.
    let is_open = errors == 0 && next == all;
    assert!(errors > 0 || is_open, "{what}: nothing was reported");
}

#[test]
fn a_snapshot_names_the_file_that_was_taken_from_under_it() {
    let (_guard, foreign) = quick_place();
    filled(&foreign);
    let mut reported = 0;
    for harm in HARMS {
        for (positioned, read_before, victim) in [
            (true, true, 1),
            (true, false, 1),
            (false, true, 1),
            (false, false, 2),
            (true, true, 0),
            (true, false, 3),
        ] {
            // A map of a shortened file gives a signal. The documentation says so, and
            // how to avoid it.
            if matches!(harm, Harm::CutShort) && !positioned {
                continue;
            }
            let what = format!("{harm:?} {victim}, {positioned}, {read_before}");
            let (_guard, path) = quick_place();
            let all = filled(&path);
            let options = Options::new().positioned_reads(positioned);
            let store = options.open_read_only(&path).expect("opened");
            let expected = answers(&store.snapshot().expect("a snapshot")).expect("readable");
            assert_eq!(expected.by_sequence.len() as u64, all);
            let snapshot = store.snapshot().expect("a snapshot");
            if read_before {
                answers(&snapshot).expect("readable");
            }
            let neighbour = file(&path, if victim == 2 { 1 } else { 2 });
            let victim = file(&path, victim);
            let other = foreign.join("0000000001.chunk");
            harm.inflict(&victim, &neighbour, &other);
            assert_reported(&snapshot, &[victim.clone(), neighbour.clone()], &expected, &what);
            // A snapshot that is taken now meets it. The bytes of a swapped file belong
            // to another place.
            let fresh = match options.open_read_only(&path).and_then(|store| store.snapshot()) {
                Ok(fresh) => fresh,
                Err(error) => {
                    assert!(error.path() == victim, "{what}: {error}");
                    reported += 1;
                    continue;
                }
            };
            let around = fresh.skip_damage();
            let count =
                around.by_sequence(..).inspect(|it| assert!(it.is_ok(), "{what}")).count() as u64;
            let missing: u64 = around.missing().iter().map(|it| it.lost.end - it.lost.start).sum();
            assert_eq!(count + missing, fresh.len(), "{what}");
            assert!(missing > 0 || !fresh.damage().is_empty(), "{what}");
            reported += 1;
        }
    }
    assert_eq!(reported, HARMS.len() * 6 - 2);
}

/// An open file can be read to its end, even if it has lost its name.
#[test]
fn an_iterator_in_a_file_that_is_removed_goes_on_to_its_end() {
    let (_guard, path) = place();
    let all = filled(&path);
    let snapshot = Store::open(&path).expect("opened").snapshot().expect("a snapshot");
    let mut iterator = snapshot.by_sequence(..);
    for n in 0..100 {
        assert_eq!(iterator.next().expect("more").expect("readable"), (n, observation(n)));
    }
    (0..=3).for_each(|number| std::fs::remove_file(file(&path, number)).expect("removed"));
    let mut next = 100;
    let mut lost = Vec::new();
    for item in iterator {
        match item {
            Ok((sequence, stored)) => {
                assert_eq!(stored, observation(sequence));
                next = sequence + 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
                lost.push((error.path().to_owned(), error.lost()));
            }
        }
    }
    // The log was opened with the snapshot, the first chunk by the iterator, and the
    // second for the node above the two.
    assert_eq!(next, all);
    let gone = |number: usize| {
        let first = number as u64 * CHUNK;
        (file(&path, number), first..first + CHUNK)
    };
    assert_eq!(lost, [gone(2)]);
}
