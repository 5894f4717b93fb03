use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

use rustix::net::{bind, getsockname, listen, socket};

use super::*;

/// An address that answers no connection: the queue of its listener is full.
pub(in crate::http) struct Silent {
    address: SocketAddr,
    _held: Vec<OwnedFd>,
}

impl Silent {
    fn new() -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into())
    }

    pub(in crate::http) fn at(address: SocketAddr) -> Self {
        let listener = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&listener, &address).unwrap();
        listen(&listener, 0).unwrap();
        let address = SocketAddr::try_from(getsockname(&listener).unwrap()).unwrap();
        let mut held = vec![listener];
        held.extend((0..8).map(|_| begin(&address).unwrap()));
        Self { address, _held: held }
    }
}

/// An address without a listener.
fn refusing() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn answering() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn in_a_minute() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(60))
}

fn peer(addresses: &[SocketAddr]) -> SocketAddr {
    race(addresses, in_a_minute()).unwrap().peer_addr().unwrap()
}

#[test]
fn families_take_turns() {
    let v4 = |last| SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)), 80);
    let v6 =
        |last| SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last)), 80);
    for (given, order) in [
        (vec![v6(1), v6(2), v6(3), v4(1)], vec![v6(1), v4(1), v6(2), v6(3)]),
        (vec![v4(1), v4(2), v6(1), v6(2)], vec![v4(1), v6(1), v4(2), v6(2)]),
        (vec![v4(1), v4(2)], vec![v4(1), v4(2)]),
        (vec![], vec![]),
    ] {
        assert_eq!(interleaved(&given), order);
    }
}

#[test]
fn a_silent_address_does_not_keep_the_next_from_being_tried() {
    let silent = Silent::new();
    let (_listener, good) = answering();
    assert_eq!(peer(&[silent.address, silent.address, good]), good);
}

#[test]
fn of_two_that_answer_the_first_is_taken() {
    let (_one, first) = answering();
    let (_other, second) = answering();
    assert_eq!(peer(&[first, second]), first);
}

#[test]
fn one_that_refuses_is_followed_by_the_next_at_once() {
    let (_listener, good) = answering();
    let refused = vec![refusing(); 8];
    let addresses = [&refused[..], &[good]].concat();
    assert_eq!(peer(&addresses), good);
    let error = race(&refused, in_a_minute()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn a_family_that_is_not_there_is_passed_over() {
    let (_listener, good) = answering();
    // A documentation address: there is no route to it here, or no answer.
    let nowhere = "[2001:db8::1]:80".parse().unwrap();
    assert_eq!(peer(&[nowhere, good]), good);
}

#[test]
fn silence_ends_at_the_deadline() {
    let silent = Silent::new();
    let deadline = Some(Instant::now() + Duration::from_millis(100));
    let error = race(&[silent.address], deadline).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(race(&[], in_a_minute()).is_err());
}
