//! What is known about the machine when a run begins.

use std::fs;
use std::path::Path;

/// Made by systemd-timesyncd, and by the time units of other daemons, when the clock is
/// set.
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
const ID_CHARS_MAX: usize = 64;

/// The kernel's id of this boot.
pub(super) fn boot_id() -> Option<String> {
    let text = fs::read_to_string(BOOT_ID).ok()?;
    let is_id = |c: char| c.is_ascii_hexdigit() || c == '-';
    let id: String = text.trim().chars().take(ID_CHARS_MAX).collect();
    (!id.is_empty() && id.chars().all(is_id)).then_some(id)
}

/// Whether the clock follows a time server; `None` if that is unknown.
pub(super) fn is_clock_synchronised() -> Option<bool> {
    synchronised(Path::new(SYNCHRONISED))
}

/// A time service has the directory, and makes the file when the clock is set.
fn synchronised(file: &Path) -> Option<bool> {
    if file.exists() {
        return Some(true);
    }
    file.parent()?.is_dir().then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_synchronised_once_its_service_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("timesync/synchronized");
        assert_eq!(synchronised(&file), None);
        fs::create_dir(dir.path().join("timesync")).unwrap();
        assert_eq!(synchronised(&file), Some(false));
        fs::write(&file, "").unwrap();
        assert_eq!(synchronised(&file), Some(true));
    }

    #[test]
    fn a_boot_has_a_name() {
        assert_eq!(boot_id().map(|id| id.len()), Some(36));
    }
}
