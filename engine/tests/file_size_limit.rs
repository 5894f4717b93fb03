//! Promise 7 below a limit on the size of files (`ulimit -f`, `RLIMIT_FSIZE`):
//! wherever it cuts a write off, that is an error; what was acknowledged is there,
//! what was refused is not, and work resumes when the limit is raised.
//!
//! The kernel sends a signal (`SIGXFSZ`) with such an error. It is a program's to
//! ignore: here the shell does it that starts the processes with limits.
//!
//! `GAUGELOG_FILE_SIZES` says at which bytes to cut: `all`, or one in so many.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use gaugelog::{Error, ErrorKind, Observation, Options, Store, SyncPolicy};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::processes::{Process, again, called, tell};
use support::{arrivals, quick_place, series, small_segments};

/// One byte in so many where nobody asks for more.
const ONE_IN: u64 = 61;
const EFBIG: i32 = 27;
/// More than a checkpoint has bytes, in observations. While that cannot be written,
/// every append behind a refused one begins a segment, since what is durable of the
/// old one is not known.
const BEYOND_CHECKPOINT: usize = 600;

fn one_in() -> u64 {
    match std::env::var("GAUGELOG_FILE_SIZES") {
        Ok(all) if all == "all" => 1,
        Ok(asked) => asked.parse().expect("a number"),
        Err(_) => ONE_IN,
    }
}

/// Runs `work` with no file of this process growing beyond so many bytes.
fn limited<T>(bytes: u64, work: impl FnOnce() -> T) -> T {
    let unlimited = getrlimit(Resource::Fsize);
    let limit = Rlimit { current: Some(bytes), ..unlimited };
    setrlimit(Resource::Fsize, limit).expect("a lower limit");
    let result = work();
    setrlimit(Resource::Fsize, unlimited).expect("the limit that was there");
    result
}

/// Has a test of this program play `part` in a process that ignores the signal.
fn play(part: &str, words: &str) {
    let (_guard, path) = quick_place();
    let played = again(part, &path, words);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(played.get_program());
    command.args(played.get_args());
    command.envs(played.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut process = Process::start(&mut command);
    println!("file sizes: {}", process.must_hear("cut"));
    process.succeeds();
}

fn check_refusal(path: &Path, error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    let cause = error.io_error().and_then(std::io::Error::raw_os_error);
    assert_eq!(cause, Some(EFBIG), "{error}");
    assert!(error.path().starts_with(path), "{error}");
    assert_eq!(error.stored(), 0, "{error}");
    assert!(!error.to_string().contains("may be found later"), "{error}");
}

/// The store holds these and nothing else, also for a handle of its own.
fn check(path: &Path, all: &[Observation]) {
    let fresh = Store::open(path).expect("opened");
    assert!(fresh.found().damage.is_empty(), "{:?}", fresh.found());
    let snapshot = fresh.snapshot().expect("a snapshot");
    assert!(arrivals(&snapshot) == all, "{} of {}", snapshot.len(), all.len());
    assert_eq!(snapshot.summary().expect("read").count(), all.len() as u64);
}

fn rows(path: &Path, ordinal: u32) -> PathBuf {
    path.join(format!("{ordinal:010}.rows"))
}

/// Where the frames of a segment end: the last byte of an observation is not zero.
fn end_of(rows: &Path) -> u64 {
    let bytes = std::fs::read(rows).expect("a segment");
    let last = bytes.iter().rposition(|byte| *byte != 0).expect("a header");
    (last as u64 + 1).next_multiple_of(8)
}

/// What is appended at once, and how.
#[derive(Clone, Copy)]
struct Appends {
    words: &'static str,
    policy: SyncPolicy,
    count: usize,
    /// Without a limit now and then, so that space is written ahead.
    ahead: bool,
}

const APPENDS: [Appends; 4] = [
    Appends { words: "single", policy: SyncPolicy::Always, count: 1, ahead: false },
    Appends { words: "ahead", policy: SyncPolicy::Always, count: 1, ahead: true },
    Appends { words: "batches", policy: SyncPolicy::Always, count: 97, ahead: false },
    Appends { words: "unsynced", policy: SyncPolicy::Never, count: 97, ahead: false },
];

/// Not a test by itself: appends with each byte of a segment as the limit, up to
/// where it has all of its observations.
#[test]
fn the_process_that_appends() {
    let Some((path, words)) = called() else { return };
    let appends = APPENDS.into_iter().find(|it| it.words == words).expect("one of them");
    let store = small_segments().sync(appends.policy).create(&path).expect("created");
    let all = series(6_000);
    let (mut stored, mut cuts) = (1, 0);
    if appends.policy == SyncPolicy::Always {
        stored = BEYOND_CHECKPOINT;
    }
    store.append_batch(&all[..stored]).expect("there is no limit");
    let first = end_of(&rows(&path, 1));
    let mut limit = first;
    while !rows(&path, 2).exists() {
        let batch = &all[stored..stored + appends.count];
        match limited(limit, || store.append_batch(batch)) {
            Err(error) => {
                check_refusal(&path, &error);
                assert_eq!(store.snapshot().expect("a snapshot").len(), stored as u64);
                if cuts % 512 == 0 {
                    check(&path, &all[..stored]);
                }
                cuts += 1;
                limit += one_in();
            }
            Ok(range) => {
                assert_eq!(range.start, stored as u64);
                stored += appends.count;
                if appends.ahead && stored.is_multiple_of(100) {
                    store.append(all[stored]).expect("there is no limit");
                    stored += 1;
                }
                limit = limit.max(end_of(&rows(&path, 1)));
            }
        }
    }
    check(&path, &all[..stored]);
    store.append(all[stored]).expect("there is no limit");
    assert!(store.verify().expect("read").is_sound());
    tell(&format!("cut {words}: bytes {first} to {limit}, {cuts} writes refused"));
}

#[test]
fn a_limit_may_cut_off_an_append_at_every_byte_of_a_segment() {
    for appends in APPENDS {
        play("the_process_that_appends", appends.words);
    }
}

/// Not a test by itself: with each limit from nothing to more than any of the
/// small files has, creates a store, and leaves a full segment for the next.
#[test]
fn the_process_that_begins() {
    let Some((path, _)) = called() else { return };
    let parent = path.parent().expect("a directory");
    let full = parent.join("full");
    let options = small_segments();
    let store = options.create(&full).expect("created");
    let all = series(6_000);
    store.append_batch(&all[..4_096]).expect("appended");
    drop(store);
    let largest = largest_after_leaving(&full, parent, &all);
    let mut cuts = 0;
    for limit in (0..largest + 9).step_by(usize::try_from(one_in()).expect("small")) {
        cuts += u32::from(create_below(limit, &path, &options));
        std::fs::remove_dir_all(&path).expect("removed");
        cuts += u32::from(leave_below(limit, &full, &path, &all));
        std::fs::remove_dir_all(&path).expect("removed");
    }
    tell(&format!("cut small files: {largest} bytes, {cuts} calls refused"));
}

/// How large the largest of the files is that leaving a segment writes.
fn largest_after_leaving(full: &Path, parent: &Path, all: &[Observation]) -> u64 {
    let path = parent.join("left");
    copy(full, &path);
    small_segments().open(&path).expect("opened").append(all[4_096]).expect("appended");
    let sizes = std::fs::read_dir(&path).expect("listed").filter_map(|entry| {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a plain name");
        let small = !name.ends_with(".rows");
        small.then(|| entry.metadata().expect("a file").len())
    });
    sizes.max().expect("a checkpoint")
}

/// Whether creating a store is refused below a limit; then it can be created.
fn create_below(limit: u64, path: &Path, options: &Options) -> bool {
    let created = limited(limit, || options.create(path));
    let refused = created.is_err();
    let store = created.unwrap_or_else(|error| {
        check_refusal(path, &error);
        options.create(path).expect("there is no limit")
    });
    store.append(Observation::new(1, 1.0)).expect("appended");
    refused
}

/// Whether the append is refused that is to begin the next segment; what was
/// derived from the full one may be lacking, and is made again or done without.
fn leave_below(limit: u64, full: &Path, path: &Path, all: &[Observation]) -> bool {
    copy(full, path);
    let store = small_segments().open(path).expect("opened");
    let appended = limited(limit, || store.append(all[4_096]));
    let refused = appended.is_err();
    if let Err(error) = &appended {
        check_refusal(path, error);
    }
    let stored = 4_096 + usize::from(!refused);
    check(path, &all[..stored]);
    store.append_batch(&all[stored..4_200]).expect("there is no limit");
    check(path, &all[..4_200]);
    let median = |store: &Store| store.snapshot().expect("a snapshot").median().expect("read");
    let mut values: Vec<f64> = all[..4_200].iter().map(|it| it.value).collect();
    values.sort_by(f64::total_cmp);
    assert_eq!(median(&store), Some(f64::midpoint(values[2_099], values[2_100])));
    let verified = store.verify().expect("read");
    let derived = |path: &Path| path.extension().is_none_or(|extension| extension != "rows");
    let torn = |detail: &str| detail.ends_with("does not match its checksum");
    let costs_time = verified.damage.iter().all(|it| derived(&it.path) && torn(&it.detail));
    assert!(costs_time, "{verified:?}");
    refused
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("listed") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

#[test]
fn a_limit_may_cut_off_the_small_files_at_every_byte() {
    play("the_process_that_begins", "");
}
