//! Connecting to the first of a server's addresses that answers (RFC 8305).
//!
//! Address families take turns. The next address is tried when the one before has not
//! answered for a quarter of a second, or at once if it has refused. The attempts before
//! go on. So an address that drops packets costs a quarter of a second and no poll.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{
    AddressFamily, RecvFlags, SocketFlags, SocketType, connect, ipproto, recv, socket_with, sockopt,
};
use ureq::Error;
use ureq::unversioned::transport::time::{Duration as Span, Instant as Moment};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, ShutdownHandle,
    Transport,
};

/// RFC 8305, section 8: the Connection Attempt Delay.
const STAGGER: Duration = Duration::from_millis(250);

/// Opens the connection, unless there is one through a proxy already.
#[derive(Debug)]
pub(super) struct Racing;

impl<In: Transport> Connector<In> for Racing {
    type Out = Either<In, Connection>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        if let Some(connection) = chained {
            return Ok(Some(Either::A(connection)));
        }
        let deadline = exact(remaining(details).after).map(|after| Instant::now() + after);
        let stream =
            race(&interleaved(&details.addrs), deadline).map_err(|error| match error.kind() {
                io::ErrorKind::TimedOut => Error::Timeout(details.timeout.reason),
                _ => Error::Io(error),
            })?;
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        let stream = Arc::new(Shared(stream));
        let handle: Arc<dyn ShutdownHandle> = stream.clone();
        (details.register_shutdown)(Arc::downgrade(&handle))?;
        Ok(Some(Either::B(Connection { stream, buffers })))
    }
}

/// The time left for a connection. It began before names were looked up.
pub(super) fn remaining(details: &ConnectionDetails<'_>) -> NextTimeout {
    let mut timeout = details.timeout;
    if let (Span::Exact(after), Moment::Exact(begun)) = (timeout.after, details.now) {
        timeout.after = Span::Exact(after.saturating_sub(begun.elapsed()));
    }
    timeout
}

/// A duration, if there is a limit.
fn exact(span: Span) -> Option<Duration> {
    match span {
        Span::Exact(duration) => Some(duration),
        Span::NotHappening => None,
    }
}

/// The addresses in the order in which they are tried: the families in turn, beginning
/// with the resolver's first.
fn interleaved(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_of_first = |address: &&SocketAddr| {
        addresses.first().is_some_and(|it| it.is_ipv6() == address.is_ipv6())
    };
    let mut first = addresses.iter().filter(is_of_first);
    let mut second = addresses.iter().filter(|address| !is_of_first(address));
    let mut order = Vec::with_capacity(addresses.len());
    while order.len() < addresses.len() {
        order.extend(first.next());
        order.extend(second.next());
    }
    order
}

/// The first connection that succeeds. If the deadline passes, the error is a time-out;
/// otherwise it is the last error.
fn race(addresses: &[SocketAddr], deadline: Option<Instant>) -> io::Result<TcpStream> {
    let mut waiting = addresses.iter();
    let mut pending: Vec<OwnedFd> = Vec::new();
    let mut last_error = io::Error::from(io::ErrorKind::ConnectionRefused);
    let mut next_at = Instant::now();
    loop {
        let now = Instant::now();
        if deadline.is_some_and(|deadline| now >= deadline) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if now >= next_at || pending.is_empty() {
            match waiting.next().map(begin) {
                Some(Ok(socket)) => {
                    pending.push(socket);
                    next_at = now + STAGGER;
                }
                Some(Err(error)) => {
                    last_error = error.into();
                    next_at = now;
                    continue;
                }
                None if pending.is_empty() => return Err(last_error),
                None => {}
            }
        }
        let until = if waiting.len() > 0 { Some(next_at) } else { None };
        let ready = wait(&pending, until.into_iter().chain(deadline).min())?;
        // From the end, so that the indices before stay valid.
        for at in ready.into_iter().rev() {
            let socket = pending.remove(at);
            match sockopt::socket_error(&socket)? {
                Ok(()) => {
                    ioctl_fionbio(&socket, false)?;
                    return Ok(TcpStream::from(socket));
                }
                Err(error) => {
                    last_error = error.into();
                    next_at = Instant::now();
                }
            }
        }
    }
}

/// A socket that has begun to connect.
fn begin(address: &SocketAddr) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    match connect(&socket, address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket),
        Err(error) => Err(error),
    }
}

/// Waits until an attempt has succeeded or failed, or until a time. Returns the indices
/// of the attempts that are decided.
fn wait(pending: &[OwnedFd], until: Option<Instant>) -> io::Result<Vec<usize>> {
    let mut polled: Vec<PollFd<'_>> =
        pending.iter().map(|socket| PollFd::new(socket, PollFlags::OUT)).collect();
    let timeout = until.map(|until| {
        let left = until.saturating_duration_since(Instant::now());
        Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        }
    });
    match poll(&mut polled, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    Ok((0..polled.len()).filter(|&at| !polled[at].revents().is_empty()).collect())
}

/// A socket that the HTTP library may shut down from elsewhere.
#[derive(Debug)]
struct Shared(TcpStream);

impl ShutdownHandle for Shared {
    fn shutdown(&self) {
        // A socket that is closed already needs nothing.
        let _ = self.0.shutdown(std::net::Shutdown::Both);
    }
}

/// A connection for the HTTP library.
pub(super) struct Connection {
    stream: Arc<Shared>,
    buffers: LazyBuffers,
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let timeout = timeout.for_write();
        let mut stream = &self.stream.0;
        stream.set_write_timeout(Some(left(timeout)?))?;
        stream.write_all(&self.buffers.output()[..amount]).map_err(|error| timed(error, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        let until = Instant::now() + left(timeout)?;
        let mut stream = &self.stream.0;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::Timeout(timeout.reason));
            }
            stream.set_read_timeout(Some(left))?;
            match stream.read(self.buffers.input_append_buf()) {
                Ok(amount) => {
                    self.buffers.input_appended(amount);
                    return Ok(amount > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(timed(error, timeout)),
            }
        }
    }

    /// Whether the other end has neither closed it nor sent anything unasked.
    fn is_open(&mut self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        recv(&self.stream.0, &mut [0; 1], flags).err() == Some(Errno::AGAIN)
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

/// The time that is left: a day if there is no limit.
fn left(timeout: NextTimeout) -> Result<Duration, Error> {
    match exact(timeout.after) {
        Some(Duration::ZERO) => Err(Error::Timeout(timeout.reason)),
        Some(left) => Ok(left),
        None => Ok(Duration::from_secs(86_400)),
    }
}

/// Reports a time-out of the socket as one of the poll.
fn timed(error: io::Error, timeout: NextTimeout) -> Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Timeout(timeout.reason),
        _ => Error::Io(error),
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(in crate::http) use tests::Silent;
