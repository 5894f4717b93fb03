//! Slow servers: the deadline applies to the whole poll.

use std::io::Read;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use gaugelog_sources::Settings;
use rustix::net::{AddressFamily, SocketType, bind, connect, getsockname, listen, socket};

use crate::read_with;
use crate::server::{Server, say};

const DEADLINE: Duration = Duration::from_millis(300);
/// A deadline so long that the tests fail if it is used.
const FOREVER: Duration = Duration::from_secs(120);

fn times_out(spec: &str) {
    let begun = Instant::now();
    let message = read_with(spec, &Settings::new().deadline(DEADLINE)).unwrap_err();
    assert_eq!(message, format!("{spec}: it took longer than 300ms"));
    assert!(begun.elapsed() < FOREVER / 2, "{:?}", begun.elapsed());
}

/// Sends a byte from time to time, for longer than the deadline.
fn trickle(stream: &mut TcpStream, text: impl Iterator<Item = u8>) {
    let begun = Instant::now();
    for byte in text {
        say(stream, &[byte]);
        thread::sleep(Duration::from_millis(20));
        if begun.elapsed() > FOREVER {
            return;
        }
    }
}

#[test]
fn a_body_that_trickles_is_given_up() {
    let server = Server::start(|_, stream| {
        say(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        trickle(stream, std::iter::repeat(b' '));
    });
    times_out(&server.url("/"));
}

#[test]
fn a_head_that_trickles_is_given_up() {
    let server = Server::start(|_, stream| {
        say(stream, b"HTTP/1.1 200 OK\r\nX: ");
        trickle(stream, std::iter::repeat(b'x'));
    });
    times_out(&server.url("/"));
}

#[test]
fn redirects_share_one_deadline() {
    let server = Server::start(|_, stream| {
        thread::sleep(DEADLINE * 2 / 3);
        say(stream, b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
    });
    times_out(&server.url("/"));
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let server = Server::start(|_, stream| drop(stream.read_to_end(&mut Vec::new())));
    times_out(&server.url("/"));
}

#[test]
fn a_handshake_that_does_not_go_on_is_given_up() {
    let server = Server::start(|_, stream| drop(stream.read_to_end(&mut Vec::new())));
    times_out(&server.url("/").replace("http:", "https:"));
}

/// A server whose queue is full: the kernel answers no further connection.
#[test]
fn a_connection_that_does_not_come_about_is_given_up() {
    let listener = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&listener, &std::net::SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    listen(&listener, 0).unwrap();
    let address = std::net::SocketAddr::try_from(getsockname(&listener).unwrap()).unwrap();
    let mut held = Vec::new();
    for _ in 0..8 {
        let flags = rustix::net::SocketFlags::NONBLOCK;
        let client =
            rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
        let _ = connect(&client, &address);
        held.push(client);
    }
    times_out(&format!("http://{address}/"));
}
