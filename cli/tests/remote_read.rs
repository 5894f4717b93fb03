//! `gaugelog serve` answers Prometheus's remote read with what stores hold. Requests are
//! written and answers are read here independently of the program.

#![cfg(all(feature = "forward", feature = "serve"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "forwarding/decoder.rs"]
mod decoder;
mod program;

use std::collections::HashSet;
use std::fs;
use std::io::Write;

use decoder::Series;
use gaugelog::{Observation, Store};
use program::http::{Answer, Server};
use program::tool::wait_until;
use program::{house, names_in};

const MS: i64 = 1_000_000;
/// 2026-06-01T12:00:00Z, in milliseconds.
const NOON_MS: i64 = 1_780_315_200_000;
const EVER: (i64, i64) = (i64::MIN, i64::MAX);

/// Kinds of matchers.
const EQUAL: u8 = 0;
const NOT_EQUAL: u8 = 1;
const MATCHES: u8 = 2;
const MATCHES_NOT: u8 = 3;

type Matcher<'a> = (u8, &'a str, &'a str);

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number % 128).unwrap();
        number /= 128;
        bytes.push(if number > 0 { low + 128 } else { low });
        if number == 0 {
            return bytes;
        }
    }
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2], &varint(content.len() as u64)[..], content].concat()
}

/// A query as Prometheus sends it, its hints too.
fn query((first_ms, last_ms): (i64, i64), matchers: &[Matcher<'_>]) -> Vec<u8> {
    let mut query = vec![1 << 3];
    query.extend(varint(first_ms.cast_unsigned()));
    query.push(2 << 3);
    query.extend(varint(last_ms.cast_unsigned()));
    for (kind, name, value) in matchers {
        let names = [field(2, name.as_bytes()), field(3, value.as_bytes())].concat();
        query.extend(field(3, &[&[1 << 3, *kind][..], &names].concat()));
    }
    query.extend(field(4, &[&[1 << 3, 60][..], &field(2, b"rate")].concat()));
    field(1, &query)
}

fn post(server: &Server, message: &[u8], headers: &str) -> Answer {
    let body = snap::raw::Encoder::new().compress_vec(message).unwrap();
    post_body(server, &body, headers)
}

fn post_body(server: &Server, body: &[u8], headers: &str) -> Answer {
    let head = format!(
        "POST /api/v1/read HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Encoding: snappy\r\nContent-Type: application/x-protobuf\r\n\
         X-Prometheus-Remote-Read-Version: 0.1.0\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    server.send(&[head.as_bytes(), body].concat())
}

/// The most that a process has had in memory, in KiB.
fn memory_most(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.running.0.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A request of 64 KB took 333 MB: each of its regular expressions was compiled.
#[test]
fn no_matchers_take_more_memory_than_there_is_for_a_request() {
    let dir = house(&[("room", &weather(10)), ("hall", &weather(10))]);
    let server = Server::of(dir.path(), &[]);
    let large = vec![(MATCHES, "a", "(a{200}){150}"); 2_000];
    assert_eq!(post(&server, &query(EVER, &large), "").status, 400);
    let many = vec![(MATCHES, "__name__", "(?:a{200}){150}|r.*"); 128];
    assert_eq!(names(&read(&server, EVER, &many)), ["__name__=room,host=vm"]);
    let groups = "()".repeat(20_000);
    let groups = post(&server, &query(EVER, &[(MATCHES, "__name__", &groups)]), "");
    assert_eq!(groups.status, 400, "{groups:?}");
    let most = memory_most(&server);
    assert!(most < 32 << 10, "{most} KiB");
}

/// Without a token, a page of any site could send what needs no leave.
#[test]
fn a_page_of_another_site_cannot_ask() {
    let dir = house(&[("room", &weather(10))]);
    let server = Server::of(dir.path(), &["--host", "gauges.example.org"]);
    let message = snap::raw::Encoder::new().compress_vec(&query(EVER, &[])).unwrap();
    let status = |media_type: &str, origin: &str| {
        let length = message.len();
        let head = format!(
            "POST /api/v1/read HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\n\
             {media_type}{origin}Content-Length: {length}\r\n\r\n"
        );
        server.send(&[head.as_bytes(), &message].concat()).status
    };
    let protobuf = "Content-Type: application/x-protobuf\r\n";
    for (media_type, origin, expected) in [
        (protobuf, "", 200),
        ("Content-Type: Application/x-protobuf; proto=prometheus.ReadRequest\r\n", "", 200),
        ("Content-Type: text/plain\r\n", "", 415),
        ("", "", 415),
        (protobuf, "Origin: http://localhost\r\n", 200),
        (protobuf, "Origin: https://gauges.example.org\r\n", 200),
        (protobuf, "Origin: http://evil.example\r\n", 403),
        (protobuf, "Origin: http://203.0.113.7\r\n", 403),
        (protobuf, "Origin: null\r\n", 403),
    ] {
        assert_eq!(status(media_type, origin), expected, "{media_type} {origin}");
    }
}

/// The series of each query.
#[track_caller]
fn results(answer: &Answer) -> Vec<Vec<Series>> {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(answer.header("content-encoding"), Some("snappy"));
    let message = snap::raw::Decoder::new().decompress_vec(&answer.bytes).unwrap();
    let (mut rest, mut results) = (&message[..], Vec::new());
    while let Some((tag, after)) = rest.split_first() {
        assert_eq!(*tag, 1 << 3 | 2);
        let digits = after.iter().take_while(|byte| **byte >= 128).count() + 1;
        let length = after[..digits].iter().rev();
        let length = length.fold(0, |length, byte| length * 128 + usize::from(byte % 128));
        let (result, others) = after[digits..].split_at(length);
        // The series of a result are written as those of remote write are.
        results.push(decoder::decode(result, false).unwrap());
        rest = others;
    }
    results
}

#[track_caller]
fn read(server: &Server, times: (i64, i64), matchers: &[Matcher<'_>]) -> Vec<Series> {
    let answer = post(server, &query(times, matchers), "");
    let [series] = <[_; 1]>::try_from(results(&answer)).unwrap();
    series
}

/// The names of series, each with its labels.
fn names(series: &[Series]) -> Vec<String> {
    let label = |(name, value): &(String, String)| format!("{name}={value}");
    series.iter().map(|it| it.labels.iter().map(label).collect::<Vec<_>>().join(",")).collect()
}

/// Two a second, some too late, some at the same millisecond.
fn weather(count: i64) -> Vec<Observation> {
    let time = |n: i64| (NOON_MS + n * 500 - n % 7 * 900) * MS + n % 3 * 400_000;
    (0..count).map(|n| Observation::new(time(n / 2 * 2), (n * 37 % 101) as f64 / 10.0)).collect()
}

/// What is to be read of these: in order of time, the last of each millisecond.
fn samples(all: &[Observation], (first_ms, last_ms): (i64, i64)) -> Vec<(i64, f64)> {
    let mut all = all.to_vec();
    all.sort_by_key(|it| it.timestamp_ns);
    let mut samples: Vec<(i64, f64)> = Vec::new();
    for it in all {
        let ms = it.timestamp_ns.div_euclid(MS);
        if !(first_ms..=last_ms).contains(&ms) {
            continue;
        }
        samples.pop_if(|(known, _)| *known == ms);
        samples.push((ms, it.value));
    }
    samples
}

#[test]
fn samples_are_the_observations_of_the_time() {
    let all = weather(5_000);
    let dir = house(&[("room", &all)]);
    let server = Server::of(dir.path(), &["--label", "host=box"]);
    let named = [(EQUAL, "__name__", "room")];
    let at = |n: usize| all[n].timestamp_ns.div_euclid(MS);
    let (first, last) = (at(122), at(2_600));
    for times in [EVER, (first, last), (first, first), (NOON_MS - 5_000, NOON_MS + 3)] {
        let found = read(&server, times, &named);
        let expected = samples(&all, times);
        assert!(!expected.is_empty() && expected.len() < all.len());
        assert_eq!(names(&found), ["__name__=room,host=box"]);
        assert_eq!(found[0].samples, expected, "{times:?}");
    }
    // What has nothing of the time is no series.
    for times in [(0, 1_000), (last, first), (NOON_MS * 2, i64::MAX)] {
        assert_eq!(read(&server, times, &named), [], "{times:?}");
    }
    // Before 1970 a millisecond begins before its nanoseconds too.
    let early = [-1, -MS, -MS - 1].map(|ns| Observation::new(ns, ns as f64));
    Store::create(dir.path().join("early")).unwrap().append_batch(&early).unwrap();
    let found = read(&server, (-2, -1), &[(EQUAL, "__name__", "early")]);
    assert_eq!(found[0].samples, [(-2, -1_000_001.0), (-1, -1.0)]);
}

#[test]
fn series_are_named_as_they_are_forwarded() {
    let one = [Observation::new(NOON_MS * MS, 1.5)];
    let dir = house(&[("room.log", &one), ("2nd-floor", &one), ("attic", &one), ("empty", &[])]);
    let server = Server::of(dir.path(), &["--label", "host=box", "--label", "site=hill"]);
    let (room, floor, attic) = (
        "__name__=room,host=box,site=hill",
        "__name__=_2nd_floor,host=box,site=hill",
        "__name__=attic,host=box,site=hill",
    );
    for (matchers, expected) in [
        (vec![], vec![floor, attic, room]),
        (vec![(EQUAL, "host", "box")], vec![floor, attic, room]),
        (vec![(EQUAL, "host", "other")], vec![]),
        (vec![(NOT_EQUAL, "__name__", "attic")], vec![floor, room]),
        (vec![(MATCHES, "__name__", "r.*|_2.*")], vec![floor, room]),
        (vec![(MATCHES, "__name__", "oo")], vec![]),
        (vec![(MATCHES_NOT, "__name__", ".*o.*")], vec![attic]),
        (vec![(EQUAL, "site", "hill"), (MATCHES, "__name__", "a.+")], vec![attic]),
        (vec![(EQUAL, "zone", ""), (NOT_EQUAL, "__name__", "")], vec![floor, attic, room]),
    ] {
        assert_eq!(names(&read(&server, EVER, &matchers)), expected, "{matchers:?}");
    }
    // Each query of a request has its result, an empty one too.
    let attic_only = query(EVER, &[(EQUAL, "__name__", "attic")]);
    let nothing = query(EVER, &[(EQUAL, "__name__", "hall")]);
    let all = results(&post(&server, &[&nothing[..], &attic_only, &nothing].concat(), ""));
    assert_eq!(
        all.iter().map(|it| names(it)).collect::<Vec<_>>(),
        [vec![], vec![attic.to_owned()], vec![]]
    );

    let server = Server::of(dir.path(), &["--label", "host=", "--metric", "celsius"]);
    let found = read(&server, EVER, &[(EQUAL, "__name__", "celsius")]);
    let by_store = ["2nd-floor", "attic", "room"].map(|it| format!("__name__=celsius,store={it}"));
    assert_eq!(names(&found), by_store);
}

#[test]
fn two_stores_are_never_one_series() {
    let one = [Observation::new(NOON_MS * MS, 1.5)];
    let dir = house(&[("a-b", &one), ("a_b", &one), ("room", &one)]);
    let server = Server::of(dir.path(), &[]);
    let answer = post(&server, &query(EVER, &[]), "");
    let said = answer.json()["error"].to_string();
    assert!(said.contains("would both be the series a_b") && said.contains("--metric"), "{said}");
    assert_eq!(read(&server, EVER, &[(EQUAL, "__name__", "room")]).len(), 1);
}

#[test]
fn what_is_not_answered_is_refused_in_words() {
    let many: Vec<_> = (0..200_001).map(|n| Observation::new(n * MS, 0.5)).collect();
    let dir = house(&[("many", &many)]);
    let server = Server::of(dir.path(), &[]);
    let matching = [(EQUAL, "__name__", "many")];
    assert_eq!(read(&server, (1, i64::MAX), &matching)[0].samples.len(), 200_000);
    let streamed = [&query(EVER, &matching)[..], &[2 << 3, 1]].concat();
    let half = query(EVER, &matching);
    let twice = [query((0, 100_000), &matching), query((0, 100_000), &matching)].concat();
    for (message, status, why) in [
        (query(EVER, &matching), 400, "more than 200000 samples; ask for a shorter time"),
        (twice, 400, "`gaugelog forward`"),
        (streamed, 400, "SAMPLES"),
        (half[..half.len() - 1].to_vec(), 400, "no ReadRequest"),
        (query(EVER, &[(MATCHES, "__name__", "(")]), 400, "no regular expression"),
        (query(EVER, &[(9, "__name__", "a")]), 400, "9 is no kind of matcher"),
        (vec![0; 70_000], 413, "at most 65536 bytes"),
    ] {
        let answer = post(&server, &message, "");
        let said = answer.json()["error"].to_string();
        assert!(answer.status == status && said.contains(why), "{why}: {answer:?}");
    }
    let answer = post_body(&server, b"\xff\xff\xff\xff\xff\xffno snappy", "");
    assert!(answer.status == 400 && answer.body.contains("snappy"), "{answer:?}");
    let answer = post_body(&server, &[0; 65_537], "");
    assert!(answer.status == 413 && answer.body.contains("at most 65536 bytes"), "{answer:?}");
    assert_eq!(server.get("/-/healthy").status, 200, "vmctl asks this first");
    let get = server.get("/api/v1/read");
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")), "{get:?}");
}

#[test]
fn damage_is_counted_beside_the_rest() {
    let all = weather(10_000);
    let dir = house(&[("room", &all), ("whole", &all), ("hall", &all)]);
    let room = dir.path().join("room");
    let log = names_in(&room).into_iter().find(|name| name.ends_with(".log")).unwrap();
    let mut bytes = fs::read(room.join(&log)).unwrap();
    bytes[40_000] ^= 0x10;
    fs::write(room.join(&log), bytes).unwrap();
    fs::write(dir.path().join("hall/manifest"), b"gone").unwrap();
    let server = Server::of(dir.path(), &[]);
    let answer = post(&server, &query(EVER, &[(EQUAL, "__name__", "room")]), "");
    assert_eq!(answer.header("gaugelog-missing"), Some("1"));
    let found = results(&answer).remove(0).remove(0).samples;
    let stored: HashSet<_> =
        all.iter().map(|it| (it.timestamp_ns.div_euclid(MS), it.value.to_bits())).collect();
    assert!(found.len() > 1_000 && found.len() < samples(&all, EVER).len());
    assert!(found.is_sorted_by(|(left, _), (right, _)| left < right));
    assert!(found.iter().all(|(ms, value)| stored.contains(&(*ms, value.to_bits()))));
    let answer = post(&server, &query(EVER, &[(EQUAL, "__name__", "whole")]), "");
    assert_eq!(answer.header("gaugelog-missing"), None);
    // A store that cannot be read must not become a smaller answer.
    let answer = post(&server, &query(EVER, &[]), "");
    assert!(answer.status == 500 && answer.body.contains("repair"), "{answer:?}");
}

#[test]
fn other_machines_need_a_token() {
    let dir = house(&[("room", &weather(10))]);
    let token = dir.path().join("token");
    fs::write(&token, "0123456789abcdef\n").unwrap();
    let server = Server::of(dir.path(), &["--token-file", token.to_str().unwrap()]);
    let message = query(EVER, &[]);
    assert_eq!(post(&server, &message, "").status, 401);
    assert_eq!(post(&server, &message, "Authorization: Bearer 0123456789abcdee\r\n").status, 401);
    let found = results(&post(&server, &message, "Authorization: Bearer 0123456789abcdef\r\n"));
    assert_eq!(found[0].len(), 1);
}

#[test]
fn bodies_that_do_not_end_stop_nothing() {
    let dir = house(&[("room", &weather(10))]);
    let server = Server::of(dir.path(), &[]);
    let head = "POST /api/v1/read HTTP/1.1\r\nHost: localhost\r\n";
    let mut waiting = Vec::new();
    for _ in 0..300 {
        let mut slow = server.connect();
        let _ = slow.write_all(format!("{head}Content-Length: 1000\r\n\r\nhalf").as_bytes());
        waiting.push(slow);
    }
    assert_eq!(read(&server, EVER, &[]).len(), 1);
    let mut endless = server.connect();
    endless.write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).unwrap();
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    wait_until(|| endless.write_all(chunk.as_bytes()).is_err());
    assert_eq!(read(&server, EVER, &[]).len(), 1);
}
