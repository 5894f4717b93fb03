//! `gaugelog serve`: stores over HTTP, as a page, as metrics and as JSON.
//!
//! ```text
//! connections ─▶ site ─▶ access: which host, which token
//!   (bounded)     │
//!                 ├─▶ the page's files
//!                 └─▶ pool: two threads ─▶ api, metrics, remote_read ─▶ stores
//! ```
//!
//! One thread speaks HTTP and reads no store. The pool's threads compute answers, each
//! whole in memory and of bounded size. Between requests nothing is kept but, for
//! a minute, summaries of large stores that do not change.

mod access;
mod answer;
mod api;
mod body;
mod columns;
mod connections;
mod listen;
mod metrics;
mod overview;
mod pool;
mod query;
mod remote_read;
mod site;
mod stores;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use clap::Args;

use crate::exit::Exit;
use crate::output::{self, shown};
use crate::prometheus::names::Naming;
use crate::service_manager;
use crate::signals::{self, Hangup, Second};
use access::Access;
use site::Site;

const EXAMPLES: &str = "\
Examples:
  gaugelog serve house
  gaugelog serve house --listen 127.0.0.1:9000
  gaugelog serve house --listen 0.0.0.0:8080 --token-file token --host gauges.example.org

Open http://127.0.0.1:8080/ for the page. /metrics is for Prometheus, and /api/v1/ answers in
JSON: see docs/serving.md. At /api/v1/read Prometheus reads stores, with names as `gaugelog
forward` gives them: see docs/many-machines.md.

Every address but a loopback one needs a token: send it as `Authorization: Bearer TOKEN`, or
open the page once with ?token=TOKEN. It is sent as it is: across a network, put a proxy with
TLS in front.";

/// What to serve, and where.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A store, or a folder of stores; new ones are found.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The address and port to listen at; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = address)]
    listen: SocketAddr,
    /// A file with the token that requests must have, of 16 to 256 letters, digits and -._~+/=
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A name under which browsers reach this server, such as a proxy's; may be repeated.
    #[arg(long = "host", value_name = "NAME", value_parser = access::host)]
    hosts: Vec<String>,
    /// Names of series, for Prometheus's remote read.
    #[command(flatten)]
    naming: Naming,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "write an IP address and a port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080"
            .to_owned()
    })
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let is_loopback = arguments.listen.ip().is_loopback();
    if !is_loopback && arguments.token_file.is_none() {
        return Err(Exit::Usage(format!(
            "error: {} can be reached from other machines: give --token-file FILE, or listen at \
             127.0.0.1\n",
            arguments.listen
        )));
    }
    let dir = &arguments.dir;
    if !dir.is_dir() {
        return Err(Exit::Error(format!(
            "{}: it is no directory; name a store, or a folder with stores in it",
            shown(dir)
        )));
    }
    let token = arguments.token_file.as_deref().map(access::token).transpose()?;
    let stop = signals::stop_flag(Hangup::Ends, Second::Ends)?;
    let cannot_listen = |error| {
        let listen = arguments.listen;
        Exit::Error(format!("cannot listen at {listen}: {error}; choose another with --listen"))
    };
    let listener = TcpListener::bind(arguments.listen).map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    let access = Access::new(token, &arguments.hosts, address.port());
    let site = Site::new(dir.clone(), arguments.naming.clone(), access)
        .map_err(|error| Exit::Error(format!("cannot start a thread: {error}")))?;
    let status = format!("{} is served at http://{address}/", shown(dir));
    output::print(format!("{status}\n").as_bytes())?;
    service_manager::ready(&status);
    listen::until_stopped(listener, &site, &stop).map_err(cannot_listen)
}
