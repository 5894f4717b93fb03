//! What a source is, and how it fails.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;

use crate::quote::escaped;

/// Something that gives a number when it is polled: a simulator, a sensor, a page on the
/// web, a program, standard input.
///
/// A [`Collector`](crate::Collector) owns the source during a run and polls it from one
/// thread, never twice at once, so a source needs no locks and may block. It knows
/// nothing of schedules or stores.
///
/// # Writing one
/// Three methods are enough. A good source follows these rules:
///
/// - Its errors say in one line which file or server failed and what was found there,
///   without secrets. A failed poll is normal; the next one is made when it is due.
/// - It starts from nothing at each poll: a device that was plugged in again is found
///   again, and a number that the kernel gave out yesterday is not trusted today.
/// - It treats its input as hostile: it reads a limited number of bytes, for no longer
///   than [`Settings::deadline`](crate::Settings::deadline) if it can enforce that.
/// - It gives no value rather than a wrong one: a number that might be something else,
///   such as the first of several, is an error.
///
/// A program adds it to a [`Registry`](crate::Registry) under its own scheme, so that a
/// spec can name it; `examples/custom_source.rs` is such a program.
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

    /// One line for people: what it gives and with which parameters.
    fn description(&self) -> String;

    /// Whether it is polled on a schedule, as most are, or delivers at its own pace.
    fn pace(&self) -> Pace {
        Pace::Scheduled
    }

    /// How many values a poll gives. The number is always the same, and each value has
    /// its own store.
    fn values(&self) -> usize {
        1
    }

    /// One line for people about one of the values, counted from 0.
    fn value_description(&self, _value: usize) -> String {
        self.description()
    }

    /// The unit of one of the values, such as `°C`, if it is known.
    fn unit(&self, _value: usize) -> Option<String> {
        None
    }

    /// Whether a poll uses only this machine's kernel. Such a source is polled at every
    /// interval, however often it has failed.
    fn is_local(&self) -> bool {
        false
    }

    /// The next reading, or `None` if there will never be another one. For a source of
    /// several values, the first one.
    ///
    /// It may block. The collector reports a value that is not finite as a failed poll
    /// and does not store it. After `None`, and after a fatal error, it is not called
    /// again.
    ///
    /// # Errors
    /// Any failure to get a value. The collector reports it and polls again when the next
    /// poll is due, unless the error is [fatal](SourceError::fatal).
    fn poll(&mut self) -> Result<Option<Reading>, SourceError>;

    /// All values of one poll. A collector calls this. A source of one value need not
    /// implement it.
    ///
    /// # Errors
    /// As [`poll`](Self::poll), if there is none of the values. If only one value is
    /// missing, it is an error in its place.
    fn poll_all(&mut self) -> Result<Option<Readings>, SourceError> {
        Ok(self.poll()?.map(|reading| vec![Ok(Some(reading))]))
    }
}

/// The result of one poll for each value: a reading, an error, or `None` if the source
/// needs another poll first, as for a rate. `None` does not count as a poll.
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

/// What decides when a source is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The collector, at every interval. A poll returns the current value.
    Scheduled,
    /// The source: a poll blocks until there is something to deliver.
    Own,
}

/// The result of a poll: a value, and its time if the source knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Nanoseconds since the Unix epoch, UTC. `None` means the time of the wall clock
    /// when the poll returned.
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

    /// A reading with its own time, in nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn at(timestamp_ns: i64, value: f64) -> Self {
        Self { timestamp_ns: Some(timestamp_ns), value }
    }
}

/// Why a source gave no value, or could not be opened, in one line for people.
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
    /// escaped, so that it is one line and safe for a terminal.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: one_line(message.into()), fatal: false, cause: None }
    }

    /// An error after which another poll would fail too.
    #[must_use]
    pub fn fatal(message: impl Into<String>) -> Self {
        Self { message: one_line(message.into()), fatal: true, cause: None }
    }

    /// The same, caused by an error of the operating system. `doing` says what was being
    /// done, in words that follow "cannot".
    pub(crate) fn fatal_io(doing: &str, cause: io::Error) -> Self {
        let message = one_line(format!("cannot {doing}: {cause}"));
        Self { message, fatal: true, cause: Some(cause) }
    }

    /// An error of one poll, caused by an error of the operating system. `meaning` says
    /// what that means here, if it is known.
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

/// The message may hold text from a device or a server, and is printed and logged.
fn one_line(message: String) -> String {
    match escaped(&message) {
        Cow::Borrowed(_) => message,
        Cow::Owned(escaped) => escaped,
    }
}

/// An error of one poll, so that `?` works for reading a file or a socket.
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
