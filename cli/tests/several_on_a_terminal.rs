//! `gaugelog collect` from several sources: a table on a terminal, and lines elsewhere.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use program::Bench;
use program::terminal::{Screen, Terminal};
use program::tool::{Running, ran, tool};
use rustix::process::Signal;

const SOURCES: [&str; 4] =
    ["collect", "attic=normal:mean=1e9", "cellar=normal", "failing=exec:/none"];

/// The lines of the table, which is the last on the screen.
fn table(screen: &Screen) -> Vec<String> {
    let text = screen.text();
    let begin = text.rfind("source ").unwrap_or(text.len());
    text[begin..].lines().map(str::to_owned).collect()
}

fn is_drawn(screen: &Screen) -> bool {
    let table = table(screen);
    let is_there = |name: &str| table.iter().any(|line| line.starts_with(name));
    is_there("attic") && is_there("failing")
}

#[test]
fn the_table_stays_clean_when_the_terminal_gets_another_width() {
    let bench = Bench::bare();
    let (mut terminal, other_end) = Terminal::open(100);
    let mut command = tool(bench.dir.path(), &[&SOURCES[..], &["--every", "10ms"]].concat());
    command.env("TERM", "xterm").stdout(other_end.try_clone().unwrap()).stderr(other_end);
    let mut running = Running(command.spawn().unwrap());
    drop(command);
    let introduced = "into gaugelog.log/failing, a new store; Ctrl-C ends it";
    for columns in [100, 40, 21, 55, 120] {
        terminal.resize(columns);
        let widest = columns - 1;
        // One more may have been on its way for the width before.
        let enough = terminal.screen.drawings + 2;
        terminal.read_until(|screen| screen.drawings >= enough && is_drawn(screen));
        let (text, table) = (terminal.screen.text(), table(&terminal.screen));
        assert_eq!(text.matches("source ").count(), 1, "{columns}: {text}");
        assert_eq!(text.matches("\nattic ").count(), 1, "{columns}: {text}");
        assert!(table.iter().all(|line| line.len() <= widest), "{columns}: {text}");
        assert_eq!(table.len(), 4, "{columns}: {text}");
        // A line may continue in the next row.
        let joined = |text: &str| text.replace(['\n', ' '], "");
        assert!(joined(&text).contains(&joined(introduced)), "{columns}: {text}");
    }
    running.signal(Signal::TERM);
    terminal.read_until(|_| false);
    assert_eq!(running.0.wait().unwrap().code(), Some(1), "of one nothing was stored");
    let text = terminal.screen.text();
    let [heading, after] = ["source ", "attic: stopped after"].map(|part| text.find(part));
    assert!(heading.is_some() && heading < after, "{text}");
    assert_eq!(text.matches("source ").count(), 1, "{text}");
}

#[test]
fn elsewhere_each_source_has_a_line_a_minute() {
    let bench = Bench::bare();
    let arguments = ["collect", "a=normal", "b=normal", "--every", "1ms", "--for", "50ms"];
    let said = ran(bench.dir.path(), &arguments).succeeds().stdout;
    for name in ["a", "b"] {
        let lines = said.lines().filter(|line| line.starts_with(&format!("{name}: ")));
        let lines: Vec<&str> = lines.collect();
        let [of_minute, end] = lines[..] else { panic!("{said}") };
        assert!(of_minute.contains(" observation") && end.contains(" done after "), "{said}");
    }
}
