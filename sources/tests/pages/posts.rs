//! What is posted arrives, and the answer comes back whatever its status.

use std::sync::mpsc;
use std::time::Duration;

use gaugelog_sources::{Post, Settings};

use super::server::{Server, ok, redirect, say};
use super::tls::Site;

#[test]
fn bytes_arrive_with_their_headers_and_the_status_is_for_the_caller_to_judge() {
    let (sender, bodies) = mpsc::channel();
    let server = Server::start(move |_, stream| {
        let mut body = [0; 3];
        std::io::Read::read_exact(stream, &mut body).unwrap();
        sender.send(body).unwrap();
        say(stream, b"HTTP/1.1 429 x\r\nRetry-After: 7\r\nContent-Length: 9\r\n\r\nnot\x1b now\n");
    });
    let address = server.url("/write?key=hunter2").replace("http://", "http://me:hunter2@");
    let post = Post::open(&address, &Settings::new(), None).unwrap();
    let answer = post.send(&[("x-version", "1")], b"\x01\x02\x03").unwrap();
    assert_eq!((answer.status, answer.text.as_str()), (429, "not\\u{1b} now"));
    assert_eq!((answer.header("retry-after"), answer.header("x")), (Some("7"), None));
    assert_eq!(bodies.recv().unwrap(), [1, 2, 3]);
    let head = &server.heads()[0];
    assert!(head.starts_with("POST /write?key=hunter2 HTTP/1.1\r\n"), "{head}");
    for line in ["x-version: 1", "content-length: 3", "authorization: Basic bWU6aHVudGVyMg=="] {
        assert!(head.to_lowercase().contains(&line.to_lowercase()), "no {line} in {head}");
    }
    assert!(post.names_user());
    assert!(!format!("{post:?} {}", post.shown()).contains("hunter2"));
    let refused = post.send(&[("x", "a\nb")], b"").unwrap_err().to_string();
    assert_eq!(refused, "the header x cannot be sent");
}

#[test]
fn no_redirect_is_followed_and_no_answer_is_waited_for_without_end() {
    let server = Server::bytes(redirect("http://elsewhere/"));
    let answer =
        Post::open(&server.url("/"), &Settings::new(), None).unwrap().send(&[], b"").unwrap();
    assert_eq!((answer.status, answer.header("location")), (302, Some("http://elsewhere/")));
    let silent = Server::start(|_, _| std::thread::park());
    let settings = Settings::new().deadline(Duration::from_millis(100));
    let said = Post::open(&silent.url("/"), &settings, None).unwrap().send(&[], b"").unwrap_err();
    assert_eq!(said.to_string(), "it took longer than 100ms");
}

#[test]
fn who_the_server_is_is_checked_as_for_pages() {
    let site = Site::start("127.0.0.1", ok(b"", ""));
    let send = |settings: &Settings| {
        let sent = Post::open(&site.url(), settings, None).unwrap().send(&[], b"7");
        sent.map(|answer| answer.status).map_err(|error| error.to_string())
    };
    assert_eq!(send(&Settings::new().ca_file(site.ca_file())), Ok(200));
    assert_eq!(send(&Settings::new().pin(site.pin())), Ok(200));
    let said = send(&Settings::new()).unwrap_err();
    assert!(said.contains("is not signed by an authority that is known here"), "{said}");
}
