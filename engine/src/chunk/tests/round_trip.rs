//! What was sealed is read back, bit for bit.

use proptest::prelude::*;

use byteorder::{ByteOrder, LittleEndian as LE};

use super::*;
use crate::chunk::columns::{Decoder, Scratch, encode_times};
use crate::format::chunk::{Codec, Column};
use crate::format::{CHUNK_LEVEL, LEAF, LEAVES};
use crate::stats::sketch::{Sketch, Unit};
use crate::stats::summary::Summary;

/// Kinds of times that a chunk can have.
#[derive(Clone, Copy, Debug)]
enum Times {
    Steady,
    Jitter,
    Equal,
    Falling,
    /// A leaf begins later than one step after the one before it.
    GapBetweenLeaves,
    GapWithinALeaf,
    Extremes,
    Any,
}

/// Kinds of values that a chunk can have.
#[derive(Clone, Copy, Debug)]
enum Values {
    Decimal(i32),
    LongDecimal,
    Any,
    Near,
    Equal,
    NegativeZero,
    Subnormal,
    Extremes,
    Repeating,
    Integers,
    OneOff,
}

fn time(kind: Times, number: i64, random: &mut StdRng) -> i64 {
    match kind {
        Times::Steady => 1_700_000_000_000_000_000 + number * 1_000_000_000,
        Times::Jitter => number * 1_000_000_000 + random.random_range(0..1_000_000),
        Times::Equal => -7,
        Times::Falling => -number * 3,
        Times::GapBetweenLeaves => number * 60 + if number < 1024 { 0 } else { 7_000 },
        Times::GapWithinALeaf => number * 60 + if number < 1030 { 0 } else { 7_000 },
        Times::Extremes => [i64::MIN, i64::MAX, 0, -1, 1][random.random_range(0..5)],
        Times::Any => random.random(),
    }
}

fn value(kind: Values, number: i64, random: &mut StdRng) -> f64 {
    let extremes = [f64::MAX, f64::MIN, 0.0, -0.0, 5e-324, f64::MIN_POSITIVE, 1e300, -1e-300, 0.1];
    match kind {
        Values::Decimal(decimals) => {
            f64::from(random.random_range(-5_000..5_000)) / 10_f64.powi(decimals)
        }
        Values::LongDecimal => random.random_range(-(1_i64 << 53)..1 << 53) as f64 / 1e3,
        Values::Any => loop {
            let value = f64::from_bits(random.random());
            if value.is_finite() {
                break value;
            }
        },
        Values::Near => 14.0 + random.random::<f64>() * 3.0,
        Values::Equal => 21.5,
        Values::NegativeZero => [-0.0, 0.0][random.random_range(0..2)],
        Values::Subnormal => f64::from_bits(random.random_range(0..1 << 52)),
        Values::Extremes => extremes[random.random_range(0..extremes.len())],
        Values::Repeating => (number % 100) as f64 / 7.0,
        Values::Integers => random.random_range(i64::MIN..i64::MAX) as f64,
        Values::OneOff => {
            if number == 2_000 {
                1e300
            } else {
                0.5
            }
        }
    }
}

fn observations(times: Times, values: Values, seed: u64) -> Vec<Observation> {
    let mut random = StdRng::seed_from_u64(seed);
    let numbers = 0..i64::try_from(CHUNK).expect("small");
    let mut observe = |number| {
        let time = time(times, number, &mut random);
        Observation::new(time, value(values, number, &mut random))
    };
    numbers.map(&mut observe).collect()
}

/// Seals, opens and compares everything, read through maps and by position.
fn check(all: &[Observation], lost: &[Range<u64>]) {
    let bytes = sealed(all, lost);
    let shelf = Shelf::new();
    shelf.put(PLACE.number, &bytes);
    let kept = kept(all, lost);
    for positioned in [false, true] {
        let chunk = Chunk::open(&shelf.directory, PLACE.store, PLACE.number, positioned);
        let chunk = chunk.expect("a whole chunk");
        assert_eq!(damage_of(&chunk), []);
        assert_eq!(chunk.header.rows(), kept.len() as u64);
        let mut read = Vec::new();
        let mut edge = Edge::starting_at(u64::from(PLACE.number) * CHUNK_LEAVES);
        for leaf in 0..CHUNK_LEAVES {
            let rows = rows_of(&chunk, leaf).expect("a whole page");
            let sequences: Vec<u64> = chunk.header.leaf_runs(leaf).flatten().collect();
            assert_eq!(sequences.len(), rows.len());
            for (sequence, row) in sequences.iter().zip(&rows) {
                let number = usize::try_from(sequence - PLACE.sequences().start).expect("small");
                assert_eq!(bits(&[all[number]]), bits(&[*row]));
            }
            let summary = chunk.leaf(leaf).expect("a whole summary");
            assert_eq!(*summary, Summary::of(&rows));
            edge.push(summary.clone(), |_| {});
            read.extend(rows);
        }
        assert_eq!(bits(&read), bits(&kept));
        assert_eq!(chunk.header.nodes[0].summary, edge.total(&Summary::EMPTY));
        assert_eq!(chunk.sketch().expect("a whole sketch").count(), kept.len() as u64);
        let first = PLACE.sequences().start;
        let listed: u64 = [false, true].map(|kind| chunk.header.count_of_lost(kind)).iter().sum();
        assert_eq!(listed + kept.len() as u64, CHUNK);
        for run in chunk.header.lost() {
            let of = |it: u64| lost.iter().position(|lost| lost.contains(&(it - first)));
            assert!(
                run.sequences
                    .map(of)
                    .all(|at| at.is_some_and(|at| is_accepted(at) == run.is_accepted))
            );
        }
    }
}

fn times() -> impl Strategy<Value = Times> {
    prop::sample::select(vec![
        Times::Steady,
        Times::Jitter,
        Times::Equal,
        Times::Falling,
        Times::GapBetweenLeaves,
        Times::GapWithinALeaf,
        Times::Extremes,
        Times::Any,
    ])
}

fn values() -> impl Strategy<Value = Values> {
    prop_oneof![
        (0..=24).prop_map(Values::Decimal),
        prop::sample::select(vec![
            Values::LongDecimal,
            Values::Any,
            Values::Near,
            Values::Equal,
            Values::NegativeZero,
            Values::Subnormal,
            Values::Extremes,
            Values::Repeating,
            Values::Integers,
            Values::OneOff,
        ]),
    ]
}

/// Ascending, disjoint, some of them adjacent.
fn losses() -> impl Strategy<Value = Vec<Range<u64>>> {
    prop::collection::btree_set(0..=CHUNK, 0..8).prop_map(|ends| {
        let ends: Vec<u64> = ends.into_iter().collect();
        ends.windows(2).step_by(1 + ends.len() % 2).map(|pair| pair[0]..pair[1]).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_bit_is_given_back(
        times in times(),
        values in values(),
        lost in losses(),
        seed in any::<u64>(),
    ) {
        check(&observations(times, values, seed), &lost);
    }
}

#[test]
fn a_chunk_that_lost_everything_is_a_chunk() {
    let all = slow_sensor();
    let everything = 0..CHUNK;
    check(&all, std::slice::from_ref(&everything));
    let scattered: Vec<_> = (0..CHUNK).step_by(2).map(|it| it..it + 1).collect();
    check(&all, &scattered);
}

#[test]
fn nodes_above_the_chunk_are_stored_with_it() {
    let shelf = Shelf::new();
    let mut edge = Edge::starting_at(4 * CHUNK_LEAVES);
    let mut levels = Vec::new();
    for number in 4..8 {
        let place = Place { number, ..PLACE };
        let all = slow_sensor();
        shelf.put(number, &encode(&summarised(place, all, Vec::new(), &mut edge)));
        let chunk = Chunk::open(&shelf.directory, PLACE.store, number, true).expect("whole");
        levels.push(chunk.header.nodes.len());
        for (node, above) in chunk.header.nodes.iter().zip(0..) {
            assert_eq!(node.level, CHUNK_LEVEL + above);
            assert_eq!((node.index + 1) << node.level, u64::from(number + 1) * CHUNK_LEAVES);
            assert_eq!(node.summary.count(), LEAF << node.level);
        }
    }
    assert_eq!(levels, [1, 2, 1, 3]);
    assert_eq!(edge.nodes().len(), 1);
}

#[test]
fn columns_are_read_one_without_the_other() {
    let all = slow_sensor();
    let shelf = Shelf::new();
    let chunk = shelf.open_with(&sealed(&all, &[])).expect("whole");
    let mut page = Page::default();
    chunk.read_page(1, Wanted::VALUES, &mut page).expect("read");
    assert_eq!((page.times.len(), page.values.len()), (0, 1024));
    chunk.read_page(0, Wanted { times: true, values: false }, &mut page).expect("read");
    assert_eq!((page.times.len(), page.values.len()), (1024, 0));
}

#[test]
fn the_sketch_is_in_the_columns_own_unit() {
    let all = slow_sensor();
    let shelf = Shelf::new();
    let chunk = shelf.open_with(&sealed(&all, &[])).expect("whole");
    let values: Vec<f64> = all.iter().map(|observation| observation.value).collect();
    assert_eq!(chunk.sketch().expect("whole"), Sketch::of(&values, Unit::Decimal(1)));
}

#[test]
fn times_are_stored_in_steps_if_the_whole_chunk_has_the_same() {
    for (kind, step) in [
        (Times::Steady, Some(1_000_000_000)),
        (Times::Equal, Some(0)),
        (Times::Falling, Some(-3)),
        (Times::GapBetweenLeaves, None),
        (Times::GapWithinALeaf, None),
        (Times::Jitter, None),
        (Times::Extremes, None),
    ] {
        let all = observations(kind, Values::Near, 4);
        check(&all, &[]);
        let shelf = Shelf::new();
        let chunk = shelf.open_with(&sealed(&all, &[])).expect("whole");
        let times = &chunk.header.times;
        let stored = (times.codec == Codec::Steps).then(|| LE::read_i64(&times.meta[8..]));
        assert_eq!(stored, step);
        assert!(step.is_none() || times.pages.iter().all(|page| page.bytes == 0));
        // A loss leaves a hole in the steps.
        let lost = 9..10;
        let bytes = sealed(&all, std::slice::from_ref(&lost));
        let chunk = shelf.open_with(&bytes).expect("whole");
        assert_ne!(chunk.header.times.codec, Codec::Steps);
    }
}

/// The largest steps of a chunk, and one that no step can be.
#[test]
fn steps_may_span_the_whole_range_of_times() {
    let (chunk, leaf) = (CHUNK.cast_signed(), usize::try_from(LEAF).expect("1,024"));
    let rows = [leaf; LEAVES];
    let widest = i64::MAX / (chunk / 2);
    for (first, step) in [(i64::MAX - (chunk - 1), 1), (i64::MIN, widest), (i64::MAX, -widest)] {
        let times = |numbers: Range<i64>| -> Vec<i64> {
            numbers.map(|n| first.wrapping_add(step.wrapping_mul(n))).collect()
        };
        let encoded = encode_times(&times(0..chunk), &rows);
        assert_eq!((encoded.codec, encoded.pages.concat().len()), (Codec::Steps, 0));
        let decoder = Decoder::new(Column::Times, encoded.codec, &encoded.meta).expect("a decoder");
        let mut decoded = vec![0; leaf];
        let last = CHUNK_LEAVES - 1;
        decoder.times(last, &[], &mut decoded, &mut Scratch::default()).expect("a page");
        assert!(decoded == times(chunk - 1024..chunk));
    }
    let far: Vec<i64> = (0..chunk).map(|n| if n % 2 == 0 { i64::MIN } else { i64::MAX }).collect();
    assert_ne!(encode_times(&far, &rows).codec, Codec::Steps);
}

/// Sealing is deterministic: two processes that seal the same log write the same bytes.
#[test]
fn the_same_observations_are_the_same_bytes() {
    let all = observations(Times::Jitter, Values::Near, 3);
    assert_eq!(sealed(&all, &[]), sealed(&all, &[]));
}
