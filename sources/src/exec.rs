//! A program that prints one number.

mod descendants;
mod orphans;
mod run;

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use crate::http::Pick;
use crate::quote::{escaped, quoted};
use crate::settings::Settings;
use crate::source::{Reading, Readings, Source, SourceError};
use crate::stdin::BYTE_ORDER_MARK;
use run::{Ended, Printed};

const QUOTED_CHARS_MAX: usize = 40;
/// A line of stderr needs more space than a number.
const COMPLAINT_CHARS_MAX: usize = 200;

/// A program that is run at each poll and prints one number on its standard output.
///
/// It is run without a shell, with an empty standard input. When it has ended, or its
/// time is over, it and everything that it has started are killed, except what has left
/// its process group before the program ended. That is killed with the collector, if
/// [`Program::adopt_orphans`] was called. A program that fails is an error of one poll,
/// which shows the last line of its standard error.
/// which shows the last line of its standard error.
///
/// Its arguments are never shown by this crate, but its output on standard error is, and
/// every user of the machine can see the arguments while it runs. Keep a secret in a file
/// that the program reads.
pub struct Program {
    program: String,
    arguments: Vec<String>,
    /// Which part of its output each value is.
    values: Vec<Value>,
    deadline: Duration,
    stop: Arc<AtomicBool>,
}

/// A value of a program.
enum Value {
    /// All of its output.
    Whole,
    /// The part that the text after `#` names.
    Part(String, Pick),
}

impl Value {
    fn parse(fragment: Option<&str>) -> Result<Self, SourceError> {
        let Some(fragment) = fragment else { return Ok(Self::Whole) };
        let pick = Pick::parse(fragment).map_err(SourceError::fatal)?;
        Ok(Self::Part(fragment.to_owned(), pick))
    }
}

/// Splits a command from the last word that begins with `#` and says what to take from
/// its output. `# ` with a blank begins a comment.
pub(crate) fn split_fragment(command: &str) -> (&str, Option<&str>) {
    for (at, _) in command.match_indices('#') {
        let (before, rest) = (&command[..at], command[at + 1..].trim_end());
        let is_word = before.ends_with([' ', '\t', '\n']) && !before.trim_end().ends_with('\\');
        // Within quotes it is an ordinary character.
        if is_word && shell_words::split(before).is_ok() {
            let is_remark = rest.is_empty() || rest.starts_with(char::is_whitespace);
            return (before.trim_end(), (!is_remark).then_some(rest));
        }
    }
    (command.trim_end(), None)
}

impl Program {
    /// A program and its arguments, separated by white space. Quotes and backslashes keep
    /// white space together as in a shell; nothing else is special. A last word that
    /// begins with `#` says what to take from the output, as for a [`Page`](crate::Page).
    ///
    /// # Errors
    /// No program, or a quote that is not closed.
    pub fn parse(command: &str, settings: &Settings) -> Result<Self, SourceError> {
        let (command, fragment) = split_fragment(command);
        Self::several(command, &[fragment], settings)
    }

    /// Whether a command has a `#` of its own, which says what to take or begins a comment.
    #[must_use]
    pub fn has_fragment(command: &str) -> bool {
        split_fragment(command).0 != command.trim_end()
    }

    /// A program of several values. Each takes a part of its output.
    pub(crate) fn several(
        command: &str,
        fragments: &[Option<&str>],
        settings: &Settings,
    ) -> Result<Self, SourceError> {
        let values: Result<Vec<Value>, SourceError> =
            fragments.iter().map(|fragment| Value::parse(*fragment)).collect();
        let words =
            shell_words::split(command).map_err(|_| SourceError::fatal("a quote is not closed"))?;
        let mut words = words.into_iter();
        let program = words.next().filter(|program| !program.is_empty()).ok_or_else(|| {
            SourceError::fatal("there is no program; write exec:PROGRAM [ARGUMENT]...")
        })?;
        let arguments: Vec<String> = words.collect();
        if program.contains('\0') || arguments.iter().any(|argument| argument.contains('\0')) {
            return Err(SourceError::fatal("it contains a zero byte"));
        }
        let (deadline, stop) = (settings.deadline, Arc::clone(&settings.stop));
        Ok(Self { program, arguments, values: values?, deadline, stop })
    }

    /// Makes this process the parent of everything that programs leave behind, even in
    /// their own sessions, so that [`Program::end_all`] finds it. Only for programs that
    /// start no other children than sources do: those are reaped too.
    ///
    /// # Errors
    /// The kernel's.
    pub fn adopt_orphans() -> io::Result<()> {
        orphans::adopt()
    }

    /// Reaps adopted processes that have ended. Each poll of a program does so. A program
    /// that calls this at each SIGCHLD leaves no zombies.
    pub fn reap_orphans() {
        orphans::reap();
    }

    /// Ends what programs have started, waiting at most `within`. To end a run, set
    /// [`Settings::stop`] and then call this. Otherwise a program may outlive the process
    /// that started it.
    pub fn end_all(within: Duration) {
        let begun = Instant::now();
        while run::any_runs() && begun.elapsed() < within {
            thread::sleep(Duration::from_millis(2));
        }
        orphans::end(within.saturating_sub(begun.elapsed()));
    }

    fn error(&self, what: &str) -> SourceError {
        SourceError::new(format!("{}: {what}", self.program))
    }

    /// The values in the output of a program that has ended by itself.
    fn read(&self, status: ExitStatus, printed: &Printed) -> Result<Readings, SourceError> {
        if !status.success() {
            let how = match (status.code(), status.signal()) {
                (Some(code), _) => format!("it failed with status {code}"),
                (None, Some(signal)) => format!("it was killed by signal {signal}"),
                (None, None) => "it failed".to_owned(),
            };
            return Err(self.error(&complaining(&how, printed)));
        }
        let text = printed.stdout.strip_prefix(&BYTE_ORDER_MARK).unwrap_or(&printed.stdout);
        let read = |value: &Value| match value {
            Value::Whole => self.number(text, printed),
            Value::Part(_, pick) => pick
                .find(&String::from_utf8_lossy(text))
                .map_err(|what| self.error(&complaining(&what, printed))),
        };
        Ok(self.values.iter().map(|value| Ok(Some(Reading::new(read(value)?)))).collect())
    }

    /// The whole output, if it is a number.
    fn number(&self, text: &[u8], printed: &Printed) -> Result<f64, SourceError> {
        let number = str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok());
        number.filter(|number: &f64| number.is_finite()).ok_or_else(|| {
            let how = match quoted(&printed.stdout, QUOTED_CHARS_MAX) {
                found if found.is_empty() => "it printed nothing".to_owned(),
                found => format!("it printed \"{found}\", which is not a finite number"),
            };
            self.error(&complaining(&how, printed))
        })
    }
}

/// What went wrong, with the last line of standard error if there is one.
fn complaining(how: &str, printed: &Printed) -> String {
    let is_line = |line: &&[u8]| !line.trim_ascii().is_empty();
    match printed.stderr.split(|byte| *byte == b'\n').rfind(is_line) {
        Some(line) => format!("{how}: {}", quoted(line, COMPLAINT_CHARS_MAX)),
        None => how.to_owned(),
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Source for Program {
    fn name(&self) -> &str {
        "exec"
    }

    fn description(&self) -> String {
        self.value_description(0)
    }

    fn values(&self) -> usize {
        self.values.len()
    }

    fn value_description(&self, value: usize) -> String {
        let program = escaped(&self.program);
        let given = match self.arguments.len() {
            0 => String::new(),
            1 => ", given an argument".to_owned(),
            count => format!(", given {count} arguments"),
        };
        let part = match self.values.get(value) {
            Some(Value::Part(fragment, _)) => format!(" at #{}", escaped(fragment)),
            _ => String::new(),
        };
        format!("the number that {program} prints{part}{given}")
    }

    fn poll(&mut self) -> Result<Option<Reading>, SourceError> {
        let readings = self.poll_all()?;
        readings.and_then(|readings| readings.into_iter().next()).unwrap_or(Ok(None))
    }

    fn poll_all(&mut self) -> Result<Option<Readings>, SourceError> {
        let (ended, printed) = run::run(&self.program, &self.arguments, self.deadline, &self.stop)
            .map_err(|error| SourceError::io(&format!("run {:?}", self.program), "", error))?;
        match ended {
            Ended::ByItself(status) => self.read(status, &printed).map(Some),
            Ended::Late => {
                let how = format!("it took longer than {:?} and was killed", self.deadline);
                Err(self.error(&complaining(&how, &printed)))
            }
            Ended::TooMuch => Err(self.error(&format!(
                "it printed more than {} bytes and was killed: \"{}\"",
                run::STDOUT_BYTES_MAX,
                quoted(&printed.stdout, QUOTED_CHARS_MAX)
            ))),
            Ended::Stopped => Err(self.error("it was killed because the collector stops")),
        }
    }
}

#[cfg(test)]
mod tests;
