//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::job::Job;

/// Measures Gaugelog beside SQLite, LMDB, redb, fjall, tsink and plain files, and prints
/// tables in Markdown.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// How often each workload is run; figures are medians, ratios are taken a round.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// In how many of the rounds engines take part that no goal of the workload compares
    /// with; some of them take a minute where others take a second.
    #[arg(long, value_name = "ROUNDS", default_value_t = 2)]
    pub(crate) rounds_others: usize,
    /// Only workloads whose name contains this; may be given several times.
    #[arg(long, value_name = "WORKLOAD")]
    pub(crate) only: Vec<String>,
    /// Small sizes: whether it works, in a minute. Goals are for the full sizes.
    #[arg(long)]
    pub(crate) quick: bool,
    /// For a machine that others use too: rates summaries and scans, which one thread does
    /// without waiting, by the processor time they took.
    #[arg(long)]
    pub(crate) processor_time: bool,
    /// Only print the names of the workloads.
    #[arg(long)]
    pub(crate) list: bool,
    /// Where stores that are only read are made, and kept for the next run; without it
    /// they are removed at the end. Must be a real file system, as must `--scratch`.
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// Where all other stores are made [default: benches/peers/target].
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) worker: Option<Worker>,
}

/// What the program starts itself as.
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
