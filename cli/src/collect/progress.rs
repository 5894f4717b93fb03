//! What is shown of a source while it is collected: one line that is drawn anew on a
//! terminal, else now and then a plain one. Several have a table on a terminal: [`overview`].
//!
//! [`overview`]: super::overview

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gaugelog::{Store, Summary};
use gaugelog_sources::Event;

use super::overview::Row;
use crate::explain::{self, explained};
use crate::figures::{count, figure, figure_or_dash, plural};
use crate::queue::{self, Place};
use crate::{live, output};

/// A line is drawn anew at most this often.
const REDRAW: Duration = Duration::from_millis(100);
/// Plain lines come after a tenth of the time that has passed, within these bounds:
/// often enough to be watched, few enough to be kept. Several sources have one a minute.
const PLAIN_LEAST: Duration = Duration::from_secs(1);
const PLAIN_MOST: Duration = Duration::from_secs(60);
/// The rate is taken over this many lines shown.
const RATE_LINES: usize = 10;
/// A rate is shown until nothing was stored for as many times the usual while, and no less.
const STALLED_SPANS: u32 = 3;
const STALLED_LEAST: Duration = Duration::from_secs(2);
/// This many bad readings are reported in an hour, the rest is counted.
const TOLD_MOST: u32 = 10;
const TOLD_ANEW: Duration = Duration::from_secs(3600);
pub(super) const DIGITS: usize = 6;

/// Where a source is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shown {
    /// Only what goes wrong is.
    Nowhere,
    /// On one line that is drawn anew.
    Live,
    /// In the table of several.
    Table,
    /// On plain lines.
    Plain,
}

/// Follows the collecting of one value and shows how it does. Nothing here waits: what is
/// to be printed, and the reading of the store for that, is for the [`queue`]'s thread.
pub(super) struct Progress {
    /// None where it could not be opened.
    store: Option<Store>,
    /// What the source is called where there are several.
    name: Option<String>,
    shown: Shown,
    begun: Instant,
    /// When it was shown, and how many were stored then; the oldest first.
    moments: VecDeque<(Instant, u64)>,
    stored: u64,
    failed: u64,
    last: Option<f64>,
    told: u32,
    /// Since when so many were told.
    told_since: Instant,
    /// What the store refuses appends for, once told.
    failing: Option<String>,
}

impl Progress {
    pub(super) fn new(store: Option<Store>, name: Option<String>, shown: Shown) -> Self {
        Self {
            store,
            name,
            shown,
            begun: Instant::now(),
            moments: VecDeque::new(),
            stored: 0,
            failed: 0,
            last: None,
            told: 0,
            told_since: Instant::now(),
            failing: None,
        }
    }

    pub(super) fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Stored(observations) => {
                self.stored += observations.len() as u64;
                if self.failing.take().is_some() {
                    self.warn("observations are stored again");
                }
                self.last = observations.last().map(|it| it.value).or(self.last);
                if self.is_due() {
                    self.show();
                }
            }
            Event::PollFailed(error) => {
                self.failed += 1;
                self.poll_failed(&error.to_string());
            }
            Event::AppendFailed { error, .. } => {
                let why = explained(error);
                if self.failing.as_ref() != Some(&why) {
                    self.warn(&format!("error, trying again each second: {why}"));
                    self.failing = Some(why);
                }
            }
            Event::Ended(error) => {
                self.warn(&format!("error: {}", explain::collecting(error)));
            }
            // Missed polls are in the totals.
            _ => {}
        }
    }

    fn poll_failed(&mut self, why: &str) {
        if self.told_since.elapsed() >= TOLD_ANEW {
            (self.told, self.told_since) = (0, Instant::now());
        }
        if self.told < TOLD_MOST {
            self.told += 1;
            let is_last = self.told == TOLD_MOST;
            let rest = if is_last { " (the rest of the hour is only counted)" } else { "" };
            self.warn(&format!("{why}{rest}"));
        }
    }

    /// How many events changed what is shown in a table.
    pub(super) fn events(&self) -> u64 {
        self.stored + self.failed
    }

    /// Its row in the table.
    pub(super) fn row(&mut self) -> Row {
        if self.moments.back().is_none_or(|(_, stored)| *stored != self.stored) {
            self.remember();
        }
        Row {
            name: self.name.clone().unwrap_or_default(),
            store: self.store.clone(),
            last: self.last,
            rate: self.rate().filter(|_| !self.has_stalled(Instant::now())),
            failed: self.failed,
        }
    }

    fn is_due(&self) -> bool {
        let elapsed = self.begun.elapsed();
        let pause = match self.shown {
            Shown::Nowhere | Shown::Table => return false,
            Shown::Live => REDRAW,
            Shown::Plain if self.name.is_some() => PLAIN_MOST,
            Shown::Plain => (elapsed / 10).clamp(PLAIN_LEAST, PLAIN_MOST),
        };
        self.moments.back().is_none_or(|(when, _)| when.elapsed() >= pause)
    }

    fn remember(&mut self) {
        self.moments.push_back((Instant::now(), self.stored));
        if self.moments.len() > RATE_LINES {
            self.moments.pop_front();
        }
    }

    fn show(&mut self) {
        let (Some(store), Some(last)) = (self.store.clone(), self.last) else { return };
        self.remember();
        let rate = self.rate();
        let is_live = self.shown == Shown::Live;
        let name = self.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        queue::push(if is_live { Place::Live } else { Place::Out }, move || {
            // A store that cannot be read at the moment is reported at the end.
            let Ok(summary) = store.snapshot().and_then(|snapshot| snapshot.summary()) else {
                return Vec::new();
            };
            let fields = fields(&summary, last, rate);
            let width = if is_live { live::size().0.saturating_sub(1) } else { usize::MAX };
            format!("{name}{}\n", fitting(&fields, width)).into_bytes()
        });
    }

    /// Observations a second between the first and the last of the moments remembered.
    fn rate(&self) -> Option<f64> {
        let ((begin, before), (end, after)) = (self.moments.front()?, self.moments.back()?);
        let seconds = end.duration_since(*begin).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate is shown to three digits")]
        let since = (after - before) as f64;
        (seconds > 0.0).then(|| since / seconds)
    }

    /// Whether nothing was stored for several times the while between the moments.
    pub(super) fn has_stalled(&self, now: Instant) -> bool {
        let (Some((begin, _)), Some((end, _))) = (self.moments.front(), self.moments.back()) else {
            return false;
        };
        let spans = u32::try_from(self.moments.len() - 1).unwrap_or(u32::MAX).max(1);
        let patience = end.duration_since(*begin) / spans * STALLED_SPANS;
        now.duration_since(*end) > patience.max(STALLED_LEAST)
    }

    /// On stderr.
    fn warn(&self, text: &str) {
        match &self.name {
            Some(name) => output::say("gaugelog", &format!("{name}: {text}")),
            None => output::say("gaugelog", text),
        }
    }
}

fn fields(summary: &Summary, last: f64, rate: Option<f64>) -> [String; 5] {
    [
        format!("{} observation{}", count(summary.count()), plural(summary.count())),
        format!("last {}", figure(last, DIGITS)),
        format!("mean {}", figure_or_dash(summary.mean(), DIGITS)),
        format!("std dev {}", figure_or_dash(summary.std_dev(), DIGITS)),
        format!("{}/s", figure_or_dash(rate, 3)),
    ]
}

/// As many of the fields, from the first, as fit into so many characters.
fn fitting(fields: &[String], width: usize) -> String {
    let mut line = String::new();
    for field in fields {
        let gap = if line.is_empty() { "" } else { "  " };
        if line.len() + gap.len() + field.len() > width {
            break;
        }
        line.push_str(gap);
        line.push_str(field);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_stores_nothing_has_no_rate_after_a_while() {
        let mut progress = Progress::new(None, None, Shown::Table);
        let begun = Instant::now();
        let second = Duration::from_secs(1);
        assert!(!progress.has_stalled(begun + 60 * second));
        progress.moments.extend((0..5).map(|at| (begun + at * 10 * second, 1 + u64::from(at))));
        assert!(!progress.has_stalled(begun + 69 * second));
        assert!(progress.has_stalled(begun + 71 * second));
        progress.moments = (0..3).map(|at| (begun - (60 - at) * second, u64::from(at))).collect();
        progress.stored = 2;
        assert_eq!((progress.rate(), progress.row().rate), (Some(1.0), None));
    }

    #[test]
    fn a_line_holds_what_fits() {
        let fields = ["12 observations".to_owned(), "last 3".to_owned(), "mean 4".to_owned()];
        assert_eq!(fitting(&fields, 80), "12 observations  last 3  mean 4");
        assert_eq!(fitting(&fields, 31), "12 observations  last 3  mean 4");
        assert_eq!(fitting(&fields, 30), "12 observations  last 3");
        assert_eq!(fitting(&fields, 3), "");
    }
}
