//! Rot and a torn tail in one segment at once: each is told for what it is.

use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::specimen::{Kind, Specimen, scratch};
use super::verdict::{Place, sight};
use super::{Scattered, side_by_side};
use crate::stats::tree::LEAF;

#[test]
fn rot_is_told_apart_from_a_torn_tail_whichever_frames_are_hit() {
    let large = Specimen::make(Kind::Large);
    for specimen in [&large, &large.clone().without_checkpoint()] {
        let frames = specimen.files[specimen.last()].frames().count();
        // One bit for each frame of the last segment.
        let subsets = Scattered::new(1 << frames);
        let describe = |index| format!("frames {:#b}", subsets.at(index));
        let what = format!("any of {frames} frames of a store of {specimen}");
        side_by_side(&what, super::amount(subsets.all, 500), describe, || {
            let directory = scratch();
            move |index| {
                specimen.write_to(directory.path());
                try_out(specimen, directory.path(), subsets.at(index));
            }
        });
    }
}

fn try_out(specimen: &Specimen, path: &std::path::Path, hit: u64) {
    let last = specimen.last();
    let stored = &specimen.files[last];
    let file = std::fs::OpenOptions::new().write(true).open(path.join(&stored.name));
    let file = file.expect("opened");
    let frames: Vec<_> = stored.frames().collect();
    let is_hit = |index: usize| hit >> index & 1 == 1;
    for (index, (bytes, ..)) in frames.iter().enumerate().filter(|(index, _)| is_hit(*index)) {
        let offset = bytes.start + [0, 5, 6, 10, 20, 31][index % 6];
        file.write_all_at(&[stored.byte(offset) ^ 0x41], offset).expect("written");
    }

    let durable = specimen.checkpoint.as_ref().map_or(0, |it| it.durable.offset);
    // The summary tree has all complete leaves.
    let counted = specimen.len() / LEAF * LEAF;
    let has_rotted = |at: u64| {
        let mut holds = frames.iter().enumerate().filter(|(index, _)| !is_hit(*index));
        let mut behind = holds.clone().map(|(_, frame)| frame).filter(|frame| frame.0.start > at);
        at < durable
            || holds.any(|(_, (_, _, oath))| *oath > at)
            || behind.next().is_some_and(|(_, sequences, _)| sequences.start <= counted)
    };
    let mut end = None;
    let mut lost: Vec<(u64, Range<u64>)> = Vec::new();
    for (index, (bytes, sequences, _)) in frames.iter().enumerate() {
        let follows = |(_, before): &(u64, Range<u64>)| before.end == sequences.start;
        match lost.last_mut().filter(|before| follows(before) && bytes.start != durable) {
            _ if !is_hit(index) => {}
            // Frames side by side are one place: where the second begins is lost.
            Some((_, before)) => before.end = sequences.end,
            None if has_rotted(bytes.start) => lost.push((bytes.start, sequences.clone())),
            None => {
                end = Some(sequences.start);
                if sequences.start < counted {
                    lost.push((bytes.start, sequences.start..counted));
                }
                break;
            }
        }
    }
    let place = |(offset, lost): (u64, Range<u64>)| Place { file: last, offset, lost };
    let told: Vec<Place> = lost.into_iter().map(place).collect();
    let found: Vec<Place> = told.iter().filter(|place| place.offset >= durable).cloned().collect();

    let (seen, _) = sight(path, specimen, &specimen.observations, true).expect("opened");
    let observations = end.map_or(specimen.len(), |end| end.max(counted));
    assert_eq!(seen.observations, observations);
    assert_eq!(seen.dropped_bytes > 0, end.is_some(), "bytes are dropped where the tail is torn");
    assert_eq!(seen.told, told);
    assert_eq!(seen.found, found);
    let count: u64 = seen.served.iter().map(|range| range.end - range.start).sum();
    let lost: u64 = told.iter().map(|place| place.lost.end - place.lost.start).sum();
    assert_eq!(count + lost, observations);
}
