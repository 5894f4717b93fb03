//! Promise 1, as far as a running kernel can show it, and promise 3: what was
//! acknowledged before SIGKILL is there, unless retention removed it, and opening works
//! the first time.
//!
//! `GAUGELOG_KILLS` is how often to kill, `GAUGELOG_SEED` the seed of the moments.
//! `--nocapture` shows the figures.

mod support;

use std::path::Path;
use std::time::Duration;

use gaugelog::{Observation, Options, Snapshot, Store, SyncPolicy};
use support::processes::{Process, again, amount, called, report};
use support::{CHUNK, Random, assert_sound, bits, place, quick_place, undisturbed};

/// How many times processes of one store are killed before another store is begun.
const KILLS_A_STORE: u64 = 250;
/// After this many kills all that is stored is compared; after the others only what is
/// new.
const KILLS_A_COMPARISON: u64 = 20;
/// The most that is appended at once, and so the most that is not acknowledged.
const BATCH_MOST: u64 = 9_000;
/// Retention keeps this many bytes, about three chunks.
const KEPT_BYTES: u64 = 4 << 20;

/// The observation of a sequence number, so that no loss, doubling or move is missed.
fn observation(sequence: u64) -> Observation {
    let mut random = Random(sequence);
    Observation::new(random.next().cast_signed() >> 1, random.normal())
}

/// Not a test by itself: it runs in the process that is killed.
#[test]
fn the_process_that_is_killed() {
    let Some((path, seed)) = called() else { return };
    append_for_ever(&path, &mut Random(seed.parse().expect("a number")));
}

/// Appends in every way, removes old chunks, and reports up to which number it was
/// acknowledged.
fn append_for_ever(path: &Path, random: &mut Random) {
    let policy = match random.below(3) {
        0 => SyncPolicy::Never,
        1 => SyncPolicy::Every(Duration::from_millis(1)),
        _ => SyncPolicy::Always,
    };
    let store = options().sync(policy).open(path).expect("opened the first time");
    assert!(store.recovery().damage.is_empty(), "{:?}", store.recovery());
    let mut next = store.snapshot().expect("a snapshot").end_sequence();
    loop {
        let count = match random.below(9) {
            0 => random.below(BATCH_MOST),
            1 | 2 => random.below(BATCH_MOST / 10),
            _ => 1,
        };
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
            _ => assert_eq!(store.append_batch(&batch).expect("appended"), next..next + count),
        }
        next += count;
        report(&format!("acknowledged {next}"));
        if random.below(10) == 0 {
            store.keep_bytes(KEPT_BYTES).expect("removed");
        }
    }
}

/// Lets a process append, and kills it at a random moment shortly after some
/// acknowledgements. Returns the last acknowledged number.
fn run_and_kill(path: &Path, random: &mut Random) -> u64 {
    let seed = random.next().to_string();
    let mut process = Process::start(&mut again("the_process_that_is_killed", path, &seed));
    let number = |line: String| line.parse::<u64>().expect("a number");
    let mut last = 0;
    for _ in 0..random.below(12) {
        last = number(process.expect_line("acknowledged"));
    }
    std::thread::sleep(Duration::from_micros(random.below(4_000)));
    process.kill();
    while let Some(line) = process.line_with("acknowledged") {
        last = number(line);
    }
    last
}

fn options() -> Options {
    Options::new().log_bytes_max(4 << 20)
}

/// Compares what is stored from `from` on. Returns the end of the store.
fn check(path: &Path, from: u64, acknowledged: u64) -> u64 {
    let store = options().open(path).expect("opened the first time");
    let recovery = store.recovery();
    assert!(recovery.damage.is_empty(), "{recovery:?}");
    let snapshot = store.snapshot().expect("a snapshot");
    let end = snapshot.end_sequence();
    assert!(end >= acknowledged, "{acknowledged} acknowledged, {end} stored");
    assert_eq!(snapshot.first_sequence() % CHUNK, 0);
    let mut next = from.max(snapshot.first_sequence());
    for item in snapshot.by_sequence(from..) {
        let (sequence, stored) = item.expect("readable");
        assert_eq!(sequence, next, "no gap and no double");
        assert_eq!(stored, observation(sequence));
        next += 1;
    }
    assert_eq!(next, end);
    end
}

/// The statistics are those of an undisturbed store.
fn check_statistics(path: &Path) {
    let (_guard, calm) = quick_place();
    let store = Store::open(path).expect("opened");
    assert_sound(&store);
    let snapshot = store.snapshot().expect("a snapshot");
    let all: Vec<_> = (0..snapshot.end_sequence()).map(observation).collect();
    let expected = undisturbed(&calm, &all, snapshot.first_sequence());
    let summary = |it: &Snapshot| bits(&it.summary().expect("a summary"));
    assert_eq!(summary(&snapshot), summary(&expected));
    assert_eq!(snapshot.median().expect("read"), expected.median().expect("read"));
    let half = |it: &Snapshot| it.window(0..i64::MAX / 4).summary().expect("read");
    assert_eq!(bits(&half(&snapshot)), bits(&half(&expected)));
}

/// The results so far.
#[derive(Debug, Default)]
struct Figures {
    kills: u64,
    before_an_acknowledgement: u64,
    acknowledged: u64,
    stored: u64,
    chunks_removed: u64,
    chunks: u64,
    stores: u64,
}

impl Figures {
    /// Kills processes that append to a new store, `kills` times.
    fn add_store(&mut self, kills: u64, random: &mut Random) {
        let (_guard, path) = place();
        options().create(&path).expect("created");
        let mut stored = 0;
        for kill in 1..=kills {
            let acknowledged = run_and_kill(&path, random).max(stored);
            self.kills += 1;
            self.before_an_acknowledgement += u64::from(acknowledged == stored);
            self.acknowledged += acknowledged - stored;
            let whole = kill % KILLS_A_COMPARISON == 0 || kill == kills;
            let now = check(&path, if whole { 0 } else { stored }, acknowledged);
            assert!(now <= acknowledged + BATCH_MOST, "{acknowledged} acknowledged, {now} stored");
            if whole {
                check_statistics(&path);
            }
            stored = now;
        }
        let store = Store::open(&path).expect("opened");
        let first = store.snapshot().expect("a snapshot").first_sequence();
        self.stored += stored;
        self.chunks_removed += first / CHUNK;
        self.chunks += store.verify().expect("verified").chunks;
        self.stores += 1;
    }
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
    assert!(figures.stored >= figures.acknowledged);
    assert!(figures.chunks > 1, "chunks were sealed meanwhile");
    assert!(figures.chunks_removed > 1, "chunks were removed meanwhile");
}
