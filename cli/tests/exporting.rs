//! The file of an export is what its name says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use gaugelog::Observation;
use program::{Ran, TOOL, house, names_in, program};
use rustix::fs::{CWD, Mode, mkfifoat};
use tempfile::TempDir;

fn room() -> TempDir {
    house(&[("room", &[Observation::new(0, 2.5)])])
}

fn export(dir: &TempDir, options: &[&str]) -> Ran {
    let mut command = program(TOOL);
    command.current_dir(dir).args(["export", "room"]).args(options);
    Ran::of(command)
}

#[test]
fn the_ending_of_a_file_is_its_format() {
    let dir = room();
    let line = "{\"time\": \"1970-01-01T00:00:00Z\", \"value\": 2.5}\n";
    let csv = "time,value\n1970-01-01T00:00:00Z,2.5\n";
    for (options, name, expected) in [
        (&["-o", "a.jsonl"][..], "a.jsonl", line),
        (&["-o", "a.JSON"], "a.JSON", &format!("[\n{}\n]\n", line.trim_end())),
        (&["-o", "a.csv"], "a.csv", csv),
        (&["-o", "a.txt"], "a.txt", csv),
        (&["-o", "b.json", "--format", "jsonl"], "b.json", line),
        (&["-o", "a.ndjson"], "a.ndjson", line),
        (&["-o", "a.lp"], "a.lp", "room value=2.5 0\n"),
        (&["-o", "a"], "a", csv),
        (&["-o", "a.tsv", "--format", "csv"], "a.tsv", csv),
    ] {
        export(&dir, options).succeeds();
        assert_eq!(fs::read_to_string(dir.path().join(name)).unwrap(), expected, "{name}");
    }
    #[cfg(feature = "parquet")]
    {
        export(&dir, &["-o", "a.parquet"]).succeeds();
        assert!(fs::read(dir.path().join("a.parquet")).unwrap().starts_with(b"PAR1"));
    }
}

#[test]
fn a_file_that_replaces_another_has_its_permissions() {
    let dir = room();
    let mode =
        |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
    export(&dir, &["-o", "new.csv"]).succeeds();
    assert_eq!(mode("new.csv") & 0o400, 0o400);
    for private in [0o600, 0o640] {
        let path = dir.path().join("private.csv");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(private)).unwrap();
        export(&dir, &["-o", "private.csv"]).succeeds();
        assert_eq!(mode("private.csv"), private);
    }
}

#[test]
fn an_ending_that_would_mislead_is_refused() {
    let dir = room();
    for (name, way_out) in [
        ("a.csv.gz", "gzip >"),
        ("a.csv.zst", "zstd >"),
        ("a.xz", "xz >"),
        ("a.zip", ".csv"),
        ("a.XLSX", ".csv"),
    ] {
        let ran = export(&dir, &["-o", name]);
        assert!(ran.status == Some(2) && ran.stderr.contains(way_out), "{ran:?}");
    }
    assert_eq!(export(&dir, &["-o", "a.parquet", "--format", "csv"]).status, Some(2));
    for format in ["json", "jsonl", "influx"] {
        let ran = export(&dir, &["-o", "a.csv", "--format", format]);
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.stderr.contains("a .csv file has the format csv"), "{ran:?}");
    }
    for name in ["a.tsv", "a.pq", "a.db"] {
        let ran = export(&dir, &["-o", name]);
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.stderr.contains(".csv, .txt, .jsonl, .ndjson, .json"), "{ran:?}");
    }
    assert_eq!(names_in(dir.path()), ["room"]);
    // A pipe is no file that anyone opens by its name.
    let pipe = dir.path().join("pipe.gz");
    mkfifoat(CWD, &pipe, Mode::from_raw_mode(0o600)).unwrap();
    let reader = std::thread::spawn(move || fs::read_to_string(pipe).unwrap());
    export(&dir, &["-o", "pipe.gz"]).succeeds();
    assert!(reader.join().unwrap().starts_with("time,value\n"));
}
