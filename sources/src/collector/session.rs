//! What is known of the machine when a run begins.

use std::fs;
use std::path::Path;

/// Made by systemd-timesyncd, and by the time units of other daemons, once the clock is set.
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
const ID_CHARS_MAX: usize = 64;

/// The kernel's name for this boot.
pub(super) fn boot_id() -> Option<String> {
    let text = fs::read_to_string(BOOT_ID).ok()?;
    let is_id = |c: char| c.is_ascii_hexdigit() || c == '-';
    let id: String = text.trim().chars().take(ID_CHARS_MAX).collect();
    (!id.is_empty() && id.chars().all(is_id)).then_some(id)
}

/// Whether the clock follows a time server; `None` where that cannot be told.
pub(super) fn is_clock_synchronised() -> Option<bool> {
    Path::new(SYNCHRONISED).try_exists().ok().filter(|is_there| *is_there)
}
