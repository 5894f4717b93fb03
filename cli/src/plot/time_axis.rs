//! An axis of time. Ticks fall where a calendar or a clock of its zone has round numbers.

use gaugelog_sources::Zone;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset};

use super::look::Look;
use super::number;

const SECOND: i128 = 1_000_000_000;
const MINUTE: i128 = 60 * SECOND;
const HOUR: i128 = 60 * MINUTE;
const DAY: i128 = 24 * HOUR;

/// Steps of fixed length from a second up, in nanoseconds.
const STEPS: [i128; 22] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    4 * DAY,
    7 * DAY,
    14 * DAY,
];

/// Calendar steps, in months.
const MONTHS: [i32; 11] = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200];

/// The first Monday of the epoch: weeks begin here.
const MONDAY: i128 = 4 * DAY;

/// A linear axis over time.
#[derive(Clone, Debug)]
pub(super) struct TimeAxis {
    first: i128,
    last: i128,
    low: i128,
    high: i128,
    zone: Zone,
    zone_name: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// Nanoseconds.
    Fixed(i128),
    Months(i32),
}

impl TimeAxis {
    /// An axis from the first to the last time and a little beyond both.
    pub(super) fn new(first_ns: i64, last_ns: i64, look: &Look) -> Self {
        let (first, last) = (i128::from(first_ns), i128::from(last_ns.max(first_ns)));
        let margin = match last - first {
            0 => SECOND / 2,
            span => (span / 50).max(20),
        };
        let (low, high) = (first - margin, last + margin);
        let (zone, zone_name) = (look.zone.clone(), look.zone_name(first_ns));
        Self { first, last, low, high, zone, zone_name }
    }

    /// The same axis, on which `width_ns` are a pixel of the `pixels` that it has.
    pub(super) fn on_pixels(self, width_ns: i128, pixels: u32) -> Self {
        let whole = width_ns * i128::from(pixels);
        let low = self.first - (whole - (self.last - self.first)) / 2 / width_ns * width_ns;
        Self { low, high: low + whole, ..self }
    }

    /// The same axis without what is beyond both ends.
    #[cfg(feature = "plot")]
    pub(super) fn exactly(self) -> Self {
        if self.first == self.last {
            return self;
        }
        Self { low: self.first, high: self.last, ..self }
    }

    /// Where a time stands: 0 at the low end, 1 at the high end.
    pub(super) fn fraction(&self, ns: i128) -> f64 {
        self.fraction_of(ns).clamp(-0.5, 1.5)
    }

    fn fraction_of(&self, ns: i128) -> f64 {
        (ns - self.low) as f64 / (self.high - self.low) as f64
    }

    /// Round ticks, at most `ticks_max` of them, or more if one would stand alone: where
    /// each stands, and its label.
    pub(super) fn ticks(&self, ticks_max: u32) -> Vec<(f64, String)> {
        let step = self.step(ticks_max);
        let times = self.times(step);
        times.into_iter().map(|ns| (self.fraction_of(ns), self.label(ns, step))).collect()
    }

    fn times(&self, step: Step) -> Vec<i128> {
        match step {
            Step::Fixed(step) => self.fixed_ticks(step),
            Step::Months(months) => self.month_ticks(months),
        }
    }

    /// A step with two ticks or more: one alone does not say how far time goes.
    fn step(&self, ticks_max: u32) -> Step {
        let steps = (ticks_max..=3 * ticks_max).map(|most| self.step_for(most));
        let mut enough = steps.filter(|step| self.times(*step).len() > 1);
        enough.next().unwrap_or_else(|| self.step_for(ticks_max))
    }

    fn step_for(&self, ticks_max: u32) -> Step {
        let least = (self.high - self.low) / i128::from(ticks_max.max(2)) + 1;
        let mut decimal = 1;
        while decimal < SECOND {
            for step in [decimal, 2 * decimal, 5 * decimal] {
                if step >= least {
                    return Step::Fixed(step);
                }
            }
            decimal *= 10;
        }
        let month = 30 * DAY + DAY / 2;
        if let Some(step) = STEPS.into_iter().find(|&step| step >= least) {
            return Step::Fixed(step);
        }
        let months = MONTHS.into_iter().find(|&n| i128::from(n) * month >= least);
        Step::Months(months.unwrap_or(MONTHS[MONTHS.len() - 1]))
    }

    fn fixed_ticks(&self, step: i128) -> Vec<i128> {
        let origin = if step % (7 * DAY) == 0 { MONDAY } else { 0 };
        let offset = self.offset_at(self.low);
        let first = (self.low + offset - origin).div_euclid(step) * step + origin;
        let mut ticks: Vec<i128> = Vec::new();
        for local in (0..64).map(|i| first + i * step) {
            // Offsets are whole quarters of an hour: below that, none is looked up.
            let ns = if step < HOUR { local - offset } else { self.instant(local) };
            if ns > self.high {
                break;
            }
            if ns >= self.low && ticks.last().is_none_or(|before| *before < ns) {
                ticks.push(ns);
            }
        }
        ticks
    }

    fn month_ticks(&self, step: i32) -> Vec<i128> {
        let from = self.civil(self.low);
        let months = i32::from(from.year()) * 12 + i32::from(from.month()) - 1;
        let first = months.div_euclid(step) * step;
        (0..64)
            .filter_map(|i| self.first_of_month(first + i * step))
            .skip_while(|&ns| ns < self.low)
            .take_while(|&ns| ns <= self.high)
            .collect()
    }

    fn label(&self, ns: i128, step: Step) -> String {
        let label = self.plain_label(ns, step);
        match step {
            Step::Fixed(step) if step < DAY && self.offset(step).is_none() => {
                self.repeated(ns).map_or(label.clone(), |zone| format!("{label} {zone}"))
            }
            _ => label,
        }
    }

    /// What the clock's time is called there, if it shows this time twice: `CEST`, or `+02`.
    fn repeated(&self, ns: i128) -> Option<String> {
        let is_repeated = self.zone.time_zone().to_ambiguous_timestamp(self.civil(ns)).offset();
        if !matches!(is_repeated, AmbiguousOffset::Fold { .. }) {
            return None;
        }
        Some(self.zone.time_zone().to_offset_info(timestamp(ns)).abbreviation().to_owned())
    }

    fn plain_label(&self, ns: i128, step: Step) -> String {
        let time = self.civil(ns);
        match step {
            Step::Months(months) if months % 12 == 0 => time.strftime("%Y").to_string(),
            Step::Months(_) => time.strftime("%b %Y").to_string(),
            Step::Fixed(step) => match self.offset(step) {
                Some(offset) => offset.label(ns, step),
                None if step >= DAY || time.time() == Time::midnight() => date_label(time.date()),
                None if step >= MINUTE => time.strftime("%H:%M").to_string(),
                None if step >= SECOND => time.strftime("%H:%M:%S").to_string(),
                None => {
                    let tail = format!("{:09}", ns.rem_euclid(SECOND));
                    format!("{}.{}", time.strftime("%H:%M:%S"), &tail[..decimals(step)])
                }
            },
        }
    }

    /// Below a tenth of a second, labels count from a round instant before the axis.
    fn offset(&self, step: i128) -> Option<FromInstant> {
        if step >= SECOND / 10 {
            return None;
        }
        let span = self.high - self.low;
        let (round, unit, name) = [(1_000, 1, "ns"), (1_000_000, 1_000, "µs")]
            .into_iter()
            .find(|&(round, _, _)| span < round)
            .unwrap_or((SECOND, 1_000_000, "ms"));
        Some(FromInstant { instant: self.first.div_euclid(round) * round, unit, name })
    }

    /// The axis' title: which day or days, or what the labels count from.
    pub(super) fn title(&self, ticks_max: u32) -> String {
        if let Step::Fixed(step) = self.step(ticks_max)
            && let Some(FromInstant { instant, .. }) = self.offset(step)
        {
            let time = self.civil(instant);
            let part = match instant.rem_euclid(SECOND) {
                0 => String::new(),
                ns if ns % 1_000_000 == 0 => format!(".{:03}", ns / 1_000_000),
                ns => format!(".{:06}", ns / 1_000),
            };
            let (time, zone) = (time.strftime("%Y-%m-%d %H:%M:%S"), &self.zone_name);
            return format!("time after {time}{part} {zone}");
        }
        let (first, last) = (self.civil(self.first).date(), self.civil(self.last).date());
        let time = match self.zone.name() {
            Some(name) => format!("time ({name})"),
            // Its offset is not the same all year.
            None => "local time".to_owned(),
        };
        if first == last {
            format!("{time} on {first}")
        } else {
            format!("{time}, {first} – {last}")
        }
    }

    fn civil(&self, ns: i128) -> DateTime {
        self.zone.time_zone().to_datetime(timestamp(ns))
    }

    fn offset_at(&self, ns: i128) -> i128 {
        i128::from(self.zone.time_zone().to_offset(timestamp(ns)).seconds()) * SECOND
    }

    /// When clocks of the zone show a time, given as if it were one of UTC.
    fn instant(&self, local: i128) -> i128 {
        let shown = Offset::UTC.to_datetime(timestamp(local));
        let instant = self.zone.time_zone().to_timestamp(shown);
        instant.map_or(local, |instant| instant.as_nanosecond())
    }

    /// The first instant of a month, counted from January of the year 0.
    fn first_of_month(&self, months: i32) -> Option<i128> {
        let year = i16::try_from(months.div_euclid(12)).ok()?;
        let month = i8::try_from(months.rem_euclid(12) + 1).ok()?;
        let midnight = Date::new(year, month, 1).ok()?.at(0, 0, 0, 0);
        Some(self.zone.time_zone().to_timestamp(midnight).ok()?.as_nanosecond())
    }
}

/// Labels that count from an instant, in a small unit.
struct FromInstant {
    instant: i128,
    unit: i128,
    name: &'static str,
}

impl FromInstant {
    fn label(&self, ns: i128, step: i128) -> String {
        let since = (ns - self.instant) as f64 / self.unit as f64;
        // A step of 0.5 ms has one decimal, of 0.01 ms two.
        let mut decimals = 0;
        while decimals < 9 && step * 10i128.pow(decimals) % self.unit != 0 {
            decimals += 1;
        }
        format!("{} {}", number::fixed(since, decimals as usize), self.name)
    }
}

fn decimals(step: i128) -> usize {
    let mut decimals = 1;
    while decimals < 9 && step * 10i128.pow(decimals) % SECOND != 0 {
        decimals += 1;
    }
    decimals as usize
}

fn date_label(date: Date) -> String {
    date.strftime("%b %-d").to_string()
}

fn timestamp(ns: i128) -> Timestamp {
    // The margin of an axis reaches some years beyond 64 bits of nanoseconds, a calendar
    // some thousands.
    Timestamp::from_nanosecond(ns).unwrap_or_default()
}

#[cfg(test)]
mod tests;
