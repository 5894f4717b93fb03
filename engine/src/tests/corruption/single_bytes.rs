//! Every byte of stores with every kind of file, changed to other values one at a time.

use super::specimen::{Kind, Specimen};
use super::{Scattered, amount, in_place, seed, side_by_side};

/// They take a few seconds, unoptimised.
const CORRUPTIONS: u64 = 12_000;

#[test]
fn a_changed_byte_is_reported_or_harmless_and_costs_what_it_hit() {
    println!("GAUGELOG_SEED={}", seed());
    let corruptions = amount(u64::MAX, CORRUPTIONS);
    for kind in [Kind::Large, Kind::Mended] {
        try_out(&Specimen::make(kind), corruptions / 5);
    }
    try_out(&Specimen::make(Kind::Small), corruptions - corruptions / 5 * 2);
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
    let what = format!("single bytes of a store: {specimen}");
    side_by_side(&what, count.min(pairs.all), describe, || {
        let mut bench = in_place::Bench::new(specimen);
        move |index| {
            let (file, change) = change(index);
            bench.try_out(file, &change);
        }
    });
}
