//! Eight processes at a time append, each observation by a process of its own,
//! while others read: nothing is lost or doubled, and every reading is a prefix
//! of what each writer did.

mod program;

use std::sync::atomic::{AtomicU64, Ordering};

use program::{Bench, SERVICE};
use serde_json::Value;

const WRITERS: u64 = 8;
const EACH: u64 = 500;

/// What writer `writer` appends as its observation number `n`.
fn value(writer: u64, n: u64) -> u64 {
    writer * 1_000 + n
}

/// How many observations of each writer a dump shows; each must be what the
/// writer appended first, in its order.
fn prefixes(dump: &[Value]) -> Vec<u64> {
    let mut counts = vec![0; usize::try_from(WRITERS).expect("eight")];
    for row in dump {
        let found = row["val"].as_f64().expect("a number");
        let of = |writer: usize, n: u64| value(writer as u64, n);
        let writer = (0..counts.len())
            .find(|&writer| of(writer, counts[writer]).to_string() == found.to_string())
            .unwrap_or_else(|| panic!("{found} is not the next of any writer"));
        counts[writer] += 1;
    }
    counts
}

#[test]
fn nothing_is_lost_or_doubled_and_every_reading_is_a_prefix() {
    let bench = Bench::new();
    let acknowledged: Vec<AtomicU64> = (0..WRITERS).map(|_| AtomicU64::new(0)).collect();
    std::thread::scope(|scope| {
        for (writer, count) in (0..).zip(&acknowledged) {
            let bench = &bench;
            scope.spawn(move || {
                for n in 0..EACH {
                    bench.serve(&["--add", &value(writer, n).to_string()]).succeeds();
                    count.store(n + 1, Ordering::SeqCst);
                }
            });
        }
        let known = || -> Vec<u64> {
            acknowledged.iter().map(|count| count.load(Ordering::SeqCst)).collect()
        };
        let mut readings = 0;
        while known().iter().sum::<u64>() < WRITERS * EACH {
            let before = known();
            let size = bench.size();
            let shown = prefixes(&bench.dump());
            assert!(size >= before.iter().sum(), "{size} observations after {before:?}");
            assert!(shown.iter().sum::<u64>() >= size, "{shown:?} after {size}");
            assert!(shown.iter().zip(&before).all(|(shown, before)| shown >= before));
            readings += 1;
        }
        assert!(readings > 3, "the readers came to read while the writers wrote");
    });
    assert_eq!(prefixes(&bench.dump()), [EACH; 8]);
    assert_eq!(bench.size(), WRITERS * EACH);
    let store = gaugelog::Store::open(&bench.store).expect("opened");
    assert_eq!(store.recovery().dropped_bytes, 0);
}

#[test]
fn a_held_lock_is_waited_for_and_its_holder_named() {
    let bench = Bench::new();
    let store = gaugelog::Store::open(&bench.store).expect("opened");
    let writer = store.writer().expect("the lock");
    let command = bench.command(SERVICE, &["--add", "1"]);
    let refused = program::Ran::of(command);
    assert_eq!(refused.status, Some(1), "{refused:?}");
    let holder = format!("process {}", std::process::id());
    assert!(refused.stderr.contains(&holder), "{}", refused.stderr);
    writer.close().expect("closed");
    bench.serve(&["--add", "2"]).succeeds();
    assert_eq!(bench.size(), 1);
}
