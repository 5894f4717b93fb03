//! What comes between an import and its end: other writers, a signal, a file that is cut.

use std::io::Write;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::*;

/// More rows than a pipe and the program's buffers hold.
const ROWS: u32 = 70_000;

fn rows() -> String {
    (0..ROWS).map(|n| format!("{},{n}\n", 1_780_315_200 + n)).collect()
}

impl Files {
    /// An import that has read nearly all of `text` from a pipe, and waits for more.
    fn importing(&self, text: &str) -> Child {
        let mut command = program(TOOL);
        command
            .arg("import")
            .arg(&self.store)
            .args(["-", "--time", "1", "--value", "2"])
            .stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
        child
    }
}

#[test]
fn an_import_that_waits_for_input_keeps_no_other_writer_out() {
    let files = Files::new();
    let mut import = files.importing(&rows());
    let mut add = program(TOOL);
    add.arg("add").arg(&files.store).arg("5");
    Ran::of(add).succeeds();
    import.stdin.as_mut().unwrap().write_all(b"1780400000,7\n").unwrap();
    let output = import.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let stored = files.stored();
    assert_eq!(stored.len(), ROWS as usize + 2);
    assert_eq!(stored[0].1, 5.0, "it was added before the rows");
}

#[test]
fn a_signal_ends_an_import_which_says_how_to_go_on() {
    for signal in [Signal::TERM, Signal::INT] {
        let files = Files::new();
        let text = rows();
        let mut import = files.importing(&text);
        let input = import.stdin.take().unwrap();
        kill_process(Pid::from_child(&import), signal).unwrap();
        let output = import.wait_with_output().unwrap();
        drop(input);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("-: a signal ended the import; its first "), "{stderr}");
        let (_, skip) = stderr.trim_end().rsplit_once("go on with --skip ").unwrap();
        let done = files.stored().len();
        assert_eq!(skip, done.to_string());
        assert!(done > 60_000, "{done} rows are stored");
        files.import(&text, &["--time", "1", "--skip", skip]).succeeds();
        assert_eq!(files.stored().len(), ROWS as usize);
    }
}

fn catches(child: &Child, signal: Signal) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
    caught & 1 << (signal.as_raw() - 1) != 0
}

/// Its first 64 KiB only show what the file looks like.
#[test]
fn a_signal_at_the_beginning_of_a_pipe_imports_nothing() {
    let files = Files::new();
    let mut import = files.importing("1780315200,1\n1780315201,2\n");
    let input = import.stdin.take().unwrap();
    while !catches(&import, Signal::TERM) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&import), Signal::TERM).unwrap();
    let output = import.wait_with_output().unwrap();
    drop(input);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("a signal ended the import; nothing was imported"), "{stderr}");
    assert!(!files.store.exists());
    let mut help = program(TOOL);
    help.args(["import", "--help"]);
    let help = Ran::of(help).succeeds().stdout;
    assert!(help.contains("a signal before 64 KiB or the end are read"), "{help}");
}

#[test]
fn a_quote_that_is_not_closed_is_refused_with_its_line() {
    let files = Files::new();
    let open = "line 3: a quote begins a cell here, and is not closed";
    let begin = "time,value,note\n1970-01-01,1,\"\n\"\"\n1970-01-02,2,\n";
    files.import(begin, &[]).fails_naming(&["line 2: a quote begins a cell here"]);
    let begin = "time,value,note\n1970-01-01,1,x\n1970-01-02,2,\"y\n";
    files.import(begin, &[]).fails_naming(&[open]);
    files.import("\"v\"\n1\n\"2\n3\n", &["--start", "now", "--every", "1s"]).fails_naming(&[open]);
    files.import("v,n\n1,\"a\nb\n", &["--dry-run"]).fails_naming(&["line 2: a quote"]);
    assert!(!files.store.exists());

    // After the part of the file that is looked at first.
    let rows = |n: usize| "1970-01-02,2,\n".repeat(n);
    let late = begin.replace("\"y", "y") + &rows(6_000) + "1970-01-02,2,\"" + &rows(20);
    let ran = files.import(&late, &[]).fails_naming(&["line 6004: a quote", "the 6,002 rows"]);
    assert!(!ran.stderr.contains("leave it out"), "{ran:?}");
    let long = begin.replace("\"y", "y") + "1970-01-02,2,\"" + &rows(200_000);
    files.import(&long, &[]).fails_naming(&["line 4: a row that begins here has more than 1 MiB"]);
    let paced = "v\n1\n".to_owned() + &"2".repeat(5 << 20);
    files
        .import(&paced, &["--start", "now", "--every", "1s"])
        .fails_naming(&["line 3: a row that begins here has more than 1 MiB"]);
    let long = "\"".to_owned() + &"x".repeat(100_000);
    files.import(long, &[]).fails_naming(&["no whole row of data", "a quote that is not closed"]);
}

/// A row that the csv crate keeps whole, in its lines too.
#[test]
fn quotes_within_a_cell_end_no_file() {
    let text = "time,value,note\n1970-01-01,1,5\" pipe\n1970-01-02,2,\"a \"\"b\"\"\n\"";
    imports(text, &[], &[(0, 1.0), (DAY, 2.0)]);
}

#[test]
fn a_pipe_that_ends_within_a_line_is_reported() {
    let warning = "gaugelog: warning: line 3: \"1970-01-02,12\" has no line end: it is stored, \
                   and may be half of a line\n";
    for (end, expected) in [("", warning), ("\n", ""), ("\r", ""), ("\n# the end", "")] {
        let files = Files::new();
        let text = format!("time,value\n1970-01-01,1\n1970-01-02,12{end}");
        let output = files.importing(&text).wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
        assert_eq!(files.stored().len(), 2);
        // Many files have no line end at their end.
        Files::new().import(&text, &[]).succeeds();
    }
}

#[test]
fn more_rows_than_there_are_cannot_be_skipped() {
    let json = "{\"time\":\"1970-01-01\",\"value\":1}";
    for text in [
        "time,value\n1970-01-01,1\n1970-01-02,2\n",
        &format!("{json}\n{json}\n"),
        &format!("[{json},{json}]"),
    ] {
        let files = Files::new();
        let parts = &["it has 2 rows", "--skip 3 passes more", "nothing was imported"];
        files.import(text, &["--skip", "3"]).fails_naming(parts);
        files.import(text, &["--skip", "2"]).succeeds();
    }
    Files::new().import("", &["--skip", "1"]).fails_naming(&["it has 0 rows"]);
}
