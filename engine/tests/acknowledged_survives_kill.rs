//! Promise 1, as far as a running kernel can show it, and promise 3: whatever
//! was acknowledged before SIGKILL is there, and opening works the first time.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gaugelog::{Observation, Options, Store, SyncPolicy};
use support::{Random, arrivals, bits, place, small_segments};

const CYCLES: u64 = 200;
const PATH: &str = "GAUGELOG_TEST_KILLED_PATH";
const SEED: &str = "GAUGELOG_TEST_KILLED_SEED";

/// What stands at a sequence number: so nothing can be lost, doubled or moved
/// unseen.
fn observation(sequence: u64) -> Observation {
    let mut random = Random(sequence);
    Observation::new(random.next().cast_signed() >> 1, random.normal())
}

/// Not a test by itself: what is run again as the process that is killed.
#[test]
fn the_process_that_is_killed() {
    let Some(path) = std::env::var_os(PATH) else { return };
    let seed = std::env::var(SEED).expect("a seed").parse().expect("a number");
    append_for_ever(&PathBuf::from(path), &mut Random(seed));
}

/// Appends in every way there is, and says up to where it was acknowledged.
fn append_for_ever(path: &Path, random: &mut Random) {
    let policy = match random.below(3) {
        0 => SyncPolicy::Never,
        1 => SyncPolicy::Every(Duration::from_millis(1)),
        _ => SyncPolicy::Always,
    };
    let store = small_segments().sync(policy).open(path).expect("opened the first time");
    assert!(store.found().damage.is_empty(), "{:?}", store.found());
    let mut next = store.found().observations;
    loop {
        let count = if random.below(3) == 0 { random.below(700) } else { 1 };
        let batch: Vec<_> = (next..next + count).map(observation).collect();
        match random.below(4) {
            0 => {
                let mut writer = store.writer().expect("a writer");
                for observation in &batch {
                    writer.push(*observation).expect("pushed");
                }
                writer.close().expect("closed");
            }
            1 if count == 1 => assert_eq!(store.append(batch[0]).expect("appended"), next),
            _ => drop(store.append_batch(&batch).expect("appended")),
        }
        next += count;
        acknowledge(next);
    }
}

/// One line on the pipe to the parent, among those of the test harness.
fn acknowledge(next: u64) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\nacknowledged {next}\n").as_bytes()).expect("written");
    out.flush().expect("flushed");
}

fn start(path: &Path, seed: u64) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "the_process_that_is_killed", "--nocapture"])
        .env(PATH, path)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started")
}

/// Lets a process append and kills it at a random moment: after some
/// acknowledgements, and a little more. Returns the last one's number.
fn run_and_kill(path: &Path, seed: u64, random: &mut Random) -> u64 {
    let mut child = start(path, seed);
    let out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut numbers = out.lines().filter_map(|line| {
        line.ok()?.strip_prefix("acknowledged ").and_then(|number| number.parse::<u64>().ok())
    });
    let mut last = 0;
    for _ in 0..random.below(12) {
        last = numbers.next().expect("it goes on until it is killed");
    }
    std::thread::sleep(Duration::from_micros(random.below(4_000)));
    child.kill().expect("killed");
    child.wait().expect("waited for");
    numbers.last().unwrap_or(last)
}

/// Compares what is stored from `from` on, and the statistics.
fn check(path: &Path, options: &Options, from: u64, acknowledged: u64) -> u64 {
    let store = options.open(path).expect("opened the first time");
    let found = store.found();
    assert!(found.damage.is_empty(), "{found:?}");
    assert!(found.observations >= acknowledged, "{acknowledged} acknowledged, {found:?}");
    let snapshot = store.snapshot().expect("a snapshot");
    let mut next = from;
    for item in snapshot.arrivals(from..u64::MAX) {
        let (sequence, stored) = item.expect("readable");
        assert_eq!(sequence, next, "no gap and no double");
        assert_eq!(stored, observation(sequence));
        next += 1;
    }
    assert_eq!(next, found.observations);
    next
}

/// The statistics are those of a store that nobody disturbed.
fn check_statistics(path: &Path) {
    let (_guard, calm) = place();
    let store = Store::open(path).expect("opened");
    let snapshot = store.snapshot().expect("a snapshot");
    let undisturbed = Options::new().sync(SyncPolicy::Never).create(&calm).expect("created");
    undisturbed.append_batch(&arrivals(&snapshot)).expect("appended");
    let expected = undisturbed.snapshot().expect("a snapshot");
    let summary = |it: &gaugelog::Snapshot| bits(&it.summary().expect("a summary"));
    assert_eq!(summary(&snapshot), summary(&expected));
    assert_eq!(snapshot.median().expect("read"), expected.median().expect("read"));
    let ranges = |it: &gaugelog::Snapshot| bits(&it.summary_of(0..i64::MAX / 4).expect("read"));
    assert_eq!(ranges(&snapshot), ranges(&expected));
}

#[test]
fn acknowledged_survives_kill() {
    let (_guard, path) = place();
    small_segments().create(&path).expect("created");
    let mut random = Random(2);
    let mut stored = 0;
    for cycle in 0..CYCLES {
        let acknowledged = run_and_kill(&path, cycle, &mut random);
        let whole = cycle % 20 == 19;
        let from = if whole { 0 } else { stored };
        let now = check(&path, &small_segments(), from, acknowledged.max(stored));
        if whole {
            check_statistics(&path);
        }
        stored = now;
    }
    let segments = std::fs::read_dir(&path).expect("listed").filter(|entry| {
        let name = entry.as_ref().expect("an entry").file_name();
        name.to_string_lossy().ends_with(".rows")
    });
    assert!(segments.count() > 3, "segments were left and begun meanwhile");
}
