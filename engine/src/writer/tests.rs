//! What a writer takes over from one of another process.

use std::time::Duration;

use super::*;
use crate::segment::names::rows_name;
use crate::store::Store;

#[test]
fn rule_6_a_sync_that_failed_before_a_fork_is_known_in_the_child() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("store");
    let store = Store::create(&path).expect("created");
    store.append(Observation::new(0, 1.0)).expect("appended");
    let parent = 0;
    let left = Left { sync_failed: true, process: parent, ..Left::default() };
    let lock = Lock::take(&path, Duration::ZERO).expect("the lock is free");
    let mut writer = Writer::open(lock, &path, &Options::new(), left);
    writer.push(Observation::new(1, 2.0)).expect("pushed");
    writer.close().expect("closed");
    assert!(path.join(rows_name(2)).exists(), "the first segment is given up");
}
