//! Every pair of bits within one frame of one observation, and many of larger ones.

use super::parts::What;
use super::specimen::{Kind, Specimen};
use super::{Scattered, amount, in_place, side_by_side};

/// Of each frame, unless more are asked for; of the largest, whatever is asked.
const PAIRS: u64 = 400;
const PAIRS_MOST: u64 = 100_000;

#[test]
fn any_two_bits_of_a_frame_are_told_and_cost_that_frame() {
    let large = Specimen::make(Kind::Large);
    let bare = large.clone().without_checkpoint();
    for specimen in [&large, &bare] {
        for (file, frame) in frames(specimen) {
            try_out(specimen, file, frame);
        }
    }
}

/// In the first segment and in the last: the first frame, the last one, and the
/// largest.
fn frames(specimen: &Specimen) -> Vec<(usize, usize)> {
    let mut chosen = Vec::new();
    let first = specimen.index_of("0000000001.rows").expect("a segment");
    for file in [first, specimen.last()] {
        let parts = specimen.files[file].parts.iter().enumerate();
        let frames = parts.filter(|(_, part)| matches!(part.what, What::Frame { .. }));
        let frames: Vec<_> = frames.map(|(index, part)| (index, part.bytes.clone())).collect();
        let largest = frames.iter().max_by_key(|(_, bytes)| bytes.end - bytes.start);
        let ends = [frames.first(), frames.get(1), largest, frames.last()];
        chosen.extend(ends.into_iter().flatten().map(|(index, _)| (file, *index)));
    }
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
    let what = format!("two of {bits} bits in a store of {specimen}");
    side_by_side(&what, amount(pairs.all.min(PAIRS_MOST), PAIRS), describe, || {
        let mut bench = in_place::Bench::new(specimen);
        move |index| bench.try_out(file, &change(index))
    });
}

/// The pair of that number among all pairs of different numbers.
fn pair(number: u64) -> (u64, u64) {
    // Those with the larger number b are b × (b − 1) / 2 and the b behind it.
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
