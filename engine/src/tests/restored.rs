//! Files of a store restored from an older copy, beside newer files: what is served is one
//! history, and the other one stays on the disk and is reported.

use super::*;
use crate::error::ErrorKind;
use crate::format::chunk::{Column, Header};
use crate::format::names::chunk_name;

/// The content of files, with their paths.
type Saved = Vec<(PathBuf, Vec<u8>)>;

fn save(files: &[PathBuf]) -> Saved {
    files.iter().map(|file| (file.clone(), std::fs::read(file).expect("a file"))).collect()
}

fn header(chunk: &[u8]) -> Header {
    let length = Header::stated_bytes(chunk).expect("a chunk");
    Header::decode(&chunk[..length]).expect("sound")
}

fn restore(saved: &Saved) {
    for (file, bytes) in saved {
        std::fs::write(file, bytes).expect("written");
    }
}

/// A store of five observations that grew to three chunks and a newer log. Returns the
/// manifest and the log from before.
fn grown(path: &Path) -> Saved {
    let store = Store::create(path).expect("created");
    append_each(&store, 0..5);
    let saved = save(&[manifest_path(path), log_path(path)]);
    store.append_batch(&observations(5..6_300)).expect("appended");
    append_each(&store, 6_300..6_301);
    assert_eq!(record(path).sealed_end, 3);
    saved
}

/// Appends other observations than those of the newer files.
fn append_others(path: &Path, numbers: Range<u64>) {
    append_each(&Store::open(path).expect("opened"), numbers);
}

fn aside(path: &Path, number: u32, suffix: &str) -> Vec<u8> {
    let file = path.join(chunk_name(number) + suffix);
    std::fs::read(file).unwrap_or_else(|error| panic!("{number}: {error}: {:?}", names(path)))
}

/// The orphans of a store that has lost nothing.
fn orphans(path: &Path) -> usize {
    let repair = Store::repair(path).expect("repaired");
    assert_eq!((repair.lost, repair.rewritten.len()), (0, 0), "{repair:?}");
    repair.orphans.len()
}

/// The chunks were sealed from the restored log, so only their rows show the difference.
#[test]
fn newer_chunks_are_kept_when_a_restored_log_grows_past_them() {
    let (_guard, path) = place();
    let saved = grown(&path);
    let newer_log = log_path(&path);
    let newer = [0, 1, 2].map(|number| aside(&path, number, ""));
    restore(&saved);
    assert_holds(&path, &observations(0..5));
    assert_eq!(orphans(&path), 4);
    append_others(&path, 20_000..24_400);
    assert_holds(&path, &[observations(0..5), observations(20_000..24_400)].concat());
    let kept = [aside(&path, 0, ".aside"), aside(&path, 1, ".aside"), aside(&path, 2, "")];
    assert!(kept == newer && newer_log.exists(), "{:?}", names(&path));
    assert_eq!(orphans(&path), 4);
}

/// As after a killed process, which has sealed and not listed them yet.
#[test]
fn newer_chunks_are_removed_when_a_restored_log_holds_the_same() {
    let (_guard, path) = place();
    restore(&grown(&path));
    append_others(&path, 5..2_100);
    assert_holds(&path, &observations(0..2_100));
    assert_eq!(count_files(&path, ".aside"), 0, "{:?}", names(&path));
}

#[test]
fn what_was_set_aside_is_kept_when_a_backup_is_restored_again() {
    let (_guard, path) = place();
    let saved = grown(&path);
    let first = aside(&path, 0, "");
    restore(&saved);
    append_others(&path, 20_000..22_100);
    let second = aside(&path, 0, "");
    restore(&saved);
    append_others(&path, 30_000..32_100);
    assert!(aside(&path, 0, ".aside") == first && aside(&path, 0, ".aside.aside") == second);
    assert_holds(&path, &[observations(0..5), observations(30_000..32_100)].concat());
    assert_eq!(orphans(&path), 6, "two and two newer chunks, two newer logs");
}

/// Its log was removed. Nothing is appended in its place before `repair` has accepted
/// that.
#[test]
fn a_restored_manifest_whose_log_is_gone_is_reported() {
    let (_guard, path) = place();
    let saved = grown(&path);
    let newer = names(&path);
    restore(&saved[..1].to_vec());
    let store = Store::open(&path).expect("opened");
    let damage = &store.recovery().damage;
    assert!(damage[0].detail.contains("missing"), "{damage:?}");
    let error = store.append(observation(1)).expect_err("no log");
    assert!(error.kind() == ErrorKind::Damaged && error.to_string().contains("repair"), "{error}");
    let repair = Store::repair(&path).expect("repaired");
    assert_eq!(repair.orphans.len(), 4, "{repair:?}");
    append_others(&path, 20_000..20_003);
    assert_holds(&path, &observations(20_000..20_003));
    assert!(newer.iter().all(|name| path.join(name).exists()), "{:?}", names(&path));
}

/// A later append seals its rows, so nothing but the backup has them.
#[test]
fn a_log_that_was_replaced_and_is_restored_alone_changes_nothing() {
    let (_guard, path) = place();
    let saved = grown(&path);
    restore(&saved[1..].to_vec());
    assert_holds(&path, &observations(0..6_301));
    assert_eq!(orphans(&path), 1);
    append_each(&Store::open(&path).expect("opened"), 6_301..8_300);
    assert_holds(&path, &observations(0..8_300));
}

#[test]
fn a_listed_log_restored_alone_is_a_prefix() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..2_100);
    let saved = save(&[log_path(&path)]);
    append_each(&store, 2_100..2_200);
    drop(store);
    restore(&saved);
    assert_holds(&path, &observations(0..2_100));
    append_others(&path, 20_000..20_005);
    assert_holds(&path, &[observations(0..2_100), observations(20_000..20_005)].concat());
}

/// Retention removed the chunks that a restored manifest lists.
#[test]
fn removed_chunks_that_a_restored_manifest_lists_are_reported() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..5_000);
    let saved = save(&[manifest_path(&path)]);
    store.remove_before(observation(2_048).timestamp_ns).expect("removed");
    restore(&saved);
    let found = contents(&path);
    assert_eq!((found.served(), found.damage.len()), (vec![2_048..5_000], 1));
    assert_eq!(found.damage[0].lost, 0..2_048);
    let repair = Store::repair(&path).expect("repaired");
    assert_eq!(repair.lost, 2_048);
    assert_sound(&path);
}

/// A chunk from a backup gives back what a repair has given up.
#[test]
fn a_chunk_restored_after_a_repair_is_whole_again() {
    for is_gone in [false, true] {
        let (_guard, path) = place();
        append_each(&Store::create(&path).expect("created"), 0..5_000);
        let saved = save(&[chunk_path(&path, 0)]);
        if is_gone {
            std::fs::remove_file(&saved[0].0).expect("removed");
        } else {
            let header = header(&saved[0].1);
            flip(&saved[0].0, header.page(Column::Values, 0).offset);
        }
        let repair = Store::repair(&path).expect("repaired");
        assert_eq!(repair.lost, if is_gone { CHUNK } else { LEAF }, "{repair:?}");
        restore(&saved);
        assert_eq!(arrivals(&path), observations(0..5_000));
        Store::repair(&path).expect("repaired");
        assert_holds(&path, &observations(0..5_000));
    }
}
