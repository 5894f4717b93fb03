//! What a machine measures about itself: processors, memory, disks, network.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;

use super::device::list;
use super::rate::{Counted, per_second};
use super::{Gauge, attribute, wrong_form};
use crate::quote::quoted;
use crate::source::SourceError;

const NETWORK: &str = "sys/class/net";
const QUOTED_CHARS_MAX: usize = 80;

/// The part of the processors' time that was used since the poll before.
#[derive(Debug, Default)]
pub(super) struct Cpu {
    times: Counted<Times>,
}

/// The time of all processors together, in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Times {
    idle: u64,
    all: u64,
}

impl Cpu {
    pub(super) fn parse(rest: &str) -> Result<Self, SourceError> {
        match rest {
            "used" => Ok(Self::default()),
            _ => Err(wrong_form(rest, "cpu/used")),
        }
    }
}

impl Gauge for Cpu {
    fn find(&mut self, root: &Path) -> Result<&'static str, SourceError> {
        self.times.begin(|| times(root)).map(|()| "percent of the time")
    }

    fn read(&mut self, root: &Path) -> Result<f64, SourceError> {
        let (before, now, _) = self.times.change(|| times(root))?;
        used(before, now).ok_or_else(|| {
            SourceError::new(
                "proc/stat: the processors' times have not gone on since the last poll",
            )
        })
    }
}

/// The percentage of the time in between that was not idle.
fn used(before: Times, now: Times) -> Option<f64> {
    let all = now.all.checked_sub(before.all).filter(|all| *all > 0)?;
    // The kernel may reduce the count of waiting for a disk.
    let idle = now.idle.saturating_sub(before.idle).min(all);
    #[expect(clippy::cast_precision_loss, reason = "a percentage is no exact number")]
    let (used, all) = ((all - idle) as f64, all as f64);
    Some(100.0 * used / all)
}

/// `cpu user nice system idle iowait irq softirq steal guest guest_nice`. The last two
/// are included in the first two.
fn times(root: &Path) -> Result<Times, SourceError> {
    let path = root.join("proc/stat");
    let text = attribute::beginning(&path)?;
    let line = text.lines().next().and_then(|line| line.strip_prefix("cpu "));
    let ticks: Option<Vec<u64>> = line
        .and_then(|line| line.split_whitespace().take(8).map(|word| word.parse().ok()).collect());
    match ticks.as_deref() {
        Some(ticks @ [_, _, _, idle, waiting, ..]) => Ok(Times {
            idle: idle.saturating_add(*waiting),
            all: ticks.iter().fold(0, |all, ticks| all.saturating_add(*ticks)),
        }),
        _ => Err(unclear(&path, &text)),
    }
}

/// The memory that is available to programs.
#[derive(Debug)]
pub(super) struct Memory;

impl Memory {
    pub(super) fn parse(rest: &str) -> Result<Self, SourceError> {
        match rest {
            "available" => Ok(Self),
            _ => Err(wrong_form(rest, "memory/available")),
        }
    }
}

impl Gauge for Memory {
    fn find(&mut self, root: &Path) -> Result<&'static str, SourceError> {
        self.read(root).map(|_| "bytes")
    }

    fn read(&mut self, root: &Path) -> Result<f64, SourceError> {
        attribute::field(&root.join("proc/meminfo"), "MemAvailable")
            .map(|kibibytes| kibibytes * 1024.0)
    }
}

/// The space on a file system that users other than root can still write to.
#[derive(Debug)]
pub(super) struct Disk {
    /// Below the root.
    path: PathBuf,
}

impl Disk {
    pub(super) fn parse(rest: &str) -> Result<Self, SourceError> {
        match rest.strip_prefix("free/") {
            Some(path) => Ok(Self { path: PathBuf::from(path.trim_start_matches('/')) }),
            None => Err(wrong_form(rest, "disk/free/PATH, such as disk/free/var/log")),
        }
    }
}

impl Gauge for Disk {
    /// Reads nothing: a file system that does not answer would hold up the start.
    fn find(&mut self, _root: &Path) -> Result<&'static str, SourceError> {
        Ok("bytes")
    }

    fn read(&mut self, root: &Path) -> Result<f64, SourceError> {
        let path = root.join(&self.path);
        let found = statvfs(&path).map_err(|error| {
            SourceError::io(&format!("ask for the space at {}", path.display()), "", error.into())
        })?;
        #[expect(clippy::cast_precision_loss, reason = "below 2^53 bytes it is exact")]
        let bytes = found.f_bavail as f64 * found.f_frsize as f64;
        Ok(bytes)
    }
}

/// The bytes a second that an interface receives or sends.
#[derive(Debug)]
pub(super) struct Network {
    interface: String,
    direction: &'static str,
    bytes: Counted<u64>,
}

impl Network {
    pub(super) fn parse(rest: &str) -> Result<Self, SourceError> {
        let parsed = match rest.rsplit_once('/') {
            Some((interface, "rx")) => Some((interface, "rx_bytes")),
            Some((interface, "tx")) => Some((interface, "tx_bytes")),
            _ => None,
        };
        match parsed {
            Some((interface, direction)) if !interface.is_empty() => {
                Ok(Self { interface: interface.to_owned(), direction, bytes: Counted::default() })
            }
            _ => Err(wrong_form(rest, "net/INTERFACE/rx or net/INTERFACE/tx")),
        }
    }
}

impl Gauge for Network {
    fn find(&mut self, root: &Path) -> Result<&'static str, SourceError> {
        let Self { interface, direction, bytes } = self;
        bytes.begin(|| counter(root, interface, direction)).map(|()| "bytes a second")
    }

    fn read(&mut self, root: &Path) -> Result<f64, SourceError> {
        let Self { interface, direction, bytes } = self;
        let (before, now, span) = bytes.change(|| counter(root, interface, direction))?;
        per_second(before, now, span)
    }
}

fn counter(root: &Path, interface: &str, direction: &str) -> Result<u64, SourceError> {
    let there = interfaces(root);
    if !there.iter().any(|name| name == interface) {
        let class = root.join(NETWORK);
        return Err(SourceError::new(match there.is_empty() {
            true => format!(
                "there is no network interface {interface:?}, and no other in {}",
                class.display()
            ),
            false => {
                let there = list(there.into_iter());
                format!("there is no network interface {interface:?}; there is {there}")
            }
        }));
    }
    let path = root.join(NETWORK).join(interface).join("statistics").join(direction);
    let text = attribute::text(&path)?;
    text.parse().map_err(|_| unclear(&path, &text))
}

/// The network interfaces of a machine.
fn interfaces(root: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root.join(NETWORK)) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join("statistics").is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// The mount points of file systems on a disk, and the root.
fn mounts(root: &Path) -> Vec<String> {
    let Ok(text) = fs::read_to_string(root.join("proc/mounts")) else { return Vec::new() };
    let mut devices = Vec::new();
    let mut paths = Vec::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        let (device, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        // A blank in a path is written \040. What is mounted twice is listed once.
        let is_disk = device.starts_with("/dev/") && !devices.contains(&device);
        if path == "/" || is_disk && path.starts_with('/') && !path.contains('\\') {
            devices.push(device);
            paths.push(path.trim_start_matches('/').to_owned());
        }
    }
    paths.sort();
    paths.dedup();
    paths
}

/// What a machine may show about itself: the name in a spec, and the unit.
pub(super) fn names(root: &Path) -> Vec<(String, &'static str)> {
    let mut names = vec![
        ("cpu/used".to_owned(), "percent of the time"),
        ("memory/available".to_owned(), "bytes"),
    ];
    names.extend(mounts(root).into_iter().map(|path| (format!("disk/free/{path}"), "bytes")));
    for interface in interfaces(root) {
        for direction in ["rx", "tx"] {
            names.push((format!("net/{interface}/{direction}"), "bytes a second"));
        }
    }
    names
}

fn unclear(path: &Path, text: &str) -> SourceError {
    let found = quoted(text.as_bytes(), QUOTED_CHARS_MAX);
    SourceError::new(format!("{}: no such figure in \"{found}\"", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_not_read_before_it_is_polled() {
        let root = Path::new("/none");
        let mut disk = Disk::parse("free/x").unwrap();
        assert_eq!(disk.find(root).unwrap(), "bytes");
        assert!(disk.read(root).is_err());
    }

    #[test]
    fn use_is_what_is_not_idle() {
        let times = |idle, all| Times { idle, all };
        assert_eq!(used(times(10, 100), times(40, 200)), Some(70.0));
        assert_eq!(used(times(10, 100), times(5, 200)), Some(100.0));
        assert_eq!(used(times(0, 100), times(100, 200)), Some(0.0));
        assert_eq!(used(times(0, 100), times(0, 100)), None);
        assert_eq!(used(times(0, 100), times(0, 99)), None);
    }
}
