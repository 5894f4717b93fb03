//! Damage costs at most a page, is reported, and is accepted by a repair.

use super::*;
use crate::error::ErrorKind;
use crate::format::LEAF;
use crate::format::chunk::{Column, LEAF_BYTES};
use crate::os::disk::{Operation, watch};
use crate::stats::summary::Summary;

/// A chunk as written, and what it must still give when damaged.
struct Specimen {
    shelf: Shelf,
    bytes: Vec<u8>,
    leaves: Vec<Vec<Observation>>,
    summaries: Vec<Summary>,
}

impl Specimen {
    fn new(all: &[Observation], lost: &[Range<u64>]) -> Self {
        let (shelf, bytes) = (Shelf::new(), sealed(all, lost));
        let chunk = shelf.open_with(&bytes).expect("whole");
        let leaves = (0..CHUNK_LEAVES).map(|leaf| rows_of(&chunk, leaf).expect("whole")).collect();
        let summary = |leaf| chunk.leaf(leaf).expect("whole").clone();
        let summaries = (0..CHUNK_LEAVES).map(summary).collect();
        Self { shelf, bytes, leaves, summaries }
    }

    /// Damages one place, which must cost at most one page and be reported. Then accepts
    /// the loss.
    fn check_damaged(&self, damaged: &[u8], what: &str) {
        let chunk = self.shelf.open_with(damaged).expect(what);
        let mut lost = 0;
        for (leaf, expected) in self.leaves.iter().enumerate() {
            match rows_of(&chunk, leaf as u64) {
                Ok(rows) => assert_eq!(bits(&rows), bits(expected), "{what}"),
                Err(damage) => {
                    lost += expected.len();
                    assert_eq!(
                        damage.lost,
                        chunk.header.place.leaf_sequences(leaf as u64),
                        "{what}"
                    );
                }
            }
            let summary = chunk.leaf(leaf as u64).expect(what);
            assert_eq!(*summary, self.summaries[leaf], "{what}");
        }
        assert!(lost <= 1024, "{what}: {lost} lost");
        let found = damage_of(&chunk);
        assert!(!found.is_empty(), "{what}: not reported");
        let reported: u64 = found.iter().map(|it| it.lost.end - it.lost.start).sum();
        assert_eq!(reported > 0, lost > 0, "{what}: {found:?}");
        self.check_repair(&chunk, lost, what);
    }

    fn check_repair(&self, chunk: &Chunk, lost: usize, what: &str) {
        let repaired = chunk.repaired(PLACE.predecessor, chunk.header.nodes.clone()).expect(what);
        assert_eq!(repaired.lost, lost as u64, "{what}");
        let whole = self.shelf.open_with(&repaired.bytes).expect(what);
        assert_eq!(damage_of(&whole), [], "{what}");
        assert_eq!(whole.header.rows() + lost as u64, self.leaves.concat().len() as u64, "{what}");
        assert_eq!(
            (whole.header.place, &whole.header.nodes),
            (chunk.header.place, &chunk.header.nodes),
            "{what}"
        );
        let kept = (0..CHUNK_LEAVES).map(|leaf| whole.leaf(leaf).expect(what).clone());
        assert_eq!(kept.collect::<Vec<_>>(), self.summaries, "{what}");
    }
}

#[test]
fn a_flipped_byte_costs_one_page_at_most() {
    let specimen = Specimen::new(&slow_sensor(), &[]);
    let mut random = StdRng::seed_from_u64(4);
    for at in 0..specimen.bytes.len() {
        for flip in [0xFF, 1 << random.random_range(0..8)] {
            let mut damaged = specimen.bytes.clone();
            damaged[at] ^= flip;
            specimen.check_damaged(&damaged, &format!("byte {at} ^ {flip}"));
        }
    }
}

/// As the test before, with some bytes of each kind of part, so that it is quick.
#[test]
fn every_kind_of_part_is_under_a_checksum() {
    // Times that have pages.
    let uneven = slow_sensor().into_iter().zip(0..);
    let uneven = uneven.map(|(it, n)| Observation::new(it.timestamp_ns + n * n % 7, it.value));
    let specimen = Specimen::new(&uneven.collect::<Vec<_>>(), &[]);
    let whole = specimen.shelf.open_with(&specimen.bytes).expect("whole");
    let header = &whole.header;
    let pages = [Column::Times, Column::Values].map(|column| header.page(column, 1));
    let mut parts: Vec<(u64, u32)> = pages.map(|page| (page.offset, page.bytes)).into();
    parts.push((header.sketch.offset, header.sketch.bytes));
    parts.push((header.leaf_offset(1), u32::try_from(LEAF_BYTES).expect("80")));
    for (offset, bytes) in parts {
        assert!(bytes > 0);
        for at in (offset..offset + u64::from(bytes)).step_by(5) {
            let mut damaged = specimen.bytes.clone();
            damaged[usize::try_from(at).expect("small")] ^= 1;
            specimen.check_damaged(&damaged, &format!("byte {at}"));
        }
    }
    // A reader uses a sketch as it is. Only verifying computes it again.
    let sketch = usize::try_from(header.sketch.offset).expect("small");
    let mut damaged = specimen.bytes.clone();
    damaged[sketch] ^= 1;
    let chunk = specimen.shelf.open_with(&damaged).expect("opened");
    chunk.sketch().expect_err("another unit");
}

#[test]
fn a_flipped_byte_of_a_chunk_with_losses_costs_one_page_at_most() {
    let specimen = Specimen::new(&slow_sensor(), &[3..7, 100..101, 1020..1030]);
    for at in 0..specimen.bytes.len() {
        let mut damaged = specimen.bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        let chunk = specimen.shelf.open_with(&damaged).expect("opened");
        assert_ne!(damage_of(&chunk), [], "byte {at}");
        let readable = |leaf| rows_of(&chunk, leaf).is_ok();
        assert!(readable(0) || readable(1), "byte {at}");
        let repaired =
            chunk.repaired(PLACE.predecessor, chunk.header.nodes.clone()).expect("repaired");
        let whole = specimen.shelf.open_with(&repaired.bytes).expect("whole");
        assert_eq!(damage_of(&whole), [], "byte {at}");
    }
}

#[test]
fn a_chunk_cut_short_gives_what_is_left() {
    let specimen = Specimen::new(&slow_sensor(), &[]);
    let whole = specimen.shelf.open_with(&specimen.bytes).expect("whole");
    let (header_bytes, sketch) = (whole.header.header_bytes as usize, whole.header.sketch);
    for length in 0..specimen.bytes.len() {
        for positioned in [true, false] {
            specimen.shelf.put(PLACE.number, &specimen.bytes[..length]);
            let directory = &specimen.shelf.directory;
            match Chunk::open(directory, PLACE.store, PLACE.number, positioned) {
                Ok(chunk) => {
                    assert!(length >= header_bytes);
                    assert_ne!(damage_of(&chunk), []);
                    for leaf in 0..CHUNK_LEAVES {
                        let rows = rows_of(&chunk, leaf).map_err(|damage| damage.lost);
                        let expected = &specimen.leaves[usize::try_from(leaf).expect("small")];
                        match rows {
                            Ok(rows) => assert_eq!(bits(&rows), bits(expected)),
                            Err(_) => assert!((length as u64) < sketch.offset),
                        }
                    }
                }
                Err(error) => {
                    assert!(length < header_bytes, "{length}: {error}");
                    assert_eq!(error.kind(), ErrorKind::Damaged);
                    assert_eq!(error.lost(), PLACE.sequences());
                }
            }
        }
    }
}

#[test]
fn bytes_after_the_end_are_reported_and_cost_nothing() {
    let specimen = Specimen::new(&slow_sensor(), &[]);
    let longer = [&specimen.bytes[..], b"more"].concat();
    specimen.check_damaged(&longer, "longer");
}

#[test]
fn a_chunk_in_the_wrong_place_is_damage() {
    let all = slow_sensor();
    let shelf = Shelf::new();
    let refused = |bytes: &[u8]| {
        let error = shelf.open_with(bytes).expect_err("refused");
        assert_eq!((error.kind(), error.lost()), (ErrorKind::Damaged, PLACE.sequences()));
        error.to_string()
    };
    let another_store = sealed_at(Place { store: 1, ..PLACE }, &all, &[]);
    assert!(refused(&another_store).contains("another store"));
    let another_number = sealed_at(Place { number: 6, ..PLACE }, &all, &[]);
    assert!(refused(&another_number).contains("its number is 6"));
    assert!(refused(&[]).contains("ends too early"));
    assert!(refused(&[0; 4096]).contains("does not begin like a chunk"));
}

/// Times that cannot be compressed, so that all pages have the same length.
fn incompressible() -> Vec<Observation> {
    let mut random = StdRng::seed_from_u64(9);
    let mut any = || Observation::new(random.random(), f64::from(random.random::<f32>()));
    (0..CHUNK).map(|_| any()).collect()
}

#[test]
fn pages_are_valid_in_their_own_place_only() {
    let all = incompressible();
    let specimen = Specimen::new(&all, &[]);
    let chunk = specimen.shelf.open_with(&specimen.bytes).expect("whole");
    let pages = &chunk.header.times.pages;
    let range = |leaf: usize| {
        let start = usize::try_from(pages[leaf].offset).expect("small");
        start..start + pages[leaf].bytes as usize
    };
    assert_eq!(range(0).len(), range(1).len());
    let mut swapped = specimen.bytes.clone();
    swapped[range(0)].copy_from_slice(&specimen.bytes[range(1)]);
    swapped[range(1)].copy_from_slice(&specimen.bytes[range(0)]);
    let swapped = specimen.shelf.open_with(&swapped).expect("opened");
    assert!((0..CHUNK_LEAVES).all(|leaf| rows_of(&swapped, leaf).is_err()));

    for place in [Place { store: 7, ..PLACE }, Place { seal: 7, ..PLACE }] {
        let other = sealed_at(place, &all, &[]);
        assert_eq!(other.len(), specimen.bytes.len());
        // The same page with another checksum in the header.
        assert_eq!(other[range(0)], specimen.bytes[range(0)]);
        let mut mixed = other.clone();
        let header = chunk.header.header_bytes as usize;
        mixed[..header].copy_from_slice(&specimen.bytes[..header]);
        let mixed = specimen.shelf.open_with(&mixed).expect("opened");
        assert!((0..CHUNK_LEAVES).all(|leaf| mixed.stored_leaf(leaf).is_err()), "{place:?}");
    }
}

/// Their checksums are next to them, not in the header.
#[test]
fn summaries_are_valid_in_their_own_place_only() {
    let specimen = Specimen::new(&incompressible(), &[]);
    let whole = specimen.shelf.open_with(&specimen.bytes).expect("whole");
    let range = |leaf: u64| {
        let start = usize::try_from(whole.header.leaf_offset(leaf)).expect("small");
        start..start + LEAF_BYTES
    };
    let mut swapped = specimen.bytes.clone();
    swapped[range(0)].copy_from_slice(&specimen.bytes[range(1)]);
    swapped[range(1)].copy_from_slice(&specimen.bytes[range(0)]);
    let swapped = specimen.shelf.open_with(&swapped).expect("opened");
    assert!((0..CHUNK_LEAVES).all(|leaf| swapped.stored_leaf(leaf).is_err()));
    assert!((0..CHUNK_LEAVES).all(|leaf| swapped.leaf(leaf).is_ok()), "computed from the rows");
}

#[test]
fn an_old_page_in_a_map_is_read_again() {
    let specimen = Specimen::new(&slow_sensor(), &[]);
    let mut damaged = specimen.bytes.clone();
    let at = usize::try_from(specimen.shelf.open().expect("whole").header.sketch.offset);
    damaged[at.expect("small")] ^= 1;
    specimen.shelf.put(PLACE.number, &damaged);
    let directory = &specimen.shelf.directory;
    let chunk = Chunk::open(directory, PLACE.store, PLACE.number, false).expect("opened");
    let path = directory.file_path(&chunk_name(PLACE.number));
    let reads = std::rc::Rc::new(std::cell::Cell::new(0));
    let counted = std::rc::Rc::clone(&reads);
    let watcher = move |seen: &std::path::Path, operation, _: &[u8]| {
        let is_read = operation == Operation::Read && seen == path;
        counted.set(counted.get() + usize::from(is_read));
        Ok(())
    };
    let sketch = watch::with(watcher, || chunk.sketch());
    assert_eq!(sketch.expect_err("damaged").kind(), ErrorKind::Damaged);
    assert!(reads.get() > 0, "it was not read by position");
}

/// Runs `work` with the read number `failing`, and `times` more, failing with this error.
fn with_failing_reads<T>(
    failing: usize,
    times: usize,
    errno: rustix::io::Errno,
    work: impl FnOnce() -> T,
) -> T {
    let mut reads = 0;
    let watcher = move |_: &std::path::Path, operation: Operation, _: &[u8]| {
        reads += usize::from(operation == Operation::Read);
        let fails = operation == Operation::Read && (failing..=failing + times).contains(&reads);
        if fails { Err(errno.into()) } else { Ok(()) }
    };
    watch::with(watcher, work)
}

/// Each part is read by itself, so a failed read means that this part cannot be read.
#[test]
fn an_unreadable_sector_counts_like_a_corrupt_one() {
    let specimen = Specimen::new(&incompressible(), &[]);
    let mut lost_somewhere = false;
    for failing in 1..40 {
        with_failing_reads(failing, 0, rustix::io::Errno::IO, || {
            let chunk = specimen.shelf.open().expect("opened");
            let mut lost = 0;
            let leaves = specimen.leaves.iter().zip(&specimen.summaries);
            for (leaf, (expected, summary)) in (0..).zip(leaves) {
                match rows_of(&chunk, leaf) {
                    Ok(rows) => assert_eq!(bits(&rows), bits(expected)),
                    Err(damage) => {
                        assert!(damage.detail.contains("os error 5"), "{damage}");
                        assert_eq!(damage.lost, PLACE.leaf_sequences(leaf));
                        lost += LEAF;
                    }
                }
                assert_eq!(chunk.leaf(leaf).expect("whole"), summary);
            }
            assert!(lost <= LEAF);
            lost_somewhere |= lost > 0;
        });
        let found = with_failing_reads(failing, 0, rustix::io::Errno::IO, || {
            damage_of(&specimen.shelf.open().expect("opened"))
        });
        assert!(found.len() <= 1, "{found:?}");
    }
    assert!(lost_somewhere);
    let all = with_failing_reads(1, usize::MAX - 1, rustix::io::Errno::IO, || {
        specimen.shelf.open().expect_err("nothing can be read")
    });
    assert_eq!((all.kind(), all.lost()), (ErrorKind::Damaged, PLACE.sequences()));
}

#[test]
fn an_error_of_reading_is_an_error() {
    let specimen = Specimen::new(&incompressible(), &[]);
    for failing in 1..10 {
        let read = with_failing_reads(failing, 0, rustix::io::Errno::NOMEM, || {
            let chunk = specimen.shelf.open()?;
            chunk.leaf(0)?;
            let mut page = Page::default();
            (0..CHUNK_LEAVES).try_for_each(|leaf| chunk.read_page(leaf, Wanted::ROWS, &mut page))
        });
        // Only for the read of all summaries at once is there another way.
        let is_table = failing == 3;
        assert_eq!(read.is_ok(), is_table || failing > 7, "{failing}");
        if let Err(error) = read {
            assert_eq!(error.kind(), ErrorKind::Io);
        }
    }
}

/// Otherwise an error that may pass would give a smaller answer, or a repair would lose data.
#[test]
fn a_summary_that_cannot_be_read_now_is_an_error() {
    let specimen = Specimen::new(&incompressible(), &[]);
    let failing = |work: &dyn Fn(&Chunk) -> crate::error::Result<()>| {
        // Opening takes two reads, the table of the summaries one, each summary one more.
        let error = with_failing_reads(3, 1, rustix::io::Errno::NOMEM, || {
            work(&specimen.shelf.open().expect("opened")).expect_err("not read")
        });
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    };
    failing(&|chunk| chunk.leaf(0).map(drop));
    failing(&|chunk| chunk.leaf_or_damaged(0).map(drop));
    failing(&|chunk| chunk.verify(&mut |_| {}));
    failing(&|chunk| chunk.repaired(PLACE.predecessor, chunk.header.nodes.clone()).map(drop));
}
