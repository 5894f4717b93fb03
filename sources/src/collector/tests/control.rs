//! Sources that come and go.

use super::*;

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Of a hundred changes the source that stays notices nothing.
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
        // Two seconds of three polls and a bit each, from the moment it was added.
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
    // Other tests run beside this one.
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
