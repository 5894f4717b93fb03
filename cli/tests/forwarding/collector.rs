//! `[[forward]]` in the files of a collector.

use std::collections::BTreeMap;

use super::*;

/// A collector with a file, in a folder of its own.
struct Collecting {
    dir: TempDir,
    running: Running,
}

impl Collecting {
    fn begin(text: &str) -> Self {
        Self::begin_in(tempfile::tempdir().unwrap(), text)
    }

    fn begin_in(dir: TempDir, text: &str) -> Self {
        fs::write(dir.path().join("house.toml"), text).unwrap();
        let arguments = ["collect", "--config", "house.toml", "--log", "house", "--quiet"];
        let running = Running::of(tool(dir.path(), &arguments));
        // Now it heeds signals.
        wait_until(|| dir.path().join("house").exists());
        Self { dir, running }
    }

    fn reload(&self, text: &str) {
        fs::write(self.dir.path().join("house.toml"), text).unwrap();
        self.running.signal(Signal::HUP);
    }

    fn stored(&self, store: &str) -> u64 {
        let taken = Options::new().snapshot(self.dir.path().join("house").join(store));
        taken.map_or(0, |snapshot| snapshot.len())
    }

    fn end(&mut self) -> Option<i32> {
        self.running.signal(Signal::TERM);
        wait_until(|| self.running.0.try_wait().unwrap().is_some());
        self.running.0.wait().unwrap().code()
    }
}

fn sources(names: &[&str]) -> String {
    let source = |name: &&str| format!("[source.{name}]\nspec = 'normal'\nevery = '20ms'\n");
    names.iter().map(source).collect()
}

fn forward(receiver: &Receiver, rest: &str) -> String {
    format!("[[forward]]\nto = '{}'\nevery = '20ms'\n{rest}\n", receiver.url())
}

fn series(receiver: &Receiver) -> Vec<String> {
    receiver.stored().into_keys().collect()
}

#[test]
fn a_collector_forwards_what_it_collects() {
    let receiver = Receiver::start(|_| Act::Take);
    let rest = "labels = { host = 'box' }\n";
    let mut collecting =
        Collecting::begin(&(sources(&["attic", "hall"]) + &forward(&receiver, rest)));
    wait_until(|| series(&receiver).len() == 2);
    let before = receiver.messages();
    wait_until(|| receiver.messages() > before + 5);
    assert_eq!(collecting.end(), Some(0));
    // The rest goes with the next start.
    let url = receiver.url();
    let rest = ["forward", "house", "--once", "--label", "host=box", "--to", &url];
    succeeded(&ran(collecting.dir.path(), &rest));
    let stored = receiver.stored();
    for name in ["attic", "hall"] {
        let snapshot = Options::new().snapshot(collecting.dir.path().join("house").join(name));
        let expected: BTreeMap<i64, f64> = snapshot
            .unwrap()
            .by_sequence(..)
            .map(|row| row.map(|(_, it)| (it.timestamp_ns / 1_000_000, it.value)).unwrap())
            .collect();
        assert_eq!(stored[&format!("__name__={name},host=box")], expected);
    }
    assert_eq!(receiver.again(), 0);
}

/// Its stores are created after the destination has begun: that was an error, and the first
/// batch waited for as long as one that follows.
#[test]
fn the_first_start_reports_no_error_and_the_first_batch_is_not_held_up() {
    let receiver = Receiver::start(|_| Act::Take);
    let forward = format!("[[forward]]\nto = '{}'\nevery = '1h'\n", receiver.url());
    let mut collecting = Collecting::begin(&(sources(&["attic"]) + &forward));
    wait_until(|| series(&receiver).len() == 1);
    assert_eq!(collecting.end(), Some(0));
    let said = std::io::read_to_string(collecting.running.0.stderr.take().unwrap()).unwrap();
    assert!(!said.contains("error"), "{said}");
}

/// Each receiver holds the forwarder up for as long as the test runs.
#[test]
fn polls_go_on_and_the_collector_ends_whatever_a_receiver_does() {
    let hour = Duration::from_secs(3_600);
    for act in [
        Act::TakeSlowly(hour),
        Act::Answer(503, "Retry-After: 3600\r\n", ""),
        Act::Answer(404, "", ""),
        Act::Garbage,
        Act::Nothing,
    ] {
        let receiver = Receiver::start(move |_| act);
        let rest = "timeout = '1h'";
        let mut collecting = Collecting::begin(&(sources(&["attic"]) + &forward(&receiver, rest)));
        wait_until(|| receiver.messages() > 0);
        let before = collecting.stored("attic");
        wait_until(|| collecting.stored("attic") > before + 50);
        assert_eq!(collecting.end(), Some(0), "{act:?}");
        assert_eq!(receiver.again(), 0);
    }
}

#[test]
fn destinations_come_and_go_with_the_file() {
    let [one, two] = [(), ()].map(|()| Receiver::start(|_| Act::Take));
    let stores = sources(&["attic", "hall"]);
    let mut collecting = Collecting::begin(&stores);
    collecting.reload(&(stores.clone() + &forward(&one, "stores = ['attic']")));
    wait_until(|| series(&one).len() == 1);
    // What is wrong changes nothing.
    collecting.reload(&(stores.clone() + &forward(&one, "stores = ['cellar']")));
    let before = one.messages();
    wait_until(|| one.messages() > before + 3);
    assert_eq!(series(&one).len(), 1);
    // It is sent with another label, and to another one.
    let both = forward(&one, "labels = { zone = 'a' }") + &forward(&two, "");
    collecting.reload(&(stores.clone() + &both));
    wait_until(|| series(&one).len() == 3 && series(&two).len() == 2);
    collecting.reload(&(stores + &forward(&two, "")));
    let said = || fs::read_dir(collecting.dir.path().join("house/attic")).unwrap().count();
    let (before, files) = (two.messages(), said());
    wait_until(|| two.messages() > before + 3);
    let last = one.messages();
    let before = two.messages();
    wait_until(|| two.messages() > before + 5);
    assert_eq!((one.messages(), said()), (last, files), "it is sent nothing any more");
    assert_eq!(collecting.end(), Some(0));
    assert_eq!((one.again(), two.again()), (0, 0));
}

#[test]
fn a_check_shows_the_series_and_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let text = sources(&["attic", "hall"])
        + "[[forward]]\nto = 'http://me:hunter2@h/write?key=hunter2'\nmetric = 'celsius'\n\
           stores = ['hall']\nlabels = { host = 'box' }\n";
    fs::write(dir.path().join("house.toml"), text).unwrap();
    let said = ran(dir.path(), &["config", "check", "house.toml"]).succeeds().stdout;
    for part in [
        "house.toml:7: forward to http://…@h/write?…\n",
        "  store                   hall, as celsius{host=\"box\",store=\"hall\"}\n",
        "  every                   5s\n",
        "  cursor                  forward-h-write.json\n",
        "2 sources, 2 stores, 1 destination: nothing is wrong\n",
    ] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn the_examples_of_the_documentation_are_understood() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("monitor-token"), "0815\n").unwrap();
    let example = |text: &'static str, begins: &str| {
        let blocks = text.split("```toml\n").skip(1).map(|it| it.split("```").next().unwrap());
        blocks.filter(|it| it.contains(begins)).collect::<Vec<_>>().concat()
    };
    let configuration = include_str!("../../../docs/configuration.md");
    let machines = include_str!("../../../docs/many-machines.md");
    for (text, series) in [
        (sources(&["cpu"]) + &example(configuration, "[[forward]]"), "cpu, as cpu{"),
        (example(machines, "[[forward]]"), "cpu, as celsius{"),
    ] {
        fs::write(dir.path().join("house.toml"), text).unwrap();
        let said = ran(dir.path(), &["config", "check", "house.toml"]).succeeds().stdout;
        assert!(said.contains(series) && said.contains("1 destination: nothing"), "{said}");
    }
}

/// Retention begins with the collector, and so does a destination that has no cursor yet.
#[test]
fn retention_at_the_start_and_at_a_reload_waits_for_a_new_destination() {
    let dir = tempfile::tempdir().unwrap();
    let rows: Vec<_> = (0..210_000).map(|n| Observation::new(n, 1.0)).collect();
    let room = dir.path().join("house/room");
    fs::create_dir(dir.path().join("house")).unwrap();
    Store::create(&room).unwrap().append_batch(&rows).unwrap();
    let source = |keep: &str| {
        // There is room enough, whatever the disk of the test has.
        format!(
            "[source.room]\nspec = 'normal'\nevery = '20ms'\nkeep = '{keep}'\nkeep_bytes = '1GB'\n"
        )
    };
    let receiver = Receiver::start(|_| Act::Answer(500, "", ""));
    let both = |keep: &str| source(keep) + &forward(&receiver, "");
    let mut collecting = Collecting::begin_in(dir, &both("30d"));
    let has_more = |collecting: &Collecting, than: u64| collecting.stored("room") > than;
    wait_until(|| has_more(&collecting, 210_050) || !has_more(&collecting, 200_000));
    assert!(has_more(&collecting, 210_000), "nothing is removed that is to be sent");
    assert_eq!(collecting.end(), Some(0));

    fs::remove_dir_all(&room).unwrap();
    Store::create(&room).unwrap().append_batch(&rows).unwrap();
    let mut collecting = Collecting::begin_in(collecting.dir, &source("30000d"));
    wait_until(|| has_more(&collecting, 210_010));
    collecting.reload(&both("30d"));
    wait_until(|| receiver.messages() > 0);
    let before = collecting.stored("room");
    wait_until(|| has_more(&collecting, before + 50) || !has_more(&collecting, 200_000));
    assert!(has_more(&collecting, 210_000), "nothing is removed that is to be sent");
    assert_eq!(collecting.end(), Some(0));
}
