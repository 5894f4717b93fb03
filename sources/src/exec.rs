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

use crate::quote::{escaped, quoted};
use crate::settings::Settings;
use crate::source::{Reading, Source, SourceError};
use crate::stdin::BYTE_ORDER_MARK;
use run::{Ended, Printed};

const QUOTED_CHARS_MAX: usize = 40;
/// A line of stderr says more than a number does.
const COMPLAINT_CHARS_MAX: usize = 200;

/// A program that is run at each poll and prints one number on its standard output.
///
/// It is run as it is, without a shell, with nothing on its standard input. When it has
/// ended, or its time is over, it and all that it has started are killed, except what
/// has left its process group before the program ended. That is killed with the collector,
/// if [`Program::adopt_orphans`] was called. A program that fails is an error of one poll,
/// which shows the last line of its standard error.
///
/// # Secrets
/// Its arguments are shown nowhere. What it says on standard error is, and every user of
/// the machine sees the arguments while it runs: a secret is better kept in a file that
/// it reads.
pub struct Program {
    program: String,
    arguments: Vec<String>,
    deadline: Duration,
    stop: Arc<AtomicBool>,
}

impl Program {
    /// A program and its arguments, parted by white space. Quotes and backslashes keep
    /// white space together as in a shell, and a word that begins with `#` ends the
    /// command; nothing else is special.
    ///
    /// # Errors
    /// No program, or a quote that is not closed.
    pub fn parse(command: &str, settings: &Settings) -> Result<Self, SourceError> {
        let words = shell_words::split(command)
            .map_err(|_| SourceError::fatal("there is a quote in it that is not closed"))?;
        let mut words = words.into_iter();
        let program = words.next().filter(|program| !program.is_empty()).ok_or_else(|| {
            SourceError::fatal("there is no program; write exec:PROGRAM [ARGUMENT]...")
        })?;
        let arguments: Vec<String> = words.collect();
        if program.contains('\0') || arguments.iter().any(|argument| argument.contains('\0')) {
            return Err(SourceError::fatal("there is a zero byte in it"));
        }
        let (deadline, stop) = (settings.deadline, Arc::clone(&settings.stop));
        Ok(Self { program, arguments, deadline, stop })
    }

    /// Makes this process the parent of all that programs leave behind, also of what has
    /// begun a session of its own, so that [`Program::end_all`] finds it. Meant for
    /// programs that start no other children than sources do: those are reaped too.
    ///
    /// # Errors
    /// The kernel's.
    pub fn adopt_orphans() -> io::Result<()> {
        orphans::adopt()
    }

    /// Lets go of adopted processes that have ended. Each poll of a program does so; a
    /// program that calls it at each SIGCHLD leaves none waiting.
    pub fn reap_orphans() {
        orphans::reap();
    }

    /// Ends what programs have started, for at most so long: whoever ends a run sets
    /// [`Settings::stop`] and then calls this. Else a program may outlive the process that
    /// has started it.
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

    /// What a program that has ended by itself has said.
    fn value(&self, status: ExitStatus, printed: &Printed) -> Result<f64, SourceError> {
        if !status.success() {
            let how = match (status.code(), status.signal()) {
                (Some(code), _) => format!("it failed with status {code}"),
                (None, Some(signal)) => format!("it was killed by signal {signal}"),
                (None, None) => "it failed".to_owned(),
            };
            return Err(self.error(&complaining(&how, printed)));
        }
        let text = printed.stdout.strip_prefix(&BYTE_ORDER_MARK).unwrap_or(&printed.stdout);
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

/// What went wrong, with the last line of standard error where there is one.
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
        let program = escaped(&self.program);
        match self.arguments.len() {
            0 => format!("the number that {program} prints"),
            1 => format!("the number that {program} prints, given an argument"),
            count => format!("the number that {program} prints, given {count} arguments"),
        }
    }

    fn poll(&mut self) -> Result<Option<Reading>, SourceError> {
        let (ended, printed) = run::run(&self.program, &self.arguments, self.deadline, &self.stop)
            .map_err(|error| SourceError::io(&format!("run {:?}", self.program), "", error))?;
        match ended {
            Ended::ByItself(status) => {
                self.value(status, &printed).map(|value| Some(Reading::new(value)))
            }
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
