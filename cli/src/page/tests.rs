//! What a saved page has in it.

use std::ops::Bound::Unbounded;

use gaugelog::{Observation, Snapshot, Store};
use gaugelog_sources::Zone;
use serde_json::Value;
use tempfile::TempDir;

use super::Saved;

const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_780_315_200 * SECOND;

fn snapshot(dir: &TempDir, name: &str, observations: &[Observation]) -> (String, Snapshot) {
    let store = Store::create(dir.path().join(name)).unwrap();
    store.append_batch(observations).unwrap();
    (name.to_owned(), store.snapshot().unwrap())
}

fn html(title: &str, stores: &[(String, Snapshot)]) -> String {
    let names: Vec<&str> = stores.iter().map(|(name, _)| name.as_str()).collect();
    let snapshot = |at: usize| Ok(stores[at].1.clone());
    let times = (Unbounded, Unbounded);
    let (unit, zone, has_unreadable) = ("°C", &Zone::default(), false);
    let saved =
        Saved { title, unit, zone, stores: &names, snapshot: &snapshot, has_unreadable, times };
    saved.to_html().unwrap()
}

fn data(html: &str) -> Value {
    let start = html.split("id=\"saved\">").nth(1).unwrap();
    serde_json::from_str(start.split("</script>").next().unwrap()).unwrap()
}

/// Noise, as many digits as there are.
fn noise(count: i64) -> Vec<Observation> {
    let mut random = 1_u64;
    let value = |n: i64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Observation::new(START + n * SECOND, (random >> 11) as f64 * 1e-300)
    };
    (0..count).map(value).collect()
}

#[test]
fn few_observations_are_saved_with_all_digits() {
    let dir = tempfile::tempdir().unwrap();
    let all = [(0, 0.1), (60, -1e-9), (60, 2.0), (240, 1e12 + 0.25)];
    let all = all.map(|(at, value)| Observation::new(START + at * SECOND, value));
    let saved =
        data(&html("a house", &[snapshot(&dir, "room", &all), snapshot(&dir, "empty", &[])]));
    assert_eq!((&saved["title"], &saved["unit"]), (&"a house".into(), &"°C".into()));
    let room = &saved["stores"][0];
    assert_eq!((&room["tick"], &room["start"]), (&60.0.into(), &1_780_315_200.0.into()));
    assert_eq!(room["after"], serde_json::json!([0, 1, 0, 3]));
    assert_eq!(room["mean"], serde_json::json!([0.1, -1e-9, 2.0, 1e12 + 0.25]));
    assert_eq!(saved["stores"][1]["after"], serde_json::json!([]));
}

#[test]
fn the_latest_is_the_last_to_arrive() {
    let dir = tempfile::tempdir().unwrap();
    let all = [(60, 1.0), (0, 2.0)].map(|(at, it)| Observation::new(START + at * SECOND, it));
    let saved = data(&html("late", &[snapshot(&dir, "room", &all)]));
    let latest = serde_json::json!({ "time": 1_780_315_200.0, "value": 2.0 });
    assert_eq!(saved["stores"][0]["latest"], latest);
}

#[test]
fn many_observations_are_saved_as_columns_in_less_than_two_megabytes() {
    let dir = tempfile::tempdir().unwrap();
    let all = noise(300_000);
    let stores = [snapshot(&dir, "room", &all), snapshot(&dir, "hall", &all)];
    let html = html("noise", &stores);
    assert!(html.len() < 2_000_000, "{} bytes", html.len());
    for store in data(&html)["stores"].as_array().unwrap() {
        let list = |name: &str| store[name].as_array().unwrap().clone();
        let count: u64 = list("count").iter().map(|it| it.as_u64().unwrap()).sum();
        assert_eq!(count, 300_000);
        assert!(list("count").len() > 5_000, "{} columns", list("count").len());
        let lowest = list("min").iter().map(|it| it.as_f64().unwrap()).fold(f64::MAX, f64::min);
        let least = all.iter().map(|it| it.value).fold(f64::MAX, f64::min);
        let span = 9e-285;
        assert!((lowest - least).abs() < span * 1e-5, "{lowest} is {least}");
    }
}

#[test]
fn columns_of_bursts_are_narrower() {
    let dir = tempfile::tempdir().unwrap();
    let mut all = noise(30_000);
    all.extend(
        noise(30_000)
            .iter()
            .map(|it| Observation::new(it.timestamp_ns + 90 * 86_400 * SECOND, it.value)),
    );
    let saved = data(&html("bursts", &[snapshot(&dir, "room", &all)]));
    let columns = saved["stores"][0]["count"].as_array().unwrap().len();
    assert!(columns > 6_000, "{columns}");
}

#[test]
fn a_saved_page_asks_for_nothing_and_names_end_no_script() {
    let dir = tempfile::tempdir().unwrap();
    let title = "</script><script>alert(1)</script>";
    let html = html(title, &[snapshot(&dir, "room", &noise(10))]);
    assert_eq!(data(&html)["title"], title);
    assert!(!html.contains("<script>alert"));
    assert!(!html.contains(" src=") && !html.contains("rel=\"stylesheet\""));
    assert!(html.contains("default-src 'none'") && !html.contains("connect-src"));
}
