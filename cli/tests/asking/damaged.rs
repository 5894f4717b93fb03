//! Answers about stores that are damaged, or cannot be read.

use super::*;

/// Flips a bit in the log of a store.
fn damage(store: &Path) {
    let names = names_in(store);
    let log: PathBuf = store.join(names.iter().find(|name| name.ends_with(".log")).unwrap());
    let file = fs::OpenOptions::new().read(true).write(true).open(log).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 40_000).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], 40_000).unwrap();
}

#[test]
fn damage_is_reported_and_costs_what_it_hit() {
    let all: Vec<_> = (0..10_000).map(|n| Observation::new(NOON + n * SECOND, n as f64)).collect();
    let dir = house(&[("attic", all.clone()), ("hall", all)]);
    damage(&dir.path().join("attic"));
    for arguments in
        [&["stats", "--json"][..], &["export"], &["tail", "-n", "10000"], &["info", "--json"]]
    {
        let store = dir.path().join("attic");
        let ran = tool(arguments, &[&store]);
        assert_eq!(ran.status, Some(1), "{arguments:?} {}", ran.stderr);
        assert!(ran.stderr.contains(".log, byte "), "{arguments:?} {}", ran.stderr);
        let rows = ran.stdout.lines().count();
        let expected = if arguments.contains(&"--json") { 1..2 } else { 7_000..10_000 };
        assert!(expected.contains(&rows), "{arguments:?} {rows}");
    }
    let ran = tool(&["stats", "--json"], &[dir.path()]);
    assert_eq!(ran.status, Some(1));
    let rows = lines(&ran);
    assert_eq!(rows[1]["count"], 10_000, "the other is whole");
    assert!((7_000..10_000).contains(&rows[0]["count"].as_u64().unwrap()));
}

#[test]
fn a_store_that_cannot_be_read_costs_no_other() {
    let one = || vec![Observation::new(NOON, 1.5)];
    let dir = house(&[("attic", one()), ("hall", one()), ("room", one())]);
    fs::write(dir.path().join("hall/manifest"), "gone").unwrap();
    let picture = dir.path().join("house.svg");
    for arguments in [
        &["stats"][..],
        &["stats", "--merge"],
        &["info"],
        &["tail"],
        &["plot"],
        &["plot", "-o", picture.to_str().unwrap()],
    ] {
        let ran = tool(arguments, &[dir.path()]);
        assert_eq!((ran.status, ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
        assert!(ran.stderr.contains("hall/manifest"), "{ran:?}");
        let text = ran.stdout + &fs::read_to_string(&picture).unwrap_or_default();
        let both = text.contains("attic") && text.contains("room");
        assert!(both || text.contains("2 stores"), "{text}");
    }
    // Alone, there is nothing else to say.
    for command in ["stats", "tail", "plot"] {
        tool(&[command], &[&dir.path().join("hall")]).fails_naming(&["hall/manifest"]);
    }
}
