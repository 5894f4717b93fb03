//! `gaugelog completions` and `gaugelog man`: what shells and `man` show, made from the
//! same descriptions as `--help`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man as Page;

use crate::exit::Exit;
use crate::explain::way_out_of_io;
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
    /// The folder, made if it is missing; pages of the same names in it are replaced.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn complete(mut command: Command, arguments: &Completions) -> Result<(), Exit> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "gaugelog", &mut script);
    output::print(&script)
}

/// Writes `gaugelog.1` and a page for each command, also for those within commands.
pub(crate) fn write(command: Command, arguments: &Man) -> Result<(), Exit> {
    let mut command = without_help(command);
    // The names of commands and of their options' values.
    command.build();
    let folder = &arguments.folder;
    fs::create_dir_all(folder).map_err(|error| refused(folder, &error))?;
    let count = pages_to(folder, &command, "gaugelog")?;
    output::print(format!("{}: {count} pages written\n", shown(folder)).as_bytes())
}

/// A page lists the command `help` as another page, which there is not.
fn without_help(command: Command) -> Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}

/// Writes the page of a command of this name and those of the commands within. Returns how
/// many.
fn pages_to(folder: &Path, command: &Command, name: &str) -> Result<usize, Exit> {
    let path = folder.join(format!("{name}.1"));
    let mut text = Vec::new();
    let page = Page::new(command.clone()).title(name);
    page.render(&mut text).map_err(|error| refused(&path, &error))?;
    let text = with_examples(&String::from_utf8_lossy(&text));
    fs::write(&path, text).map_err(|error| refused(&path, &error))?;
    let within = command.get_subcommands();
    let within = within.map(|it| pages_to(folder, it, &format!("{name}-{}", it.get_name())));
    within.sum::<Result<usize, Exit>>().map(|count| count + 1)
}

fn refused(path: &Path, error: &io::Error) -> Exit {
    let way_out = way_out_of_io(error).map(|it| format!("; {it}")).unwrap_or_default();
    Exit::Error(format!("{}: {error}{way_out}", shown(path)))
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
