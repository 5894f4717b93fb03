//! Redirects from a public address. Servers on 127.0.0.1 count as public here, and all
//! others on loopback as private.

use std::io::Read;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::ResolvedSocketAddrs;
use ureq::unversioned::transport::NextTimeout;

use super::*;

#[path = "../../tests/pages/server.rs"]
mod server;

use server::{Server, ok, redirect, say};

fn is_public_here(address: std::net::IpAddr) -> bool {
    address.to_canonical() == Ipv4Addr::LOCALHOST
}

/// Names that lead to addresses as a test wants: the nth look-up gets the nth address.
#[derive(Debug)]
struct Names {
    addresses: Vec<&'static str>,
    asked: AtomicUsize,
}

impl Names {
    fn new(addresses: &[&'static str]) -> Self {
        Self { addresses: addresses.to_vec(), asked: AtomicUsize::new(0) }
    }
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        _config: &Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let mut found = self.empty();
        for address in self.addresses[asked].split(' ') {
            found.push(
                (address.parse::<std::net::IpAddr>().unwrap(), uri.port_u16().unwrap()).into(),
            );
        }
        Ok(found)
    }
}

fn read(address: &str, lookup: impl Resolver) -> Result<f64, String> {
    let mut page = Page::guarded(address, &Settings::new(), is_public_here, lookup).unwrap();
    // The text after the address.
    let said = |error: SourceError| {
        let said = error.to_string();
        said.strip_prefix(&format!("{address}: ")).map(str::to_owned).unwrap_or(said)
    };
    Ok(page.poll().map_err(said)?.unwrap().value)
}

#[test]
fn a_redirect_into_a_private_network_is_refused_before_it_is_connected_to() {
    let private = Server::start_at("127.0.0.2", |_, stream| say(stream, &ok(b"7", "")));
    let public = Server::bytes(redirect(&private.url("/")));
    let said = read(&public.url("/"), DefaultResolver::default()).unwrap_err();
    assert_eq!(said, "a redirect leads to 127.0.0.2, which is not a public address");
    assert!(private.heads().is_empty());
    // The same address in other notations.
    for host in ["[::ffff:127.0.0.2]", "127.2", "2130706434", "0x7f.2"] {
        let url = format!("http://{host}:{}/", private.address.port());
        let public = Server::bytes(redirect(&url));
        let said = read(&public.url("/"), DefaultResolver::default()).unwrap_err();
        assert!(said.ends_with("which is not a public address"), "{host}: {said}");
    }
    assert!(private.heads().is_empty());
}

#[test]
fn from_within_a_private_network_it_is_followed() {
    let there = Server::start_at("127.0.0.2", |_, stream| say(stream, &ok(b"7", "")));
    let location = redirect(&there.url("/"));
    let here = Server::start_at("127.0.0.3", move |_, stream| say(stream, &location));
    assert_eq!(read(&here.url("/"), DefaultResolver::default()), Ok(7.0));
}

#[test]
fn a_public_redirect_is_followed_and_the_third_is_watched_too() {
    let there = Server::page("7");
    let here = Server::bytes(redirect(&there.url("/")));
    assert_eq!(read(&here.url("/"), DefaultResolver::default()), Ok(7.0));
    let private = Server::start_at("127.0.0.2", |_, stream| say(stream, &ok(b"7", "")));
    let second = Server::bytes(redirect(&private.url("/")));
    let first = Server::bytes(redirect(&second.url("/")));
    assert!(read(&first.url("/"), DefaultResolver::default()).is_err());
    assert!(private.heads().is_empty());
}

/// A name that leads elsewhere at its second look-up, also the page's own name.
#[test]
fn a_name_that_leads_elsewhere_later_does_not_help() {
    let server = Server::start(|number, stream| {
        let answer = if number == 0 { redirect("/again") } else { ok(b"7", "") };
        say(stream, &answer);
    });
    let url = format!("http://rebind.example:{}/", server.address.port());
    let said = read(&url, Names::new(&["127.0.0.1", "127.0.0.2"])).unwrap_err();
    assert_eq!(said, "a redirect leads to 127.0.0.2, which is not a public address");
    // One such address among several is enough to refuse, but not to be trusted.
    let server = Server::bytes(redirect("/again"));
    let url = format!("http://rebind.example:{}/", server.address.port());
    let said = read(&url, Names::new(&["127.0.0.1", "127.0.0.1 127.0.0.2"])).unwrap_err();
    assert!(said.ends_with("not a public address"), "{said}");
    let said = read(&url, Names::new(&["127.0.0.1 127.0.0.2", "127.0.0.2"])).unwrap_err();
    assert!(said.ends_with("not a public address"), "{said}");
}

/// A connection that the server would keep open does not help either: the library looks a
/// name up even if it is connected to it.
#[test]
fn each_redirect_is_looked_up() {
    let server = Server::start(|_, stream| {
        say(stream, &redirect("/again"));
        let _ = stream.read(&mut [0; 1024]);
        say(stream, &ok(b"7", ""));
    });
    let url = format!("http://rebind.example:{}/", server.address.port());
    let said = read(&url, Names::new(&["127.0.0.1", "127.0.0.2"])).unwrap_err();
    assert!(said.ends_with("not a public address"), "{said}");
}

/// A machine without IPv6, or a server that listens on only one of its addresses.
#[test]
fn of_several_addresses_the_first_that_answers_is_read() {
    let server = Server::page("7");
    let url = format!("http://both.example:{}/", server.address.port());
    assert_eq!(read(&url, Names::new(&["::1 127.0.0.3 127.0.0.1"])), Ok(7.0));
}

/// Packets to an address may be dropped, as with a broken address family. The next
/// address is read early, not only in the rest of the poll's time.
#[test]
fn an_address_that_does_not_answer_costs_no_poll() {
    let server = Server::page("7");
    let port = server.address.port();
    let silent = connect::Silent::at(("127.0.0.4".parse::<Ipv4Addr>().unwrap(), port).into());
    let url = format!("http://both.example:{port}/");
    assert_eq!(read(&url, Names::new(&["127.0.0.4 127.0.0.1"])), Ok(7.0));
    drop(silent);
}

/// What the first poll has learnt does not weaken the check of the second.
#[test]
fn each_poll_is_watched_anew() {
    let private = Server::start_at("127.0.0.2", |_, stream| say(stream, &ok(b"7", "")));
    let public = Server::bytes(redirect(&private.url("/")));
    let page = Page::guarded(
        &public.url("/"),
        &Settings::new(),
        is_public_here,
        DefaultResolver::default(),
    )
    .unwrap();
    for _ in 0..3 {
        assert!(page.read().is_err());
    }
    assert!(private.heads().is_empty());
}

#[test]
fn what_is_no_address_or_no_fragment_is_refused() {
    for (address, said) in [
        ("http:", "it names no host, such as https://host/page"),
        ("http://h/ ", "it is no address: ' ' cannot stand there; write %20"),
        (
            "http://h/#a b",
            "the text after # is neither a JSON Pointer (#/main/temp) nor a sample \
             (#name{label=\"x\"})",
        ),
        ("http://h/#/~2", "\"~2\": ~ in a JSON Pointer is written ~0, and / ~1"),
    ] {
        let error = Page::open(address, &Settings::new()).unwrap_err();
        assert_eq!(error.to_string(), said);
        assert!(!error.can_poll_again());
    }
}

/// As where no thread can be started for it at the moment.
#[test]
fn a_look_up_that_panics_costs_one_poll() {
    let here = Server::bytes(ok(b"7", ""));
    let lookup = FailsFirst(AtomicUsize::new(0));
    let mut page = Page::guarded(&here.url("/"), &Settings::new(), is_public_here, lookup).unwrap();
    let error = page.poll().unwrap_err();
    assert!(error.can_poll_again() && error.to_string().contains("the look-up"), "{error}");
    assert_eq!(page.poll().unwrap().unwrap().value, 7.0);
}

#[derive(Debug)]
struct FailsFirst(AtomicUsize);

impl Resolver for FailsFirst {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) > 0, "no thread");
        DefaultResolver::default().resolve(uri, config, timeout)
    }
}
