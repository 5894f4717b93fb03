//! Promise 4, by changes on the disk. Whatever byte, bit, sector or file of a store is
//! changed, cut off, swapped or removed: what is served is what was stored, what cannot
//! be served is reported with file and offset, and all the rest can be read.
//!
//! A loss would be *silent* if a sequence number below
//! [`Recovery::observations`](crate::Recovery::observations) were neither served nor
//! within the `lost` of a [`Damage`](crate::Damage). No loss is silent, and none goes
//! beyond the frames and pages that were touched. After `repair` the store verifies clean
//! and serves the same as before.
//!
//! `GAUGELOG_CORRUPTIONS` is the most changes that each of these suites tries; by default
//! they take a few seconds. `GAUGELOG_SEED` is the first change to try.
//!
//! ```text
//! GAUGELOG_CORRUPTIONS=5000000 cargo test --profile reliability -p gaugelog --lib \
//!     corruption -- --nocapture
//! ```

mod afterwards;
mod bit_pairs;
mod files;
mod in_place;
mod parts;
mod sectors;
mod single_bytes;
mod specimen;
mod tampering;
mod truncations;
mod unreadable;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// How many of `all` changes to try: as the environment says, or else `otherwise`.
fn amount(all: u64, otherwise: u64) -> u64 {
    match std::env::var("GAUGELOG_CORRUPTIONS") {
        Err(_) => all.min(otherwise),
        Ok(asked) => all.min(asked.parse().expect("a number")),
    }
}

fn seed() -> u64 {
    std::env::var("GAUGELOG_SEED").map_or(1, |seed| seed.parse().expect("a number"))
}

/// The numbers below `all`, each once, in an order that reaches every region early.
#[derive(Clone, Copy, Debug)]
struct Scattered {
    all: u64,
    first: u64,
    stride: u64,
}

impl Scattered {
    fn new(all: u64) -> Self {
        // Near the golden section, so that the first numbers lie far apart. It has no
        // common divisor with `all`, so that none comes twice.
        let near = all / 1_000 * 618 + all % 1_000 * 618 / 1_000;
        let stride = (near.max(1)..).find(|stride| greatest_divisor(*stride, all) == 1);
        Self { all, first: seed(), stride: stride.expect("there are primes") }
    }

    fn at(self, index: u64) -> u64 {
        let at = u128::from(index) * u128::from(self.stride) + u128::from(self.first);
        u64::try_from(at % u128::from(self.all)).expect("less than their number")
    }
}

fn greatest_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_divisor(b, a % b) }
}

/// Makes `count` tries on as many threads as there are processors. `begin` makes what one
/// thread needs, and returns the function that tries a number. `describe` says what was
/// tried if that fails.
fn side_by_side<T: FnMut(u64)>(
    what: &str,
    count: u64,
    describe: impl Fn(u64) -> String + Sync,
    begin: impl Fn() -> T + Sync,
) {
    let threads = std::thread::available_parallelism().map_or(1, |it| it.get() as u64);
    let begun = Instant::now();
    let failed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (failed, begin, describe) = (&failed, &begin, &describe);
            scope.spawn(move || {
                let mut try_out = begin();
                for index in (thread..count).step_by(usize::try_from(threads).expect("a few")) {
                    if failed.load(Ordering::Relaxed) {
                        return;
                    }
                    if let Err(cause) = catch_unwind(AssertUnwindSafe(|| try_out(index))) {
                        failed.store(true, Ordering::Relaxed);
                        eprintln!("GAUGELOG_SEED={}, {what}: {}", seed(), describe(index));
                        resume_unwind(cause);
                    }
                }
            });
        }
    });
    println!("{count} times {what}: {:.1} s", begun.elapsed().as_secs_f64());
}
