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
        if lines.is_empty() || self.is_full {
            return Ok(());
        }
        self.append(&lines).map_err(|error| {
            let path = shown(&self.path);
            Exit::Error(format!("{path}: cannot list what was refused: {error}; free some space"))
        })
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut file = open_own(&self.path, Access::Append)?;
        if file.metadata()?.len() + lines.len() as u64 > BYTES_MAX {
            self.is_full = true;
            output::say(
                "gaugelog",
                &format!(
                    "{}: the list of what was refused is full; what follows is only counted. \
                     Remove the file for a new one",
                    shown(&self.path)
                ),
            );
            return Ok(());
        }
        file.write_all(lines)?;
        file.sync_data()
    }
}
