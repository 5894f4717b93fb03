//! The example of a custom source works as described.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "an example has a main")]
#[path = "../examples/custom_source.rs"]
mod example;

use gaugelog::Store;
use gaugelog_sources::Settings;

#[test]
fn a_source_of_ones_own_is_collected_into_a_store() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("proc")).unwrap();
    std::fs::write(directory.path().join("proc/uptime"), "7200.00 9000.12\n").unwrap();
    let settings = Settings::new().root(directory.path());
    let path = directory.path().join("store");
    let stored = example::collect("uptime:hours", &path, &settings).unwrap();
    let snapshot = Store::open_read_only(&path).unwrap().snapshot().unwrap();
    let values: Vec<f64> = snapshot.window(..).iter().map(|it| it.unwrap().value).collect();
    // A busy machine may miss some of the five polls, but not the first.
    assert!((1..=5).contains(&stored), "{stored}");
    assert_eq!(values, vec![2.0; usize::try_from(stored).unwrap()]);

    let error = example::collect("uptime:days", &path, &settings).unwrap_err();
    assert_eq!(
        error.to_string(),
        "source \"uptime:days\": uptime comes in seconds or hours, not in \"days\""
    );
}
