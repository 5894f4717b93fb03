//! `gaugelog forward`: sends what stores hold to a receiver of Prometheus remote write.
//!
//! ```text
//! store ─▶ lane ─▶ batch ─▶ delivery ─▶ receiver
//!           │                   └ repeats, waits, halves what is refused
//!           └ cursor: how far it was sent, in a file beside the store's
//! ```
//!
//! The store is the queue: only what is durable is sent, and the cursor moves after the
//! receiver has taken it. So each observation arrives at least once.

mod batch;
mod cursor;
mod delivery;
#[cfg(feature = "parquet")]
mod files;
#[cfg(feature = "parquet")]
mod folder;
mod lane;
mod message;
mod receiver;
mod refused;

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use gaugelog_sources::{Fingerprint, Post, Settings, Stop};

use crate::ask::stores;
use crate::duration;
use crate::exit::Exit;
use crate::figures::count;
use crate::output::{self, shown};
use crate::prometheus::names::{self, Naming};
use crate::queue;
use crate::service_manager;
use crate::signals::{self, Hangup, Second};
use batch::Collisions;
use cursor::Counts;
use delivery::Delivery;
use lane::{Course, Lane, Step};
use message::Protocol;
use receiver::{Credentials, Receiver};

const EXAMPLES: &str = "\
Examples:
  gaugelog forward house --to http://localhost:9090/api/v1/write
  gaugelog forward room.log --to https://mimir.example/api/v1/push --basic-auth-file secret --label site=attic
  gaugelog forward house --to http://localhost:8428/api/v1/write --metric celsius --once
  gaugelog forward house --to parquet:/lake/host=box

Each store is a series: its metric is the name of the store's directory, or --metric, and
then that name is the label store. Times are cut to milliseconds.

Each observation is sent at least once. A cursor in the store's directory, forward-NAME.json,
says what was sent; without it, or if it is corrupt, everything is sent again. A receiver that
cannot be reached, or answers 429 or 5xx, is tried again after 1 s to 5 min, without end. What
it refuses by 400, 409, 413 or 422 is listed in forward-NAME.refused.jsonl, and the rest is
sent.

parquet:DIR is a folder for Parquet files, one for each 65,536 observations of a store, as soon
as they are all durable. A file is named after the store's id and its sequence numbers, and
none is ever written again.";

/// How often the end of a wait is looked for.
const PAUSE: Duration = Duration::from_millis(100);

/// What to send, where to, and how.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Stores, or folders of stores; they may be in use.
    #[arg(value_name = "STORE", required = true)]
    stores: Vec<PathBuf>,
    /// The address of a receiver of Prometheus remote write, or parquet:DIR.
    #[arg(long, value_name = "URL")]
    to: String,
    /// End when everything that is durable was sent; exit 1 if something was not.
    #[arg(long)]
    once: bool,
    /// How often new observations are looked for.
    #[arg(long, value_name = "DUR", value_parser = duration::parse, default_value = "5s")]
    every: Duration,
    /// The version of remote write: 1 or 2.
    #[arg(long, value_name = "VERSION", value_parser = protocol, default_value = "1")]
    protocol: Protocol,
    /// What becomes of observations that fall into one millisecond: last (the last is sent),
    /// refuse (the first is sent, the others are listed as refused), or spread (later ones go
    /// to the next free millisecond). They are counted and reported.
    #[arg(long, value_name = "HOW", default_value = "last", hide_possible_values = true)]
    collisions: Collisions,
    #[command(flatten)]
    naming: Naming,
    /// The name of the cursor [default: made of the address]. Addresses that differ in their
    /// user or query only need different names.
    #[arg(long, value_name = "NAME", value_parser = cursor::name)]
    cursor: Option<String>,
    /// A file with a token that the receiver wants.
    #[arg(long, value_name = "FILE")]
    bearer_token_file: Option<PathBuf>,
    /// A file with user:password.
    #[arg(long, value_name = "FILE", conflicts_with = "bearer_token_file")]
    basic_auth_file: Option<PathBuf>,
    /// A file with certificates (PEM) to trust besides the usual ones.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The SHA-256 of the certificate that the receiver must show; it replaces all other
    /// checks.
    #[arg(long, value_name = "SHA256")]
    pin: Option<Fingerprint>,
    /// How long a request may take.
    #[arg(long, value_name = "DUR", value_parser = duration::parse, default_value = "30s")]
    timeout: Duration,
    /// Heed http_proxy, https_proxy, all_proxy and no_proxy.
    #[arg(long)]
    proxy_from_environment: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    #[cfg(feature = "parquet")]
    if let Some(folder) = arguments.to.strip_prefix(files::SCHEME) {
        return files::run(arguments, folder);
    }
    let stop = signals::stop_flag(Hangup::Ends, Second::Ends)?;
    let receiver = arguments.receiver()?;
    let destination = receiver.post.shown().to_owned();
    let course = Course {
        cursor: arguments.cursor.clone().unwrap_or_else(|| cursor::name_of(&destination)),
        destination,
        collisions: arguments.collisions,
    };
    let mut lanes = arguments.lanes()?;
    if !arguments.once {
        // A reader that has stopped holds nothing up.
        queue::begin(stop.clone())?;
    }
    for lane in &lanes {
        let (store, series) = (shown(&lane.path), names::text(&lane.labels));
        say(&format!("forwarding {store} to {} as {series}", course.destination));
    }
    service_manager::ready(&format!("forwarding to {}", course.destination));
    let delivery = Delivery::new(&receiver, &stop, arguments.once);
    let outcome = match arguments.once {
        true => once(&mut lanes, &course, delivery),
        false => on_and_on(&mut lanes, &course, delivery, arguments.every, &stop),
    };
    service_manager::stopping();
    finish(&mut lanes, &course).and(outcome)
}

impl Arguments {
    fn receiver(&self) -> Result<Receiver, Exit> {
        let mut settings = Settings::new()
            .deadline(self.timeout)
            .proxy_from_environment(self.proxy_from_environment);
        settings.ca_file.clone_from(&self.ca_file);
        settings.pin = self.pin;
        let post = Post::open(&self.to, &settings).map_err(|error| {
            let shown = gaugelog_sources::without_secrets(&self.to);
            Exit::Error(format!("{shown}: {error}"))
        })?;
        let credentials = match (&self.bearer_token_file, &self.basic_auth_file) {
            (Some(file), _) => Credentials::Bearer(file.clone()),
            (None, Some(file)) => Credentials::Basic(file.clone()),
            (None, None) => Credentials::None,
        };
        if post.names_user() && !matches!(credentials, Credentials::None) {
            return Err(Exit::Error(format!(
                "{}: the address names a user, and there is a file with credentials too; remove \
                 one",
                post.shown()
            )));
        }
        credentials.check().map_err(Exit::Error)?;
        Ok(Receiver { post, protocol: self.protocol, credentials })
    }

    fn lanes(&self) -> Result<Vec<Lane>, Exit> {
        let lane = |store: stores::Named| {
            let labels = self.naming.labels(&store.name);
            Lane::new(store.path, labels)
        };
        let lanes: Vec<Lane> = stores::named(&self.stores)?.into_iter().map(lane).collect();
        names::check_distinct(lanes.iter().map(|lane| (&*lane.path, &lane.labels)))?;
        Ok(lanes)
    }
}

/// Sends everything that is durable, a batch of each store in turn.
fn once(lanes: &mut [Lane], course: &Course, mut to: Delivery<'_>) -> Result<(), Exit> {
    let mut outcome = Ok(());
    let mut left: Vec<&mut Lane> = lanes.iter_mut().collect();
    while !left.is_empty() {
        let mut still = Vec::new();
        for lane in left {
            match lane.step(course, &mut to) {
                Ok(Step::More) => still.push(lane),
                Ok(Step::CaughtUp) => {}
                Ok(Step::Stopped) => return outcome,
                Err(failure) => {
                    lane.failed(failure);
                    outcome = Err(Exit::Told);
                }
            }
        }
        left = still;
    }
    outcome
}

/// Sends what is durable and what becomes so, until the run is to end. A store that fails
/// is looked at again each time, and the others go on.
fn on_and_on(
    lanes: &mut [Lane],
    course: &Course,
    mut to: Delivery<'_>,
    every: Duration,
    stop: &Stop,
) -> Result<(), Exit> {
    while !stop.is_set() {
        let mut has_more = false;
        for lane in lanes.iter_mut() {
            match lane.step(course, &mut to) {
                Ok(step) => {
                    lane.recovered();
                    has_more |= step == Step::More;
                }
                Err(failure) => lane.failed(failure),
            }
        }
        let until = Instant::now() + every;
        while !has_more && !stop.is_set() && Instant::now() < until {
            thread::sleep(until.saturating_duration_since(Instant::now()).min(PAUSE));
        }
    }
    Ok(())
}

/// Writes the cursors and says what was done.
fn finish(lanes: &mut [Lane], course: &Course) -> Result<(), Exit> {
    let (mut outcome, mut all) = (Ok(()), Counts::default());
    for lane in lanes {
        if let Err(failure) = lane.finish() {
            lane.failed(failure);
            outcome = Err(Exit::Told);
        }
        all.add(lane.counts);
    }
    say(&format!("{}: {}", course.destination, in_words(&all, course.collisions)));
    if all.refused + all.unreadable + all.removed > 0 {
        outcome = Err(Exit::Told);
    }
    outcome
}

fn in_words(counts: &Counts, collisions: Collisions) -> String {
    let collided = match collisions {
        Collisions::Spread => "moved to another millisecond",
        _ => "replaced by a later one of their millisecond",
    };
    let mut text = format!("{} sent", count(counts.sent));
    for (number, what) in [
        (counts.collided, collided),
        (counts.refused, "refused"),
        (counts.unreadable, "not readable"),
        (counts.removed, "removed before they were sent"),
    ] {
        if number > 0 {
            text.push_str(&format!(", {} {what}", count(number)));
        }
    }
    text
}

fn protocol(text: &str) -> Result<Protocol, String> {
    match text {
        "1" | "1.0" => Ok(Protocol::One),
        "2" | "2.0" => Ok(Protocol::Two),
        _ => Err("1 and 2 are possible".to_owned()),
    }
}

fn say(text: &str) {
    output::say("gaugelog", text);
}
