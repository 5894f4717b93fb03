//! What is shown while collecting: one live line on a terminal, else, or where there
//! are several sources, now and then a plain one.

use std::collections::VecDeque;
use std::env;
use std::io::{IsTerminal, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gaugelog::{Store, Summary};
use gaugelog_sources::Event;

use crate::exit::Exit;
use crate::explain::explained;
use crate::figures::{count, figure, figure_or_dash, plural};
use crate::output;

/// A terminal is redrawn at most so often.
const REDRAW: Duration = Duration::from_millis(100);
/// Plain lines come after a tenth of the time that has passed, within these bounds:
/// often enough to be watched, few enough to be kept.
const PLAIN_LEAST: Duration = Duration::from_secs(1);
const PLAIN_MOST: Duration = Duration::from_secs(60);
/// The rate is taken over so many lines shown.
const RATE_LINES: usize = 10;
/// So many bad readings are told in an hour, the rest is counted.
const TOLD_MOST: u32 = 10;
const TOLD_ANEW: Duration = Duration::from_secs(3600);
/// Where the terminal does not say how wide it is.
const WIDTH_DEFAULT: usize = 80;
const DIGITS: usize = 6;

/// Follows the collecting from one source and shows how it does.
pub(super) struct Progress<'a> {
    store: &'a Store,
    stop: &'a AtomicBool,
    /// What the source is called where there are several.
    name: Option<&'a str>,
    /// Nothing is shown; what goes wrong is told.
    quiet: bool,
    /// One line that is drawn anew: for one source on a terminal.
    live: bool,
    begun: Instant,
    /// When what was shown, and how many were stored then; the oldest first.
    shown: VecDeque<(Instant, u64)>,
    stored: u64,
    told: u32,
    /// Since when so many were told.
    told_since: Instant,
    /// What the store refuses appends for, once told.
    failing: Option<String>,
    /// Why nothing can be shown any more.
    unheard: Option<Exit>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(
        store: &'a Store,
        stop: &'a AtomicBool,
        name: Option<&'a str>,
        quiet: bool,
    ) -> Self {
        Self {
            store,
            stop,
            name,
            quiet,
            live: name.is_none() && !quiet && stdout().is_terminal() && can_redraw(),
            begun: Instant::now(),
            shown: VecDeque::new(),
            stored: 0,
            told: 0,
            told_since: Instant::now(),
            failing: None,
            unheard: None,
        }
    }

    pub(super) fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Stored(observations) => {
                self.stored += observations.len() as u64;
                if self.failing.take().is_some() {
                    self.warn("observations are stored again");
                }
                if let (true, Some(last)) = (!self.quiet && self.is_due(), observations.last()) {
                    self.show(last.value);
                }
            }
            Event::PollFailed(error) => self.poll_failed(&error.to_string()),
            Event::AppendFailed { error, .. } => {
                let why = explained(error);
                if self.failing.as_ref() != Some(&why) {
                    self.warn(&format!("error, trying again each second: {why}"));
                    self.failing = Some(why);
                }
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

    /// Ends the live line.
    ///
    /// # Errors
    /// That nothing could be shown from some moment on, which ended the run.
    pub(super) fn finish(mut self) -> Result<(), Exit> {
        if self.live && !self.shown.is_empty() {
            self.print("\n");
        }
        self.unheard.map_or(Ok(()), Err)
    }

    fn is_due(&self) -> bool {
        let pause = if self.live {
            REDRAW
        } else {
            (self.begun.elapsed() / 10).clamp(PLAIN_LEAST, PLAIN_MOST)
        };
        self.shown.back().is_none_or(|(when, _)| when.elapsed() >= pause)
    }

    fn show(&mut self, last: f64) {
        // A store that cannot be read at the moment is told at the end.
        let Ok(summary) = self.store.snapshot().and_then(|snapshot| snapshot.summary()) else {
            return;
        };
        let now = Instant::now();
        self.shown.push_back((now, self.stored));
        if self.shown.len() > RATE_LINES {
            self.shown.pop_front();
        }
        let fields = fields(&summary, last, self.rate(now));
        if self.live {
            let line = fitting(&fields, terminal_width().saturating_sub(1));
            self.print(&format!("\r{line}\x1b[K"));
        } else {
            let name = self.name.map(|name| format!("{name}: ")).unwrap_or_default();
            self.print(&format!("{name}{}\n", fields.join("  ")));
        }
    }

    /// Observations a second since the oldest line remembered.
    fn rate(&self, now: Instant) -> Option<f64> {
        let (when, stored) = self.shown.front()?;
        let seconds = now.duration_since(*when).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate is shown to three digits")]
        let since = (self.stored - stored) as f64;
        (seconds > 0.0).then(|| since / seconds)
    }

    /// On stderr, past the live line.
    fn warn(&mut self, text: &str) {
        if self.live && !self.shown.is_empty() {
            self.print("\r\x1b[K");
        }
        match self.name {
            Some(name) => output::say("gaugelog", &format!("{name}: {text}")),
            None => output::say("gaugelog", text),
        }
    }

    /// Where nobody looks any more, the run ends, as a program in a pipe would.
    fn print(&mut self, text: &str) {
        if self.unheard.is_some() {
            return;
        }
        if let Err(exit) = output::print(text.as_bytes()) {
            self.unheard = Some(exit);
            self.stop.store(true, Ordering::Relaxed);
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

/// Whether a line of the terminal can be drawn anew: not in an editor's shell, for one.
fn can_redraw() -> bool {
    env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

fn terminal_width() -> usize {
    match rustix::termios::tcgetwinsize(rustix::stdio::stdout()) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => WIDTH_DEFAULT,
    }
}

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn a_line_holds_what_fits() {
        let fields = ["12 observations".to_owned(), "last 3".to_owned(), "mean 4".to_owned()];
        assert_eq!(fitting(&fields, 80), "12 observations  last 3  mean 4");
        assert_eq!(fitting(&fields, 31), "12 observations  last 3  mean 4");
        assert_eq!(fitting(&fields, 30), "12 observations  last 3");
        assert_eq!(fitting(&fields, 3), "");
    }
}
