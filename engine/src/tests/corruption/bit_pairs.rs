//! Every pair of bits within a frame or page of one observation, and many pairs of larger
//! ones.

use super::parts::What;
use super::specimen::{Kind, Specimen};
use super::{Scattered, amount, in_place, side_by_side};

/// The most pairs of each part, unless more are asked for. For the largest parts it is
/// always the most.
const PAIRS: u64 = 400;
const PAIRS_MOST: u64 = 100_000;

#[test]
fn any_two_bits_of_a_part_are_reported_and_cost_that_part() {
    for kind in [Kind::Small, Kind::Large] {
        let specimen = Specimen::make(kind);
        for (file, part) in parts(&specimen) {
            try_out(&specimen, file, part);
        }
    }
}

/// The first and the largest part of each kind in each file, and the last frames of the
/// log.
fn parts(specimen: &Specimen) -> Vec<(usize, usize)> {
    let mut chosen = Vec::new();
    for (file, stored) in specimen.files.iter().enumerate() {
        let length = |part: &usize| {
            let bytes = &stored.parts[*part].bytes;
            bytes.end - bytes.start
        };
        let kind = |part: &usize| std::mem::discriminant(&stored.parts[*part].what);
        let all = || (0..stored.parts.len()).filter(|part| length(part) > 1);
        for first in
            all().filter(|part| all().find(|other| kind(other) == kind(part)) == Some(*part))
        {
            let same = || all().filter(|other| kind(other) == kind(&first));
            let largest = same().max_by_key(length).expect("one");
            chosen.extend([first, largest].map(|part| (file, part)));
            if matches!(stored.parts[first].what, What::Frame { .. }) {
                chosen.extend(same().rev().take(3).map(|part| (file, part)));
            }
        }
    }
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

fn try_out(specimen: &Specimen, file: usize, part: usize) {
    let bytes = &specimen.files[file].parts[part].bytes;
    let bits = (bytes.end - bytes.start) * 8;
    let pairs = Scattered::new(bits * (bits - 1) / 2);
    let change = |index| {
        let (a, b) = pair(pairs.at(index));
        let [a, b] = [a, b].map(|bit| (bytes.start + bit / 8, 1 << (bit % 8)));
        if a.0 == b.0 { vec![(a.0, a.1 | b.1)] } else { vec![a, b] }
    };
    let describe = |index| specimen.describe(file, &change(index));
    let what = format!(
        "two of {bits} bits of {:?} in a store: {specimen}",
        specimen.files[file].parts[part].what
    );
    side_by_side(&what, amount(pairs.all.min(PAIRS_MOST), PAIRS), describe, || {
        let mut bench = in_place::Bench::new(specimen);
        move |index| bench.try_out(file, &change(index))
    });
}

/// The pair of this number among all pairs of different numbers.
fn pair(number: u64) -> (u64, u64) {
    // b × (b − 1) / 2 pairs come before those whose larger number is b.
    let mut larger = (number * 2).isqrt();
    while larger * (larger + 1) / 2 <= number {
        larger += 1;
    }
    while larger * (larger - 1) / 2 > number {
        larger -= 1;
    }
    (number - larger * (larger - 1) / 2, larger)
}

#[test]
fn every_pair_has_a_number() {
    let mut number = 0;
    for larger in 1..300 {
        for smaller in 0..larger {
            assert_eq!(pair(number), (smaller, larger));
            number += 1;
        }
    }
}
