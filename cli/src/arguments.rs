//! Command lines in the manner of Python's argparse, which callers were written
//! against: long options may be abbreviated, an option may be given again (the last
//! one counts), an error is the usage and one line on stderr with status 2.
//!
//! clap reads the line; what it says of errors is put into argparse's words here.

use std::ffi::OsString;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use gaugelog_sources::escaped;

use crate::exit::Exit;

/// What help looks like, after argparse.
pub(crate) const HELP_TEMPLATE: &str =
    "usage: {usage}\n\n{about}\n\noptions:\n{options}{after-help}\n";

/// A program whose command line is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) usage: &'static str,
    /// The options of which exactly one must be given.
    pub(crate) one_of: &'static str,
}

/// Reads a command line; the first argument is the program's own name.
///
/// # Errors
/// [`Exit::Help`] where help was asked for, else [`Exit::Usage`].
pub(crate) fn parse<T: clap::Parser>(
    program: Program,
    arguments: impl Iterator<Item = OsString>,
) -> Result<T, Exit> {
    let arguments: Vec<OsString> = arguments.collect();
    // clap lets a last `--` pass; argparse calls it unrecognized.
    let dashes = arguments.iter().skip(1).any(|argument| argument == "--");
    match T::try_parse_from(arguments) {
        Ok(_) if dashes => Err(usage_error(program, "unrecognized arguments: --")),
        Ok(parsed) => Ok(parsed),
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            Err(Exit::Help(error.render().to_string()))
        }
        Err(error) => Err(usage_error(program, &in_words_of_argparse::<T>(program, &error))),
    }
}

/// The error without what may be secret in the argument that it shows: an address may stand
/// where none is expected. Nor does anything in there control a terminal.
pub(crate) fn without_secrets(mut error: clap::Error) -> clap::Error {
    let mut kinds = vec![ContextKind::InvalidValue, ContextKind::InvalidSubcommand];
    // Else it is an option of ours, as in `--every <DUR>`.
    if error.kind() == ErrorKind::UnknownArgument {
        kinds.push(ContextKind::InvalidArg);
    }
    for kind in kinds {
        if let Some(ContextValue::String(text)) = error.get(kind) {
            let shown = escaped(&gaugelog_sources::without_secrets(text)).into_owned();
            error.insert(kind, ContextValue::String(shown));
        }
    }
    error
}

/// What makes no sense, in argparse's words.
pub(crate) fn usage_error(program: Program, message: &str) -> Exit {
    let Program { name, usage, .. } = program;
    Exit::Usage(format!("usage: {usage}\n{name}: error: {}\n", escaped(message)))
}

fn in_words_of_argparse<T: CommandFactory>(program: Program, error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(" ")),
        _ => None,
    };
    // clap names an option with what it takes: `--add <ADD>`.
    let option = |kind| context(kind).map(|text| option_name(&text).to_owned());
    let value = context(ContextKind::InvalidValue).unwrap_or_default();
    match (error.kind(), option(ContextKind::InvalidArg)) {
        (ErrorKind::MissingRequiredArgument, _) => {
            format!("one of the arguments {} is required", program.one_of)
        }
        (ErrorKind::ArgumentConflict, Some(this)) => match option(ContextKind::PriorArg) {
            // clap names the first of the two first.
            Some(second) => format!("argument {second}: not allowed with argument {this}"),
            None => format!("argument {this}: not allowed with the others"),
        },
        (ErrorKind::UnknownArgument, _) => {
            let unknown = context(ContextKind::InvalidArg).unwrap_or_default();
            let meant = candidates::<T>(&unknown);
            let unknown = gaugelog_sources::without_secrets(&unknown);
            match meant.len() {
                0 | 1 => format!("unrecognized arguments: {unknown}"),
                _ => format!("ambiguous option: {unknown} could match {}", meant.join(", ")),
            }
        }
        (ErrorKind::TooManyValues, Some(this)) => {
            format!("argument {this}: ignored explicit argument '{value}'")
        }
        (ErrorKind::InvalidValue | ErrorKind::NoEquals, Some(this)) if value.is_empty() => {
            format!("argument {this}: expected one argument")
        }
        (ErrorKind::InvalidValue, Some(this)) => {
            let choices = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(choices)) => choices.join("', '"),
                _ => String::new(),
            };
            format!("argument {this}: invalid choice: '{value}' (choose from '{choices}')")
        }
        (ErrorKind::ValueValidation, Some(this)) => {
            format!("argument {this}: invalid {} value: '{value}'", kind_of(&this))
        }
        _ => first_line(error),
    }
}

/// The long options that an abbreviation may stand for.
fn candidates<T: CommandFactory>(abbreviation: &str) -> Vec<String> {
    let name = option_name(abbreviation);
    if !name.starts_with("--") || name == "--" {
        return Vec::new();
    }
    let command = T::command();
    let options = command.get_arguments().filter_map(|argument| argument.get_long());
    options.map(|long| format!("--{long}")).filter(|long| long.starts_with(name)).collect()
}

/// What an option takes, in Python's words.
fn kind_of(option: &str) -> &'static str {
    match option {
        "--add" => "float",
        "--every" | "--deadline" => "duration",
        "--from" => "sequence",
        "--source" => "source",
        _ => "path",
    }
}

fn option_name(text: &str) -> &str {
    text.split([' ', '=']).next().unwrap_or(text)
}

fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
