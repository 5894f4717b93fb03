use proptest::prelude::*;

use super::*;

/// The readings of lines, one after another.
fn said(time: TimeColumn, lines: &[&str]) -> Vec<Result<Option<Reading>, String>> {
    let mut parser = LineParser::new(LineFormat { time, ..LineFormat::default() });
    lines.iter().map(|line| parser.parse(line)).collect()
}

fn value(value: f64) -> Result<Option<Reading>, String> {
    Ok(Some(Reading::new(value)))
}

fn at(seconds: i64, value: f64) -> Result<Option<Reading>, String> {
    Ok(Some(Reading::at(seconds * 1_000_000_000, value)))
}

fn refused(what: &str) -> Result<Option<Reading>, String> {
    Err(what.to_owned())
}

/// Each of these was once stored as something else than was meant.
#[test]
fn what_is_not_meant_is_refused() {
    for line in [
        "1780315260 ",
        "1780315260",
        "1 234.5",
        "1\u{a0}234.5",
        "1\u{202f}234.5",
        "14.2 60",
        "14.2\u{a0}",
        "\u{2003}14.2",
        "14.2\u{b}",
        "1780315260\u{a0}14.2",
        "1,5",
        "1780315260,14.2",
        "1780315260 14.2 60",
        "2026-06-01T12:00:00Z",
        "14.2\0",
    ] {
        let found = &said(TimeColumn::Auto, &[line])[0];
        assert!(found.is_err(), "{line:?}: {found:?}");
    }
}

#[test]
fn the_first_good_line_decides_what_the_others_are() {
    assert_eq!(
        said(
            TimeColumn::Auto,
            &["warm", "1780315260", "", "1780315200 1", "2", "1780315260\t \t3"]
        ),
        [
            refused("is not a finite number"),
            refused(
                "looks like a time in seconds without its number; --time none takes it for a number"
            ),
            Ok(None),
            at(1_780_315_200, 1.0),
            refused("is one word, and not a time and a number"),
            at(1_780_315_260, 3.0),
        ]
    );
    assert_eq!(
        said(TimeColumn::Auto, &["14.2 60", "14.2", "1780315260", "1780315200 1"]),
        [
            refused(
                "begins with a number that is no time since 1980 in seconds; give its unit with \
                 --time-unit"
            ),
            value(14.2),
            value(1_780_315_260.0),
            refused("has more than one word; lines without a time are read here"),
        ]
    );
}

#[test]
fn what_is_said_decides_before_the_first_line() {
    assert_eq!(
        said(TimeColumn::None, &["1780315260 ", " 5", "1780315200 1"]),
        [
            value(1_780_315_260.0),
            value(5.0),
            refused("has more than one word; lines without a time are read here"),
        ]
    );
    assert_eq!(
        said(TimeColumn::First, &["5", "2026-06-01 12:00:00 5", "2026-06-01 12:00:00"]),
        [
            refused("is one word, and not a time and a number"),
            at(1_780_315_200, 5.0),
            refused("does not end in a finite number"),
        ]
    );
}

#[test]
fn zones_are_names_and_offsets() {
    for text in ["Europe/Berlin", "UTC", "+02:00", "-09:30", "-00:30"] {
        assert_eq!(text.parse::<Zone>().unwrap().to_string(), text);
    }
    for text in ["", "Berlin", "+2", "+02", "02:00", "+99:00", "+02:60", "../../etc/passwd"] {
        assert!(text.parse::<Zone>().is_err(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any line is a finite number or an error.
    #[test]
    fn no_line_panics(
        line in "[-0-9.eE+: \t,TZ]{0,30}|\\PC{0,12}|(17803152[0-9]{2}|2026-06-01[T ]12:00:0[0-9])[.]?[0-9]{0,12}[ \t]{0,2}[-0-9.e]{0,6}",
        unit in prop::sample::select(vec![None, Some(TimeUnit::Seconds), Some(TimeUnit::Nanoseconds)]),
    ) {
        for time in [TimeColumn::Auto, TimeColumn::First, TimeColumn::None] {
            let format = LineFormat { time, unit, zone: "Europe/Berlin".parse().unwrap() };
            match LineParser::new(format).parse(&line) {
                Ok(Some(reading)) => {
                    prop_assert!(reading.value.is_finite());
                    prop_assert_eq!(reading.timestamp_ns.is_some(), line.trim().contains([' ', '\t']));
                    // Without a given unit, no bare number is a time of 1970.
                    if unit.is_none() && !line.contains(':') {
                        prop_assert!(reading.timestamp_ns.is_none_or(|it| it > 300_000_000_000_000_000));
                    }
                }
                Ok(None) => prop_assert!(line.trim_matches([' ', '\t']).is_empty()),
                Err(what) => prop_assert!(!what.is_empty() && !what.contains(char::is_control)),
            }
        }
    }

    /// A time in any unit is read back to the nanosecond.
    #[test]
    fn every_time_is_read_back(timestamp_ns in 315_532_800_000_000_000_i64.., value in -1e300..1e300) {
        let seconds = format!("{}.{:09}", timestamp_ns / 1_000_000_000, timestamp_ns % 1_000_000_000);
        let stamp = jiff::Timestamp::from_nanosecond(timestamp_ns.into()).unwrap();
        let naive = stamp.to_string().replace('T', " ").replace('Z', "");
        for (time, unit) in [
            (seconds, None),
            (timestamp_ns.to_string(), Some(TimeUnit::Nanoseconds)),
            (stamp.to_string(), None),
            (naive, None),
        ] {
            let format = LineFormat { unit, ..LineFormat::default() };
            let found = LineParser::new(format).parse(&format!("{time}\t{value:e} "));
            prop_assert_eq!(found, Ok(Some(Reading::at(timestamp_ns, value))), "{}", time);
        }
    }
}
