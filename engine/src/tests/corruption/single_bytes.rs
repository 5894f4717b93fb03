//! Every byte of a store that holds every kind of file, changed to other values,
//! one at a time: opened and read whole each time, and exactly what is told.

use super::specimen::{Kind, Specimen};
use super::{Scattered, amount, in_place, seed, side_by_side};

/// A few seconds of them, unoptimised.
const CORRUPTIONS: u64 = 12_000;

#[test]
fn a_changed_byte_is_told_or_harmless_and_costs_what_it_hit() {
    println!("GAUGELOG_SEED={}", seed());
    let (small, large) = (Specimen::make(Kind::Small), Specimen::make(Kind::Large));
    if std::env::var("GAUGELOG_CORRUPTIONS").is_ok_and(|it| it == "all64k") {
        assert!(large.bytes() >= 64 * 1024);
        return try_out(&large, u64::MAX);
    }
    let corruptions = amount(u64::MAX, CORRUPTIONS);
    let few = corruptions / 32;
    try_out(&small.clone().without_checkpoint(), 10 * few);
    try_out(&large, few);
    try_out(&large.without_checkpoint(), few);
    try_out(&small, corruptions - 12 * few);
}

/// Tries `count` changes on copies of the store.
fn try_out(specimen: &Specimen, count: u64) {
    // Each byte with each of its other values.
    let pairs = Scattered::new(specimen.bytes() * 255);
    let change = |index| {
        let pair = pairs.at(index);
        let (file, offset) = specimen.locate(pair / 255);
        (file, [(offset, u8::try_from(pair % 255 + 1).expect("a byte"))])
    };
    let describe = |index| {
        let (file, change) = change(index);
        specimen.describe(file, &change)
    };
    let what = format!("single bytes of a store of {specimen}");
    side_by_side(&what, count.min(pairs.all), describe, || {
        let mut bench = in_place::Bench::new(specimen);
        move |index| {
            let (file, change) = change(index);
            bench.try_out(file, &change);
        }
    });
}
