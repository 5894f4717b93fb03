//! Gaugelog compared with other embedded engines, and with the limits of the disk and the
//! kernel.
//!
//! Each engine does each workload of `rows` in a separate process, one after the other,
//! round after round. A ratio compares two processes of the same round.

use anyhow::{Result, bail};
use clap::Parser;

use arguments::{Arguments, Worker};
use rounds::Bench;

mod arguments;
mod engines;
mod job;
mod rounds;
mod rows;
mod series;
mod table;
mod worker;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(Worker::Worker { job, place }) = &arguments.worker {
        return worker::run(job, place);
    }
    let mut rows = rows::all(arguments.quick);
    if arguments.processor_time {
        rows.iter_mut().for_each(rows::Row::use_processor_time);
    }
    let only = &arguments.only;
    rows.retain(|row| only.is_empty() || only.iter().any(|part| row.name.contains(part)));
    if rows.is_empty() {
        bail!("no workload has a name that contains {}; --list prints them", only.join(" or "));
    }
    if arguments.list {
        rows.iter().for_each(|row| println!("{}", row.name));
        return Ok(());
    }
    if arguments.rounds == 0 {
        bail!("--rounds 0 measures nothing; use 1 or more");
    }
    let bench = Bench::new(&arguments)?;
    let results = bench.run(&rows, arguments.rounds)?;
    table::print(&rows, &results);
    Ok(())
}
