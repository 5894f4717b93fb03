//! Pages with a number in them.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use gaugelog::Store;
use gaugelog_sources::{Collector, Event, Reading, Registry, Settings, SourceError, Stop};

use crate::read;
use crate::server::{Server, ok, say};

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// This many blanks, compressed. They are never all in memory.
pub(crate) fn gzip_of_blanks(length: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let blanks = [b' '; 1 << 16];
    for _ in 0..length / blanks.len() {
        encoder.write_all(&blanks).unwrap();
    }
    encoder.finish().unwrap()
}

#[test]
fn a_page_may_be_a_number() {
    assert_eq!(read(&Server::page(" 14.25\n").url("/")), Ok(14.25));
    assert_eq!(read(&Server::page("\u{feff}-1e-5").url("")), Ok(-1e-5));
}

#[test]
fn a_page_may_be_json() {
    let page = r#"{"main": {"temp": 21.5, "text": "7"}, "list": [1, 2]}"#;
    let server = Server::page(page);
    assert_eq!(read(&server.url("/#/main/temp")), Ok(21.5));
    assert_eq!(read(&server.url("/#/main/text")), Ok(7.0));
    assert_eq!(read(&server.url("/a/b?c=d#/list/1")), Ok(2.0));
    let heads = server.heads();
    assert!(heads[2].starts_with("GET /a/b?c=d HTTP/1.1\r\n"), "{}", heads[2]);
    assert!(heads[2].contains("gaugelog/"), "{}", heads[2]);
}

#[test]
fn a_page_may_be_prometheus() {
    let server = Server::page("# TYPE t gauge\nt{sensor=\"a\"} 38.85\nt{sensor=\"b\"} 4e1\n");
    assert_eq!(read(&server.url("/metrics#t{sensor=\"b\"}")), Ok(40.0));
}

#[test]
fn a_page_may_come_in_chunks_compressed_or_until_the_end() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunked = format!("{head}2\r\n14\r\n3;x=y\r\n.25\r\n0\r\n\r\n");
    assert_eq!(read(&Server::bytes(chunked).url("/")), Ok(14.25));
    let compressed = ok(&gzip(b"14.25"), "Content-Encoding: gzip\r\n");
    assert_eq!(read(&Server::bytes(compressed).url("/")), Ok(14.25));
    assert_eq!(read(&Server::bytes("HTTP/1.0 200 OK\r\n\r\n14.25").url("/")), Ok(14.25));
}

/// A page without a declared end is read if it shows its end.
#[test]
fn a_page_until_the_end_is_read_where_it_shows_its_end() {
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    for (media, page, fragment) in [
        ("text/plain", "14.25", ""),
        ("text/plain", "t 14.25\nu 1\n", "#t"),
        // Only the wanted line must be complete.
        ("text/plain", "t 14.25\nu 1", "#t"),
        (open_metrics, "t 14.25\n# EOF\n", "#t"),
        (open_metrics, "t 14.25\n# EOF", "#t"),
        ("application/json", "{\"t\": 14.25}", "#/t"),
        ("application/json", "14.25", "#"),
    ] {
        let answer = format!("HTTP/1.0 200 OK\r\nContent-Type: {media}\r\n\r\n{page}");
        assert_eq!(read(&Server::bytes(answer).url(&format!("/{fragment}"))), Ok(14.25), "{page}");
    }
    // The end of its gzip is the end of a page, even if the last chunk is missing.
    let compressed = gzip(b"u 1\nt 14.25");
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("{head}{:x}\r\n", compressed.len());
    let answer = [chunk.as_bytes(), &compressed, b"\r\n"].concat();
    assert_eq!(read(&Server::bytes(answer).url("/#t")), Ok(14.25));
    let head = b"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n";
    assert_eq!(read(&Server::bytes([&head[..], &compressed].concat()).url("/#t")), Ok(14.25));
}

#[test]
fn codings_are_named_in_any_way() {
    for coding in ["gzip", "GZIP", "x-gzip", " X-GZip "] {
        let headers = format!("Content-Encoding: {coding}\r\n");
        let server = Server::bytes(ok(&gzip(b"14.25"), &headers));
        assert_eq!(read(&server.url("/")), Ok(14.25), "{coding}");
        let head = server.heads()[0].to_lowercase();
        assert!(head.contains("accept-encoding: gzip\r\n"), "{head}");
    }
    // Declared codings that are not used, or that change nothing.
    for coding in ["identity", "Identity", "none", "utf-8", "gzip", ""] {
        let headers = format!("Content-Encoding: {coding}\r\n");
        assert_eq!(read(&Server::bytes(ok(b"14.25", &headers)).url("/")), Ok(14.25), "{coding}");
    }
}

#[test]
fn charsets_are_heeded() {
    let utf16: Vec<u8> =
        "\u{feff}{\"°C\": 14.25}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (charset, page) in [
        ("utf-8", "{\"°C\": 14.25}".as_bytes()),
        ("ISO-8859-1", b"{\"\xb0C\": 14.25}"),
        ("utf-8", b"{\"\xb0C\": 14.25}"),
        ("utf-16", &utf16),
        ("utf-8", &utf16),
    ] {
        let headers = format!("Content-Type: application/json; charset={charset}\r\n");
        let url = Server::bytes(ok(page, &headers)).url("/#/%C2%B0C");
        assert_eq!(read(&url), Ok(14.25), "{charset}");
    }
}

/// Each of these was once refused because of something next to the value.
#[test]
fn what_stands_beside_the_value_does_not_cost_it() {
    for (page, fragment) in [
        (&b"{\"temp\": 21.5, \"h\": NaN}"[..], "#/temp"),
        (b"{\"h\": 1e999, \"temp\": 21.5}", "#/temp"),
        (b"{\"name\": \"a\tb\", \"temp\": 21.5}", "#/temp"),
        (b"{\"name\": \"\\ud800\", \"temp\": 21.5}", "#/temp"),
        (b"{\"unit\": \"\xb0C\", \"temp\": 21.5}", "#/temp"),
        (b"{\"s\": [{\"name\": \"attic\", \"t\": 21.5}, {\"t\": 1}]}", "#/s[name==\"attic\"]/t"),
        (b"up{\"room.name\"=\"x\"} 1\n{\"a.b\"} 2\ntemp 21.5\n", "#temp"),
        (b"unit{of=\"\xb0C\"} 1\ntemp 21.5\n", "#temp"),
        (b"temp{a=\"1\"} 1\ntemp 21.5\n", "#temp"),
        (b"temp{a=\"1\"} 1\ntemp 21.5\n", "#temp{a=\"\"}"),
        (b"temp{a=\"1\"} 1\ntemp{a=\"22\"} 21.5\n", "#temp{a=~\"2+\"}"),
    ] {
        assert_eq!(read(&Server::page(page).url(&format!("/{fragment}"))), Ok(21.5), "{fragment}");
    }
}

#[test]
fn the_largest_page_is_read() {
    let page = format!("{}7", " ".repeat((1 << 20) - 1));
    assert_eq!(read(&Server::page(page).url("/")), Ok(7.0));
}

/// Bad polls are survived, and the good one after them is stored.
#[test]
fn a_server_that_recovers_is_collected_from() {
    let server = Server::start(|number, stream| match number {
        0 => say(stream, b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"),
        1 => say(stream, &ok(b"warm", "")),
        2 => {}
        _ => say(stream, &ok(b"14.25", "")),
    });
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path().join("store")).unwrap();
    let source = Registry::standard().open(&server.url("/"), &Settings::new()).unwrap();
    let stop = Stop::new();
    let report = Collector::new()
        .interval(Duration::from_millis(1))
        .stop(stop.clone())
        .run(source, &store, |event| {
            if matches!(event, Event::Stored(_)) {
                stop.set();
            }
        })
        .unwrap();
    assert_eq!((report.failed, report.stored), (3, 1));
    let values: Vec<f64> =
        store.snapshot().unwrap().window(..).iter().map(|it| it.unwrap().value).collect();
    assert_eq!(values, [14.25]);
}

#[test]
fn values_of_one_address_share_a_fetch_and_one_is_missing_alone() {
    let server = Server::start(|_, stream| {
        say(stream, &ok(br#"{"temp": 21.5, "wind": 3, "bytes": 100}"#, ""));
    });
    let url = |fragment: &str| format!("{}{fragment}", server.url("/now"));
    let specs = [url("#/temp"), url("#/none"), url("#/wind"), format!("rate:{}", url("#/bytes"))];
    let mut opened = Registry::standard().open_all(&specs, &Settings::new()).unwrap();
    assert_eq!(opened.len(), 1);
    let source = &mut opened[0].source;
    assert_eq!(source.values(), 4);
    for rate in [None, Some(0.0)] {
        let readings = source.poll_all().unwrap().unwrap();
        let [temp, none, wind, bytes] = &readings[..] else { panic!("{readings:?}") };
        let value = |reading: &Result<Option<Reading>, SourceError>| {
            reading.as_ref().unwrap().map(|reading| reading.value)
        };
        assert_eq!((value(temp), value(wind), value(bytes)), (Some(21.5), Some(3.0), rate));
        let why = none.as_ref().unwrap_err().to_string();
        assert!(why.contains("/now#/none: "), "{why}");
    }
    assert_eq!(server.heads().len(), 2);
}
