//! Full disks and directories that cannot be written are errors, and pass.
//!
//! Root may write everywhere, so for root the places are small and read-only tmpfs
//! mounts. Where neither can be had, the test says loudly that it tested nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use program::{Bench, Ran, SERVICE};

/// A file system of its own over the bench's directory.
struct Mounted(Bench);

impl Mounted {
    fn new(options: &str) -> Option<Self> {
        let bench = Bench::bare();
        let mounted = mount(&["-t", "tmpfs", "-o", options, "none"], bench.dir.path());
        if !mounted {
            eprintln!("NOT TESTED: mounting a tmpfs ({options}) takes root, which this is not");
        }
        mounted.then_some(Self(bench))
    }

    fn remount(&self, options: &str) {
        assert!(mount(&["-o", &format!("remount,{options}")], self.0.dir.path()));
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.dir.path()).status();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(arguments).arg(at).stderr(std::process::Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Fills what is left of a file system by making a file longer, which removing frees.
fn fill(dir: &Path) -> std::path::PathBuf {
    let filler = dir.join("filler");
    let mut file = fs::File::options().create(true).append(true).open(&filler).unwrap();
    let chunk = [1; 4096];
    while std::io::Write::write_all(&mut file, &chunk).is_ok() {}
    filler
}

#[test]
fn a_full_disk_is_an_error_and_work_goes_on_when_it_is_freed() {
    let Some(mounted) = Mounted::new("size=1m") else { return };
    let bench = &mounted.0;
    // A batch: single observations would have space written ahead for thousands more.
    bench.collect(&[1.0; 3_000]).succeeds();
    let filler = fill(bench.dir.path());
    let mut acknowledged = 3_000;
    let refused = loop {
        // Space that was written ahead takes some more.
        let ran = bench.serve(&["--add", "2"]);
        if ran.status != Some(0) {
            break ran;
        }
        acknowledged += 1;
        assert!(acknowledged < 100_000, "the disk is not full");
    };
    refused.fails_naming(&["service.log", "No space left", "free some space"]);
    assert_eq!(bench.size(), acknowledged, "reading needs no space");
    // The store may have given up its ballast for a new log that needed more than that.
    fill(bench.dir.path());
    bench.serve(&["--plot", "time"]).fails_naming(&["No space left"]);
    bench.control(&["--start"]).fails_naming(&["No space left"]);
    fs::remove_file(filler).unwrap();
    bench.serve(&["--add", "3"]).succeeds();
    assert_eq!(bench.size(), acknowledged + 1);
    bench.control(&["--start"]).succeeds();
    bench.control(&["--stop"]).succeeds();
}

/// The disk has room for the rows, and none to compress them.
#[test]
fn an_import_that_cannot_be_sealed_is_complete() {
    let Some(mounted) = Mounted::new("size=1500k") else { return };
    let bench = &mounted.0;
    // Numbers that are not compressed to much less.
    let value = |n: u64| {
        let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 11
    };
    let rows = (0..70_000).map(|n| format!("{},{}\n", 1_780_315_200 + n, value(n)));
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("rows.csv");
    fs::write(&file, rows.collect::<String>()).unwrap();
    let mut import = program::program(program::TOOL);
    import.arg("import").arg(&bench.store).arg(&file).args(["--time", "1", "--value", "2"]);
    let ran = Ran::of(import);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("70,000 observations imported"), "{ran:?}");
    for part in ["warning: all rows are stored", "No space left", "gaugelog seal"] {
        assert!(ran.stderr.contains(part), "no {part:?} in {ran:?}");
    }
    assert_eq!(bench.size(), 70_000);
}

/// So many blocks of 512 bytes: less than the space that an append writes ahead.
const BLOCKS: u32 = 8;

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_no_signal() {
    let bench = Bench::bare();
    bench.collect(&[1.0; 300]).succeeds();
    for arguments in [&["--add", "2"][..], &["--plot", "time"]] {
        let mut limited = program::program("/bin/sh");
        limited.args(["-c", &format!("ulimit -f {BLOCKS} && exec \"$0\" \"$@\""), SERVICE]);
        limited.arg("--log").arg(&bench.store).args(arguments).current_dir(bench.dir.path());
        Ran::of(limited).fails_naming(&["File too large"]);
    }
    assert_eq!(bench.size(), 300, "what was refused is not found");
    bench.serve(&["--add", "3"]).succeeds();
    assert_eq!(bench.size(), 301);
}

#[test]
fn a_store_cannot_be_created_on_a_full_disk_but_afterwards() {
    let Some(mounted) = Mounted::new("size=64k") else { return };
    let bench = &mounted.0;
    let filler = fill(bench.dir.path());
    // Directories and empty files take no room on a tmpfs: creating may succeed.
    if bench.serve(&["--init"]).status == Some(0) {
        bench.serve(&["--add", "1"]).fails_naming(&["No space left"]);
    } else {
        fs::remove_file(filler).unwrap();
        bench.serve(&["--init"]).succeeds();
    }
}

#[test]
fn a_read_only_store_can_be_read_and_refuses_the_rest() {
    let Some(mounted) = Mounted::new("size=4m") else { return };
    let bench = &mounted.0;
    bench.serve(&["--init"]).succeeds();
    bench.serve(&["--add", "14.2"]).succeeds();
    mounted.remount("ro");
    assert_eq!(bench.size(), 1);
    assert_eq!(bench.dump().len(), 1);
    for arguments in [&["--add", "1"][..], &["--plot", "dist"]] {
        bench.serve(arguments).fails_naming(&["Read-only file system"]);
    }
    bench.control(&["--start"]).fails_naming(&["Read-only file system"]);
    mounted.remount("rw");
    bench.serve(&["--add", "1"]).succeeds();
}

#[test]
fn a_directory_without_permission_refuses() {
    let bench = Bench::bare();
    let below = Bench { store: bench.dir.path().join("closed/service.log"), dir: bench.dir };
    let closed = below.dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(closed.join("probe"), "").is_ok() {
        eprintln!("NOT TESTED: this user (root?) may write into a directory of mode 555");
        return;
    }
    below.serve(&["--init"]).fails_naming(&["closed", "Permission denied"]);
}

#[test]
fn a_store_below_a_file_refuses() {
    let bench = Bench::bare();
    let below = Bench { store: bench.dir.path().join("file/service.log"), dir: bench.dir };
    fs::write(below.dir.path().join("file"), "mine").unwrap();
    below.serve(&["--init"]).fails_naming(&["file/service.log"]);
    below.serve(&["--add", "1"]).fails_naming(&["file/service.log"]);
    below.serve(&["--stats"]).fails_naming(&["file/service.log"]);
    below.control(&["--start"]).fails_naming(&["file/service.log"]);
}

#[test]
fn a_store_below_nothing_refuses_and_creates_nothing() {
    let bench = Bench::bare();
    let below = Bench { store: bench.dir.path().join("none/service.log"), dir: bench.dir };
    let ran: Ran = below.serve(&["--init"]);
    ran.fails_naming(&["none/service.log", "create the directory"]);
    assert!(below.names().is_empty());
}
