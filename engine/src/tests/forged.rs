//! Promise 8: what is stated under a correct checksum costs neither memory nor time beyond
//! what is there.

use std::cell::Cell;
use std::rc::Rc;

use super::*;
use crate::error::ErrorKind;
use crate::format::frame::{BLOCK_BYTES, Header, Kind, encode};
use crate::os::disk::{Operation, watch};
use crate::stats::tree::{Node, cover};

/// Between two frames there is at most one row in each 16 bytes.
#[test]
fn a_frame_whose_number_cannot_follow_is_no_part_of_the_log() {
    let (_guard, path) = place();
    append_each(&Store::create(&path).expect("created"), 0..10);
    let head = Head::of(&record(&path));
    let mut frame = Vec::new();
    let block = u32::try_from(BLOCK_BYTES).expect("small");
    let header = Header { kind: Kind::Rows(1), sequence: 1_000_000, synced_to: block };
    encode(head.seed, BLOCK_BYTES, header, &observations(10..11), &mut frame);
    edit(&log_path(&path), |bytes| {
        bytes.truncate(usize::try_from(FIRST_FRAME + 10 * FRAME).expect("small"));
        bytes.resize(usize::try_from(BLOCK_BYTES).expect("small"), 0);
        bytes.extend_from_slice(&frame);
    });
    let store = Store::open(&path).expect("opened");
    assert_eq!(store.recovery().observations, 10, "{:?}", store.recovery());
    append_each(&store, 10..12);
    assert_holds(&path, &observations(0..12));
}

/// A manifest that lists 2^32 - 1 chunks, and there is none.
#[test]
fn chunks_that_are_not_there_are_not_looked_for_one_by_one() {
    let (_guard, path) = place();
    append_each(&Store::create(&path).expect("created"), 0..1);
    let sealed_end = u32::MAX;
    let leaves = 0..u64::from(sealed_end) * CHUNK_LEAVES;
    let empty = |(level, index)| Node { level, index, summary: Summary::EMPTY };
    let nodes = cover(leaves.clone()).map(empty).collect();
    let edge = Edge::from_nodes(leaves, nodes).expect("the nodes of the cover");
    let mut bytes = Record { sealed_end, last_seal: 7, edge, ..record(&path) }.encode();
    assert_eq!(bytes.len(), RECORD_BYTES);
    bytes.extend_from_within(..);
    std::fs::write(manifest_path(&path), bytes).expect("written");

    let store = Store::open(&path).expect("opened");
    let around = store.snapshot().expect("a snapshot").skip_damage();
    let errors = [
        around.summary().map(drop),
        around.by_sequence(..).find_map(|row| row.err()).map_or(Ok(()), Err),
        store.verify().map(drop),
        Store::repair(&path).map(drop),
    ];
    for (number, result) in errors.into_iter().enumerate() {
        let error = result.expect_err("most chunks are missing");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{number}: {error}");
        assert!(error.to_string().contains("only 0 are there"), "{error}");
    }
}

/// Nor where the header of a log states them, and the manifest is lost.
#[test]
fn chunks_that_the_header_of_a_log_states_are_not_all_replaced() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0..5_000)).expect("appended");
    std::fs::remove_file(manifest_path(&path)).expect("removed");
    let sealed_end = u32::MAX;
    let leaves = 0..u64::from(sealed_end) * CHUNK_LEAVES;
    let empty = |(level, index)| Node { level, index, summary: Summary::EMPTY };
    let nodes = cover(leaves.clone()).map(empty).collect();
    let edge = Edge::from_nodes(leaves, nodes).expect("the nodes of the cover");
    let log = std::fs::read_dir(&path).expect("a directory").find_map(|entry| {
        let name = entry.expect("a name").path();
        name.extension().is_some_and(|ending| ending == "log").then_some(name)
    });
    let log = log.expect("a log");
    edit(&log, |bytes| {
        let own = Record::decode(&bytes[..RECORD_BYTES]).expect("a header");
        bytes[..RECORD_BYTES].copy_from_slice(&Record { sealed_end, edge, ..own }.encode());
    });
    let before = names(&path);
    let error = Store::repair(&path).expect_err("most chunks are missing");
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.to_string().contains("only 2 are there; move the chunks"), "{error}");
    assert_eq!(names(&path), before);
}

/// Each chunk is read from the log by itself.
#[test]
fn a_log_without_frames_is_not_searched_again_for_each_chunk() {
    let (_guard, path) = place();
    append_each(&Store::create(&path).expect("created"), 0..1);
    let (chunks, blocks) = (200, 32);
    let made_bytes = blocks * BLOCK_BYTES;
    let made = Record { made_observations: chunks * CHUNK, made_bytes, ..record(&path) }.encode();
    std::fs::write(manifest_path(&path), made.repeat(2)).expect("written");
    edit(&log_path(&path), |bytes| {
        bytes[..RECORD_BYTES].copy_from_slice(&made);
        bytes.resize(usize::try_from(made_bytes).expect("small"), 0x5a);
    });
    let reads = Rc::new(Cell::new(0));
    let counted = Rc::clone(&reads);
    let count = move |file: &Path, operation, _: &[u8]| {
        let is_log = file.extension().is_some_and(|ending| ending == "log");
        counted.set(counted.get() + u64::from(is_log && operation == Operation::Read));
        Ok(())
    };
    let store = Store::open(&path).expect("opened");
    watch::with(count, || store.seal()).expect("sealed");
    assert_eq!(u64::from(record(&path).sealed_end), chunks);
    assert!(reads.get() < 10 * chunks, "{}", reads.get());
}
