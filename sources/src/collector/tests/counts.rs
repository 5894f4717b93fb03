//! The counts that are kept in a store's directory.

use std::path::Path;

use super::*;

const NAME: &str = "collector.json";

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
        let memory = Memory::in_directory(dir.path());
        collector(&clock).collect("script", of_ten(), &memory, &mut |_| {}).unwrap();
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
fn a_failing_source_differs_from_one_that_has_failed() {
    let dir = tempfile::tempdir().unwrap();
    let seen = |fails: &'static [u64]| {
        let clock = Arc::new(TestClock::default());
        let source = script(Pace::Scheduled, move |n| match n {
            n if fails.contains(&n) => Err(SourceError::new("it stutters")),
            n => Ok(value(n).filter(|_| n < 9)),
        });
        let memory = Memory::in_directory(dir.path());
        collector(&clock).collect("script", source, &memory, &mut |_| {}).unwrap();
        let record = record(dir.path());
        let seconds = |ns: Option<i64>| ns.map(|ns| (ns - record.started_ns) / 1_000_000_000);
        (seconds(record.stored_ns), seconds(record.failing_since_ns))
    };
    assert_eq!(seen(&[3, 4]), (Some(9), None));
    assert_eq!(seen(&[3, 7, 8]), (Some(6), Some(7)));
    assert_eq!(seen(&[0, 1, 2, 3, 4, 5, 6, 7, 8]).1, Some(0));
}

/// The content of the file in the store, without the live state.
fn kept(directory: &Path) -> Option<Record> {
    let text = std::fs::read(directory.join(NAME)).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Waits until the writing thread has caught up.
#[track_caller]
fn wait_until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..30_000 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("not within half a minute");
}

#[test]
fn the_store_is_written_every_ten_minutes_and_the_live_state_within_two_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::default());
    let path = dir.path().to_owned();
    let source = script(Pace::Scheduled, move |n| {
        if n == 0 {
            wait_until(|| kept(&path).is_some());
        }
        if n > 2 {
            // `status` shows the state of at most two seconds ago.
            wait_until(|| record(&path).run.polls >= n - 2);
        }
        let kept = kept(&path).unwrap();
        let in_memory = kept.live.is_some();
        assert!(!in_memory || kept.run.polls <= n / 600 * 600, "{n}: {kept:?}");
        if in_memory && n > 600 {
            wait_until(|| self::kept(&path).unwrap().run.polls >= n / 600 * 600 - 2);
        }
        Ok(value(n).filter(|_| n < 700))
    });
    let memory = Memory::in_directory(dir.path());
    collector(&clock).collect("script", source, &memory, &mut |_| {}).unwrap();
    let last = kept(dir.path()).unwrap();
    assert_eq!((last.run.polls, last.ended.as_deref()), (700, Some("end of the input")));
    assert!(last.live.is_none_or(|live| !live.exists()), "it is removed at the end");
}

#[test]
fn where_observations_are_held_the_store_is_written_every_hour() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::default());
    let path = dir.path().to_owned();
    let source = script(Pace::Scheduled, move |n| {
        if n == 0 {
            wait_until(|| kept(&path).is_some());
        }
        if n > 2 {
            // The writing thread must have caught up.
            wait_until(|| record(&path).run.polls >= n - 2);
        }
        let kept = kept(&path).unwrap();
        assert!(kept.live.is_none() || kept.run.polls <= n / 3600 * 3600, "{n}: {kept:?}");
        Ok(value(n).filter(|_| n < 700))
    });
    let memory = Memory::in_directory(dir.path());
    let held = collector(&clock).hold(Duration::from_secs(60));
    held.collect("script", source, &memory, &mut |_| {}).unwrap();
    assert_eq!(kept(dir.path()).unwrap().run.polls, 700);
}

#[test]
fn a_turn_for_the_worse_is_written_down_within_a_minute() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::default());
    let path = dir.path().to_owned();
    let source = script(Pace::Scheduled, move |n| {
        let is_failing = (100..200).contains(&n);
        if n == 110 || n == 210 {
            wait_until(|| kept(&path).is_some_and(|kept| kept.run.polls > n - 11));
        }
        match is_failing {
            true => Err(SourceError::new("no")),
            false => Ok(value(n).filter(|_| n < 300)),
        }
    });
    let memory = Memory::in_directory(dir.path());
    // Without waits after failures it is polled at each tick.
    let run = collector(&clock).retry_max(Duration::ZERO);
    run.collect("script", source, &memory, &mut |_| {}).unwrap();
    assert_eq!(record(dir.path()).run.failed, 100);
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
        let memory = Memory::in_directory(dir.path());
        collector(&clock).collect("script", source, &memory, &mut |_| {}).unwrap();
        assert_eq!(record(dir.path()).all.polls, 3);
        assert!(std::fs::metadata(dir.path().join(NAME)).unwrap().len() < 8 * 1024);
    }
}

#[test]
fn a_pipe_or_a_link_in_place_of_a_file_is_an_error_and_nothing_is_overwritten() {
    let target = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(target.path(), "precious").unwrap();
    for name in ["collector.json", "collector.lock", "collector.json.new"] {
        for is_pipe in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(name);
            match is_pipe {
                true => rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap(),
                false => std::os::unix::fs::symlink(target.path(), &path).unwrap(),
            }
            let clock = Arc::new(TestClock::default());
            let memory = Memory::in_directory(dir.path());
            collector(&clock).collect("script", of_ten(), &memory, &mut |_| {}).unwrap();
            assert_eq!(memory.stored().len(), 9);
            assert_eq!(std::fs::read(target.path()).unwrap(), b"precious");
            if name == "collector.lock" {
                let error = Record::kept_now(dir.path()).unwrap_err().to_string();
                assert!(error.contains("remove or rename it"), "{error}");
            }
        }
    }
}

#[test]
fn the_lock_distinguishes_a_run_from_one_that_was_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Record::kept_now(dir.path()).unwrap(), 0);
    let clock = Arc::new(TestClock::default());
    let memory = Memory::in_directory(dir.path());
    let mut running = 0;
    collector(&clock)
        .collect("script", of_ten(), &memory, &mut |_| {
            running += Record::kept_now(dir.path()).unwrap();
        })
        .unwrap();
    assert_eq!(running, 10);
    assert_eq!(Record::kept_now(dir.path()).unwrap(), 0);
}

/// One collector runs within the other, and a third after both.
#[test]
fn a_second_collector_keeps_its_own_counts_and_none_are_lost() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::default());
    let collect = |on_event: &mut dyn FnMut()| {
        let memory = Memory::in_directory(dir.path());
        collector(&clock).collect("script", of_ten(), &memory, &mut |_| on_event()).unwrap()
    };
    let mut polls = 0;
    collect(&mut || {
        polls += 1;
        if polls == 5 {
            let mut both = 0;
            collect(&mut || both = Record::kept_now(dir.path()).unwrap());
            assert_eq!(both, 2);
            let record = record(dir.path());
            assert_eq!(record.ended, None, "the first goes on");
            assert!(record.all.polls >= 10, "the second is counted");
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
    let memory = Memory::in_directory(dir.path());
    let report = collector(&clock).collect("script", of_ten(), &memory, &mut |_| {}).unwrap();
    assert_eq!((report.stored, memory.stored().len()), (9, 9));
    assert_eq!(Record::read(dir.path()).unwrap(), None);
}

#[test]
fn counts_that_cannot_be_written_hold_up_nothing() {
    let clock = Arc::new(TestClock::default());
    for place in ["/dev/null/none", "/proc"] {
        let memory = Memory::in_directory(Path::new(place));
        collector(&clock).collect("script", of_ten(), &memory, &mut |_| {}).unwrap();
        assert_eq!(memory.stored().len(), 9);
    }
}
