//! The part of the interval by which a source is delayed, so that many machines do not
//! poll in step.

use std::time::Duration;

use super::schedule::nanoseconds;

/// A part of the interval, less than the whole, that looks random and is always the same
/// for the same seed and name.
pub(super) fn offset_ns(seed: u64, name: &str, interval: Duration) -> u64 {
    let mut mixed = seed;
    for byte in name.bytes() {
        mixed = mix(mixed ^ u64::from(byte));
    }
    let share = u128::from(mix(mixed)) * u128::from(nanoseconds(interval));
    u64::try_from(share >> 64).unwrap_or(0)
}

/// A step of SplitMix64 (Steele, Lea and Flood 2014): every input bit changes half of the
/// output bits.
fn mix(bits: u64) -> u64 {
    let mut z = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_is_spread_over_the_interval() {
        let second = Duration::from_secs(1);
        let mut tenths = [0; 10];
        for seed in 0..1000 {
            let offset_ns = offset_ns(seed, "room", second);
            tenths[usize::try_from(offset_ns / 100_000_000).unwrap()] += 1;
        }
        // 100 each, give or take five standard deviations.
        assert!(tenths.iter().all(|count| (50..150).contains(count)), "{tenths:?}");
    }

    #[test]
    fn an_offset_is_fixed_by_seed_and_name() {
        let offset = |seed, name| offset_ns(seed, name, Duration::from_secs(60));
        assert_eq!(offset(7, "room"), offset(7, "room"));
        assert_ne!(offset(7, "room"), offset(7, "cellar"));
        assert_ne!(offset(7, "room"), offset(8, "room"));
        assert_eq!(offset_ns(7, "room", Duration::ZERO), 0);
    }
}
