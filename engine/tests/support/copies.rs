//! Copies of a directory, made by other programs than the engine.

use std::path::Path;
use std::process::Command;

/// Copies a store that no process writes.
pub fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a directory");
    for name in super::file_names(from) {
        std::fs::copy(from.join(&name), to.join(&name)).expect("copied");
    }
}

/// Runs a program that copies, which may report that a file changed or vanished.
pub fn copy_with(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().expect("started");
    assert!(output.status.code().is_some(), "{program}: {output:?}");
}
