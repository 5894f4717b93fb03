//! Sources, collector and a real store together, on the machine's own clocks.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{self, Write};
use std::time::Duration;

use gaugelog::{ErrorKind, Observation, Options, Store};
use gaugelog_sources::{
    Cause, Collector, EndedBy, Event, Lines, Pace, RandomNormal, Reading, Source, SourceError, Stop,
};
use tempfile::TempDir;

fn empty_store() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path().join("store")).unwrap();
    (directory, store)
}

/// The whole content of the store, as another program sees it.
fn contents(store: &Store) -> Vec<Observation> {
    let reader = Store::open_read_only(store.path()).unwrap();
    let snapshot = reader.snapshot().unwrap();
    snapshot.window(..).iter().map(Result::unwrap).collect()
}

fn values(store: &Store) -> Vec<f64> {
    contents(store).iter().map(|observation| observation.value).collect()
}

/// The first few readings of another source. Each has its number as its time.
struct Numbered<S> {
    source: S,
    next: i64,
    count: i64,
}

impl<S: Source> Source for Numbered<S> {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn description(&self) -> String {
        format!("the first {} of {}", self.count, self.source.description())
    }

    fn pace(&self) -> Pace {
        self.source.pace()
    }

    fn poll(&mut self) -> Result<Option<Reading>, SourceError> {
        if self.next == self.count {
            return Ok(None);
        }
        let reading = self.source.poll()?.map(|reading| Reading::at(self.next, reading.value));
        self.next += 1;
        Ok(reading)
    }
}

fn seeded(count: i64) -> Numbered<RandomNormal> {
    let source = RandomNormal::new(14.0, 3.0, Some(42)).unwrap();
    Numbered { source, next: 0, count }
}

#[test]
fn the_simulators_series_is_what_the_store_holds() {
    let (_directory, store) = empty_store();
    let report =
        Collector::new().interval(Duration::ZERO).run(seeded(200), &store, |_| {}).unwrap();
    assert_eq!((report.polls, report.stored, report.missed), (200, 200, 0));
    assert_eq!(report.ended_by, EndedBy::EndOfInput);
    let mut again = seeded(200);
    let expected: Vec<Observation> = std::iter::from_fn(|| again.poll().unwrap())
        .map(|reading| Observation::new(reading.timestamp_ns.unwrap(), reading.value))
        .collect();
    assert_eq!(contents(&store), expected);
}

#[test]
fn every_due_poll_is_made_or_missed() {
    let (_directory, store) = empty_store();
    let source = RandomNormal::new(14.0, 3.0, None).unwrap();
    let report = Collector::new()
        .interval(Duration::from_millis(5))
        .duration(Duration::from_millis(250))
        .run(source, &store, |_| {})
        .unwrap();
    assert_eq!(report.polls + report.missed, 50);
    assert_eq!((report.stored, report.ended_by), (report.polls, EndedBy::Duration));
    assert_eq!(contents(&store).len() as u64, report.stored);
}

#[test]
fn lines_arrive_whole_and_in_order() {
    let (_directory, store) = empty_store();
    let text: String = (0..20_000).map(|n| format!("{n}\n")).collect();
    let source = Numbered { source: Lines::new(io::Cursor::new(text)), next: 0, count: i64::MAX };
    let report = Collector::new().run(source, &store, |_| {}).unwrap();
    assert_eq!((report.stored, report.ended_by), (20_000, EndedBy::EndOfInput));
    assert_eq!(values(&store), (0..20_000).map(f64::from).collect::<Vec<_>>());
}

#[test]
fn a_stop_is_seen_while_input_is_awaited() {
    let (_directory, store) = empty_store();
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(b"14.2\n14.").unwrap();
    let stop = Stop::new();
    let flag = stop.clone();
    let report =
        Collector::new().stop(stop).run(Lines::new(reader), &store, |_| flag.set()).unwrap();
    assert_eq!((report.stored, report.ended_by), (1, EndedBy::Signal));
    assert_eq!(values(&store), [14.2]);
}

#[test]
fn others_append_between_polls() {
    let (_directory, store) = empty_store();
    let other = Options::new().lock_wait(Duration::ZERO).open(store.path()).unwrap();
    Collector::new()
        .interval(Duration::ZERO)
        .run(seeded(10), &store, |event| {
            assert!(matches!(event, Event::Stored(_)), "{event:?}");
            other.append(Observation::new(-1, 0.0)).unwrap();
        })
        .unwrap();
    assert_eq!(contents(&store).len(), 20);
}

#[test]
fn a_locked_store_is_tried_again() {
    let (_directory, holder) = empty_store();
    let store = Options::new().lock_wait(Duration::ZERO).open(holder.path()).unwrap();
    let mut held = Some(holder.writer().unwrap());
    let mut refused = 0;
    let report = Collector::new()
        .interval(Duration::ZERO)
        .run(seeded(3), &store, |event| {
            if let Event::AppendFailed { error, waiting } = event {
                assert_eq!((error.kind(), waiting), (ErrorKind::Locked, 1));
                refused += 1;
                held = None;
            }
        })
        .unwrap();
    assert_eq!((refused, report.stored), (1, 3));
    assert_eq!(contents(&store).len(), 3);
}

#[test]
fn a_store_for_reading_only_ends_the_run() {
    let (_directory, store) = empty_store();
    let store = Store::open_read_only(store.path()).unwrap();
    let error = Collector::new().run(seeded(3), &store, |_| {}).unwrap_err();
    assert!(matches!(&error.cause, Cause::Store(cause) if cause.kind() == ErrorKind::ReadOnly));
    assert_eq!((error.unsaved, error.report.ended_by), (1, EndedBy::Error));
}
