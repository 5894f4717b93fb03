//! Promise 7 below a limit on the size of files (`ulimit -f`, `RLIMIT_FSIZE`). Wherever
//! the limit cuts a write off, that is an error. What was acknowledged is there, what was
//! refused is not, and work resumes when the limit is raised.
//!
//! With such an error the kernel also sends a signal (`SIGXFSZ`), which a program must
//! ignore. Here the shell that starts the processes with limits ignores it.
//!
//! `GAUGELOG_FILE_SIZES` says at which bytes to cut: `all`, or `N` for one in N.

mod support;

use std::path::Path;
use std::process::Command;

use gaugelog::{Error, ErrorKind, Observation, Options, Store, SyncPolicy};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::copies::copy_files;
use support::processes::{Process, again, called, report};
use support::{CHUNK, Random, arrivals, assert_sound, log_path, quick_place, series};

/// By default one in this many bytes is tried.
const ONE_IN: u64 = 61;
/// For a chunk the divisor is this many times as large.
const ONE_IN_OF_CHUNK: u64 = 997;
const EFBIG: i32 = 27;
/// Stored before the limit: with it the log is longer than a manifest, so that it can be
/// replaced below the limit.
const BEGUN_WITH: usize = 600;
/// Stored at the end of the test: the log has more than a block of 32 KiB.
const ENDED_WITH: usize = 4_000;

fn one_in() -> u64 {
    match std::env::var("GAUGELOG_FILE_SIZES") {
        Ok(all) if all == "all" => 1,
        Ok(asked) => asked.parse().expect("a number"),
        Err(_) => ONE_IN,
    }
}

/// Runs `work` while no file of this process can grow beyond `bytes`.
fn limited<T>(bytes: u64, work: impl FnOnce() -> T) -> T {
    let unlimited = getrlimit(Resource::Fsize);
    let limit = Rlimit { current: Some(bytes), ..unlimited };
    setrlimit(Resource::Fsize, limit).expect("a lower limit");
    let result = work();
    setrlimit(Resource::Fsize, unlimited).expect("the limit that was there");
    result
}

/// Runs `part` of this program in a process that ignores the signal.
fn play(part: &str, words: &str) {
    let (_guard, path) = quick_place();
    let played = again(part, &path, words);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(played.get_program());
    command.args(played.get_args());
    command.envs(played.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut process = Process::start(&mut command);
    println!("file sizes: {}", process.expect_line("cut"));
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

/// Checks that the store holds these and nothing else, also through a new handle.
fn check(path: &Path, all: &[Observation]) {
    let fresh = Store::open(path).expect("opened");
    assert!(fresh.recovery().damage.is_empty(), "{:?}", fresh.recovery());
    let snapshot = fresh.snapshot().expect("a snapshot");
    assert!(arrivals(&snapshot) == all, "{} of {}", snapshot.len(), all.len());
    assert_eq!(snapshot.summary().expect("read").count(), all.len() as u64);
}

/// The end of the log's frames and mark: the last bytes of a row are not zero.
fn end_of_log(path: &Path) -> u64 {
    let bytes = std::fs::read(log_path(path)).expect("a log");
    let last = bytes.iter().rposition(|byte| *byte != 0).expect("a header");
    (last as u64 + 1).next_multiple_of(8)
}

/// How much is appended at once, and how.
#[derive(Clone, Copy)]
struct Appends {
    words: &'static str,
    policy: SyncPolicy,
    count: usize,
    /// Whether some appends have no limit, so that space is written ahead.
    ahead: bool,
}

const APPENDS: [Appends; 4] = [
    Appends { words: "single", policy: SyncPolicy::Always, count: 1, ahead: false },
    Appends { words: "ahead", policy: SyncPolicy::Always, count: 1, ahead: true },
    Appends { words: "batches", policy: SyncPolicy::Always, count: 97, ahead: false },
    Appends { words: "unsynced", policy: SyncPolicy::Never, count: 97, ahead: false },
];

/// Not a test by itself: appends with each byte of a log as the limit.
#[test]
fn the_process_that_appends() {
    let Some((path, words)) = called() else { return };
    let appends = APPENDS.into_iter().find(|it| it.words == words).expect("one of them");
    let store = Options::new().sync(appends.policy).create(&path).expect("created");
    let all = series(ENDED_WITH + 200);
    let (mut stored, mut cuts) = (BEGUN_WITH, 0);
    store.append_batch(&all[..stored]).expect("there is no limit");
    let first = end_of_log(&path);
    let mut limit = first;
    while stored < ENDED_WITH {
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
                limit = limit.max(end_of_log(&path));
            }
        }
    }
    check(&path, &all[..stored]);
    store.append(all[stored]).expect("there is no limit");
    assert_sound(&store);
    report(&format!("cut {words}: bytes {first} to {limit}, {cuts} writes refused"));
}

#[test]
fn a_limit_may_cut_off_an_append_at_every_byte_of_a_log() {
    for appends in APPENDS {
        play("the_process_that_appends", appends.words);
    }
}

/// Not a test by itself: with each limit from nothing to more than a manifest needs,
/// creates a store, begins its log, and removes a chunk.
#[test]
fn the_process_that_begins() {
    let Some((path, _)) = called() else { return };
    let parent = path.parent().expect("a directory");
    let (sealed, all) = (parent.join("sealed"), series(70_000));
    Store::create(&sealed).expect("created").append_batch(&all).expect("appended");
    let largest = path_length(&sealed.join("manifest"));
    let mut cuts = 0;
    for limit in (0..largest + 9).step_by(usize::try_from(one_in()).expect("small")) {
        cuts += u32::from(create_below(limit, &path));
        std::fs::remove_dir_all(&path).expect("removed");
        cuts += u32::from(remove_below(limit, &sealed, &path, &all));
        std::fs::remove_dir_all(&path).expect("removed");
    }
    report(&format!("cut manifests: {largest} bytes, {cuts} calls refused"));
}

fn path_length(path: &Path) -> u64 {
    path.metadata().expect("a file").len()
}

/// How many times a limit prevents the creation of a store and of its log. Without the
/// limit both succeed.
fn create_below(limit: u64, path: &Path) -> bool {
    let created = limited(limit, || Store::create(path));
    let mut refused = created.is_err();
    let store = created.unwrap_or_else(|error| {
        check_refusal(path, &error);
        Store::create(path).expect("there is no limit")
    });
    let observation = Observation::new(1, 1.0);
    if let Err(error) = limited(limit, || store.append(observation)) {
        check_refusal(path, &error);
        refused = true;
        check(path, &[]);
        store.append(observation).expect("there is no limit");
    }
    check(path, &[observation]);
    assert_sound(&store);
    refused
}

/// Whether a limit prevents retention. Without the limit it succeeds.
fn remove_below(limit: u64, sealed: &Path, path: &Path, all: &[Observation]) -> bool {
    copy_files(sealed, path);
    let store = Store::open(path).expect("opened");
    let removed = limited(limit, || store.keep_bytes(0));
    let refused = removed.is_err();
    if let Err(error) = removed {
        check_refusal(path, &error);
        check(path, all);
        assert_eq!(store.keep_bytes(0).expect("there is no limit"), CHUNK);
    }
    check(path, &all[65_536..]);
    assert_sound(&store);
    refused
}

#[test]
fn a_limit_may_cut_off_a_manifest_at_every_byte() {
    play("the_process_that_begins", "");
}

/// Not a test by itself: seals below limits up to the length of the chunk. The chunk is
/// longer than the log, because the observations cannot be compressed.
#[test]
fn the_process_that_seals() {
    let Some((path, _)) = called() else { return };
    let parent = path.parent().expect("a directory");
    let full = parent.join("full");
    let mut random = Random(9);
    let mut row = || {
        let value = f64::from_bits(random.next() & !(1 << 62));
        Observation::new(random.next().cast_signed(), value)
    };
    let all: Vec<_> = (0..65_600).map(|_| row()).collect();
    let store = Store::create(&full).expect("created");
    store.append_batch(&all[..65_436]).expect("appended");
    // The append succeeds though the chunk cannot be written.
    let limit = end_of_log(&full) + 101 * 16;
    limited(limit, || store.append_batch(&all[65_436..65_536])).expect("the log has room");
    assert_eq!(store.verify().expect("verified").chunks, 0);
    drop(store);
    let (mut limit, mut cuts) = (0, 0);
    loop {
        let sealed = seal_below(limit, &full, &path, &all);
        let length = sealed.then(|| path_length(&path.join("0000000000.chunk")));
        std::fs::remove_dir_all(&path).expect("removed");
        if let Some(length) = length {
            assert!(length <= limit && length + one_in() * ONE_IN_OF_CHUNK > limit);
            break;
        }
        cuts += 1;
        limit += one_in() * ONE_IN_OF_CHUNK;
    }
    report(&format!("cut chunks: {limit} bytes, {cuts} seals refused"));
}

/// Whether a seal succeeds below a limit. Without the limit it does.
fn seal_below(limit: u64, full: &Path, path: &Path, all: &[Observation]) -> bool {
    copy_files(full, path);
    let store = Store::open(path).expect("opened");
    let sealed = limited(limit, || store.seal());
    if let Err(error) = &sealed {
        check_refusal(path, error);
        check(path, &all[..65_536]);
        assert!(!path.join("0000000000.chunk.tmp").exists());
    }
    store.append_batch(&all[65_536..]).expect("there is no limit");
    store.seal().expect("there is no limit");
    check(path, all);
    assert_sound(&store);
    assert_eq!(store.verify().expect("verified").chunks, 1);
    sealed.is_ok()
}

#[test]
fn a_limit_may_cut_off_a_chunk_at_any_byte() {
    play("the_process_that_seals", "");
}
