//! Fills a store with observations of a slow sensor, one a second in steps of 0.1: what
//! `benches/serve` asks.

use std::error::Error;

use gaugelog::{Observation, Options, SyncPolicy};

const SECOND: i64 = 1_000_000_000;
/// 2026-06-01T12:00:00Z, when the last one was made.
const END: i64 = 1_780_315_200 * SECOND;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "slow_sensor STORE OBSERVATIONS";
    let (path, count) = (arguments.next().ok_or(usage)?, arguments.next().ok_or(usage)?);
    let count: i64 = count.parse()?;
    let mut writer = Options::new().sync(SyncPolicy::Never).create(path)?.writer()?;
    let (mut random, mut tenths) = (0x9e37_79b9_7f4a_7c15_u64, 140_i32);
    for n in 0..count {
        // Xorshift (Marsaglia, 2003).
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        tenths += match random >> 56 {
            0 => 1,
            1 => -1,
            _ => 0,
        };
        writer.push(Observation::new(END - (count - n) * SECOND, f64::from(tenths) / 10.0))?;
    }
    writer.close()?;
    Ok(())
}
