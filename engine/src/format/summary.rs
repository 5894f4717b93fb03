//! A summary in 88 bytes.

use byteorder::{ByteOrder, LittleEndian as LE};

use crate::observation::Observation;
use crate::stats::summary::Summary;

pub(crate) const SUMMARY_BYTES: usize = 88;

/// Writes `summary` to the first 88 bytes of `into`.
pub(crate) fn encode(summary: &Summary, into: &mut [u8]) {
    LE::write_u64(&mut into[0..], summary.count);
    LE::write_i64(&mut into[8..], summary.first.timestamp_ns);
    LE::write_f64(&mut into[16..], summary.first.value);
    LE::write_i64(&mut into[24..], summary.last.timestamp_ns);
    LE::write_f64(&mut into[32..], summary.last.value);
    LE::write_f64(&mut into[40..], summary.min);
    LE::write_f64(&mut into[48..], summary.max);
    LE::write_f64(&mut into[56..], summary.mean_hi);
    LE::write_f64(&mut into[64..], summary.mean_lo);
    LE::write_f64(&mut into[72..], summary.m2);
    LE::write_u64(&mut into[80..], summary.scale.into());
}

/// The summary in the first 88 bytes of `bytes`; `None` if they are not a summary.
pub(crate) fn decode(bytes: &[u8]) -> Option<Summary> {
    let observation =
        |at: usize| Observation::new(LE::read_i64(&bytes[at..]), LE::read_f64(&bytes[at + 8..]));
    let summary = Summary {
        count: LE::read_u64(&bytes[0..]),
        first: observation(8),
        last: observation(24),
        min: LE::read_f64(&bytes[40..]),
        max: LE::read_f64(&bytes[48..]),
        mean_hi: LE::read_f64(&bytes[56..]),
        mean_lo: LE::read_f64(&bytes[64..]),
        m2: LE::read_f64(&bytes[72..]),
        scale: LE::read_u64(&bytes[80..]).try_into().ok()?,
    };
    summary.is_plausible().then_some(summary)
}

/// Whether two summaries have the same encoding.
pub(crate) fn has_same_bits(a: &Summary, b: &Summary) -> bool {
    let bits = |summary: &Summary| {
        let mut bytes = [0; SUMMARY_BYTES];
        encode(summary, &mut bytes);
        bytes
    };
    bits(a) == bits(b)
}
