//! What `gaugelog status` and `/metrics` say of destinations, and what retention leaves for
//! them.

use super::program::http::Server;
use super::program::tool::status;
use super::*;

/// What `status --json` says of the one destination.
fn seen(bench: &Bench) -> Value {
    let mut stores = status(bench.dir.path(), "room.log");
    stores.remove(0)["forward"].take()[0].take()
}

fn status_text(bench: &Bench) -> String {
    ran(bench.dir.path(), &["status", "--log", "room.log"]).succeeds().stdout
}

#[test]
fn status_and_metrics_say_how_far_it_is_and_what_is_wrong() {
    let bench = Bench::holding(7);
    let receiver = Receiver::start(|_| Act::Take);
    succeeded(&bench.once(&receiver));
    append(&bench.store, 7..10);
    receiver.behave(|_| Act::Answer(503, "Retry-After: 3600\r\n", "on \u{1b}fire"));
    let mut running = bench.start(&receiver);
    wait_until(|| seen(&bench)["failing_since"].is_string());
    let found = seen(&bench);
    assert_eq!(found["destination"], receiver.url());
    assert_eq!((&found["running"], &found["sent"]), (&true.into(), &7.into()), "{found}");
    assert_eq!((&found["behind"], &found["removed"]), (&3.into(), &0.into()), "{found}");
    assert!(found["behind_seconds"].as_f64() > Some(86_400.0), "{found}");
    assert_eq!(found["last_error"], "status 503: on \\u{1b}fire");
    assert!(found["next_try"].as_str() > found["failing_since"].as_str(), "{found}");
    let text = status_text(&bench);
    for part in [
        &format!("\n  forwarded to  {}\n", receiver.url()),
        "\n    sent        7, 3 behind, the oldest from 1",
        " days ago\n",
        "\n    failing     since 2",
        ", next try at 2",
        "Z status 503: on \\u{1b}fire\n",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let server = Server::of(bench.dir.path(), &[]);
    let metrics = server.get("/metrics").body;
    let labels = format!(
        "{{store=\"room.log\",destination=\"{}\",cursor=\"{}\"}}",
        receiver.url(),
        receiver.cursor()
    );
    for (name, value) in
        [("sent_total", "7.0"), ("behind", "3.0"), ("failing", "1.0"), ("running", "1.0")]
    {
        let line = format!("\ngaugelog_forward_{name}{labels} {value}\n");
        assert!(metrics.contains(&line), "no {line:?} in {metrics}");
    }
    running.signal(Signal::TERM);
    running.0.wait().unwrap();
    receiver.behave(|_| Act::Take);
    succeeded(&bench.once(&receiver));
    let found = seen(&bench);
    assert_eq!((&found["running"], &found["sent"]), (&false.into(), &10.into()), "{found}");
    assert_eq!((&found["behind"], &found["failing_since"]), (&0.into(), &Value::Null), "{found}");
    assert!(found["last_error"].is_string() && found["next_try"].is_null(), "{found}");
    let text = status_text(&bench);
    assert!(text.contains("    sent        10, all that is durable\n"), "{text}");
    assert!(text.contains("    stopped     no process forwards\n"), "{text}");
}

#[test]
fn a_check_names_a_destination_that_takes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| Act::Answer(404, "", ""));
    let text = format!(
        "[source.a]\nspec = 'normal'\nevery = '20ms'\n[[forward]]\nto = '{}'\n",
        receiver.url()
    );
    fs::write(dir.path().join("house.toml"), text).unwrap();
    let arguments = ["collect", "--config", "house.toml", "--log", "house", "--quiet"];
    let _running = Running::of(tool(dir.path(), &arguments));
    let check = || ran(dir.path(), &["status", "--log", "house", "--check"]);
    let said = format!("house/a: not sent to {} since 2", receiver.url());
    wait_until(|| check().stderr.contains(&said));
    assert!(check().stderr.contains("is it the address of remote write"), "{:?}", check());
}

/// No collector writes the store.
#[test]
fn a_check_of_a_folder_names_a_destination_that_takes_nothing() {
    let bench = Bench::holding(5);
    let receiver = Receiver::start(|_| Act::Answer(404, "", ""));
    let _running = bench.start(&receiver);
    let said = format!("room.log: not sent to {} since 2", receiver.url());
    let check = || ran(bench.dir.path(), &["status", "--log", ".", "--check"]);
    wait_until(|| check().stderr.contains(&said));
    assert_eq!(check().status, Some(1));
}

/// There is room enough, whatever the disk of the test has.
const OLD: [&str; 4] = ["--keep", "1d", "--keep-bytes", "1GB"];

#[test]
fn retention_waits_for_what_is_not_sent_unless_there_are_too_many_bytes() {
    let bench = Bench::holding(140_000);
    let receiver = Receiver::start(|message| match message.number {
        0 | 1 => Act::Take,
        _ => Act::Answer(404, "", ""),
    });
    let trim = |keep: &[&str]| {
        let arguments = [&["trim", "room.log", "--json"], keep].concat();
        ran(bench.dir.path(), &arguments).succeeds().json()["removed"].as_u64()
    };
    assert_eq!(bench.once(&receiver).status, Some(1));
    assert_eq!(bench.cursor(&receiver)["next"], 10_000);
    assert_eq!(trim(&OLD), Some(0));
    // A slower one counts.
    let slower = bench.store.join("forward-slower.json");
    fs::write(&slower, "corrupt").unwrap();
    receiver.behave(|message| match message.number {
        0..10 => Act::Take,
        _ => Act::Answer(404, "", ""),
    });
    assert_eq!(bench.once(&receiver).status, Some(1));
    assert!(bench.cursor(&receiver)["next"].as_u64() > Some(65_536));
    assert_eq!(trim(&OLD), Some(0));
    let text = ran(bench.dir.path(), &[&["trim", "room.log"][..], &OLD].concat()).succeeds().stdout;
    let said = "room.log: 0 observations removed; older ones are kept, because they are not sent \
                yet: forward-slower.json\n";
    assert_eq!(text, said);
    fs::remove_file(&slower).unwrap();
    assert_eq!(trim(&OLD), Some(65_536));
    // What there is no room for goes, and is counted.
    let next = bench.cursor(&receiver)["next"].as_u64().unwrap();
    assert_eq!(trim(&["--keep", "1d", "--keep-bytes", "1kB"]), Some(65_536));
    let found = seen(&bench);
    assert_eq!(found["removed"], 131_072 - next, "{found}");
    assert_eq!(found["behind"], 140_000 - 131_072);
    let text = status_text(&bench);
    assert!(text.contains(" by retention before they were sent\n"), "{text}");
    receiver.behave(|_| Act::Take);
    assert_eq!(bench.once(&receiver).status, Some(1), "something is lost");
    assert_eq!(seen(&bench)["removed"], 131_072 - next);
    let arrived = [samples(0..next), samples(131_072..140_000)].concat();
    assert_eq!(receiver.samples(), arrived);
}

/// Without a cursor it removed what was never sent, and no later run counted that.
#[test]
fn retention_waits_for_a_destination_that_has_refused_the_first_attempt() {
    let bench = Bench::holding(140_000);
    append(&bench.dir.path().join("hall.log"), 0..140_000);
    let receiver = Receiver::start(|_| Act::Answer(401, "", ""));
    assert_eq!(bench.forward(&receiver, &["hall.log", "--once"]).status, Some(1));
    let removed = |store: &str, keep: &[&str]| {
        let arguments = [&["trim", store, "--json"], keep].concat();
        ran(bench.dir.path(), &arguments).succeeds().json()["removed"].as_u64()
    };
    for store in ["room.log", "hall.log"] {
        assert_eq!(removed(store, &OLD), Some(0), "{store}");
    }
    assert_eq!(removed("room.log", &["--keep-bytes", "1kB"]), Some(131_072));
    receiver.behave(|_| Act::Take);
    let ran = bench.once(&receiver);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("131,072 observations from 0 on were removed"), "{ran:?}");
}

#[test]
fn retention_waits_for_a_store_that_gets_observations_while_the_receiver_is_away() {
    let bench = Bench::holding(1);
    let hall = bench.dir.path().join("hall.log");
    drop(Store::create(&hall).unwrap());
    let receiver = Receiver::start(|_| Act::Answer(503, "Retry-After: 3600\r\n", ""));
    let url = receiver.url();
    let arguments = ["forward", "room.log", "hall.log", "--to", &url, "--every", "50ms"];
    let _running = Running::of(tool(bench.dir.path(), &arguments));
    wait_until(|| receiver.messages() > 0);
    append(&hall, 0..140_000);
    wait_until(|| hall.join(format!("{}.json", receiver.cursor())).exists());
    let trim = ["trim", "hall.log", "--json", OLD[0], OLD[1], OLD[2], OLD[3]];
    assert_eq!(ran(bench.dir.path(), &trim).succeeds().json()["removed"], 0);
}

/// A run that sent nothing left a cursor whose file was as old as the run that last did.
#[test]
fn what_arrived_after_a_run_without_observations_has_not_waited_since_an_earlier_one() {
    let bench = Bench::holding(3);
    let receiver = Receiver::start(|_| Act::Take);
    let lake = bench.dir.path().join("lake");
    fs::create_dir(&lake).unwrap();
    let forward = || {
        succeeded(&bench.once(&receiver));
        let to_files =
            ["forward", "room.log", "--to", "parquet:lake", "--cursor", "lake", "--once"];
        succeeded(&ran(bench.dir.path(), &to_files));
    };
    let check = || ran(bench.dir.path(), &["status", "--log", ".", "--check", "--max-age", "1h"]);
    forward();
    for cursor in [bench.cursor_path(&receiver), bench.store.join("forward-lake.json")] {
        let file = fs::File::open(cursor).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    }
    forward();
    // Measured in 2026.
    append(&bench.store, 3..70_000);
    assert!(!check().stderr.contains("observations have waited"), "{:?}", check());
}

/// They differ in their labels alone.
#[test]
fn cursors_for_one_address_are_named_and_so_is_the_list_of_what_was_refused() {
    let bench = Bench::holding(1);
    append(&bench.store, 0..1);
    let receiver = Receiver::start(|_| Act::Take);
    succeeded(&bench.once(&receiver));
    assert!(!status_text(&bench).contains("cursor"), "{}", status_text(&bench));
    let refusing = ["--once", "--collisions", "refuse", "--label", "a=b", "--cursor", "hub"];
    assert_eq!(bench.forward(&receiver, &refusing).status, Some(1));
    let text = status_text(&bench);
    let name = receiver.cursor().replace("forward-", "");
    for part in [
        "\n    cursor      hub\n",
        &format!("\n    cursor      {name}\n"),
        "\n    refused     1 listed in room.log/forward-hub.refused.jsonl\n",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

/// At the start it ends the run.
#[test]
fn a_store_that_is_left_out_later_fails_the_run_too() {
    for is_lake in [false, true] {
        let bench = Bench::holding(3);
        let receiver = Receiver::start(|_| Act::Take);
        fs::create_dir(bench.dir.path().join("lake")).unwrap();
        let to = if is_lake { "parquet:lake".to_owned() } else { receiver.url() };
        let arguments = ["forward", ".", "--to", &to, "--every", "20ms", "--cursor", "hub"];
        let mut running = Running::of(tool(bench.dir.path(), &arguments));
        wait_until(|| bench.store.join("forward-hub.json").exists());
        append(&bench.dir.path().join("room"), 0..3);
        let stderr = std::io::BufReader::new(running.0.stderr.take().unwrap());
        let mut said = std::io::BufRead::lines(stderr).map(Result::unwrap);
        assert!(said.any(|line| line.contains("would both be the series room")));
        running.signal(Signal::TERM);
        assert_eq!(running.0.wait().unwrap().code(), Some(1), "{to}");
    }
}
