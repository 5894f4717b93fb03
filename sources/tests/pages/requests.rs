//! What is sent with requests: headers, a token, a body.

use std::io::Read;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use gaugelog_sources::{Headers, Settings};

use crate::read_with;
use crate::server::{Server, ok, redirect, say};

fn secret() -> Settings {
    let headers = Headers::new().with("X-Key", "hunter2").unwrap().bearer("0815").unwrap();
    Settings::new().headers(headers)
}

/// Reads as many bytes as the body of a test has.
fn body(stream: &mut TcpStream) -> String {
    let mut bytes = [0; BODY.len()];
    stream.read_exact(&mut bytes).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

const BODY: &str = r#"{"key": "4711"}"#;

fn status_and_location(status: &str, location: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

#[test]
fn headers_and_a_token_are_sent_to_the_server_itself_alone() {
    let other = Server::page("7");
    let there = other.url("/");
    let server = Server::start(move |number, stream| {
        say(stream, &redirect(if number == 0 { "/here" } else { &there }));
    });
    assert_eq!(read_with(&server.url("/"), &secret()), Ok(7.0));
    for head in server.heads() {
        let head = head.to_lowercase();
        assert!(head.contains("x-key: hunter2\r\n"), "{head}");
        assert!(head.contains("authorization: bearer 0815\r\n"), "{head}");
        assert!(head.starts_with("get "), "{head}");
    }
    let head = other.heads()[0].to_lowercase();
    assert!(!head.contains("hunter2") && !head.contains("0815"), "{head}");
}

#[test]
fn a_user_and_a_token_contradict_each_other() {
    let said = read_with("http://me:pw@host/", &secret()).unwrap_err();
    assert!(said.contains("names a user, and there is a token"), "{said}");
    assert!(!said.contains("0815") && !said.contains("pw"), "{said}");
}

#[test]
fn a_body_is_posted_as_json_unless_a_header_says_otherwise() {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&bodies);
    let server = Server::start(move |_, stream| {
        seen.lock().unwrap().push(body(stream));
        say(stream, &ok(b"7", ""));
    });
    assert_eq!(read_with(&server.url("/"), &Settings::new().body(BODY)), Ok(7.0));
    let headers = Headers::new().with("content-type", "text/plain").unwrap();
    let settings = Settings::new().body(BODY).headers(headers);
    assert_eq!(read_with(&server.url("/"), &settings), Ok(7.0));
    assert_eq!(*bodies.lock().unwrap(), [BODY, BODY]);
    for (head, kind) in server.heads().iter().zip(["application/json", "text/plain"]) {
        let head = head.to_lowercase();
        assert!(head.starts_with("post / http/1.1\r\n"), "{head}");
        assert!(head.contains(&format!("content-type: {kind}\r\n")), "{head}");
        assert_eq!(head.matches("content-type").count(), 1, "{head}");
    }
    assert!(!format!("{settings:?}").contains("4711"), "{settings:?}");
}

/// As in browsers. The body is sent to no other server.
#[test]
fn a_redirect_is_followed_with_the_body_only_where_it_asks_for_that() {
    for (status, method) in [
        ("301 Moved", "get /there "),
        ("302 Found", "get /there "),
        ("303 See Other", "get /there "),
        ("307 Temporary", "post /there "),
        ("308 Permanent", "post /there "),
    ] {
        let server = Server::start(move |number, stream| {
            if number == 0 {
                body(stream);
                return say(stream, &status_and_location(status, "/there"));
            }
            if method.starts_with("post") {
                assert_eq!(body(stream), BODY);
            }
            say(stream, &ok(b"7", ""));
        });
        assert_eq!(read_with(&server.url("/"), &Settings::new().body(BODY)), Ok(7.0), "{status}");
        let head = server.heads()[1].to_lowercase();
        assert!(head.starts_with(method), "{status}: {head}");
    }
    let other = Server::page("7");
    let there = other.url("/");
    let server = Server::start(move |_, stream| {
        body(stream);
        say(stream, &status_and_location("307 Temporary", &there));
    });
    let said = read_with(&server.url("/"), &Settings::new().body(BODY)).unwrap_err();
    assert!(said.contains("a redirect leads to another server"), "{said}");
    assert!(other.heads().is_empty());
}
