//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::job::Job;

/// Measures Gaugelog, SQLite, LMDB, redb, fjall, tsink and plain files, and prints tables
/// in Markdown.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// How many times each workload is run. Figures are medians; ratios are computed for
    /// each round.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// In how many of the rounds engines take part that no goal of the workload names.
    /// Some of them take a minute where others take a second.
    #[arg(long, value_name = "ROUNDS", default_value_t = 2)]
    pub(crate) rounds_others: usize,
    /// Only workloads whose name contains this; may be given several times.
    #[arg(long, value_name = "WORKLOAD")]
    pub(crate) only: Vec<String>,
    /// Small sizes, to check in a minute that everything works. Goals are for the full
    /// sizes.
    #[arg(long)]
    pub(crate) quick: bool,
    /// For a machine with other users: rates summaries and scans by their processor time.
    /// One thread does these without waiting.
    #[arg(long)]
    pub(crate) processor_time: bool,
    /// Only print the names of the workloads.
    #[arg(long)]
    pub(crate) list: bool,
    /// The directory for stores that are only read. They are kept for the next run;
    /// without this option they are removed at the end. It must be on a real file system,
    /// as must `--scratch`.
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// The directory for all other stores [default: benches/peers/target].
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) worker: Option<Worker>,
}

/// How the program starts itself.
#[derive(Debug, Subcommand)]
pub(crate) enum Worker {
    /// Does one job.
    #[command(hide = true)]
    Worker {
        #[command(flatten)]
        job: Job,
        /// The store.
        #[arg(long)]
        place: PathBuf,
    },
}
