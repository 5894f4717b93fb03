//! Which redirects are followed. That none leads into a private network is tested next to
//! the code, since all servers here are on loopback.

use crate::error;
use crate::read;
use crate::server::{Server, ok, redirect, say};

/// Redirects this many times, then answers.
fn redirecting(times: usize) -> Server {
    Server::start(move |number, stream| {
        let answer = if number < times { redirect("next") } else { ok(b"7", "") };
        say(stream, &answer);
    })
}

#[test]
fn three_redirects_are_followed_and_no_more() {
    let server = redirecting(3);
    assert_eq!(read(&server.url("/a/b")), Ok(7.0));
    assert!(server.heads()[3].starts_with("GET /a/next HTTP/1.1\r\n"));
    let server = redirecting(4);
    assert_eq!(error(&server.url("/")), "there are more than 3 redirects");
    assert_eq!(server.heads().len(), 4);
}

#[test]
fn a_loop_ends() {
    let server = redirecting(usize::MAX);
    assert_eq!(error(&server.url("/")), "there are more than 3 redirects");
}

#[test]
fn only_to_the_web() {
    for (location, said) in [
        (
            "file:///etc/passwd",
            "a redirect leads to \"file:///etc/passwd\": file: is neither http: nor https:",
        ),
        ("gopher://x/", "a redirect leads to \"gopher://x/\": gopher: is neither http: nor https:"),
        ("http://", "a redirect leads to \"http://\": it names no host, such as https://host/page"),
        ("a%b", "a redirect leads to \"a%b\", which is no address"),
    ] {
        assert_eq!(error(&Server::bytes(redirect(location)).url("/")), said);
    }
}

#[test]
fn from_loopback_to_loopback() {
    let there = Server::page("7");
    let here = Server::bytes(redirect(&there.url("/x")));
    assert_eq!(read(&here.url("/")), Ok(7.0));
}

/// Servers send unencoded file names, in Latin-1 or UTF-8.
#[test]
fn to_what_should_have_been_encoded() {
    for (location, path) in
        [("/a b/{x}", "/a%20b/%7Bx%7D"), ("\u{fc} ", "/%C3%BC"), ("x?y=a|b", "/x?y=a%7Cb")]
    {
        let server = Server::start(move |number, stream| {
            let answer = if number == 0 { redirect(location) } else { ok(b"7", "") };
            say(stream, &answer);
        });
        assert_eq!(read(&server.url("/")), Ok(7.0), "{location}");
        let head = server.heads()[1].clone();
        assert!(head.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{head}");
    }
}
