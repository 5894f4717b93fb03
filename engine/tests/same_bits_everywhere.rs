//! Promise 5: the statistics have the same bits on every processor.
//! `data/statistics_bits.txt` lists them; run on another processor, this test compares
//! with that list. RELIABILITY.md says how.

mod support;

use std::fmt::Write;

use gaugelog::{Observation, Options, Store, SyncPolicy};
use support::{Random, bits, file_names, quick_place};

const COUNT: u64 = 150_000;
const EXPECTED: &str = include_str!("data/statistics_bits.txt");

/// A kind of values.
type Kind = (&'static str, fn(&mut Random) -> f64);

/// None of these uses a function of the C library.
fn kinds() -> [Kind; 7] {
    [
        ("normal", Random::normal),
        ("decimal", |random| random.below(400) as f64 / 10.0 - 15.0),
        ("offset", |random| 1e9 + random.normal() * 1e-3),
        ("huge", |random| random.normal() * 1e300),
        ("tiny", |random| random.normal() * 1e-200),
        ("subnormal", |random| random.normal() * 1e-312),
        ("any", |random| {
            let drawn = f64::from_bits(random.next());
            if drawn.is_finite() { drawn } else { -0.0 }
        }),
    ]
}

fn fill(store: &Store, value: fn(&mut Random) -> f64) {
    let mut random = Random(19);
    let mut time = 0;
    let all: Vec<_> = (0..COUNT)
        .map(|_| {
            time += random.below(2_000_000_000).cast_signed() - 1_000_000;
            Observation::new(time, value(&mut random))
        })
        .collect();
    for batch in all.chunks(9_999) {
        store.append_batch(batch).expect("appended");
    }
}

/// All answers of a store, as bits.
fn answers(store: &Store) -> Vec<u64> {
    let snapshot = store.snapshot().expect("a snapshot");
    let mut found = bits(&snapshot.summary().expect("a summary"));
    for q in [0.01, 0.5, 0.95] {
        for value in [snapshot.quantile(q), snapshot.quantile_estimate(q)] {
            found.push(value.expect("read").expect("some").to_bits());
        }
    }
    let mut random = Random(29);
    let mut within = Vec::new();
    for _ in 0..50 {
        let from = random.below(150_000_000_000_000).cast_signed();
        let to = from + random.below(30_000_000_000_000).cast_signed();
        within.extend(bits(&snapshot.window(from..to).summary().expect("a summary")));
    }
    found.push(digest(within.iter().flat_map(|it| it.to_le_bytes())));
    // The nodes of all chunks, as stored from byte 80 of the manifest on.
    let manifest = std::fs::read(store.path().join("manifest")).expect("a manifest");
    found.push(digest(manifest[80..8_192].iter().copied()));
    let lengths = file_names(store.path()).into_iter().filter(|name| name.ends_with(".chunk"));
    let length = |name: String| store.path().join(name).metadata().expect("a file").len();
    found.extend(lengths.map(length));
    found
}

/// FNV-1a.
fn digest(bytes: impl Iterator<Item = u8>) -> u64 {
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    bytes.fold(0xcbf2_9ce4_8422_2325, step)
}

#[test]
fn the_bits_are_those_of_the_list() {
    let mut found = String::new();
    for (name, value) in kinds() {
        let (_guard, path) = quick_place();
        let store = Options::new().sync(SyncPolicy::Never).create(&path).expect("created");
        fill(&store, value);
        store.seal().expect("sealed");
        let answers: Vec<_> = answers(&store).iter().map(|it| format!("{it:x}")).collect();
        writeln!(found, "{name} {}", answers.join(" ")).expect("in memory");
    }
    assert!(found == EXPECTED, "these bits differ from the list:\n{found}");
}
