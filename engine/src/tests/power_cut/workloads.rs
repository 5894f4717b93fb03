//! The workloads that are cut, and what goes on with what a cut has left.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::observer::{INPUT_OUTPUT, NO_SPACE};
use super::script::Step::{
    Append, Close, Die, Drop, DropHeld, Fail, FillLeaf, Flush, Heal, Hold, LoseCheckpoint, Open,
    Sync, SyncHeld, SyncIfDue, Use,
};
use super::script::{ALWAYS, AT_ONCE, Call, HOUR, NEVER, Step};
use crate::stats::tree::LEAF;

/// Processes at work on a store, of which every operation is a moment to cut at.
#[derive(Debug)]
pub(super) struct Workload {
    pub(super) name: &'static str,
    /// Whether segments are ended at the first leaf, or never.
    pub(super) short_segments: bool,
    /// What was done before, and is on the disk but for these sectors of the
    /// first segment, which were lost with the power.
    pub(super) before: &'static [Step],
    pub(super) lost_sectors: &'static [usize],
    pub(super) steps: &'static [Step],
    /// Whether what goes on afterwards shall fill leaves and segments too.
    pub(super) fills_leaves: bool,
}

pub(super) const PLAIN: Workload = Workload {
    name: "",
    short_segments: false,
    before: &[],
    lost_sectors: &[],
    steps: &[],
    fills_leaves: false,
};
const FILLED: Workload = Workload { short_segments: true, fills_leaves: true, ..PLAIN };

/// All but two observations of a leaf, durable.
const NEARLY_A_LEAF: &[Step] = &[Open(NEVER), Append(LEAF - 2), Sync];
const A_FEW: &[Step] = &[Open(ALWAYS), Append(1), Append(3), Append(1)];
/// Larger than a sector, and than two.
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
        steps: &[Open(ALWAYS), Append(2_000), Append(FEW), Append(2_100), Append(1)],
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
        name: "rotation",
        before: NEARLY_A_LEAF,
        steps: &[Open(ALWAYS), Append(1), Append(3), FillLeaf, Append(1)],
        ..FILLED
    },
    Workload {
        name: "rotation-unsynced",
        before: NEARLY_A_LEAF,
        steps: &[
            Open(NEVER),
            Append(1),
            Append(1),
            Append(FEW),
            FillLeaf,
            Append(FEW),
            Sync,
            Append(1),
        ],
        ..FILLED
    },
    Workload {
        name: "rotation-in-one",
        before: NEARLY_A_LEAF,
        steps: &[Open(ALWAYS), Append(LEAF + 4), Open(HOUR), FillLeaf, Append(LEAF + 1), Drop],
        ..FILLED
    },
    Workload {
        name: "leaves",
        before: NEARLY_A_LEAF,
        steps: &[
            Open(ALWAYS),
            Append(4),
            Open(NEVER),
            FillLeaf,
            Append(2),
            FillLeaf,
            Sync,
            Append(1),
        ],
        short_segments: false,
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
        name: "torn-behind-the-durable",
        before: &[
            Open(NEVER),
            Append(FEW),
            Append(FEW),
            Sync,
            Append(FEW),
            Append(FEW),
            Append(FEW),
        ],
        lost_sectors: &[2, 3],
        steps: &[Open(NEVER), Append(FEW), Append(FEW), Append(1), Sync],
        ..PLAIN
    },
    Workload {
        name: "in-doubt",
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
            LoseCheckpoint,
            Open(HOUR),
            Append(1),
            Sync,
        ],
        ..PLAIN
    },
    Workload {
        name: "without-checkpoint",
        before: A_FEW,
        steps: &[
            LoseCheckpoint,
            Open(ALWAYS),
            Append(1),
            Append(1),
            LoseCheckpoint,
            Append(1),
            Drop,
            LoseCheckpoint,
            Open(ALWAYS),
            Append(FEW),
        ],
        ..PLAIN
    },
    Workload {
        name: "failed-sync",
        before: A_FEW,
        steps: &[
            Open(ALWAYS),
            Append(1),
            Fail(Call::SyncSegment, 1, INPUT_OUTPUT),
            Append(1),
            Append(1),
            Fail(Call::SyncSegment, 1, INPUT_OUTPUT),
            Append(FEW),
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
            Fail(Call::SyncSegment, 1, INPUT_OUTPUT),
            Sync,
            Append(1),
            Append(FEW),
            Fail(Call::SyncSegment, 1, INPUT_OUTPUT),
            Hold,
            Flush(FEW),
            SyncHeld,
            Flush(1),
            Close,
        ],
        ..PLAIN
    },
    Workload {
        name: "given-up",
        before: A_FEW,
        steps: &[
            Open(ALWAYS),
            Append(1),
            Fail(Call::SyncSegment, 9, INPUT_OUTPUT),
            Fail(Call::CreateTemporary, 9, NO_SPACE),
            Append(1),
            Append(1),
            Die,
            Open(ALWAYS),
            Append(1),
            Heal,
            Die,
            Open(ALWAYS),
            Append(1),
            Fail(Call::SyncSegment, 9, INPUT_OUTPUT),
            Fail(Call::CreateTemporary, 9, NO_SPACE),
            Append(FEW),
            Heal,
            Append(1),
            Append(FEW),
        ],
        ..PLAIN
    },
    Workload {
        name: "given-up-while-held",
        before: A_FEW,
        steps: &[
            Open(ALWAYS),
            Hold,
            Flush(2),
            Fail(Call::SyncSegment, 9, INPUT_OUTPUT),
            Fail(Call::CreateTemporary, 9, NO_SPACE),
            Flush(1),
            Flush(FEW),
            Heal,
            Flush(1),
            Close,
        ],
        ..PLAIN
    },
    Workload {
        name: "given-up-unsynced",
        before: A_FEW,
        steps: &[
            Open(NEVER),
            Append(FEW),
            Append(1),
            Fail(Call::SyncSegment, 9, INPUT_OUTPUT),
            Fail(Call::CreateTemporary, 9, NO_SPACE),
            Sync,
            Append(1),
            Heal,
            Append(1),
            Sync,
        ],
        ..PLAIN
    },
    Workload {
        name: "full",
        before: A_FEW,
        steps: &[
            Open(ALWAYS),
            Fail(Call::WriteSegment, 2, NO_SPACE),
            Append(1),
            Append(FEW),
            Fail(Call::WriteSegment, 1, NO_SPACE),
            Append(MORE),
            Append(1),
            Open(NEVER),
            Append(FEW),
            Fail(Call::WriteSegment, 1, INPUT_OUTPUT),
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
            Fail(Call::CreateTemporary, 1, NO_SPACE),
            Append(1),
            Fail(Call::WriteTemporary, 1, NO_SPACE),
            Append(1),
            Fail(Call::SyncTemporary, 1, INPUT_OUTPUT),
            Append(1),
            Fail(Call::RenameSegment, 1, INPUT_OUTPUT),
            Append(1),
            Fail(Call::SyncDirectory, 1, INPUT_OUTPUT),
            Append(1),
            Append(1),
            Append(1),
        ],
        ..PLAIN
    },
    Workload {
        name: "full-at-rotation",
        before: NEARLY_A_LEAF,
        steps: &[
            Open(ALWAYS),
            Append(2),
            Fail(Call::CreateTemporary, 1, NO_SPACE),
            Append(1),
            Fail(Call::WriteTemporary, 1, NO_SPACE),
            Append(1),
            Fail(Call::SyncTemporary, 1, INPUT_OUTPUT),
            Append(1),
            Fail(Call::SyncDirectory, 1, INPUT_OUTPUT),
            Append(1),
            Append(1),
            Fail(Call::Derived, 3, NO_SPACE),
            Append(1),
            Append(1),
        ],
        ..FILLED
    },
];

/// What a process does with a store that a cut has left.
const RECOVERIES: &[&[Step]] = &[
    &[Open(ALWAYS), Append(1)],
    &[Open(ALWAYS), Append(FEW), Append(FEW), Append(1)],
    &[Open(NEVER), Append(FEW), Append(FEW), Sync, Append(1)],
    &[Open(ALWAYS), Append(1), Drop, Open(ALWAYS), Append(1), Append(3)],
    &[Open(ALWAYS), Hold, Flush(5), Flush(FEW), Close],
    &[Open(HOUR), Append(7), Append(FEW), Drop, Open(ALWAYS), Append(1)],
    &[Open(ALWAYS), Fail(Call::SyncSegment, 1, INPUT_OUTPUT), Append(1), Append(1)],
    &[
        Open(ALWAYS),
        Fail(Call::SyncSegment, 9, INPUT_OUTPUT),
        Fail(Call::CreateTemporary, 9, NO_SPACE),
        Append(1),
        Heal,
        Append(1),
    ],
    &[Open(NEVER), Append(1), Append(FEW), Die, Open(ALWAYS), Append(1)],
    &[Open(NEVER), Append(FEW), Append(FEW), Append(FEW), Append(1), Append(1)],
    &[Open(ALWAYS), Sync, Append(1), Open(NEVER), Append(1), Use(0), Append(1)],
    &[LoseCheckpoint, Open(ALWAYS), Append(1)],
];

/// As above, where leaves are to be filled and segments left.
const FILLING: &[&[Step]] = &[
    &[Open(ALWAYS), FillLeaf, Append(1)],
    &[Open(NEVER), FillLeaf, Append(1), Sync],
    &[Open(ALWAYS), Append(1), Fail(Call::SyncSegment, 1, INPUT_OUTPUT), FillLeaf, Append(FEW)],
    &[Open(NEVER), FillLeaf, Append(1), FillLeaf, Append(FEW), Sync],
];

impl Workload {
    /// How many recoveries are written down; behind them any number is drawn.
    pub(super) fn recoveries(&self) -> u64 {
        let filling = if self.fills_leaves { FILLING.len() } else { 0 };
        (RECOVERIES.len() + filling) as u64
    }

    pub(super) fn recovery(&self, number: u64, seed: u64) -> Vec<Step> {
        let filling: &[&[Step]] = if self.fills_leaves { FILLING } else { &[] };
        let mut written = filling.iter().chain(RECOVERIES);
        match usize::try_from(number).ok().and_then(|number| written.nth(number)) {
            Some(steps) => steps.to_vec(),
            None => draw(&mut StdRng::seed_from_u64(seed), self.fills_leaves),
        }
    }
}

/// A few processes, one after the other, and what befalls them.
fn draw(random: &mut StdRng, fills_leaves: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    for process in 0..random.random_range(1..=3) {
        if process > 0 {
            steps.push(Die);
        }
        if random.random_ratio(1, 8) {
            steps.push(LoseCheckpoint);
        }
        steps.push(Open([ALWAYS, ALWAYS, NEVER, AT_ONCE, HOUR][random.random_range(0..5)]));
        if random.random_ratio(1, 6) {
            let call = [Call::SyncSegment, Call::CreateTemporary, Call::WriteSegment];
            let times = random.random_range(1..=2);
            steps.push(Fail(call[random.random_range(0..3)], times, INPUT_OUTPUT));
        }
        for _ in 0..random.random_range(1..=4) {
            let count = [1, 1, 2, FEW, FEW, random.random_range(1..200)];
            steps.push(Append(count[random.random_range(0..6)]));
            if random.random_ratio(1, 6) {
                steps.push(Sync);
            }
        }
        if fills_leaves && random.random_ratio(1, 3) {
            steps.extend([FillLeaf, Append(1)]);
        }
    }
    steps
}
