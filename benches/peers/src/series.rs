//! The stored observations: the same in each process and for each engine.

use clap::ValueEnum;
use gaugelog::Observation;

/// The time of the first observation, in nanoseconds since the Unix epoch.
pub(crate) const START_NS: i64 = 1_700_000_000_000_000_000;
/// One observation a second.
pub(crate) const INTERVAL_NS: i64 = 1_000_000_000;

/// The kind of values and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Kind {
    /// N(14, 3), as arbitrary doubles, at 1 Hz.
    Normal,
    /// The sum of steps of N(0, 1). Its median drifts.
    Walk,
    /// Ascending values.
    Sorted,
    /// N(14, 3), rounded to one decimal.
    Decimal,
    /// A sensor that changes by 0.1 once in a hundred readings.
    Slow,
    /// N(14, 3), at 1 Hz with up to 1 ms of jitter in nanoseconds.
    Jitter,
}

/// An endless series.
pub(crate) struct Series {
    kind: Kind,
    number: i64,
    random: u64,
    /// The last value, if the next one depends on it.
    level: f64,
    /// In tenths, for the slow sensor.
    tenths: i32,
}

impl Series {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, number: 0, random: 0x9E37_79B9_7F4A_7C15, level: 0.0, tenths: 140 }
    }

    /// The next `count` observations.
    pub(crate) fn batch(&mut self, count: usize) -> Vec<Observation> {
        self.take(count).collect()
    }

    /// xorshift64*: fast, and random enough for values to compress.
    fn bits(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// In (0, 1], with 53 bits.
    fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// N(0, 1), by the method of Box and Muller.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    fn value(&mut self) -> f64 {
        match self.kind {
            Kind::Normal | Kind::Jitter => 14.0 + 3.0 * self.normal(),
            Kind::Walk => {
                self.level += self.normal();
                self.level
            }
            Kind::Sorted => {
                self.level += self.uniform();
                self.level
            }
            Kind::Decimal => (10.0 * (14.0 + 3.0 * self.normal())).round() / 10.0,
            Kind::Slow => {
                self.tenths += match self.bits() >> 32 & 0xFF {
                    0 => 1,
                    1 => -1,
                    _ => 0,
                };
                f64::from(self.tenths) / 10.0
            }
        }
    }
}

impl Iterator for Series {
    type Item = Observation;

    fn next(&mut self) -> Option<Observation> {
        let mut time = START_NS + self.number * INTERVAL_NS;
        if self.kind == Kind::Jitter {
            time += i64::try_from(self.bits() % 1_000_000).expect("below a million");
        }
        self.number += 1;
        Some(Observation::new(time, self.value()))
    }
}
