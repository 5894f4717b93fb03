//! Answers without a number, or with too much.

use std::net::TcpListener;

use gaugelog_sources::Settings;

use crate::good_answers::{gzip, gzip_of_blanks};
use crate::server::{Server, ok};
use crate::{error, read_with};

#[test]
fn statuses_are_errors() {
    for (status, said) in [
        ("404 Not Found", "status 404 Not Found"),
        ("500 Whatever", "status 500 Internal Server Error"),
        ("204 No Content", "\"\" is not a finite number"),
        ("304 Not Modified", "status 304 Not Modified"),
        ("299 x", "\"\" is not a finite number"),
        ("301 Moved", "status 301 Moved Permanently, but it does not say where to go"),
    ] {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(error(&Server::bytes(answer).url("/")), said);
    }
}

#[test]
fn what_is_no_number_is_shown() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for (page, fragment, said) in [
        ("warm", "", "\"warm\" is not a finite number"),
        ("", "", "\"\" is not a finite number"),
        ("nan", "", "\"nan\" is not a finite number"),
        ("1e999", "", "\"1e999\" is not a finite number"),
        ("1 2", "", "\"1 2\" is not a finite number"),
        ("\u{1b}[2J", "", "\"\\u{1b}[2J\" is not a finite number"),
        ("{\"t\": 1e999}", "#/t", "#/t is 1e999, which is not a finite number"),
        ("{\"t\": true}", "#/t", "#/t is true, which is not a number"),
        ("{\"t\": null}", "#/t", "#/t is null, which is not a number"),
        ("{\"t\": 1}", "#/u", "#/u: there is none; there is \"t\""),
        ("t 1\nt 2", "#t", "there are 2 such samples: t t"),
        ("t 1", "#u", "there is no sample of u"),
        (&deep, "#/0", "#/0 is an array of 1, which is not a number"),
        ("<html>", "#/t", "\"<html>\" is not JSON: there is \"<\" at line 1 column 1"),
        ("{\"t\": 14", "#/t", "the page was cut off within \"{\"t\": 14\""),
    ] {
        assert_eq!(error(&Server::page(page).url(&format!("/{fragment}"))), said);
    }
}

#[test]
fn what_is_no_text_is_shown() {
    assert_eq!(error(&Server::page(b"1\xff").url("/")), "\"1ÿ\" is not a finite number");
}

#[test]
fn pages_that_break_off_are_errors() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let whole = ok(&gzip(b"14.25"), "Content-Encoding: gzip\r\n");
    for answer in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n14"[..],
        format!("{chunked}5\r\n14").as_bytes(),
        format!("{chunked}2\r\n14\r\n").as_bytes(),
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"",
    ] {
        let said = error(&Server::bytes(answer).url("/"));
        assert_eq!(said, "the server closed the connection in the middle of its answer");
    }
    // Within the compressed part, though the declared length is right.
    let compressed = gzip(b"14.25");
    let half = ok(&compressed[..compressed.len() - 6], "Content-Encoding: gzip\r\n");
    let said = error(&Server::bytes(half).url("/"));
    assert!(said.contains("the page cannot be decompressed: gzip: "), "{said}");
    let mut corrupt = whole;
    let crc = corrupt.len() - 6;
    corrupt[crc] ^= 1;
    let said = error(&Server::bytes(corrupt).url("/"));
    assert!(said.contains("the page cannot be decompressed: gzip: "), "{said}");
}

#[test]
fn a_page_that_is_too_large_is_refused_also_when_it_was_small() {
    let too_large =
        "the page has more than 1048576 bytes; --page-max (page_max in a file) allows more";
    let page = format!("{}7", " ".repeat(1 << 20));
    assert_eq!(error(&Server::page(&page).url("/")), too_large);
    let bomb = gzip_of_blanks(200 << 20);
    assert!(bomb.len() < 1 << 20);
    let answer = ok(&bomb, "Content-Encoding: gzip\r\n");
    assert_eq!(error(&Server::bytes(answer).url("/")), too_large);
    assert!(peak_memory_bytes() < 128 << 20, "{}", peak_memory_bytes());
}

/// The peak of this process's memory.
pub(crate) fn peak_memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn a_coding_that_is_not_known_is_named_where_there_is_no_number() {
    let answer = ok(b"\x8b\x02\x8014.25", "Content-Encoding: br\r\n");
    let said = error(&Server::bytes(answer).url("/"));
    assert_eq!(
        said,
        "\"\\u{8b}\\u{2}\\u{80}14.25\" is not a finite number (it is coded as \"br\", which is \
         not known here)"
    );
}

/// Neither a length nor a last chunk shows that the page is complete.
#[test]
fn a_page_without_an_end_must_show_one() {
    for (media, page, fragment, said) in [
        ("text/plain", "u 1\nt 14", "#t", "the page was cut off within \"t 14\""),
        ("text/plain", "", "#t", "there is no sample of t"),
        (
            "application/openmetrics-text; version=1.0.0",
            "t 14\n",
            "#t",
            "the page was cut off: the line \"# EOF\" is missing at its end",
        ),
        ("application/json", "{\"t\": 14", "#/t", "the page was cut off within \"{\"t\": 14\""),
        ("application/json", "[1, 14", "#/1", "the page was cut off within \"[1, 14\""),
        ("application/json", "{\"t\": \"14", "#/t", "the page was cut off within \"{\"t\": \"14\""),
        ("application/json", "", "#/t", "the page is empty"),
    ] {
        let answer = format!("HTTP/1.0 200 OK\r\nContent-Type: {media}\r\n\r\n{page}");
        assert_eq!(error(&Server::bytes(answer).url(&format!("/{fragment}"))), said);
    }
    // Half of the compressed bytes are not a page, whatever they contain.
    let compressed = gzip(b"u 1\nt 14\n");
    let half = &compressed[..compressed.len() - 1];
    let head = b"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n";
    let said = error(&Server::bytes([&head[..], half].concat()).url("/#t"));
    assert!(said.contains("the page cannot be decompressed: gzip: "), "{said}");
}

#[test]
fn a_page_may_be_larger_where_that_is_allowed() {
    let page = format!("{}7", " ".repeat(4000));
    let server = Server::page(&page);
    let settings = Settings::new().page_bytes_max(4000);
    let said = read_with(&server.url("/"), &settings).unwrap_err();
    assert!(said.contains("the page has more than 4000 bytes; --page-max"), "{said}");
    assert_eq!(read_with(&server.url("/"), &settings.page_bytes_max(4001)), Ok(7.0));
}

#[test]
fn what_is_not_http_is_an_error() {
    let said = error(&Server::bytes("SSH-2.0-OpenSSH_9.6\r\n").url("/"));
    assert!(said.starts_with("the server does not speak HTTP: "), "{said}");
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let said = error(&Server::bytes(endless).url("/"));
    assert!(said.starts_with("response header is too big"), "{said}");
}

#[test]
fn a_server_that_is_not_there_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let said = error(&format!("http://{address}/"));
    assert!(said.contains("Connection refused"), "{said}");
}
