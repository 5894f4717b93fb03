//! Whole files that are missing, empty, not files, in each other's places, of another
//! store, or too many.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::specimen::{KINDS, Specimen};
use super::tampering::{Bench, Tampering};

/// These files as a whole.
fn whole(files: &[usize]) -> Tampering {
    let touched = files.iter().map(|file| (*file, 0..u64::MAX)).collect();
    Tampering { touched, misplaced: files.to_vec() }
}

/// Does the same to each file of each kind of store.
fn to_each_file(what: &str, change: impl Fn(&Path)) {
    for specimen in KINDS.map(Specimen::make) {
        let mut bench = Bench::thorough(&specimen);
        for (index, file) in specimen.files.iter().enumerate() {
            println!("{} of {specimen}: {what}", file.name);
            bench.try_out(&whole(&[index]), |path| {
                let path = path.join(&file.name);
                fs::remove_file(&path).expect("removed");
                change(&path);
            });
        }
    }
}

#[test]
fn a_missing_file_is_reported_and_the_rest_is_read() {
    to_each_file("missing", |_| {});
}

#[test]
fn an_empty_file_is_reported_and_the_rest_is_read() {
    to_each_file("empty", |path| fs::write(path, []).expect("written"));
}

#[test]
fn a_directory_in_the_place_of_a_file_stops_nothing_else() {
    to_each_file("a directory", |path| fs::create_dir(path).expect("made"));
}

#[test]
fn a_link_in_the_place_of_a_file_is_not_followed() {
    let outside = super::super::scratch();
    let target = outside.path().join("target");
    fs::write(&target, "precious").expect("written");
    to_each_file("a link to nothing", |path| symlink("nowhere", path).expect("linked"));
    to_each_file("a link to itself", |path| symlink(path, path).expect("linked"));
    to_each_file("a link elsewhere", |path| symlink(&target, path).expect("linked"));
    assert_eq!(fs::read_to_string(&target).expect("there"), "precious");
}

#[test]
fn a_fifo_in_the_place_of_a_file_is_not_waited_for() {
    to_each_file("a FIFO", |path| {
        let made = Command::new("mkfifo").arg(path).status().expect("mkfifo runs");
        assert!(made.success());
    });
}

#[test]
fn files_in_each_others_places_are_known() {
    for specimen in KINDS.map(Specimen::make) {
        let mut bench = Bench::thorough(&specimen);
        for (a, first) in specimen.files.iter().enumerate() {
            for (b, second) in specimen.files.iter().enumerate() {
                if a == b {
                    continue;
                }
                println!("{} as {} too, in {specimen}", first.name, second.name);
                bench.try_out(&whole(&[b]), |path| {
                    fs::write(path.join(&second.name), &first.bytes).expect("written");
                });
                if a < b {
                    println!("{} and {} swapped, in {specimen}", first.name, second.name);
                    bench.try_out(&whole(&[a, b]), |path| {
                        fs::write(path.join(&first.name), &second.bytes).expect("written");
                        fs::write(path.join(&second.name), &first.bytes).expect("written");
                    });
                }
            }
        }
    }
}

#[test]
fn files_of_another_store_are_known_under_every_name() {
    for kind in KINDS {
        let (specimen, another) = (Specimen::make(kind), Specimen::another(kind));
        let mut bench = Bench::thorough(&specimen);
        for (index, file) in specimen.files.iter().enumerate() {
            for (number, foreign) in another.files.iter().enumerate() {
                // The record of another store is a valid one, but what it lists is
                // missing here. A log begins with a record, too.
                let is_record = number == another.manifest() || number == another.log();
                if index == specimen.manifest() && is_record {
                    continue;
                }
                println!("another store's {} as {} of {specimen}", foreign.name, file.name);
                bench.try_out(&whole(&[index]), |path| {
                    fs::write(path.join(&file.name), &foreign.bytes).expect("written");
                });
            }
        }
    }
}

#[test]
fn files_that_do_not_belong_here_cost_nothing() {
    for kind in KINDS {
        let (specimen, another) = (Specimen::make(kind), Specimen::another(kind));
        let own = &specimen.files[specimen.log()];
        let foreign = &another.files[another.log()];
        let mut bench = Bench::thorough(&specimen);
        for name in ODD_NAMES {
            for content in [&b""[..], b"rubbish", &own.bytes, &foreign.bytes] {
                println!("{} bytes as {name} in {specimen}", content.len());
                bench.try_out(&Tampering::default(), |path| {
                    let next = format!("{:010}", specimen.record.sealed_end);
                    let name = name.replace("NEXT", &next).replace("FOREIGN", &foreign.name);
                    fs::write(path.join(name), content).expect("written");
                });
            }
        }
    }
}

/// Names that a store does not have. NEXT is replaced by the number of its next chunk.
const ODD_NAMES: &[&str] = &[
    "README",
    ".hidden",
    "lost+found",
    "1.chunk",
    "NEXT.chunk",
    "NEXT.chunk.tmp",
    "NEXT.chunk.aside",
    "4294967295.chunk",
    "4294967296.chunk",
    "FOREIGN",
    "0000000000000000.log",
    "0000000000000001.log",
    "0000000000000001.log.damaged",
    "ballast",
    "ballast.tmp",
    "manifest.tmp",
    "manifest.aside",
    "a name with \u{1F980} and\nmore",
];
