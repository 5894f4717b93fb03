//! `gaugelog plot` writes a picture of a part of a store's time, and says what it cannot.

#![cfg(feature = "plot")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use gaugelog::{Observation, Store};
use program::names_in;
use program::tool::ran;
use tempfile::TempDir;

const SECOND: i64 = 1_000_000_000;
/// 2026-06-01T12:00:00Z.
const NOON: i64 = 1_780_315_200 * SECOND;

/// A folder with the stores `attic` and `cellar`, an observation a second for an hour.
fn house() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, base) in [("attic", 25.0), ("cellar", 12.0)] {
        let value = |at: i64| base + (at % 60) as f64 / 10.0;
        let all = (0..3_600).map(|at| Observation::new(NOON + at * SECOND, value(at)));
        let store = Store::create(dir.path().join(name)).unwrap();
        store.append_batch(&all.collect::<Vec<_>>()).unwrap();
    }
    dir
}

/// Width and height of a PNG.
fn size(path: &Path) -> (u32, u32) {
    let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(path).unwrap()));
    let reader = decoder.read_info().unwrap();
    (reader.info().width, reader.info().height)
}

#[test]
fn the_ending_of_the_name_says_what_is_written() {
    let dir = house();
    for (name, options) in [("a.png", vec!["--size", "800x450"]), ("b.PNG", vec!["--dark"])] {
        let arguments = [&["plot", "attic", "-o", name], &options[..]].concat();
        assert_eq!(ran(dir.path(), &arguments).succeeds().stdout, "");
    }
    assert_eq!(size(&dir.path().join("a.png")), (800, 450));
    assert_eq!(size(&dir.path().join("b.PNG")), (1200, 675));
    ran(dir.path(), &["plot", "attic", "-o", "c.svg"]).succeeds();
    assert!(fs::read_to_string(dir.path().join("c.svg")).unwrap().starts_with("<svg "));
    for name in ["d.jpg", "picture", "e.pdf"] {
        let found = ran(dir.path(), &["plot", "attic", "-o", name]);
        found.fails_naming(&[name, ".png, .svg or .html", "folder"]);
    }
    ran(dir.path(), &["plot", "attic", "-o", "cellar"]).fails_naming(&["cellar: this is a store"]);
    assert_eq!(names_in(dir.path()), ["a.png", "attic", "b.PNG", "c.svg", "cellar"]);
}

#[test]
fn a_page_has_the_stores_in_it_and_needs_nothing_else() {
    let dir = house();
    let arguments = ["plot", "attic", "cellar", "--title", "two <rooms>", "-o", "rooms.html"];
    ran(dir.path(), &arguments).succeeds();
    let page = fs::read_to_string(dir.path().join("rooms.html")).unwrap();
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains("two \\u003crooms>") && page.contains("uPlot"), "{}", &page[..2_000]);
    for outside in ["src=\"", "href=\"http", "url(http"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let refused = ran(dir.path(), &["plot", "attic", "--dist", "-o", "dist.html"]);
    refused.fails_naming(&["--dist", ".svg"]);
    assert_eq!(names_in(dir.path()), ["attic", "cellar", "rooms.html"]);
}

#[test]
fn a_picture_in_a_folder_is_named_after_stores_and_unit() {
    let dir = house();
    let arguments = ["plot", "attic", "cellar", "--unit", "m/s", "--dist", "-o", "."];
    let printed = ran(dir.path(), &arguments).succeeds().stdout;
    let name = printed.trim_end().trim_start_matches("./");
    assert!(name.starts_with("attic-cellar-m-s-dist-20") && name.ends_with("Z.png"), "{name}");
    assert_eq!(size(&dir.path().join(name)), (1200, 675));
}

#[test]
fn a_picture_in_a_folder_has_a_name_that_file_systems_take() {
    let dir = tempfile::tempdir().unwrap();
    // 249 bytes, of letters with three each.
    let name = "室".repeat(83);
    ran(dir.path(), &["add", &name, "1", "--create"]).succeeds();
    for unit in ["°C", "", " "] {
        let arguments = ["plot", &name, "--unit", unit, "-o", "."];
        let printed = ran(dir.path(), &arguments).succeeds().stdout;
        let found = printed.trim_end().trim_start_matches("./");
        assert!(found.starts_with(&format!("{}-time-20", "室".repeat(60))), "{found}");
    }
}

#[test]
fn a_blank_unit_is_none() {
    let dir = house();
    for unit in ["", " "] {
        let arguments = ["plot", "attic", "--unit", unit];
        let text = ran(dir.path(), &arguments).succeeds().stdout;
        assert!(text.starts_with("attic over time\n") && !text.contains("()"), "{text}");
        let printed = ran(dir.path(), &[&arguments[..], &["-o", "."]].concat()).succeeds().stdout;
        assert!(printed.trim_start_matches("./").starts_with("attic-time-20"), "{printed}");
    }
}

#[test]
fn a_picture_shows_the_asked_part_of_the_time() {
    let dir = house();
    let range = ["--since", "2026-06-01 14:15", "--until", "2026-06-01 14:30"];
    let arguments = [&["plot", ".", "--tz", "Europe/Berlin", "--unit", "°C"], &range[..]].concat();
    let text = ran(dir.path(), &arguments).succeeds().stdout;
    for part in ["attic and cellar over time, in °C", "1,800 observations", "14:20", "14:25"] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    assert!(text.contains("time (Europe/Berlin) on 2026-06-01; °C"), "{text}");
    let empty = ran(dir.path(), &["plot", "attic", "--until", "2026-06-01"]).succeeds();
    assert!(empty.stdout.contains("No observations in this time"), "{empty:?}");
}

/// A sensor that has died is seen.
#[test]
fn the_axis_is_the_time_that_is_asked_for() {
    let dir = house();
    let drawn = |options: &[&str]| {
        ran(dir.path(), &[&["plot", "attic"], options].concat()).succeeds().stdout
    };
    let range = ["--since", "2026-05-31", "--until", "2026-06-04"];
    let text = drawn(&range);
    for part in ["May 31", "Jun 1", "Jun 2", "Jun 3"] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    // It does not go beyond now.
    let text = drawn(&["--since", "2026-06-01", "--until", "2261-01-01"]);
    assert!(!text.contains("2200") && !text.contains("2261"), "{text}");
}

#[test]
fn a_normal_distribution_is_drawn_over_one_store_in_a_file() {
    let dir = house();
    for arguments in [&["attic"][..], &["attic", "cellar", "-o", "both.svg"]] {
        let found = ran(dir.path(), &[&["plot", "--dist", "--normal"], arguments].concat());
        assert!(found.status == Some(2) && found.stderr.contains("--normal is for"), "{found:?}");
    }
    let one = ["plot", "attic", "--dist", "--normal", "-o", "one.svg"];
    ran(dir.path(), &one).succeeds();
}

#[test]
fn text_fits_and_has_no_colours_off_a_terminal() {
    let dir = house();
    for kind in [&[][..], &["--dist"][..]] {
        let ran = ran(dir.path(), &[&["plot", "."], kind].concat()).succeeds();
        let widest = ran.stdout.lines().map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|widest| widest <= 80), "{}", ran.stdout);
        assert!(!ran.stdout.contains('\x1b'), "{ran:?}");
    }
    // The range of these values overflows.
    for value in [-1e308, 1e308, 1e308] {
        let added = ["add", "wide", &value.to_string(), "--create"];
        ran(dir.path(), &added).succeeds();
    }
    let wide = ran(dir.path(), &["plot", "wide", "--dist"]).succeeds().stdout;
    assert!(wide.contains("−6.667 × 10³⁰⁷ – −3.333 × 10³⁰⁷"), "{wide}");
}

#[test]
fn what_makes_no_sense_is_refused_with_the_way_out() {
    let dir = house();
    for (arguments, part) in [
        (["--size", "12"], "from 320x240 to 8000x8000"),
        (["--size", "99999x10"], "from 320x240 to 8000x8000"),
        (["--since", "soon"], "-1h, now"),
    ] {
        let found = ran(dir.path(), &[&["plot", "attic"], &arguments[..]].concat());
        assert_eq!(found.status, Some(2), "{found:?}");
        assert!(found.stderr.contains(part), "{found:?}");
    }
    for option in [&["--size", "800x450"][..], &["--dark"]] {
        let page = ran(dir.path(), &[&["plot", "attic", "-o", "a.html"], option].concat());
        page.fails_naming(&["leave out --size and --dark"]);
        assert_eq!(ran(dir.path(), &[&["plot", "attic"], option].concat()).status, Some(2));
    }
    for number in 0..7 {
        Store::create(dir.path().join(format!("room-{number}"))).unwrap();
    }
    ran(dir.path(), &["plot", "."]).fails_naming(&["9 stores", "room for 8", "name fewer"]);
}

#[test]
fn a_damaged_store_is_drawn_as_far_as_it_can_be_read() {
    let dir = house();
    let log = names_in(&dir.path().join("attic"));
    let log = log.iter().find(|name| name.ends_with(".log")).unwrap();
    let file = fs::OpenOptions::new().write(true).open(dir.path().join("attic").join(log)).unwrap();
    file.write_at(b"damage", 20_000).unwrap();
    let found = ran(dir.path(), &["plot", ".", "-o", "house.png"]);
    assert_eq!(found.status, Some(1), "{found:?}");
    assert!(found.stderr.contains(log.as_str()), "{found:?}");
    assert_eq!(size(&dir.path().join("house.png")), (1200, 675));
}

#[test]
fn a_store_without_observations_in_the_range_has_no_outline() {
    let dir = house();
    ran(dir.path(), &["add", "later", "1", "--time", "2030-01-01", "--create"]).succeeds();
    let arguments = ["plot", "attic", "later", "--dist", "--since", "2029-01-01", "-o", "d.svg"];
    ran(dir.path(), &arguments).succeeds();
    let picture = fs::read_to_string(dir.path().join("d.svg")).unwrap();
    assert!(!picture.contains("d=\"z\"") && !picture.contains("d=\"h0\""), "{picture}");
}
