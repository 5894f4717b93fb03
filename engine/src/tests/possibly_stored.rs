//! Rule 6 of the tail, when what was reported as failed can neither be overwritten nor
//! cut off by a void. The error says so, and no writer's acknowledged observations are
//! lost or doubled when work goes on.

use std::cell::Cell;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use super::disk_watch::{Event, no_space, record};
use super::*;
use crate::os::disk::Operation;

/// Refuses all writes to a log. The first refused write still writes `stored`, as btrfs
/// does when it has no room for a copy.
fn refuse_writes_after(stored: Vec<u8>) -> impl FnMut(&Path, &Event) -> io::Result<()> {
    let is_stored = Rc::new(Cell::new(false));
    move |path: &Path, event: &Event| match event.operation {
        Operation::Write { offset, .. } if event.file.ends_with(".log") => {
            if !is_stored.replace(true) {
                let file = std::fs::OpenOptions::new().write(true).open(path).expect("a log");
                file.write_all_at(&stored, offset).expect("written");
            }
            Err(no_space())
        }
        _ => Ok(()),
    }
}

/// A store of ten observations, and the bytes that one more append writes to it.
fn store_of_ten(path: &Path, policy: SyncPolicy, tried: &[Observation]) -> (Store, Vec<u8>) {
    let store = options(policy).create(path).expect("created");
    append_each(&store, 0..10);
    store.sync().expect("synced");
    let twin = path.with_extension("twin");
    std::fs::create_dir(&twin).expect("a directory");
    for name in names(path) {
        std::fs::copy(path.join(&name), twin.join(&name)).expect("copied");
    }
    let end = usize::try_from(open_log(path).tail().end.offset).expect("in memory");
    options(SyncPolicy::Never).open(&twin).expect("opened").append_batch(tried).expect("appended");
    let written = std::fs::read(log_path(&twin)).expect("read").split_off(end);
    (store, written)
}

#[test]
fn whole_frames_of_a_write_that_failed_may_be_found_and_a_retry_stores_them_once() {
    for policy in [SyncPolicy::Always, SyncPolicy::Never] {
        let (_guard, path) = place();
        let tried = observations(10..12);
        let (store, written) = store_of_ten(&path, policy, &tried);
        let (result, _) = record(refuse_writes_after(written), || store.append_batch(&tried));
        let error = result.expect_err("no space");
        assert!(error.to_string().contains("10 to 11 may be found later"), "{error}");
        assert_eq!(store.append_batch(&tried).expect("a retry"), 10..12);
        append_each(&store, 12..14);
        assert_holds(&path, &observations(0..14));
    }
}

/// Another process appends after what was reported as failed without copying it, as it
/// does if it syncs nothing. What it acknowledged stays, whatever the first process does.
#[test]
fn what_another_writer_acknowledged_after_it_is_not_dropped() {
    for is_retry in [false, true] {
        let (_guard, path) = place();
        let tried = observations(10..12);
        let (store, written) = store_of_ten(&path, SyncPolicy::Never, &tried);
        let (result, _) = record(refuse_writes_after(written), || store.append_batch(&tried));
        result.expect_err("no space");
        let other = options(SyncPolicy::Never).open(&path).expect("opened");
        append_each(&other, 12..15);
        if is_retry {
            store.append_batch(&tried).expect("a retry");
        }
        append_each(&store, 15..17);
        assert_holds(&path, &observations(0..17));
    }
}
