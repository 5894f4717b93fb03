//! The exact median is the data's however it is found, and where the guides list
//! the values around it the leaves that they count are not read.

use std::path::Path;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::{edit, flip, names, options, place, segment_path, segments, small};
use crate::checkpoint;
use crate::error::ErrorKind;
use crate::guide_file::Stored;
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};
use crate::segment_guides;
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::view::View;

/// More leaves than a guide lags behind, and an open one.
const SOME: usize = 190 * 1024 + 77;

fn normal(rng: &mut SmallRng) -> f64 {
    14.0 + 3.0 * ((0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0)
}

fn normals(count: usize) -> Vec<f64> {
    let mut rng = SmallRng::seed_from_u64(11);
    (0..count).map(|_| normal(&mut rng)).collect()
}

fn append(store: &Store, values: &[f64]) {
    for portion in values.chunks(50_000) {
        let observations: Vec<_> = portion.iter().map(|it| Observation::new(0, *it)).collect();
        store.append_batch(&observations).expect("appended");
    }
}

fn filled(options: &Options, path: &Path, values: &[f64]) {
    append(&options.create(path).expect("created"), values);
}

fn snapshot(path: &Path) -> Snapshot {
    Store::open_read_only(path).expect("opened").snapshot().expect("a snapshot")
}

/// numpy's default.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let index = q * (sorted.len() - 1) as f64;
    let left = (0..sorted.len()).rfind(|rank| *rank as f64 <= index).expect("rank 0");
    let (low, high) = (sorted[left], sorted[(left + 1).min(sorted.len() - 1)]);
    let fraction = index.fract();
    if fraction == 0.0 || low.to_bits() == high.to_bits() {
        low
    } else if q == 0.5 {
        f64::midpoint(low, high)
    } else if fraction < 0.5 {
        low + (high - low) * fraction
    } else {
        high - (high - low) * (1.0 - fraction)
    }
}

fn assert_quantiles(found: &Snapshot, values: &[f64], quantiles: &[f64], what: &str) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    for q in quantiles {
        let quantile = quantile(&sorted, *q).to_bits();
        let found = found.quantile(*q).expect("read").map(f64::to_bits);
        assert_eq!(found, Some(quantile), "{what}: {q}");
    }
}

fn data() -> Vec<(&'static str, Vec<f64>)> {
    let mut rng = SmallRng::seed_from_u64(12);
    let normal = normals(SOME);
    let each = |value: fn(usize, f64) -> f64| -> Vec<f64> {
        normal.iter().enumerate().map(|(at, it)| value(at, *it)).collect()
    };
    vec![
        ("tenths", each(|_, it| (it * 10.0).round() / 10.0)),
        ("constant", each(|_, _| 21.4)),
        ("rising", each(|at, _| at as f64)),
        ("falling", each(|at, _| -(at as f64))),
        ("rising and drawn", each(|at, it| at as f64 + 5000.0 * it)),
        ("narrow", each(|_, it| 1e6 + it)),
        ("two ends", each(|at, it| if at % 2 == 0 { it } else { it + 1e6 })),
        ("one after the other", each(|at, it| if at < SOME / 2 { it } else { it + 1e6 })),
        ("elsewhere for a while", each(|at, it| if at / 14_000 == 4 { it + 1e6 } else { it })),
        ("both signs", each(|_, it| it - 14.0)),
        ("zeros", (0..SOME).map(|_| if rng.random::<bool>() { -0.0 } else { 0.0 }).collect()),
        ("zeros between", each(|_, it| if (it - 14.0).abs() < 1.0 { -0.0 } else { it - 14.0 })),
        ("beyond the first guide", each(|at, it| if at == 150_000 { 1e300 } else { it })),
        ("normal", normal),
    ]
}

#[test]
fn quantiles_are_those_of_the_sorted_values() {
    for (what, values) in data() {
        for options in [options(SyncPolicy::Always), small(SyncPolicy::Never)] {
            let (_guard, path) = place();
            filled(&options, &path, &values);
            let all = [0.5, 0.0, 0.25, 0.499, 0.501, 0.9, 1.0];
            assert_quantiles(&snapshot(&path), &values, &all, what);
            let guides = names(&path).into_iter().filter(|name| name.ends_with(".guide"));
            let guides: Vec<_> = guides.map(|name| path.join(name)).collect();
            flip(&guides[guides.len() / 2], 60);
            assert_quantiles(&snapshot(&path), &values, &[0.5], what);
            std::fs::remove_file(&guides[0]).expect("removed");
            assert_quantiles(&snapshot(&path), &values, &[0.5, 0.3], what);
        }
    }
}

#[test]
fn quantiles_stay_right_as_a_store_grows() {
    let values = normals(700_000);
    let (_guard, path) = place();
    drop(options(SyncPolicy::Always).create(&path).expect("created"));
    for (at, portion) in (1..).zip(values.chunks(70_000)) {
        append(&Store::open(&path).expect("opened"), portion);
        let so_far = &values[..(at * 70_000).min(values.len())];
        assert_quantiles(&snapshot(&path), so_far, &[0.5, 0.4], "growing");
    }
}

#[test]
fn a_snapshot_is_not_told_of_what_came_later() {
    // Of which each guide lists all.
    let values: Vec<f64> = normals(2 * SOME).iter().map(|it| it.round()).collect();
    let (_guard, path) = place();
    filled(&options(SyncPolicy::Always), &path, &values[..SOME]);
    let before = snapshot(&path);
    let later: Vec<f64> = values[SOME..].iter().map(|value| value + 1.0).collect();
    append(&Store::open(&path).expect("opened"), &later);
    assert_quantiles(&before, &values[..SOME], &[0.5], "before");
}

/// The guides of all segments, in order.
fn guides(path: &Path) -> Vec<Stored> {
    let view = View::take(path, true).expect("a view");
    let all = (0..view.chain().len()).map(|at| segment_guides::held(&view, at).expect("read"));
    all.flatten().collect()
}

/// Makes frames rot, one in each of these leaves.
fn rot(path: &Path, leaves: &[usize], values: &[f64]) {
    edit(&segment_path(path, 1), |bytes| {
        let mut from = 0;
        for leaf in leaves {
            let value = values[leaf * 1024 + 5].to_le_bytes();
            let at = bytes[from..].windows(8).position(|window| window == value);
            from += at.expect("it is there");
            bytes[from] ^= 1;
        }
    });
}

fn assert_damaged(path: &Path) {
    let error = snapshot(path).median().expect_err("a leaf is damaged");
    assert_eq!(error.kind(), ErrorKind::Damaged);
}

#[test]
fn leaves_that_a_guide_counts_are_not_read() {
    let values = normals(SOME);
    let (_guard, path) = place();
    filled(&options(SyncPolicy::Always), &path, &values);
    assert_eq!(guides(&path)[0].leaves.end, 146);
    rot(&path, &[3, 70, 120], &values);
    assert_quantiles(&snapshot(&path), &values, &[0.5], "listed");
    // Other quantiles need the leaves, and so does a store without the guide.
    assert!(snapshot(&path).quantile(0.9).is_err());
    std::fs::remove_file(path.join("0000000001.guide")).expect("removed");
    assert_damaged(&path);
}

#[test]
fn leaves_that_no_guide_counts_are_read() {
    let values = normals(SOME);
    let (_guard, path) = place();
    filled(&options(SyncPolicy::Always), &path, &values);
    rot(&path, &[160], &values);
    assert_damaged(&path);
}

/// What was lost before the guide was written is in none of its lists.
#[test]
fn a_guide_to_leaves_that_were_damaged_lists_nothing() {
    let values = normals(SOME);
    let (_guard, path) = place();
    filled(&options(SyncPolicy::Always), &path, &values[..100_000]);
    rot(&path, &[7], &values);
    append(&Store::open(&path).expect("opened"), &values[100_000..]);
    let guide = &guides(&path)[0];
    assert!(guide.leaves.end > 128 && guide.middle.is_none());
    assert_eq!(snapshot(&path).summary().expect("read").count(), SOME as u64);
    assert_damaged(&path);
}

/// Where the tree does not have a lost leaf either, its count is not the guide's.
#[test]
fn lists_are_not_believed_where_the_tree_has_fewer_values() {
    let values = normals(SOME);
    let (_guard, path) = place();
    filled(&options(SyncPolicy::Always), &path, &values);
    rot(&path, &[7], &values);
    std::fs::remove_file(path.join("0000000001.tree")).expect("removed");
    std::fs::remove_file(path.join(checkpoint::NAME)).expect("removed");
    assert!(snapshot(&path).summary().expect("read").count() < SOME as u64);
    assert_damaged(&path);
}

#[test]
fn lists_of_many_segments_answer_together() {
    let values = normals(SOME);
    let (_guard, path) = place();
    filled(&small(SyncPolicy::Always), &path, &values);
    assert_eq!((segments(&path), guides(&path).len()), (32, 31));
    assert!(guides(&path).iter().all(|guide| guide.middle.is_some()));
    // A list is of an eighth of so few values, and a part's median strays.
    rot(&path, &[1], &values);
    assert_quantiles(&snapshot(&path), &values, &[0.5], "many");
}

#[test]
fn a_median_that_moves_is_listed_anew_while_that_takes_few_leaves() {
    let mut rng = SmallRng::seed_from_u64(13);
    let mut listed = |leaves: u32, spread: f64| {
        let (_guard, path) = place();
        let values: Vec<f64> =
            (0..leaves * 1024).map(|n| f64::from(n) + spread * rng.random::<f64>()).collect();
        filled(&options(SyncPolicy::Always), &path, &values);
        assert_quantiles(&snapshot(&path), &values, &[0.5], "moving");
        guides(&path)[0].middle.is_some()
    };
    assert!(listed(900, 0.0));
    // Each leaf may hold the median.
    assert!(listed(300, 1e7));
    assert!(!listed(900, 1e7));
}
