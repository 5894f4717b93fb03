//! The five commands, one process each, as callers of the original service use them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::ffi::OsStr;
use std::fs;
use std::io::{Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use gaugelog::{Observation, Options, Store, SyncPolicy};
use program::{Bench, Ran, SERVICE, install, names_in, program};
use serde_json::json;

#[test]
fn an_empty_store_has_metrics_a_dump_and_pictures() {
    let bench = Bench::new();
    let stats = bench.serve(&["--stats"]).succeeds();
    let line = r#"{"min": null, "max": null, "median": null, "mean": null, "variance": null, "std dev": null, "size": 0}"#;
    assert_eq!(stats.stdout, format!("{line}\n"));
    assert_eq!(bench.serve(&["--dump"]).succeeds().stdout, "[]\n");
    for picture in ["time", "dist"] {
        assert_is_new_picture(&bench, picture);
    }
}

/// The path of a PNG is printed as a JSON string, and it is where it was asked for.
fn assert_is_new_picture(bench: &Bench, picture: &str) {
    let out = bench.dir.path().join("out");
    fs::create_dir_all(&out).unwrap();
    let before = names_in(&out);
    let ran = bench.serve(&["--plot", picture, "--out", "out"]).succeeds();
    let path = ran.json();
    let path = Path::new(path.as_str().unwrap());
    assert!(path.is_absolute() && path.parent() == Some(&out), "{path:?}");
    assert!(fs::read(path).unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));
    assert_eq!(names_in(&out).len(), before.len() + 1, "one new file, nothing temporary");
    assert!(!before.contains(&path.file_name().unwrap().to_string_lossy().into_owned()));
}

#[test]
fn pictures_are_new_files_each_time() {
    let bench = Bench::holding(&[1.0, 2.0, 4.0]);
    for picture in ["time", "dist", "time", "dist", "dist"] {
        assert_is_new_picture(&bench, picture);
    }
}

#[test]
fn pictures_go_to_the_current_directory_unless_told_otherwise() {
    if Path::new("/golem/out").is_dir() {
        eprintln!("NOT TESTED: there is a /golem/out here, where pictures go instead");
        return;
    }
    let bench = Bench::new();
    let path = bench.serve(&["--plot", "time"]).succeeds().json();
    let path = Path::new(path.as_str().unwrap()).canonicalize().unwrap();
    assert_eq!(path.parent().unwrap(), bench.dir.path().canonicalize().unwrap());
}

#[test]
fn a_picture_that_cannot_be_written_is_an_error_and_leaves_nothing() {
    let bench = Bench::new();
    fs::write(bench.dir.path().join("file"), "").unwrap();
    bench.serve(&["--plot", "dist", "--out", "nowhere"]).fails_naming(&[
        "nowhere: cannot write the picture",
        "create this directory first, or name another directory with --out DIR",
    ]);
    bench.serve(&["--plot", "dist", "--out", "file"]).fails_naming(&["file"]);
    // JSON has no text for such a path.
    let unprintable = OsStr::from_bytes(b"bytes\xff");
    let mut command = bench.command(SERVICE, &["--plot", "dist", "--out"]);
    command.arg(unprintable);
    fs::create_dir(bench.dir.path().join(unprintable)).unwrap();
    Ran::of(command).fails_naming(&["bytes", "not UTF-8", "--out DIR"]);
    fs::remove_dir(bench.dir.path().join(unprintable)).unwrap();
    assert_eq!(bench.names(), ["file", "service.log"]);
}

#[test]
fn init_creates_once_and_says_nothing() {
    let bench = Bench::bare();
    assert_eq!(bench.serve(&["--init"]).succeeds().stdout, "");
    bench.serve(&["--add", "3"]).succeeds();
    bench.serve(&["--init"]).fails_naming(&["service.log", "already"]);
    assert_eq!(bench.size(), 1);
}

#[test]
fn what_was_added_is_there_to_the_bit() {
    let bench = Bench::new();
    let given = ["14.2", "0", "-5", "-0.0", "1e-310", "1.7976931348623157e308", " 7.5 ", "1_000"];
    for value in given {
        assert_eq!(bench.serve(&["--add", value]).succeeds().stdout, "");
    }
    let values: Vec<u64> =
        bench.dump().iter().map(|row| row["val"].as_f64().unwrap().to_bits()).collect();
    let expected = [14.2, 0.0, -5.0, -0.0, 1e-310, f64::MAX, 7.5, 1000.0].map(f64::to_bits);
    assert_eq!(values, expected);
}

#[test]
fn the_dump_is_laid_out_as_callers_know_it() {
    let bench = Bench::new();
    bench.serve(&["--add", "14.2"]).succeeds();
    bench.serve(&["--add=-1e-05"]).succeeds();
    let dump = bench.serve(&["--dump"]).succeeds().stdout;
    let time = |at: usize| dump.split("\"time_added\": \"").nth(at).unwrap()[..19].to_owned();
    let expected = format!(
        "[{{\"val\": 14.2, \"time_added\": \"{}\"}}, {{\"val\": -0.00001, \"time_added\": \"{}\"}}]\n",
        time(1),
        time(2)
    );
    assert_eq!(dump.replace("-1e-5", "-0.00001"), expected);
}

#[test]
fn a_dump_from_a_sequence_is_the_rest_in_the_order_of_arrival() {
    let bench = Bench::bare();
    let mut input = tempfile::tempfile().unwrap();
    input
        .write_all(b"2021-06-01T12:00:02Z 1\n2021-06-01T12:00:01Z 2\n2021-06-01T12:00:03Z 3\n")
        .unwrap();
    input.rewind().unwrap();
    bench.collect_from(input).succeeds();
    let dump = |options: &[&str]| bench.serve(options).succeeds().stdout;
    let row = |value: &str, second: u32| {
        format!("{{\"val\": {value}, \"time_added\": \"2021-06-01 12:00:0{second}\"}}")
    };
    let (one, two, three) = (row("1.0", 2), row("2.0", 1), row("3.0", 3));
    assert_eq!(dump(&["--dump"]), format!("[{two}, {one}, {three}]\n"), "by time");
    assert_eq!(dump(&["--dump", "--from", "0"]), format!("[{one}, {two}, {three}]\n"));
    assert_eq!(dump(&["--dump", "--from=1", "--no-map"]), format!("[{two}, {three}]\n"));
    assert_eq!(dump(&["--from", "2", "--dump"]), format!("[{three}]\n"));
    assert_eq!(dump(&["--dump", "--from", "3"]), "[]\n", "nothing is new");
}

#[test]
fn whoever_counts_the_rows_gets_each_observation_once() {
    let bench = Bench::new();
    let mut fetched = Vec::new();
    for added in [0, 1, 3] {
        for value in 0..added {
            bench.serve(&["--add", &format!("{added}.{value}")]).succeeds();
        }
        let next = fetched.len().to_string();
        let rows = bench.serve(&["--dump", "--from", &next]).succeeds().json();
        assert_eq!(rows.as_array().unwrap().len(), added);
        fetched.extend(rows.as_array().unwrap().clone());
    }
    assert_eq!(fetched, bench.dump());
}

/// What is not durable may be taken back, and its numbers may be used again.
#[test]
fn a_dump_from_a_sequence_ends_where_what_is_durable_ends() {
    let bench = Bench::new();
    bench.serve(&["--add", "1"]).succeeds();
    let store = Options::new().sync(SyncPolicy::Never).open(&bench.store).unwrap();
    store.append(Observation::new(2, 2.0)).unwrap();
    let rows = |from: &str| {
        bench.serve(&["--dump", "--from", from]).succeeds().json().as_array().unwrap().len()
    };
    assert_eq!((rows("0"), rows("1"), rows("2"), bench.dump().len()), (1, 0, 0, 2));
    store.sync().unwrap();
    assert_eq!((rows("0"), rows("1"), rows("2")), (2, 1, 0));
}

/// Though nothing of it is durable, as far as what is left states.
#[test]
fn a_dump_from_a_sequence_reports_a_log_that_is_missing() {
    let bench = Bench::new();
    let store = Store::open(&bench.store).unwrap();
    store.append_batch(&[Observation::new(1, 1.0), Observation::new(2, 2.0)]).unwrap();
    let copy = bench.dir.path().join("copy");
    store.copy_to(&copy).unwrap();
    let log = names_in(&copy).into_iter().find(|name| name.ends_with(".log")).unwrap();
    fs::remove_file(copy.join(&log)).unwrap();
    let mut command = program(SERVICE);
    command.args(["--dump", "--from", "0", "--log"]).arg(&copy);
    let ran = Ran::of(command);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains(&log), "{ran:?}");
}

#[test]
fn a_sequence_that_was_removed_is_an_error_that_names_the_first_one_kept() {
    let bench = Bench::new();
    let store = Store::open(&bench.store).unwrap();
    let all: Vec<_> = (0..70_000).map(|n| Observation::new(n, 1.0)).collect();
    store.append_batch(&all).unwrap();
    assert_eq!(store.keep_bytes(1).unwrap(), 65_536);
    let named = ["service.log", "the number 65536; begin with --from 65536"];
    bench.serve(&["--dump", "--from", "0"]).fails_naming(&named);
    bench.serve(&["--dump", "--from", "65535"]).fails_naming(&named);
    let kept = bench.serve(&["--dump", "--from", "65536"]).succeeds().json();
    assert_eq!(kept.as_array().unwrap().len(), 70_000 - 65_536);
    assert_eq!(bench.dump().len(), 70_000 - 65_536);
}

#[test]
fn a_sequence_of_another_store_is_an_error_that_names_the_count() {
    let bench = Bench::holding(&[1.0, 2.0]);
    bench.serve(&["--dump", "--from", "3"]).fails_naming(&["service.log", "2 observations"]);
    let most = u64::MAX.to_string();
    bench.serve(&["--dump", "--from", &most]).fails_naming(&["2 observations"]);
}

#[test]
fn values_that_are_not_finite_are_refused_by_name_and_change_nothing() {
    let bench = Bench::new();
    for value in ["nan", "NaN", "inf", "-inf", "Infinity", "1e400", "-1e400"] {
        bench.serve(&["--add", value]).fails_naming(&[value, "finite"]);
        bench.serve(&[&format!("--add={value}")]).fails_naming(&[value]);
    }
    assert_eq!(bench.size(), 0);
}

#[test]
fn a_missing_store_is_an_error_that_names_init_and_leaves_no_file() {
    for arguments in [&["--stats"][..], &["--dump"], &["--plot", "time"], &["--add", "1"]] {
        let bench = Bench::bare();
        bench.serve(arguments).fails_naming(&["service.log", "--init"]);
        assert!(bench.names().is_empty(), "{arguments:?} left {:?}", bench.names());
    }
}

#[test]
fn a_store_that_is_a_file_is_an_error_that_changes_nothing() {
    for arguments in
        [&["--stats"][..], &["--dump"], &["--plot", "time"], &["--add", "1"], &["--init"]]
    {
        let bench = Bench::bare();
        fs::write(&bench.store, "mine").unwrap();
        bench.serve(arguments).fails_naming(&["service.log"]);
        assert_eq!(fs::read(&bench.store).unwrap(), b"mine");
        assert_eq!(bench.names(), ["service.log"]);
    }
}

#[test]
fn a_directory_with_other_things_is_not_made_a_store() {
    let bench = Bench::bare();
    fs::create_dir(&bench.store).unwrap();
    fs::write(bench.store.join("notes"), "mine").unwrap();
    bench.serve(&["--init"]).fails_naming(&["service.log"]);
    bench.serve(&["--add", "1"]).fails_naming(&["service.log"]);
    assert_eq!(names_in(&bench.store), ["notes"]);
}

#[test]
fn moments_beyond_f64_are_null_with_a_word_on_stderr() {
    let bench = Bench::holding(&[1e308, -1e308]);
    let ran = bench.serve(&["--stats"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(ran.json()["mean"], 0.0);
    assert_eq!(ran.json()["median"], 0.0);
    assert_eq!(ran.json()["variance"], json!(null));
    assert!(ran.stderr.contains("the variance is beyond"), "{ran:?}");
}

#[test]
fn the_store_is_the_one_given_else_of_the_environment_else_beside_the_program() {
    let bench = Bench::bare();
    let copy = bench.dir.path().join("simple_service.py");
    install(SERVICE, &copy);
    let run = |arguments: &[&str], variable: Option<&Path>| {
        let mut command = program(copy.to_str().unwrap());
        command.args(arguments).current_dir("/");
        if let Some(store) = variable {
            command.env("SIMPLE_SERVICE_LOG", store);
        }
        Ran::of(command)
    };
    let (beside, named) = (bench.dir.path().join("service.log"), bench.dir.path().join("named"));
    run(&["--init"], None).succeeds();
    assert!(beside.is_dir());
    run(&["--init"], Some(&named)).succeeds();
    assert!(named.is_dir());
    run(&["--add", "1"], Some(Path::new(""))).succeeds();
    run(&["--log", beside.to_str().unwrap(), "--add", "2"], Some(&named)).succeeds();
    assert_eq!(run(&["--stats"], None).json()["size"], 2);
    assert_eq!(run(&["--stats"], Some(&named)).json()["size"], 0);
}
