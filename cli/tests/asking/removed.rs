//! Retention removes chunks, or the store goes, while a command prints it.

use std::io::{Read, read_to_string};
use std::process::Child;

use program::tool::Running;

use super::*;

/// The observations of a chunk.
const CHUNK: u64 = 65_536;

fn begin(arguments: &[&str], room: &Path) -> Child {
    let mut command = program(TOOL);
    command.args(arguments).arg(room);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What a store holds: three chunks, which may be removed, and a log, which stays. A pipe
/// that is not read holds a command up in the first chunk.
const ALL: u64 = 3 * CHUNK + 10;

fn filled() -> (TempDir, PathBuf) {
    let all = (0..ALL).map(|n| Observation::new(NOON, n as f64));
    let dir = house(&[("room", all.collect())]);
    let room = dir.path().join("room");
    (dir, room)
}

/// Removes all chunks once a command has begun to print.
fn trim_under(child: &mut Child, room: &Path) {
    let out = child.stdout.as_mut().unwrap();
    out.read_exact(&mut [0]).unwrap();
    assert_eq!(Store::open(room).unwrap().keep_bytes(1).unwrap(), 3 * CHUNK);
}

#[test]
fn a_follower_counts_what_is_removed_under_it_and_goes_on() {
    let (_dir, room) = filled();
    let all = ALL.to_string();
    let mut running = Running(begin(&["tail", "-f", "-n", &all], &room));
    trim_under(&mut running.0, &room);
    let last = format!("  {}.0", ALL - 1);
    let printed = BufReader::new(running.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut count = 0;
    let _ = printed.inspect(|_| count += 1).find(|line| line.ends_with(&last)).unwrap();
    let said = BufReader::new(running.0.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    let lost = said.strip_suffix(" observations removed by retention before being printed");
    let lost = lost.and_then(|text| text.rsplit(' ').next()).unwrap().replace(',', "");
    let lost: u64 = lost.parse().unwrap();
    assert!(lost > 0, "{said}");
    assert_eq!(count + lost, ALL);
}

#[test]
fn a_command_whose_store_is_trimmed_prints_what_it_read_and_says_to_run_it_again() {
    for command in ["tail -n 1000000", "export"] {
        let (_dir, room) = filled();
        let mut child = begin(&command.split(' ').collect::<Vec<_>>(), &room);
        trim_under(&mut child, &room);
        let ended = child.wait_with_output().unwrap();
        let [printed, said] = [ended.stdout, ended.stderr].map(|it| String::from_utf8(it).unwrap());
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(
            said.contains("removed meanwhile, by retention") && said.contains("run it again"),
            "{said}"
        );
        assert!(!said.contains("snapshot"), "{said}");
        assert!(printed.ends_with('\n'), "{command}");
        if command != "export" {
            assert_eq!(printed.lines().count() as u64 % CHUNK, 0, "what was read is printed");
        }
    }
}

#[test]
fn a_followed_store_that_goes_is_said_to_have_gone() {
    let (_dir, room) = filled();
    let mut child = begin(&["tail", "-f", "-n", "1"], &room);
    let mut printed = BufReader::new(child.stdout.take().unwrap());
    printed.read_line(&mut String::new()).unwrap();
    fs::remove_dir_all(&room).unwrap();
    let said = read_to_string(child.stderr.take().unwrap()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(said.ends_with("room: the store has gone; begin again when it is back\n"), "{said}");
}

/// The log's file, and its bytes.
fn log_of(room: &Path) -> (PathBuf, Vec<u8>) {
    let name = names_in(room).into_iter().find(|name| name.ends_with(".log")).unwrap();
    let path = room.join(name);
    let bytes = fs::read(&path).unwrap();
    (path, bytes)
}

/// What is not durable is printed too, but its append may fail. Then others may get its
/// numbers.
#[test]
fn a_follower_prints_what_takes_the_place_of_what_was_taken_back() {
    for (others, lines, before) in
        [(0, "3", &["9.0", "90.0", "91.0"][..]), (1, "1", &["91.0"]), (3, "2", &["90.0", "91.0"])]
    {
        let stored = (0..10).map(|n| Observation::new(NOON + n * SECOND, n as f64));
        let dir = house(&[("room", stored.collect())]);
        let room = dir.path().join("room");
        let (log, mut bytes) = log_of(&room);
        let unsynced = Options::new().sync(SyncPolicy::Never).open(&room).unwrap();
        let failing = [90.0, 91.0].map(|value| Observation::new(NOON + 20 * SECOND, value));
        unsynced.append_batch(&failing).unwrap();
        let mut running = Running(begin(&["tail", "-f", "-n", lines], &room));
        let mut printed = BufReader::new(running.0.stdout.take().unwrap()).lines();
        let mut value = || printed.next().unwrap().unwrap().rsplit(' ').next().unwrap().to_owned();
        before.iter().for_each(|expected| assert_eq!(value(), *expected));
        // As an append that fails: a log is never shortened.
        let file = fs::OpenOptions::new().write(true).open(&log).unwrap();
        bytes.resize(usize::try_from(file.metadata().unwrap().len()).unwrap(), 0);
        file.write_all_at(&bytes, 0).unwrap();
        let store = Store::open(&room).unwrap();
        for n in 0..others {
            store.append(Observation::new(NOON + 30 * SECOND, f64::from(n))).unwrap();
        }
        let mut said = BufReader::new(running.0.stderr.take().unwrap()).lines();
        let said = said.next().unwrap().unwrap();
        let taken_back = before.len().min(2);
        assert!(
            said.contains(&format!("room: an append failed, and the last {taken_back} obs")),
            "{said}"
        );
        store.append(Observation::new(NOON + 40 * SECOND, 50.0)).unwrap();
        for n in 0..others {
            assert_eq!(value(), format!("{n}.0"));
        }
        assert_eq!(value(), "50.0");
    }
}
