use std::fs;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use super::*;

fn program(command: &str) -> Program {
    Program::parse(command, &Settings::new()).unwrap()
}

/// The number of a shell script, or its error.
fn script(script: &str) -> Result<f64, String> {
    scripted(script, Duration::from_secs(60))
}

fn scripted(script: &str, deadline: Duration) -> Result<f64, String> {
    let arguments = vec!["-c".to_owned(), script.to_owned()];
    let mut source = Program { arguments, deadline, ..program("/bin/sh") };
    match source.poll() {
        Ok(reading) => Ok(reading.unwrap().value),
        Err(error) => {
            assert!(error.can_poll_again());
            Err(error.to_string())
        }
    }
}

/// Whether a process exists and is not a zombie.
fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Waits until a process is gone, even on a slow machine.
fn wait_until_gone(pid: &str) {
    assert!(!pid.trim().is_empty());
    let begun = Instant::now();
    while lives(pid) {
        assert!(begun.elapsed() < Duration::from_secs(120), "{pid} is still there");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn words_are_parted_as_in_a_shell() {
    for (command, words) in [
        ("a", &["a"][..]),
        ("  /bin/a  b\tc ", &["/bin/a", "b", "c"]),
        (r#"a 'b c' "d \"e" f\ g """#, &["a", "b c", "d \"e", "f g", ""]),
        (r"a $HOME * ~ ; | > x#y", &["a", "$HOME", "*", "~", ";", "|", ">", "x#y"]),
        ("a '#b' # c", &["a", "#b"]),
    ] {
        let Program { program, arguments, .. } = program(command);
        assert_eq!([&[program][..], &arguments].concat(), words);
    }
}

#[test]
fn what_is_no_command_is_named() {
    for (command, message) in [
        ("", "there is no program; write exec:PROGRAM [ARGUMENT]..."),
        ("'' a", "there is no program; write exec:PROGRAM [ARGUMENT]..."),
        ("a 'hunter2", "a quote is not closed"),
        ("a \0", "it contains a zero byte"),
    ] {
        let error = Program::parse(command, &Settings::new()).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn descriptions_keep_arguments_to_themselves() {
    assert_eq!(program("a").description(), "the number that a prints");
    let source = program("a -p hunter2");
    assert_eq!(source.description(), "the number that a prints, given 2 arguments");
    assert!(!format!("{source:?}").contains("hunter2"));
}

#[test]
fn a_number_is_what_is_printed() {
    assert_eq!(script("echo 14.25"), Ok(14.25));
    assert_eq!(script("printf ' -1e3'; echo careful >&2"), Ok(-1000.0));
    assert_eq!(script("printf 1; sleep 0.1; printf 4"), Ok(14.0));
    assert_eq!(script("echo 7; exec >&- 2>&-; sleep 0.1"), Ok(7.0));
    assert_eq!(script("read line || echo 3"), Ok(3.0));
    assert_eq!(script("printf '\\357\\273\\27714.25\\r\\n'"), Ok(14.25));
}

#[test]
fn failures_show_the_last_line_of_standard_error() {
    for (text, message) in [
        ("exit 3", "/bin/sh: it failed with status 3"),
        // The output of a failed program is not used.
        ("printf 14; exit 3", "/bin/sh: it failed with status 3"),
        ("printf 14; kill -9 $$", "/bin/sh: it was killed by signal 9"),
        (
            "echo 1; echo a >&2; echo 'no UPS' >&2; echo >&2; exit 2",
            "/bin/sh: it failed with status 2: no UPS",
        ),
        ("kill -15 $$", "/bin/sh: it was killed by signal 15"),
        ("true", "/bin/sh: it printed nothing"),
        (
            "echo warm; echo hm >&2",
            "/bin/sh: it printed \"warm\", which is not a finite number: hm",
        ),
        ("echo nan", "/bin/sh: it printed \"nan\", which is not a finite number"),
        ("echo 1e999", "/bin/sh: it printed \"1e999\", which is not a finite number"),
        ("echo 1; echo 2", "/bin/sh: it printed \"1\\n2\", which is not a finite number"),
        ("printf '1\\377'", "/bin/sh: it printed \"1\u{fffd}\", which is not a finite number"),
        ("printf '\\033[2J' >&2; exit 1", "/bin/sh: it failed with status 1: \\u{1b}[2J"),
    ] {
        assert_eq!(script(text), Err(message.to_owned()));
    }
    let error = program("/no/such/program").poll().unwrap_err();
    assert!(error.can_poll_again());
    assert_eq!(
        error.to_string(),
        "cannot run \"/no/such/program\": No such file or directory (os error 2)"
    );
}

#[test]
fn one_that_prints_without_end_is_killed() {
    let message = script("while :; do echo 1234567890; done").unwrap_err();
    assert!(message.starts_with("/bin/sh: it printed more than 4096 bytes and was killed: \"1234"));
    // With the last allowed byte it is a number.
    assert_eq!(script("printf '%04095d7' 0"), Ok(7.0));
    assert!(script("printf '%04096d7' 0").is_err());
}

#[test]
fn of_endless_complaints_the_last_is_kept() {
    let text = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done >&2; exit 1";
    assert_eq!(script(text), Err("/bin/sh: it failed with status 1: line 19999".to_owned()));
    let message =
        scripted("while :; do echo more; done >&2", Duration::from_millis(300)).unwrap_err();
    assert!(message.starts_with("/bin/sh: it took longer than 300ms and was killed: "));
}

#[test]
fn one_that_hangs_is_killed_with_all_that_it_started() {
    let directory = tempfile::tempdir().unwrap();
    let pids = directory.path().join("pids");
    let text = format!("sleep 1000 & echo $! $$ > {}; echo stuck >&2; wait", pids.display());
    let message = scripted(&text, Duration::from_millis(500)).unwrap_err();
    assert_eq!(message, "/bin/sh: it took longer than 500ms and was killed: stuck");
    let pids = fs::read_to_string(&pids).unwrap();
    pids.split_whitespace().for_each(wait_until_gone);
}

/// What has left the process group is found by its parents.
#[test]
fn one_that_hangs_is_killed_with_what_has_left_its_group() {
    let directory = tempfile::tempdir().unwrap();
    let pids = directory.path().join("pids");
    let inner = "echo $$ >> \"$1\"; exec sleep 1000";
    let text = format!("setsid sh -c '{inner}' sh {} & wait", pids.display());
    let deadline = Duration::from_secs(2);
    let message = scripted(&text, deadline).unwrap_err();
    assert_eq!(message, "/bin/sh: it took longer than 2s and was killed");
    wait_until_gone(&fs::read_to_string(&pids).unwrap());
}

/// A child that is left behind holds the output open. It is not waited for, and is
/// killed.
#[test]
fn what_a_program_leaves_behind_is_killed_too() {
    let directory = tempfile::tempdir().unwrap();
    let pid = directory.path().join("pid");
    let text = format!("sleep 1000 & echo $! > {}; echo 5", pid.display());
    assert_eq!(script(&text), Ok(5.0));
    wait_until_gone(&fs::read_to_string(&pid).unwrap());
}

#[test]
fn a_stop_ends_a_program_at_once() {
    let stop = Arc::new(AtomicBool::new(false));
    let settings = Settings::new().stop(Arc::clone(&stop)).deadline(Duration::from_secs(60));
    let mut source = Program::parse("sleep 600", &settings).unwrap();
    let stopper = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        stop.store(true, Ordering::Relaxed);
    });
    let error = source.poll().unwrap_err();
    stopper.join().unwrap();
    assert_eq!(error.to_string(), "sleep: it was killed because the collector stops");
}

#[test]
fn the_last_word_says_what_to_take_from_the_output() {
    for (command, split) in [
        ("a b", ("a b", None)),
        ("a #/x", ("a", Some("/x"))),
        ("a  'b #c' #/x y ", ("a  'b #c'", Some("/x y"))),
        ("a # a remark #/x", ("a", None)),
        ("a b#c", ("a b#c", None)),
        ("a \"b #c", ("a \"b #c", None)),
        (r"a b\ #c", (r"a b\ #c", None)),
        ("a #", ("a", None)),
    ] {
        assert_eq!(split_fragment(command), split, "{command}");
    }
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("weather");
    let runs = dir.path().join("runs");
    let text = "echo >> \"$1\"; echo '{\"temp\": 21.5, \"wind\": [3]}'";
    std::fs::write(&script, text).unwrap();
    let spec =
        |fragment: &str| format!("exec:/bin/sh {} {}{fragment}", script.display(), runs.display());
    let specs = [spec(" #/temp"), spec(""), spec(" #/none"), spec(" #/wind/0")];
    let mut opened = crate::Registry::standard().open_all(&specs, &Settings::new()).unwrap();
    assert_eq!(opened.len(), 1);
    let source = &mut opened[0].source;
    let readings = source.poll_all().unwrap().unwrap();
    let [temp, whole, none, wind] = &readings[..] else { panic!("{readings:?}") };
    assert_eq!(*temp.as_ref().unwrap(), Some(Reading::new(21.5)));
    assert_eq!(*wind.as_ref().unwrap(), Some(Reading::new(3.0)));
    assert!(whole.is_err() && none.is_err(), "{readings:?}");
    assert_eq!(std::fs::read(&runs).unwrap(), b"\n", "it ran once");
    let description = "the number that /bin/sh prints at #/temp, given 2 arguments";
    assert_eq!(source.value_description(0), description);
    let wrong = Program::parse("a #[", &Settings::new()).unwrap_err();
    assert!(!wrong.can_poll_again());
}
