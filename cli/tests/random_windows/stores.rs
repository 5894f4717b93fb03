//! Five stores: in order, in disorder, with gaps, with a damaged chunk, with a damaged log.

use std::fs;
use std::ops::Range;
use std::path::Path;

use gaugelog::{Observation, Options, Store, SyncPolicy};

use crate::draw::Draw;
use crate::program::names_in;

pub(crate) const SECOND: i64 = 1_000_000_000;
/// 2026-03-28T20:00:00Z: clocks are put forward in Europe in the night that follows.
const BEGUN: i64 = 1_774_728_000 * SECOND;
/// Observations of a leaf: what damage in a chunk costs.
pub(crate) const LEAF: usize = 1_024;
/// Observations of a frame, in the stores with damage: what it costs in the log.
const BATCH: usize = 50;

/// What a store holds, in order of time; equal times in order of arrival.
pub(crate) struct Stored {
    pub(crate) name: &'static str,
    /// Without what is lost from the log, which nothing remembers.
    pub(crate) rows: Vec<Row>,
    pub(crate) damage: Damage,
}

#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) observation: Observation,
    /// It stands in a page that cannot be read; the summary of its leaf counts it.
    pub(crate) is_unreadable: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Damage {
    None,
    /// Of a page: it is met by who needs its rows.
    Page,
    /// Of a frame of the log: everyone meets it.
    Frame,
}

pub(crate) fn five(house: &Path, draw: &mut Draw) -> Vec<Stored> {
    fs::create_dir(house).unwrap();
    let in_order = (0..40_000).map(|n| {
        let time = BEGUN + n * SECOND + draw.signed_below(1_000_000);
        Observation::new(time, 1e9 + draw.normal() / 1e3)
    });
    let in_order: Vec<_> = in_order.collect();
    let in_disorder: Vec<_> = (0..70_000)
        .map(|n| {
            let late = if n % 5 == 0 { draw.signed_below(20_000) } else { draw.signed_below(3) };
            Observation::new(BEGUN + (n - late) * SECOND, 14.0 + 3.0 * draw.normal())
        })
        .collect();
    // Bursts from January to November, in tenths, many of them at the same time.
    let with_gaps: Vec<_> = (0..3_000)
        .map(|n| {
            let begun = BEGUN + (n / 100 - 10) * 240 * 3_600 * SECOND;
            Observation::new(
                begun + n % 100 / 3 * 60 * SECOND,
                draw.signed_below(400) as f64 / 10.0,
            )
        })
        .collect();
    let walk = |count: i64, late_max: i64, draw: &mut Draw| {
        let mut value = 20.0;
        let step = |n| {
            value += draw.normal() / 8.0;
            let late = draw.signed_below(late_max);
            Observation::new(BEGUN + (n - late) * SECOND, value)
        };
        (0..count).map(step).collect::<Vec<_>>()
    };
    let (chunk, log) = (walk(70_000, 1, draw), walk(30_000, 400, draw));
    vec![
        stored(house, "a-in-order", in_order, Damage::None),
        stored(house, "b-in-disorder", in_disorder, Damage::None),
        stored(house, "c-with-gaps", with_gaps, Damage::None),
        stored(house, "d-damaged-chunk", chunk, Damage::Page),
        stored(house, "e-damaged-log", log, Damage::Frame),
    ]
}

fn stored(house: &Path, name: &'static str, all: Vec<Observation>, damage: Damage) -> Stored {
    let path = house.join(name);
    let store = Options::new().sync(SyncPolicy::Never).create(&path).unwrap();
    for batch in all.chunks(BATCH) {
        store.append_batch(batch).unwrap();
    }
    store.sync().unwrap();
    let lost = match damage {
        Damage::None => 0..0,
        Damage::Page => flip(&path, ".chunk"),
        Damage::Frame => flip(&path, ".log"),
    };
    let is_lost = |sequence: usize| lost.contains(&(sequence as u64));
    let rows = all.into_iter().enumerate();
    let rows = rows.filter(|(sequence, _)| damage != Damage::Frame || !is_lost(*sequence));
    let mut rows: Vec<Row> = rows
        .map(|(sequence, observation)| Row { observation, is_unreadable: is_lost(sequence) })
        .collect();
    rows.sort_by_key(|row| row.observation.timestamp_ns);
    Stored { name, rows, damage }
}

/// Flips a bit in the first file of this kind. Returns the sequence numbers that are lost.
fn flip(store: &Path, ending: &str) -> Range<u64> {
    let name = names_in(store).into_iter().find(|name| name.ends_with(ending)).unwrap();
    let mut bytes = fs::read(store.join(&name)).unwrap();
    let place = bytes.iter().rposition(|byte| *byte != 0).unwrap() / 2;
    bytes[place] ^= 0x10;
    fs::write(store.join(&name), bytes).unwrap();
    let snapshot = Store::open_read_only(store).unwrap().snapshot().unwrap();
    let errors: Vec<_> = snapshot.by_sequence(..).filter_map(Result::err).collect();
    let [error] = &errors[..] else { panic!("one place: {errors:?}") };
    let lost = error.lost();
    let unit = if ending == ".log" { BATCH } else { LEAF } as u64;
    assert!(lost.start.is_multiple_of(unit) && lost.end == lost.start + unit, "{lost:?}");
    lost
}
