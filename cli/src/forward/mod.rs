//! `gaugelog forward`: sends what stores hold to a receiver of Prometheus remote write.
//!
//! ```text
//! store ─▶ lane ─▶ batch ─▶ delivery ─▶ receiver
//!           │                   └ halves what is refused, says when to try again
//!           └ cursor: how far it was sent, in a file beside the store's
//! ```
//!
//! The store is the queue: only what is durable is sent, and the cursor moves after the
//! receiver has taken it. So each observation arrives at least once.
//!
//! A [`Forwarder`] is all lanes of one destination. It runs as a process of its own, or in a
//! thread of the collector.

mod batch;
mod cursor;
mod delivery;
mod destination;
mod dropping;
#[cfg(feature = "parquet")]
mod files;
#[cfg(feature = "parquet")]
mod folder;
mod forwarder;
mod lane;
mod message;
mod newcomers;
mod receiver;
mod refused;
#[cfg(feature = "parquet")]
mod rows;
mod seen;
#[cfg(feature = "config")]
mod thread;
mod wanted;

use std::path::PathBuf;

use clap::Args;

use crate::exit::Exit;
use crate::queue;
use crate::service_manager;
use crate::signals::{self, Hangup, Second};
#[cfg(feature = "config")]
pub(crate) use batch::Collisions;
#[cfg(feature = "config")]
pub(crate) use cursor::name as check_cursor_name;
pub(crate) use destination::Destination;
pub(crate) use forwarder::Forwarder;
#[cfg(feature = "config")]
pub(crate) use message::Protocol;
use newcomers::Newcomers;
pub(crate) use seen::{Forwarded, forwarded};
#[cfg(feature = "config")]
pub(crate) use thread::Forwarding;
pub(crate) use wanted::{wanted_from, wanted_from_while_there_is_room, wanting_before};

const EXAMPLES: &str = "\
Examples:
  gaugelog forward house --to http://localhost:9090/api/v1/write
  gaugelog forward room.log --to https://mimir.example/api/v1/push --basic-auth-file secret --label site=attic
  gaugelog forward house --to http://localhost:8428/api/v1/write --metric celsius --once
  gaugelog forward house --to parquet:/lake/host=box
  gaugelog forward house --to https://hub.example/api/v1/write --cert box.pem --key box.key

Each store is a series: its metric is the name of the store's directory, or --metric, and
then that name is the label store. Times are cut to milliseconds.

Each observation is sent at least once. A cursor in the store's directory, forward-NAME.json,
says what was sent; without it, or if it is corrupt, everything is sent again. A receiver that
cannot be reached, or answers 429 or 5xx, is tried again after 1 s to 5 min, without end, or
for at most a minute with --once. Its Retry-After may make a pause longer, up to an hour. What
it refuses by 400, 409, 413 or 422 is listed in forward-NAME.refused.jsonl, and the rest is
sent. `gaugelog status` shows how far it is. [[forward]] in a file of `gaugelog collect
--config` does the same in the collector.

parquet:DIR is a folder for Parquet files, one for each 65,536 observations of a store, as soon
as they are all durable. A file is named after the store's id and its sequence numbers, and
none is ever written again.";

/// What to send, where to, and how.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Stores, or folders of stores; they may be in use. A store that is made in a folder
    /// later is forwarded too.
    #[arg(value_name = "STORE", required = true)]
    stores: Vec<PathBuf>,
    /// End when everything that is durable was sent; exit 1 if something was not. A receiver
    /// that is away is tried for at most a minute.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    destination: Destination,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    #[cfg(feature = "parquet")]
    if let Some(folder) = arguments.destination.to.strip_prefix(files::SCHEME) {
        return files::run(arguments, folder);
    }
    let stop = signals::stop_flag(Hangup::Ends, Second::Ends)?;
    let mut forwarder = Forwarder::new(&arguments.destination, stop.flag())?;
    let (newcomers, stores) = Newcomers::watch(&arguments.stores)?;
    forwarder.add(stores)?;
    forwarder.watch(newcomers);
    if !arguments.once {
        // A reader that has stopped holds nothing up.
        queue::begin(stop.clone())?;
    }
    forwarder.introduce();
    service_manager::ready(&format!("forwarding to {}", arguments.destination.shown()));
    let outcome = if arguments.once { forwarder.run_once() } else { forwarder.run() };
    service_manager::stopping();
    outcome
}
