//! The size of sealed observations on disk (chunks of full size: an integration test).

use gaugelog::{Observation, Store};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const CHUNK: u32 = 65_536;
/// The entropy in bytes of a value of N(14, 3), and of a time with 1 ms of jitter in ns.
const VALUE_ENTROPY: f64 = 6.55;
const JITTER_ENTROPY: f64 = 2.49;

/// Bytes an observation, in all.
fn sealed_size(mut observe: impl FnMut(u32) -> Observation) -> f64 {
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("store");
    let store = Store::create(&path).expect("created");
    let observations: Vec<_> = (0..CHUNK).map(&mut observe).collect();
    store.append_batch(&observations).expect("appended");
    store.seal().expect("sealed");
    let chunk = std::fs::metadata(path.join("0000000000.chunk")).expect("a chunk");
    chunk.len() as f64 / f64::from(CHUNK)
}

fn at_second(number: u32, value: f64) -> Observation {
    Observation::new(1_700_000_000_000_000_000 + i64::from(number) * 1_000_000_000, value)
}

/// The method of Box and Muller.
fn normal(random: &mut StdRng) -> f64 {
    let (a, b): (f64, f64) = (1.0 - random.random::<f64>(), random.random());
    14.0 + 3.0 * (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

#[test]
fn sealed_observations_take_few_bytes() {
    let mut random = StdRng::seed_from_u64(13);
    let floats = sealed_size(|number| at_second(number, normal(&mut random)));
    assert!(floats <= 1.04 * VALUE_ENTROPY, "{floats}");
    let jitter = sealed_size(|number| {
        let second = at_second(number, normal(&mut random));
        let jitter = random.random_range(0..1_000_000);
        Observation { timestamp_ns: second.timestamp_ns + jitter, ..second }
    });
    assert!(jitter <= 1.04 * (VALUE_ENTROPY + JITTER_ENTROPY), "{jitter}");
    let decimal =
        sealed_size(|number| at_second(number, (normal(&mut random) * 10.0).round() / 10.0));
    assert!(decimal <= 1.05, "{decimal}");
    let mut tenths = 140;
    let slow = sealed_size(|number| {
        tenths += if random.random_ratio(1, 50) { random.random_range(-1..=1) } else { 0 };
        at_second(number, f64::from(tenths) / 10.0)
    });
    assert!(slow <= 0.25, "{slow}");
}
