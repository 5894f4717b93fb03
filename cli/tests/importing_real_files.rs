//! `gaugelog import` of CSV files as people have them, each with one command: the
//! statistics are those of pandas (`data/csv/README.md`).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs;
use std::path::{Path, PathBuf};

use gaugelog::Store;
use program::{Ran, TOOL, program};
use serde_json::Value;

/// The files, and what to say about each.
const FILES: [(&str, &[&str]); 10] = [
    ("seattle-temps", &[]),
    ("seattle-weather", &["--value", "temp_max"]),
    ("stocks", &["--time-format", "%b %d %Y"]),
    ("co2", &["--time-format", "%Y%m%d"]),
    ("sunspots", &["--time-format", "%Y"]),
    ("elec_equip", &["--time-format", "%b-%d-%Y"]),
    ("mstl_elec_vic", &[]),
    ("LakeHuron", &["--time-format", "%Y", "--value", "LakeHuron"]),
    ("airquality", &["--value", "Ozone", "--start", "1973-05-01", "--every", "1d"]),
    (
        "703165TY",
        &[
            "--time",
            "Date (MM/DD/YYYY),Time (HH:MM)",
            "--time-format",
            "%m/%d/%Y %H:%M",
            "--value",
            "CeilHgt (m)",
            "--missing",
            "-9900",
        ],
    ),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/csv")
}

fn tool(command: &str, store: &Path, arguments: &[&str]) -> Ran {
    let mut tool = program(TOOL);
    tool.arg(command).arg(store).args(arguments);
    Ran::of(tool)
}

#[test]
fn the_statistics_of_real_files_are_those_of_pandas() {
    let text = fs::read_to_string(folder().join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    for (name, options) in FILES {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("store");
        let file = folder().join(name).with_extension("csv");
        let arguments = [&[file.to_str().unwrap()], options].concat();
        let ran = tool("import", &store, &arguments).succeeds();

        let expected = &expected[name];
        let count = expected["count"].as_u64().unwrap();
        let snapshot = Store::open_read_only(&store).unwrap().snapshot().unwrap();
        let summary = snapshot.summary().unwrap();
        assert_eq!(summary.count(), count, "{name}: {ran:?}");
        let times = (summary.first().unwrap().timestamp_ns, summary.last().unwrap().timestamp_ns);
        let of = |field: &str| expected[field].as_i64().unwrap();
        assert_eq!(times, (of("first_ns"), of("last_ns")), "{name}");

        let printed = tool("stats", &store, &["--json", "--quantile", ".5,.95"]).succeeds().json();
        let is_close = |found: f64, field: &str| {
            let wanted = expected[field].as_f64().unwrap();
            let error = (found - wanted).abs() / wanted.abs().max(f64::MIN_POSITIVE);
            assert!(error <= 1e-12, "{name}: {field} is {found}, and not {wanted}");
        };
        for field in ["min", "max", "mean"] {
            is_close(printed[field].as_f64().unwrap(), field);
        }
        is_close(printed["quantiles"]["0.5"].as_f64().unwrap(), "median");
        is_close(printed["quantiles"]["0.95"].as_f64().unwrap(), "p95");
        is_close(summary.sample_variance().unwrap(), "variance");
    }
}

/// What stands above the heading is skipped, and no row that is data.
#[test]
fn rows_about_the_file_are_found_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let file = folder().join("703165TY.csv");
    let arguments = [file.to_str().unwrap(), "--dry-run", "--time", "1,2", "--value", "53"];
    let form = ["--time-format", "%m/%d/%Y %H:%M"];
    let ran = tool("import", &dir.path().join("store"), &[&arguments[..], &form].concat());
    let ran = ran.succeeds();
    assert!(ran.stdout.contains("heading    row 2\n"), "{ran:?}");
    assert!(ran.stdout.contains("column 53, \"CeilHgt (m)\""), "{ran:?}");

    // The first row lacks its last cell, and is data all the same.
    let short = dir.path().join("short.csv");
    let rows = "2026-06-01,1\n2026-06-02,2,a note\n2026-06-03,3,\n";
    let store = dir.path().join("short");
    let options = [short.to_str().unwrap(), "--time", "1", "--value", "2"];
    fs::write(&short, rows).unwrap();
    let ran = tool("import", &store, &options);
    ran.fails_naming(&["line 2", "3 cells, and the first row has 2", "the 1 row before it"]);
    fs::write(&short, rows.replace(",1\n", ",1,\n")).unwrap();
    let ran = tool("import", &dir.path().join("whole"), &options).succeeds();
    assert!(ran.stdout.contains("3 observations imported"), "{ran:?}");
}
