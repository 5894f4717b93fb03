//! The pictures of docs/gallery.md are what its commands draw.
//!
//! `UPDATE_PICTURES=1 cargo test -p gaugelog-cli --test gallery` draws them anew.

#![cfg(feature = "plot")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use gaugelog::{Observation, Store};
use program::tool::tool;
use program::{Ran, names_in};

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;
/// 2026-06-01T00:00:00Z.
const JUNE: i64 = 1_780_272_000 * SECOND;

/// Numbers that look random, and are the same each time and on every machine: nothing but
/// sums, products and roots.
struct Draws(u64);

impl Draws {
    /// From 0 to 1.
    fn uniform(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A sum of twelve, which is nearly normal, with mean 0 and deviation 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// e to the power of a small number.
fn exponential(power: f64) -> f64 {
    (0..20).fold(1.0 + power / f64::from(1 << 20), |root, _| root * root)
}

/// `count` values, each `distance` after the one before.
fn each(count: u32, distance: i64, mut value: impl FnMut(u32) -> f64) -> Vec<Observation> {
    (0..count).map(|at| Observation::new(JUNE + i64::from(at) * distance, value(at))).collect()
}

fn noise(count: u32, distance: i64) -> Vec<Observation> {
    let mut draws = Draws(count.into());
    each(count, distance, |_| 14.0 + 3.0 * draws.normal())
}

/// A walk in steps, which returns slowly to `home`.
fn walk(seed: u64, home: f64, count: u32, distance: i64) -> Vec<Observation> {
    let (mut draws, mut at) = (Draws(seed), home);
    each(count, distance, |_| {
        at += draws.normal() * 0.1 + (home - at) * 0.0005;
        (at * 100.0).round() / 100.0
    })
}

/// The stores that the commands name.
fn observations(name: &str) -> Vec<Observation> {
    let mut draws = Draws(42);
    match name {
        "empty" => Vec::new(),
        "one" => each(1, SECOND, |_| 21.5),
        "two" => noise(2, MINUTE),
        "nine" => noise(9, MINUTE),
        "hundred" => noise(100, MINUTE),
        "ten-thousand" => noise(10_000, SECOND),
        "million" => noise(1_000_000, SECOND / 10),
        "constant" => each(1_000, MINUTE, |_| 5.0),
        "outlier" => {
            each(5_000, SECOND, |at| if at == 3_000 { 500.0 } else { 20.0 + draws.normal() })
        }
        "walk" => walk(3, 20.0, 100_000, SECOND),
        "gap" => {
            let all = walk(5, 20.0, 4_320, MINUTE).into_iter();
            all.filter(|it| !(JUNE + DAY..JUNE + 2 * DAY).contains(&it.timestamp_ns)).collect()
        }
        "short-gap" => {
            let missing = JUNE + 700 * MINUTE..JUNE + 715 * MINUTE;
            let all = walk(6, 20.0, 1_440, MINUTE).into_iter();
            all.filter(|it| !missing.contains(&it.timestamp_ns)).collect()
        }
        "bursts" => (0..3)
            .flat_map(|month| {
                let shift = month * 30 * DAY;
                noise(1_000, SECOND).into_iter().map(move |it| {
                    Observation::new(it.timestamp_ns + shift, it.value + month as f64 * 4.0)
                })
            })
            .collect(),
        "two-seconds" => each(2_000, SECOND / 1_000, |at| {
            let phase = f64::from(at % 400) / 200.0 - 1.0;
            4.0 * phase * (1.0 - phase.abs()) + 0.02 * draws.normal()
        }),
        "ten-years" => each(3_650, DAY, |at| {
            let phase = f64::from(at % 365) / 182.5 - 1.0;
            10.0 - 40.0 * phase * (1.0 - phase.abs()) + 2.0 * draws.normal()
        }),
        "tiny" => each(300, MINUTE, |_| -1e-9 + 2e-10 * draws.normal()),
        "large" => each(300, MINUTE, |_| 1e12 + 2.0 * draws.uniform() - 1.0),
        "bimodal" => each(20_000, SECOND, |_| match draws.uniform() {
            low if low < 0.6 => 18.0 + draws.normal(),
            _ => 25.0 + 1.5 * draws.normal(),
        }),
        "log-normal" => each(20_000, SECOND, |_| exponential(0.6 * draws.normal())),
        "dice" => each(2_000, SECOND, |_| (draws.uniform() * 6.0).floor()),
        "attic" => walk(8, 26.0, 8_640, 10 * SECOND),
        "cellar" => walk(9, 14.0, 8_640, 10 * SECOND),
        _ => panic!("no such store: {name}"),
    }
}

fn documents() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// The commands of a page, without `$` and the program's name.
fn commands(page: &str) -> Vec<Vec<String>> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("$ gaugelog "));
    lines
        .map(|line| line.split(' ').map(|word| word.trim_matches('"').to_owned()).collect())
        .collect()
}

/// Makes the stores among the arguments of a command, if they are not there.
fn make_stores(dir: &Path, arguments: &[String]) {
    let is_store = |word: &&String| !word.starts_with('-');
    for name in arguments.iter().skip(1).take_while(is_store) {
        if !dir.join(name).exists() {
            let store = Store::create(dir.join(name)).unwrap();
            store.append_batch(&observations(name)).unwrap();
        }
    }
}

#[test]
fn pictures_are_what_their_commands_draw() {
    let page = fs::read_to_string(documents().join("gallery.md")).unwrap();
    let pictures = documents().join("pictures/gallery");
    let is_update = std::env::var_os("UPDATE_PICTURES").is_some();
    let dir = tempfile::tempdir().unwrap();
    let mut drawn = BTreeSet::new();
    for command in commands(&page) {
        make_stores(dir.path(), &command);
        let arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        let ran = Ran::of(tool(dir.path(), &arguments)).succeeds();
        let Some(name) = arguments.iter().skip_while(|word| **word != "-o").nth(1) else {
            let shown = ran.stdout.lines().all(|line| page.lines().any(|shown| shown == line));
            assert!(shown, "the page does not show what {command:?} prints:\n{}", ran.stdout);
            continue;
        };
        assert!(page.contains(&format!("(pictures/gallery/{name})")), "{name} is not shown");
        drawn.insert((*name).to_owned());
        let (made, kept) = (dir.path().join(name), pictures.join(name));
        if is_update {
            fs::copy(&made, &kept).unwrap();
        }
        // Compressed in another way, the same pixels would be other bytes.
        let same = match name.ends_with(".png") {
            true => pixels(&made) == pixels(&kept),
            false => fs::read(&made).unwrap() == fs::read(&kept).unwrap(),
        };
        assert!(same, "{name} is not what {command:?} draws; see the top of this test's file");
    }
    assert_eq!(drawn.into_iter().collect::<Vec<_>>(), names_in(&pictures));
    let bytes: u64 = names_in(&pictures)
        .iter()
        .map(|name| fs::metadata(pictures.join(name)).unwrap().len())
        .sum();
    assert!(bytes < 1_500_000, "{bytes} bytes");
}

fn pixels(path: &Path) -> Vec<u8> {
    let mut decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(path).unwrap()));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    pixels
}
