//! What a cell means as a time.

use std::borrow::Cow;

use gaugelog_sources::{Ambiguous, SourceError, TimeError, TimeFormat, Zone};
use jiff::civil::Date;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::{Timestamp, ToSpan};

use super::Arguments;

/// How times are written.
#[derive(Clone, Debug)]
pub(super) struct Times {
    /// A form of the calendar; without one, any that is known.
    strftime: Option<String>,
    known: TimeFormat,
}

impl Times {
    pub(super) fn of(arguments: &Arguments) -> Self {
        let zone = arguments.tz.clone().unwrap_or_default();
        let (unit, ambiguous) = (arguments.time_unit, arguments.ambiguous);
        let known = TimeFormat { unit, zone, ambiguous };
        Self { strftime: arguments.time_format.clone(), known }
    }

    /// Whether their form was given.
    pub(super) fn have_form(&self) -> bool {
        self.strftime.is_some()
    }

    /// Whether a form of the calendar was given, which few numbers have by accident. Any number
    /// may count seconds.
    pub(super) fn have_calendar_form(&self) -> bool {
        self.strftime.as_ref().is_some_and(|form| !form.replace("%%", "").contains("%s"))
    }

    /// The time of a cell, in nanoseconds since 1970; the error is in words.
    pub(super) fn parse(&self, text: &str) -> Result<i64, String> {
        let text = text.trim();
        self.read(text).map_err(|why| match (self.change_of_clock(text), &self.strftime) {
            (Some(way_out), _) => why + way_out,
            (None, Some(_)) => why,
            (None, None) => why + "; say how it is written with --time-format or --time-unit",
        })
    }

    /// Whether a cell is written as a time, also where the clock of the zone shows it twice
    /// or never.
    pub(super) fn fits(&self, text: &str) -> bool {
        let text = text.trim();
        self.read(text).is_ok() || self.change_of_clock(text).is_some()
    }

    /// Why a cell is not written as a time.
    pub(super) fn wrong(&self, text: &str) -> Option<String> {
        self.parse(text).err().filter(|_| !self.fits(text))
    }

    /// The way out for a time that the clock of the zone shows twice or never; `None` for
    /// any other text.
    fn change_of_clock(&self, text: &str) -> Option<&'static str> {
        let is_read = |known: TimeFormat| Self { known, ..self.clone() }.read(text).is_ok();
        let known = &self.known;
        if is_read(TimeFormat { ambiguous: Some(Ambiguous::Earlier), ..known.clone() }) {
            return Some(", or choose one with --ambiguous earlier or later");
        }
        let never = "; if that clock was not changed, give --tz its offset, such as +01:00";
        is_read(TimeFormat { zone: Zone::default(), ..known.clone() }).then_some(never)
    }

    fn read(&self, text: &str) -> Result<i64, String> {
        match end_of_day(text) {
            None => self.moment(text),
            Some(midnight) => self.moment(&midnight).and_then(|time_ns| {
                self.next_day(time_ns).ok_or_else(|| format!("{text:?} has no next day"))
            }),
        }
    }

    /// 24 o'clock is 0 o'clock of the next day.
    fn next_day(&self, time_ns: i64) -> Option<i64> {
        let time = Timestamp::from_nanosecond(time_ns.into()).ok()?;
        let day = time.to_zoned_datetime(self.known.zone.time_zone().clone());
        nanoseconds(day.checked_add(1.day()).ok()?.timestamp())
    }

    fn moment(&self, text: &str) -> Result<i64, String> {
        if let Some(form) = &self.strftime {
            return self.of_form(text, form);
        }
        let text = &with_hyphens(text);
        if text.len() == 10
            && text.bytes().filter(|byte| *byte == b'-').count() == 2
            && let Ok(date) = text.parse()
        {
            return self.beginning(date).map_err(|why| no_time(text, why));
        }
        // As spreadsheets write it.
        if text.len() == 16 && text.as_bytes()[13] == b':' {
            return self.known.parse(&format!("{text}:00")).map_err(|why| no_time(text, why));
        }
        self.known.parse(text).map_err(|why| no_time(text, why))
    }

    fn of_form(&self, text: &str, form: &str) -> Result<i64, String> {
        let other = || format!("{text:?} is no time of the form {form}");
        let refused = |why: jiff::Error| format!("{}: {why}", other());
        let read = with_first(BrokenDownTime::parse(form, text).map_err(|_| other())?);
        if let Some(time) = read.timestamp() {
            // What `%s` leaves out of a time before 1970 may be counted in either direction.
            let fraction = read.subsec_nanosecond().unwrap_or(0);
            let is_clear = fraction == 0 || !text.contains('-');
            let time = time.checked_add(fraction.nanoseconds()).ok().filter(|_| is_clear);
            return time.and_then(nanoseconds).ok_or_else(other);
        }
        let (date, clock) = (read.to_date().map_err(refused)?, read.to_time().map_err(refused)?);
        if read.offset().is_some() {
            // Which must be one of the zone, if the text names that too.
            let time = read.to_zoned_datetime().map_err(refused)?;
            return nanoseconds(time.timestamp()).ok_or_else(other);
        }
        let named = read.iana_time_zone().map(|name| self.in_zone(name)).transpose()?;
        let times = named.as_ref().unwrap_or(self);
        let time = match read.hour() {
            None => times.beginning(date),
            Some(_) => times.known.local(date.to_datetime(clock)),
        };
        time.map_err(|why| no_time(text, why))
    }

    /// The same in a zone that a text names.
    fn in_zone(&self, name: &str) -> Result<Self, String> {
        let zone = name.parse().map_err(|error: SourceError| format!("{name:?} is {error}"))?;
        Ok(Self { known: TimeFormat { zone, ..self.known.clone() }, ..self.clone() })
    }

    /// A day alone is its beginning: not always midnight, which some clocks leave out.
    fn beginning(&self, date: Date) -> Result<i64, TimeError> {
        let zone = self.known.zone.time_zone().clone();
        let begun = date.to_zoned_datetime(zone).and_then(|day| day.start_of_day()).ok();
        let begun = begun.and_then(|day| nanoseconds(day.timestamp()));
        begun.ok_or(TimeError::Range)
    }
}

/// The first month for a year alone, and the first day for a month.
fn with_first(mut read: BrokenDownTime) -> BrokenDownTime {
    let names_a_day = read.day().is_some()
        || read.day_of_year().is_some()
        || read.weekday().is_some()
        || read.iso_week().is_some()
        || read.sunday_based_week().is_some()
        || read.monday_based_week().is_some();
    if read.year().is_some() && !names_a_day {
        let month = read.month().unwrap_or(1);
        // Both are in range.
        let _ = read.set_month(Some(month)).and_then(|()| read.set_day(Some(1)));
    }
    read
}

/// `2026/06/01` as `2026-06-01`: with the year first, it can mean nothing else.
fn with_hyphens(text: &str) -> Cow<'_, str> {
    match text.as_bytes() {
        [_, _, _, _, b'/', _, _, b'/', ..] => text.replacen('/', "-", 2).into(),
        _ => text.into(),
    }
}

/// The same time with 0 o'clock for 24 o'clock, which ends a day as in weather files.
fn end_of_day(text: &str) -> Option<String> {
    ["24:00", "24:00:00"].iter().find_map(|end| {
        let day = text.strip_suffix(end)?;
        day.ends_with([' ', 'T']).then(|| format!("{day}00{}", &end[2..]))
    })
}

fn nanoseconds(time: Timestamp) -> Option<i64> {
    i64::try_from(time.as_nanosecond()).ok()
}

fn no_time(text: &str, why: TimeError) -> String {
    format!("the time {text:?} is {why}")
}

#[cfg(test)]
pub(super) fn times(strftime: Option<&str>, unit: Option<gaugelog_sources::TimeUnit>) -> Times {
    let known = TimeFormat { unit, ..TimeFormat::default() };
    Times { strftime: strftime.map(str::to_owned), known }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000_000;

    #[test]
    fn times_are_read_in_the_forms_of_files() {
        for (form, text, expected) in [
            (None, "1970-01-02", DAY),
            (None, "1970-01-02 00:00", DAY),
            (None, "1970-01-02T00:00:00.000000001Z", DAY + 1),
            (Some("%d.%m.%Y"), "02.01.1970", DAY),
            (None, "1970/01/02", DAY),
            (None, "1970/01/02 06:00", DAY + DAY / 4),
            (None, "1970-01-01 24:00", DAY),
            (None, "1970-01-01T24:00:00", DAY),
            (Some("%d.%m.%Y %H:%M"), "31.12.1969 24:00", 0),
            (Some("%Y"), "1970", 0),
            (Some("%Y-%m"), "1970-02", 31 * DAY),
            (Some("%m/%d/%Y %H:%M"), "01/02/1970 01:00", DAY + DAY / 24),
            (Some("%Y-%m-%dT%H:%M:%S%z"), "1970-01-02T01:00:00+0100", DAY),
        ] {
            assert_eq!(times(form, None).parse(text), Ok(expected), "{text}");
        }
        let unit = "ms".parse().ok();
        assert_eq!(times(None, unit).parse("86400000"), Ok(DAY));
        let dates = [(None, "01/02/1970"), (None, "1970-01-01 25:00"), (None, "24:00")];
        for (form, text) in dates {
            assert!(times(form, None).parse(text).is_err(), "{text}");
        }
        for (form, text) in [(None, "noon"), (None, "14"), (Some("%Y"), "x"), (Some("%H"), "12")] {
            assert!(times(form, None).parse(text).is_err(), "{text}");
        }
    }

    fn in_zone(zone: &str, form: Option<&str>, text: &str) -> Result<i64, String> {
        let mut times = times(form, None);
        times.known.zone = zone.parse().unwrap();
        times.parse(text)
    }

    #[test]
    fn a_form_leaves_changes_of_the_clock_as_uncertain_as_they_are() {
        let said = |text| in_zone("Europe/Berlin", Some("%Y-%m-%d %H:%M:%S"), text);
        let twice = said("2026-10-25 02:30:00").unwrap_err();
        assert!(twice.contains("occurs twice in Europe/Berlin"), "{twice}");
        let none = said("2026-03-29 02:30:00").unwrap_err();
        assert!(none.contains("does not exist in Europe/Berlin; if that clock"), "{none}");
        for (form, text) in [(None, "2026-10-25 02:30"), (Some("%d.%m. %H %Y"), "25.10. 02 2026")] {
            let found = in_zone("Europe/Berlin", form, text).unwrap_err();
            assert!(
                found.ends_with("its offset too, or choose one with --ambiguous earlier or later")
            );
        }
        assert_eq!(said("1970-01-02 01:00:00"), Ok(DAY));
        let with_offset = "2026-10-25 02:30:00 +0100";
        let found = in_zone("Europe/Berlin", Some("%Y-%m-%d %H:%M:%S %z"), with_offset);
        assert_eq!(found, Ok(1_792_891_800_000_000_000));
    }

    /// No part of a form may be dropped, which would give each row the same time.
    #[test]
    fn a_form_uses_each_of_its_parts_or_is_refused() {
        const HOUR: i64 = DAY / 24;
        for (form, text, expected) in [
            ("%Y-%m-%d %H:%M %Q", "1970-01-02 01:00 Europe/Berlin", DAY),
            ("%Y-%m-%d %H:%M %Q", "1970-01-02 01:00 +0100", DAY),
            ("%Y-%m-%d %Q", "1970-01-02 Europe/Berlin", DAY - HOUR),
            ("%Y-%m-%d %H:%M %z %Q", "1970-01-02 01:00 +0100 Europe/Berlin", DAY),
            ("%Y-%j", "1972-366", 730 * DAY + 365 * DAY),
            ("%G-W%V-%u", "1970-W01-5", DAY),
            ("%Y-%U-%w", "1970-00-5", DAY),
            ("%a %Y-%m-%d", "Fri 1970-01-02", DAY),
            ("%Y-%m-%d %I %p", "1970-01-02 01 PM", DAY + 13 * HOUR),
            ("%s", "-86400", -DAY),
            ("%s.%f", "86400.123456789", DAY + 123_456_789),
        ] {
            assert_eq!(times(Some(form), None).parse(text), Ok(expected), "{form}: {text}");
        }
        for (form, text) in [
            ("%Y-%j", "2026-366"),
            ("%Y-%U", "2026-22"),
            ("%G-W%V", "2026-W22"),
            ("%Y %d", "2026 30"),
            ("%a %Y", "Mon 2026"),
            ("%a %Y-%m-%d", "Mon 2026-06-02"),
            ("%Y-%m-%d %H:%S", "2026-06-01 10:30"),
            ("%Y-%m-%d %M", "2026-06-01 30"),
            ("%Y-%m-%d %H:%M %Q", "2026-06-01 10:30 Europe/Nowhere"),
            ("%Y-%m-%d %H:%M %Q", "2026-10-25 02:30 Europe/Berlin"),
            ("%Y-%m-%d %H:%M %z %Q", "2026-06-01 10:30 +0500 Europe/Berlin"),
            ("%s.%f", "-1.5"),
        ] {
            let found = times(Some(form), None).parse(text);
            assert!(found.is_err(), "{form}: {text} is {found:?}");
        }
    }

    #[test]
    fn a_day_begins_where_its_midnight_does_not_exist() {
        // One o'clock at UTC-3.
        let expected = Ok(1_788_667_200_000_000_000);
        assert_eq!(in_zone("America/Santiago", None, "2026-09-06"), expected);
        assert_eq!(in_zone("America/Santiago", None, "2026/09/06"), expected);
        assert_eq!(in_zone("America/Santiago", Some("%d.%m.%Y"), "06.09.2026"), expected);
        assert!(in_zone("America/Santiago", None, "2026-09-06 00:30").is_err());
    }
}
