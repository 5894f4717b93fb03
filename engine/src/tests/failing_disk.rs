//! Promise 7: whichever operation fails, what was acknowledged is there once,
//! what was refused is not, and work resumes when the cause is gone.

use std::cell::Cell;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;

use super::disk_watch::{Event, io_error, no_space, record};
use super::{arrivals, assert_holds, observation, place, small};
use crate::disk::Operation;
use crate::observation::Observation;
use crate::options::SyncPolicy;
use crate::store::Store;

/// What fails, and for how long.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// One operation; a write fails with half of its length written.
    Once,
    /// From one operation on, no file can be created and no sync succeeds.
    FullAndFailing,
}

const BATCHES: u64 = 13;
const BATCH: u64 = 700;

/// Numbers of a batch: single ones now and then.
fn batch(index: u64) -> Vec<Observation> {
    let count = if index.is_multiple_of(3) { 1 } else { BATCH };
    (0..count).map(|n| observation(index * BATCH + n)).collect()
}

fn refuse(
    fault: Fault,
    at: usize,
    broken: Rc<Cell<bool>>,
) -> impl FnMut(&Path, &Event) -> io::Result<()> {
    let mut seen = 0;
    move |path, event| {
        seen += 1;
        if !broken.get() {
            return Ok(());
        }
        match (fault, event.operation) {
            (Fault::Once, operation) if seen == at => {
                broken.set(false);
                if let Operation::Write { offset, length } = operation {
                    write_half(path, offset, length)?;
                }
                Err(io_error())
            }
            (Fault::FullAndFailing, Operation::Sync) if seen >= at => Err(io_error()),
            (Fault::FullAndFailing, Operation::Create) if seen >= at => Err(no_space()),
            _ => Ok(()),
        }
    }
}

/// Leaves something of a new frame; one that is written again, which a failing
/// write gives the bytes it has, as it is.
fn write_half(path: &Path, offset: u64, length: usize) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut there = vec![0; length / 2];
    let read = file.read_at(&mut there, offset)?;
    if there[..read].iter().all(|byte| *byte == 0) {
        there.fill(0xA5);
        file.write_all_at(&there, offset)?;
    }
    Ok(())
}

/// Appends batch after batch while an operation fails; returns how many
/// operations there were.
fn run(policy: SyncPolicy, fault: Fault, at: usize, reopen: bool) -> usize {
    let (_guard, path) = place();
    let mut store = small(policy).create(&path).expect("created");
    let broken = Rc::new(Cell::new(true));
    let mut all = Vec::new();
    let ((), events) = record(refuse(fault, at, Rc::clone(&broken)), || {
        let mut refused = 0;
        for index in 0..BATCHES {
            let observations = batch(index);
            match store.append_batch(&observations) {
                Ok(range) => {
                    assert_eq!(range.start, all.len() as u64);
                    all.extend(observations);
                }
                Err(error) => {
                    assert!(error.path().starts_with(&path), "{error}");
                    all.extend_from_slice(&observations[..error.stored()]);
                    refused += 1;
                }
            }
            assert!(arrivals(&store) == all, "{policy:?} {fault:?} {at}: batch {index}");
            if refused == 3 {
                broken.set(false);
            }
            if reopen {
                store = small(policy).open(&path).expect("opened");
            }
        }
        broken.set(false);
        store.append(observation(77)).expect("appended");
        all.push(observation(77));
    });
    drop(store);
    assert_holds(&path, &all);
    events.len()
}

fn at_every_operation(policy: SyncPolicy, fault: Fault) {
    let operations = [false, true].map(|reopen| run(policy, fault, usize::MAX, reopen));
    assert!(operations.iter().all(|count| *count > 30), "{operations:?}");
    for at in 1..=operations[0].max(operations[1]) {
        // Through a handle that knows the tail, and through fresh ones.
        run(policy, fault, at, at % 2 == 0);
    }
}

#[test]
fn any_one_operation_may_fail() {
    at_every_operation(SyncPolicy::Always, Fault::Once);
}

#[test]
fn any_one_operation_may_fail_where_nothing_is_synced() {
    at_every_operation(SyncPolicy::Never, Fault::Once);
}

#[test]
fn a_disk_that_is_full_and_failing_loses_nothing() {
    at_every_operation(SyncPolicy::Always, Fault::FullAndFailing);
}

#[test]
fn a_disk_that_is_full_and_failing_loses_nothing_where_nothing_is_synced() {
    at_every_operation(SyncPolicy::Never, Fault::FullAndFailing);
}

#[test]
fn an_error_names_the_file_and_the_cause() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    let refuse = |_: &Path, event: &Event| match event.operation {
        Operation::Create => Err(no_space()),
        _ => Ok(()),
    };
    let (result, _) = record(refuse, || store.append(observation(0)));
    let error = result.expect_err("no space");
    assert_eq!(error.io_error().and_then(io::Error::raw_os_error), Some(28));
    assert_eq!(error.path(), path.join("0000000001.rows.tmp"));
}
