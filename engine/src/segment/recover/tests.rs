//! Where looking stops: lengths and amounts that no ordinary store comes to.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use tempfile::NamedTempFile;

use super::*;
use crate::disk::{Operation, watch};
use crate::observation::Observation;
use crate::segment::format::{
    BLOCK_HEADER_BYTES, BlockHeader, FrameHeader, encode_block_header, encode_frame,
};

const IDENTITY: u64 = 7;

/// A file of so many bytes, none of them on the disk but what `parts` say.
fn file(length: u64, parts: &[(u64, &[u8])]) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a temporary file");
    let bytes: &File = file.as_file();
    bytes.set_len(length).expect("made longer");
    for (offset, part) in parts {
        bytes.write_all_at(part, *offset).expect("written");
    }
    file
}

fn opened(file: &NamedTempFile) -> Bytes {
    Bytes::open(file.path(), true).expect("opened")
}

fn last(from: u64, length: u64, parts: &[(u64, &[u8])]) -> u64 {
    last_nonzero(&opened(&file(length, parts)), from, length).expect("read")
}

/// The block at `offset` with one frame of `count` observations in it.
fn block(offset: u64, sequence: u64, count: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let header = BlockHeader { first_sequence: sequence, oath: offset };
    encode_block_header(IDENTITY, offset, header, &mut bytes);
    let at = Position { offset: offset + BLOCK_HEADER_BYTES as u64, sequence };
    let header = FrameHeader { count, index: 0, oath: offset };
    let observations = vec![Observation::new(0, 1.0); usize::from(count)];
    encode_frame(IDENTITY, at, header, &observations, &mut bytes);
    bytes
}

/// The tail of a file with frames of one observation from byte 88 on.
fn tail_of_frames(oaths: &[u64]) -> Tail {
    tail_where(0, oaths, 0)
}

/// The tail of a file of which `counted` are known. Where `rotten` bytes from byte 88 on
/// do not hold, the observations in them are as many as 32 bytes go into them.
fn tail_where(rotten: usize, oaths: &[u64], counted: u64) -> Tail {
    let mut bytes = vec![0; 88];
    bytes.resize(88 + rotten, 0xEE);
    for (n, oath) in oaths.iter().enumerate() {
        let n = n + rotten / 32;
        let at = Position { offset: bytes.len() as u64, sequence: n as u64 };
        let index = u16::try_from(n).expect("a few");
        let header = FrameHeader { count: 1, index, oath: *oath };
        encode_frame(IDENTITY, at, header, &[Observation::new(0, 1.0)], &mut bytes);
    }
    let file = file(0, &[(0, &bytes)]);
    let owner = Owner { identity: IDENTITY, first_sequence: 0 };
    let start = Start { durable: Position { offset: 88, sequence: 0 }, block_first: 0 };
    find_tail(opened(&file), owner, start, counted).expect("read")
}

#[test]
fn rule_3_what_came_with_the_file_is_durable_and_so_is_what_was_sworn() {
    for (oaths, durable, appended_to) in [
        (&[] as &[u64], 88, false),
        (&[0], 120, false),
        (&[0, 0], 152, false),
        (&[88], 88, true),
        (&[0, 120], 120, true),
        (&[0, 120, 120], 120, true),
        (&[0, 120, 152, 120], 152, true),
    ] {
        let tail = tail_of_frames(oaths);
        assert_eq!((tail.durable, tail.appended_to), (durable, appended_to), "{oaths:?}");
        assert_eq!(tail.end.offset, 88 + 32 * oaths.len() as u64);
    }
}

#[test]
fn rule_3_what_was_counted_is_durable() {
    for (counted, durable) in [(0, 88), (1, 120), (2, 152), (3, 184)] {
        let tail = tail_where(0, &[88, 88, 88], counted);
        assert_eq!((tail.durable, tail.lost_before_end), (durable, false), "{counted}");
    }
}

#[test]
fn rule_2_a_place_is_rotten_where_all_that_is_missing_was_counted() {
    // Three observations that do not hold, and one behind them that swears nothing of them.
    for counted in 3..6 {
        let tail = tail_where(96, &[88], counted);
        assert_eq!(tail.damage[0].lost, 0..3, "{counted}");
        assert_eq!(tail.damage.len(), if counted > 4 { 2 } else { 1 }, "{counted}");
        assert_eq!(tail.end.sequence, counted.max(4), "{counted}");
        assert_eq!(tail.may_be_continued(), counted <= 4, "{counted}");
    }
    // Not all of them: the rest may never have been synced, so nor what follows.
    for counted in 1..3 {
        let tail = tail_where(96, &[88], counted);
        let [damage] = &tail.damage[..] else { panic!("{counted}: {:?}", tail.damage) };
        assert_eq!((damage.offset, &damage.lost), (88, &(0..counted)), "{counted}");
        assert_eq!((tail.end, tail.durable), (Position { offset: 88, sequence: counted }, 88));
        assert!(tail.dropped_bytes > 0 && !tail.may_be_continued(), "{counted}");
    }
    // None: behind bytes of no frame, the next is not taken for theirs.
    for rotten in [24, 96] {
        let tail = tail_where(rotten, &[88], 0);
        assert_eq!((tail.end.offset, tail.end.sequence, tail.damage.len()), (88, 0, 0));
    }
}

#[test]
fn rule_2_the_device_does_not_give_what_was_counted() {
    let refuse = |_: &Path, operation: Operation, _: &[u8]| match operation {
        Operation::Read => Err(io::Error::from_raw_os_error(5)),
        _ => Ok(()),
    };
    let tail = watch::with(refuse, || tail_where(0, &[0, 120], 2));
    assert!(tail.refused && !tail.lost_before_end);
}

#[test]
fn a_segment_ends_with_as_many_bytes_as_were_counted_in_it() {
    let tail = tail_where(0, &[88], 1_000);
    assert_eq!(tail.end, Position { offset: 16_000, sequence: 1_000 });
    assert_eq!((tail.durable, tail.block_first), (16_000, 1_000));
    assert_eq!((tail.damage[0].offset, tail.damage[0].lost.clone()), (120, 1..1_000));
    // In a later segment, of which nothing else is left.
    let owner = Owner { identity: IDENTITY, first_sequence: 5_120 };
    let start = Start { durable: Position { offset: 88, sequence: 5_120 }, block_first: 5_120 };
    let tail = find_tail(opened(&file(88, &[])), owner, start, 6_144).expect("read");
    assert_eq!(tail.end, Position { offset: 1_024 * 16, sequence: 6_144 });
}

#[test]
fn rule_2_a_tail_that_the_device_does_not_give_is_not_continued() {
    let refuse = |_: &Path, operation: Operation, _: &[u8]| match operation {
        Operation::Read => Err(io::Error::from_raw_os_error(5)),
        _ => Ok(()),
    };
    let tail = watch::with(refuse, || tail_of_frames(&[0, 120]));
    assert!(tail.refused && !tail.may_be_continued());
    assert_eq!((tail.end.offset, tail.damage.len()), (88, 1));
    assert_eq!((tail.damage[0].offset, tail.damage[0].lost.clone()), (88, 0..u64::MAX));
    let tail = tail_of_frames(&[0, 120]);
    assert!(!tail.refused && tail.may_be_continued());
}

#[test]
fn the_last_byte_that_is_not_zero_is_found_wherever_it_is() {
    let mut bytes = vec![0; 3_000];
    assert_eq!(last_nonzero_index(&bytes), None);
    assert_eq!(last_nonzero_index(&[]), None);
    for at in 0..bytes.len() {
        bytes[at] = 1;
        assert_eq!(last_nonzero_index(&bytes), Some(at));
        bytes[at / 2] = 1;
        assert_eq!(last_nonzero_index(&bytes), Some(at));
        (bytes[at], bytes[at / 2]) = (0, 0);
    }
}

#[test]
fn the_last_byte_that_is_not_zero_is_found_in_a_long_file() {
    let length = 300_000;
    for at in [1_000, 1_001, 65_536, 66_535, 66_536, 66_537, 200_000, length - 1] {
        let parts: [(u64, &[u8]); 3] = [(0, &[1; 1_000]), (1_000, &[1]), (at, &[1])];
        assert_eq!(last(1_000, length, &parts), at + 1 - 1_000, "{at}");
    }
    assert_eq!(last(1_000, length, &[(999, &[1])]), 0);
    assert_eq!(last(length, length, &[(length - 1, &[1])]), 0);
    assert_eq!(last(length + 5, length, &[(length - 1, &[1])]), 0);
}

#[test]
fn more_than_16_mib_of_zeros_are_not_looked_through() {
    assert_eq!(last(1_000, 1_000 + (16 << 20), &[]), 0);
    assert_eq!(last(1_000, 1_001 + (16 << 20), &[]), 1 + (16 << 20));
}

#[test]
fn the_longest_segment_is_read_to_its_end_and_no_further() {
    // The largest that may be asked for, and then the rest of a leaf, one to a frame.
    let (start, sequence) = (1 << 30, 5_000);
    let owner = Owner { identity: IDENTITY, first_sequence: 0 };
    let mut bytes = block(start, sequence, 2_044);
    for n in 1..4 {
        bytes.resize(bytes.len().next_multiple_of(32_768), 0);
        bytes.extend(block(start + n * 32_768, sequence + n * 2_044, 2_044));
    }
    let written = bytes.len() as u64;
    let file = file(1 << 40, &[(start, &bytes)]);
    let at = Position { offset: start, sequence };
    let start = Start { durable: at, block_first: sequence };
    let tail = find_tail(opened(&file), owner, start, 0).expect("read");
    let end = Position { offset: at.offset + written, sequence: sequence + 4 * 2_044 };
    assert_eq!((tail.end, tail.damage), (end, vec![]));
    // Which is more than is looked through for zeros, so nothing is appended to it.
    assert_eq!(tail.file_bytes, (1 << 30) + (64 << 20));
    assert_eq!(tail.dropped_bytes, tail.file_bytes - end.offset);
}

#[test]
fn a_thousand_places_of_damage_are_told_one_by_one() {
    let place = |n: u64| Damage {
        path: "segment".into(),
        offset: 100 + n,
        lost: n..n + 1,
        detail: "rotten".into(),
    };
    let told = |count| {
        let mut all = Vec::new();
        (0..count).for_each(|n| report(&mut all, place(n)));
        all
    };
    assert_eq!(told(1_000), (0..1_000).map(place).collect::<Vec<_>>());
    let more = told(1_003);
    assert_eq!(more.len(), 1_000);
    assert_eq!(more[..999], (0..999).map(place).collect::<Vec<_>>());
    assert_eq!((more[999].offset, more[999].lost.clone()), (1_099, 999..1_003));
    assert!(more[999].detail.contains("places behind it"), "{}", more[999].detail);
}
