//! Buckets begin where the calendar and the clock of a zone say.

use gaugelog::Observation;
use serde_json::Value;

use super::{Draws, Expected, NOON, SECOND, house, lines, nanoseconds, tool};

#[test]
fn days_are_those_of_the_zone_also_where_clocks_change() {
    // One an hour, from 2026-10-24T22:00Z, midnight in Berlin, where that day has 25 hours.
    let midnight = nanoseconds("2026-10-24T22:00:00Z");
    let hours = |count: i64| (0..count).map(move |n| midnight + n * 3_600 * SECOND);
    let all = hours(49).map(|time| Observation::new(time, 1.0)).collect();
    let dir = house(&[("room", all)]);
    let asked = ["stats", "--every", "day", "--tz", "Europe/Berlin", "--json"];
    let rows = lines(&tool(&asked, &[&dir.path().join("room")]).succeeds());
    let days: Vec<_> =
        rows.iter().map(|row| (row["from"].as_str().unwrap(), &row["count"])).collect();
    assert_eq!(days[0], ("2026-10-25T00:00:00+02:00", &Value::from(25)));
    assert_eq!(days[1], ("2026-10-26T00:00:00+01:00", &Value::from(24)));
    assert_eq!(days.len(), 2);
    for (every, from) in
        [("week", "2026-10-19T00:00:00+02:00"), ("month", "2026-10-01T00:00:00+02:00")]
    {
        let asked = ["stats", "--every", every, "--tz", "Europe/Berlin", "--json"];
        let rows = lines(&tool(&asked, &[&dir.path().join("room")]).succeeds());
        assert_eq!(rows[0]["from"], from);
    }
}

/// Singapore was half an hour apart from today's time in 1970.
#[test]
fn hours_begin_where_the_clock_of_the_zone_shows_them() {
    let dir = house(&[("room", vec![Observation::new(NOON, 1.0)])]);
    for (zone, from) in [
        ("Asia/Singapore", "2026-06-01T20:00:00+08:00"),
        ("Asia/Kathmandu", "2026-06-01T17:00:00+05:45"),
        ("Europe/London", "2026-06-01T13:00:00+01:00"),
    ] {
        let asked = ["stats", "--every", "1h", "--tz", zone, "--json"];
        let rows = lines(&tool(&asked, &[&dir.path().join("room")]).succeeds());
        assert_eq!(rows[0]["from"], from);
    }
}

/// As those of a clock that was not set yet: nearly all of them in 1970, or far later.
#[test]
fn days_of_times_in_disorder_are_those_of_an_independent_computation() {
    const DAY: i64 = 86_400 * SECOND;
    let mut draws = Draws(5);
    let mut draw = |below| i64::try_from(draws.next(below)).unwrap();
    let all: Vec<Observation> = (0..4_000)
        .map(|n| {
            let since = if n % 2 == 0 { 0 } else { NOON };
            Observation::new(since + draw(9 * 86_400) * SECOND, draw(1_000) as f64)
        })
        .collect();
    let dir = house(&[("room", all.clone())]);
    let asked = ["stats", "--every", "day", "--quantile", ".5,.95", "--json"];
    let rows = lines(&tool(&asked, &[&dir.path().join("room")]).succeeds());
    for row in &rows {
        let start = nanoseconds(row["from"].as_str().unwrap());
        assert_eq!(start.rem_euclid(DAY), 0, "{row}");
        Expected::of(all.iter(), start, start + DAY).equals(row);
    }
    assert_eq!(rows.len(), 9 + 10);
}

/// Those of 7 days begin on Thursdays.
#[test]
fn weeks_are_those_of_the_calendar() {
    let dir = house(&[("room", vec![Observation::new(NOON, 1.0)])]);
    for every in ["1w", "2w3d"] {
        let ran = tool(&["stats", "--every", every], &[dir.path()]);
        assert!(ran.status == Some(2) && ran.stderr.contains("write week"), "{ran:?}");
    }
}

/// The first bucket begins before it, and ends where the second one begins.
#[test]
fn a_bucket_of_the_earliest_time_there_can_be_is_cut_off() {
    let times = [i64::MIN, i64::MIN + 86_300 * SECOND, i64::MAX];
    let all = times.into_iter().zip([1.0, 100.0, 5.0]);
    let all = all.map(|(time, value)| Observation::new(time, value)).collect();
    let dir = house(&[("room", all)]);
    for every in ["1d", "day"] {
        let asked = ["stats", "--every", every, "--quantile", ".5", "--json"];
        let rows = lines(&tool(&asked, &[&dir.path().join("room")]).succeeds());
        let medians: Vec<&Value> = rows.iter().map(|row| &row["quantiles"]["0.5"]).collect();
        assert_eq!(medians, [1.0, 100.0, 5.0], "{every}");
    }
}

/// Samoa went over the date line.
#[test]
fn a_date_that_a_zone_left_out_is_no_bucket() {
    let noon = nanoseconds("2011-12-29T22:00:00Z");
    let all = (0..3).map(|n| Observation::new(noon + n * 86_400 * SECOND, 1.0)).collect();
    let dir = house(&[("room", all)]);
    let asked = ["stats", "--every", "day", "--tz", "Pacific/Apia", "--json"];
    let rows = lines(&tool(&asked, &[&dir.path().join("room")]).succeeds());
    let days: Vec<_> = rows.iter().map(|row| row["from"].as_str().unwrap()).collect();
    let expected =
        ["2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00", "2012-01-01T00:00:00+14:00"];
    assert_eq!(days, expected);
}
