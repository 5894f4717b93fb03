//! The writers' lock is that of the directory which has the store's name now, not
//! of one that had it when it was opened.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use super::{append_each, arrivals, copy_store, observation, observations, options, place};
use crate::disk::{Operation, watch};
use crate::error::ErrorKind;
use crate::options::SyncPolicy;
use crate::store::Store;

#[test]
fn a_store_that_is_replaced_while_its_lock_is_waited_for_is_not_written_to_by_two() {
    let (guard, path) = place();
    let old = guard.path().join("old");
    let store = options(SyncPolicy::Always).lock_wait(Duration::ZERO).create(&path).expect("made");
    append_each(&store, 0..3);
    let held = Rc::new(RefCell::new(None));
    let writer = Rc::clone(&held);
    let (from, to) = (path.clone(), old.clone());
    // The directory is open, and about to be locked.
    let watcher = move |_: &Path, operation: Operation, _: &[u8]| {
        if operation == Operation::Lock && writer.borrow().is_none() {
            std::fs::rename(&from, &to)?;
            copy_store(&to, &from);
            let other = Store::open(&from).expect("opened").writer().expect("a writer");
            writer.replace(Some(other));
        }
        Ok(())
    };
    let error = watch::with(watcher, || store.append(observation(3))).expect_err("it is locked");
    assert_eq!(error.kind(), ErrorKind::Locked);
    let mut writer = held.take().expect("the other writer");
    writer.push(observation(3)).expect("pushed");
    writer.close().expect("closed");
    append_each(&store, 4..5);
    assert!(arrivals(&Store::open(&path).expect("opened")) == observations(0..5));
    assert!(arrivals(&Store::open(&old).expect("opened")) == observations(0..3));
}

#[test]
fn a_holder_that_has_not_said_its_name_yet_is_not_called_by_that_of_the_one_before() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Always).lock_wait(Duration::ZERO).create(&path).expect("made");
    append_each(&store, 0..1);
    store.writer().expect("a writer").close().expect("closed");
    // As one that is stopped before it writes its name down.
    let holder = std::fs::File::open(&path).expect("opened");
    holder.lock().expect("locked");
    let error = store.append(observation(1)).expect_err("it is locked");
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains("by another process;"), "{error}");
    holder.unlock().expect("unlocked");
    let _writer = store.writer().expect("a writer");
    let error = store.append(observation(1)).expect_err("it is locked");
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
}
