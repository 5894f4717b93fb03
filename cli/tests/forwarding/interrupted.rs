//! The forwarder is killed, its cursor is lost, the store changes under it: all arrives.

use std::io::read_to_string;
use std::os::unix::fs::FileExt;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::*;

#[test]
fn a_killed_forwarder_and_a_lost_cursor_cost_nothing() {
    const ALL: u64 = 300_000;
    let bench = Bench::holding(ALL);
    let receiver = Receiver::start(|_| Act::Take);
    for kill in 0..5 {
        let before = receiver.messages();
        // Killed while messages are taken, or while one is not.
        receiver.behave(move |message| match kill % 2 == 0 && message.number > before + 3 {
            true => Act::Answer(503, "", ""),
            false => Act::TakeSlowly(Duration::from_millis(30)),
        });
        let mut running = bench.start(&receiver);
        wait_until(|| receiver.messages() > before + 4);
        running.0.kill().unwrap();
        running.0.wait().unwrap();
        let path = bench.cursor_path(&receiver);
        match kill {
            1 => fs::remove_file(path).unwrap(),
            3 => {
                let mut bytes = fs::read(&path).unwrap();
                let at = bytes.len() / 2;
                bytes[at] ^= 1;
                fs::write(path, bytes).unwrap();
            }
            _ => {}
        }
    }
    receiver.behave(|_| Act::Take);
    let ran = bench.once(&receiver);
    succeeded(&ran);
    assert_eq!(receiver.samples(), samples(0..ALL));
    assert!(receiver.again() > 0, "something was sent twice");
}

#[test]
fn a_corrupt_cursor_is_reported() {
    let bench = Bench::holding(3);
    let receiver = Receiver::start(|_| Act::Take);
    succeeded(&bench.once(&receiver));
    fs::write(bench.cursor_path(&receiver), "{}").unwrap();
    let ran = bench.once(&receiver);
    assert_eq!(ran.status, Some(0));
    assert!(ran.stderr.contains("is corrupt (missing field"), "{ran:?}");
    assert_eq!((receiver.samples(), receiver.again()), (samples(0..3), 3));
}

#[test]
fn another_store_in_its_place_is_sent_from_its_beginning() {
    let bench = Bench::holding(5);
    let receiver = Receiver::start(|_| Act::Take);
    succeeded(&bench.once(&receiver));
    let cursor = fs::read(bench.cursor_path(&receiver)).unwrap();
    fs::remove_dir_all(&bench.store).unwrap();
    append(&bench.store, 5..15);
    fs::write(bench.cursor_path(&receiver), cursor).unwrap();
    let ran = bench.once(&receiver);
    assert_eq!(ran.status, Some(0));
    assert!(ran.stderr.contains("another store has replaced"), "{ran:?}");
    assert_eq!((receiver.samples(), receiver.again()), (samples(0..15), 0));
}

#[test]
fn an_older_copy_in_its_place_is_noticed() {
    let bench = Bench::holding(5);
    let receiver = Receiver::start(|_| Act::Take);
    program::tool::ran(bench.dir.path(), &["copy", "room.log", "copy"]).succeeds();
    append(&bench.store, 5..9);
    succeeded(&bench.once(&receiver));
    let cursor = fs::read(bench.cursor_path(&receiver)).unwrap();
    fs::remove_dir_all(&bench.store).unwrap();
    fs::rename(bench.dir.path().join("copy"), &bench.store).unwrap();
    fs::write(bench.cursor_path(&receiver), cursor).unwrap();
    let ran = bench.once(&receiver);
    assert_eq!(ran.status, Some(0));
    assert!(ran.stderr.contains("so it is an older copy"), "{ran:?}");
    assert_eq!(bench.cursor(&receiver)["next"], 5);
}

#[test]
fn a_store_that_is_replaced_meanwhile_is_followed() {
    let bench = Bench::holding(5);
    let receiver = Receiver::start(|_| Act::Take);
    let _running = bench.start(&receiver);
    wait_until(|| receiver.samples().len() == 5);
    append(&bench.dir.path().join("other"), 5..9);
    fs::rename(&bench.store, bench.dir.path().join("old")).unwrap();
    fs::rename(bench.dir.path().join("other"), &bench.store).unwrap();
    wait_until(|| receiver.samples().len() == 9);
    assert_eq!(receiver.again(), 0);
}

/// The copy has the same id, and more observations than were sent, when it is looked at.
#[test]
fn a_copy_that_went_on_in_its_place_is_sent_from_its_beginning() {
    let bench = Bench::holding(50);
    let copy = bench.dir.path().join("copy");
    program::tool::ran(bench.dir.path(), &["copy", "room.log", "copy"]).succeeds();
    append(&copy, 1_000..1_080);
    append(&bench.store, 50..100);
    let receiver = Receiver::start(|_| Act::Take);
    let mut running = bench.start(&receiver);
    wait_until(|| receiver.samples().len() == 100);
    exchange(&bench.store, &copy);
    wait_until(|| receiver.samples().len() == 180);
    assert_eq!(receiver.samples(), [samples(0..100), samples(1_000..1_080)].concat());
    running.signal(Signal::TERM);
    running.0.wait().unwrap();
    assert_eq!(bench.cursor(&receiver)["next"], 130);
}

/// Without a moment in which there is none.
pub(crate) fn exchange(one: &Path, other: &Path) {
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
}

/// Puts the files of `copy` into the store's directory, in place of all but the cursors.
fn restore_copy(bench: &Bench) {
    for name in program::names_in(&bench.store).iter().filter(|it| !it.starts_with("forward-")) {
        fs::remove_file(bench.store.join(name)).unwrap();
    }
    let copy = bench.dir.path().join("copy");
    for name in program::names_in(&copy) {
        fs::rename(copy.join(&name), bench.store.join(name)).unwrap();
    }
}

/// Its files are put into the directory that is there.
#[test]
fn a_store_that_is_restored_meanwhile_is_sent_from_its_beginning() {
    let bench = Bench::holding(50);
    program::tool::ran(bench.dir.path(), &["copy", "room.log", "copy"]).succeeds();
    append(&bench.store, 50..100);
    let receiver = Receiver::start(|_| Act::Take);
    let running = bench.start(&receiver);
    wait_until(|| receiver.samples().len() == 100);
    running.signal(Signal::STOP);
    restore_copy(&bench);
    running.signal(Signal::CONT);
    wait_until(|| receiver.again() == 50);
    append(&bench.store, 1_000..1_080);
    wait_until(|| receiver.samples().len() == 180);
}

/// With its own cursor, and it grows beyond the newer one before it is looked at.
#[test]
fn a_store_that_is_restored_and_grows_meanwhile_is_sent_from_its_beginning() {
    let bench = Bench::holding(50);
    let receiver = Receiver::start(|_| Act::Take);
    succeeded(&bench.once(&receiver));
    program::tool::ran(bench.dir.path(), &["copy", "room.log", "copy"]).succeeds();
    let cursor = fs::read(bench.cursor_path(&receiver)).unwrap();
    append(&bench.store, 50..100);
    let running = bench.start(&receiver);
    wait_until(|| receiver.samples().len() == 100);
    running.signal(Signal::STOP);
    restore_copy(&bench);
    fs::write(bench.cursor_path(&receiver), cursor).unwrap();
    append(&bench.store, 1_000..1_080);
    running.signal(Signal::CONT);
    wait_until(|| receiver.samples().len() == 180);
}

/// Its log was lost, so the repair uses the numbers of what was sent again.
#[test]
fn a_store_that_was_repaired_and_has_grown_is_sent_from_its_beginning() {
    let bench = Bench::holding(100);
    let receiver = Receiver::start(|_| Act::Take);
    succeeded(&bench.once(&receiver));
    fs::remove_file(log_of(&bench.store)).unwrap();
    ran(bench.dir.path(), &["repair", "room.log"]);
    append(&bench.store, 1_000..1_150);
    let ran = bench.once(&receiver);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("so it was repaired or is an older copy"), "{ran:?}");
    assert_eq!(receiver.samples(), [samples(0..100), samples(1_000..1_150)].concat());
    succeeded(&bench.once(&receiver));
    assert_eq!(receiver.again(), 0);
}

fn log_of(store: &Path) -> PathBuf {
    let names = program::names_in(store);
    store.join(names.iter().find(|name| name.ends_with(".log")).unwrap())
}

/// It cannot be compared with what was sent.
#[test]
fn a_last_observation_that_is_damaged_or_removed_sends_nothing_again() {
    for is_removed in [false, true] {
        let bench = Bench::holding(65_536);
        let receiver = Receiver::start(|_| Act::Take);
        succeeded(&bench.once(&receiver));
        append(&bench.store, 65_536..65_540);
        if is_removed {
            let trim = ["trim", "room.log", "--keep-bytes", "1kB"];
            ran(bench.dir.path(), &trim).succeeds();
        } else {
            let names = program::names_in(&bench.store);
            let chunk = names.iter().find(|name| name.ends_with(".chunk")).unwrap();
            let mut bytes = fs::read(bench.store.join(chunk)).unwrap();
            bytes.iter_mut().for_each(|byte| *byte ^= 1);
            fs::write(bench.store.join(chunk), bytes).unwrap();
        }
        succeeded(&bench.once(&receiver));
        assert_eq!((receiver.samples(), receiver.again()), (samples(0..65_540), 0));
    }
}

/// The last mark of its log goes and comes back. The cursor in memory was forgotten, and the
/// one in the file is up to a minute older.
#[test]
fn a_store_of_which_less_is_durable_for_a_moment_is_sent_once() {
    let bench = Bench::holding(50);
    append(&bench.store, 50..100);
    let receiver = Receiver::start(|_| Act::Take);
    let _running = bench.start(&receiver);
    wait_until(|| receiver.samples().len() == 100);
    let log = log_of(&bench.store);
    let bytes = fs::read(&log).unwrap();
    let mark = bytes.iter().rposition(|byte| *byte != 0).unwrap() / 16 * 16;
    let file = fs::File::options().write(true).open(&log).unwrap();
    file.write_all_at(&[0; 16], mark.try_into().unwrap()).unwrap();
    assert_eq!(Options::new().snapshot(&bench.store).unwrap().durable_end(), 50);
    wait_until(|| receiver.again() > 0 || bench.cursor(&receiver)["next"] == 100);
    file.write_all_at(&bytes[mark..mark + 16], mark.try_into().unwrap()).unwrap();
    append(&bench.store, 100..110);
    wait_until(|| receiver.samples().len() == 110);
    assert_eq!(receiver.again(), 0);
}

#[test]
fn what_retention_removed_unsent_is_counted() {
    let bench = Bench::holding(10);
    let receiver = Receiver::start(|_| Act::Take);
    succeeded(&bench.once(&receiver));
    append(&bench.store, 10..140_000);
    program::tool::ran(bench.dir.path(), &["trim", "room.log", "--keep-bytes", "1kB"]).succeeds();
    let ran = bench.once(&receiver);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("131,062 observations from 10 on were removed"), "{ran:?}");
    assert_eq!(bench.cursor(&receiver)["removed"], 131_062);
    let arrived = [samples(0..10), samples(131_072..140_000)].concat();
    assert_eq!(receiver.samples(), arrived);
}

#[test]
fn what_damage_has_cost_is_reported_and_the_rest_arrives() {
    let bench = Bench::holding(5_000);
    let log = log_of(&bench.store);
    let mut bytes = fs::read(&log).unwrap();
    bytes[50_000] ^= 0x10;
    fs::write(&log, bytes).unwrap();
    let receiver = Receiver::start(|_| Act::Take);
    let ran = bench.once(&receiver);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("not sent, because it cannot be read: "), "{ran:?}");
    let cursor = bench.cursor(&receiver);
    let lost = cursor["unreadable"].as_u64().unwrap();
    assert!(lost > 0 && cursor["next"] == 5_000, "{cursor}");
    assert_eq!(receiver.samples().len() as u64, 5_000 - lost);
}

#[test]
fn two_forwarders_do_not_share_a_cursor() {
    let bench = Bench::holding(1);
    let receiver = Receiver::start(|_| Act::Take);
    let _running = bench.start(&receiver);
    wait_until(|| receiver.messages() > 0);
    let ran = bench.once(&receiver);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("another process forwards this store"), "{ran:?}");
    succeeded(&bench.forward(&receiver, &["--once", "--cursor", "mine"]));
}

#[test]
fn a_signal_ends_the_wait_for_a_dead_receiver() {
    let bench = Bench::holding(1);
    let receiver = Receiver::start(|_| Act::Answer(503, "Retry-After: 3600\r\n", ""));
    for signal in [Signal::TERM, Signal::INT] {
        let before = receiver.messages();
        let mut running = bench.start(&receiver);
        wait_until(|| receiver.messages() > before);
        running.signal(signal);
        wait_until(|| running.0.try_wait().unwrap().is_some());
        assert_eq!(running.0.wait().unwrap().code(), Some(0));
    }
    // Retention is to wait for it from the beginning.
    assert_eq!(
        (&bench.cursor(&receiver)["next"], &bench.cursor(&receiver)["sent"]),
        (&0.into(), &0.into())
    );
}

#[test]
fn a_signal_before_everything_was_sent_is_a_failure_where_it_was_to_end() {
    let bench = Bench::holding(1);
    let receiver = Receiver::start(|_| Act::Answer(503, "", ""));
    let url = receiver.url();
    let arguments = ["forward", "room.log", "--to", &url, "--once"];
    let mut running = Running::of(tool(bench.dir.path(), &arguments));
    wait_until(|| receiver.messages() > 0);
    running.signal(Signal::TERM);
    wait_until(|| running.0.try_wait().unwrap().is_some());
    assert_eq!(running.0.wait().unwrap().code(), Some(1));
    let said = read_to_string(running.0.stderr.take().unwrap()).unwrap();
    assert!(said.contains("error: ") && said.contains("ended by a signal before"), "{said}");
}
