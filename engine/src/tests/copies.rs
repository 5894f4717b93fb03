//! Copies of a live store, made file by file as by cp, rsync and tar. Each opens and
//! serves a prefix, or reports exactly what is missing, and `repair` mends it. The
//! engine's own copies are always undamaged.

use super::disk_watch::{Event, no_space, record};
use super::*;
use crate::error::ErrorKind;
use crate::format::names::chunk_name;
use crate::os::disk::{Operation, watch};

/// Numbers that look random and are the same in each run (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (z ^ (z >> 27)) % below
    }
}

/// Copies a store that is appended to between the files.
fn copy_live(store: &Store, to: &Path, random: &mut Random, next: &mut u64) {
    std::fs::create_dir(to).expect("a directory");
    let mut names = names(store.path());
    // Each tool has its own order.
    for n in (1..names.len()).rev() {
        names.swap(n, usize::try_from(random.below(n as u64 + 1)).expect("small"));
    }
    for name in names {
        // A file that has vanished is skipped, with a warning.
        let bytes = std::fs::read(store.path().join(&name)).unwrap_or_default();
        // A part of the file, as read by a tool that was stopped for a moment.
        let half = bytes.len() / 2;
        let mut copied = bytes[..half].to_vec();
        if random.below(2) == 0 {
            append(store, random, next);
            let now = std::fs::read(store.path().join(&name)).unwrap_or_default();
            copied.extend(now.get(half..).unwrap_or_default());
        } else {
            copied.extend(&bytes[half..]);
        }
        std::fs::write(to.join(&name), copied).expect("written");
    }
}

fn append(store: &Store, random: &mut Random, next: &mut u64) {
    let count = [1, 1, 7, 300, 1_500][usize::try_from(random.below(5)).expect("small")];
    store.append_batch(&observations(*next..*next + count)).expect("appended");
    *next += count;
}

#[test]
fn a_file_by_file_copy_serves_a_prefix_or_reports_what_is_missing() {
    let (guard, path) = place();
    let store = Store::create(&path).expect("created");
    let (mut random, mut next, mut clean) = (Random(1), 0, 0);
    for copy in 0..75 {
        append(&store, &mut random, &mut next);
        let to = guard.path().join(format!("copy{copy}"));
        copy_live(&store, &to, &mut random, &mut next);
        clean += u32::from(judge(&to));
        std::fs::remove_dir_all(&to).expect("removed");
        store.remove_before(observation(next.saturating_sub(6_000)).timestamp_ns).expect("removed");
    }
    println!("{clean} of 75 copies were clean");
    assert!(clean >= 20, "{clean} clean copies");
}

/// Checks a copy. Returns whether it was undamaged.
fn judge(path: &Path) -> bool {
    let opened = Store::open(path);
    let is_clean = match &opened {
        Ok(store) => {
            let found = contents(path);
            for (sequence, row) in &found.rows {
                assert_eq!(*row, observation(*sequence), "as {sequence}");
            }
            let end = store.snapshot().expect("a snapshot").end_sequence();
            let first = store.snapshot().expect("a snapshot").first_sequence();
            let served = |n| found.rows.binary_search_by_key(&n, |it| it.0).is_ok();
            let lost = |n| found.damage.iter().any(|damage| damage.lost.contains(&n));
            assert_eq!((first..end).find(|n| !served(*n) && !lost(*n)), None, "lost silently");
            found.damage.is_empty()
        }
        // The manifest itself was copied in two halves.
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
            false
        }
    };
    match Store::repair(path) {
        Ok(repair) => {
            assert_sound(path);
            assert!(!is_clean || repair.lost == 0, "{repair:?}");
            let store = Store::open(path).expect("opened");
            store.append(observation(1)).expect("appended");
            assert!(contents(path).damage.is_empty());
        }
        Err(error) => assert!(opened.is_err() && error.kind() == ErrorKind::NotAStore, "{error}"),
    }
    is_clean
}

#[test]
fn the_engines_own_copy_is_clean_at_every_size_and_goes_on_apart() {
    let (guard, path) = place();
    let store = Store::create(&path).expect("created");
    let mut next = 0;
    for (number, count) in [0, 1, 5, 2_042, 1, 3_000, 40].into_iter().enumerate() {
        store.append_batch(&observations(next..next + count)).expect("appended");
        next += count;
        let to = guard.path().join(number.to_string());
        assert_eq!(store.copy_to(&to).expect("copied"), next);
        assert_holds(&to, &observations(0..next));
        append_each(&Store::open(&to).expect("opened"), next..next + 1);
        assert_holds(&to, &observations(0..next + 1));
    }
    store.remove_before(observation(3_000).timestamp_ns).expect("removed");
    let to = guard.path().join("removed");
    store.copy_to(&to).expect("copied");
    assert_holds_from(&to, 2_048, &observations(2_048..next));
    assert_eq!(store.copy_to(&to).expect_err("there").kind(), ErrorKind::AlreadyExists);
}

#[test]
fn a_store_is_not_copied_into_itself() {
    let (guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..3);
    let link = guard.path().join("link");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    for within in [path.join("copy"), link.join("copy")] {
        let error = store.copy_to(&within).expect_err("inside the store");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert_eq!(error.path(), within);
    }
    assert!(!path.join("copy").exists());
}

/// A chunk that is missing, or a pipe in its place, which is not waited for. What the device
/// does not give back may be intact, so that is an error.
#[test]
fn a_copy_goes_on_without_a_chunk_that_is_not_there() {
    let (guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0..2_100)).expect("appended");
    let chunk = path.join(chunk_name(0));
    watch::set_unreadable(vec![(chunk.clone(), 600..601)]);
    let error = store.copy_to(guard.path().join("copy")).expect_err("unreadable");
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    watch::set_unreadable(Vec::new());
    std::fs::remove_file(&chunk).expect("removed");
    let copied = |name: &str| {
        let to = guard.path().join(name);
        assert_eq!(store.copy_to(&to).expect("copied"), 2_100);
        let found = Store::open(&to).expect("opened").verify().expect("verified");
        assert_eq!(found.readable, 52, "{found:?}");
    };
    copied("missing");
    let made = std::process::Command::new("mkfifo").arg(&chunk).status().expect("run");
    assert!(made.success());
    copied("pipe");
}

/// A directory that was there before, perhaps with an owner and a mode of its own.
#[test]
fn a_copy_that_failed_leaves_an_empty_directory_where_one_was() {
    let (guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..3);
    let to = guard.path().join("copy");
    std::fs::create_dir(&to).expect("a directory");
    let refuse = |_: &Path, event: &Event| {
        if event.operation == Operation::Rename { Err(no_space()) } else { Ok(()) }
    };
    let (copied, _) = record(refuse, || store.copy_to(&to));
    assert_eq!(copied.expect_err("no space").kind(), ErrorKind::Io);
    assert_eq!(names(&to), Vec::<String>::new());
}

/// It fails at each call that changes the disk but the first, which makes the directory;
/// also at those after the copy's manifest was renamed.
#[test]
fn a_copy_that_failed_can_be_made_again() {
    let (guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0..2_100)).expect("appended");
    for call in 1.. {
        let to = guard.path().join(call.to_string());
        let mut left = call;
        let refuse = move |_: &Path, event: &Event| {
            let counts = event.operation.changes_the_disk();
            left -= i32::from(counts);
            if counts && left == -1 { Err(no_space()) } else { Ok(()) }
        };
        let (copied, _) = record(refuse, || store.copy_to(&to));
        if copied.is_ok() {
            assert!(call > 10, "{call} calls");
            break;
        }
        assert!(!to.exists(), "call {call}");
        assert_eq!(store.copy_to(&to).expect("copied"), 2_100);
        assert_holds(&to, &observations(0..2_100));
    }
}
