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
