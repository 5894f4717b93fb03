//! Promise 5: the statistics are a function of the observations alone.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "the numbers are small and made here"
)]

mod support;

use gaugelog::{Observation, Options, Store, SyncPolicy};
use support::{Random, bits, place, series, small_segments};

/// Summaries of the whole and of many ranges, as bits.
fn everything(store: &Store, all: &[Observation]) -> Vec<Vec<u64>> {
    let snapshot = store.snapshot().expect("a snapshot");
    let mut random = Random(23);
    let mut found = vec![bits(&snapshot.summary().expect("a summary"))];
    for _ in 0..20 {
        let from = all[random.below(all.len() as u64) as usize].timestamp_ns;
        let to = from.saturating_add(random.below(20_000_000_000_000) as i64);
        found.push(bits(&snapshot.summary_of(from..to).expect("a summary")));
    }
    found.push(bits(&snapshot.summary_of(..).expect("a summary")));
    found
}

#[test]
fn the_bits_do_not_depend_on_how_the_observations_were_appended() {
    let all = series(25_000);
    let mut seen: Vec<Vec<Vec<u64>>> = Vec::new();
    for (portion, reopen, options) in [
        (25_000, false, Options::new()),
        (10_000, true, Options::new()),
        (10_000, true, small_segments()),
        (7, false, small_segments()),
        (7, true, Options::new()),
        (1, false, Options::new()),
        (1, true, small_segments()),
    ] {
        let (_guard, path) = place();
        let options = options.sync(SyncPolicy::Never);
        let mut store = options.create(&path).expect("created");
        for (index, batch) in all.chunks(portion).enumerate() {
            match portion {
                1 => drop(store.append(batch[0]).expect("appended")),
                _ => drop(store.append_batch(batch).expect("appended")),
            }
            if reopen && index % 100 == 0 {
                store = options.open(&path).expect("opened");
            }
        }
        seen.push(everything(&store, &all));
        // Without any derived file the same comes out.
        for entry in std::fs::read_dir(&path).expect("listed") {
            let file = entry.expect("listed").path();
            let name = file.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
            if name == "checkpoint" || name.ends_with(".tree") || name.ends_with(".guide") {
                std::fs::remove_file(file).expect("removed");
            }
        }
        seen.push(everything(&options.open(&path).expect("opened"), &all));
    }
    for other in &seen {
        assert!(other == &seen[0]);
    }
}

#[test]
fn a_held_writer_gives_the_same_bits() {
    let all = series(10_000);
    let (_guard, path) = place();
    let store = small_segments().create(&path).expect("created");
    store.append_batch(&all).expect("appended");
    let (_guard, held) = place();
    let other = Store::create(&held).expect("created");
    let mut writer = other.writer().expect("a writer");
    for (index, observation) in all.iter().enumerate() {
        writer.push(*observation).expect("pushed");
        if index % 777 == 0 {
            writer.flush().expect("flushed");
        }
    }
    writer.close().expect("closed");
    assert!(everything(&store, &all) == everything(&other, &all));
}
