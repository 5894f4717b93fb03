//! What the daemon does beside adding: it says when it has begun, lets go of its
//! standard descriptors, and keeps a journal of what goes wrong.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::RawFd;
use std::path::Path;

use gaugelog_sources::{Access, Event, SourceError, Stop, escaped, open_own};
use jiff::Timestamp;

use super::{NAME, cannot};
use crate::exit::Exit;
use crate::explain::explained;
use crate::output;

/// How the line begins that the daemon prints once it has begun.
pub(crate) const BEGUN: &str = "begun: ";

/// Where its errors go in the background, in the store's directory.
const JOURNAL: &str = "simulate_observations.log";
/// A longer journal is emptied.
const JOURNAL_BYTES_MAX: u64 = 64 * 1024;

/// So many may be open where the kernel does not list them.
const DESCRIPTORS_MAX: RawFd = 1024;

/// Closes what the caller had left open, but for the standard descriptors: the daemon would
/// hold its locks, and keep its pipes from ending. To be called before anything is opened.
pub(super) fn close_inherited() {
    let open: Vec<RawFd> = match fs::read_dir("/proc/self/fd") {
        Ok(listed) => {
            listed.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
        }
        Err(_) => (0..DESCRIPTORS_MAX).collect(),
    };
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // That of the list itself is closed already.
        let _ = nix::unistd::close(descriptor);
    }
}

/// Where it says what goes wrong.
#[derive(Debug)]
pub(super) enum Voice {
    /// On stderr.
    Foreground,
    /// On stderr until it has begun, then in the journal.
    Background { journal: File },
}

impl Voice {
    /// Leaves the session that started the daemon, and opens what it needs later.
    pub(super) fn background(store: &Path) -> Result<Self, Exit> {
        // Refused only to a leader of a process group, which is alone already.
        let _ = rustix::process::setsid();
        let journal = open_own(store.join(JOURNAL), Access::Append)
            .map_err(|error| cannot(store, "open the daemon's journal", &error))?;
        // So that the daemon keeps no other file system from being unmounted.
        let root = Path::new("/");
        std::env::set_current_dir(root).map_err(|error| cannot(root, "go there", &error))?;
        Ok(Self::Background { journal })
    }

    /// Lets the program that started the daemon go on.
    fn let_go(&self) -> io::Result<()> {
        if let Self::Background { journal } = self {
            // Both: a VM need not have a /dev/null.
            rustix::stdio::dup2_stderr(journal)?;
            rustix::stdio::dup2_stdout(journal)?;
        }
        Ok(())
    }

    fn say(&self, text: &str) {
        match self {
            Self::Foreground => output::say(NAME, text),
            Self::Background { journal } => {
                let full = journal.metadata().is_ok_and(|found| found.len() >= JOURNAL_BYTES_MAX);
                if full {
                    let _ = journal.set_len(0);
                }
                let now = Timestamp::now().strftime("%Y-%m-%d %H:%M:%S");
                // If the journal cannot be written, there is nowhere left to say so.
                let _ =
                    (&*journal).write_all(format!("{now} {NAME}: {}\n", escaped(text)).as_bytes());
            }
        }
    }
}

/// Follows the collector.
pub(super) struct Daemon<'a> {
    store: &'a Path,
    voice: Voice,
    stop: &'a Stop,
    begun: bool,
    /// What the store refuses appends for, once told.
    failing: Option<String>,
    /// Why there is no first observation in the store, which is the end.
    pub(super) refused: Option<String>,
}

impl<'a> Daemon<'a> {
    pub(super) fn new(store: &'a Path, voice: Voice, stop: &'a Stop) -> Self {
        Self { store, voice, stop, begun: false, failing: None, refused: None }
    }

    pub(super) fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Stored(_) => self.stored(),
            Event::AppendFailed { error, .. } if !self.begun => self.refuse(explained(error)),
            Event::AppendFailed { error, .. } => {
                let why = explained(error);
                if self.failing.as_ref() != Some(&why) {
                    self.voice.say(&format!("error, trying again each second: {why}"));
                    self.failing = Some(why);
                }
            }
            Event::PollFailed(error) => self.poll_failed(error),
            Event::Missed(1) => self.voice.say("1 poll was missed"),
            Event::Missed(polls) => self.voice.say(&format!("{polls} polls were missed")),
            _ => {}
        }
    }

    fn stored(&mut self) {
        if self.failing.take().is_some() {
            self.voice.say("observations are stored again");
        }
        if !self.begun && self.refused.is_none() {
            self.begin();
        }
    }

    /// A source that does not answer yet is tried again. The daemon has begun then, and says
    /// so.
    fn poll_failed(&mut self, error: &SourceError) {
        if self.begun {
            return self.voice.say(&format!("error: {error}"));
        }
        if !error.can_poll_again() {
            return self.refuse(error.to_string());
        }
        let text = format!("the first poll failed, the next is made when it is due: {error}");
        if let Voice::Background { .. } = self.voice {
            output::say(NAME, &text);
        }
        self.voice.say(&text);
        if self.refused.is_none() {
            self.begin();
        }
    }

    pub(super) fn begin(&mut self) {
        let (store, pid) = (output::shown(self.store), std::process::id());
        // Nobody need listen: a daemon that was started by hand may have no stdout.
        let _ = output::print(format!("{BEGUN}process {pid} adds to {store}\n").as_bytes());
        match self.voice.let_go() {
            Ok(()) => self.begun = true,
            Err(error) => self.refuse(format!("cannot leave the terminal: {error}")),
        }
    }

    /// A daemon whose source cannot be polled, or whose store refuses, does not begin.
    fn refuse(&mut self, why: String) {
        self.refused.get_or_insert(why);
        self.stop.set();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal() -> gaugelog::Error {
        gaugelog::Store::open("/dev/null/none").unwrap_err()
    }

    /// A daemon in the background that has begun, and the path of its journal.
    fn begun<'a>(dir: &'a Path, stop: &'a Stop) -> Daemon<'a> {
        let journal = File::options().append(true).create(true).open(dir.join(JOURNAL)).unwrap();
        let voice = Voice::Background { journal };
        Daemon { begun: true, ..Daemon::new(dir, voice, stop) }
    }

    #[test]
    fn a_first_observation_that_is_refused_is_the_end() {
        let stop = Stop::new();
        let mut daemon = Daemon::new(Path::new("store"), Voice::Foreground, &stop);
        daemon.note(&Event::AppendFailed { error: &refusal(), waiting: 1 });
        assert!(stop.is_set() && daemon.refused.is_some());
        // The collector tries once more before it stops; that does not undo the end.
        daemon.note(&Event::Stored(&[]));
        assert!(!daemon.begun && daemon.refused.is_some());
    }

    #[test]
    fn a_first_poll_that_fails_is_told_and_one_that_always_will_is_the_end() {
        let stop = Stop::new();
        let mut daemon = Daemon::new(Path::new("store"), Voice::Foreground, &stop);
        daemon.note(&Event::PollFailed(&SourceError::new("not yet")));
        assert!(daemon.begun && daemon.refused.is_none() && !stop.is_set());
        let mut daemon = Daemon::new(Path::new("store"), Voice::Foreground, &stop);
        daemon.note(&Event::PollFailed(&SourceError::fatal("never")));
        assert_eq!((daemon.begun, daemon.refused.as_deref()), (false, Some("never")));
    }

    #[test]
    fn a_later_refusal_is_told_once_and_so_is_its_end() {
        let (dir, stop) = (tempfile::tempdir().unwrap(), Stop::new());
        let mut daemon = begun(dir.path(), &stop);
        for _ in 0..5 {
            daemon.note(&Event::AppendFailed { error: &refusal(), waiting: 1 });
        }
        daemon.note(&Event::Stored(&[]));
        daemon.note(&Event::Stored(&[]));
        let journal = std::fs::read_to_string(dir.path().join(JOURNAL)).unwrap();
        let lines: Vec<&str> = journal.lines().collect();
        assert_eq!(lines.len(), 2, "{journal}");
        assert!(lines[0].contains("/dev/null/none") && lines[1].contains("stored again"));
        assert!(!stop.is_set());
    }

    #[test]
    fn nothing_in_the_journal_controls_a_terminal() {
        let (dir, stop) = (tempfile::tempdir().unwrap(), Stop::new());
        let mut daemon = begun(dir.path(), &stop);
        let error = gaugelog::Store::open("/none\u{1b}[2J\n\u{9b}").unwrap_err();
        daemon.note(&Event::AppendFailed { error: &error, waiting: 1 });
        let journal = std::fs::read_to_string(dir.path().join(JOURNAL)).unwrap();
        assert!(journal.contains("/none\\u{1b}[2J\\n\\u{9b}: "), "{journal:?}");
        assert_eq!(journal.lines().count(), 1, "{journal:?}");
    }

    #[test]
    fn the_journal_stays_small() {
        let (dir, stop) = (tempfile::tempdir().unwrap(), Stop::new());
        let mut daemon = begun(dir.path(), &stop);
        for polls in 0..5_000 {
            daemon.note(&Event::Missed(polls));
            let bytes = std::fs::metadata(dir.path().join(JOURNAL)).unwrap().len();
            assert!(bytes < JOURNAL_BYTES_MAX + 1024, "{bytes}");
        }
        let journal = std::fs::read_to_string(dir.path().join(JOURNAL)).unwrap();
        assert!(journal.ends_with("4999 polls were missed\n"));
    }
}
