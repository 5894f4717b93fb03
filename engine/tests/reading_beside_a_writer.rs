//! Promise 6: readers see a prefix, and never treat a write in progress as damage, though
//! a frame may be half written when they read, and though the log is replaced meanwhile.

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use gaugelog::Store;
use support::{quick_place, series};

const READERS: usize = 3;
/// Without reading twice, one in five hundred openings reported damage wrongly.
const OPENINGS: usize = 8_000;

fn append_until(stop: &AtomicBool, path: &Path) {
    let store = Store::open(path).expect("opened");
    let mut writer = store.writer().expect("a writer");
    for observations in series(60 * 61 / 2).chunks(30).cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        for part in observations.chunks(1 + observations.len() % 7) {
            part.iter().for_each(|it| writer.push(*it).expect("pushed"));
            writer.flush().expect("flushed");
        }
        writer.push(observations[0]).expect("pushed");
        observations.iter().for_each(|it| writer.push(*it).expect("pushed"));
        writer.flush().expect("flushed");
    }
    writer.close().expect("closed");
}

fn read_again_and_again(path: &Path) {
    let mut before = 0;
    for opening in 0..OPENINGS {
        let store = Store::open_read_only(path).expect("opened");
        let recovery = store.recovery();
        assert!(recovery.damage.is_empty(), "{recovery:?}");
        assert!(recovery.observations >= before, "{before}, then {recovery:?}");
        before = recovery.observations;
        if opening % 100 == 0 {
            let snapshot = store.snapshot().expect("a snapshot");
            let last = snapshot.len().saturating_sub(5_000)..snapshot.len();
            let count = last.end - last.start;
            assert_eq!(snapshot.by_sequence(last).filter(Result::is_ok).count() as u64, count);
            assert_eq!(snapshot.summary().expect("read").count(), snapshot.len());
        }
    }
}

#[test]
fn a_writer_in_the_midst_of_a_frame_is_no_damage() {
    // The writer writes frames all the time.
    let (_guard, path) = quick_place();
    Store::create(&path).expect("created");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| append_until(&stop, &path));
        let readers: Vec<_> =
            (0..READERS).map(|_| scope.spawn(|| read_again_and_again(&path))).collect();
        let ended: Vec<_> = readers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        stop.store(true, Ordering::Relaxed);
        for reader in ended {
            reader.expect("no reader was alarmed");
        }
    });
}
