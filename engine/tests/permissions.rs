//! Promise 7: a missing permission is reported at once, and is not treated as damage.
//! Becoming another user takes root; without it the tests report that they did not run.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use gaugelog::{Error, ErrorKind, Observation, Options, Store};
use support::mounts::run;
use support::processes::{Process, again, called, copy_program, not_run};
use support::{CHUNK, assert_sound, file_names, place};
use tempfile::TempDir;

fn observations(from: u64, count: u64) -> Vec<Observation> {
    let each = from..from + count;
    each.map(|n| Observation::new(n.cast_signed(), 0.5 + (n % 7) as f64)).collect()
}

fn allow(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set");
}

/// Runs a part of this test program as a user without rights, with a store whose
/// directory and files have these modes. Returns false if that is not possible.
fn as_another_user(part: &str, guard: &TempDir, path: &Path, directory: u32, files: u32) -> bool {
    if !run(Command::new("setpriv").args(["--reuid", "65534", "--clear-groups", "true"])) {
        not_run("this test needs to run a process as another user, which takes root");
        return false;
    }
    allow(guard.path(), 0o755);
    file_names(path).iter().for_each(|name| allow(&path.join(name), files));
    allow(path, directory);
    // The other user may have no access to the directory of the program.
    let program = guard.path().join("program");
    copy_program(&program);
    allow(&program, 0o755);
    let part = again(part, path, "");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&program);
    command.args(part.get_args());
    command.envs(part.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Process::start(command.current_dir("/")).succeeds();
    true
}

fn assert_is_refused(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert_eq!(error.io_error().and_then(std::io::Error::raw_os_error), Some(13), "{error}");
    assert!(!error.can_pass(), "{error}");
}

/// May read and write all files, but not list the directory.
#[test]
fn a_user_who_may_not_list() {
    let Some((path, _)) = called() else { return };
    let store = Store::open(&path).expect("names need not be listed");
    assert_eq!(store.snapshot().expect("a snapshot").summary().expect("read").count(), 100);
    assert_sound(&store);
    for refused in [
        store.append(observations(100, 1)[0]).map(drop),
        store.sync(),
        store.seal(),
        store.remove_before(i64::MAX).map(drop),
        store.writer().map(drop),
        Store::repair(&path).map(drop),
    ] {
        assert_is_refused(&refused.expect_err("the directory cannot be locked"));
    }
}

#[test]
fn a_directory_that_may_not_be_listed_is_read_and_not_written() {
    let (guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0, 100)).expect("appended");
    if as_another_user("a_user_who_may_not_list", &guard, &path, 0o733, 0o666) {
        assert_eq!(store.append(observations(100, 1)[0]).expect("appended"), 100);
        assert_sound(&store);
    }
}

/// May write to the files, but not create or remove any.
#[test]
fn a_user_who_may_make_no_file() {
    let Some((path, _)) = called() else { return };
    let store = Store::open(&path).expect("opened");
    let numbers = store.append_batch(&observations(CHUNK - 10, 1_100)).expect("in the log");
    assert_eq!(numbers, CHUNK - 10..CHUNK + 1_090, "that it cannot be sealed is no error");
    let error = store.seal().expect_err("no chunk can be made");
    assert_is_refused(&error);
    let copy = store.copy_to(path.with_extension("copy")).expect_err("no directory can be made");
    assert_is_refused(&copy);
    assert_is_refused(&Store::create(path.join("new")).expect_err("nor here"));
}

#[test]
fn a_directory_that_may_not_be_written_takes_what_its_log_can_hold() {
    let (guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0, CHUNK - 10)).expect("appended");
    let before = file_names(&path);
    if !as_another_user("a_user_who_may_make_no_file", &guard, &path, 0o755, 0o666) {
        return;
    }
    assert_eq!(file_names(&path), before, "nothing is left half made");
    // A user with the permission seals it.
    store.seal().expect("sealed");
    assert!(path.join("0000000000.chunk").exists());
    let snapshot = store.snapshot().expect("a snapshot");
    assert!(support::arrivals(&snapshot).into_iter().eq(observations(0, CHUNK + 1_090)));
    assert_sound(&store);
}

/// The first append makes the log.
#[test]
fn a_user_who_may_not_begin() {
    let Some((path, _)) = called() else { return };
    let store = Options::new().open(&path).expect("opened");
    assert_is_refused(&store.append(observations(0, 1)[0]).expect_err("no log can be made"));
}

#[test]
fn an_empty_store_that_may_not_be_written_refuses_the_first_append() {
    let (guard, path) = place();
    let store = Store::create(&path).expect("created");
    if as_another_user("a_user_who_may_not_begin", &guard, &path, 0o755, 0o644) {
        assert_eq!(store.append(observations(0, 1)[0]).expect("appended"), 0);
        assert_sound(&store);
    }
}
