//! A comparison is only meaningful if all engines store and read the same.

use std::path::Path;
use std::process::Command;

const ENGINES: [&str; 7] = ["gaugelog", "floor", "sqlite", "lmdb", "redb", "fjall", "tsink"];
const COUNT: u32 = 70_001;

/// Does one task in a separate process, as the comparison does, and returns the number
/// that it prints under this name.
fn answer(engine: &str, task: &str, place: &Path, name: &str) -> f64 {
    let output = Command::new(env!("CARGO_BIN_EXE_gaugelog-peers"))
        .args(["worker", "--engine", engine, "--task", task, "--kind", "normal"])
        .args(["--count", &COUNT.to_string(), "--batch", "1000", "--windows", "10"])
        .arg("--place")
        .arg(place)
        .output()
        .expect("the program starts");
    let printed = String::from_utf8(output.stdout).expect("text");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{engine} {task}: {errors}");
    let mut lines = printed.lines().filter_map(|line| line.split_once(' '));
    let (_, value) = lines.find(|(of, _)| *of == name).expect("a line with that name");
    value.parse().expect("a number")
}

#[test]
fn engines_give_the_same_answers() {
    let place = tempfile::tempdir().expect("a directory");
    let mut first = None;
    for engine in ENGINES {
        let store = place.path().join(engine);
        assert!(answer(engine, "prepare", &store, "bytes") > 1.0, "{engine}");
        let rows = answer(engine, "scan-time", &store, "answer");
        let by_sequence = answer(engine, "scan-sequence", &store, "answer");
        let median = answer(engine, "median", &store, "answer");
        let mean = answer(engine, "summary", &store, "answer");
        // It counts the rows of each window itself.
        assert!(answer(engine, "windows", &store, "p50_us") > 0.0);
        let (all, of_mean) = *first.get_or_insert(([rows, by_sequence, median], mean));
        assert_eq!([rows, by_sequence, median], all, "{engine}");
        assert!((mean - of_mean).abs() < 1e-9, "{engine}: {mean} and {of_mean}");
    }
}

#[test]
fn each_way_of_appending_works() {
    let place = tempfile::tempdir().expect("a directory");
    for engine in ENGINES {
        for task in ["append", "append-sealed", "durable-held", "durable-shared"] {
            let store = place.path().join(format!("{engine}-{task}"));
            // Durable appends sync each: few of them.
            let count = if task.starts_with("durable") { "16" } else { "2000" };
            let status = Command::new(env!("CARGO_BIN_EXE_gaugelog-peers"))
                .args(["worker", "--engine", engine, "--task", task, "--kind", "normal"])
                .args(["--count", count, "--batch", "1000", "--place"])
                .arg(store)
                .status()
                .expect("the program starts");
            assert!(status.success(), "{engine} {task}");
        }
    }
}
