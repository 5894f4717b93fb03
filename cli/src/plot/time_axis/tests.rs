use jiff::tz::TimeZone;

use super::*;

/// 2021-06-01T12:00:00Z.
const NOON: i64 = 1_622_548_800_000_000_000;

fn axis(span_ns: i128) -> (String, String) {
    let last = NOON + i64::try_from(span_ns).expect("fits");
    let axis = TimeAxis::new(NOON, last, &Look::default());
    let ticks: Vec<_> = axis.ticks(8).into_iter().map(|(_, label)| label).collect();
    (axis.title(8), ticks.join(" "))
}

#[test]
fn ticks_are_round_on_clock_and_calendar() {
    for (span, title, ticks) in [
        (
            3_000_000,
            "time after 2021-06-01 12:00:00 UTC",
            "0.0 ms 0.5 ms 1.0 ms 1.5 ms 2.0 ms 2.5 ms 3.0 ms",
        ),
        (
            10 * SECOND,
            "time (UTC) on 2021-06-01",
            "12:00:00 12:00:02 12:00:04 12:00:06 12:00:08 12:00:10",
        ),
        (3 * HOUR, "time (UTC) on 2021-06-01", "12:00 12:30 13:00 13:30 14:00 14:30 15:00"),
        (
            18 * HOUR,
            "time (UTC), 2021-06-01 – 2021-06-02",
            "12:00 15:00 18:00 21:00 Jun 2 03:00 06:00",
        ),
        (
            40 * DAY,
            "time (UTC), 2021-06-01 – 2021-07-11",
            "Jun 7 Jun 14 Jun 21 Jun 28 Jul 5 Jul 12",
        ),
        (1826 * DAY, "time (UTC), 2021-06-01 – 2026-06-01", "2022 2023 2024 2025 2026"),
    ] {
        assert_eq!(axis(span), (title.to_owned(), ticks.to_owned()));
    }
}

#[test]
fn every_span_has_a_few_ticks_inside_and_apart() {
    let mut span: i128 = 0;
    while span < i128::from(i64::MAX) {
        for first in [i64::MIN, -1, 0, NOON + 123_456_789] {
            let last = i64::try_from(i128::from(first) + span).unwrap_or(i64::MAX);
            let axis = TimeAxis::new(first, last, &Look::default());
            for most in [2, 3, 8] {
                let ticks = axis.ticks(most);
                assert!((2..=9).contains(&ticks.len()), "{first} + {span}: {ticks:?}");
                let mut pairs = ticks.windows(2);
                assert!(pairs.all(|t| t[0].0 < t[1].0 && t[0].1 != t[1].1), "{ticks:?}");
                assert!(ticks.iter().all(|&(x, _)| (0.0..=1.0).contains(&x)));
                assert!(!axis.title(most).is_empty());
            }
        }
        span = span * 5 / 3 + 1;
    }
}

#[test]
fn the_whole_of_64_bits_is_an_axis() {
    let axis = TimeAxis::new(i64::MIN, i64::MAX, &Look::default());
    let labels: Vec<_> = axis.ticks(8).into_iter().map(|(_, label)| label).collect();
    assert_eq!(labels.join(" "), "1700 1800 1900 2000 2100 2200");
}

#[test]
fn ticks_are_round_on_the_clocks_of_the_zone() {
    let zone = TimeZone::get("Europe/Berlin").expect("zones are built in");
    let look = Look { zone: zone.into(), ..Look::default() };
    let hour = i64::try_from(HOUR).expect("fits");
    // Clocks go back from 03:00 to 02:00 in this night.
    let evening = 1_792_864_800 * 1_000_000_000;
    let axis = TimeAxis::new(evening, evening + 18 * hour, &look);
    let labels: Vec<_> = axis.ticks(8).into_iter().map(|(_, label)| label).collect();
    assert_eq!(labels.join(" "), "21:00 Oct 25 03:00 06:00 09:00 12:00");
    assert_eq!(axis.title(8), "time (Europe/Berlin), 2026-10-24 – 2026-10-25");
    let axis = TimeAxis::new(evening, evening + 3 * hour, &look);
    let labels: Vec<_> = axis.ticks(4).into_iter().map(|(_, label)| label).collect();
    assert_eq!(labels.join(" "), "20:00 21:00 22:00 23:00");
    let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a zone without a name");
    let axis =
        TimeAxis::new(evening, evening + hour, &Look { zone: zone.into(), ..Look::default() });
    assert_eq!(axis.title(4), "local time on 2026-10-24");
}

/// 02:30 comes twice in this night; at the Lord Howe island half an hour does.
#[test]
fn times_that_the_clock_shows_twice_have_labels_of_their_own() {
    for (zone, from, minutes, expected) in [
        (
            "Europe/Berlin",
            "2026-10-24T23:30:00Z",
            150,
            "01:30 02:00 CEST 02:30 CEST 02:00 CET 02:30 CET 03:00",
        ),
        (
            "Australia/Lord_Howe",
            "2026-04-04T14:20:00Z",
            100,
            "01:30 +11 01:45 +11 01:30 +1030 01:45 +1030 02:00 02:15 02:30",
        ),
    ] {
        let zone = TimeZone::get(zone).expect("zones are built in");
        let from: Timestamp = from.parse().expect("a time");
        let first = i64::try_from(from.as_nanosecond()).expect("fits");
        let last = first + i64::try_from(minutes * MINUTE).expect("fits");
        let axis = TimeAxis::new(first, last, &Look { zone: zone.into(), ..Look::default() });
        let labels: Vec<_> = axis.ticks(8).into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels.join(" "), expected);
    }
}
