//! `gaugelog serve` of a folder: stores that cannot be read cost no other, however many there
//! are, and a saved page has those that are asked for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(feature = "serve")]

mod program;

use std::fs;

use gaugelog::Observation;
use program::http::Server;
use program::{house, names_in};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};
use tempfile::TempDir;

fn three() -> [Observation; 3] {
    [0, 1, 2].map(|n| Observation::new(n * 1_000_000_000, 0.5))
}

/// What a page has in it that is saved with these parameters.
fn saved(server: &Server, query: &str) -> Value {
    let html = server.get(&format!("/saved.html{query}")).body;
    let data = html.split("id=\"saved\">").nth(1).unwrap().split("</script>").next().unwrap();
    serde_json::from_str(data).unwrap()
}

fn saved_stores(server: &Server, query: &str) -> Vec<Value> {
    saved(server, query)["stores"].as_array().unwrap().clone()
}

#[test]
fn a_saved_page_has_the_stores_that_are_named_or_all() {
    let dir = house(&[("hall", &three()), ("room", &three())]);
    fs::write(dir.path().join("hall/manifest"), b"gone").unwrap();
    let server = Server::of(dir.path(), &[]);
    assert_eq!(saved_stores(&server, "?store=room&store=room")[0]["name"], "room");
    let (status, why) = server.refusal("/saved.html?store=room&store=..%2Froom");
    assert!(status == 404 && why.contains("../room is no store here"), "{why}");
    let saved = saved_stores(&server, "");
    assert_eq!((&saved[0]["name"], &saved[1]["name"]), (&json!("hall"), &json!("room")));
    assert!(saved[0]["missing"][0].as_str().unwrap().contains("repair"), "{saved:?}");
    assert_eq!((&saved[1]["missing"], &saved[1]["observations"]), (&json!([]), &json!(3)));
}

#[test]
fn a_listed_store_without_its_manifest_cannot_be_read() {
    let dir = house(&[("hall", &three())]);
    fs::remove_file(dir.path().join("hall/manifest")).unwrap();
    let server = Server::of(dir.path(), &[]);
    let (status, why) = server.refusal("/api/v1/stores/hall/stats");
    assert!(status == 500 && why.contains("gaugelog repair"), "{why}");
    assert_eq!(server.refusal("/api/v1/stores/room/stats").0, 404);
}

#[test]
fn a_folder_that_is_gone_is_not_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    let house = dir.path().join("house");
    fs::create_dir(&house).unwrap();
    let server = Server::of(&house, &[]);
    assert_eq!(server.json("/api/v1/stores")["stores"], json!([]));
    fs::remove_dir(&house).unwrap();
    for path in ["/api/v1/stores", "/metrics", "/saved.html", "/api/v1/stores/room"] {
        let (status, why) = server.refusal(path);
        assert!(status == 500 && why.contains(house.to_str().unwrap()), "{path}: {why}");
    }
}

#[test]
fn a_saved_page_has_the_zone_that_is_asked_for() {
    let dir = house(&[("room", &three())]);
    let server = Server::of(dir.path(), &[]);
    for (query, zone) in [
        ("", "UTC"),
        ("?tz=Europe/Berlin", "Europe/Berlin"),
        ("?tz=%2B02:00", "+02:00"),
        ("?tz=-05:30", "-05:30"),
    ] {
        assert_eq!(saved(&server, query)["zone"], zone, "{query}");
    }
}

/// A store of three observations, as often as wanted.
fn houses(count: usize) -> TempDir {
    let dir = house(&[("store-0000", &three())]);
    let first = dir.path().join("store-0000");
    for number in 1..count {
        let copy = dir.path().join(format!("store-{number:04}"));
        fs::create_dir(&copy).unwrap();
        for file in names_in(&first) {
            fs::copy(first.join(&file), copy.join(&file)).unwrap();
        }
    }
    dir
}

#[test]
fn more_stores_than_files_may_be_open_are_all_shown() {
    let dir = houses(150);
    let server = Server::of(dir.path(), &[]);
    let process = Pid::from_child(&server.running.0);
    let few = Rlimit { current: Some(64), maximum: Some(64) };
    prlimit(Some(process), Resource::Nofile, few).unwrap();
    let saved = saved_stores(&server, "");
    let readable = |it: &Value| it["observations"] == 3 && it["missing"] == json!([]);
    assert_eq!((saved.len(), saved.iter().filter(|it| readable(it)).count()), (150, 150));
    let stores = server.json("/api/v1/stores")["stores"].as_array().unwrap().clone();
    assert_eq!(stores.iter().filter(|it| it["unreadable"].is_null()).count(), 150);
    let metrics = server.get("/metrics").body;
    assert_eq!(metrics.matches("} 3.0\n").count(), 300, "observations, and appended");
}

#[test]
fn thousands_of_stores_take_little_memory() {
    let dir = houses(2_000);
    let server = Server::of(dir.path(), &[]);
    // Each thread that answers has a part of the memory for itself.
    for path in ["/api/v1/stores", "/metrics", "/saved.html"].repeat(2) {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    let status = format!("/proc/{}/status", server.running.0.id());
    let status = fs::read_to_string(status).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let most: u64 = most.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(most < 48 * 1024, "{most} kB");
}
