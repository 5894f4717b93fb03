//! What is reported of bytes that are not as they were written.

use std::ops::Range;
use std::path::PathBuf;

use crate::error::{Error, ErrorKind};

/// A place in a store whose bytes are not as they were written, or a file that
/// is gone; what was in it cannot be had, and everything else can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// The first byte of it that is not as written.
    pub offset: u64,
    /// The sequence numbers of the observations lost by it; empty where only
    /// bookkeeping is hit, up to `u64::MAX` where nobody can tell how many.
    pub lost: Range<u64>,
    /// What was found there.
    pub detail: String,
}

impl From<Damage> for Error {
    fn from(damage: Damage) -> Self {
        let lost = damage.lost.end.saturating_sub(damage.lost.start);
        let what = match lost {
            _ if damage.lost.end == u64::MAX => {
                format!("{}; observations from {} on are lost", damage.detail, damage.lost.start)
            }
            0 => format!("{}; no observation is lost by it", damage.detail),
            1 => format!("{}; observation {} is lost", damage.detail, damage.lost.start),
            _ => format!(
                "{}; observations {} to {} are lost",
                damage.detail,
                damage.lost.start,
                damage.lost.end - 1
            ),
        };
        Error::new(ErrorKind::Damaged, &damage.path, what).at(damage.offset)
    }
}
