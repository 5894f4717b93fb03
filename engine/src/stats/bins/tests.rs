//! Bins equal numpy's: the same edges, the same counts.

use proptest::prelude::*;

use super::*;
use crate::stats::arbitrary::finite;
use crate::stats::reference;

fn counted(edges: &Edges, values: &[f64]) -> Vec<u64> {
    let mut counts = vec![0; edges.bins()];
    for value in values {
        if let Some(bin) = edges.index_of(*value) {
            counts[bin] += 1;
        }
    }
    counts
}

/// By the definition: the last bin that begins no later than the value.
fn bin_by_search(edges: &[f64], value: f64) -> Option<usize> {
    let inside = edges[0] <= value && value <= edges[edges.len() - 1];
    let begun = edges.iter().rposition(|edge| *edge <= value);
    begun.filter(|_| inside).map(|bin| bin.min(edges.len() - 2))
}

#[test]
fn reference_edges_and_counts() {
    for case in reference::cases() {
        let edges = Edges::equal(case.min, case.max, 10);
        assert_eq!(counted(&edges, &case.values), case.counts, "{}", case.name);
        // Bit for bit equal to numpy's, not only close.
        assert_eq!(edges.into_vec(), case.edges, "{}", case.name);
    }
}

#[test]
fn one_bin_holds_everything() {
    let edges = Edges::equal(-1.0, 3.0, 1);
    assert_eq!(counted(&edges, &[-1.0, 0.0, 3.0]), [3]);
    assert_eq!(edges.into_vec(), [-1.0, 3.0]);
}

#[test]
fn last_bin_is_closed_on_the_right() {
    let edges = Edges::equal(0.0, 3.0, 3);
    assert_eq!(counted(&edges, &[0.0, 0.5, 1.0, 2.0, 3.0]), [2, 1, 2]);
}

#[test]
fn what_f64_cannot_separate_is_one_bin() {
    for (min, max) in [
        (1e300, 1e300),
        (1e15, 1e15),
        (1.0, 1.0 + f64::EPSILON),
        (0.0, 5e-324),
        (f64::MAX, f64::MAX),
        (f64::MAX.next_down(), f64::MAX),
    ] {
        let edges = Edges::equal(min, max, 10);
        assert_eq!(counted(&edges, &[min, max]), [2]);
        assert_eq!(edges.into_vec(), [min, max]);
    }
    // Ten steps of the smallest number are just enough for ten bins.
    assert_eq!(Edges::equal(0.0, 10.0 * 5e-324, 10).bins(), 10);
}

#[test]
fn width_beyond_f64_still_makes_equal_bins() {
    let edges = Edges::equal(-1e308, 1e308, 10);
    let values = [-1e308, -7e307, -1.0, 0.0, 1.0, 5e307, 1e308];
    assert_eq!(counted(&edges, &values), [1, 1, 0, 0, 1, 2, 0, 1, 0, 1]);
    for (found, exact) in edges.into_vec().into_iter().zip([-1e308, -8e307, -6e307, -4e307]) {
        assert!((found - exact).abs() <= 1e293);
    }
    assert_eq!(counted(&Edges::equal(f64::MIN, f64::MAX, 2), &[f64::MIN, 0.0, f64::MAX]), [1, 2]);
}

#[test]
fn zeros_of_either_sign_share_a_bin() {
    let edges = Edges::equal(-0.0, 0.0, 10);
    assert_eq!(edges.index_of(-0.0), edges.index_of(0.0));
    assert_eq!(edges.into_vec()[..2], [-0.5, -0.4]);
    assert_eq!(counted(&Edges::equal(-0.0, 1.0, 2), &[-0.0, 0.0, 0.5, 1.0]), [2, 2]);
}

#[test]
fn what_is_outside_is_not_counted() {
    let outside = [f64::NEG_INFINITY, -9.0, 0.0_f64.next_up(), 4.0, f64::INFINITY, f64::NAN];
    for edges in [Edges::equal(1.0, 3.0, 4), Edges::given(vec![1.0, 1.1, 3.0]).expect("edges")] {
        assert_eq!(outside.map(|value| edges.index_of(value)), [None; 6]);
    }
    assert_eq!(Edges::equal(0.0, 1.0, 0).bins(), 1);
}

#[test]
fn given_edges_increase() {
    let edges = Edges::given(vec![-5.0, 0.0, 0.1, 100.0, 1e300]).expect("edges");
    assert_eq!(counted(&edges, &[-5.0, -0.0, 0.0, 0.1, 99.0, 100.0, 1e300, 2e300]), [1, 2, 2, 2]);
    assert_eq!(Edges::given(vec![f64::MIN, f64::MAX]).expect("edges").index_of(0.0), Some(0));
    for refused in [
        &[][..],
        &[1.0],
        &[1.0, 1.0],
        &[0.0, -0.0],
        &[1.0, 3.0, 2.0],
        &[1.0, f64::NAN],
        &[1.0, f64::INFINITY],
        &[f64::NEG_INFINITY, 1.0],
    ] {
        assert_eq!(Edges::given(refused.to_vec()), None, "{refused:?}");
    }
}

/// Also numbers close to each other.
fn values() -> impl Strategy<Value = f64> {
    prop_oneof![finite(), 1.0..1.000_000_000_01]
}

proptest! {
    #[test]
    fn index_is_what_a_search_finds(
        mut values in prop::collection::vec(values(), 1..50),
        bins in prop_oneof![1..20_usize, 90_000..100_001_usize],
        given in any::<bool>(),
    ) {
        values.sort_by(f64::total_cmp);
        let given = given.then(|| Edges::given(values.clone())).flatten();
        let edges = given.unwrap_or_else(|| {
            let edges = Edges::equal(values[0], values[values.len() - 1], bins);
            assert!(edges.bins() == bins || edges.bins() == 1);
            edges
        });
        // The values themselves, and numbers at the edges and next to them.
        for near in edges.edges.iter().step_by(1 + edges.bins() / 10) {
            values.extend([*near, near.next_down(), near.next_up()]);
        }
        for value in values {
            prop_assert_eq!(edges.index_of(value), bin_by_search(&edges.edges, value));
        }
    }
}
