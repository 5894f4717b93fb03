//! Copies of a directory, made by other programs.

use std::path::Path;
use std::process::Command;

use super::file_names;
use super::processes::not_run;

/// Copies a store that no process writes.
pub fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a directory");
    for name in file_names(from) {
        std::fs::copy(from.join(&name), to.join(&name)).expect("copied");
    }
}

/// A way to copy a directory that treats its files like any others.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    Cp,
    Tar,
    Rsync,
    /// As with rsync: each file under a temporary name, then again those that changed.
    TwoPasses,
}

impl Way {
    pub const ALL: [Self; 4] = [Self::Cp, Self::Tar, Self::Rsync, Self::TwoPasses];

    /// Whether the program is installed.
    pub fn can_be_tried(self) -> bool {
        let Self::Rsync = self else { return true };
        let is_there = Command::new("rsync").arg("--version").output().is_ok();
        if !is_there {
            not_run("this way to copy needs rsync");
        }
        is_there
    }

    /// Copies `from` to `to`, which does not exist yet. Files may change or vanish
    /// meanwhile.
    pub fn copy(self, from: &Path, to: &Path) {
        match self {
            Self::Cp => run(Command::new("cp").arg("-r").arg(from).arg(to)),
            Self::Tar => {
                std::fs::create_dir(to).expect("a directory");
                let line = "tar -C \"$0\" -cf - . 2>/dev/null | tar -C \"$1\" -xf -";
                run(Command::new("sh").args(["-c", line]).arg(from).arg(to));
            }
            Self::Rsync => {
                // The directory's content, not the directory.
                let content = from.join("");
                run(Command::new("rsync").arg("-a").arg(content).arg(to));
            }
            Self::TwoPasses => {
                std::fs::create_dir(to).expect("a directory");
                for _ in 0..2 {
                    file_names(from).iter().for_each(|name| copy_if_changed(from, to, name));
                }
            }
        }
    }
}

/// Ignores the exit status: it is an error if a file has vanished or changed.
fn run(command: &mut Command) {
    command.output().expect("started");
}

fn copy_if_changed(from: &Path, to: &Path, name: &str) {
    let state = |path: &Path| {
        let metadata = path.join(name).metadata().ok()?;
        Some((metadata.len(), metadata.modified().expect("a time")))
    };
    let Some((length, modified)) = state(from) else { return };
    if state(to) == Some((length, modified)) {
        return;
    }
    let temporary = to.join(format!(".{name}.part"));
    if std::fs::copy(from.join(name), &temporary).is_ok() {
        let file = std::fs::File::options().write(true).open(&temporary).expect("opened");
        file.set_modified(modified).expect("set");
        std::fs::rename(temporary, to.join(name)).expect("renamed");
    }
}
