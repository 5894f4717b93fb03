//! Commands that keep stores in order, on a folder of them: one that fails does not keep
//! the others from being done.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs;
use std::path::{Path, PathBuf};

use program::{Bench, Ran, TOOL, names_in, program};
use serde_json::Value;
use tempfile::TempDir;

/// A folder `house` with these stores in it, of so many observations each, and a file that
/// is none.
fn house(stores: &[(&str, u32)]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let house = dir.path().join("house");
    fs::create_dir(&house).unwrap();
    fs::write(house.join("notes.txt"), "no store").unwrap();
    for (name, count) in stores {
        let bench = Bench::holding(&(0..*count).map(f64::from).collect::<Vec<_>>());
        let copied = fs::create_dir(house.join(name));
        copied.unwrap();
        for file in names_in(&bench.store) {
            fs::copy(bench.store.join(&file), house.join(name).join(&file)).unwrap();
        }
    }
    (dir, house)
}

fn tool(arguments: &[&str], paths: &[&Path]) -> Ran {
    let mut command = program(TOOL);
    command.args(arguments).args(paths);
    Ran::of(command)
}

fn damage(store: &Path) {
    let log = names_in(store).into_iter().find(|name| name.ends_with(".log")).unwrap();
    let mut bytes = fs::read(store.join(&log)).unwrap();
    bytes[20_000] ^= 0x10;
    fs::write(store.join(log), bytes).unwrap();
}

fn lines(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_damaged_store_is_reported_and_repaired_beside_sound_ones() {
    let (_dir, house) = house(&[("attic", 3_000), ("hall", 3_000), ("room", 3_000)]);
    tool(&["verify"], &[&house]).succeeds();
    damage(&house.join("hall"));

    let ran = tool(&["verify"], &[&house]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert_eq!(ran.stdout.matches("every checksum matches").count(), 2, "{ran:?}");
    assert!(ran.stderr.contains("the store is damaged in "), "{ran:?}");
    assert!(ran.stderr.contains("house/hall` accepts the loss"), "{ran:?}");

    let ran = tool(&["verify", "--json"], &[&house]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let damaged: Vec<bool> =
        lines(&ran).iter().map(|it| !it["damage"].as_array().unwrap().is_empty()).collect();
    assert_eq!(damaged, [false, true, false]);

    let repaired = lines(&tool(&["repair", "--json"], &[&house]).succeeds());
    let lost: Vec<u64> = repaired.iter().map(|it| it["lost"].as_u64().unwrap()).collect();
    assert!(lost[0] == 0 && lost[1] > 0 && lost[2] == 0, "{lost:?}");
    let readable: u64 = lines(&tool(&["verify", "--json"], &[&house]).succeeds())
        .iter()
        .map(|it| it["readable"].as_u64().unwrap())
        .sum();
    assert_eq!(readable, 9_000 - lost[1]);
}

#[test]
fn a_folder_is_copied_store_by_store() {
    let (dir, house) = house(&[("hall", 10), ("room", 70_000)]);
    let copy = dir.path().join("copy");
    tool(&["copy"], &[&house, &copy]).succeeds();
    assert_eq!(names_in(&copy), ["hall", "room"]);
    let both = lines(&tool(&["verify", "--json"], &[&copy]).succeeds());
    let counts: Vec<u64> = both.iter().map(|it| it["observations"].as_u64().unwrap()).collect();
    assert_eq!(counts, [10, 70_000]);

    // Neither over a copy nor into what cannot be.
    let ran = tool(&["copy"], &[&house, &copy]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 2, "{ran:?}");
    tool(&["copy"], &[&house, &dir.path().join("none/copy")]).fails_naming(&["none/copy"]);
}

#[test]
fn all_stores_that_are_named_are_sealed_and_trimmed() {
    let (_dir, house) = house(&[("hall", 10), ("room", 140_000)]);
    let (hall, room) = (house.join("hall"), house.join("room"));
    let ran = tool(&["seal"], &[&hall, &room]).succeeds();
    assert_eq!(ran.stdout.matches(": sealed\n").count(), 2, "{ran:?}");

    let trimmed = lines(&tool(&["trim", "--json", "--keep-bytes", "1kB"], &[&house]).succeeds());
    let removed: Vec<u64> = trimmed.iter().map(|it| it["removed"].as_u64().unwrap()).collect();
    assert_eq!(removed, [0, 131_072]);
}

#[test]
fn a_folder_without_a_store_is_an_error_with_a_way_out() {
    let (_dir, house) = house(&[]);
    for command in ["verify", "repair", "seal"] {
        tool(&[command], &[&house]).fails_naming(&["house", "a folder with stores in it"]);
    }
}
