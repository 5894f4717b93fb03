//! Commands that keep stores in order, on a folder of them: one that fails does not keep
//! the others from being done.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use gaugelog::{Observation, Store};
use program::{Bench, Ran, TOOL, install, names_in, program};
use serde_json::Value;
use tempfile::TempDir;

/// A folder `house` with these stores in it, of so many observations each, and a file that
/// is none.
fn house(stores: &[(&str, u32)]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let house = dir.path().join("house");
    fs::create_dir(&house).unwrap();
    fs::write(house.join("notes.txt"), "no store").unwrap();
    for (name, count) in stores {
        let bench = Bench::holding(&(0..*count).map(f64::from).collect::<Vec<_>>());
        let copied = fs::create_dir(house.join(name));
        copied.unwrap();
        for file in names_in(&bench.store) {
            fs::copy(bench.store.join(&file), house.join(name).join(&file)).unwrap();
        }
    }
    (dir, house)
}

fn tool(arguments: &[&str], paths: &[&Path]) -> Ran {
    let mut command = program(TOOL);
    command.args(arguments).args(paths);
    Ran::of(command)
}

fn damage(store: &Path) {
    let log = names_in(store).into_iter().find(|name| name.ends_with(".log")).unwrap();
    flip(&store.join(log));
}

fn flip(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    bytes[20_000] ^= 0x10;
    fs::write(file, bytes).unwrap();
}

fn lines(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_damaged_store_is_reported_and_repaired_beside_sound_ones() {
    let (_dir, house) = house(&[("attic", 3_000), ("hall", 3_000), ("room", 3_000)]);
    tool(&["verify"], &[&house]).succeeds();
    damage(&house.join("hall"));

    let ran = tool(&["verify"], &[&house]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert_eq!(ran.stdout.matches("every checksum matches").count(), 2, "{ran:?}");
    assert!(ran.stderr.contains("the store is damaged in "), "{ran:?}");
    assert!(ran.stderr.contains("house/hall` accepts the loss"), "{ran:?}");

    let ran = tool(&["verify", "--json"], &[&house]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let damaged: Vec<bool> =
        lines(&ran).iter().map(|it| !it["damage"].as_array().unwrap().is_empty()).collect();
    assert_eq!(damaged, [false, true, false]);

    let repaired = lines(&tool(&["repair", "--json"], &[&house]).succeeds());
    let lost: Vec<u64> = repaired.iter().map(|it| it["lost"].as_u64().unwrap()).collect();
    assert!(lost[0] == 0 && lost[1] > 0 && lost[2] == 0, "{lost:?}");
    let readable: u64 = lines(&tool(&["verify", "--json"], &[&house]).succeeds())
        .iter()
        .map(|it| it["readable"].as_u64().unwrap())
        .sum();
    assert_eq!(readable, 9_000 - lost[1]);
}

#[test]
fn a_folder_is_copied_store_by_store() {
    let (dir, house) = house(&[("hall", 3_000), ("room", 70_000), ("shed", 10)]);
    let copy = dir.path().join("copy");
    tool(&["copy"], &[&house, &copy]).succeeds();
    assert_eq!(names_in(&copy), ["hall", "room", "shed"]);
    let both = lines(&tool(&["verify", "--json"], &[&copy]).succeeds());
    let counts: Vec<u64> = both.iter().map(|it| it["observations"].as_u64().unwrap()).collect();
    assert_eq!(counts, [3_000, 70_000, 10]);

    // Damage is copied and reported, and the others follow.
    damage(&house.join("hall"));
    let ran = tool(&["copy"], &[&house, &dir.path().join("damaged")]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert_eq!(names_in(&dir.path().join("damaged")), ["hall", "room", "shed"]);

    // So is what a chunk has lost, and a chunk that is missing altogether.
    let chunk = house.join("room/0000000000.chunk");
    flip(&chunk);
    let copied = |name: &str, said: &str| {
        let to = dir.path().join(name);
        let ran = tool(&["copy"], &[&house.join("room"), &to]);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert!(ran.stdout.ends_with(" of 70,000 observations copied\n"), "{ran:?}");
        assert!(ran.stderr.contains(said), "{ran:?}");
        to
    };
    copied("flipped", "the store is damaged in 1 place");
    fs::remove_file(&chunk).unwrap();
    let without = copied("without", "0000000000.chunk is missing; 65536 observations are lost");
    let rest = tool(&["verify", "--json"], &[&without]);
    assert_eq!(lines(&rest)[0]["readable"], 70_000 - 65_536);

    // Neither over a copy nor into what cannot be.
    let ran = tool(&["copy"], &[&house, &copy]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 3, "{ran:?}");
    let above = ["none/copy", "create the directory above it first"];
    tool(&["copy"], &[&house, &dir.path().join("none/copy")]).fails_naming(&above);
    tool(&["copy"], &[&house, &copy.join("room")]).fails_naming(&["copy/room: this is a store"]);
    assert!(!copy.join("room/hall").exists());
}

#[test]
fn all_stores_that_are_named_are_sealed_and_trimmed() {
    let (_dir, house) = house(&[("hall", 10), ("room", 140_000)]);
    let (hall, room) = (house.join("hall"), house.join("room"));
    let ran = tool(&["seal"], &[&hall, &room]).succeeds();
    assert_eq!(ran.stdout.matches(": sealed\n").count(), 2, "{ran:?}");

    let trimmed = lines(&tool(&["trim", "--json", "--keep-bytes", "1kB"], &[&house]).succeeds());
    let removed: Vec<u64> = trimmed.iter().map(|it| it["removed"].as_u64().unwrap()).collect();
    assert_eq!(removed, [0, 131_072]);
}

/// A store of observations of 1970. The eleventh may have another time.
fn old(path: &Path, time_ns: i64) {
    let mut rows: Vec<_> =
        (0..140_000).map(|n| Observation::new(n, (n * 7_919 % 1_013) as f64 / 7.0)).collect();
    rows[10].timestamp_ns = time_ns;
    let store = Store::create(path).unwrap();
    store.append_batch(&rows).unwrap();
    store.seal().unwrap();
}

/// As of a machine whose clock was wrong once.
#[test]
fn a_time_in_the_future_that_keeps_old_observations_is_named() {
    let (_dir, house) = house(&[]);
    let (room, shed) = (house.join("room"), house.join("shed"));
    old(&room, 10);
    old(&shed, 7_258_118_400_000_000_000);
    let ran = tool(&["trim", "--keep", "1d"], &[&room, &shed]).succeeds();
    let printed: Vec<&str> = ran.stdout.lines().collect();
    assert!(printed[0].ends_with("room: 131,072 observations removed"), "{ran:?}");
    let why = "shed: 0 observations removed; the oldest chunk is kept, because it has a time that \
               has not come yet, 2200-01-01T00:00:00Z; --keep-bytes removes it";
    assert!(printed[1].ends_with(why), "{ran:?}");
}

#[test]
fn a_repair_says_what_it_cannot_know_and_what_stays() {
    let (_dir, house) = house(&[]);
    let room = house.join("room");
    old(&room, 10);
    let chunk = room.join("0000000001.chunk");
    let bytes = fs::metadata(&chunk).unwrap().len();
    let file = fs::File::options().write(true).open(&chunk).unwrap();
    file.write_all_at(&[0x55; 64], bytes / 2).unwrap();
    let text = tool(&["repair"], &[&room]).succeeds().stdout;
    assert!(text.contains("what was computed of a page before it was lost stays"), "{text}");
    let text = tool(&["verify"], &[&room]).succeeds().stdout;
    assert!(text.contains("those of a page count what was lost from it later"), "{text}");

    fs::remove_file(room.join("0000000000.chunk")).unwrap();
    fs::remove_file(room.join("manifest")).unwrap();
    let text = tool(&["repair"], &[&room]).succeeds().stdout;
    let line = "it begins with observation 65,536: those before it were removed by retention, or \
                are lost\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn a_name_that_is_not_utf_8_is_printed_as_well_as_can_be() {
    let (dir, house) = house(&[("b", 10), ("z", 10)]);
    fs::rename(house.join("b"), house.join(OsStr::from_bytes(b"b\xff"))).unwrap();
    let copy = |to: &str| ("copy", vec![house.clone(), dir.path().join(to)]);
    let there = |command| (command, vec![house.clone()]);
    for (command, to) in [
        there("verify"),
        there("repair"),
        there("seal"),
        there("trim --keep 1d"),
        copy("text"),
        there("verify --json"),
        there("repair --json"),
        there("seal --json"),
        there("trim --keep 1d --json"),
        copy("json"),
        there("info --json"),
        there("status --json --log"),
    ] {
        let arguments: Vec<&str> = command.split(' ').collect();
        let paths: Vec<&Path> = to.iter().map(PathBuf::as_path).collect();
        let ran = tool(&arguments, &paths).succeeds();
        let (first, second) = ran.stdout.split_once('\n').unwrap();
        assert!(first.contains("b\u{fffd}") && second.contains('z'), "{command}: {ran:?}");
        assert!(!ran.stdout.contains("\"error\""), "{command}: {ran:?}");
    }
}

#[test]
fn a_folder_without_a_store_is_an_error_with_a_way_out() {
    let (_dir, house) = house(&[]);
    for command in ["verify", "repair", "seal"] {
        tool(&[command], &[&house]).fails_naming(&["house", "a folder with stores in it"]);
    }
}

#[test]
fn a_store_without_its_manifest_is_damaged_and_repaired() {
    let (_dir, house) = house(&[("attic", 10), ("hall", 10)]);
    let hall = house.join("hall");
    fs::remove_file(hall.join("manifest")).unwrap();
    for command in ["verify", "stats", "info", "tail", "trim --keep 1d"] {
        let arguments: Vec<&str> = command.split(' ').collect();
        let ran = tool(&arguments, &[&house]);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        let way_out =
            format!("manifest of this store is missing; `gaugelog repair {}", hall.display());
        assert!(ran.stderr.contains(&way_out), "{ran:?}");
    }
    let file = house.join("file.csv");
    fs::write(&file, "time,value\n1970-01-01,1\n").unwrap();
    let missing = "the manifest of this store is missing";
    tool(&["import"], &[&hall, &file]).fails_naming(&[missing, "gaugelog repair"]);
    tool(&["add", "--create"], &[&hall, Path::new("1")]).fails_naming(&[missing]);
    // A copy that was cut off is like that, and is no store to repair.
    tool(&["copy"], &[&house.join("attic"), &hall]).fails_naming(&["a name that is free"]);
    let verified = lines(&tool(&["verify", "--json"], &[&house]));
    assert!(verified[1]["unreadable"].as_str().unwrap().contains("gaugelog repair"));
    let repaired = lines(&tool(&["repair", "--json"], &[&hall]).succeeds());
    assert_eq!((&repaired[0]["manifest_rebuilt"], &repaired[0]["lost"]), (&true.into(), &0.into()));
    let both = lines(&tool(&["verify", "--json"], &[&house]).succeeds());
    assert_eq!(both.iter().map(|it| it["readable"].as_u64().unwrap()).sum::<u64>(), 20);

    // A log is needed; the advice is not to repair again.
    for file in names_in(&hall).iter().filter(|it| *it == "manifest" || it.ends_with(".log")) {
        fs::remove_file(hall.join(file)).unwrap();
    }
    fs::write(hall.join("ballast"), "").unwrap();
    tool(&["repair"], &[&hall]).fails_naming(&["hall", "a folder with stores in it"]);
    fs::write(hall.join("0000000000.chunk"), "").unwrap();
    tool(&["repair"], &[&hall]).fails_naming(&["hall", "restore a copy"]);
}

/// `gaugelog` as a user without rights; `None` without the rights to become one.
fn as_another_user(dir: &Path, arguments: &[&str], path: &Path) -> Option<Ran> {
    let setpriv = |command: &mut Command| {
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    };
    let mut possible = Command::new("setpriv");
    setpriv(&mut possible);
    if !possible.arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("NOT TESTED: becoming another user takes root, which this is not");
        return None;
    }
    fs::set_permissions(dir, Permissions::from_mode(0o755)).unwrap();
    let copy = dir.join("gaugelog");
    if !copy.exists() {
        install(TOOL, &copy);
    }
    let mut command = Command::new("setpriv");
    setpriv(&mut command);
    command.arg(copy).args(arguments).arg(path).current_dir(dir);
    Some(Ran::of(command))
}

#[test]
fn what_may_not_be_read_is_no_empty_folder() {
    let (dir, house) = house(&[("hall", 10), ("room", 10)]);
    let allow =
        |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let run = |arguments: &[&str]| as_another_user(dir.path(), arguments, &house);
    // A file system's own directory, as mkfs makes it.
    fs::create_dir(house.join("lost+found")).unwrap();
    allow(&house.join("lost+found"), 0o700);
    let Some(ran) = run(&["verify"]) else { return };
    assert_eq!(ran.succeeds().stdout.matches("every checksum matches").count(), 2);

    // A store of somebody else fails the command, and the others are done.
    allow(&house.join("hall"), 0o700);
    let ran = run(&["verify"]).unwrap();
    assert_eq!((ran.status, ran.stdout.matches("every checksum matches").count()), (Some(1), 1));
    assert!(ran.stderr.contains("hall/manifest: "), "{ran:?}");
    assert!(ran.stderr.contains("a user who may read there"), "{ran:?}");

    allow(&house, 0o711);
    for command in ["verify", "stats", "status --log"] {
        let ran = run(&command.split(' ').collect::<Vec<_>>()).unwrap();
        ran.fails_naming(&["house: cannot list the folder: Permission denied", "may read there"]);
    }
}

#[test]
fn a_chunk_that_may_not_be_read_hides_no_other_store() {
    let (dir, house) = house(&[("hall", 70_000), ("room", 10)]);
    assert_eq!(tool(&["seal"], &[&house.join("hall")]).status, Some(0));
    let chunk = house.join("hall/0000000000.chunk");
    fs::set_permissions(&chunk, Permissions::from_mode(0o600)).unwrap();
    let run = |arguments: &[&str], path: &Path| as_another_user(dir.path(), arguments, path);
    let medians = ["stats", "--every", "1h", "--quantile", ".5"];
    for arguments in [&["stats"][..], &medians, &["tail", "-n", "100000"]] {
        let Some(ran) = run(arguments, &house) else { return };
        assert_eq!((ran.status, ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
        assert!(ran.stderr.contains("hall/0000000000.chunk: "), "{ran:?}");
        assert!(ran.stdout.contains("room"), "{ran:?}");
        let alone = run(arguments, &house.join("hall")).unwrap();
        assert_eq!((alone.status, alone.stdout.as_str()), (Some(1), ""), "{alone:?}");
    }
    let merged = run(&["stats", "--merge"], &house).unwrap();
    assert_eq!((merged.status, merged.stdout.as_str()), (Some(1), ""), "{merged:?}");
}
