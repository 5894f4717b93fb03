//! The workloads that are cut, and the recoveries after a cut.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::observer::{INPUT_OUTPUT, NO_SPACE};
use super::script::Step::{
    Append, Close, CopyHere, CorruptManifest, Die, Drop, DropHeld, Fail, FillChunk, FillLeaf,
    Flush, FlushChunk, Heal, Hold, KeepBytes, LoseBallast, Open, PlantChunk, RemoveBefore,
    RemoveBeforeHeld, Repair, Retry, Seal, SealHeld, Sync, SyncHeld, SyncIfDue, Use,
};
use super::script::{ALWAYS, AT_ONCE, Call, HOUR, NEVER, Step};
use crate::format::CHUNK;

/// Processes that use a store. Every operation is a moment to cut at.
#[derive(Debug)]
pub(super) struct Workload {
    pub(super) name: &'static str,
    /// The size in bytes at which a held writer that does not sync seals.
    pub(super) log_bytes_max: u64,
    /// Whether marks are left to the next append.
    pub(super) late_marks: bool,
    /// What was done before. It is all on the disk, except these sectors of the log's
    /// frames, which a power cut has lost.
    pub(super) before: &'static [Step],
    pub(super) lost_sectors: &'static [usize],
    pub(super) steps: &'static [Step],
    /// Whether recoveries also fill chunks and remove some.
    pub(super) fills_chunks: bool,
    /// Whether a process goes on after a cut.
    pub(super) recovers: bool,
}

pub(super) const PLAIN: Workload = Workload {
    name: "",
    log_bytes_max: 16 * 1024,
    late_marks: false,
    before: &[],
    lost_sectors: &[],
    steps: &[],
    fills_chunks: false,
    recovers: true,
};
const FILLED: Workload = Workload { fills_chunks: true, ..PLAIN };

/// All but two observations of a chunk, durable.
const NEARLY_A_CHUNK: &[Step] = &[Open(NEVER), Append(CHUNK - 2), Sync];
/// Three chunks, and a log with a few observations.
const CHUNKS: &[Step] = &[Open(NEVER), Append(3 * CHUNK), Open(ALWAYS), Append(5)];
const A_FEW: &[Step] = &[Open(ALWAYS), Append(1), Append(3), Append(1)];
/// More than one sector, and more than two.
const FEW: u64 = 40;
const MORE: u64 = 70;

pub(super) const WORKLOADS: &[Workload] = &[
    Workload { name: "creation", steps: &[Open(ALWAYS), Append(1)], ..PLAIN },
    Workload {
        name: "single",
        steps: &[Open(ALWAYS), Append(1), Append(1), Append(1), Append(1), Append(1)],
        ..PLAIN
    },
    Workload {
        name: "fresh-handles",
        before: A_FEW,
        steps: &[
            Open(ALWAYS),
            Append(1),
            Drop,
            Open(ALWAYS),
            Append(1),
            Drop,
            Open(ALWAYS),
            Append(1),
        ],
        ..PLAIN
    },
    Workload {
        name: "batches",
        steps: &[Open(ALWAYS), Append(FEW), Append(MORE), Append(3), Append(FEW), Append(130)],
        ..PLAIN
    },
    Workload {
        name: "blocks",
        steps: &[Open(ALWAYS), Append(1_500), Append(FEW), Append(300), Append(1)],
        ..FILLED
    },
    Workload {
        name: "late-marks",
        late_marks: true,
        before: A_FEW,
        steps: &[
            Open(ALWAYS),
            Append(FEW),
            Append(3),
            Drop,
            Open(ALWAYS),
            Append(FEW),
            Open(ALWAYS),
            Append(1),
            Use(1),
            Append(MORE),
            Die,
            Open(ALWAYS),
            Append(FEW),
            Sync,
            Append(1),
        ],
        ..PLAIN
    },
    Workload {
        name: "held",
        steps: &[Open(ALWAYS), Hold, Flush(1), Flush(FEW), Flush(1), SyncHeld, Flush(5), Close],
        ..PLAIN
    },
    Workload {
        name: "held-unsynced",
        before: A_FEW,
        steps: &[Open(NEVER), Hold, Flush(FEW), Flush(FEW), SyncHeld, Flush(FEW), Close, Append(1)],
        ..PLAIN
    },
    Workload {
        name: "interval",
        before: A_FEW,
        steps: &[
            Open(HOUR),
            Append(FEW),
            Append(1),
            Hold,
            Flush(FEW),
            SyncIfDue,
            Close,
            Append(FEW),
            Drop,
            Open(AT_ONCE),
            Append(1),
            Append(FEW),
            Drop,
            Open(HOUR),
            Hold,
            Flush(2),
            DropHeld,
        ],
        ..PLAIN
    },
    Workload {
        name: "unsynced",
        before: A_FEW,
        steps: &[
            Open(NEVER),
            Append(FEW),
            Append(FEW),
            Append(FEW),
            Sync,
            Append(1),
            Append(1),
            Append(FEW),
            Append(FEW),
            Sync,
            Append(1),
        ],
        ..PLAIN
    },
    Workload {
        name: "several-writers",
        before: A_FEW,
        steps: &[
            Open(ALWAYS),
            Append(1),
            Open(NEVER),
            Append(FEW),
            Append(1),
            Use(0),
            Append(1),
            Use(1),
            Append(1),
            Append(FEW),
            Open(HOUR),
            Append(1),
            Use(1),
            Append(1),
            Use(0),
            Append(FEW),
        ],
        ..PLAIN
    },
    Workload {
        name: "sealing",
        before: NEARLY_A_CHUNK,
        steps: &[Open(ALWAYS), Append(1), Append(3), Append(1)],
        ..FILLED
    },
    Workload {
        name: "sealing-exactly",
        before: NEARLY_A_CHUNK,
        steps: &[Open(ALWAYS), Append(1), Append(1), Drop, Open(ALWAYS), Append(1)],
        ..FILLED
    },
    Workload {
        name: "sealing-unsynced",
        before: NEARLY_A_CHUNK,
        steps: &[Open(NEVER), Append(1), Append(1), Append(FEW), Sync, Append(1)],
        ..FILLED
    },
    Workload {
        name: "sealing-in-one",
        before: NEARLY_A_CHUNK,
        steps: &[Open(ALWAYS), Append(2 * CHUNK + 4), Open(HOUR), FillChunk, Append(FEW), Drop],
        ..FILLED
    },
    Workload {
        name: "sealing-of-several-by-a-held-writer",
        before: NEARLY_A_CHUNK,
        log_bytes_max: 1 << 20,
        steps: &[Open(NEVER), Hold, Flush(CHUNK), Flush(CHUNK + 5), Close, Append(1)],
        ..FILLED
    },
    Workload {
        name: "sealing-by-a-held-writer",
        before: NEARLY_A_CHUNK,
        steps: &[
            Open(NEVER),
            Hold,
            Flush(FEW),
            SealHeld,
            FlushChunk,
            Flush(1),
            SyncHeld,
            DropHeld,
            Open(ALWAYS),
            Seal,
            Append(1),
        ],
        ..FILLED
    },
    Workload {
        name: "leaves",
        before: &[Open(NEVER), Append(1_022), Sync],
        steps: &[Open(ALWAYS), Append(4), Open(NEVER), FillLeaf, Append(2), Sync, Append(1)],
        ..FILLED
    },
    Workload {
        name: "torn",
        before: &[Open(ALWAYS), Append(1), Open(NEVER), Append(FEW), Append(FEW), Append(FEW)],
        lost_sectors: &[2],
        steps: &[Open(ALWAYS), Append(1), Append(FEW), Drop, Open(ALWAYS), Append(1)],
        ..PLAIN
    },
    Workload {
        name: "torn-after-the-durable",
        before: &[
            Open(NEVER),
            Append(FEW),
            Append(FEW),
            Sync,
            Append(FEW),
            Append(FEW),
            Append(FEW),
        ],
        lost_sectors: &[3, 4],
        steps: &[Open(NEVER), Append(FEW), Append(FEW), Append(1), Sync],
        ..PLAIN
    },
    Workload {
        name: "torn-with-a-full-chunk",
        before: &[Open(NEVER), Hold, Flush(CHUNK - 2), Flush(FEW), Flush(FEW), Die],
        log_bytes_max: 1 << 20,
        lost_sectors: &[67],
        steps: &[Open(ALWAYS), Append(1), Append(FEW)],
        ..FILLED
    },
    Workload {
        name: "unconfirmed",
        before: A_FEW,
        steps: &[
            Open(NEVER),
            Append(FEW),
            Append(1),
            Die,
            Open(ALWAYS),
            Append(1),
            Open(NEVER),
            Append(1),
            Die,
            Open(HOUR),
            Append(1),
            Sync,
        ],
        ..PLAIN
    },
    Workload {
        name: "unconfirmed-with-a-full-chunk",
        before: NEARLY_A_CHUNK,
        log_bytes_max: 1 << 20,
        steps: &[Open(NEVER), Hold, Flush(FEW), Flush(FEW), Die, Open(ALWAYS), Append(1)],
        ..FILLED
    },
    Workload {
        name: "failed-sync",
        before: A_FEW,
        steps: &[
            Open(ALWAYS),
            Append(1),
            Fail(Call::SyncLog, 1, INPUT_OUTPUT),
            Append(1),
            Append(1),
            Fail(Call::SyncLog, 1, INPUT_OUTPUT),
            Append(FEW),
            Retry,
            Append(1),
        ],
        ..PLAIN
    },
    Workload {
        name: "failed-sync-of-unsynced",
        before: A_FEW,
        steps: &[
            Open(NEVER),
            Append(FEW),
            Append(1),
            Fail(Call::SyncLog, 1, INPUT_OUTPUT),
            Sync,
            Append(1),
            Append(FEW),
            Fail(Call::SyncLog, 1, INPUT_OUTPUT),
            Hold,
            Flush(FEW),
            SyncHeld,
            Flush(1),
            Close,
        ],
        ..PLAIN
    },
    Workload {
        name: "failed-sync-with-a-full-chunk",
        before: NEARLY_A_CHUNK,
        log_bytes_max: 1 << 20,
        steps: &[
            Open(NEVER),
            Hold,
            Flush(FEW),
            Fail(Call::SyncLog, 1, INPUT_OUTPUT),
            SyncHeld,
            Flush(1),
            SyncHeld,
            Flush(FEW),
            Close,
        ],
        ..FILLED
    },
    Workload {
        name: "failed-sync-of-sealing",
        before: NEARLY_A_CHUNK,
        steps: &[
            Open(NEVER),
            Append(1),
            Fail(Call::SyncLog, 1, INPUT_OUTPUT),
            Append(1),
            Append(FEW),
            Sync,
            Open(ALWAYS),
            Append(1),
        ],
        ..FILLED
    },
    Workload {
        name: "failed-sync-of-sealing-the-durable",
        before: NEARLY_A_CHUNK,
        steps: &[
            Open(ALWAYS),
            Append(1),
            // The append's own sync succeeds.
            Fail(Call::SyncLogAgain, 1, INPUT_OUTPUT),
            Append(1),
            Append(1),
            Append(FEW),
        ],
        ..FILLED
    },
    Workload {
        name: "failed-sync-of-sealing-and-no-new-log",
        before: NEARLY_A_CHUNK,
        steps: &[
            Open(NEVER),
            Append(1),
            Fail(Call::SyncLog, 1, INPUT_OUTPUT),
            Fail(Call::CreateLog, 9, INPUT_OUTPUT),
            Append(1),
            Append(FEW),
            Heal,
            Append(1),
            Sync,
            Append(FEW),
        ],
        ..FILLED
    },
    Workload {
        name: "abandoned",
        before: A_FEW,
        steps: &[
            Open(ALWAYS),
            Append(1),
            Fail(Call::SyncLog, 9, INPUT_OUTPUT),
            Fail(Call::CreateLog, 9, NO_SPACE),
            Append(1),
            Append(1),
            Die,
            Open(ALWAYS),
            Append(1),
            Heal,
            Die,
            Open(ALWAYS),
            Append(1),
            Fail(Call::SyncLog, 9, INPUT_OUTPUT),
            Fail(Call::CreateLog, 9, NO_SPACE),
            Append(FEW),
            Heal,
            Append(1),
            Append(FEW),
        ],
        ..PLAIN
    },
    Workload {
        name: "abandoned-while-held",
        before: A_FEW,
        steps: &[
            Open(ALWAYS),
            Hold,
            Flush(2),
            Fail(Call::SyncLog, 9, INPUT_OUTPUT),
            Fail(Call::CreateLog, 9, NO_SPACE),
            Flush(1),
            Flush(FEW),
            Heal,
            Flush(1),
            Close,
        ],
        ..PLAIN
    },
    Workload {
        name: "abandoned-unsynced",
        before: A_FEW,
        steps: &[
            Open(NEVER),
            Append(FEW),
            Append(1),
            Fail(Call::SyncLog, 9, INPUT_OUTPUT),
            Fail(Call::CreateLog, 9, NO_SPACE),
            Sync,
            Append(1),
            Heal,
            Append(1),
            Sync,
        ],
        ..PLAIN
    },
    Workload {
        name: "void-fails-too",
        before: A_FEW,
        steps: &[
            Open(ALWAYS),
            Append(1),
            Open(ALWAYS),
            Use(0),
            Fail(Call::SyncLogThenWrites, 1, INPUT_OUTPUT),
            Fail(Call::CreateLog, 9, NO_SPACE),
            Append(2),
            Heal,
            // Another process takes it over before the same writer tries again.
            Use(1),
            Append(1),
            Use(0),
            Retry,
            Append(1),
            Fail(Call::SyncLogThenWrites, 1, INPUT_OUTPUT),
            Fail(Call::CreateLog, 9, NO_SPACE),
            Append(FEW),
            Heal,
            Retry,
            Append(1),
            Fail(Call::SyncLogThenWrites, 1, INPUT_OUTPUT),
            Fail(Call::CreateLog, 9, NO_SPACE),
            Append(1),
            Heal,
            Append(2),
        ],
        ..PLAIN
    },
    Workload {
        name: "full",
        before: A_FEW,
        steps: &[
            Open(ALWAYS),
            Fail(Call::WriteLog, 2, NO_SPACE),
            Append(1),
            Append(FEW),
            Fail(Call::WriteLog, 1, NO_SPACE),
            Append(MORE),
            Append(1),
            Open(NEVER),
            Append(FEW),
            Fail(Call::WriteLog, 1, INPUT_OUTPUT),
            Append(FEW),
            Append(1),
            Sync,
        ],
        ..PLAIN
    },
    Workload {
        name: "full-at-first",
        steps: &[
            Open(ALWAYS),
            Fail(Call::CreateLog, 1, NO_SPACE),
            Append(1),
            Fail(Call::WriteNewLog, 1, NO_SPACE),
            Append(1),
            Fail(Call::SyncNewLog, 1, INPUT_OUTPUT),
            Append(1),
            Fail(Call::CreateManifest, 1, NO_SPACE),
            Append(1),
            Fail(Call::SyncManifest, 1, INPUT_OUTPUT),
            Append(1),
            Fail(Call::RenameManifest, 1, INPUT_OUTPUT),
            Append(1),
            Fail(Call::SyncDirectory, 1, INPUT_OUTPUT),
            Append(1),
            Fail(Call::SyncListing, 1, INPUT_OUTPUT),
            Append(1),
            Append(1),
            Append(1),
        ],
        ..PLAIN
    },
    Workload {
        name: "full-at-sealing",
        before: NEARLY_A_CHUNK,
        steps: &[
            Open(ALWAYS),
            Fail(Call::CreateChunk, 1, INPUT_OUTPUT),
            Append(2),
            Fail(Call::WriteChunk, 1, INPUT_OUTPUT),
            FillLeaf,
            Fail(Call::SyncChunk, 1, INPUT_OUTPUT),
            FillLeaf,
            Fail(Call::RenameChunk, 1, INPUT_OUTPUT),
            FillLeaf,
            FillLeaf,
            Append(1),
        ],
        ..FILLED
    },
    Workload {
        name: "full-at-listing",
        before: NEARLY_A_CHUNK,
        steps: &[
            Open(ALWAYS),
            Fail(Call::SyncNewLog, 1, INPUT_OUTPUT),
            Append(2),
            Fail(Call::SyncManifest, 1, INPUT_OUTPUT),
            FillLeaf,
            Fail(Call::SyncDirectory, 1, INPUT_OUTPUT),
            FillLeaf,
            Fail(Call::RenameManifest, 1, INPUT_OUTPUT),
            Fail(Call::RemoveLog, 1, INPUT_OUTPUT),
            FillLeaf,
            FillLeaf,
            Append(1),
        ],
        ..FILLED
    },
    Workload {
        name: "ballast",
        before: NEARLY_A_CHUNK,
        steps: &[
            Open(ALWAYS),
            // Given up for the chunk, and made again.
            Fail(Call::CreateChunk, 1, NO_SPACE),
            Append(2),
            LoseBallast,
            FillLeaf,
            Fail(Call::WriteManifest, 1, NO_SPACE),
            FillLeaf,
            Fail(Call::Ballast, 3, NO_SPACE),
            FillLeaf,
            Append(1),
        ],
        ..FILLED
    },
    Workload {
        name: "listing-not-durable",
        before: NEARLY_A_CHUNK,
        steps: &[
            Open(ALWAYS),
            Append(1),
            Fail(Call::SyncListing, 1, INPUT_OUTPUT),
            Append(1),
            Append(1),
            Append(FEW),
            Open(NEVER),
            Append(1),
            Die,
            Open(ALWAYS),
            // Found by another process, whose first sync of the directory fails.
            Fail(Call::SyncListing, 2, INPUT_OUTPUT),
            Append(1),
            Die,
            Open(ALWAYS),
            Append(1),
            Append(1),
        ],
        ..FILLED
    },
    Workload {
        name: "old-log-not-removed",
        before: NEARLY_A_CHUNK,
        steps: &[
            Open(ALWAYS),
            Fail(Call::RemoveLog, 1, INPUT_OUTPUT),
            Append(3),
            Fail(Call::SyncLog, 1, INPUT_OUTPUT),
            Append(1),
            Append(1),
        ],
        ..FILLED
    },
    Workload {
        name: "orphans",
        before: NEARLY_A_CHUNK,
        steps: &[
            Open(ALWAYS),
            Fail(Call::RenameManifest, 1, INPUT_OUTPUT),
            Fail(Call::RemoveLog, 1, INPUT_OUTPUT),
            Append(3),
            Die,
            Open(NEVER),
            Append(FEW),
            Die,
            Open(ALWAYS),
            Append(1),
        ],
        ..FILLED
    },
    Workload {
        name: "a-file-in-the-way",
        before: NEARLY_A_CHUNK,
        steps: &[Open(ALWAYS), Append(1), PlantChunk, Append(2), Append(1)],
        ..FILLED
    },
    Workload {
        name: "retention",
        before: CHUNKS,
        steps: &[
            Open(ALWAYS),
            RemoveBefore(CHUNK + 7),
            Append(1),
            RemoveBefore(CHUNK + 8),
            RemoveBefore(3 * CHUNK + 1),
            Append(1),
        ],
        ..FILLED
    },
    Workload {
        name: "retention-by-size",
        before: CHUNKS,
        steps: &[Open(NEVER), Append(FEW), KeepBytes(40_000), KeepBytes(0), FillChunk, Append(1)],
        ..FILLED
    },
    Workload {
        name: "retention-by-a-held-writer",
        before: CHUNKS,
        steps: &[
            Open(NEVER),
            Hold,
            Flush(FEW),
            RemoveBeforeHeld(2 * CHUNK),
            Flush(1),
            FlushChunk,
            SealHeld,
            RemoveBeforeHeld(4 * CHUNK),
            Flush(1),
            Close,
        ],
        ..FILLED
    },
    Workload {
        name: "retention-that-fails",
        before: CHUNKS,
        steps: &[
            Open(ALWAYS),
            Fail(Call::SyncManifest, 1, INPUT_OUTPUT),
            RemoveBefore(CHUNK),
            Fail(Call::RenameManifest, 1, INPUT_OUTPUT),
            RemoveBefore(CHUNK),
            Fail(Call::WriteManifest, 1, NO_SPACE),
            Fail(Call::SyncListing, 1, INPUT_OUTPUT),
            RemoveBefore(CHUNK),
            Append(1),
            Fail(Call::RemoveChunk, 1, INPUT_OUTPUT),
            RemoveBefore(2 * CHUNK),
            RemoveBefore(3 * CHUNK),
            Append(1),
        ],
        ..FILLED
    },
    Workload {
        name: "repair-of-what-is-sound",
        before: &[Open(NEVER), Append(CHUNK + 3), Append(FEW)],
        steps: &[Open(ALWAYS), Append(1), Repair, Append(1)],
        ..FILLED
    },
    Workload {
        name: "repair-of-the-manifest",
        before: NEARLY_A_CHUNK,
        steps: &[
            Open(ALWAYS),
            Append(3),
            CorruptManifest,
            Fail(Call::SyncListing, 1, INPUT_OUTPUT),
            Repair,
            Repair,
            Open(ALWAYS),
            Append(1),
        ],
        ..FILLED
    },
    Workload {
        name: "repair-of-the-manifest-after-a-cut-rotation",
        before: NEARLY_A_CHUNK,
        steps: &[
            Open(ALWAYS),
            Fail(Call::RenameManifest, 1, INPUT_OUTPUT),
            Fail(Call::RemoveLog, 1, INPUT_OUTPUT),
            Append(3),
            Die,
            CorruptManifest,
            Open(NEVER),
            Append(FEW),
        ],
        ..FILLED
    },
    Workload { name: "copying", steps: &[CopyHere(2 * CHUNK + 9)], recovers: false, ..PLAIN },
    Workload {
        name: "copied",
        before: &[CopyHere(CHUNK + 9)],
        steps: &[Open(ALWAYS), Append(1), FillChunk, Append(1)],
        ..FILLED
    },
    // Repair of chunks and logs loses observations, so it is not tested here.
];

/// What a process does with a store after a cut.
const RECOVERIES: &[&[Step]] = &[
    &[Open(ALWAYS), Append(1)],
    &[Open(ALWAYS), Append(FEW), Append(FEW), Append(1)],
    &[Open(NEVER), Append(FEW), Append(FEW), Sync, Append(1)],
    &[Open(ALWAYS), Append(1), Drop, Open(ALWAYS), Append(1), Append(3)],
    &[Open(ALWAYS), Hold, Flush(5), Flush(FEW), Close],
    &[Open(HOUR), Append(7), Append(FEW), Drop, Open(ALWAYS), Append(1)],
    &[Open(ALWAYS), Fail(Call::SyncLog, 1, INPUT_OUTPUT), Append(1), Append(1)],
    &[
        Open(ALWAYS),
        Fail(Call::SyncLog, 9, INPUT_OUTPUT),
        Fail(Call::CreateLog, 9, NO_SPACE),
        Append(1),
        Heal,
        Append(1),
    ],
    &[Open(NEVER), Append(1), Append(FEW), Die, Open(ALWAYS), Append(1)],
    &[Open(NEVER), Append(FEW), Append(FEW), Append(FEW), Append(1), Append(1)],
    &[Open(ALWAYS), Sync, Append(1), Open(NEVER), Append(1), Use(0), Append(1)],
    &[Open(ALWAYS), Fail(Call::SyncListing, 1, INPUT_OUTPUT), Append(1), Append(1), Append(1)],
    &[Repair, Open(ALWAYS), Append(1)],
];

/// As above, for workloads that fill and remove chunks.
const FILLING: &[&[Step]] = &[
    &[Open(ALWAYS), FillChunk, Append(1)],
    &[Open(NEVER), FillChunk, Append(1), Sync],
    &[Open(ALWAYS), Append(1), Fail(Call::SyncLog, 1, INPUT_OUTPUT), FillChunk, Append(FEW)],
    &[Open(NEVER), FillLeaf, Append(1), FillLeaf, Append(FEW), Sync],
    &[Open(NEVER), Hold, FlushChunk, Flush(FEW), Close],
    &[Open(ALWAYS), FillLeaf, RemoveBefore(CHUNK), Append(1)],
    &[Open(ALWAYS), Seal, KeepBytes(0), Append(1)],
];

impl Workload {
    /// How many recoveries are written down. Further numbers are drawn.
    pub(super) fn recoveries(&self) -> u64 {
        let filling = if self.fills_chunks { FILLING.len() } else { 0 };
        (RECOVERIES.len() + filling) as u64
    }

    pub(super) fn recovery(&self, number: u64, seed: u64) -> Vec<Step> {
        let filling: &[&[Step]] = if self.fills_chunks { FILLING } else { &[] };
        let mut written = filling.iter().chain(RECOVERIES);
        match usize::try_from(number).ok().and_then(|number| written.nth(number)) {
            Some(steps) => steps.to_vec(),
            None => draw(&mut StdRng::seed_from_u64(seed), self.fills_chunks),
        }
    }
}

/// A few processes, one after the other, and what fails for them.
fn draw(random: &mut StdRng, fills_chunks: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    for process in 0..random.random_range(1..=3) {
        if process > 0 {
            steps.push(Die);
        }
        steps.push(Open([ALWAYS, ALWAYS, NEVER, AT_ONCE, HOUR][random.random_range(0..5)]));
        if random.random_ratio(1, 6) {
            let call = CALLS[random.random_range(0..CALLS.len())];
            steps.push(Fail(call, random.random_range(1..=2), INPUT_OUTPUT));
        }
        for _ in 0..random.random_range(1..=4) {
            let count = [1, 1, 2, FEW, FEW, random.random_range(1..200)];
            steps.push(Append(count[random.random_range(0..6)]));
            if random.random_ratio(1, 6) {
                steps.push(Sync);
            }
        }
        if fills_chunks && random.random_ratio(1, 3) {
            steps.extend([[FillLeaf, FillChunk][random.random_range(0..2)], Append(1)]);
        }
        if fills_chunks && random.random_ratio(1, 4) {
            steps.push(RemoveBefore(CHUNK * random.random_range(1..=3)));
        }
    }
    steps
}

/// The calls that fail in drawn recoveries.
const CALLS: &[Call] = &[
    Call::SyncLog,
    Call::CreateLog,
    Call::WriteLog,
    Call::SyncNewLog,
    Call::SyncChunk,
    Call::SyncDirectory,
    Call::SyncListing,
    Call::RenameManifest,
];
