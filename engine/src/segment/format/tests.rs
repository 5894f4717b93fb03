//! The worked example of `FORMAT.md`, decoded and made again; and bits flipped.

use super::*;

const IDENTITY: u64 = 0x0123_4567_89AB_CDEF;

/// The bytes of the code block that follows `title` in `FORMAT.md`.
fn example(title: &str) -> Vec<u8> {
    let page = include_str!("../../../FORMAT.md");
    let (_, behind) = page.split_once(title).expect("the title is in FORMAT.md");
    let block = behind.split("```").nth(1).expect("a code block follows");
    let digits = block.lines().skip(1).filter_map(|line| line.split('|').nth(1));
    digits
        .flat_map(str::split_whitespace)
        .map(|byte| u8::from_str_radix(byte, 16).expect("two hexadecimal digits"))
        .collect()
}

fn observations() -> [Observation; 2] {
    [
        Observation::new(1_622_548_800_000_000_000, 14.25),
        Observation::new(1_622_548_801_000_000_000, -0.5),
    ]
}

fn header() -> SegmentHeader {
    SegmentHeader {
        identity: IDENTITY,
        origin: IDENTITY,
        ordinal: 1,
        first_sequence: 0,
        predecessor: None,
        edge: Vec::new(),
    }
}

fn segment() -> Vec<u8> {
    let mut bytes = encode_segment_header(&header());
    let at = Position { offset: bytes.len() as u64, sequence: 0 };
    let frame = FrameHeader { count: 2, index: 0, oath: at.offset };
    encode_frame(IDENTITY, at, frame, &observations(), &mut bytes);
    bytes
}

#[test]
fn the_worked_example_is_what_is_written() {
    let hex = |bytes: &[u8]| {
        let line = |(n, row): (usize, &[u8])| {
            let digits: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{:4} | {}", n * 8, digits.join(" "))
        };
        bytes.chunks(8).enumerate().map(line).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(hex(&example("### The segment")), hex(&segment()));
}

#[test]
fn the_worked_example_opens_as_a_store() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(directory.path().join(name), bytes).expect("written");
    };
    write("gaugelog", &example("### The marker"));
    write("0000000001.rows", &example("### The segment"));
    let store = crate::Store::open(directory.path()).expect("opened");
    assert_eq!(store.found().damage, []);
    let snapshot = store.snapshot().expect("a snapshot");
    let found: Vec<_> = snapshot.range(..).map(|it| it.expect("read")).collect();
    assert_eq!(found, observations());
}

#[test]
fn a_block_header_comes_back_and_no_flipped_bit_does() {
    let mut bytes = Vec::new();
    let header = BlockHeader { first_sequence: 1000, oath: 32_000 };
    encode_block_header(IDENTITY, 32_768, header, &mut bytes);
    assert_eq!(decode_block_header(IDENTITY, 32_768, &bytes), Some(header));
    assert_eq!(decode_block_header(IDENTITY, 65_536, &bytes), None);
    assert_eq!(decode_block_header(IDENTITY + 1, 32_768, &bytes), None);
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(decode_block_header(IDENTITY, 32_768, &bytes), None, "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn no_one_or_two_flipped_bits_of_a_frame_are_believed() {
    let all = segment();
    let start = all.len() - frame_bytes(2);
    let decode = |bytes: &[u8]| decode_frame(IDENTITY, start as u64, 0, bytes);
    let mut frame = all[start..].to_vec();
    assert!(decode(&frame).is_some());
    let bits = frame.len() * 8;
    for first in 0..bits {
        frame[first / 8] ^= 1 << (first % 8);
        assert_eq!(decode(&frame), None, "bit {first}");
        for second in first + 1..bits {
            frame[second / 8] ^= 1 << (second % 8);
            assert_eq!(decode(&frame), None, "bits {first} and {second}");
            frame[second / 8] ^= 1 << (second % 8);
        }
        frame[first / 8] ^= 1 << (first % 8);
    }
}

#[test]
fn a_frame_is_believed_only_where_it_was_written() {
    let all = segment();
    let start = all.len() - frame_bytes(2);
    let frame = &all[start..];
    let offset = start as u64;
    assert!(decode_frame(IDENTITY, offset, 0, frame).is_some());
    assert!(decode_frame(IDENTITY ^ 1, offset, 0, frame).is_none());
    assert!(decode_frame(IDENTITY, offset + 8, 0, frame).is_none());
    assert!(decode_frame(IDENTITY, offset, 1, frame).is_none());
    assert!(decode_frame(IDENTITY, offset, 0, &[0; 64]).is_none());
}

#[test]
fn a_frame_holds_observations_and_only_finite_ones() {
    let decoded = |observations: &[Observation]| {
        let at = Position { offset: 88, sequence: 0 };
        let count = u16::try_from(observations.len()).expect("a few");
        let mut bytes = Vec::new();
        let header = FrameHeader { count, index: 0, oath: 88 };
        encode_frame(IDENTITY, at, header, observations, &mut bytes);
        decode_frame(IDENTITY, at.offset, 0, &bytes).map(|(header, _)| header.count)
    };
    assert_eq!(decoded(&observations()), Some(2));
    assert_eq!(decoded(&[]), None);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(decoded(&[observations()[0], Observation::new(0, value)]), None);
    }
}

#[test]
fn no_oath_beyond_its_own_place_is_believed() {
    let at = Position { offset: 32_768, sequence: 0 };
    for (oath, believed) in [(0, true), (32_768, true), (32_769, false)] {
        let mut frame = Vec::new();
        let header = FrameHeader { count: 2, index: 0, oath };
        encode_frame(IDENTITY, at, header, &observations(), &mut frame);
        assert_eq!(decode_frame(IDENTITY, at.offset, 0, &frame).is_some(), believed, "{oath}");
        let mut block = Vec::new();
        let header = BlockHeader { first_sequence: 0, oath };
        encode_block_header(IDENTITY, at.offset, header, &mut block);
        assert_eq!(decode_block_header(IDENTITY, at.offset, &block).is_some(), believed, "{oath}");
    }
}

#[test]
fn no_flipped_bit_of_a_segment_header_is_believed() {
    let header = SegmentHeader {
        ordinal: 2,
        first_sequence: 3 * 1024,
        predecessor: Some(Predecessor { identity: 5, first_sequence: 0, end_offset: 70_000 }),
        edge: vec![Summary::of(&observations()), Summary::of(&observations()[..1])],
        ..header()
    };
    let mut bytes = encode_segment_header(&header);
    assert_eq!(decode_segment_header(&bytes), Ok((header, bytes.len() as u64)));
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(decode_segment_header(&bytes), Err(HeaderFault::Damaged), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn a_segment_header_is_read_only_as_it_is_written() {
    // Reserved, and what is said of a segment before the first one.
    for at in (20..24).chain(56..72) {
        let mut bytes = encode_segment_header(&header());
        bytes[at] = 1;
        let crc = crc32fast::hash(&bytes[4..]);
        LE::write_u32(&mut bytes, crc);
        assert_eq!(decode_segment_header(&bytes), Err(HeaderFault::Damaged), "byte {at}");
    }
}

#[test]
fn a_segment_header_is_believed_only_where_it_can_be_true() {
    let believed = |header: SegmentHeader| {
        let bytes = encode_segment_header(&header);
        match decode_segment_header(&bytes) {
            Ok(found) => found == (header, bytes.len() as u64),
            Err(fault) => {
                assert_eq!(fault, HeaderFault::Damaged);
                false
            }
        }
    };
    let behind = |first_sequence, held, end_offset| {
        let before = Predecessor { identity: 5, first_sequence, end_offset };
        let first_sequence = first_sequence + held;
        SegmentHeader { first_sequence, predecessor: Some(before), ..header() }
    };
    assert!(believed(header()));
    assert!(!believed(SegmentHeader { identity: 0, ..header() }));
    assert!(!believed(SegmentHeader { ordinal: 0, ..header() }));
    assert!(believed(SegmentHeader { ordinal: 1 << 40, ..header() }));
    assert!(!believed(SegmentHeader { ordinal: (1 << 40) + 1, ..header() }));
    assert!(believed(behind(7, 1_024, 16_384)));
    assert!(!believed(behind(7, 1_024, 16_383)));
    assert!(!believed(behind(7, u64::MAX - 7, u64::MAX)));
    let shrunk = SegmentHeader { first_sequence: 6, ..behind(7, 0, 88) };
    assert!(!believed(shrunk));
    assert!(believed(behind((1 << 60) - 1, 1, 88)));
    assert!(!believed(behind(1 << 60, 1, 88)));
    let edge = |count| SegmentHeader { edge: vec![Summary::EMPTY; count], ..header() };
    assert!(believed(edge(64)));
    assert!(!believed(edge(65)));
}

#[test]
fn a_segment_header_of_another_version_names_it() {
    let mut bytes = encode_segment_header(&header());
    LE::write_u32(&mut bytes[16..], 2);
    let crc = crc32fast::hash(&bytes[4..]);
    LE::write_u32(&mut bytes, crc);
    assert_eq!(decode_segment_header(&bytes), Err(HeaderFault::Version(2)));
}

#[test]
fn an_edge_is_as_many_summaries_as_it_says() {
    let mut bytes = Vec::new();
    encode_summary(&Summary::of(&observations()), &mut bytes);
    encode_summary(&Summary::of(&observations()[..1]), &mut bytes);
    let decoded = |length: usize, count| decode_edge(&bytes[..length], count).map(|it| it.len());
    assert_eq!(decoded(176, 2), Some(2));
    assert_eq!(decoded(0, 0), Some(0));
    for (length, count) in [(176, 1), (176, 3), (176, u64::MAX), (175, 2), (89, 1), (88, 0)] {
        assert_eq!(decoded(length, count), None, "{count} in {length} bytes");
    }
}

#[test]
fn a_summary_of_huge_values_comes_back_and_no_unknown_flag_does() {
    let summary = Summary::of(&[Observation::new(3, 1e300), Observation::new(4, -1e299)]);
    assert!(summary.scaled);
    let mut bytes = Vec::new();
    encode_summary(&summary, &mut bytes);
    assert_eq!(decode_summary(&bytes), Some(summary));
    bytes[0] |= 2;
    assert_eq!(decode_summary(&bytes), None);
}

#[test]
fn a_node_is_of_no_more_observations_than_it_covers() {
    for (level, most) in [(0, 1_024), (3, 8_192)] {
        for (count, believed) in [(most, true), (most + 1, false)] {
            let summary = Summary { count, ..Summary::of(&observations()) };
            let mut record = Vec::new();
            encode_node(IDENTITY, level, 5, &summary, &mut record);
            let decoded = decode_node(IDENTITY, level, 5, &record);
            assert_eq!(decoded.is_some(), believed, "{count} at level {level}");
        }
    }
}

#[test]
fn a_node_comes_back_only_as_itself() {
    let summary = Summary::of(&observations());
    let mut record = Vec::new();
    encode_node(IDENTITY, 3, 5, &summary, &mut record);
    assert_eq!(record.len(), NODE_BYTES);
    assert_eq!(decode_node(IDENTITY, 3, 5, &record), Some(summary));
    assert_eq!(decode_node(IDENTITY, 3, 6, &record), None);
    assert_eq!(decode_node(IDENTITY, 2, 5, &record), None);
    assert_eq!(decode_node(IDENTITY ^ 1, 3, 5, &record), None);
    assert_eq!(decode_node(IDENTITY, 0, 0, &[0; NODE_BYTES]), None);
}
