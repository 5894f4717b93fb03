//! Accepts connections and speaks HTTP/1 on them, until told to stop.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gaugelog_sources::Stop;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustix::process::{Resource, getrlimit};
use tokio::net::TcpStream;
use tokio::runtime::Builder;

use super::connections::{Connections, Doing};
use super::site::Site;
use crate::service_manager;

/// Connections at once, where the limit of open files allows it.
const CONNECTIONS_MAX: usize = 256;
/// Of a request's line and headers together.
const HEAD_BYTES_MAX: usize = 8 * 1024;
const HEADERS_MAX: usize = 64;
/// How often slow connections, old snapshots and the signal to stop are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long answers are finished for at the end.
const ENDS_WITHIN: Duration = Duration::from_secs(2);
/// Before another connection is accepted, where one could not be.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

pub(super) fn until_stopped(
    listener: TcpListener,
    site: &Arc<Site>,
    stop: &Stop,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let connections = Arc::new(Connections::new(connections_max()));
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let accepting = accept(listener, Arc::clone(site), Arc::clone(&connections));
        let accepting = tokio::spawn(accepting);
        while !stop.is_set() {
            tokio::time::sleep(LOOK_EVERY).await;
            connections.close_slow();
            site.forget_old();
        }
        service_manager::stopping();
        accepting.abort();
        let begun = Instant::now();
        while connections.are_busy() && begun.elapsed() < ENDS_WITHIN {
            tokio::time::sleep(LOOK_EVERY / 10).await;
        }
        Ok(())
    })
}

/// Stores need files open too.
fn connections_max() -> usize {
    let files = getrlimit(Resource::Nofile).current;
    let files = files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    (files / 4).clamp(1, CONNECTIONS_MAX)
}

async fn accept(listener: tokio::net::TcpListener, site: Arc<Site>, connections: Arc<Connections>) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                log::warn!("a connection could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
                continue;
            }
        };
        // Without room, it is closed at once.
        let Some(number) = connections.add() else { continue };
        let open = Open { number, connections: Arc::clone(&connections) };
        let task = tokio::spawn(converse(stream, Arc::clone(&site), open));
        connections.set_task(number, task.abort_handle());
    }
}

/// A connection that is open, and none of the open ones once this is dropped.
struct Open {
    number: u64,
    connections: Arc<Connections>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.connections.remove(self.number);
    }
}

async fn converse(stream: TcpStream, site: Arc<Site>, open: Open) {
    let (number, connections) = (open.number, &open.connections);
    let respond = |request: Request<Incoming>| {
        let site = &site;
        let (request, body) = request.into_parts();
        let answering = move || connections.does(number, Doing::Answering);
        match request.method {
            // Its body may be slow.
            Method::POST => connections.does(number, Doing::Reading),
            _ => answering(),
        }
        async move {
            let answer = site.answer(request, body, answering).await;
            connections.does(number, Doing::Writing(answer.body.len()));
            let kept = |bytes| {
                let connections = Arc::clone(connections);
                Bytes::from_owner(Unread { bytes, number, connections })
            };
            Ok::<_, Infallible>(answer.into_response(kept))
        }
    };
    let mut http = http1::Builder::new();
    http.max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    // Deadlines are those of `connections`, which close it.
    http.header_read_timeout(None);
    // What a client does wrong ends its own connection, and is nobody else's news.
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service_fn(respond)).await {
        log::debug!("a connection has ended: {error}");
    }
}

/// A body that the client has not read yet.
struct Unread {
    bytes: Bytes,
    number: u64,
    connections: Arc<Connections>,
}

impl AsRef<[u8]> for Unread {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.connections.has_written(self.number);
    }
}
