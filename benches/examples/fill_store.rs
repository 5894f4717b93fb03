//! Fills a store with observations, one a second up to a fixed time, pushed one by one: what
//! `benches/serve` and `benches/programs` ask.

use std::error::Error;
use std::f64::consts::TAU;

use gaugelog::{Observation, Options, SyncPolicy};

const SECOND: i64 = 1_000_000_000;
/// 2026-06-01T12:00:00Z, when the last one was made.
const END: i64 = 1_780_315_200 * SECOND;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, path, count] = &arguments[..] else {
        return Err("fill_store normal|decimal|slow STORE OBSERVATIONS".into());
    };
    let next: fn(&mut Random) -> f64 = match kind.as_str() {
        "normal" => normal,
        // Rounded to one decimal.
        "decimal" => |random| (normal(random) * 10.0).round() / 10.0,
        "slow" => slow,
        other => return Err(format!("{other} is no kind: normal, decimal or slow").into()),
    };
    let count: i64 = count.parse()?;
    let mut writer = Options::new().sync(SyncPolicy::Never).create(path)?.writer()?;
    let mut random = Random { bits: 0x9e37_79b9_7f4a_7c15, tenths: 140 };
    for n in 0..count {
        writer.push(Observation::new(END - (count - n) * SECOND, next(&mut random)))?;
    }
    writer.close()?;
    Ok(())
}

struct Random {
    bits: u64,
    /// The last value of the slow sensor.
    tenths: i32,
}

impl Random {
    /// Xorshift (Marsaglia, 2003).
    fn bits(&mut self) -> u64 {
        self.bits ^= self.bits << 13;
        self.bits ^= self.bits >> 7;
        self.bits ^= self.bits << 17;
        self.bits
    }

    /// In (0, 1].
    fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }
}

/// N(14, 3) (Box and Muller, 1958).
fn normal(random: &mut Random) -> f64 {
    let radius = (-2.0 * random.uniform().ln()).sqrt();
    14.0 + 3.0 * radius * (TAU * random.uniform()).cos()
}

/// A sensor that changes by 0.1 once in 128 readings.
fn slow(random: &mut Random) -> f64 {
    random.tenths += match random.bits() >> 56 {
        0 => 1,
        1 => -1,
        _ => 0,
    };
    f64::from(random.tenths) / 10.0
}
