//! Promise 6, where a stranger removes the file `lock`: there are still no two
//! writers at once.

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gaugelog::{ErrorKind, Observation, Options, Store, SyncPolicy};
use support::processes::{Process, again, amount, called, tell};
use support::{arrivals, place, small_segments};

const WRITERS: usize = 4;

fn observation(writer: usize, n: u64) -> Observation {
    let writer = i64::try_from(writer).expect("a small number");
    let n = u32::try_from(n).expect("a small number");
    Observation::new((writer << 32) | i64::from(n), f64::from(n) / 7.0)
}

fn remove_lock(path: &Path) {
    if let Err(error) = std::fs::remove_file(path.join("lock")) {
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    }
}

#[test]
fn a_held_writer_excludes_others_also_where_its_lock_file_is_gone() {
    let (_guard, path) = place();
    let mut writer = Store::create(&path).expect("created").writer().expect("a writer");
    writer.push(observation(0, 0)).expect("pushed");
    writer.flush().expect("flushed");
    remove_lock(&path);
    let other = Options::new().lock_wait(Duration::ZERO).open(&path).expect("opened");
    for _ in 0..2 {
        let error = other.append(observation(1, 0)).expect_err("one writes already");
        assert_eq!(error.kind(), ErrorKind::Locked);
    }
    writer.push(observation(0, 1)).expect("pushed");
    writer.close().expect("closed");
    assert_eq!(other.append(observation(1, 0)).expect("the lock is free"), 2);
    let stored = arrivals(&other.snapshot().expect("a snapshot"));
    assert_eq!(stored, [observation(0, 0), observation(0, 1), observation(1, 0)]);
}

/// Not a test by itself: appends its own, and says which number each has.
#[test]
fn one_of_the_writers() {
    let Some((path, words)) = called() else { return };
    let (writer, each) = words.split_once(' ').expect("two words");
    let (writer, each): (usize, u64) =
        (writer.parse().expect("a number"), each.parse().expect("a number"));
    let policy = if writer == 0 { SyncPolicy::Never } else { SyncPolicy::Always };
    let store = small_segments().sync(policy).open(path).expect("opened");
    for n in 0..each {
        let sequence = store.append(observation(writer, n)).expect("appended");
        tell(&format!("acknowledged {sequence}"));
    }
}

#[test]
fn writers_append_one_at_a_time_though_the_lock_file_is_removed_again_and_again() {
    let each = amount("GAUGELOG_LOCK_FILE_APPENDS", 200);
    let (_guard, path) = place();
    small_segments().create(&path).expect("created");
    let start = |writer| {
        Process::start(&mut again("one_of_the_writers", &path, &format!("{writer} {each}")))
    };
    let all: Vec<Process> = (0..WRITERS).map(start).collect();
    let done = AtomicBool::new(false);
    let acknowledged: Vec<Vec<usize>> = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                remove_lock(&path);
                std::thread::yield_now();
            }
        });
        let hear = |mut writer: Process| {
            let heard = std::iter::from_fn(|| writer.hear("acknowledged"));
            let numbers = heard.map(|number| number.parse().expect("a number")).collect();
            writer.succeeds();
            numbers
        };
        let hearing: Vec<_> = all.into_iter().map(|it| scope.spawn(move || hear(it))).collect();
        let heard =
            hearing.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>();
        done.store(true, Ordering::Relaxed);
        heard.into_iter().map(|numbers| numbers.expect("it appended all")).collect()
    });
    let stored = arrivals(&Store::open(&path).expect("opened").snapshot().expect("a snapshot"));
    assert_eq!(stored.len() as u64, WRITERS as u64 * each);
    for (writer, numbers) in acknowledged.iter().enumerate() {
        assert_eq!(numbers.len() as u64, each);
        for (n, sequence) in (0..).zip(numbers) {
            assert_eq!(stored[*sequence], observation(writer, n), "number {sequence}");
        }
    }
}
