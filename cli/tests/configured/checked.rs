//! What `gaugelog config check` says, and what the documentation shows.

use super::*;

#[test]
fn all_that_is_wrong_is_printed_and_no_secret() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let text = "evry = '1s'\n[source.a]\nurl = 'http://me:hunter2@h/a b?key=hunter2'\n\
                [source.b]\nurl = 'https://h/'\nbody = 'hunter2'\nheaders = { X = 'hunter2' }\n";
    fs::write(dir.join("house.toml"), text).unwrap();
    for command in [&["config", "check", "house.toml"][..], &["collect", "--config", "house.toml"]]
    {
        let said = ran(dir, command);
        assert_eq!((said.status, said.stdout.as_str()), (Some(1), ""), "{said:?}");
        let lines: Vec<&str> = said.stderr.lines().collect();
        assert_eq!(lines.len(), 2, "{said:?}");
        assert!(lines[0].starts_with("gaugelog: error: house.toml:1: evry"), "{said:?}");
        assert!(lines[1].starts_with("gaugelog: error: house.toml:3: url: "), "{said:?}");
        assert!(!said.stderr.contains("hunter2"), "{said:?}");
    }
    let text = text.replace("evry", "every").replace("a b?", "a?");
    fs::write(dir.join("house.toml"), text).unwrap();
    let said = ran(dir, &["config", "check", "house.toml"]).succeeds().stdout;
    assert!(said.contains("  headers                 x\n"), "{said}");
    assert!(said.contains("  body                    7 bytes, by POST\n"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let said = ran(dir, &["collect", "normal", "--config", "house.toml", "--every", "1s"]);
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(!bench.names().contains(&"gaugelog.log".to_owned()));
}

/// The example of the documentation, with the files that it names as credentials.
#[test]
fn the_example_of_the_documentation_is_understood() {
    let text = include_str!("../../../docs/configuration.md");
    let example = text.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let bench = Bench::bare();
    let dir = bench.dir.path();
    fs::create_dir(dir.join("credentials")).unwrap();
    fs::write(dir.join("credentials/station-token"), "0815\n").unwrap();
    fs::copy("../sources/tests/pages/version1.pem", dir.join("station.pem")).unwrap();
    fs::write(dir.join("house.toml"), example).unwrap();
    let mut command = tool(dir, &["config", "check", "house.toml"]);
    command.env("CREDENTIALS_DIRECTORY", dir.join("credentials"));
    let said = Ran::of(command).succeeds().stdout;
    for part in [
        "house.toml:5: load\n",
        "  store load              sensor loadavg/1",
        "times 0.001, in m³\n",
        "  store temp              the number at https://station.example/api/now#/temp\n",
        "in mm/s\n",
        "  headers                 accept, authorization\n",
        "  every                   5m\n",
        "  keep                    365d\n",
        "3 sources, 4 stores: nothing is wrong\n",
    ] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    // The service may have what is not there; a file with a path must be.
    let said = ran(dir, &["config", "check", "house.toml"]);
    let warning = "warning: house.toml:20: bearer_token_file = \"station-token\": there is no such";
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(said.stderr.contains(warning), "{said:?}");
    assert!(said.stderr.contains("LoadCredential=station-token:"), "{said:?}");
    let problem = "bearer_token_file = \"station-token\": station-token: No such file";
    let collect = ["collect", "--config", "house.toml", "--log", "house"];
    ran(dir, &collect).fails_naming(&["house.toml:20: ", problem]);
    fs::write(dir.join("house.toml"), example.replace("station-token", "./station-token")).unwrap();
    ran(dir, &["config", "check", "house.toml"]).fails_naming(&["house.toml:20: ", "No such file"]);
    let forwarded = "[source.a]\nspec = 'normal'\n[[forward]]\nto = 'https://h/write'\n\
                     bearer_token_file = 'token'\ncert = 'box.pem'\nkey = 'box.key'\n";
    fs::write(dir.join("house.toml"), forwarded).unwrap();
    fs::copy("../sources/tests/pages/version1.pem", dir.join("box.pem")).unwrap();
    let said = ran(dir, &["config", "check", "house.toml"]);
    assert_eq!((said.status, said.stderr.lines().count()), (Some(0), 2), "{said:?}");
}

/// What the service refuses is wrong also where the files are absent that only it has.
#[test]
fn a_check_without_credentials_finds_what_is_wrong_with_the_text() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let check = |text: &str| {
        fs::write(dir.join("house.toml"), text).unwrap();
        ran(dir, &["config", "check", "house.toml"])
    };
    let page = "[source.a]\nbearer_token_file = 'aa'\n";
    let said = check(&format!("{page}url = 'https://h/'\n"));
    assert_eq!((said.status, said.stderr.lines().count()), (Some(0), 1), "{said:?}");
    assert!(said.stdout.contains("authorization\n"), "{said:?}");
    for (rest, part) in [
        ("url = 'https://h/'\nheaders = { Authorization = 'x' }\n", "is there twice"),
        ("url = 'https://u:p@h/'\n", "names a user"),
    ] {
        check(&format!("{page}{rest}")).fails_naming(&["house.toml:", part]);
    }
    for (to, keys, part) in [
        ("https://h/w", "basic_auth_file = 'aa'\nbearer_token_file = 'bb'", "leave one out"),
        ("https://h/w", "cert = 'aa'", "cert and key belong together"),
        ("https://h/w", "key = 'aa'", "cert and key belong together"),
        ("https://u:p@h/w", "bearer_token_file = 'aa'", "the address names a user"),
        ("http://h/w", "cert = 'aa'\nkey = 'bb'", "a client certificate is for https:"),
        ("http://h/w", &format!("pin = '{}'", "ab".repeat(32)), "a pin is for https:"),
    ] {
        let text = format!("[source.a]\nspec = 'normal'\n[[forward]]\nto = '{to}'\n{keys}\n");
        check(&text).fails_naming(&["house.toml:4: to: ", part]);
    }
    let none = "[source.a]\nspec = 'normal'\n[[forward]]\nto = 'http://h/w'\nstores = []\n";
    check(none).fails_naming(&["house.toml:5: stores = []: name at least one store"]);
    for key in [&format!("pin = '{}'", "ab".repeat(32)), "insecure = true"] {
        let text = format!("[source.a]\nurl = 'http://h/'\n{key}\n");
        check(&text).fails_naming(&["house.toml:3: ", "this is for pages of https://"]);
    }
}

#[test]
fn the_unit_of_systemd_says_what_the_program_takes() {
    let unit = include_str!("../../gaugelog.service");
    let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    assert_eq!(value("Type="), "notify");
    assert_eq!(value("ExecReload="), "/bin/kill -HUP $MAINPID");
    // Stopped, it has not failed; ended by itself, it is started again.
    for unit in [unit, include_str!("../../gaugelog@.service")] {
        assert!(unit.contains("\nSuccessExitStatus=1\nRestartForceExitStatus=1\n"), "{unit}");
        // With "yes" sensor:disk/free/home is the space of an empty directory in memory.
        assert!(unit.contains("\nProtectHome=read-only\n"), "{unit}");
    }
    let bench = Bench::bare();
    let state = bench.dir.path().to_str().unwrap();
    fs::create_dir(bench.dir.path().join("etc")).unwrap();
    let text = source("a", "spec = 'normal'\nevery = '1ms'");
    fs::write(bench.dir.path().join("etc/house.toml"), text).unwrap();
    let line = value("ExecStart=").replace("%S/gaugelog", state).replace("/etc/gaugelog", "etc");
    let words: Vec<&str> = line.split_whitespace().skip(1).chain(["--for", "5ms"]).collect();
    ran(bench.dir.path(), &words).succeeds();
    assert!(status(bench.dir.path(), "stores/a")[0]["stored"].as_u64() >= Some(1));
}

#[test]
fn every_wrong_key_and_value_is_named() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let text = "evry = '1s'\n[source.a]\nspec = 'normal'\noffset = '5'\nscal = 2\nbody = 'x'\n\
                [source.c]\nspec = 'norml'\nevry = 1\n[source.b]\nspec = 'exec:date'\nevry = 1\n\
                [source.b.values]\nx = '/x'\ny = { ad = '#/y' }\n\
                [[forward]]\nto = 'http://h/'\nevry = '1s'\nmetrc = 'x'\n";
    fs::write(dir.join("house.toml"), text).unwrap();
    let said = ran(dir, &["config", "check", "house.toml"]);
    let place = |line: &str| {
        let line = line.strip_prefix("gaugelog: error: house.toml:").unwrap();
        line.split(": ").next().unwrap().parse().unwrap()
    };
    let mut places: Vec<u32> = said.stderr.lines().map(place).collect();
    places.sort_unstable();
    assert_eq!(places, [1, 4, 5, 6, 8, 9, 12, 14, 15, 18, 19], "{said:?}");
}
