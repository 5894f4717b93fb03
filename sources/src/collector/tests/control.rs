//! Sources that are added and removed.

use super::*;

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// A hundred changes do not affect the source that stays.
#[test]
fn sources_are_replaced_and_the_others_go_on() {
    let clock = Arc::new(TestClock::default());
    let control = Control::new();
    let stays = Memory::default();
    let others: Vec<Memory> = (0..100).map(|_| Memory::default()).collect();
    let mut began = Vec::new();
    let source = script(Pace::Scheduled, {
        let (control, others) = (control.clone(), others.clone());
        move |n| {
            let at = usize::try_from(n).unwrap();
            if let Some(memory) = others.get(at) {
                let source = script(Pace::Scheduled, |n| Ok(value(n)));
                let name = format!("other {n}");
                let feed = Feed::into_sinks(source, vec![(&name, memory.sink())]);
                control.add(feed.interval(Duration::from_millis(300)));
            }
            if n > 1 {
                control.remove(format!("other {}", n - 2));
            }
            Ok(value(n))
        }
    });
    let feed = Feed::into_sinks(source, vec![("stays", stays.sink())]);
    let run = collector(&clock).control(control).duration(Duration::from_secs(120));
    let outcomes = run.run_all(vec![feed], |at, event| {
        if let (Event::Stored(_), true) = (event, at > 0 && !began.contains(&at)) {
            began.push(at);
        }
    });
    let report = *outcomes[0].as_ref().unwrap();
    assert_eq!((report.polls, report.missed, stays.values().len()), (120, 0, 120));
    assert_eq!(began, (1..=100).collect::<Vec<_>>());
    for (outcome, memory) in outcomes[1..].iter().zip(&others) {
        let report = outcome.as_ref().unwrap();
        assert_eq!((report.ended_by, report.missed), (EndedBy::Removed, 0));
        // Two seconds of three polls and a little more, from the moment it was added.
        assert_eq!((report.stored, memory.values().len()), (7, 7), "{report:?}");
    }
}

#[test]
fn no_thread_is_left_of_what_was_removed_and_what_was_held_is_stored() {
    let clock = Arc::new(TestClock::default());
    let control = Control::new();
    let memory = Memory::default();
    let most = Arc::new(AtomicUsize::new(0));
    let source = script(Pace::Scheduled, {
        let (control, memory, most) = (control.clone(), memory.clone(), Arc::clone(&most));
        move |n| {
            most.fetch_max(threads(), Ordering::SeqCst);
            let source = script(Pace::Scheduled, |n| Ok(value(n)));
            control.add(Feed::into_sinks(source, vec![("other", memory.sink())]));
            control.remove("other");
            Ok(value(n))
        }
    });
    let feed = Feed::into_sinks(source, vec![("stays", Memory::default().sink())]);
    let before = threads();
    let run = collector(&clock).hold(Duration::from_secs(3600)).control(control);
    let outcomes = run.duration(Duration::from_secs(500)).run_all(vec![feed], |_, _| {});
    assert_eq!(outcomes.len(), 501);
    // Other tests run at the same time.
    let most = most.load(Ordering::SeqCst);
    assert!(most < before + 200, "{most} threads, {before} before");
}

#[test]
fn what_is_asked_for_before_a_run_is_done_and_the_stop_ends_it() {
    let clock = Arc::new(TestClock::default());
    clock.stop_at_ns.store(2500 * MS, Ordering::SeqCst);
    let control = Control::new();
    let memory = Memory::default();
    let source = script(Pace::Scheduled, |n| Ok(value(n)));
    control.add(Feed::into_sinks(source, vec![("late", memory.sink())]));
    let outcomes = collector(&clock).control(control).run_all(Vec::new(), |_, _| {});
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0].as_ref().unwrap().ended_by, EndedBy::Signal);
    assert_eq!(memory.values(), [0.0, 1.0, 2.0]);
}

#[test]
fn lines_are_removed_too() {
    let clock = Arc::new(TestClock::default());
    let control = Control::new();
    let (_keeps_it_blocked, blocks) = mpsc::channel::<()>();
    let source = script(Pace::Own, {
        let control = control.clone();
        move |n| {
            if n == 10 {
                control.remove("lines");
                let _ = blocks.recv();
            }
            Ok(value(n))
        }
    });
    clock.stop_at_ns.store(1000 * MS, Ordering::SeqCst);
    let memory = Memory::default();
    let feed = Feed::into_sinks(source, vec![("lines", memory.sink())]);
    let outcomes = collector(&clock).control(control).run_all(vec![feed], |_, _| {});
    assert_eq!(outcomes[0].as_ref().unwrap().stored, 10);
}

/// A hundred changes of one source do not affect nineteen others, and its counts go on.
#[test]
fn counts_go_on_where_a_source_is_replaced() {
    let clock = Arc::new(TestClock::default());
    let control = Control::new();
    let dir = tempfile::tempdir().unwrap();
    let memory = Memory::in_directory(dir.path());
    let changing = {
        let memory = memory.clone();
        move || {
            let source = script(Pace::Scheduled, |n| Ok(value(n)));
            let feed = Feed::into_sinks(source, vec![("changes", memory.sink())]);
            feed.interval(Duration::from_millis(300))
        }
    };
    let mut feeds = vec![changing()];
    let stays: Vec<Memory> = (0..19).map(|_| Memory::default()).collect();
    for (at, memory) in stays.iter().enumerate() {
        let (control, changing) = (control.clone(), changing.clone());
        let source = script(Pace::Scheduled, move |n| {
            if at == 0 && (1..=100).contains(&n) {
                control.remove("changes").wait();
                control.add(changing());
            }
            Ok(value(n))
        });
        feeds.push(Feed::into_sinks(source, vec![("stays", memory.sink())]));
    }
    let run = collector(&clock).control(control).duration(Duration::from_secs(110));
    let outcomes = run.run_all(feeds, |_, _| {});
    assert_eq!(outcomes.len(), 120);
    for (outcome, memory) in outcomes[1..20].iter().zip(&stays) {
        let report = outcome.as_ref().unwrap();
        assert_eq!((report.polls, report.missed, memory.values().len()), (110, 0, 110));
    }
    let replaced = outcomes[..1].iter().chain(&outcomes[20..]);
    let stored: u64 = replaced.map(|outcome| outcome.as_ref().unwrap().stored).sum();
    let record = Record::read(dir.path()).unwrap().unwrap();
    assert_eq!((record.all.stored, memory.stored().len() as u64), (stored, stored));
    assert!(!dir.path().join("collector-2.json").exists());
}

#[test]
fn a_removal_ends_what_a_poll_waits_for() {
    let clock = Arc::new(TestClock::default());
    let control = Control::new();
    let flag = clock.stop.for_one();
    let (seen, waiting) = (Arc::clone(&flag), mpsc::channel());
    let waits = script(Pace::Scheduled, move |_| {
        waiting.0.send(()).unwrap();
        while !seen.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        Err(SourceError::new("it was killed"))
    });
    let removes = script(Pace::Scheduled, {
        let control = control.clone();
        move |n| {
            if n == 0 {
                waiting.1.recv().unwrap();
                control.remove("waits").wait();
            }
            Ok(value(n))
        }
    });
    let (waits_in, removes_in) = (Memory::default(), Memory::default());
    let feeds = vec![
        Feed::into_sinks(waits, vec![("waits", waits_in.sink())]).stop(flag),
        Feed::into_sinks(removes, vec![("removes", removes_in.sink())]),
    ];
    let run = collector(&clock).control(control).duration(Duration::from_secs(3));
    let outcomes = run.run_all(feeds, |_, _| {});
    let report = outcomes[0].as_ref().unwrap();
    assert_eq!((report.ended_by, report.polls, report.failed), (EndedBy::Removed, 0, 0));
    assert_eq!(removes_in.values(), [0.0, 1.0, 2.0]);
}

#[test]
fn a_removal_that_loses_observations_is_reported_once() {
    let clock = Arc::new(TestClock::default());
    let control = Control::new();
    let memory = Memory::refusing(vec![lasting()]);
    let stays = script(Pace::Scheduled, {
        let control = control.clone();
        move |n| {
            if n == 3 {
                control.remove("goes").wait();
            }
            Ok(value(n))
        }
    });
    let goes = script(Pace::Scheduled, |n| Ok(value(n)));
    let feeds = vec![
        Feed::into_sinks(stays, vec![("stays", Memory::default().sink())]),
        Feed::into_sinks(goes, vec![("goes", memory.sink())]).hold(Duration::from_secs(900)),
    ];
    let mut ended = Vec::new();
    let run = collector(&clock).control(control).duration(Duration::from_secs(8000));
    run.run_all(feeds, |at, event| {
        if let Event::Ended(error) = event {
            ended.push((at, error.unsaved > 0));
        }
    });
    assert_eq!(ended, [(1, true)], "and not again an hour later");
}

/// When how much was stored, in milliseconds, by a feed that is added after two and a
/// half seconds.
fn stored_at(own: impl Fn(Feed) -> Feed, poll: Poll) -> Vec<(u64, usize)> {
    let clock = Arc::new(TestClock::default());
    let control = Control::new();
    let added = control.clone();
    let mut feed = Some(own(Feed::into_sinks(
        script(Pace::Scheduled, poll),
        vec![("added", Memory::default().sink())],
    )));
    let adds = script(Pace::Scheduled, move |n| {
        if n == 1
            && let Some(feed) = feed.take()
        {
            added.add(feed);
        }
        Ok(value(n))
    });
    let first = Feed::into_sinks(adds, vec![("adds", Memory::default().sink())]);
    let first = first.interval(Duration::from_millis(2500));
    let mut stored = Vec::new();
    let run = collector(&clock).control(control).duration(Duration::from_secs(40));
    run.run_all(vec![first], |at, event| {
        if let (1, Event::Stored(batch)) = (at, event) {
            stored.push((clock.now_ns() / MS, batch.len()));
        }
    });
    stored
}

type Poll = Box<dyn FnMut(u64) -> Result<Option<Reading>, SourceError> + Send>;

#[test]
fn a_source_is_polled_and_stored_by_its_own_settings() {
    let good = || -> Poll { Box::new(|n| Ok(value(n))) };
    let failing =
        || -> Poll { Box::new(|n| if n < 9 { Err(SourceError::new("no")) } else { Ok(value(n)) }) };
    let ten = |feed: Feed| feed.interval(Duration::from_secs(10));
    assert_eq!(stored_at(ten, good()), [(2500, 1), (12_500, 1), (22_500, 1), (32_500, 1)]);
    let aligned = stored_at(|feed| ten(feed).align(true), good());
    assert_eq!(aligned, [(10_000, 1), (20_000, 1), (30_000, 1)]);
    let held = stored_at(|feed| ten(feed).hold(Duration::from_secs(15)), good());
    assert_eq!(held, [(17_500, 2), (32_500, 2)], "and at the end");
    let jittered = stored_at(|feed| ten(feed).jitter(7), good());
    assert_eq!(jittered.len(), 4);
    assert!(jittered[0].0 > 2500 && jittered[0].0 < 12_500, "{jittered:?}");
    // Nine failures, a second apart, and not 2, 4, 8, … seconds.
    let second = Duration::from_secs(1);
    assert_eq!(stored_at(|feed| feed.retry_max(second), failing())[0], (11_500, 1));
    assert!(stored_at(|feed| feed, failing()).is_empty());
}

#[test]
fn stores_are_synced_together_with_those_of_the_same_hold_alone() {
    let clock = Arc::new(TestClock::default());
    let mut stored = vec![Vec::new(); 4];
    let feeds = [10, 10, 30, 0].map(|hold| {
        let source = script(Pace::Scheduled, |n| Ok(value(n)));
        let feed = Feed::into_sinks(source, vec![("held", Memory::default().sink())]);
        if hold > 0 { feed.hold(Duration::from_secs(hold)) } else { feed }
    });
    let run = collector(&clock).duration(Duration::from_secs(35));
    run.run_all(feeds.into(), |at, event| {
        if let Event::Stored(_) = event {
            stored[at].push(clock.now_ns() / MS / 1000);
        }
    });
    assert_eq!((stored[0][0], &stored[0]), (10, &stored[1]));
    assert_eq!(stored[2][0], 30);
    assert_eq!(stored[3].len(), 35);
}
