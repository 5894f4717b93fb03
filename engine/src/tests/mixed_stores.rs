//! Mixed files of two diverged copies of a store: rows of one are never served with
//! statistics of the other, and what is missing is reported.

use super::*;
use crate::chunk::reader::Chunk;
use crate::chunk::writer::{encode, summarised};
use crate::error::ErrorKind;

/// Two copies of a store of one chunk that each grew to three.
fn diverged() -> (TempDir, [PathBuf; 2]) {
    let guard = scratch();
    let paths = ["a", "b"].map(|name| guard.path().join(name));
    let store = Store::create(&paths[0]).expect("created");
    store.append_batch(&observations(0..2_100)).expect("appended");
    copy_store(&paths[0], &paths[1]);
    for (path, first) in paths.iter().zip([10_000, 20_000]) {
        let store = Store::open(path).expect("opened");
        store.append_batch(&observations(first..first + 4_400)).expect("appended");
    }
    (guard, paths)
}

fn of(first: u64) -> Vec<Observation> {
    observations(0..2_100).into_iter().chain(observations(first..first + 4_400)).collect()
}

#[test]
fn any_mixture_of_two_diverged_copies_is_noticed() {
    let (guard, [a, b]) = diverged();
    let (all, others) = (names(&a), names(&b));
    let shared: Vec<_> = all.iter().filter(|name| others.contains(name)).cloned().collect();
    assert!(shared.len() >= 4, "chunks and manifest have the same names: {shared:?}");
    for mixture in 1_u32..1 << shared.len() {
        let path = guard.path().join("mixed");
        copy_store(&a, &path);
        let taken = shared.iter().enumerate().filter(|(n, _)| mixture >> n & 1 == 1);
        let taken: Vec<_> = taken.map(|(_, name)| name.clone()).collect();
        for name in &taken {
            std::fs::copy(b.join(name), path.join(name)).expect("copied");
        }
        judge(&path, &taken);
        // Bug found by fuzzing: chunks of both copies stayed in a chain that was not
        // consistent.
        Store::repair(&path).expect("repaired");
        assert_sound(&path);
        let again = Store::repair(&path).expect("repaired");
        assert_eq!((again.lost, again.rewritten.len()), (0, 0), "{taken:?}: {again:?}");
        std::fs::remove_dir_all(&path).expect("removed");
    }
}

fn judge(path: &Path, taken: &[String]) {
    let is_harmless = taken.iter().all(|name| name == "ballast" || name == "0000000000.chunk");
    let store = Store::open(path).expect("opened");
    let verified = store.verify().expect("verified");
    assert_eq!(verified.is_sound(), is_harmless, "{taken:?}: {verified:?}");
    let manifest_of_b = taken.iter().any(|name| name == "manifest");
    let right = of(if manifest_of_b { 20_000 } else { 10_000 });
    let snapshot = store.snapshot().expect("a snapshot");
    match snapshot.summary() {
        // From the manifest's nodes and its own log.
        Ok(summary) => assert_eq!(summary, summary_of(&right), "{taken:?}"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Damaged, "{taken:?}"),
    }
    // Statistics that need rows: those of one copy, or an error.
    let values = |all: &[Observation]| {
        let mut values: Vec<f64> = all.iter().map(|it| it.value).collect();
        values.sort_by(f64::total_cmp);
        f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
    };
    match snapshot.median() {
        Ok(median) => assert_eq!(median, Some(values(&right)), "{taken:?}"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Damaged, "{taken:?}: {error}"),
    }
    for item in snapshot.by_sequence(..) {
        match item {
            Ok((sequence, row)) => {
                let at = usize::try_from(sequence).expect("small");
                assert_eq!(
                    right.get(at),
                    Some(&row),
                    "{taken:?}: another copy's row as {sequence}"
                );
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Damaged, "{taken:?}"),
        }
    }
}

#[test]
fn another_stores_manifest_serves_none_of_the_rows_that_are_here() {
    let guard = scratch();
    let [a, b] = ["a", "b"].map(|name| guard.path().join(name));
    for (path, first) in [(&a, 0), (&b, 50_000)] {
        let store = Store::create(path).expect("created");
        store.append_batch(&observations(first..first + 2_100)).expect("appended");
    }
    std::fs::copy(manifest_path(&b), manifest_path(&a)).expect("copied");
    let found = contents(&a);
    assert!(found.rows.is_empty());
    assert_eq!(found.damage.len(), 2, "a foreign chunk and a missing log: {:?}", found.damage);
    let error = Store::open(&a).expect("opened").append(observation(0)).expect_err("no log");
    assert_eq!(error.kind(), ErrorKind::Damaged);
}

/// The first chunk of a store of three: the manifest states only the node of the first
/// two, not its own.
#[test]
fn a_chunk_of_another_copy_is_noticed_where_only_its_parent_is_listed() {
    let guard = scratch();
    let [a, b] = ["a", "b"].map(|name| guard.path().join(name));
    append_each(&Store::create(&a).expect("created"), 0..1);
    copy_store(&a, &b);
    for (path, first) in [(&a, 10_000), (&b, 20_000)] {
        let store = Store::open(path).expect("opened");
        store.append_batch(&observations(first..first + 6_500)).expect("appended");
    }
    std::fs::copy(chunk_path(&b, 0), chunk_path(&a, 0)).expect("copied");
    let store = Store::open(&a).expect("opened");
    assert!(!store.verify().expect("verified").is_sound());
    let snapshot = store.snapshot().expect("a snapshot");
    let within = observation(10_000).timestamp_ns..observation(11_500).timestamp_ns;
    let error = snapshot.window(within).summary().expect_err("of another copy");
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    let found: Vec<_> = snapshot.by_sequence(1..).collect();
    let is_own = |(n, row): &(u64, Observation)| *n > 0 && *row == observation(9_999 + n);
    assert!(found.iter().flatten().all(is_own), "another copy's rows");
    assert!(found.iter().any(|it| it.is_err()), "fewer rows without an error");
}

/// How much of a chunk was forged with correct checksums.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Forged {
    Rows,
    RowsAndLeaves,
    All,
}

/// Rows of another copy in a chunk whose checksums were corrected: the statistics above
/// them do not match.
#[test]
fn other_rows_under_right_checksums_are_noticed() {
    for forged in [Forged::Rows, Forged::RowsAndLeaves, Forged::All] {
        let (_guard, path) = place();
        let store = Store::create(&path).expect("created");
        store.append_batch(&observations(0..6_500)).expect("appended");
        let right = store.snapshot().expect("a snapshot").summary().expect("read");
        let chunk = Chunk::open(&open(&path), record(&path).store, 0, true).expect("opened");
        let (place, others) = (chunk.header.place, observations(50_000..50_000 + CHUNK));
        let mut contents = summarised(place, others, Vec::new(), &mut Edge::starting_at(0));
        if forged != Forged::All {
            contents.nodes = chunk.header.nodes.clone();
        }
        if forged == Forged::Rows {
            let leaf = |leaf| chunk.leaf(leaf).expect("sound").clone();
            contents.leaves = (0..CHUNK_LEAVES).map(leaf).collect();
        }
        std::fs::write(chunk_path(&path, 0), encode(&contents)).expect("written");
        let store = Store::open(&path).expect("opened");
        assert!(!store.verify().expect("verified").is_sound(), "{forged:?}");
        let snapshot = store.snapshot().expect("a snapshot");
        // The manifest's nodes are those of what was appended.
        assert_eq!(snapshot.summary().expect("read"), right);
        if forged != Forged::Rows {
            let within = observation(0).timestamp_ns..observation(1_500).timestamp_ns;
            let error = snapshot.window(within).summary().expect_err("the summaries do not fit");
            assert_eq!(error.kind(), ErrorKind::Damaged, "{forged:?}: {error}");
        }
        Store::repair(&path).expect("repaired");
        assert_sound(&path);
    }
}

/// What is left would otherwise be listed with statistics of the other copy.
#[test]
fn retention_lists_no_statistics_of_another_copy() {
    let guard = scratch();
    let [a, b] = ["a", "b"].map(|name| guard.path().join(name));
    append_each(&Store::create(&a).expect("created"), 0..1);
    copy_store(&a, &b);
    for (path, first) in [(&a, 10_000), (&b, 20_000)] {
        let store = Store::open(path).expect("opened");
        store.append_batch(&observations(first..first + 4 * CHUNK)).expect("appended");
    }
    std::fs::copy(chunk_path(&b, 3), chunk_path(&a, 3)).expect("copied");
    let before = record(&a);
    let store = Store::open(&a).expect("opened");
    let second_chunk = observation(10_000 + CHUNK).timestamp_ns;
    let error = store.remove_before(second_chunk).expect_err("a chunk of another copy");
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert_eq!(record(&a), before);
    Store::repair(&a).expect("repaired");
    assert_eq!(store.remove_before(second_chunk).expect("removed"), CHUNK);
    assert_sound(&a);
}
