//! Receivers that fail, refuse, or are none.

use super::*;

/// Each message fails once before it is taken, in another way.
#[test]
fn what_can_pass_is_waited_for() {
    let bench = Bench::holding(75_000);
    let mut is_second = false;
    let mut failures = [
        Act::Answer(500, "", "on fire"),
        Act::Answer(429, "Retry-After: 1\r\n", ""),
        Act::Garbage,
        Act::Nothing,
        Act::Half,
        Act::TakeAndDie,
        Act::Answer(503, "", ""),
        Act::TakeAndDie,
    ]
    .into_iter();
    let receiver = Receiver::start(move |_| {
        is_second = !is_second;
        if is_second { failures.next().unwrap_or(Act::Take) } else { Act::Take }
    });
    let ran = bench.once(&receiver);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(receiver.samples(), samples(0..75_000));
    // What was taken by one that died before it answered is sent again, and nothing else.
    assert_eq!(receiver.again(), 20_000);
    for said in ["status 500: on fire", "status 429", "does not speak HTTP", "it answers again"] {
        assert!(ran.stderr.contains(said), "no {said:?} in {ran:?}");
    }
    assert!(!ran.stderr.contains('\u{1b}'), "{ran:?}");
}

#[test]
fn a_receiver_that_answers_too_late_is_asked_again() {
    let bench = Bench::holding(5);
    let receiver = Receiver::start(|message| match message.number {
        0 => Act::TakeSlowly(Duration::from_secs(2)),
        _ => Act::Take,
    });
    let ran = bench.forward(&receiver, &["--once", "--timeout", "500ms"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("it took longer than 500ms"), "{ran:?}");
    assert_eq!(receiver.samples(), samples(0..5));
    assert!(receiver.again() >= 1);
}

/// With the first failure it is known that the next try would be too late.
#[test]
fn a_run_that_is_to_end_once_ends_where_the_receiver_is_away() {
    let bench = Bench::holding(5);
    let receiver = Receiver::start(|_| Act::Answer(503, "Retry-After: 90\r\n", ""));
    let ran = bench.once(&receiver);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("not sent: status 503; nothing is lost"), "{ran:?}");
    receiver.behave(|_| Act::Take);
    succeeded(&bench.once(&receiver));
    assert_eq!(receiver.samples(), samples(0..5));
}

#[test]
fn what_is_refused_is_found_and_listed_and_the_rest_arrives() {
    let bench = Bench::holding(25_000);
    let bad: [u64; 4] = [0, 11_111, 11_112, 24_999];
    let receiver = Receiver::start(move |message| {
        let is_bad = bad.iter().any(|at| message.has(sample(*at).1));
        if is_bad { Act::Answer(400, "", "I do not like \u{1b}this") } else { Act::Take }
    });
    let ran = bench.once(&receiver);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("24,996 sent, 4 refused"), "{ran:?}");
    assert!(ran.stderr.contains("status 400: I do not like \\u{1b}this"), "{ran:?}");
    let arrived: Vec<u64> = (0..25_000).filter(|at| !bad.contains(at)).collect();
    assert_eq!(receiver.samples(), arrived.into_iter().map(sample).collect::<Vec<_>>());
    let listed = bench.refused(&receiver);
    let sequences: Vec<u64> = listed.iter().map(|it| it["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, bad);
    assert_eq!(listed[1]["time"], "2026-06-01T15:05:11Z");
    assert_eq!(listed[1]["value"], 1111.1);
    let cursor = bench.cursor(&receiver);
    assert_eq!((&cursor["sent"], &cursor["refused"]), (&24_996.into(), &4.into()));
    // They are not sent again.
    let messages = receiver.messages();
    assert_eq!(bench.once(&receiver).status, Some(0));
    assert_eq!(receiver.messages(), messages);
}

#[test]
fn a_series_that_is_refused_costs_no_other() {
    let bench = Bench::holding(100);
    append(&bench.dir.path().join("hall.log"), 0..30_000);
    let receiver = Receiver::start(|message| {
        let is_bad = |(_, value): &(String, String)| value == "room";
        match message.series.iter().flat_map(|it| &it.labels).any(is_bad) {
            true => Act::Answer(400, "", "no such series here"),
            false => Act::Take,
        }
    });
    let ran = bench.forward(&receiver, &["hall.log", "--once"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("30,000 sent, 100 refused"), "{ran:?}");
    assert_eq!(receiver.samples(), samples(0..30_000));
    let refused = bench.refused(&receiver);
    assert_eq!((refused.len(), &refused[99]["sequence"]), (100, &99.into()));
    assert_eq!(refused[0]["why"], "status 400: no such series here");
}

#[test]
fn the_setting_for_old_samples_is_named() {
    let bench = Bench::holding(2);
    let receiver = Receiver::start(|message| match message.has(sample(0).1) {
        true => Act::Answer(400, "", "out of order sample"),
        false => Act::Take,
    });
    let ran = bench.once(&receiver);
    assert_eq!(ran.status, Some(1));
    assert!(ran.stderr.contains("storage.tsdb.out_of_order_time_window"), "{ran:?}");
}

/// The oldest goes ahead alone, so that it is said before the rest is gone.
#[test]
fn a_receiver_that_drops_what_is_old_is_named() {
    let bench = Bench::holding(3);
    let receiver = Receiver::start(|message| match message.has(sample(0).1) {
        true => Act::Drop,
        false => Act::Take,
    });
    let ran = bench.once(&receiver);
    assert!(ran.stderr.contains("of 2026-06-01T12:00:00Z, and dropped it"), "{ran:?}");
    assert!(ran.stderr.contains("-retentionPeriod"), "{ran:?}");
    assert_eq!(receiver.samples(), samples(1..3));
    // One that keeps everything is blamed for nothing.
    let bench = Bench::holding(3);
    let receiver = Receiver::start(|_| Act::Take);
    assert!(!bench.once(&receiver).stderr.contains("retentionPeriod"));
}

/// Not one observation is given up to a server that would take none.
#[test]
fn what_is_no_receiver_costs_nothing() {
    for (act, said) in [
        (Act::Answer(404, "", "page not found"), "is it the address of remote write"),
        (Act::Answer(401, "", ""), "--bearer-token-file"),
        (Act::Answer(400, "", "what?"), "it may be no receiver of remote write"),
        (Act::Answer(301, "Location: http://me:pw@elsewhere/?key=1\r\n", ""), "it redirects to"),
        (Act::Answer(415, "", ""), "try the other --protocol"),
    ] {
        let bench = Bench::holding(3);
        let receiver = Receiver::start(move |_| act);
        let ran = bench.once(&receiver);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
        assert!(ran.stderr.contains(said), "no {said:?} in {ran:?}");
        assert!(!ran.stderr.contains("pw") && !ran.stderr.contains("key=1"), "{ran:?}");
        // Retention is to wait for it.
        assert_eq!(bench.cursor(&receiver)["next"], 0);
        assert!(bench.refused(&receiver).is_empty());
        receiver.behave(|_| Act::Take);
        succeeded(&bench.once(&receiver));
        assert_eq!(receiver.samples(), samples(0..3));
    }
}

#[test]
fn a_wrong_command_line_is_named_and_shows_no_secret() {
    let bench = Bench::holding(1);
    for (to, said) in [
        ("http://me:hunter2@h:x/", "it is no address"),
        ("ftp://h/", "neither http: nor https:"),
        ("http://h/#x", "no #"),
    ] {
        let ran = ran(bench.dir.path(), &["forward", "room.log", "--to", to]);
        assert!(ran.status == Some(1) && ran.stderr.contains(said), "{to}: {ran:?}");
        assert!(!ran.stderr.contains("hunter2"), "{ran:?}");
    }
    let ran = ran(bench.dir.path(), &["forward", "none", "--to", "http://127.0.0.1:9/"]);
    ran.fails_naming(&["none", "a folder with stores in it"]);
}
