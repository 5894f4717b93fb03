//! A disk that takes an append and then neither syncs it nor lets it be taken back. What may
//! be stored is to be looked for before it is stored again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs;
use std::path::Path;
use std::process::Command;

use program::{Ran, SERVICE, TOOL, program};

/// Runs a program whose writes fail after the first ones; no sync works. `None`, and said,
/// where nothing can be traced.
fn failing(program: &str, arguments: &[&str], writes: u8, dir: &Path) -> Option<Ran> {
    let mut strace = Command::new("strace");
    strace.args(["-o", "calls", "-e", "trace=pwrite64,fdatasync,fsync"]);
    strace.arg("-e").arg(format!("inject=pwrite64:error=EIO:when={}+", writes + 1));
    strace.args(["-e", "inject=fdatasync,fsync:error=EIO"]);
    strace.arg(program).args(arguments).current_dir(dir);
    let ran = Ran::of(strace);
    if !fs::read_to_string(dir.join("calls")).is_ok_and(|calls| calls.contains("INJECTED")) {
        assert!(std::env::var_os("GAUGELOG_NOT_RUN").is_none_or(|then| then != "fail"), "{ran:?}");
        eprintln!("NOT RUN: strace cannot trace a program: {ran:?}");
        return None;
    }
    Some(ran)
}

#[test]
fn what_may_be_stored_is_to_be_looked_for_before_it_is_added_again() {
    let more = (0..200_000).map(|n| format!("{},2\n", 1_800_000_000 + n));
    let more = format!("time,value\n{}", more.collect::<String>());
    for (tool, arguments, writes, said) in [
        (TOOL, &["add", "room", "2"][..], 1, "room` shows whether it is stored"),
        (SERVICE, &["--add", "2", "--log", "room"], 1, "--dump` shows whether it is stored"),
        (
            TOOL,
            &["import", "room", "more.csv"],
            3,
            " more may be found in it later: look with `gaugelog",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut begin = program(TOOL);
        begin.args(["add", "room", "1", "--create"]).current_dir(dir.path());
        Ran::of(begin).succeeds();
        fs::write(dir.path().join("more.csv"), &more).unwrap();
        let Some(ran) = failing(tool, arguments, writes, dir.path()) else { return };
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert!(ran.stderr.contains(said), "{arguments:?}: {ran:?}");
        let mut look = program(TOOL);
        look.args(["tail", "room"]).current_dir(dir.path());
        assert!(Ran::of(look).succeeds().stdout.ends_with("  2.0\n"), "{arguments:?}");
    }
}
