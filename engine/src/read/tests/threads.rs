//! What several threads fill is, bit for bit, what one fills.

use rand::RngExt;

use super::{Filled, ORDERS, Order, flip, random, series, windows};
use crate::format::summary::has_same_bits;
use crate::read::cells::{Cells, fill, has_parts_apart};
use crate::read::histogram::counts;
use crate::read::intervals::Intervals;
use crate::read::snapshot::Snapshot;
use crate::read::times::Times;
use crate::stats::bins::Edges;
use crate::stats::summary::Summary;

/// The cells of a window, filled by this number of threads.
fn filled(snapshot: &Snapshot, times: Times, (count, threads): (usize, usize)) -> Vec<Summary> {
    let whole = snapshot.window(times.from..=times.to).summary().expect("read");
    let (first, last) = (whole.first.timestamp_ns, whole.last.timestamp_ns);
    let intervals = Intervals::covering(first, last, count);
    let mut cells = vec![Summary::EMPTY; count];
    fill(snapshot, Cells { times, intervals, first: 0, cells: &mut cells }, threads).expect("read");
    cells
}

#[test]
fn cells_do_not_depend_on_the_number_of_threads() {
    let mut random = random(16);
    for order in ORDERS {
        let filled_store = Filled::new(series(order, 9_000, &mut random), &mut random);
        let snapshot = filled_store.snapshot();
        for range in windows(9_000, &mut random) {
            let times = Times::of(&range);
            for count in [1, 2, 5, 300] {
                let by_one = filled(&snapshot, times, (count, 1));
                for threads in [2, 3, 7, 500] {
                    let by_several = filled(&snapshot, times, (count, threads));
                    let mut both = by_one.iter().zip(&by_several);
                    assert!(
                        both.all(|(one, other)| has_same_bits(one, other)),
                        "{order:?} {range:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn counts_do_not_depend_on_the_number_of_threads() {
    let mut random = random(18);
    for order in ORDERS {
        let filled = Filled::new(series(order, 9_000, &mut random), &mut random);
        for _ in 0..5 {
            let path = filled.chunk_path(random.random_range(0..3));
            flip(&path, random.random_range(0..std::fs::metadata(&path).expect("a chunk").len()));
            let snapshot = filled.snapshot().skip_damage();
            for range in windows(9_000, &mut random) {
                let times = Times::of(&range);
                let edges = Edges::equal(-60.0, 160.0, 13);
                let of = |threads| counts(&snapshot, times, &edges, threads).expect("read");
                let by_one = of(1);
                assert!([2, 5].iter().all(|threads| of(*threads) == by_one), "{order:?} {range:?}");
            }
        }
    }
}

#[test]
fn several_threads_are_for_parts_that_follow_each_other() {
    let mut random = random(17);
    for order in ORDERS {
        let filled = Filled::new(series(order, 40_000, &mut random), &mut random);
        let (snapshot, times) = (filled.snapshot(), Times::of(&(..)));
        let whole = snapshot.summary().expect("read");
        let is_apart = has_parts_apart(&snapshot, times, &whole).expect("read");
        let expected = order == Order::Ascending;
        assert_eq!(is_apart, expected, "{order:?}");
    }
}
