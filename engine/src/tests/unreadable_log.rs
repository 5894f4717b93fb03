//! A place of the log that the device refuses to read: nothing is given up because of it
//! until a repair accepts that. The device may read it again later.

use super::*;
use crate::error::ErrorKind;
use crate::os::disk::{Operation, watch};

/// A store whose log has some unreadable rows, and how many rows it has.
fn unreadable() -> (TempDir, PathBuf, u64) {
    let (guard, path) = place();
    let count = CHUNK - 10;
    Store::create(&path).expect("created").append_batch(&observations(0..count)).expect("appended");
    let start = FIRST_FRAME + 4_096;
    watch::set_unreadable(vec![(log_path(&path), start..start + 512)]);
    (guard, path, count)
}

#[test]
fn an_unreadable_place_of_the_log_is_not_sealed_as_lost() {
    let (_guard, path, count) = unreadable();
    let before = log_path(&path);
    let store = Store::open(&path).expect("opened");
    append_each(&store, count..count + 2 * LEAF);
    assert_eq!((log_path(&path), record(&path).sealed_end), (before.clone(), 0));
    let error = store.seal().expect_err("it cannot be read");
    assert_eq!((error.kind(), error.path()), (ErrorKind::Io, before.as_path()));
    assert_eq!(error.io_error().and_then(std::io::Error::raw_os_error), Some(5));
    assert!(error.can_pass() && error.to_string().contains("gaugelog repair"), "{error}");
    assert_eq!(names(&path).iter().filter(|name| name.contains(".log")).count(), 1);
    // The device reads it again.
    watch::set_unreadable(Vec::new());
    append_each(&store, count + 2 * LEAF..count + 3 * LEAF);
    assert_eq!(record(&path).sealed_end, 2);
    assert_holds(&path, &observations(0..count + 3 * LEAF));
}

#[test]
fn an_unreadable_place_of_the_log_is_not_copied_as_lost() {
    let (_guard, path, count) = unreadable();
    let before = log_path(&path);
    // Because of the bytes after the end, the next append replaces the log.
    edit(&before, |bytes| bytes.extend_from_slice(b"torn"));
    let store = Store::open(&path).expect("opened");
    let error = store.append(observation(count)).expect_err("it cannot be copied");
    assert_eq!((error.kind(), error.path()), (ErrorKind::Io, before.as_path()));
    watch::set_unreadable(Vec::new());
    append_each(&store, count..count + 1);
    assert_holds(&path, &observations(0..count + 1));
}

#[test]
fn a_repair_accepts_what_the_device_refuses_to_read() {
    let (_guard, path, count) = unreadable();
    let repair = Store::repair(&path).expect("repaired");
    assert!((1..=count).contains(&repair.lost), "{repair:?}");
    watch::set_unreadable(Vec::new());
    let verified = Store::open(&path).expect("opened").verify().expect("verified");
    assert_eq!((verified.damage.len(), verified.readable), (0, count - repair.lost));
}

/// The file system cannot read what it needs to open the file.
#[test]
fn a_chunk_that_cannot_be_opened_for_the_device_is_lost_alone() {
    for errno in [5, 74, 117] {
        let (_guard, path) = place();
        let store = Store::create(&path).expect("created");
        store.append_batch(&observations(0..5_000)).expect("appended");
        let refuse = move |file: &Path, operation, _: &[u8]| match operation == Operation::Open
            && file.ends_with("0000000001.chunk")
        {
            true => Err(std::io::Error::from_raw_os_error(errno)),
            false => Ok(()),
        };
        let found = watch::with(refuse, || contents(&path));
        let lost: Vec<_> = found.damage.iter().map(|damage| damage.lost.clone()).collect();
        assert_eq!((found.served(), lost), (vec![0..2_048, 4_096..5_000], vec![2_048..4_096]));
    }
}
