//! Promise 6: one process at a time writes, and only to the store that the path leads to,
//! whatever happens to the directory and the names in it. The lock is on the directory
//! itself, so there is no lock file that could be removed.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gaugelog::{ErrorKind, Observation, Options, Store, SyncPolicy, Writer};
use support::copies::copy_files;
use support::mounts::{Mounted, run};
use support::processes::{Process, again, amount, called, copy_program, not_run, report};
use support::{CHUNK, arrivals, assert_sound, file_names, log_path, place};

const WRITERS: usize = 4;

fn observation(writer: usize, n: u64) -> Observation {
    let writer = i64::try_from(writer).expect("a small number");
    let n = u32::try_from(n).expect("a small number");
    Observation::new((writer << 32) | i64::from(n), f64::from(n) / 7.0)
}

fn observations(count: u64) -> Vec<Observation> {
    (0..count).map(|n| observation(0, n)).collect()
}

/// Removes files that hold no data, which other programs may consider left over.
fn remove_what_is_no_data(path: &Path) {
    for name in ["ballast", "lock"] {
        if let Err(error) = std::fs::remove_file(path.join(name)) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
        }
    }
}

#[test]
fn a_held_writer_excludes_others_whatever_is_removed() {
    let (_guard, path) = place();
    let mut writer = Store::create(&path).expect("created").writer().expect("a writer");
    writer.push(observation(0, 0)).expect("pushed");
    writer.flush().expect("flushed");
    assert_eq!(file_names(&path).len(), 3, "no lock file");
    remove_what_is_no_data(&path);
    let other = Options::new().lock_wait(Duration::ZERO).open(&path).expect("opened");
    for _ in 0..2 {
        let error = other.append(observation(1, 0)).expect_err("one writes already");
        assert_eq!(error.kind(), ErrorKind::Locked);
    }
    let error = Store::create(&path).expect_err("there is one");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    writer.push(observation(0, 1)).expect("pushed");
    writer.close().expect("closed");
    assert_eq!(other.append(observation(1, 0)).expect("the lock is free"), 2);
    let stored = arrivals(&other.snapshot().expect("a snapshot"));
    assert_eq!(stored, [observation(0, 0), observation(0, 1), observation(1, 0)]);
}

/// Not a test by itself: appends its own observations, and reports the number of each.
#[test]
fn one_of_the_writers() {
    let Some((path, words)) = called() else { return };
    let (writer, each) = words.split_once(' ').expect("two words");
    let (writer, each): (usize, u64) =
        (writer.parse().expect("a number"), each.parse().expect("a number"));
    let policy = if writer == 0 { SyncPolicy::Never } else { SyncPolicy::Always };
    let store = Options::new().sync(policy).open(path).expect("opened");
    for n in 0..each {
        let sequence = store.append(observation(writer, n)).expect("appended");
        report(&format!("acknowledged {sequence}"));
    }
}

#[test]
fn writers_append_one_at_a_time_though_files_are_removed_again_and_again() {
    let each = amount("GAUGELOG_REMOVED_APPENDS", 200);
    let (_guard, path) = place();
    Store::create(&path).expect("created");
    let start = |writer| {
        Process::start(&mut again("one_of_the_writers", &path, &format!("{writer} {each}")))
    };
    let all: Vec<Process> = (0..WRITERS).map(start).collect();
    let done = AtomicBool::new(false);
    let acknowledged: Vec<Vec<usize>> = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                remove_what_is_no_data(&path);
                std::thread::yield_now();
            }
        });
        let numbers = |mut writer: Process| {
            let lines = std::iter::from_fn(|| writer.line_with("acknowledged"));
            let numbers = lines.map(|number| number.parse().expect("a number")).collect();
            writer.succeeds();
            numbers
        };
        let threads: Vec<_> = all.into_iter().map(|it| scope.spawn(move || numbers(it))).collect();
        let joined: Vec<_> = threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        joined.into_iter().map(|numbers| numbers.expect("it appended all")).collect()
    });
    let stored = arrivals(&Store::open(&path).expect("opened").snapshot().expect("a snapshot"));
    assert_eq!(stored.len() as u64, WRITERS as u64 * each);
    for (writer, numbers) in acknowledged.iter().enumerate() {
        assert_eq!(numbers.len() as u64, each);
        for (n, sequence) in (0..).zip(numbers) {
            assert_eq!(stored[*sequence], observation(writer, n), "number {sequence}");
        }
    }
}

/// A store and a held writer of the same directory, both with something in memory.
fn store_and_writer(path: &Path) -> (Store, Writer) {
    let store = Store::create(path).expect("created");
    store.append_batch(&observations(100)).expect("appended");
    let other = Store::open(path).expect("opened");
    let mut writer = other.writer().expect("a writer");
    writer.push(observation(0, 100)).expect("pushed");
    writer.flush().expect("flushed");
    (store, writer)
}

/// What a writer does after the directory was replaced.
fn append_with(mut writer: Writer) -> gaugelog::Result<()> {
    writer.push(observation(0, 101))?;
    writer.flush()
}

#[test]
fn a_directory_exchanged_for_a_copy_is_noticed_at_the_next_append() {
    for held in [false, true] {
        let (_guard, path) = place();
        let (store, writer) = store_and_writer(&path);
        let (copy, away) = (path.with_extension("copy"), path.with_extension("away"));
        copy_files(&path, &copy);
        let writer = Some(writer).filter(|_| held);
        std::fs::rename(&path, &away).expect("moved");
        std::fs::rename(&copy, &path).expect("moved");
        let appended = match writer {
            Some(writer) => append_with(writer),
            None => store.append(observation(0, 101)).map(drop),
        };
        assert_eq!(appended.expect_err("another directory").kind(), ErrorKind::Replaced);
        for directory in [&path, &away] {
            let stored = Store::open(directory).expect("opened").snapshot().expect("a snapshot");
            assert_eq!(arrivals(&stored), observations(101), "nothing was written");
        }
        let fresh = Store::open(&path).expect("opened");
        assert_eq!(fresh.append(observation(0, 101)).expect("appended"), 101);
    }
}

#[test]
fn a_directory_that_was_moved_away_or_emptied_is_noticed_at_the_next_append() {
    for held in [false, true] {
        for is_emptied in [false, true] {
            let (_guard, path) = place();
            let (store, writer) = store_and_writer(&path);
            let writer = Some(writer).filter(|_| held);
            if is_emptied {
                for name in file_names(&path) {
                    std::fs::remove_file(path.join(name)).expect("removed");
                }
            } else {
                std::fs::rename(&path, path.with_extension("away")).expect("moved");
            }
            let appended = match writer {
                Some(writer) => append_with(writer),
                None => store.append(observation(0, 101)).map(drop),
            };
            appended.expect_err("there is no store any more");
            let names = if is_emptied { file_names(&path) } else { Vec::new() };
            assert!(names.is_empty(), "{names:?}");
        }
    }
}

/// Only the log is replaced by a copy. What the copy lacks is not there, and what is
/// appended goes into the file that the name leads to.
#[test]
fn a_log_exchanged_for_a_copy_is_noticed_at_the_next_append() {
    for held in [false, true] {
        let (_guard, path) = place();
        let (store, writer) = store_and_writer(&path);
        let log = log_path(&path);
        let copy = path.with_extension("log");
        std::fs::copy(&log, &copy).expect("copied");
        std::fs::rename(&copy, &log).expect("moved");
        if held {
            append_with(writer).expect("appended");
        } else {
            drop(writer);
            assert_eq!(store.append(observation(0, 101)).expect("appended"), 101);
        }
        let fresh = Store::open(&path).expect("opened");
        assert_eq!(arrivals(&fresh.snapshot().expect("a snapshot")), observations(102));
        assert_sound(&fresh);
    }
}

#[test]
fn a_file_system_mounted_over_a_store_is_noticed_at_the_next_append() {
    let (guard, path) = place();
    let (store, writer) = store_and_writer(&path);
    let mounted = Mounted::to_mount(path.clone());
    if !mounted.mount_again(&["-t", "tmpfs", "-o", "size=1m", "none"]) {
        return not_run("this test needs to mount a tmpfs, which takes root");
    }
    let kinds = [ErrorKind::Replaced, ErrorKind::NotAStore];
    let error = append_with(writer).expect_err("another directory");
    assert!(kinds.contains(&error.kind()), "{error}");
    let error = store.append(observation(0, 101)).expect_err("another directory");
    assert!(kinds.contains(&error.kind()), "{error}");
    assert!(file_names(&path).is_empty());
    assert!(mounted.unmount());
    assert_eq!(store.append(observation(0, 101)).expect("there again"), 101);
    drop((mounted, guard));
}

/// `cp -al`: the copy has the same files. Neither side writes anything that the other
/// sees.
#[test]
fn writers_on_both_sides_of_a_copy_of_links_do_not_meet() {
    for policy in [SyncPolicy::Always, SyncPolicy::Never] {
        let (_guard, path) = place();
        let options = Options::new().sync(policy);
        let store = options.create(&path).expect("created");
        let begun = observations(CHUNK + 1_000);
        store.append_batch(&begun).expect("appended");
        let copy = path.with_extension("copy");
        if !run(Command::new("cp").arg("-al").arg(&path).arg(&copy)) {
            return not_run("this test needs a file system with hard links");
        }
        let other = options.open(&copy).expect("opened");
        // One handle was open before, and knows the end of its log, and one was not.
        for n in 0..200 {
            store.append(observation(1, n)).expect("appended");
            other.append(observation(2, n)).expect("appended");
            if n == 100 {
                let batch: Vec<_> = (0..CHUNK).map(|n| observation(3, n)).collect();
                store.append_batch(&batch).expect("appended");
                other.keep_bytes(0).expect("removed");
            }
        }
        let mut expected = begun.clone();
        expected.extend((0..=100).map(|n| observation(1, n)));
        expected.extend((0..CHUNK).map(|n| observation(3, n)));
        expected.extend((101..200).map(|n| observation(1, n)));
        let fresh = Store::open(&path).expect("opened");
        assert!(arrivals(&fresh.snapshot().expect("a snapshot")) == expected);
        assert_sound(&fresh);
        let mut expected = begun[65_536..].to_vec();
        expected.extend((0..200).map(|n| observation(2, n)));
        let fresh = Store::open(&copy).expect("opened");
        assert!(arrivals(&fresh.snapshot().expect("a snapshot")) == expected);
        assert_sound(&fresh);
    }
}

/// Not a test by itself: a user with permission only to read. Takes what locks it can,
/// reads, and waits.
#[test]
fn a_user_who_may_only_read() {
    let Some((path, _)) = called() else { return };
    let store = Store::open_read_only(&path).expect("may be read");
    assert_eq!(store.snapshot().expect("a snapshot").len(), 100);
    let opened = std::fs::File::open(&path);
    assert!(opened.is_err(), "the directory cannot be opened, so it cannot be locked");
    for name in ["manifest", "ballast"] {
        std::fs::File::open(path.join(name)).expect("readable").lock().expect("locked");
    }
    let error = Store::open(&path).expect("may be read").append(observation(1, 0));
    let error = error.expect_err("may not be written");
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert!(!error.can_pass(), "{error}");
    report("holds all it can");
    support::processes::wait_for_go();
    assert_eq!(store.snapshot().expect("a snapshot").len(), 101);
}

#[test]
fn a_user_who_may_only_read_cannot_hold_up_appends() {
    let (guard, path) = place();
    let store = Options::new().lock_wait(Duration::ZERO).create(&path).expect("created");
    store.append_batch(&observations(100)).expect("appended");
    let allow = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set");
    };
    allow(guard.path(), 0o755);
    allow(&path, 0o711);
    file_names(&path).iter().for_each(|name| allow(&path.join(name), 0o644));
    // The other user may have no access to the directory of the program.
    let program = guard.path().join("program");
    copy_program(&program);
    allow(&program, 0o755);
    let part = again("a_user_who_may_only_read", &path, "");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&program);
    command.args(part.get_args());
    command.envs(part.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if !run(Command::new("setpriv").args(["--reuid", "65534", "--clear-groups", "true"])) {
        return not_run("this test needs to run a process as another user, which takes root");
    }
    let mut reader = Process::start(command.current_dir("/"));
    reader.expect_line("holds all it can");
    assert_eq!(store.append(observation(0, 100)).expect("not held up"), 100);
    reader.go_on();
    reader.succeeds();
}

#[test]
fn a_process_that_changes_its_directory_goes_on_appending() {
    let (guard, path) = place();
    Store::create(&path).expect("created");
    let mut command = again("appends_under_a_relative_path", &path, "");
    Process::start(command.current_dir(guard.path())).succeeds();
}

/// The path is never made absolute, so what lies above the working directory does not matter.
#[test]
fn a_process_goes_on_below_a_directory_that_has_another_name_now() {
    let (guard, _) = place();
    let (above, now) = (guard.path().join("above"), guard.path().join("now"));
    std::fs::create_dir(&above).expect("a directory");
    Store::create(above.join("store")).expect("created");
    let mut command = again("appends_after_a_change_above", &above.join("store"), "");
    let mut process = Process::start(command.current_dir(&above));
    process.expect_line("opened");
    std::fs::rename(&above, &now).expect("renamed");
    process.go_on();
    process.succeeds();
    let store = Store::open(now.join("store")).expect("opened");
    assert_eq!(store.snapshot().expect("a snapshot").len(), 2);
}

/// Not a test by itself.
#[test]
fn appends_after_a_change_above() {
    let Some((path, _)) = called() else { return };
    let store = Store::open(path.file_name().expect("a name")).expect("opened");
    store.append(observation(0, 0)).expect("appended");
    report("opened");
    support::processes::wait_for_go();
    store.append(observation(0, 1)).expect("appended");
}

/// Not a test by itself: its process has a working directory of its own.
#[test]
fn appends_under_a_relative_path() {
    let Some((path, _)) = called() else { return };
    let store = Store::open(path.file_name().expect("a name")).expect("opened");
    store.append(observation(0, 0)).expect("appended");
    std::env::set_current_dir("/").expect("changed");
    store.append(observation(0, 1)).expect("appended");
    assert_eq!(store.snapshot().expect("a snapshot").len(), 2);
}
