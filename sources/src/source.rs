//! What a source is, and how one fails.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;

use crate::quote::escaped;

/// Something that yields a number when it is asked for one: a simulator, a sensor, a
/// page on the web, a program, standard input.
///
/// A [`Collector`](crate::Collector) owns the source for the length of a run and
/// polls it from one thread of its own, never twice at once, so a source needs no
/// locks and may block. It knows nothing of schedules or stores.
///
/// # Writing one
/// Three methods are enough. What makes a source good to live with:
///
/// - It fails in words: which file or server, what was found there, in one line, with
///   nothing in it that is secret. A failed poll is nothing special; the next one is
///   made when it is due.
/// - It starts from nothing at each poll: what was plugged in again is found again, and a
///   number that the kernel gave out yesterday is not trusted today.
/// - It takes what it reads for hostile: so many bytes and no more, and no longer than
///   [`Settings::deadline`](crate::Settings::deadline) where it can see to that.
/// - It has no value rather than a wrong one: a number that might be something else,
///   such as the first of several, is an error.
///
/// A program adds it to a [`Registry`](crate::Registry) under a scheme of its own, so
/// that a spec names it; `examples/custom_source.rs` is such a program.
///
/// A source of twenty lines: the temperature of a Linux machine, which the kernel
/// gives in thousandths of a degree.
///
/// ```
/// use gaugelog_sources::{Reading, Source, SourceError};
///
/// struct Thermometer {
///     path: &'static str,
/// }
///
/// impl Source for Thermometer {
///     fn name(&self) -> &str {
///         "thermometer"
///     }
///
///     fn description(&self) -> String {
///         format!("degrees Celsius from {}", self.path)
///     }
///
///     fn poll(&mut self) -> Result<Option<Reading>, SourceError> {
///         let text = std::fs::read_to_string(self.path)?;
///         let thousandths: f64 = text
///             .trim()
///             .parse()
///             .map_err(|_| SourceError::new(format!("{}: {text:?} is no number", self.path)))?;
///         Ok(Some(Reading::new(thousandths / 1000.0)))
///     }
/// }
///
/// let mut missing = Thermometer { path: "/sys/class/thermal/none/temp" };
/// assert!(missing.poll().unwrap_err().can_poll_again());
/// ```
pub trait Source: Send {
    /// A short name in lower case, such as `normal`.
    fn name(&self) -> &str;

    /// One line for people: what it yields and with which parameters.
    fn description(&self) -> String;

    /// Whether it is polled on a schedule, as most are, or when it has something.
    fn pace(&self) -> Pace {
        Pace::Scheduled
    }

    /// How many values a poll yields, always the same; each has a store of its own.
    fn values(&self) -> usize {
        1
    }

    /// One line for people about one of the values, counted from 0.
    fn value_description(&self, _value: usize) -> String {
        self.description()
    }

    /// What one of the values is measured in, such as `°C`, if that is known.
    fn unit(&self, _value: usize) -> Option<String> {
        None
    }

    /// Whether a poll asks nobody but this machine's kernel. Such a source is polled at
    /// every interval, however often it has failed.
    fn is_local(&self) -> bool {
        false
    }

    /// The next reading, or `None` where there will never be another one. Of a source of
    /// several values, the first.
    ///
    /// It may block. A value that is not finite is reported by the collector as a
    /// failed poll and not stored. After `None`, and after an error that says so, it
    /// is not called again.
    ///
    /// # Errors
    /// Whatever kept the source from a value. The collector reports it and polls
    /// again when the next poll is due, unless the error is
    /// [fatal](SourceError::fatal).
    fn poll(&mut self) -> Result<Option<Reading>, SourceError>;

    /// All values of one poll. This is what a collector calls; a source of one value
    /// leaves it as it is.
    ///
    /// # Errors
    /// As [`poll`](Self::poll), where there is none of the values. A value that is
    /// missing alone is an error in its place.
    fn poll_all(&mut self) -> Result<Option<Readings>, SourceError> {
        Ok(self.poll()?.map(|reading| vec![Ok(Some(reading))]))
    }
}

/// What one poll gave, a value each: a reading, an error, or `None` where the source
/// needs another poll first, as for a rate. `None` counts as no poll.
pub type Readings = Vec<Result<Option<Reading>, SourceError>>;

impl<S: Source + ?Sized> Source for Box<S> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn description(&self) -> String {
        (**self).description()
    }

    fn pace(&self) -> Pace {
        (**self).pace()
    }

    fn values(&self) -> usize {
        (**self).values()
    }

    fn value_description(&self, value: usize) -> String {
        (**self).value_description(value)
    }

    fn unit(&self, value: usize) -> Option<String> {
        (**self).unit(value)
    }

    fn is_local(&self) -> bool {
        (**self).is_local()
    }

    fn poll(&mut self) -> Result<Option<Reading>, SourceError> {
        (**self).poll()
    }

    fn poll_all(&mut self) -> Result<Option<Readings>, SourceError> {
        (**self).poll_all()
    }
}

/// Who decides when a source is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The collector, every interval: a poll answers with the value of the moment.
    Scheduled,
    /// The source: a poll blocks until there is something to deliver.
    Own,
}

/// What a poll yields: a value, and its time where the source knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Nanoseconds since the Unix epoch, UTC. `None` stands for the wall clock at
    /// the moment the poll returned.
    pub timestamp_ns: Option<i64>,
    /// What was read.
    pub value: f64,
}

impl Reading {
    /// A reading of this moment.
    #[must_use]
    pub const fn new(value: f64) -> Self {
        Self { timestamp_ns: None, value }
    }

    /// A reading that brings its own time, in nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn at(timestamp_ns: i64, value: f64) -> Self {
        Self { timestamp_ns: Some(timestamp_ns), value }
    }
}

/// Why a source gave no value, or could not be made, in one line for people.
///
/// ```
/// use gaugelog_sources::SourceError;
/// let error = SourceError::new("the display shows \u{1b}[2J");
/// assert_eq!(error.to_string(), r"the display shows \u{1b}[2J");
/// ```
#[derive(Debug)]
pub struct SourceError {
    message: String,
    fatal: bool,
    cause: Option<io::Error>,
}

impl SourceError {
    /// An error of one poll: the next may succeed. Control characters in the message are
    /// escaped, so that it is one line and harmless to a terminal.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: one_line(message.into()), fatal: false, cause: None }
    }

    /// An error after which polling again is of no use.
    #[must_use]
    pub fn fatal(message: impl Into<String>) -> Self {
        Self { message: one_line(message.into()), fatal: true, cause: None }
    }

    /// The same, with the operating system's error behind it. `doing` says what
    /// was being done, in words that follow "cannot".
    pub(crate) fn fatal_io(doing: &str, cause: io::Error) -> Self {
        let message = one_line(format!("cannot {doing}: {cause}"));
        Self { message, fatal: true, cause: Some(cause) }
    }

    /// An error of one poll, with the operating system's error behind it and, where it is
    /// known, what that means here.
    pub(crate) fn io(doing: &str, meaning: &str, cause: io::Error) -> Self {
        let message = one_line(format!("cannot {doing}: {cause}{meaning}"));
        Self { message, fatal: false, cause: Some(cause) }
    }

    /// Whether the source may be polled again.
    #[must_use]
    pub fn can_poll_again(&self) -> bool {
        !self.fatal
    }
}

/// What a device or a server has said may be in it, and is printed and logged.
fn one_line(message: String) -> String {
    match escaped(&message) {
        Cow::Borrowed(_) => message,
        Cow::Owned(escaped) => escaped,
    }
}

/// An error of one poll, so that `?` serves for reading a file or a socket.
impl From<io::Error> for SourceError {
    fn from(cause: io::Error) -> Self {
        Self { message: one_line(cause.to_string()), fatal: false, cause: Some(cause) }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}
