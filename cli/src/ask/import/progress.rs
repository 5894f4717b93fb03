//! How far a long import has come, on a terminal.

use std::fs;
use std::io::{IsTerminal, Read, stderr};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

use crate::live;

/// Of a file whose length is known.
const FILE: &str = "{percent:>3}%  {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left";
const STREAM: &str = "{bytes}  {bytes_per_sec}  after {elapsed}";

/// The input, which shows on stderr how much of it was read until it is dropped. Elsewhere
/// than on a terminal nothing is shown.
pub(super) fn shown(input: Box<dyn Read>, path: &Path) -> Box<dyn Read> {
    if !stderr().is_terminal() || !live::can_be_redrawn() {
        return input;
    }
    let length = fs::metadata(path).ok().filter(|it| it.is_file()).map(|it| it.len());
    let (bar, template) = match length {
        Some(length) => (ProgressBar::new(length), FILE),
        None => (ProgressBar::no_length(), STREAM),
    };
    let Ok(style) = ProgressStyle::with_template(template) else { return input };
    Box::new(bar.with_style(style).wrap_read(input))
}
