//! How a picture is to look, and what it says of its series.

use gaugelog::{Observation, Summary, Window};
use gaugelog_sources::Zone;
use jiff::Timestamp;

use super::number;
use super::theme::{self, Theme};

/// Width of a picture in pixels, unless asked for another.
pub const WIDTH: u32 = 1200;

/// Height of a picture in pixels, unless asked for another.
pub const HEIGHT: u32 = 675;

/// What a picture shows: a series and what it is called. Without a name it is "value".
#[derive(Clone, Debug)]
pub struct Source {
    /// The name in title, axis and legend.
    pub name: Option<String>,
    /// Its observations.
    pub window: Window,
}

/// Size, colours and words of a picture.
#[derive(Clone, Debug)]
pub struct Look {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Light marks on dark paper.
    pub is_dark: bool,
    /// The zone of times.
    pub zone: Zone,
    /// Takes the place of the title that names the series.
    pub title: Option<String>,
    /// The unit of the values.
    pub unit: Option<String>,
    /// Where the time that is asked for begins.
    pub since: Option<i64>,
    /// Where it ends, as far as it has passed.
    pub until: Option<i64>,
    /// Draw the normal distribution of the same mean and deviation over a distribution.
    pub has_normal: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            width: WIDTH,
            height: HEIGHT,
            is_dark: false,
            zone: Zone::default(),
            title: None,
            unit: None,
            since: None,
            until: None,
            has_normal: false,
        }
    }
}

impl Look {
    pub(super) fn theme(&self) -> &'static Theme {
        if self.is_dark { &theme::DARK } else { &theme::LIGHT }
    }

    /// The title: the one asked for, else `before` the names, `after` them, and the unit.
    pub(super) fn title(&self, before: &str, names: &[Option<&str>], after: &str) -> String {
        if let Some(title) = &self.title {
            return title.clone();
        }
        let named: Vec<&str> = names.iter().copied().flatten().collect();
        let names = match named[..] {
            [] => "observations".to_owned(),
            [.., last] if named.len() > 1 => {
                format!("{} and {last}", named[..named.len() - 1].join(", "))
            }
            [name, ..] => name.to_owned(),
        };
        let unit = self.unit.as_ref().map(|unit| format!(", in {unit}")).unwrap_or_default();
        capital(&format!("{before}{names}{after}{unit}"), named.is_empty() || !before.is_empty())
    }

    /// What the axis of values is called.
    pub(super) fn axis(&self, names: &[Option<&str>]) -> String {
        match (names, &self.unit) {
            ([Some(name)], Some(unit)) => format!("{name} ({unit})"),
            ([Some(name)], None) => (*name).to_owned(),
            (_, Some(unit)) => unit.clone(),
            (_, None) => "value".to_owned(),
        }
    }

    /// What stands in place of data that there is none of.
    pub(super) fn nothing(&self) -> &'static str {
        match (self.since, self.until) {
            (None, None) => "No observations yet",
            _ => "No observations in this time",
        }
    }

    /// From when to when the axis of time goes: all of the time that is asked for, also where
    /// nothing was observed, and all observations.
    pub(super) fn times(&self, (first, last): (i64, i64)) -> (i64, i64) {
        let since = self.since.map_or(first, |since| since.min(first));
        (since, self.until.map_or(last, |until| until.max(last)))
    }

    /// A value in words: all its digits, and the unit.
    pub(super) fn value(&self, value: f64) -> String {
        let unit = self.unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
        format!("{}{unit}", number::exact(value))
    }

    /// A time in words, in the zone, with as many digits as it needs.
    pub(super) fn time(&self, time_ns: i64) -> String {
        let time = Timestamp::from_nanosecond(time_ns.into()).unwrap_or_default();
        let local = self.zone.time_zone().to_datetime(time);
        let seconds = number::trimmed(local.strftime("%Y-%m-%d %H:%M:%S.%9f").to_string());
        format!("{seconds} {}", self.zone_name(time_ns))
    }

    /// `UTC`, `Europe/Berlin`, or an offset.
    pub(super) fn zone_name(&self, time_ns: i64) -> String {
        let time = Timestamp::from_nanosecond(time_ns.into()).unwrap_or_default();
        self.zone.name().unwrap_or_else(|| self.zone.time_zone().to_offset(time).to_string())
    }
}

fn capital(text: &str, is_wanted: bool) -> String {
    let mut letters = text.chars();
    match letters.next().filter(|_| is_wanted) {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => text.to_owned(),
    }
}

/// The statistics that a picture states and marks; what is `None` is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Figures {
    pub(super) count: u64,
    pub(super) first: Option<Observation>,
    pub(super) last: Option<Observation>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) mean: Option<f64>,
    /// Of all the population.
    pub(super) std_dev: Option<f64>,
    /// Exact: no summary holds it, so it is `None` unless set.
    pub(super) median: Option<f64>,
}

/// Fewer observations have no deviation worth a band.
const DEVIATION_COUNT_MIN: u64 = 10;

impl From<&Summary> for Figures {
    fn from(summary: &Summary) -> Self {
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        Self {
            count: summary.count(),
            first: summary.first(),
            last: summary.last(),
            min: finite(summary.min()),
            max: finite(summary.max()),
            mean: finite(summary.mean()),
            std_dev: finite(summary.std_dev()),
            median: None,
        }
    }
}

impl Figures {
    /// Mean and deviation, where there is a band to draw.
    pub(super) fn deviation(&self) -> Option<(f64, f64)> {
        let (mean, deviation) = (self.mean?, self.std_dev?);
        (self.count >= DEVIATION_COUNT_MIN && deviation > 0.0).then_some((mean, deviation))
    }

    /// The one value that all observations have.
    pub(super) fn constant(&self) -> Option<f64> {
        self.min.filter(|min| self.max == Some(*min))
    }

    /// What is said of them, in parts: of one observation its value and time, of equal
    /// ones their value.
    pub(super) fn in_words(&self, look: &Look) -> Vec<String> {
        let Some(first) = self.first else { return Vec::new() };
        if self.count == 1 {
            let (value, time) = (look.value(first.value), look.time(first.timestamp_ns));
            return vec!["1 observation".to_owned(), format!("{value} at {time}")];
        }
        let counted = format!("{} observations", number::count(self.count));
        if let Some(value) = self.constant() {
            return vec![format!("{counted}, all equal to {}", look.value(value))];
        }
        let named = [
            ("mean", self.mean),
            ("std dev", self.std_dev),
            ("median", self.median),
            ("min", self.min),
            ("max", self.max),
        ];
        let figure = |(name, value): (&str, Option<f64>)| {
            let fine = self.std_dev.filter(|_| name != "std dev");
            value.map(|value| format!("{name} {}", number::figure(value, fine)))
        };
        std::iter::once(counted).chain(named.into_iter().filter_map(figure)).collect()
    }
}
