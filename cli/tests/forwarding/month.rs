//! Offline for a month, with power cuts, and then everything arrives.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::*;

/// Every ten seconds for 31 days.
const MONTH: u64 = 31 * 86_400 / 10;
const CUTS: u64 = 5;
const PAGE: u64 = 4096;
/// What was appended and not synced when the power failed.
const UNSYNCED: u64 = 500;

/// At a time of its own, for each try to measure it.
fn measured(at: u64, attempt: u64) -> Observation {
    let begun = 1_777_593_600 + i64::try_from(10 * at + attempt).unwrap();
    Observation::new(begun * SECOND, (at * 8 + attempt) as f64 / 4.0)
}

fn length(store: &Path) -> u64 {
    Options::new().snapshot(store).unwrap().end_sequence()
}

fn appended(store: &Store, sequences: std::ops::Range<u64>, attempt: u64) {
    let rows: Vec<Observation> = sequences.map(|at| measured(at, attempt)).collect();
    store.append_batch(&rows).unwrap();
}

fn log_of(store: &Path) -> PathBuf {
    let names = program::names_in(store);
    store.join(names.iter().find(|name| name.ends_with(".log")).unwrap())
}

/// Where the log ends: its last mark, which the next frame overwrites.
fn end_of_log(store: &Path) -> u64 {
    let bytes = fs::read(log_of(store)).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    u64::try_from(used / 16 * 16).unwrap()
}

/// Of the pages that were written since, the disk has some, and another one in part.
fn cut(store: &Path, durable: u64, random: &mut impl FnMut() -> u64) {
    let file = File::options().read(true).write(true).open(log_of(store)).unwrap();
    let (mut at, end) = (durable, file.metadata().unwrap().len());
    while at < end {
        let next = (at / PAGE + 1) * PAGE;
        let lost = match random() % 3 {
            0 => at..at,
            1 => at..next.min(end),
            _ => at + (next - at) / 2..next.min(end),
        };
        let zeros = vec![0; usize::try_from(lost.end.saturating_sub(lost.start)).unwrap()];
        file.write_all_at(&zeros, lost.start.min(end)).unwrap();
        at = next;
    }
}

#[test]
fn a_month_offline_and_five_power_cuts_lose_nothing_and_double_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench { store: dir.path().join("room.log"), dir };
    drop(Store::create(&bench.store).unwrap());
    let receiver = Receiver::start(|_| Act::Nothing);
    let mut seed = 9_u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    };
    for round in 0..CUTS {
        let store = Options::new().open(&bench.store).unwrap();
        appended(&store, length(&bench.store)..(round + 1) * MONTH / (CUTS + 1), 0);
        store.sync().unwrap();
        drop(store);
        let durable = end_of_log(&bench.store);
        let held = Options::new().sync(SyncPolicy::Never).open(&bench.store).unwrap();
        let first = length(&bench.store);
        appended(&held, first..first + UNSYNCED, 1 + round);
        // Once it takes everything: what is not durable must not be among it.
        receiver.behave(move |message| match round {
            2 => Act::Take,
            _ => [Act::Nothing, Act::Answer(503, "", ""), Act::Half][message.number % 3],
        });
        let before = receiver.messages();
        let mut running = bench.start(&receiver);
        wait_until(|| receiver.messages() > before);
        if round == 2 {
            wait_until(|| receiver.samples().len() as u64 >= first);
        }
        running.0.kill().unwrap();
        running.0.wait().unwrap();
        drop(held);
        cut(&bench.store, durable, &mut random);
        let cursor = bench.cursor_path(&receiver);
        match round {
            1 => fs::write(&cursor, &fs::read(&cursor).unwrap()[1..]).unwrap(),
            3 => fs::remove_file(&cursor).unwrap(),
            _ => {}
        }
    }
    let store = Store::open(&bench.store).unwrap();
    appended(&store, length(&bench.store)..MONTH, 0);
    store.sync().unwrap();
    program::tool::ran(bench.dir.path(), &["verify", "room.log"]).succeeds();
    receiver.behave(|_| Act::Take);
    succeeded(&bench.once(&receiver));
    let rows = store.snapshot().unwrap();
    let mut expected: Vec<(i64, f64)> = rows
        .by_sequence(..)
        .map(|row| row.map(|(_, it)| (it.timestamp_ns / 1_000_000, it.value)).unwrap())
        .collect();
    expected.sort_by_key(|sample| sample.0);
    assert_eq!(u64::try_from(expected.len()).unwrap(), MONTH);
    let arrived = receiver.samples();
    assert_eq!(arrived.len(), expected.len());
    assert!(arrived == expected, "another one has arrived");
}
