//! `stats`, `info`, `tail`, `export` and `add` say what the stores hold.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod buckets;
mod damaged;
mod exported;
#[path = "../program/mod.rs"]
mod program;
mod removed;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use gaugelog::{Observation, Options, Store, SyncPolicy};
use program::{Ran, TOOL, names_in, program};
use serde_json::Value;
use tempfile::TempDir;

const SECOND: i64 = 1_000_000_000;
/// 2026-06-01T12:00:00Z.
const NOON: i64 = 1_780_315_200 * SECOND;

fn tool(arguments: &[&str], stores: &[&Path]) -> Ran {
    let mut command = program(TOOL);
    command.arg(arguments[0]).args(stores).args(&arguments[1..]);
    Ran::of(command)
}

fn lines(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A folder with stores of these observations.
fn house(rooms: &[(&str, Vec<Observation>)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, observations) in rooms {
        let store = Store::create(dir.path().join(name)).unwrap();
        store.append_batch(observations).unwrap();
    }
    dir
}

/// Numbers that look random, and are the same each time.
struct Draws(u64);

impl Draws {
    fn next(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Times in disorder, with gaps, equal ones too; values of one decimal.
fn weather(draws: &mut Draws, count: u64) -> Vec<Observation> {
    let mut time = NOON;
    let draw = |_| {
        time += match draws.next(50) {
            0 => 3_600 * SECOND,
            1 => -20 * SECOND,
            2 => 0,
            _ => SECOND + i64::try_from(draws.next(1_000_000)).unwrap(),
        };
        Observation::new(time, f64::from(u32::try_from(draws.next(400)).unwrap()) / 10.0 - 5.0)
    };
    (0..count).map(draw).collect()
}

/// What `stats` says, from the observations alone.
#[derive(Debug)]
struct Expected {
    values: Vec<f64>,
}

impl Expected {
    fn of<'o>(all: impl Iterator<Item = &'o Observation>, since: i64, until: i64) -> Self {
        let within = all.filter(|it| (since..until).contains(&it.timestamp_ns));
        let mut values: Vec<f64> = within.map(|it| it.value).collect();
        values.sort_by(f64::total_cmp);
        Self { values }
    }

    fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    fn std_dev(&self) -> f64 {
        let mean = self.mean();
        let squares: f64 = self.values.iter().map(|value| (value - mean).powi(2)).sum();
        (squares / self.values.len() as f64).sqrt()
    }

    fn quantile(&self, q: f64) -> f64 {
        let place = (self.values.len() - 1) as f64 * q;
        let left = (0..self.values.len()).rev().find(|at| *at as f64 <= place).unwrap();
        let right = (left + 1).min(self.values.len() - 1);
        self.values[left] + (self.values[right] - self.values[left]) * place.fract()
    }

    #[track_caller]
    fn equals(&self, row: &Value) {
        let number = |name: &str| row[name].as_f64().unwrap_or(f64::NAN);
        assert_eq!(row["count"], self.values.len() as u64, "{row}");
        if self.values.is_empty() {
            assert!(row["mean"].is_null() && row["quantiles"]["0.5"].is_null(), "{row}");
            return;
        }
        let near = |found: f64, expected: f64| (found - expected).abs() <= 1e-9;
        assert_eq!(Some(&number("min")), self.values.first(), "{row}");
        assert_eq!(Some(&number("max")), self.values.last(), "{row}");
        assert!(near(number("mean"), self.mean()), "{row} {}", self.mean());
        assert!(near(number("std_dev"), self.std_dev()), "{row} {}", self.std_dev());
        for q in [0.5, 0.95] {
            let found = row["quantiles"][q.to_string()].as_f64().unwrap_or(f64::NAN);
            assert!(near(found, self.quantile(q)), "{row} {q} {}", self.quantile(q));
        }
    }
}

#[test]
fn windows_and_buckets_are_those_of_an_independent_computation() {
    let mut draws = Draws(7);
    let rooms: Vec<(&str, Vec<Observation>)> =
        ["attic", "hall", "room"].map(|name| (name, weather(&mut draws, 3_000))).into();
    let dir = house(&rooms);
    let all: Vec<i64> =
        rooms.iter().flat_map(|(_, all)| all.iter().map(|it| it.timestamp_ns)).collect();
    let (first, last) = (*all.iter().min().unwrap(), *all.iter().max().unwrap());
    let span = u64::try_from(last - first).unwrap();
    for _ in 0..12 {
        let [one, other] = [(); 2].map(|()| first + i64::try_from(draws.next(span)).unwrap());
        let (since, until) = (one.min(other), one.max(other));
        let [from, to] = [since, until].map(rfc_3339);
        let range = ["--since", &from, "--until", &to, "--quantile", ".5,.95", "--json"];
        let ran = tool(&[&["stats"], &range[..]].concat(), &[dir.path()]).succeeds();
        for (row, (name, observations)) in lines(&ran).iter().zip(&rooms) {
            assert_eq!(row["store"], *name);
            Expected::of(observations.iter(), since, until).equals(row);
        }
        let merged = tool(&[&["stats", "--merge"], &range[..]].concat(), &[dir.path()]).succeeds();
        let [row] = &lines(&merged)[..] else { panic!("one row: {merged:?}") };
        let everything = rooms.iter().flat_map(|(_, observations)| observations);
        Expected::of(everything, since, until).equals(row);
    }
    let asked = ["stats", "--every", "7m", "--quantile", ".5,.95", "--json"];
    let width = 7 * 60 * SECOND;
    for (name, observations) in &rooms {
        let ran = tool(&asked, &[&dir.path().join(name)]).succeeds();
        let rows = lines(&ran);
        let mut counted = 0;
        for row in &rows {
            let start = nanoseconds(row["from"].as_str().unwrap());
            assert_eq!(start.rem_euclid(width), 0, "{row}");
            Expected::of(observations.iter(), start, start + width).equals(row);
            counted += row["count"].as_u64().unwrap();
        }
        assert_eq!(counted, observations.len() as u64);
        assert!(rows.windows(2).all(|two| two[0]["from"].as_str() < two[1]["from"].as_str()));
    }
}

fn rfc_3339(time_ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(time_ns.into()).unwrap().to_string()
}

fn nanoseconds(text: &str) -> i64 {
    i64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond()).unwrap()
}

#[test]
fn a_table_names_each_store_once() {
    let two = |value| vec![Observation::new(NOON, value), Observation::new(NOON + SECOND, value)];
    let dir = house(&[("attic", two(1234.5)), ("hall", two(2.0))]);
    let ran = tool(&["stats"], &[dir.path()]).succeeds();
    let expected = "store  count     min     max    mean  std dev     p50\n\
                    attic      2  1234.5  1234.5  1234.5        0  1234.5\n\
                    hall       2       2       2       2        0       2\n";
    assert_eq!(ran.stdout, expected);
    let ran = tool(&["stats", "--merge", "--every", "1s"], &[dir.path()]).succeeds();
    let expected = "store     from                  count  min     max    mean  std dev\n\
                    2 stores  2026-06-01T12:00:00Z      2    2  1234.5  618.25   616.25\n\
                    2 stores  2026-06-01T12:00:01Z      2    2  1234.5  618.25   616.25\n";
    assert_eq!(ran.stdout, expected);
    // However it is named, a store is merged once.
    std::os::unix::fs::symlink(dir.path().join("hall"), dir.path().join("link")).unwrap();
    let paths = [dir.path(), &dir.path().join("hall/../hall")];
    let ran = tool(&["stats", "--merge"], &paths).succeeds();
    assert!(ran.stdout.contains("\n2 stores      4    2  1234.5"), "{ran:?}");
}

#[test]
fn the_latest_are_printed_and_followed() {
    let all = (0..20).map(|n| Observation::new(NOON - n * SECOND, n as f64)).collect();
    let dir = house(&[("room", all)]);
    let room = dir.path().join("room");
    let ran = tool(&["tail", "-n", "2"], &[&room]).succeeds();
    assert_eq!(ran.stdout, "2026-06-01T11:59:42Z  18.0\n2026-06-01T11:59:41Z  19.0\n");
    let mut command = program(TOOL);
    command.args(["tail", "-n", "1", "-f"]).arg(dir.path()).arg("--json");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut printed = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(printed.next().unwrap(), r#"{"time": "2026-06-01T11:59:41Z", "value": 19.0}"#);
    for value in ["7", "-1e-9"] {
        tool(&["add", value, "--time", "2026-06-01 14:00", "--tz", "Europe/Berlin"], &[&room])
            .succeeds();
        let row: Value = serde_json::from_str(&printed.next().unwrap()).unwrap();
        assert_eq!(row["time"], "2026-06-01T12:00:00Z");
        assert_eq!(row["value"].as_f64(), value.parse().ok());
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_retention_removes_under_a_follower_is_reported() {
    let dir = house(&[("room", vec![Observation::new(NOON, 1.0)])]);
    let room = dir.path().join("room");
    let mut command = program(TOOL);
    command.args(["tail", "-f"]).arg(&room);
    let mut running = program::tool::Running::of(command);
    let mut printed = BufReader::new(running.0.stdout.take().unwrap()).lines();
    printed.next().unwrap().unwrap();
    running.signal(rustix::process::Signal::STOP);
    let store = Store::open(&room).unwrap();
    let more: Vec<_> = (0..70_000).map(|n| Observation::new(NOON + n, 2.0)).collect();
    store.append_batch(&more).unwrap();
    assert_eq!(store.keep_bytes(1).unwrap(), 65_536);
    running.signal(rustix::process::Signal::CONT);
    let said = BufReader::new(running.0.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    assert!(
        said.ends_with("room: 65,535 observations removed by retention before being printed"),
        "{said}"
    );
    assert!(printed.next().unwrap().unwrap().ends_with("  2.0"));
}

#[test]
fn local_is_the_zone_of_the_machine() {
    let dir = house(&[("room", vec![Observation::new(NOON, 1.0)])]);
    let mut command = program(TOOL);
    command.arg("tail").arg(dir.path().join("room")).args(["--tz", "local"]);
    command.env("TZ", "Asia/Tokyo");
    assert_eq!(Ran::of(command).succeeds().stdout, "2026-06-01T21:00:00+09:00  1.0\n");
}

/// Another user may read a store of mode 0711, and not list it.
#[test]
fn the_size_of_a_store_that_may_not_be_listed_is_a_dash() {
    let dir = house(&[("room", vec![Observation::new(NOON, 1.0)])]);
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let room = dir.path().join("room");
    for path in [dir.path(), &room] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o711)).unwrap();
    }
    let mut command = program(TOOL);
    command.arg("info").arg(&room).uid(65_534);
    let ran = Ran::of(command).succeeds();
    let row: Vec<&str> = ran.stdout.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[3..], ["1", "1", "1", "1", "-", "-", "-"], "{ran:?}");
}

#[test]
fn a_script_adds_what_is_meant_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let room = dir.path().join("room");
    tool(&["add", "21.5"], &[&room]).fails_naming(&["room", "create it with --create"]);
    let ran = tool(&["add", "21.5", "--create", "--json"], &[&room]).succeeds();
    assert_eq!(ran.stdout, "{\"sequence\": 0}\n");
    assert_eq!(tool(&["add", "-3"], &[&room]).succeeds().stdout, "");
    for (arguments, what) in [
        (&["add", "nan"][..], "finite number"),
        (&["add", "1e999"], "finite number"),
        (&["add", "1,5"], "finite number"),
        (&["add", "1", "--time", "noon"], "2026-11-28"),
    ] {
        let ran = tool(arguments, &[&room]);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains(what), "{ran:?}");
    }
    let [row] = &lines(&tool(&["stats", "--json"], &[&room]).succeeds())[..] else { panic!() };
    assert_eq!((&row["count"], &row["min"]), (&Value::from(2), &Value::from(-3.0)));
}

#[test]
fn what_stores_take_is_a_line_each() {
    let dir = house(&[("attic", vec![]), ("hall", vec![Observation::new(NOON, 2.5)])]);
    let ran = tool(&["info"], &[dir.path()]).succeeds();
    let table: Vec<Vec<&str>> =
        ran.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(table[0][..3], ["store", "first", "latest"]);
    assert_eq!(table[1][..4], ["attic", "-", "-", "0"]);
    assert_eq!(table[2][..5], ["hall", "2026-06-01T12:00:00Z", "2026-06-01T12:00:00Z", "1", "2.5"]);
    let infos = lines(&tool(&["info", "--json"], &[dir.path()]).succeeds());
    assert_eq!(infos[1]["observations"], 1);
    assert!(infos[1]["bytes"].as_u64().unwrap() >= 4096, "{infos:?}");
    assert_eq!(infos[1]["damaged"], false);
}

#[test]
fn a_quantile_that_is_asked_twice_is_answered_once() {
    let dir = house(&[("room", vec![Observation::new(NOON, 1.0)])]);
    let room = dir.path().join("room");
    let quantiles = ["--quantile", ".5,-0,0.50,0"];
    let ran = tool(&[&["stats", "--json"], &quantiles[..]].concat(), &[&room]).succeeds();
    assert!(ran.stdout.contains("\"quantiles\": {\"0.5\": 1.0, \"0\": 1.0}"), "{ran:?}");
    let ran = tool(&[&["export", "--every", "1h"], &quantiles[..]].concat(), &[&room]).succeeds();
    assert!(ran.stdout.starts_with("time,count,min,max,mean,std_dev,p50,p0\n"), "{ran:?}");
}

#[test]
fn what_makes_no_sense_is_refused_with_the_way_out() {
    let dir = house(&[("room", vec![Observation::new(NOON, 1.0)])]);
    let room = dir.path().join("room");
    for (arguments, what) in [
        (&["stats", "--since", "noon"][..], "-1h, now, today"),
        (&["stats", "--since", "now", "--until", "-1h"], "--until is before --since"),
        (&["stats", "--every", "1"], "it has no unit"),
        (&["stats", "--quantile", "95"], "from 0 to 1"),
        (&["stats", "--tz", "Mars/Base"], "no time zone"),
        (&["export", "--quantile", ".5"], "--every"),
    ] {
        let ran = tool(arguments, &[&room]);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains(what), "{ran:?}");
    }
    let nothing = dir.path().join("nothing");
    for command in ["stats", "export", "tail", "info"] {
        tool(&[command], &[&nothing]).fails_naming(&["nothing", "or a folder with stores in it"]);
    }
    let other = dir.path().join("other");
    let far = vec![Observation::new(0, 1.0), Observation::new(NOON, 1.0)];
    Store::create(&other).unwrap().append_batch(&far).unwrap();
    tool(&["stats", "--every", "1s"], &[&other]).fails_naming(&["buckets are out of range"]);
}
