//! What `gaugelog forward` and `gaugelog serve` share of Prometheus: what a store's series
//! is called, and samples as protobuf.

pub(crate) mod names;
pub(crate) mod protobuf;

use protobuf::{FIXED_64, VARINT, bytes, nested, tag, varint};

/// A value at a time, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) time_ms: i64,
    pub(crate) value: f64,
}

/// Names and values, in the order of the names, `__name__` among them.
pub(crate) type Labels = Vec<(String, String)>;

/// Field 1 of a series: its labels.
pub(crate) fn write_labels(series: &mut Vec<u8>, labels: &Labels) {
    for (name, value) in labels {
        nested(series, 1, |label| {
            bytes(label, 1, name.as_bytes());
            bytes(label, 2, value.as_bytes());
        });
    }
}

/// One of field 2 of a series: a sample.
pub(crate) fn write_sample(series: &mut Vec<u8>, sample: Sample) {
    nested(series, 2, |one| {
        tag(one, 1, FIXED_64);
        one.extend_from_slice(&sample.value.to_le_bytes());
        tag(one, 2, VARINT);
        // Negative times take ten bytes, as protobuf's int64 has it.
        varint(one, sample.time_ms.cast_unsigned());
    });
}
