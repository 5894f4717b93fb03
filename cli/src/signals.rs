//! The signals that end a run, and the children that end with it.
//!
//! A thread waits for signals, so that it can also do what a signal handler may not: end
//! the programs that sources have started. SIGHUP is caught and not ignored where it
//! means nothing, because a program that a source starts would inherit that.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use gaugelog_sources::{Program, Stop};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::{emulate_default_handler, exit};

use crate::exit::Exit;

/// How long programs are waited for at the end of the run, which are killed at once: longer
/// than that takes on a busy machine.
const PROGRAMS_END_WITHIN: Duration = Duration::from_millis(700);

/// What SIGHUP means.
#[derive(Clone, Debug)]
pub(crate) enum Hangup {
    /// The terminal has gone: the end, unless the caller had it ignored, as `nohup` does.
    Ends,
    /// Nothing: a daemon has no terminal.
    Ignored,
    /// Files are to be read again, unless the terminal has gone: that is the end.
    #[cfg(feature = "config")]
    Reloads {
        asked: std::sync::mpsc::Sender<()>,
        /// There is one whose end SIGHUP means; not so if the caller had SIGHUP ignored.
        has_terminal: bool,
    },
}

#[cfg(feature = "config")]
impl Hangup {
    /// To be called before signals are caught.
    pub(crate) fn reloads(asked: std::sync::mpsc::Sender<()>) -> Self {
        let has_terminal = !is_ignored(SIGHUP, ignored_at_start()) && has_terminal();
        Self::Reloads { asked, has_terminal }
    }
}

/// What a second signal does where one was to end the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Second {
    /// It ends the program at once, where that loses nothing.
    Ends,
    /// Nothing more: what is held in memory is stored first. Whatever ends a session may
    /// send several signals.
    Ignored,
}

/// A flag that SIGINT, SIGTERM and, where it is the end, SIGHUP set. SIGQUIT ends the programs that sources have
/// started, and then this one as if it were not caught.
pub(crate) fn stop_flag(hangup: Hangup, second: Second) -> Result<Stop, Exit> {
    let stop = Stop::new();
    let wanted = wanted(&hangup);
    let listen = |signals: Signals| {
        let stop = stop.clone();
        let heed = move || heed(signals, &stop, &hangup, second);
        thread::Builder::new().name("signals".to_owned()).spawn(heed)
    };
    match Signals::new(wanted).and_then(listen) {
        Ok(_) => Ok(stop),
        Err(error) => Err(Exit::Error(format!("cannot listen for signals: {error}"))),
    }
}

/// Makes this process the parent of what programs leave behind, where sources run
/// programs, and where it is process 1, to which every orphan comes.
pub(crate) fn adopt_orphans(runs_programs: bool) {
    if (runs_programs || std::process::id() == 1)
        && let Err(error) = Program::adopt_orphans()
    {
        log::warn!("what programs leave behind may outlive this one: {error}");
    }
}

/// Ends the programs that a source still waits for and what others have left behind, so
/// that none outlives this one.
pub(crate) fn end_programs(stop: &Stop) {
    end_all(stop);
    while QUITTING.load(Ordering::SeqCst) {
        thread::park();
    }
}

/// SIGQUIT ends the program in the thread that heeds signals, and no exit overtakes it.
static QUITTING: AtomicBool = AtomicBool::new(false);

fn end_all(stop: &Stop) {
    stop.set();
    Program::end_all(PROGRAMS_END_WITHIN);
}

fn wanted(hangup: &Hangup) -> Vec<i32> {
    let ignored = ignored_at_start();
    let mut signals = vec![SIGINT, SIGTERM, SIGCHLD];
    if !matches!(hangup, Hangup::Ends) || !is_ignored(SIGHUP, ignored) {
        signals.push(SIGHUP);
    }
    if !is_ignored(SIGQUIT, ignored) {
        signals.push(SIGQUIT);
    }
    signals
}

fn is_ignored(signal: i32, ignored: u64) -> bool {
    ignored >> (signal - 1) & 1 == 1
}

/// The signals that the caller had ignored, a bit each; none where that cannot be told.
fn ignored_at_start() -> u64 {
    let read = || -> Option<u64> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    };
    read().unwrap_or(0)
}

fn heed(mut signals: Signals, stop: &Stop, hangup: &Hangup, second: Second) {
    for signal in signals.forever() {
        match signal {
            SIGCHLD => Program::reap_orphans(),
            SIGHUP if matches!(hangup, Hangup::Ignored) => {}
            #[cfg(feature = "config")]
            SIGHUP
                if let Hangup::Reloads { asked, has_terminal: had_terminal } = hangup
                    && (!had_terminal || has_terminal()) =>
            {
                // Where nobody listens, the run is over.
                let _ = asked.send(());
            }
            SIGQUIT => {
                QUITTING.store(true, Ordering::SeqCst);
                end_all(stop);
                let _: io::Result<()> = emulate_default_handler(SIGQUIT);
            }
            _ if stop.is_set() && second == Second::Ends => {
                end_all(stop);
                exit(128 + signal);
            }
            _ => stop.set(),
        }
    }
}

/// Whether there is a terminal whose end would be heard of by SIGHUP.
#[cfg(feature = "config")]
fn has_terminal() -> bool {
    fs::File::open("/dev/tty").is_ok()
}
