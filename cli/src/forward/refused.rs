//! The list of observations that a receiver did not take, beside the cursor.

use std::io::{self, Write};
use std::path::PathBuf;

use gaugelog_sources::{Access, open_own};
use jiff::Timestamp;
use serde_json::json;

use super::batch::Outgoing;
use crate::exit::Exit;
use crate::output::{self, shown};

/// Some 20,000 lines. What is refused beyond them is counted in the cursor alone.
const BYTES_MAX: u64 = 4 << 20;

/// A file with a JSON object a line.
#[derive(Debug)]
pub(super) struct List {
    path: PathBuf,
    /// That it is full was said, and it has had no room since.
    is_full: bool,
}

impl List {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, is_full: false }
    }

    /// Adds observations with the reason for each, durably.
    pub(super) fn add<'a>(
        &mut self,
        refused: impl Iterator<Item = (&'a Outgoing, &'a str)>,
    ) -> Result<(), Exit> {
        let mut lines = Vec::new();
        for (outgoing, why) in refused {
            let time = Timestamp::from_nanosecond(outgoing.observation.timestamp_ns.into());
            let line = json!({
                "sequence": outgoing.sequence,
                "time": time.unwrap_or_default().to_string(),
                "value": outgoing.observation.value,
                "why": why,
            });
            lines.extend_from_slice(line.to_string().as_bytes());
            lines.push(b'\n');
        }
        if lines.is_empty() {
            return Ok(());
        }
        self.append(&lines).map_err(|error| {
            let path = shown(&self.path);
            Exit::Error(format!("{path}: cannot list what was refused: {error}; free some space"))
        })
    }

    /// Appends the lines that there is room for. The file may have been removed meanwhile.
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut file = open_own(&self.path, Access::Append)?;
        let room = BYTES_MAX.saturating_sub(file.metadata()?.len());
        let fitting = whole_lines(lines, room);
        if !fitting.is_empty() {
            file.write_all(fitting)?;
            file.sync_data()?;
        }
        let is_full = fitting.len() < lines.len();
        if is_full && !self.is_full {
            output::say(
                "gaugelog",
                &format!(
                    "{}: the list of what was refused is full; what follows is only counted. \
                     Remove the file for a new one",
                    shown(&self.path)
                ),
            );
        }
        self.is_full = is_full;
        Ok(())
    }
}

/// The first lines of a text that fit into this number of bytes.
fn whole_lines(lines: &[u8], bytes_max: u64) -> &[u8] {
    let fits = usize::try_from(bytes_max).unwrap_or(usize::MAX).min(lines.len());
    let end = lines[..fits].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    &lines[..end]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use gaugelog::Observation;

    use super::*;
    use crate::prometheus::Sample;

    #[test]
    fn a_list_is_filled_and_a_new_one_begins_when_it_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        let mut list = List::new(path.clone());
        let outgoing = Outgoing {
            sample: Sample { time_ms: 0, value: 0.5 },
            sequence: 7,
            observation: Observation::new(0, 0.5),
        };
        let mut add = |count| list.add(std::iter::repeat_n((&outgoing, "no"), count)).unwrap();
        let length = || fs::metadata(&path).unwrap().len();
        add(1);
        let line = length();
        // There is room for two and a half.
        fs::File::create(&path).unwrap().set_len(BYTES_MAX - line * 5 / 2).unwrap();
        add(5);
        assert_eq!(length(), BYTES_MAX - line * 5 / 2 + line * 2);
        assert!(fs::read(&path).unwrap().ends_with(b"}\n"));
        add(1);
        assert_eq!(length(), BYTES_MAX - line * 5 / 2 + line * 2);
        fs::remove_file(&path).unwrap();
        add(3);
        assert_eq!(length(), line * 3);
    }
}
