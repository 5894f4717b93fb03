//! Every command in README.md and docs/*.md works, and prints what stands below it.
//!
//! The ```console blocks of a document run in order in one directory, in which the ```toml
//! blocks are `house.toml`. What is not run here is in [`NOT_RUN`], with its reason; what is
//! not at hand in a test is replaced as [`STAND_INS`] says. Output that the document shows is
//! compared: figures may differ for the commands in [`VARIES`]. A command that goes on until
//! it is stopped goes on beside those after it.

#![cfg(all(
    feature = "config",
    feature = "forward",
    feature = "parquet",
    feature = "plot",
    feature = "serve"
))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod blocks;
#[path = "../program/mod.rs"]
mod program;
mod world;

use std::fs;
use std::path::{Path, PathBuf};

use blocks::{Step, are_as_shown, fenced, steps};
use world::World;

/// Documents, beginnings of their commands, and why those are not run here.
const NOT_RUN: [(&str, &str, &str); 8] = [
    ("README.md", "cargo run --release -- ", ".ci/run runs the README's first command"),
    ("README.md", "cargo test --workspace", ".ci/run runs the README's second command"),
    ("README.md", "cargo install ", "it builds for minutes; cli/package builds the same"),
    ("README.md", "cli/package", ".ci/run runs cli/package-test"),
    ("README.md", "sudo dpkg -i ", ".ci/run runs cli/package-test"),
    ("many-machines.md", "vmctl ", "VictoriaMetrics has it, and not the distribution"),
    ("serving.md", "curl -s ", "cli/tests/serving.rs compares each answer"),
    ("gallery.md", "gaugelog plot ", "cli/tests/gallery.rs compares each picture"),
];

/// Why the commands behind `# ` are not run.
const ROOT: &str =
    "they change the machine; cli/package-test installs the package and checks the unit";

/// Beginnings of commands that print other figures each time, or on each machine.
const VARIES: [&str; 3] = ["gaugelog stats house ", "gaugelog forward ", "simple_service --dump"];

/// Beginnings of commands that print other words on another machine: only their status counts.
const ONLY_STATUS: [(&str, &str); 3] = [
    ("gaugelog sources", "other sensors"),
    ("gaugelog status", "other times and counts"),
    ("simple_service --plot", "another folder than the VM's"),
];

#[test]
fn every_command_of_the_documents_works() {
    let mut not_run = [0; NOT_RUN.len()];
    let mut count = 0;
    for path in documents() {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let document = fs::read_to_string(&path).unwrap();
        let mut world = World::new(&name, &fenced(&document, "toml"));
        for step in steps(&document) {
            let is_it = |(document, begin, _): &(&str, &str, &str)| {
                *document == name && step.command.starts_with(begin)
            };
            if let Some(number) = NOT_RUN.iter().position(is_it) {
                not_run[number] += 1;
            } else if step.is_for_root {
                println!("{name}: # {} is not run: {ROOT}", step.command);
            } else {
                check(&name, &mut world, &step);
                count += 1;
            }
        }
        world.end();
    }
    for ((name, begin, reason), times) in NOT_RUN.iter().zip(not_run) {
        assert!(times > 0, "{name} has no {begin:?} any more");
        println!("{name}: {times} commands {begin:?} are not run: {reason}");
    }
    println!("{count} commands were run");
}

fn check(name: &str, world: &mut World, step: &Step) {
    let Step { command, printed, .. } = step;
    let is_in = |list: &[&str]| list.iter().any(|begin| command.starts_with(begin));
    let is_compared = !printed.is_empty() && !is_in(&ONLY_STATUS.map(|(begin, _)| begin));
    let is_as_shown = |found: &str| !is_compared || are_as_shown(found, printed, !is_in(&VARIES));
    let found = world.run(command, is_as_shown);
    let found = found.unwrap_or_else(|why| panic!("{name}: {command}: {why}"));
    assert!(
        is_as_shown(&found),
        "{name}: {command} printed\n{found}\nand not\n{}",
        printed.join("\n")
    );
}

fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let entries = fs::read_dir(root.join("docs")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "md"));
    paths.push(root.join("README.md"));
    paths.sort();
    paths
}
