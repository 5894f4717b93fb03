//! Whole files that are gone, empty, of another kind, in each other's places, of
//! another store, or too many.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::specimen::{Kind, Specimen, every_specimen};
use super::tampering::{Bench, Tampering};

/// The whole of these files.
fn whole(files: &[usize]) -> Tampering {
    let touched = files.iter().map(|file| (*file, 0..u64::MAX)).collect();
    Tampering { touched, misplaced: files.to_vec(), added: false }
}

/// Does the same to each file of each kind of store.
fn to_each_file(what: &str, change: impl Fn(&Path)) {
    for specimen in every_specimen() {
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
fn a_missing_file_is_missed_and_the_rest_is_read() {
    to_each_file("missing", |_| {});
}

#[test]
fn an_empty_file_is_no_file_and_the_rest_is_read() {
    to_each_file("empty", |path| fs::write(path, []).expect("written"));
}

#[test]
fn something_else_in_the_place_of_a_file_stops_nobody() {
    to_each_file("a directory", |path| fs::create_dir(path).expect("made"));
    to_each_file("a link to nothing", |path| symlink("nowhere", path).expect("linked"));
    to_each_file("a link to itself", |path| symlink(path, path).expect("linked"));
    to_each_file("a pipe", |path| {
        let made = Command::new("mkfifo").arg(path).status().expect("mkfifo runs");
        assert!(made.success());
    });
}

#[test]
fn files_in_each_others_places_are_known() {
    for specimen in every_specimen() {
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
    for specimen in every_specimen() {
        let kind = if specimen.segments() == 3 { Kind::Large } else { Kind::Small };
        let another = Specimen::another(kind);
        let mut bench = Bench::thorough(&specimen);
        for (index, file) in specimen.files.iter().enumerate() {
            for foreign in &another.files {
                if is_undecided(&specimen, &file.name) && file.name == foreign.name {
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

/// Of two segments that are not of one store nobody can say which is of this one,
/// unless the checkpoint does: the second is told of.
fn is_undecided(specimen: &Specimen, name: &str) -> bool {
    specimen.checkpoint.is_none() && specimen.segments() == 2 && name == "0000000001.rows"
}

#[test]
fn files_that_do_not_belong_here_cost_nothing() {
    let another = Specimen::another(Kind::Large);
    let foreign = &another.files[another.last()];
    for specimen in every_specimen() {
        let own = &specimen.files[specimen.last()];
        let mut bench = Bench::thorough(&specimen);
        for name in ODD_NAMES {
            for content in [&b""[..], b"rubbish", &own.bytes, &foreign.bytes] {
                println!("{} bytes as {name} in {specimen}", content.len());
                let added = Tampering { added: true, ..Tampering::default() };
                bench.try_out(&added, |path| {
                    let name = name.replace("NEXT", &format!("{:010}", specimen.segments() + 1));
                    fs::write(path.join(name), content).expect("written");
                });
            }
        }
    }
}

/// Names that a store does not have; NEXT stands for the ordinal of its next segment.
const ODD_NAMES: &[&str] = &[
    "README",
    ".hidden",
    "1.rows",
    "0000000000.rows",
    "0000000007.row",
    "0000000001.rows.tmp",
    "NEXT.rows.tmp",
    "NEXT.rows",
    "NEXT.tree",
    "NEXT.guide",
    "0000000009.rows",
    "1099511627776.rows",
    "18446744073709551615.rows",
    "18446744073709551616.rows",
    "checkpoint.tmp",
    "a name with \u{1F980} and\nmore",
];
