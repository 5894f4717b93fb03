//! `gaugelog forward`: every durable observation arrives, whatever the receiver does.

#![cfg(all(feature = "config", feature = "serve"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod certificates;
mod collector;
mod decoder;
#[cfg(feature = "parquet")]
mod files;
mod interrupted;
mod month;
#[path = "../program/mod.rs"]
mod program;
mod receiver;
mod refusing;
mod watched;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gaugelog::{Observation, Options, Store, SyncPolicy};
use program::Ran;
use program::tool::{Running, ran, tool, wait_until};
use receiver::{Act, Receiver};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

const SECOND: i64 = 1_000_000_000;

/// Observation `at` of every store here: one a second, no two alike.
fn observation(at: u64) -> Observation {
    let seconds = 1_780_315_200 + i64::try_from(at).unwrap();
    Observation::new(seconds * SECOND, at as f64 / 10.0)
}

/// The sample that it is to arrive as.
fn sample(at: u64) -> (i64, f64) {
    let Observation { timestamp_ns, value } = observation(at);
    (timestamp_ns / 1_000_000, value)
}

fn samples(sequences: std::ops::Range<u64>) -> Vec<(i64, f64)> {
    sequences.map(sample).collect()
}

fn append(store: &Path, sequences: std::ops::Range<u64>) {
    let observations: Vec<Observation> = sequences.map(observation).collect();
    let store = Store::open_or_create(store).unwrap();
    store.append_batch(&observations).unwrap();
    store.sync().unwrap();
}

/// A store with so many observations.
struct Bench {
    dir: TempDir,
    store: PathBuf,
}

impl Bench {
    fn holding(count: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("room.log");
        append(&store, 0..count);
        Self { dir, store }
    }

    fn forward(&self, receiver: &Receiver, options: &[&str]) -> Ran {
        let url = receiver.url();
        let arguments = [&["forward", "room.log", "--to", &url], options].concat();
        ran(self.dir.path(), &arguments)
    }

    fn once(&self, receiver: &Receiver) -> Ran {
        self.forward(receiver, &["--once"])
    }

    fn start(&self, receiver: &Receiver) -> Running {
        let url = receiver.url();
        let arguments = ["forward", "room.log", "--to", &url, "--every", "50ms"];
        Running::of(tool(self.dir.path(), &arguments))
    }

    fn cursor_path(&self, receiver: &Receiver) -> PathBuf {
        self.store.join(format!("{}.json", receiver.cursor()))
    }

    fn cursor(&self, receiver: &Receiver) -> Value {
        serde_json::from_slice(&fs::read(self.cursor_path(receiver)).unwrap()).unwrap()
    }

    /// What is listed as refused.
    fn refused(&self, receiver: &Receiver) -> Vec<Value> {
        let path = self.store.join(format!("{}.refused.jsonl", receiver.cursor()));
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[track_caller]
fn succeeded(ran: &Ran) {
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    assert!(!ran.stderr.contains("error"), "{ran:?}");
}

#[test]
fn everything_arrives_once_and_then_what_is_new() {
    let bench = Bench::holding(70_001);
    let receiver = Receiver::start(|_| Act::Take);
    let ran = bench.once(&receiver);
    succeeded(&ran);
    assert!(ran.stderr.contains("there is no cursor"), "{ran:?}");
    assert!(ran.stderr.contains("70,001 sent"), "{ran:?}");
    assert_eq!(receiver.samples(), samples(0..70_001));
    append(&bench.store, 70_001..70_010);
    let ran = bench.once(&receiver);
    succeeded(&ran);
    assert!(ran.stderr.contains(" 9 sent"), "{ran:?}");
    assert_eq!(receiver.samples(), samples(0..70_010));
    // The oldest goes ahead alone.
    assert_eq!((receiver.messages(), receiver.again()), (11, 0));
    assert_eq!(receiver.connections(), 2, "one a run");
    assert_eq!(bench.cursor(&receiver)["next"], 70_010);
    // The engine and its commands take no notice of the cursor.
    program::tool::ran(bench.dir.path(), &["verify", "room.log"]).succeeds();
}

/// As `gaugelog serve` finds them.
#[test]
fn a_store_that_is_made_later_is_forwarded_too() {
    let bench = Bench::holding(3);
    let receiver = Receiver::start(|_| Act::Take);
    let url = receiver.url();
    let arguments = ["forward", ".", "--to", &url, "--every", "50ms"];
    let _running = Running::of(tool(bench.dir.path(), &arguments));
    wait_until(|| receiver.samples() == samples(0..3));
    append(&bench.dir.path().join("hall.log"), 100..105);
    wait_until(|| receiver.stored().values().map(|samples| samples.len()).sum::<usize>() == 8);
}

#[test]
fn a_store_that_has_gone_is_reported_with_a_way_out_of_this_program() {
    let bench = Bench::holding(3);
    let receiver = Receiver::start(|_| Act::Take);
    let mut running = bench.start(&receiver);
    wait_until(|| receiver.samples().len() == 3);
    fs::rename(&bench.store, bench.dir.path().join("gone")).unwrap();
    let stderr = running.0.stderr.take().unwrap();
    let mut said = std::io::BufRead::lines(std::io::BufReader::new(stderr));
    let said = said.find_map(|line| line.ok().filter(|line| line.contains("error:"))).unwrap();
    assert!(said.contains("bring it back, or begin without it"), "{said}");
    assert!(!said.contains("simple_service") && !said.contains("--log"), "{said}");
}

/// After a power cut another observation may take the number of one that was not synced.
#[test]
fn only_what_is_durable_leaves_the_machine() {
    let bench = Bench::holding(10);
    let receiver = Receiver::start(|_| Act::Take);
    let store = Options::new().sync(SyncPolicy::Never).open(&bench.store).unwrap();
    store.append_batch(&(10..20).map(observation).collect::<Vec<_>>()).unwrap();
    succeeded(&bench.once(&receiver));
    assert_eq!(receiver.samples(), samples(0..10));
    store.sync().unwrap();
    succeeded(&bench.once(&receiver));
    assert_eq!((receiver.samples(), receiver.again()), (samples(0..20), 0));
}

#[test]
fn what_becomes_durable_follows() {
    let bench = Bench::holding(10);
    let receiver = Receiver::start(|_| Act::Take);
    let mut running = bench.start(&receiver);
    wait_until(|| receiver.samples().len() == 10);
    append(&bench.store, 10..15);
    wait_until(|| receiver.samples().len() == 15);
    running.signal(Signal::TERM);
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
    assert_eq!((bench.cursor(&receiver)["next"].as_u64(), receiver.again()), (Some(15), 0));
}

#[test]
fn memory_is_bounded_however_far_behind() {
    const ALL: u64 = 1_000_000;
    let bench = Bench::holding(ALL);
    let receiver = Receiver::start(|_| Act::Take);
    let running = bench.start(&receiver);
    wait_until(|| receiver.messages() > usize::try_from(ALL).unwrap() / 10_000);
    let status = fs::read_to_string(format!("/proc/{}/status", running.0.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kibibytes: u64 = peak.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    assert!(kibibytes < 32 * 1024, "{kibibytes} KiB");
    assert_eq!(receiver.samples().len() as u64, ALL);
}

#[test]
fn stores_are_series_with_labels() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("house")).unwrap();
    for name in ["attic", "2nd-floor"] {
        append(&dir.path().join("house").join(name), 0..3);
    }
    let receiver = Receiver::start(|_| Act::Take);
    let url = receiver.url();
    let forward = |options: &[&str]| {
        let given = ["forward", "house", "--once", "--label", "host=box", "--to", &url];
        ran(dir.path(), &[&given, options].concat())
    };
    succeeded(&forward(&[]));
    let names: Vec<String> = receiver.stored().into_keys().collect();
    assert_eq!(names, ["__name__=_2nd_floor,host=box", "__name__=attic,host=box"]);
    succeeded(&forward(&["--metric", "celsius", "--cursor", "b", "--label", "zone=é"]));
    let names: Vec<String> = receiver.stored().into_keys().collect();
    assert_eq!(
        names[2..],
        [
            "__name__=celsius,host=box,store=2nd-floor,zone=é",
            "__name__=celsius,host=box,store=attic,zone=é",
        ]
    );
    append(&dir.path().join("house/2nd_floor"), 0..1);
    let ran = forward(&[]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.stderr.contains("would both be the series _2nd_floor{host=\"box\"}"), "{ran:?}");
}

#[test]
fn remote_write_2_counts_what_was_written() {
    let bench = Bench::holding(12_000);
    let receiver = Receiver::start(|_| Act::TakeCounted);
    succeeded(&bench.forward(&receiver, &["--once", "--protocol", "2"]));
    assert_eq!(receiver.samples(), samples(0..12_000));
    let kind = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    assert_eq!(receiver.last().header("content-type"), Some(kind));

    // VictoriaMetrics answers so, and stores nothing.
    let bench = Bench::holding(1);
    let receiver = Receiver::start(|_| Act::Answer(204, "", ""));
    let ran = bench.forward(&receiver, &["--once", "--protocol", "2"]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.stderr.contains("use --protocol 1"), "{ran:?}");
    assert_eq!(bench.cursor(&receiver)["next"], 0);
}

#[test]
fn credentials_come_from_files_and_are_never_shown() {
    let bench = Bench::holding(1);
    let receiver = Receiver::start(|message| match message.header("authorization") {
        Some("Bearer hunter2" | "Basic bWU6aHVudGVyMg==") => Act::Take,
        _ => Act::Answer(401, "", "who are you?"),
    });
    fs::write(bench.dir.path().join("token"), "hunter2\n").unwrap();
    fs::write(bench.dir.path().join("user"), "me:hunter2\n").unwrap();
    fs::write(bench.dir.path().join("wrong"), "hunter3\n").unwrap();
    succeeded(&bench.forward(&receiver, &["--once", "--bearer-token-file", "token"]));
    let with = |options: &[&str]| {
        bench.forward(&receiver, &[&["--once", "--cursor", "b"], options].concat())
    };
    let ran = with(&["--bearer-token-file", "wrong"]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.stderr.contains("status 401: who are you?; give what it wants by"), "{ran:?}");
    assert!(!ran.stderr.contains("hunter"), "{ran:?}");
    succeeded(&with(&["--basic-auth-file", "user"]));
    let ran = with(&["--bearer-token-file", "none"]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.stderr.contains("none: cannot read it"), "{ran:?}");
}

#[test]
fn collisions_are_counted_and_reported() {
    let bench = Bench::holding(1);
    let store = Store::open(&bench.store).unwrap();
    let first = observation(0);
    let later: Vec<Observation> =
        (1..4).map(|ns| Observation::new(first.timestamp_ns + SECOND + ns, ns as f64)).collect();
    store.append_batch(&later).unwrap();
    store.sync().unwrap();
    let millisecond = sample(1).0;
    for (how, said, status, values) in [
        ("last", "2 sent, 2 replaced by a later one", 0, vec![(0, 3.0)]),
        ("refuse", "2 sent, 2 refused", 1, vec![(0, 1.0)]),
        ("spread", "4 sent, 2 moved to another", 0, vec![(0, 1.0), (1, 2.0), (2, 3.0)]),
    ] {
        let receiver = Receiver::start(|_| Act::Take);
        let ran = bench.forward(&receiver, &["--once", "--collisions", how]);
        assert_eq!(ran.status, Some(status), "{ran:?}");
        assert!(ran.stderr.contains(said), "{ran:?}");
        let mut expected = vec![sample(0)];
        expected.extend(values.iter().map(|(ms, value)| (millisecond + ms, *value)));
        assert_eq!(receiver.samples(), expected, "{how}");
        let listed: Vec<u64> =
            bench.refused(&receiver).iter().map(|it| it["sequence"].as_u64().unwrap()).collect();
        assert_eq!(listed, if how == "refuse" { vec![2, 3] } else { vec![] });
    }
}

/// The runs of samples without a gap are in the cursor.
#[test]
fn spread_samples_of_three_runs_replace_none() {
    let bench = Bench::holding(0);
    let receiver = Receiver::start(|_| Act::Take);
    let mut value = 0.0;
    for (times_ms, runs) in [
        (&[100, 100][..], "[[100,101]]"),
        (&[50, 100], "[[50,50],[100,102]]"),
        (&[100], "[[50,50],[100,103]]"),
    ] {
        let store = Store::open(&bench.store).unwrap();
        for ms in times_ms {
            value += 1.0;
            store.append(Observation::new(ms * 1_000_000, value)).unwrap();
        }
        drop(store);
        succeeded(&bench.forward(&receiver, &["--once", "--collisions", "spread"]));
        assert_eq!(bench.cursor(&receiver)["occupied"].to_string(), runs);
    }
    let expected = [(50, 3.0), (100, 1.0), (101, 2.0), (102, 4.0), (103, 5.0)];
    assert_eq!((receiver.samples(), receiver.again()), (expected.to_vec(), 0));
}
