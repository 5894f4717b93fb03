//! A point in time on a command line: `-1h`, `today`, `2026-11-28`, `14:00`, RFC 3339.

use gaugelog_sources::{TimeError, TimeFormat, Zone};
use jiff::civil::Date;
use jiff::{Span, SpanRelativeTo, Timestamp, ZonedDateTime};

const FORMS: &str = "write a time such as -1h, now, today, yesterday, 14:00, 2026-11-28, \
                     \"2026-11-28 14:00\" or 2026-11-28T14:00:00Z";

/// Nanoseconds since 1970. Times without an offset are in `zone`; a day stands for its
/// beginning there.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn parse(text: &str, now: Timestamp, zone: &Zone) -> Result<i64, String> {
    let text = text.trim();
    let here = now.to_zoned_datetime(zone.time_zone().clone());
    if let Some(ago) = text.strip_prefix('-') {
        return before(now, ago);
    }
    match text {
        "now" => return nanoseconds(now),
        "today" => return beginning(&here, here.date()),
        "yesterday" => {
            let yesterday = here.date().yesterday().map_err(|error| error.to_string())?;
            return beginning(&here, yesterday);
        }
        _ => {}
    }
    if is_form(text, "0000-00-00") {
        return beginning(&here, text.parse().map_err(|_| no_such(text))?);
    }
    let full = if is_form(text, "00:00") || is_form(text, "00:00:00") {
        let seconds = if text.len() == 5 { ":00" } else { "" };
        format!("{} {text}{seconds}", here.date())
    } else if is_form(text, "0000-00-00 00:00") || is_form(text, "0000-00-00T00:00") {
        format!("{text}:00")
    } else if text.contains(':') {
        text.to_owned()
    } else {
        // A bare number would be a time in some unit: which one, nobody can see.
        return Err(FORMS.to_owned());
    };
    let format = TimeFormat { zone: zone.clone(), ..TimeFormat::default() };
    format.parse(&full).map_err(|why| match why {
        TimeError::Twice(_) => format!("this is {why}"),
        TimeError::Range | TimeError::Skipped(_) => format!("this is {why}; {FORMS}"),
        _ if is_written_whole(text) => no_such(text),
        _ => FORMS.to_owned(),
    })
}

/// Whether a text has one of the forms: it is no time only where the calendar or the clock has
/// no such day or hour.
fn is_written_whole(text: &str) -> bool {
    let clock = match text.get(..10).filter(|day| is_form(day, "0000-00-00")) {
        Some(_) if text[10..].starts_with([' ', 'T']) => &text[11..],
        Some(_) => return false,
        None => text,
    };
    let clock = clock.strip_suffix('Z').unwrap_or(clock);
    is_form(clock, "00:00") || is_form(clock, "00:00:00")
}

/// What to say of a text of the right form.
fn no_such(text: &str) -> String {
    format!("there is no {text}; {FORMS}")
}

fn before(now: Timestamp, ago: &str) -> Result<i64, String> {
    let span: Span = ago.parse().map_err(|_| FORMS.to_owned())?;
    let span = span.to_duration(SpanRelativeTo::days_are_24_hours());
    let ago = span.ok().filter(|ago| !ago.is_negative()).ok_or(FORMS)?;
    nanoseconds(now.checked_sub(ago).map_err(|_| FORMS.to_owned())?)
}

fn beginning(here: &ZonedDateTime, date: Date) -> Result<i64, String> {
    let midnight =
        date.to_zoned_datetime(here.time_zone().clone()).and_then(|day| day.start_of_day());
    nanoseconds(midnight.map_err(|_| FORMS.to_owned())?.timestamp())
}

fn nanoseconds(time: Timestamp) -> Result<i64, String> {
    i64::try_from(time.as_nanosecond())
        .map_err(|_| "this is a time outside the years 1678 to 2261".to_owned())
}

/// Whether `text` is written like `form`, where 0 stands for any digit.
fn is_form(text: &str, form: &str) -> bool {
    let fits = |(byte, form): (u8, u8)| match form {
        b'0' => byte.is_ascii_digit(),
        _ => byte == form,
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;
    /// 2026-06-01T12:00:00Z.
    const NOON: i64 = 1_780_315_200 * SECOND;
    const HOUR: i64 = 3600 * SECOND;

    fn parse_in(zone: &str, text: &str) -> Result<i64, String> {
        let now = Timestamp::from_nanosecond(NOON.into()).unwrap();
        parse(text, now, &zone.parse().unwrap())
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, expected) in [
            ("now", NOON),
            ("-1h", NOON - HOUR),
            ("-90s", NOON - 90 * SECOND),
            ("-1d12h", NOON - 36 * HOUR),
            ("-2w", NOON - 14 * 24 * HOUR),
            ("today", NOON - 12 * HOUR),
            ("yesterday", NOON - 36 * HOUR),
            ("2026-06-01", NOON - 12 * HOUR),
            ("14:00", NOON + 2 * HOUR),
            ("14:00:30", NOON + 2 * HOUR + 30 * SECOND),
            ("2026-06-01 14:00", NOON + 2 * HOUR),
            ("2026-06-01T14:00", NOON + 2 * HOUR),
            ("2026-06-01T14:00:00.5Z", NOON + 2 * HOUR + SECOND / 2),
            ("2026-06-01T14:00:00+02:00", NOON),
        ] {
            assert_eq!(parse_in("UTC", text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn days_and_clock_times_are_those_of_the_zone() {
        for (text, expected) in [
            ("today", NOON - 14 * HOUR),
            ("2026-06-02", NOON + 10 * HOUR),
            ("14:00", NOON),
            ("2026-06-01 14:00:00", NOON),
            ("-1h", NOON - HOUR),
        ] {
            assert_eq!(parse_in("Europe/Berlin", text), Ok(expected), "{text}");
        }
        // A day that begins at one o'clock: clocks were put forward at midnight.
        let parsed = parse_in("America/Asuncion", "2023-10-01");
        assert_eq!(parsed, Ok(1_696_132_800 * SECOND));
    }

    #[test]
    fn what_is_no_time_is_refused_with_the_forms() {
        for text in [
            "",
            "-",
            "-1",
            "-1x",
            "-1h ago",
            "--1h",
            "noon",
            "12",
            "1780315200",
            "2026-6-1",
            "2026-06-01 1:00",
            "2026-06-01 noon:00",
        ] {
            let found = parse_in("UTC", text);
            assert_eq!(found, Err(FORMS.to_owned()), "{text}");
        }
        for text in [
            "2026-11-31",
            "25:00",
            "12:60:00",
            "2026-11-31 12:00",
            "2026-11-30T24:00",
            "2026-11-31T12:00:00Z",
        ] {
            let found = parse_in("UTC", text);
            assert_eq!(found, Err(format!("there is no {text}; {FORMS}")));
        }
        let found = parse_in("Europe/Berlin", "2026-10-25 02:30").unwrap_err();
        assert_eq!(
            found,
            "this is a time that occurs twice in Europe/Berlin; write its offset too"
        );
        assert!(parse_in("UTC", "-500y").is_err());
        assert!(parse_in("UTC", "1500-01-01").is_err());
    }
}
