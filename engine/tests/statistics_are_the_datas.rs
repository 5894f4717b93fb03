//! Promise 5: the statistics are a function of the observations alone.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "the numbers are small and made here"
)]

mod support;

use gaugelog::{Observation, Options, Store, SyncPolicy};
use support::{Random, assert_sound, bits, quick_place, series};

/// Summaries of the whole and of many ranges, as bits.
fn everything(store: &Store, all: &[Observation]) -> Vec<Vec<u64>> {
    let snapshot = store.snapshot().expect("a snapshot");
    let mut random = Random(23);
    let mut answers = vec![bits(&snapshot.summary().expect("a summary"))];
    for _ in 0..20 {
        let from = all[random.below(all.len() as u64) as usize].timestamp_ns;
        let to = from.saturating_add(random.below(60_000_000_000_000) as i64);
        answers.push(bits(&snapshot.window(from..to).summary().expect("a summary")));
    }
    answers.push(bits(&snapshot.window(..).summary().expect("a summary")));
    answers
}

/// How a store was filled, and what happened to it afterwards.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Since {
    Nothing,
    Reopened,
    Sealed,
    Copied,
    Repaired,
}

#[test]
fn the_bits_do_not_depend_on_how_the_observations_were_appended() {
    let all = series(70_000);
    let mut seen: Vec<Vec<Vec<u64>>> = Vec::new();
    for (portion, reopens, since) in [
        (70_000, false, Since::Nothing),
        (10_000, true, Since::Nothing),
        (997, false, Since::Sealed),
        (7, true, Since::Copied),
        (3, false, Since::Reopened),
        (1, true, Since::Repaired),
    ] {
        let (_guard, path) = quick_place();
        let options = Options::new().sync(SyncPolicy::Never);
        let mut store = options.create(&path).expect("created");
        for (index, batch) in all.chunks(portion).enumerate() {
            match portion {
                1 => drop(store.append(batch[0]).expect("appended")),
                _ => drop(store.append_batch(batch).expect("appended")),
            }
            if reopens && index % 1_000 == 0 {
                store = options.open(&path).expect("opened");
            }
        }
        seen.push(everything(&after(since, store), &all));
    }
    for other in &seen {
        assert!(other == &seen[0]);
    }
}

fn after(since: Since, store: Store) -> Store {
    let path = store.path().to_owned();
    match since {
        Since::Nothing => return store,
        Since::Reopened => {}
        Since::Sealed => store.seal().expect("sealed"),
        Since::Copied => {
            let copy = path.with_extension("copy");
            assert_eq!(store.copy_to(&copy).expect("copied"), 70_000);
            return Store::open(copy).expect("opened");
        }
        Since::Repaired => {
            drop(store);
            std::fs::remove_file(path.join("manifest")).expect("removed");
            assert!(Store::repair(&path).expect("repaired").is_manifest_rebuilt);
        }
    }
    Store::open(path).expect("opened")
}

/// The statistics of what is kept depend only on the first kept sequence number, and on
/// the observations from there on.
#[test]
fn what_retention_leaves_has_the_same_bits_however_it_came_about() {
    let all = series(200_000);
    let cut = all[140_000].timestamp_ns;
    let mut seen: Vec<Vec<Vec<u64>>> = Vec::new();
    for way in 0..3 {
        let (_guard, path) = quick_place();
        let store = Options::new().sync(SyncPolicy::Never).create(&path).expect("created");
        for (index, batch) in all.chunks(9_999).enumerate() {
            store.append_batch(batch).expect("appended");
            if way == 1 && index == 8 {
                assert_eq!(store.remove_before(all[80_000].timestamp_ns).expect("removed"), 65_536);
            }
        }
        let expected = if way == 1 { 65_536 } else { 131_072 };
        if way == 2 {
            let mut writer = store.writer().expect("a writer");
            assert_eq!(writer.remove_before(cut).expect("removed"), expected);
        } else {
            assert_eq!(store.remove_before(cut).expect("removed"), expected);
        }
        assert_eq!(store.snapshot().expect("a snapshot").first_sequence(), 131_072);
        assert_eq!(store.snapshot().expect("a snapshot").len(), 68_928);
        seen.push(everything(&store, &all));
        assert_sound(&store);
    }
    assert!(seen[1] == seen[0] && seen[2] == seen[0]);
}

#[test]
fn a_held_writer_gives_the_same_bits() {
    let all = series(150_000);
    let (_guard, path) = quick_place();
    let store = Options::new().create(&path).expect("created");
    store.append_batch(&all).expect("appended");
    for (policy, flushed_after) in [(SyncPolicy::Always, 7_777), (SyncPolicy::Never, 77)] {
        let (_guard, held) = quick_place();
        let options = Options::new().sync(policy).log_bytes_max(4 << 20);
        let other = options.create(&held).expect("created");
        let mut writer = other.writer().expect("a writer");
        for (index, observation) in all.iter().enumerate() {
            writer.push(*observation).expect("pushed");
            if index % flushed_after == 0 {
                writer.flush().expect("flushed");
            }
        }
        writer.close().expect("closed");
        assert!(everything(&store, &all) == everything(&other, &all));
        assert_sound(&other);
    }
}
