//! A FIFO, a link or a directory in the place of a file of ours is an error that names it:
//! nothing waits for it, and nothing is written elsewhere.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use program::tool::{ran, status};
use program::{Bench, Ran};
use rustix::fs::{CWD, Mode, mkfifoat};

const KINDS: [&str; 5] = ["a FIFO", "a symbolic link", "a directory", "a second name", "dangling"];

/// Puts something else there; the link leads to `mine`.
fn place(kind: &str, at: &Path, mine: &Path) {
    let _ = fs::remove_file(at);
    match kind {
        "a FIFO" => mkfifoat(CWD, at, Mode::from_raw_mode(0o600)).unwrap(),
        "a symbolic link" => symlink(mine, at).unwrap(),
        "a directory" => fs::create_dir(at).unwrap(),
        "a second name" => fs::hard_link(mine, at).unwrap(),
        _ => symlink(mine.with_file_name("elsewhere"), at).unwrap(),
    }
}

/// A store, a file of somebody else's, and what is said of such a thing.
fn with_each_kind(name: &str, check: impl Fn(&Bench, &[&str])) {
    for kind in KINDS {
        let bench = Bench::new();
        let mine = bench.dir.path().join("mine");
        fs::write(&mine, "mine").unwrap();
        let path = bench.store.join(name);
        place(kind, &path, &mine);
        let shown = format!("service.log/{name}");
        let said = if kind == "dangling" { "a symbolic link" } else { kind };
        check(&bench, &[&shown, said, "remove"]);
        assert_eq!(fs::read(&mine).unwrap(), b"mine", "{kind}");
        assert!(!bench.dir.path().join("elsewhere").exists(), "{kind}");
        assert!(path.symlink_metadata().is_ok(), "{kind} is left alone");
    }
}

fn collect(bench: &Bench) -> Ran {
    let log = bench.store.to_str().unwrap();
    let arguments =
        ["collect", "normal", "--every", "1ms", "--for", "5ms", "--quiet", "--log", log];
    ran(bench.dir.path(), &arguments)
}

#[test]
fn the_daemon_does_not_begin() {
    for name in ["simulate_observations.lock", "simulate_observations.log"] {
        with_each_kind(name, |bench, parts| {
            bench.control(&["--start"]).fails_naming(parts);
            assert_eq!(bench.size(), 0);
        });
    }
}

#[test]
fn stop_and_status_do_not_wait() {
    with_each_kind("simulate_observations.lock", |bench, parts| {
        if parts[1] != "a second name" {
            bench.control(&["--stop"]).fails_naming(parts);
            ran(bench.dir.path(), &["status", "--log", "service.log"]).fails_naming(parts);
        }
    });
}

#[test]
fn collecting_goes_on_without_counts() {
    for name in ["collector.lock", "collector.json"] {
        with_each_kind(name, |bench, parts| {
            let ran_on = collect(bench);
            assert!(ran_on.status == Some(0) && bench.size() > 0, "{ran_on:?}");
            if parts[1] == "a second name" && name == "collector.json" {
                // It is replaced, and the other name keeps what it named.
                return;
            }
            for part in parts {
                assert!(ran_on.stderr.contains(part), "no {part:?} in {ran_on:?}");
            }
            assert!(ran_on.stderr.contains("gaugelog: error: "), "{ran_on:?}");
            if parts[1] != "a second name" {
                let seen = ran(bench.dir.path(), &["status", "--log", "service.log"]);
                seen.fails_naming(parts);
            }
        });
    }
}

#[test]
fn what_a_killed_collector_left_is_not_written_to() {
    for kind in KINDS {
        let bench = Bench::new();
        let mine = bench.dir.path().join("mine");
        fs::write(&mine, "mine").unwrap();
        place(kind, &bench.store.join("collector.json.new"), &mine);
        let ran = collect(&bench);
        assert!(ran.status == Some(0) && bench.size() > 0, "{ran:?}");
        assert_eq!(fs::read(&mine).unwrap(), b"mine", "{kind}");
        assert!(!bench.dir.path().join("elsewhere").exists(), "{kind}");
        if kind == "a directory" {
            assert!(ran.stderr.contains("collector.json.new: Is a directory"), "{ran:?}");
        } else {
            let seen = &status(bench.dir.path(), "service.log")[0];
            assert_eq!((ran.stderr.as_str(), &seen["stored"]), ("", &bench.size().into()));
        }
    }
}
