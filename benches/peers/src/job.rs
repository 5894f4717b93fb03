//! What one process does: one task with one engine.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::series::Kind;

/// What a process measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Engine {
    Gaugelog,
    /// Plain files: what the disk and the kernel take without an engine.
    Floor,
    Sqlite,
    Lmdb,
    Redb,
    Fjall,
    Tsink,
}

impl Engine {
    /// All of them, in the order of the table's columns.
    pub(crate) const ALL: [Self; 7] = [
        Self::Gaugelog,
        Self::Floor,
        Self::Sqlite,
        Self::Lmdb,
        Self::Redb,
        Self::Fjall,
        Self::Tsink,
    ];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Gaugelog => "Gaugelog",
            Self::Floor => "floor",
            Self::Sqlite => "SQLite",
            Self::Lmdb => "LMDB",
            Self::Redb => "redb",
            Self::Fjall => "fjall",
            Self::Tsink => "tsink",
        }
    }
}

/// The task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Task {
    /// Makes a store for the reading tasks.
    Prepare,
    /// Appends batches and syncs at the end; Gaugelog leaves all of it in the log.
    Append,
    /// The same, and Gaugelog seals all full chunks.
    AppendSealed,
    /// The same, with observations that are made meanwhile: only to measure memory.
    AppendStreamed,
    /// Appends singly, each synced, with a writer that keeps the engine's lock.
    DurableHeld,
    /// The same, with a handle that any thread may use.
    DurableShared,
    /// The same, from eight threads.
    DurableThreads,
    /// Opens the store, appends one observation durably, closes.
    AppendOne,
    /// Opens the store and finds count, mean, extremes and deviation.
    Summary,
    /// Opens the store and finds the exact median.
    Median,
    /// Summaries of random windows of 1 % of the store.
    Windows,
    /// Reads all by time.
    ScanTime,
    /// Reads all in the order of arrival.
    ScanSequence,
}

impl Task {
    /// Whether it needs a store that [`Task::Prepare`] has made.
    pub(crate) const fn needs_store(self) -> bool {
        matches!(
            self,
            Self::AppendOne
                | Self::Summary
                | Self::Median
                | Self::Windows
                | Self::ScanTime
                | Self::ScanSequence
        )
    }
}

/// One process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Args)]
pub(crate) struct Job {
    #[arg(long)]
    pub(crate) engine: Engine,
    #[arg(long)]
    pub(crate) task: Task,
    #[arg(long)]
    pub(crate) kind: Kind,
    /// How many observations are appended, or are in the store.
    #[arg(long)]
    pub(crate) count: u64,
    /// The size of one append.
    #[arg(long)]
    pub(crate) batch: u64,
    /// The number of windows.
    #[arg(long, default_value_t = 0)]
    pub(crate) windows: u32,
}

impl Job {
    /// Its command line, for the process that does it.
    pub(crate) fn arguments(&self) -> Vec<String> {
        vec![
            format!("--engine={}", name(self.engine)),
            format!("--task={}", name(self.task)),
            format!("--kind={}", name(self.kind)),
            format!("--count={}", self.count),
            format!("--batch={}", self.batch),
            format!("--windows={}", self.windows),
        ]
    }

    /// The path of the store that it reads, among those that are made once.
    pub(crate) fn store(&self, cache: &Path) -> PathBuf {
        let (engine, kind) = (name(self.engine), name(self.kind));
        cache.join(format!("{engine}-{kind}-{}-by-{}", self.count, self.batch))
    }

    /// The job that makes that store.
    pub(crate) fn preparation(&self) -> Self {
        Self { task: Task::Prepare, windows: 0, ..self.clone() }
    }
}

fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().expect("no variant is skipped").get_name().to_owned()
}
