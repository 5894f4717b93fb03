//! The messages of Prometheus remote write 1.0 and 2.0, as protobuf.
//!
//! The specifications:
//! <https://prometheus.io/docs/specs/prw/remote_write_spec/> and
//! <https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/>.

use std::str::FromStr;

use crate::prometheus::protobuf::{VARINT, bytes, tag, varint};
use crate::prometheus::{Labels, Sample, write_labels, write_sample};

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
        Protocol::One => write_labels(&mut series, labels),
        Protocol::Two => labels_of_two(&mut message, &mut series, labels),
    }
    samples.for_each(|sample| write_sample(&mut series, sample));
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
