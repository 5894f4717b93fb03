//! A page of a chunk that cannot be read any more ends a process that has mapped it with
//! a signal (`SIGBUS`). Nothing that was acknowledged is lost, and without maps it is an
//! error.

mod support;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use gaugelog::{ErrorKind, Observation, Options, Store};
use support::processes::{Process, again, called, report, wait_for_go};
use support::{CHUNK, Random};
use tempfile::TempDir;

const SIGBUS: i32 = 7;
/// Some rows are in the log.
const COUNT: u64 = CHUNK + 100;

fn observation(sequence: u64) -> Observation {
    let mut random = Random(sequence);
    Observation::new(random.next().cast_signed(), random.normal())
}

/// Reads half of a chunk, waits until the rest cannot be read, and reads on.
#[test]
fn reads_beside_the_failure() {
    let Some((path, maps)) = called() else { return };
    let store = Options::new().positioned_reads(maps == "without maps").open(path).expect("opened");
    store.append(observation(COUNT)).expect("appended");
    let snapshot = store.snapshot().expect("a snapshot");
    let mut rows = snapshot.by_sequence(..);
    for n in 0..CHUNK / 2 {
        assert_eq!(rows.next().expect("a row").expect("read"), (n, observation(n)));
    }
    report("HALF");
    wait_for_go();
    let error = rows.find_map(Result::err).expect("the rest is missing");
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    store.append(observation(COUNT + 1)).expect("appended");
    report("ERROR");
}

/// Cutting the file short has the effect on a map that a failing disk has.
fn fail_under(path: &Path, maps: &str) -> (Option<i32>, bool) {
    let store = Store::create(path).expect("created");
    store.append_batch(&(0..COUNT).map(observation).collect::<Vec<_>>()).expect("appended");
    let chunk = path.join("0000000000.chunk");
    let whole = std::fs::read(&chunk).expect("a chunk");
    let mut child = Process::start(&mut again("reads_beside_the_failure", path, maps));
    child.expect_line("HALF");
    let file = std::fs::File::options().write(true).open(&chunk).expect("a chunk");
    file.set_len(4_096).expect("cut");
    child.go_on();
    let is_reported = child.line_with("ERROR").is_some();
    let signal = child.wait().signal();
    std::fs::write(&chunk, whole).expect("restored");
    (signal, is_reported)
}

fn assert_holds(path: &Path, count: u64) {
    let store = Store::open(path).expect("opened");
    let verified = store.verify().expect("verified");
    assert!(verified.is_sound() && verified.readable == count, "{verified:?}");
    let snapshot = store.snapshot().expect("a snapshot");
    let rows = snapshot.by_sequence(..).map(|row| row.expect("read").1);
    assert!(rows.eq((0..count).map(observation)));
}

#[test]
fn a_process_that_is_killed_has_lost_nothing_acknowledged() {
    let place = TempDir::new().expect("a directory");
    let path = place.path().join("store");
    assert_eq!(fail_under(&path, "with maps"), (Some(SIGBUS), false));
    assert_holds(&path, COUNT + 1);
}

#[test]
fn without_maps_it_is_an_error_and_appends_go_on() {
    let place = TempDir::new().expect("a directory");
    let path = place.path().join("store");
    assert_eq!(fail_under(&path, "without maps"), (None, true));
    assert_holds(&path, COUNT + 2);
}
