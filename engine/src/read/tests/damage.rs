//! Damage is an error by default. With damage skipped, the rest is read, and all that is
//! missing is listed.

use rand::RngExt;

use super::*;
use crate::ErrorKind;
use crate::error::Damage;
use crate::format::names::log_name;
use crate::format::{CHUNK, LEAF};

const COUNT: usize = 19_000;

fn filled(order: Order, seed: u64) -> Filled {
    let mut random = random(seed);
    Filled::new(series(order, COUNT, &mut random), &mut random)
}

/// What can be read, with its numbers, and what is lost. Both orders of reading agree on
/// it.
fn readable(snapshot: &Snapshot) -> (Vec<(u64, Observation)>, Vec<Range<u64>>) {
    let (mut rows, mut lost) = (Vec::new(), Vec::new());
    for row in snapshot.by_sequence(..) {
        match row {
            Ok(row) => rows.push(row),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Damaged);
                lost.push(error.lost());
            }
        }
    }
    let mut by_time: Vec<Observation> = rows.iter().map(|(_, row)| *row).collect();
    by_time.sort_by_key(|row| row.timestamp_ns);
    let found: Vec<Observation> = snapshot.window(..).iter().filter_map(Result::ok).collect();
    assert!(found == by_time);
    (rows, lost)
}

fn lost_of(missing: &[Damage]) -> Vec<Range<u64>> {
    missing.iter().map(|damage| damage.lost.clone()).collect()
}

/// Checks that everything except `lost` is read, and that `lost` is reported.
fn check(filled: &Filled, lost: &Range<u64>) {
    let strict = filled.snapshot();
    let (rows, reported) = readable(&strict);
    let mut expected = numbered(&filled.rows, 0..lost.start);
    expected.extend(numbered(&filled.rows, lost.end..COUNT as u64));
    assert!(rows == expected);
    assert_eq!(reported, vec![lost.clone()]);
    assert!(strict.missing().is_empty());
    // A caller that stops at the first error has all rows before the damage, and none
    // after it.
    let before = strict.by_sequence(..).take_while(Result::is_ok).count() as u64;
    assert_eq!(before, lost.start);

    let skipping = strict.skip_damage();
    assert_eq!(readable(&skipping), (expected, Vec::new()));
    assert_eq!(lost_of(&skipping.missing()), vec![lost.clone()]);
    let mut values: Vec<f64> = rows.iter().map(|(_, row)| row.value).collect();
    values.sort_by(f64::total_cmp);
    let skipping = strict.skip_damage();
    let exact = skipping.median().expect("read").expect("some");
    // Answered by the sketches if no page had to be read.
    if !skipping.missing().is_empty() {
        let middle = (values.len() - 1) / 2;
        assert_eq!(exact, f64::midpoint(values[middle], values[values.len() / 2]));
        assert_eq!(lost_of(&skipping.missing()), vec![lost.clone()]);
        assert_eq!(strict.median().expect_err("damaged").kind(), ErrorKind::Damaged);
    }
}

#[test]
fn a_flipped_bit_costs_its_page() {
    let mut random = random(31);
    for order in [Order::Ascending, Order::Disordered, Order::Random] {
        let filled = filled(order, 32);
        let (number, length) = (3, std::fs::metadata(filled.chunk_path(3)).expect("there").len());
        let whole = std::fs::read(filled.chunk_path(number)).expect("read");
        let mut pages = 0;
        for _ in 0..30 {
            flip(&filled.chunk_path(number), random.random_range(0..length));
            let found = filled.snapshot().by_sequence(..).find_map(Result::err);
            if let Some(error) = found {
                let first = u64::from(number) * CHUNK;
                let lost = error.lost();
                assert!([first..first + LEAF, first + LEAF..first + CHUNK].contains(&lost));
                check(&filled, &lost);
                pages += 1;
            } else {
                // The byte was in the header, a summary or the sketch, which costs no
                // row.
                assert_eq!(readable(&filled.snapshot()).0.len(), COUNT);
                assert!(filled.snapshot().median().is_ok());
                assert!(filled.snapshot().window(1..200).summary().is_ok());
            }
            std::fs::write(filled.chunk_path(number), &whole).expect("written");
        }
        assert!(pages > 10, "{pages}");
    }
}

#[test]
fn a_missing_chunk_costs_its_rows() {
    for order in [Order::Ascending, Order::Random] {
        for number in [0, 3, 8] {
            let filled = filled(order, 33);
            std::fs::remove_file(filled.chunk_path(number)).expect("removed");
            let first = u64::from(number) * CHUNK;
            check(&filled, &(first..first + CHUNK));
            // The manifest still has the summary of all rows.
            let summary = filled.snapshot().summary().expect("no damaged place is needed");
            assert_eq!(summary.count(), COUNT as u64);
        }
    }
}

#[test]
fn a_window_that_needs_no_damaged_page_is_complete() {
    let filled = filled(Order::Ascending, 34);
    let length = std::fs::metadata(filled.chunk_path(2)).expect("there").len();
    flip(&filled.chunk_path(2), length / 2);
    let snapshot = filled.snapshot().skip_damage();
    let (first, end) = (filled.rows[0].timestamp_ns, filled.rows[COUNT - 1].timestamp_ns);
    for times in [first..=end, first..=first + 999, first + 5..=end - 5] {
        let summary = snapshot.window(times.clone()).summary().expect("read");
        assert_eq!(summary.count(), filled.by_time(&times).len() as u64);
    }
    assert!(snapshot.missing().is_empty());
    let cut = 2 * 20_480 + 5_000..=end;
    snapshot.window(cut.clone()).summary().expect("read around");
    let other = 2 * 20_480 + 15_000..=end;
    snapshot.window(other).summary().expect("read around");
    assert_eq!(snapshot.missing().len(), 1);
}

fn log_path(filled: &Filled) -> std::path::PathBuf {
    let directory = crate::os::disk::Directory::open(&filled.path).expect("opened");
    let record = crate::manifest::read(&directory).expect("read").record;
    filled.path.join(log_name(record.log))
}

#[test]
fn a_corrupt_frame_of_the_log_costs_its_rows() {
    let filled = filled(Order::Disordered, 35);
    let sealed = filled.snapshot().tree().view().sealed_end_sequence();
    assert!(COUNT as u64 - sealed > 100, "some rows are in the log");
    filled.store.sync().expect("synced");
    // Something durable after it, so that the frame is not treated as the torn end.
    filled.store.append_batch(&filled.rows[..1]).expect("appended");
    filled.store.sync().expect("synced");
    let mut filled = filled;
    let again = filled.rows[0];
    filled.rows.push(again);
    flip(&log_path(&filled), 8192 + 40);
    let strict = filled.snapshot();
    let error = strict.by_sequence(..).find_map(Result::err).expect("damage");
    let lost = error.lost();
    assert!(lost.start == sealed && lost.end > sealed);
    assert_eq!(strict.summary().expect_err("damaged").lost(), lost);
    assert_eq!(strict.window(5..).summary().expect_err("damaged").lost(), lost);
    let skipping = strict.skip_damage();
    let expected = COUNT as u64 + 1 - (lost.end - lost.start);
    assert_eq!(skipping.summary().expect("read around").count(), expected);
    assert_eq!(skipping.by_sequence(..).filter(Result::is_ok).count() as u64, expected);
    assert_eq!(skipping.window(..).iter().count() as u64, expected);
    assert!(skipping.median().expect("read around").is_some());
    assert_eq!(lost_of(&skipping.missing()), vec![lost.clone()]);
    assert_eq!(strict.by_sequence(..lost.start).filter(Result::is_err).count(), 0);
    assert_eq!(strict.window(..).iter().filter(Result::is_err).count(), 1);

    // It is still lost when the rest is sealed.
    filled.store.append_batch(&filled.rows).expect("appended");
    let strict = filled.snapshot();
    assert_eq!(strict.summary().expect_err("damaged").lost(), lost);
    let skipping = strict.skip_damage();
    let expected = expected + filled.rows.len() as u64;
    assert_eq!(skipping.summary().expect("read around").count(), expected);
    assert_eq!(skipping.by_sequence(..).filter(Result::is_ok).count() as u64, expected);
    assert_eq!(skipping.window(..).iter().count() as u64, expected);
    assert_eq!(lost_of(&skipping.missing()), vec![lost.clone()]);
    let errors: Vec<_> = strict.by_sequence(..).filter_map(Result::err).collect();
    assert_eq!(errors.iter().map(crate::Error::lost).collect::<Vec<_>>(), [lost]);
}

#[test]
fn a_missing_log_is_reported() {
    let filled = filled(Order::Ascending, 36);
    let sealed = filled.snapshot().tree().view().sealed_end_sequence();
    std::fs::remove_file(log_path(&filled)).expect("removed");
    let snapshot = filled.snapshot();
    let end = snapshot.end_sequence();
    let skipping = snapshot.skip_damage();
    assert_eq!(skipping.by_sequence(..).filter(Result::is_ok).count() as u64, sealed);
    assert_eq!(skipping.summary().expect("read around").count(), sealed);
    assert_eq!(skipping.window(..).iter().count() as u64, sealed);
    if end > sealed {
        assert_eq!(lost_of(&skipping.missing()), vec![(sealed..end)]);
        assert_eq!(snapshot.summary().expect_err("damaged").kind(), ErrorKind::Damaged);
    }
}

#[test]
fn a_link_in_the_place_of_a_chunk_costs_its_rows() {
    let filled = filled(Order::Ascending, 38);
    let (path, aside) = (filled.chunk_path(4), filled.path.join("elsewhere"));
    std::fs::rename(&path, &aside).expect("renamed");
    std::os::unix::fs::symlink(&aside, &path).expect("linked");
    check(&filled, &(4 * CHUNK..5 * CHUNK));
}

/// Two diverged copies of a store; files of one are put into the other.
#[test]
fn files_of_copies_that_went_on_apart_are_noticed() {
    for number in [0, 1, 2, 3, 4] {
        let mut random = random(37);
        let rows = series(Order::Ascending, 10_500, &mut random);
        let store = Filled::new(rows[..500].to_vec(), &mut random);
        let guard = tempfile::tempdir().expect("a directory");
        let copy = Store::open(&store.path).expect("opened");
        let copy_path = guard.path().join("copy");
        copy.copy_to(&copy_path).expect("copied");
        let copy = Store::open(&copy_path).expect("opened");
        store.store.append_batch(&rows[500..]).expect("appended");
        let mut others = rows[500..].to_vec();
        others.iter_mut().for_each(|row| row.value += 1.0);
        copy.append_batch(&others).expect("appended");
        let name = crate::format::names::chunk_name(number);
        std::fs::copy(copy_path.join(&name), store.chunk_path(number)).expect("copied");

        let snapshot = store.snapshot();
        let first = u64::from(number) * CHUNK;
        assert!(snapshot.by_sequence(first..first + 1).any(|row| row.is_err()), "{number}");
        assert!(snapshot.window(..).iter().any(|row| row.is_err()));
        assert_eq!(snapshot.median().expect_err("noticed").kind(), ErrorKind::Damaged);
        // No row of the other copy is returned, and none of its values is counted.
        let skipping = snapshot.skip_damage();
        let mut served = 0;
        for (sequence, row) in skipping.by_sequence(..).map(|row| row.expect("read around")) {
            let at = usize::try_from(sequence).expect("small");
            assert_eq!(row, rows[at]);
            served += 1;
        }
        assert!(served < 10_500);
        assert_eq!(skipping.window(..).iter().count(), served);
        assert!(!skipping.missing().is_empty());
    }
}

/// More places than are listed, each in a chunk of its own.
#[test]
fn every_place_is_an_error_of_both_iterators() {
    for order in [Order::Ascending, Order::Disordered, Order::Random] {
        let mut random = random(39);
        let count = usize::try_from(32 * CHUNK).expect("small") + 100;
        let filled = Filled::new(series(order, count, &mut random), &mut random);
        let mut chunks = 0;
        while let Ok(file) = std::fs::metadata(filled.chunk_path(chunks)) {
            flip(&filled.chunk_path(chunks), file.len() / 2);
            chunks += 1;
        }
        assert!(chunks >= 30, "{chunks}");
        let lost_of_errors = |errors: &mut dyn Iterator<Item = crate::Error>| {
            let mut lost: Vec<Range<u64>> = errors.map(|error| error.lost()).collect();
            lost.sort_by_key(|lost| lost.start);
            lost
        };
        let snapshot = filled.snapshot();
        let by_sequence = lost_of_errors(&mut snapshot.by_sequence(..).filter_map(Result::err));
        assert_eq!(by_sequence.len(), usize::try_from(chunks).expect("small"));
        let by_time = lost_of_errors(&mut snapshot.window(..).iter().filter_map(Result::err));
        assert_eq!(by_time, by_sequence, "{order:?}");
    }
}
