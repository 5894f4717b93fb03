//! The messages of Prometheus remote write 1.0 and 2.0, as protobuf.
//!
//! Both are a few fields, so they are written by hand. The specifications:
//! <https://prometheus.io/docs/specs/prw/remote_write_spec/> and
//! <https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/>.

use std::str::FromStr;

/// The version of remote write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    One,
    Two,
}

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "1" | "1.0" => Ok(Self::One),
            "2" | "2.0" => Ok(Self::Two),
            _ => Err("1 and 2 are possible".to_owned()),
        }
    }
}

/// A value at a time, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) time_ms: i64,
    pub(super) value: f64,
}

/// Names and values, in the order of the names, `__name__` among them.
pub(crate) type Labels = Vec<(String, String)>;

/// How a field's bytes follow its tag.
const VARINT: u8 = 0;
const FIXED_64: u8 = 1;
const BYTES: u8 = 2;

/// `Metadata.MetricType.METRIC_TYPE_GAUGE` of 2.0.
const GAUGE: u64 = 2;

/// A message with one series, not compressed. The samples are in the order of their times.
/// Without samples it is a message without series.
pub(super) fn encode(
    protocol: Protocol,
    labels: &Labels,
    samples: impl ExactSizeIterator<Item = Sample>,
) -> Vec<u8> {
    let mut message = Vec::with_capacity(256 + 24 * samples.len());
    if protocol == Protocol::Two {
        // Symbol 0 is the empty one.
        bytes(&mut message, 4, b"");
    }
    if samples.len() == 0 {
        return message;
    }
    let mut series = Vec::with_capacity(message.capacity());
    match protocol {
        Protocol::One => labels_of_one(&mut series, labels),
        Protocol::Two => labels_of_two(&mut message, &mut series, labels),
    }
    let mut one = Vec::with_capacity(24);
    for sample in samples {
        one.clear();
        tag(&mut one, 1, FIXED_64);
        one.extend_from_slice(&sample.value.to_le_bytes());
        tag(&mut one, 2, VARINT);
        // Negative times take ten bytes, as protobuf's int64 has it.
        varint(&mut one, sample.time_ms.cast_unsigned());
        bytes(&mut series, 2, &one);
    }
    match protocol {
        Protocol::One => bytes(&mut message, 1, &series),
        Protocol::Two => {
            let mut metadata = Vec::new();
            tag(&mut metadata, 1, VARINT);
            varint(&mut metadata, GAUGE);
            bytes(&mut series, 5, &metadata);
            bytes(&mut message, 5, &series);
        }
    }
    message
}

fn labels_of_one(series: &mut Vec<u8>, labels: &Labels) {
    for (name, value) in labels {
        let mut label = Vec::new();
        bytes(&mut label, 1, name.as_bytes());
        bytes(&mut label, 2, value.as_bytes());
        bytes(series, 1, &label);
    }
}

/// Names and values are symbols of the message, and the series has their places.
fn labels_of_two(message: &mut Vec<u8>, series: &mut Vec<u8>, labels: &Labels) {
    let mut places = Vec::new();
    let symbols = labels.iter().flat_map(|(name, value)| [name, value]);
    for (place, symbol) in (1..).zip(symbols) {
        bytes(message, 4, symbol.as_bytes());
        varint(&mut places, place);
    }
    bytes(series, 1, &places);
}

fn tag(out: &mut Vec<u8>, field: u8, kind: u8) {
    out.push(field << 3 | kind);
}

fn bytes(out: &mut Vec<u8>, field: u8, content: &[u8]) {
    tag(out, field, BYTES);
    varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

/// Seven bits a byte, the lowest first; all but the last have the highest bit set.
fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

#[cfg(test)]
#[path = "../../tests/forwarding/decoder.rs"]
mod decoder;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Worked out by hand from the specification.
    #[test]
    fn a_message_of_1_0_is_these_bytes() {
        let labels = vec![("__name__".to_owned(), "t".to_owned())];
        let sample = Sample { time_ms: 300, value: 1.0 };
        let encoded = encode(Protocol::One, &labels, [sample].into_iter());
        let mut expected = vec![0x0a, 29, 0x0a, 13, 0x0a, 8];
        expected.extend_from_slice(b"__name__");
        expected.extend_from_slice(&[0x12, 1, b't', 0x12, 12, 0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
        expected.extend_from_slice(&[0x10, 0xac, 0x02]);
        assert_eq!(encoded, expected);
    }

    #[test]
    fn a_message_without_samples_has_no_series() {
        let labels = vec![("__name__".to_owned(), "t".to_owned())];
        for protocol in [Protocol::One, Protocol::Two] {
            let encoded = encode(protocol, &labels, std::iter::empty());
            let decoded = decoder::decode(&encoded, protocol == Protocol::Two).unwrap();
            assert!(decoded.is_empty());
        }
    }

    proptest! {
        #[test]
        fn what_is_decoded_is_what_was_encoded(
            labels in prop::collection::vec((".*", ".*"), 0..5),
            samples in prop::collection::vec((any::<i64>(), any::<f64>()), 1..50),
        ) {
            let samples: Vec<Sample> =
                samples.iter().map(|(time_ms, value)| Sample { time_ms: *time_ms, value: *value }).collect();
            for protocol in [Protocol::One, Protocol::Two] {
                let encoded = encode(protocol, &labels, samples.iter().copied());
                let decoded = decoder::decode(&encoded, protocol == Protocol::Two).unwrap();
                prop_assert_eq!(decoded.len(), 1);
                prop_assert_eq!(&decoded[0].labels, &labels);
                let bits: Vec<_> =
                    decoded[0].samples.iter().map(|(ms, value)| (*ms, value.to_bits())).collect();
                let expected: Vec<_> =
                    samples.iter().map(|it| (it.time_ms, it.value.to_bits())).collect();
                prop_assert_eq!(bits, expected);
            }
        }
    }
}
