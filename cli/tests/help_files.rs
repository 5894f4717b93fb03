//! What shells and `man` show is made from the commands as they are.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs;
use std::path::Path;
use std::process::Command;

use program::{Ran, TOOL, names_in, program};

fn tool(arguments: &[&str]) -> Ran {
    let mut command = program(TOOL);
    command.args(arguments);
    Ran::of(command)
}

/// The commands that `--help` lists.
fn commands() -> Vec<String> {
    let help = tool(&["--help"]).succeeds().stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.take_while(|line| !line.is_empty());
    let names = names.filter(|line| !line.starts_with("   "));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[test]
fn every_command_has_a_manual_page() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("share/man1");
    tool(&["man", folder.to_str().unwrap()]).succeeds();
    let mut expected: Vec<String> = commands()
        .iter()
        .filter(|name| *name != "help")
        .map(|name| format!("gaugelog-{name}.1"))
        .chain(["gaugelog.1", "gaugelog-config-check.1"].map(str::to_owned))
        .collect();
    expected.sort();
    assert!(expected.len() > 10, "{expected:?}");
    assert_eq!(names_in(&folder), expected);
    let page = fs::read_to_string(folder.join("gaugelog-import.1")).unwrap();
    for part in [
        ".TH gaugelog-import 1",
        "\\-\\-dry\\-run",
        ".SH EXAMPLES\n.nf\n  gaugelog import room.log room.csv\n",
        "\n.fi\n.SH NOTES\nIt reads CSV",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    for name in expected {
        let page = fs::read_to_string(folder.join(&name)).unwrap();
        assert!(page.contains(".SH EXAMPLES\n") && !page.contains("SH EXTRA"), "{name}");
        // Each page that it names is there.
        let named = page.lines().filter_map(|line| line.strip_suffix("(1)"));
        for named in named.map(|name| name.replace('\\', "")) {
            assert!(folder.join(format!("{named}.1")).exists(), "{name}: {named}");
        }
    }
    let page = fs::read_to_string(folder.join("gaugelog-collect.1")).unwrap();
    assert!(page.contains(".SH SOURCES\n.nf\nSPEC is SCHEME"), "{page}");
    let refused = tool(&["man", folder.join("gaugelog.1/none").to_str().unwrap()]);
    refused.fails_naming(&["gaugelog.1/none", "Not a directory", "name another place"]);
}

/// Bash itself says what it would complete.
#[test]
fn bash_completes_commands_and_options() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("script");
    fs::write(&script, tool(&["completions", "bash"]).succeeds().stdout).unwrap();
    assert_eq!(completed(&script, &["gaugelog", "ver"]), ["verify"]);
    assert_eq!(completed(&script, &["gaugelog", "import", "--dec"]), ["--decimal-comma"]);
    for shell in ["zsh", "fish"] {
        let script = tool(&["completions", shell]).succeeds().stdout;
        assert!(script.contains("decimal-comma"), "{script}");
    }
}

fn completed(script: &Path, words: &[&str]) -> Vec<String> {
    let ask = "source \"$1\"; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
               _gaugelog gaugelog \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"; \
               printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", ask, "bash"]).arg(script).args(words);
    Ran::of(bash).succeeds().stdout.lines().map(str::to_owned).collect()
}
