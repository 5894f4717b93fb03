//! `gaugelog completions` and `gaugelog man`: what shells and `man` show, made from the
//! same descriptions as `--help`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man as Page;

use crate::exit::Exit;
use crate::output::{self, shown};

const COMPLETIONS: &str = "\
Examples:
  gaugelog completions bash > ~/.local/share/bash-completion/completions/gaugelog
  gaugelog completions fish > ~/.config/fish/completions/gaugelog.fish
  gaugelog completions zsh > \"${fpath[1]}/_gaugelog\"";

const MAN: &str = "\
Examples:
  gaugelog man ~/.local/share/man/man1 && man gaugelog
  gaugelog man . && man ./gaugelog-collect.1
  gaugelog man /usr/local/share/man/man1";

/// For which shell.
#[derive(Args, Debug)]
#[command(after_help = COMPLETIONS)]
pub(crate) struct Completions {
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Where to write the pages.
#[derive(Args, Debug)]
#[command(after_help = MAN)]
pub(crate) struct Man {
    /// The folder; pages of the same names in it are replaced.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn complete(mut command: Command, arguments: &Completions) -> Result<(), Exit> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "gaugelog", &mut script);
    output::print(&script)
}

/// Writes `gaugelog.1` and a page for each command.
pub(crate) fn write(mut command: Command, arguments: &Man) -> Result<(), Exit> {
    // The names of commands and of their options' values.
    command.build();
    let folder = &arguments.folder;
    let named = |name: &str| folder.join(format!("{name}.1"));
    let commands = command.get_subcommands().filter(|it| it.get_name() != "help");
    let mut written = Vec::new();
    for one in commands {
        let name = format!("gaugelog-{}", one.get_name());
        let page = Page::new(one.clone()).title(name.clone());
        written.push(page_to(&named(&name), &page)?);
    }
    written.push(page_to(&named("gaugelog"), &Page::new(command))?);
    let count = written.len();
    output::print(format!("{}: {count} pages written\n", shown(folder)).as_bytes())
}

fn page_to(path: &Path, page: &Page) -> Result<(), Exit> {
    let refused = |error| Exit::Error(format!("{}: {error}", shown(path)));
    let mut text = Vec::new();
    page.render(&mut text).map_err(refused)?;
    fs::write(path, with_examples(&String::from_utf8_lossy(&text))).map_err(refused)
}

/// The examples under their own heading, each on its own line. Before them are the sources
/// that a command takes, in columns, and after them the rest.
fn with_examples(page: &str) -> String {
    let Some((before, extra)) = page.split_once(".SH EXTRA\n") else { return page.to_owned() };
    let Some((sources, after)) = extra.split_once("Examples:\n") else { return page.to_owned() };
    let is_example = |line: &&str| line.starts_with("  ");
    let examples: Vec<&str> = after.lines().take_while(is_example).collect();
    let rest: Vec<&str> =
        after.lines().skip(examples.len()).skip_while(|it| it.is_empty()).collect();
    let notes = match rest.first() {
        Some(line) if !line.starts_with(".SH") => ".SH NOTES\n",
        _ => "",
    };
    let sources = match sources.trim_end() {
        "" => String::new(),
        sources => format!(".SH SOURCES\n.nf\n{sources}\n.fi\n"),
    };
    let (examples, rest) = (examples.join("\n"), rest.join("\n"));
    format!("{before}{sources}.SH EXAMPLES\n.nf\n{examples}\n.fi\n{notes}{rest}\n")
}
