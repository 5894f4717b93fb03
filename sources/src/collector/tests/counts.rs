//! The counts that are kept beside a store.

use std::path::{Path, PathBuf};

use super::*;

const NAME: &str = "collector.json";

/// A sink with a directory, that notes what was kept there before each append.
struct Kept {
    directory: PathBuf,
    before: Vec<Record>,
}

impl Kept {
    fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), before: Vec::new() }
    }
}

impl Sink for Kept {
    fn append(&mut self, _: &[Observation]) -> Result<(), Refusal> {
        self.before.push(Record::read(&self.directory).unwrap().unwrap());
        Ok(())
    }

    fn directory(&self) -> Option<&Path> {
        Some(&self.directory)
    }

    fn sync(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

fn of_ten() -> Box<dyn Source> {
    script(Pace::Scheduled, |n| match n {
        4 => Err(SourceError::new("a sensor that stutters")),
        n => Ok(value(n).filter(|_| n < 10)),
    })
}

fn record(directory: &Path) -> Record {
    Record::read(directory).unwrap().unwrap()
}

#[test]
fn counts_are_kept_for_the_run_and_for_all_runs() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Record::read(dir.path()).unwrap(), None);
    let clock = Arc::new(TestClock::default());
    let of_run = Counts { polls: 10, stored: 9, failed: 1, missed: 0 };
    for run in 1..4 {
        clock.pass(3600 * 1000 * MS);
        let mut kept = Kept::new(dir.path());
        collector(&clock).collect("script", of_ten(), &mut kept, &mut |_| {}).unwrap();
        let record = record(dir.path());
        assert_eq!((record.run, record.all.polls, record.all.stored), (of_run, run * 10, run * 9));
        assert_eq!(record.ended.as_deref(), Some("end of the input"));
        assert_eq!(
            (record.source.as_str(), record.interval_ns),
            ("what a test wants", Some(1000 * MS))
        );
        assert_eq!(record.since_ns, 3_600_000_000_000);
        let error = record.last_error.unwrap();
        assert_eq!(error.text, "a sensor that stutters");
        assert_eq!(error.time_ns, record.started_ns + 4_000_000_000);
    }
    assert_eq!(record(dir.path()).all.coverage(), Some(0.9));
}

/// From the first failure in a row until something is stored.
#[test]
fn a_source_that_fails_is_told_from_one_that_has_failed() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::default());
    let mut kept = Kept::new(dir.path());
    let source = script(Pace::Scheduled, |n| match n {
        3 | 4 | 8 => Err(SourceError::new("it stutters")),
        n => Ok(value(n).filter(|_| n < 9)),
    });
    collector(&clock).collect("script", source, &mut kept, &mut |_| {}).unwrap();
    let started_ns = kept.before[0].started_ns;
    let seconds = |ns: Option<i64>| ns.map(|ns| (ns - started_ns) / 1_000_000_000);
    let seen = |record: &Record| (seconds(record.stored_ns), seconds(record.failing_since_ns));
    let before: Vec<_> = kept.before.iter().map(seen).collect();
    // What was kept before the poll of each second that was stored.
    assert_eq!(before[0], (None, None));
    assert!(before.contains(&(Some(2), Some(3))), "{before:?}");
    assert_eq!(before.last().unwrap().1, None, "{before:?}");
    let last = seen(&record(dir.path()));
    assert!(last.1 > last.0, "{last:?}");
}

#[test]
fn counts_are_written_once_a_second_and_are_never_older() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::default());
    let mut kept = Kept::new(dir.path());
    let source = script(Pace::Scheduled, |n| Ok(value(n).filter(|_| n < 1000)));
    let run = collector(&clock).interval(Duration::from_millis(10));
    run.collect("script", source, &mut kept, &mut |_| {}).unwrap();
    let seen: Vec<u64> = kept.before.iter().map(|record| record.run.polls).collect();
    // What a poll finds written is of the last full second or later.
    for (polled, seen) in (0..).zip(&seen) {
        assert!(polled - seen <= 100, "{seen} of {polled}");
    }
    let mut written = seen.clone();
    written.dedup();
    assert_eq!(written.len(), 10, "{written:?}");
    assert!(kept.before.iter().all(|record| record.ended.is_none()));
}

#[test]
fn a_rare_poll_is_written_down_soon_after() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::default());
    let mut kept = Kept::new(dir.path());
    let source = script(Pace::Scheduled, |n| Ok(value(n).filter(|_| n < 3)));
    let run = collector(&clock).interval(Duration::from_secs(3600));
    run.collect("script", source, &mut kept, &mut |_| {}).unwrap();
    let written: Vec<(u64, i64)> =
        kept.before.iter().map(|record| (record.run.polls, record.updated_ns)).collect();
    // At once where the last time is longer ago than a second.
    assert_eq!(written, [(0, 0), (1, 1_000_000_000), (2, 3_600_000_000_000)]);
}

#[test]
fn a_long_error_and_a_garbled_file_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    for garbage in [&b""[..], b"{", b"null", b"\xff\xfe", b"{\"run\": 7}", &[b'['; 100_000]] {
        std::fs::write(dir.path().join(NAME), garbage).unwrap();
        let clock = Arc::new(TestClock::default());
        let source = script(Pace::Scheduled, |n| match n {
            0 => Err(SourceError::new("\u{1}ä".repeat(100_000))),
            n => Ok(value(n).filter(|_| n < 3)),
        });
        let mut kept = Kept::new(dir.path());
        collector(&clock).collect("script", source, &mut kept, &mut |_| {}).unwrap();
        assert_eq!(record(dir.path()).all.polls, 3);
        assert!(std::fs::metadata(dir.path().join(NAME)).unwrap().len() < 8 * 1024);
    }
}

#[test]
fn a_run_is_told_from_one_that_was_cut_off_by_its_lock() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Record::kept_now(dir.path()).unwrap(), 0);
    let clock = Arc::new(TestClock::default());
    let mut kept = Kept::new(dir.path());
    let mut running = 0;
    collector(&clock)
        .collect("script", of_ten(), &mut kept, &mut |_| {
            running += Record::kept_now(dir.path()).unwrap();
        })
        .unwrap();
    assert_eq!(running, 10);
    assert_eq!(Record::kept_now(dir.path()).unwrap(), 0);
}

/// One collects within the other, and a third after both.
#[test]
fn a_second_collector_keeps_its_own_counts_and_none_are_lost() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::default());
    let collect = |on_event: &mut dyn FnMut()| {
        let mut memory = Memory::default();
        let mut kept = Unread(&mut memory, dir.path());
        collector(&clock).collect("script", of_ten(), &mut kept, &mut |_| on_event()).unwrap()
    };
    let mut polls = 0;
    collect(&mut || {
        polls += 1;
        if polls == 5 {
            clock.pass(1000 * MS);
            let mut both = 0;
            collect(&mut || both = Record::kept_now(dir.path()).unwrap());
            assert_eq!(both, 2);
            let record = record(dir.path());
            assert_eq!((record.ended, record.all.polls), (None, 14), "the first goes on");
        }
    });
    assert_eq!(record(dir.path()).all.stored, 18);
    assert_eq!(record(dir.path()).ended.as_deref(), Some("end of the input"));
    let since_ns = record(dir.path()).since_ns;
    collect(&mut || {});
    let last = record(dir.path());
    assert_eq!((last.all.polls, last.all.failed, last.run.polls), (30, 3, 10));
    assert_eq!((last.since_ns, last.started_ns > since_ns), (since_ns, true));
}

#[test]
fn more_collectors_than_there_are_places_collect_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::default());
    let held: Vec<_> =
        std::iter::from_fn(|| crate::collector::place::Place::take(dir.path()).unwrap()).collect();
    assert_eq!((held.len(), Record::kept_now(dir.path()).unwrap()), (8, 8));
    let mut memory = Memory::default();
    let mut kept = Unread(&mut memory, dir.path());
    let report = collector(&clock).collect("script", of_ten(), &mut kept, &mut |_| {}).unwrap();
    assert_eq!((report.stored, memory.stored().len()), (9, 9));
    assert_eq!(Record::read(dir.path()).unwrap(), None);
}

#[test]
fn counts_that_cannot_be_written_hold_up_nothing() {
    let clock = Arc::new(TestClock::default());
    for place in ["/dev/null/none", "/proc"] {
        let mut memory = Memory::default();
        let mut kept = Unread(&mut memory, Path::new(place));
        collector(&clock).collect("script", of_ten(), &mut kept, &mut |_| {}).unwrap();
        assert_eq!(memory.stored().len(), 9);
    }
}

/// A memory with a directory.
struct Unread<'a>(&'a mut Memory, &'a Path);

impl Sink for Unread<'_> {
    fn append(&mut self, observations: &[Observation]) -> Result<(), Refusal> {
        self.0.append(observations)
    }

    fn directory(&self) -> Option<&Path> {
        Some(self.1)
    }

    fn sync(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
