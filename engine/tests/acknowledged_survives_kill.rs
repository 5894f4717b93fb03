//! Promise 1, as far as a running kernel can show it, and promise 3: whatever
//! was acknowledged before SIGKILL is there, and opening works the first time.
//!
//! `GAUGELOG_KILLS` says how often to kill, `GAUGELOG_SEED` which moments are
//! drawn; with `--nocapture` the figures are shown.

mod support;

use std::path::Path;
use std::time::Duration;

use gaugelog::{Observation, Options, Store, SyncPolicy};
use support::processes::{Process, again, amount, called, tell};
use support::{Random, arrivals, bits, place, small_segments};

/// A store is killed so often, then another is begun: however long it goes on, it
/// takes no more space.
const KILLS_A_STORE: u64 = 250;
/// All that is stored is compared after so many, the new alone after each.
const KILLS_A_COMPARISON: u64 = 20;
/// The most that is appended at once, and so the most that is not acknowledged.
const BATCH_MOST: u64 = 700;

/// What stands at a sequence number: so nothing can be lost, doubled or moved
/// unseen.
fn observation(sequence: u64) -> Observation {
    let mut random = Random(sequence);
    Observation::new(random.next().cast_signed() >> 1, random.normal())
}

/// Not a test by itself: what is run again as the process that is killed.
#[test]
fn the_process_that_is_killed() {
    let Some((path, seed)) = called() else { return };
    append_for_ever(&path, &mut Random(seed.parse().expect("a number")));
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
        let count = if random.below(3) == 0 { random.below(BATCH_MOST) } else { 1 };
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
        tell(&format!("acknowledged {next}"));
    }
}

/// Lets a process append and kills it at a random moment: after some
/// acknowledgements, and a little more. Returns the last one's number.
fn run_and_kill(path: &Path, random: &mut Random) -> u64 {
    let seed = random.next().to_string();
    let mut process = Process::start(&mut again("the_process_that_is_killed", path, &seed));
    let number = |told: String| told.parse::<u64>().expect("a number");
    let mut last = 0;
    for _ in 0..random.below(12) {
        last = number(process.must_hear("acknowledged"));
    }
    std::thread::sleep(Duration::from_micros(random.below(4_000)));
    process.kill();
    while let Some(told) = process.hear("acknowledged") {
        last = number(told);
    }
    last
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

/// What has come of it so far.
#[derive(Debug, Default)]
struct Figures {
    kills: u64,
    before_an_acknowledgement: u64,
    acknowledged: u64,
    found: u64,
    segments: usize,
    stores: u64,
}

impl Figures {
    /// Kills processes that append to a new store, `kills` times.
    fn add_store(&mut self, kills: u64, random: &mut Random) {
        let (_guard, path) = place();
        small_segments().create(&path).expect("created");
        let mut stored = 0;
        for kill in 1..=kills {
            let acknowledged = run_and_kill(&path, random).max(stored);
            self.kills += 1;
            self.before_an_acknowledgement += u64::from(acknowledged == stored);
            self.acknowledged += acknowledged - stored;
            let whole = kill % KILLS_A_COMPARISON == 0 || kill == kills;
            let now = check(&path, &small_segments(), if whole { 0 } else { stored }, acknowledged);
            assert!(now <= acknowledged + BATCH_MOST, "{acknowledged} acknowledged, {now} found");
            if whole {
                check_statistics(&path);
            }
            stored = now;
        }
        self.found += stored;
        self.segments += segments(&path);
        self.stores += 1;
    }
}

fn segments(path: &Path) -> usize {
    let names = std::fs::read_dir(path).expect("listed").map(|entry| entry.expect("an entry"));
    names.filter(|name| name.file_name().to_string_lossy().ends_with(".rows")).count()
}

#[test]
fn acknowledged_survives_kill() {
    let kills = amount("GAUGELOG_KILLS", 100);
    let seed = amount("GAUGELOG_SEED", 2);
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut figures = Figures::default();
    while figures.kills < kills {
        figures.add_store(KILLS_A_STORE.min(kills - figures.kills), &mut random);
        println!("{figures:?}");
    }
    assert!(figures.found >= figures.acknowledged);
    assert!(figures.segments > 3, "segments were left and begun meanwhile");
}
