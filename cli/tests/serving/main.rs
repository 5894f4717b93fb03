//! `gaugelog serve` answers what the commands answer, to those who may ask, and nothing
//! that a client does stops it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(feature = "serve")]

mod clients;
#[path = "../program/mod.rs"]
mod program;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use gaugelog::{Observation, Options, Store, SyncPolicy};
use program::http::Server;
use program::tool::{ran, wait_until};
use program::{Ran, TOOL, house, names_in, program};
use rustix::process::Signal;
use serde_json::{Value, json};

const SECOND: i64 = 1_000_000_000;
/// 2026-06-01T12:00:00Z.
const NOON: i64 = 1_780_315_200 * SECOND;
const TOKEN: &str = "0123456789abcdef+/=";

/// One observation a second, some too late, with a gap.
fn weather(count: i64) -> Vec<Observation> {
    let time = |n: i64| NOON + (n + if n > count / 2 { 3_600 } else { 0 } - n % 7) * SECOND;
    (0..count).map(|n| Observation::new(time(n), (n * 37 % 101) as f64 / 10.0)).collect()
}

fn command(dir: &Path, arguments: &[&str]) -> Vec<Value> {
    let ran = ran(dir, arguments).succeeds();
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn statistics_are_those_of_the_command() {
    let dir = house(&[("room", &weather(5_000)), ("a b", &weather(10)), ("empty", &[])]);
    let server = Server::of(dir.path(), &[]);
    for (query, options) in [
        ("stats", vec![]),
        ("stats?quantile=.25,.9", vec!["--quantile", ".25,.9"]),
        (
            "stats?since=2026-06-01T12:10:00%2B00:00&tz=Europe/Berlin",
            vec!["--since", "2026-06-01T12:10:00+00:00", "--tz", "Europe/Berlin"],
        ),
        ("buckets?every=5m&quantile=.5", vec!["--every", "5m", "--quantile", ".5"]),
        (
            "buckets?every=day&tz=Asia/Tokyo&until=2026-06-02",
            vec!["--every", "day", "--tz", "Asia/Tokyo", "--until", "2026-06-02"],
        ),
    ] {
        for (name, store) in [("room", "room"), ("a%20b", "a b"), ("empty", "empty")] {
            let mut arguments = vec!["stats", store, "--json"];
            arguments.extend(&options);
            let expected = command(dir.path(), &arguments);
            let found = server.json(&format!("/api/v1/stores/{name}/{query}"));
            assert_eq!(found["rows"], json!(expected), "{name} {query}");
            assert_eq!(found["missing"], json!([]));
        }
    }
}

#[test]
fn columns_are_those_of_the_observations() {
    let all = weather(5_000);
    let dir = house(&[("room", &all)]);
    let server = Server::of(dir.path(), &[]);
    let (since, width, count) = (NOON + 100 * SECOND, 7 * SECOND + 3, 150_i64);
    let until = since + width * count;
    let found = server.json(&format!(
        "/api/v1/stores/room/columns?since_ns={since}&until_ns={until}&count={count}"
    ));
    assert_eq!((&found["since_ns"], &found["width_ns"]), (&json!(since), &json!(width)));
    let mut expected: Vec<Vec<Observation>> = vec![Vec::new(); 150];
    for it in all.iter().filter(|it| (since..until).contains(&it.timestamp_ns)) {
        expected[usize::try_from((it.timestamp_ns - since) / width).unwrap()].push(*it);
    }
    expected.retain(|column| !column.is_empty());
    let field = |name: &str| found[name].as_array().unwrap().clone();
    assert_eq!(field("count").len(), expected.len());
    for (at, column) in expected.iter_mut().enumerate() {
        // Stable: equal times stay in the order of arrival.
        column.sort_by_key(|it| it.timestamp_ns);
        let values = || column.iter().map(|it| it.value);
        let (first, last) = (column[0], column[column.len() - 1]);
        assert_eq!(field("count")[at], json!(column.len()));
        assert_eq!(field("first_ns")[at], json!(first.timestamp_ns));
        assert_eq!(field("first")[at], json!(first.value));
        assert_eq!(field("last_ns")[at], json!(last.timestamp_ns));
        assert_eq!(field("last")[at], json!(last.value));
        assert_eq!(field("min")[at], json!(values().fold(f64::INFINITY, f64::min)));
        assert_eq!(field("max")[at], json!(values().fold(f64::NEG_INFINITY, f64::max)));
        let mean = values().sum::<f64>() / column.len() as f64;
        assert!((field("mean")[at].as_f64().unwrap() - mean).abs() < 1e-12);
    }
    // Without bounds, from the first to the last.
    let found = server.json("/api/v1/stores/room/columns?count=1");
    assert_eq!((&found["count"], &found["since_ns"]), (&json!([5_000]), &json!(NOON)));
    let found = server.json("/api/v1/stores/room/columns?until_ns=0");
    assert_eq!(found["count"], json!([]));
}

#[test]
fn values_come_by_time_and_by_arrival() {
    let rows = [(30, 1.5), (10, 2.5), (20, -0.0)];
    let observations = rows.map(|(at, value)| Observation::new(NOON + at * SECOND, value));
    let dir = house(&[("room", &observations)]);
    let server = Server::of(dir.path(), &[]);
    let values = |query: &str| {
        let mut found = server.json(&format!("/api/v1/stores/room/values{query}"));
        let rows = found["values"].as_array().unwrap();
        let values: Vec<f64> = rows.iter().map(|row| row["value"].as_f64().unwrap()).collect();
        found.as_object_mut().unwrap().remove("values");
        (values, found)
    };
    let none = json!([]);
    assert_eq!(values(""), (vec![2.5, 0.0, 1.5], json!({"truncated": false, "missing": none})));
    let (found, rest) = values("?limit=2");
    assert_eq!((found, &rest["truncated"]), (vec![2.5, 0.0], &json!(true)));
    assert_eq!(values("?since=2026-06-01T12:00:20Z").0, [0.0, 1.5]);
    assert_eq!(
        values("?from=1"),
        (vec![2.5, 0.0], json!({"first": 0, "next": 3, "missing": none}))
    );
    assert_eq!(
        values("?from=0&limit=1"),
        (vec![1.5], json!({"first": 0, "next": 1, "missing": none}))
    );
    assert_eq!(values("?last=1"), (vec![0.0], json!({"first": 0, "next": 3, "missing": none})));
    assert_eq!(values("?from=3"), (vec![], json!({"first": 0, "next": 3, "missing": none})));
    // The first of the last three, and where to go on.
    assert_eq!(
        values("?last=3&limit=1"),
        (vec![1.5], json!({"first": 0, "next": 1, "missing": none}))
    );
    for (query, why) in [
        ("from=9", "9 is after the end of the store, 3"),
        ("from=-1", "use a whole number from 0 on"),
        ("from=1&last=1", "not several"),
    ] {
        let (status, text) = server.refusal(&format!("/api/v1/stores/room/values?{query}"));
        assert!(status == 400 && text.contains(why), "{query}: {text}");
    }
    let (status, text) = server.refusal("/api/v1/stores/room/values?from=1&since=now");
    assert_eq!(status, 400, "{text}");
}

/// What is not durable may be taken back, and its numbers may be used again.
#[test]
fn a_client_that_follows_gets_what_is_durable() {
    let all = weather(5);
    let dir = house(&[("room", &all[..3])]);
    let unsynced = Options::new().sync(SyncPolicy::Never);
    let store = unsynced.open(dir.path().join("room")).unwrap();
    store.append_batch(&all[3..]).unwrap();
    let server = Server::of(dir.path(), &[]);
    let values = |query: &str| {
        let found = server.json(&format!("/api/v1/stores/room/values?{query}"));
        (found["values"].as_array().unwrap().len(), found["next"].as_u64().unwrap())
    };
    assert_eq!(values("from=2"), (1, 3));
    assert_eq!(values("from=4"), (0, 4));
    assert_eq!(values("last=3"), (3, 3), "the latest, and those not durable are given again");
    store.sync().unwrap();
    assert_eq!(values("from=3"), (2, 5));
}

#[test]
fn a_client_that_follows_sees_what_retention_has_removed() {
    let dir = house(&[("room", &weather(70_000))]);
    let store = Store::open(dir.path().join("room")).unwrap();
    assert_eq!(store.keep_bytes(1).unwrap(), 65_536);
    let server = Server::of(dir.path(), &[]);
    for (query, next) in [("from=0", 65_537), ("from=65536", 65_537), ("from=65540", 65_541)] {
        let found = server.json(&format!("/api/v1/stores/room/values?{query}&limit=1"));
        assert_eq!((&found["first"], &found["next"]), (&json!(65_536), &json!(next)), "{query}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_in_words() {
    let dir = house(&[("room", &weather(10))]);
    fs::create_dir(dir.path().join("other")).unwrap();
    let server = Server::of(dir.path(), &[]);
    for (path, status, why) in [
        ("/nothing", 404, "docs/serving.md"),
        ("/api/v1/stores/hall/stats", 404, "hall is no store here"),
        ("/api/v1/stores/other/stats", 404, "other is no store here"),
        ("/api/v1/stores/..%2Froom/stats", 404, "../room is no store here"),
        ("/api/v1/stores/room/stats?sinc=now", 400, "sinc is no parameter here; there are since"),
        ("/api/v1/stores?x=1", 400, "takes none"),
        ("/api/v1/stores/room/stats?since=noon", 400, "-1h, now, today"),
        ("/api/v1/stores/room/stats?since=now&until=-1h", 400, "until is before since"),
        ("/api/v1/stores/room/stats?quantile=2", 400, "from 0 to 1"),
        ("/api/v1/stores/room/buckets", 400, "every is missing"),
        ("/api/v1/stores/room/buckets?every=1ms", 400, "more than 5000 buckets"),
        ("/api/v1/stores/room/columns?count=4001", 400, "from 1 to 4000"),
        ("/api/v1/stores/room/columns?count=0", 400, "from 1 to 4000"),
        ("/api/v1/stores/room/values?limit=10001", 400, "from 1 to 10000"),
    ] {
        let (found, text) = server.refusal(path);
        assert_eq!(found, status, "{path}: {text}");
        assert!(text.contains(why), "{path}: {text}");
    }
    let post =
        server.send(b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD")));
    let head =
        server.send(b"HEAD /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[test]
fn metrics_are_of_each_store_and_its_collector() {
    let dir = tempfile::tempdir().unwrap();
    let collect = ["collect", "room=normal:seed=1", "--every", "1ms", "--for", "50ms", "--log"];
    let mut command = program(TOOL);
    command.args(collect).arg(dir.path().join("house")).current_dir(dir.path());
    Ran::of(command).succeeds();
    let house = dir.path().join("house");
    let late = Store::create(house.join("a\"b")).unwrap();
    late.append_batch(&[Observation::new(NOON, 1.5), Observation::new(NOON - SECOND, 2.5)])
        .unwrap();
    let room = Store::open(house.join("room")).unwrap().snapshot().unwrap();
    let server = Server::of(&house, &[]);
    let answer = server.get("/metrics");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let value = |name: &str, store: &str| {
        let start = format!("gaugelog_{name}{{store=\"{store}\"}} ");
        let lines: Vec<&str> =
            answer.body.lines().filter_map(|line| line.strip_prefix(&start)).collect();
        let &[value] = &lines[..] else { return None };
        value.parse::<f64>().ok()
    };
    let count = Some(room.len() as f64);
    assert_eq!(value("observations", "room"), count);
    assert_eq!(value("collector_stored_total", "room"), count);
    assert_eq!(value("collector_running", "room"), Some(0.0));
    assert_eq!(value("damaged_places", "room"), Some(0.0));
    let latest = room.latest(1).next().unwrap().unwrap().1;
    assert_eq!(value("last_value", "room"), Some(latest.value));
    // The last to arrive, not the latest.
    assert_eq!(value("last_value", "a\\\"b"), Some(2.5));
    assert_eq!(value("last_time_seconds", "a\\\"b"), Some(1_780_315_199.0));
    assert_eq!(value("collector_stored_total", "a\\\"b"), None);
    assert!(value("disk_bytes", "room").is_some_and(|bytes| bytes >= 8_192.0));
    assert_eq!(value("readable", "room"), Some(1.0));
    for line in answer.body.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.starts_with("gaugelog_") && line.rsplit_once(' ').is_some(), "{line}");
    }
}

#[test]
fn damage_is_reported_beside_the_rest() {
    let dir = house(&[("room", &weather(10_000)), ("hall", &weather(10))]);
    let room = dir.path().join("room");
    let log = names_in(&room).into_iter().find(|name| name.ends_with(".log")).unwrap();
    let mut bytes = fs::read(room.join(&log)).unwrap();
    bytes[40_000] ^= 0x10;
    fs::write(room.join(&log), bytes).unwrap();
    fs::write(dir.path().join("hall/manifest"), b"gone").unwrap();
    let server = Server::of(dir.path(), &[]);
    let found = server.json("/api/v1/stores/room/stats");
    assert_ne!(found["missing"], json!([]), "{found}");
    assert!(found["missing"][0].as_str().unwrap().contains(&log), "{found}");
    let metrics = server.get("/metrics").body;
    assert!(metrics.contains("gaugelog_damaged_places{store=\"room\"} 1"), "{metrics}");
    assert!(metrics.contains("gaugelog_readable{store=\"hall\"} 0"), "{metrics}");
    let stores = server.json("/api/v1/stores");
    assert!(stores["stores"][0]["unreadable"].as_str().unwrap().contains("repair"), "{stores}");
}

#[test]
fn the_page_has_all_that_it_names_and_asks_nobody_else() {
    let dir = house(&[]);
    let server = Server::of(dir.path(), &[]);
    let page = server.get("/");
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let mut files = 0;
    for part in page.body.split(['"', '<']) {
        if part.ends_with(".js") || part.ends_with(".css") {
            let file = server.get(&format!("/{part}"));
            assert_eq!(file.status, 200, "{part}");
            // The charts' library names its home in a comment.
            let text = file.body.replace("https://github.com/leeoniya/uPlot", "");
            assert!(!text.contains("http:") && !text.contains("https:"), "{part}");
            files += 1;
        }
    }
    assert_eq!(files, 10);
    // A store that is made later is found.
    assert_eq!(server.json("/api/v1/stores")["stores"], json!([]));
    Store::create(dir.path().join("later")).unwrap();
    assert_eq!(server.json("/api/v1/stores")["stores"][0]["store"], json!("later"));
}

#[test]
fn the_charts_library_is_as_published() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/page/uplot");
    let mut sums = Command::new("sha256sum");
    let checked = sums.args(["--quiet", "-c", "SHA256SUMS"]).current_dir(dir).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
}

/// Each command of the document, and what is printed below it.
#[test]
fn the_document_says_what_is_answered() {
    let rows = [(0, 20.5), (60, 21.0), (120, 21.5), (300, 20.0), (240, 20.25)];
    let rows = rows.map(|(at, value)| Observation::new(NOON + at * SECOND, value));
    let dir = house(&[("room", &rows)]);
    let house = dir.path().join("house");
    fs::create_dir(&house).unwrap();
    fs::rename(dir.path().join("room"), house.join("room")).unwrap();
    let server = Server::of(&house, &[]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/serving.md");
    let document = fs::read_to_string(path).unwrap();
    let blocks =
        document.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut asked = Vec::new();
    for block in blocks {
        let (command, printed) = block.split_once('\n').unwrap();
        let Some(address) = command.strip_prefix("$ curl -s ") else { continue };
        let path = address.trim_matches('\'').strip_prefix("http://127.0.0.1:8080").unwrap();
        let answer = server.get(path);
        asked.push(path.split('?').next().unwrap().to_owned());
        if path == "/metrics" {
            // What the files take depends on the file system.
            let shown = |text: &str| {
                let lines = text.lines().filter(|line| !line.starts_with("gaugelog_disk_bytes"));
                lines.collect::<Vec<_>>().join("\n")
            };
            assert_eq!(shown(&answer.body), shown(printed));
            continue;
        }
        let expected: Value = serde_json::from_str(printed).unwrap();
        let mut found = answer.json();
        if let Some(bytes) = expected.get("bytes") {
            assert!(found["bytes"].is_u64());
            found["bytes"] = bytes.clone();
        }
        assert_eq!(found, expected, "{command}");
    }
    let room = "/api/v1/stores/room";
    let mut every = vec!["/metrics".to_owned(), "/api/v1/stores".to_owned(), room.to_owned()];
    every.extend(["stats", "buckets", "columns", "values"].map(|it| format!("{room}/{it}")));
    for address in every {
        assert!(asked.contains(&address), "{address} has an example");
    }
}
