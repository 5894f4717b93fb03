//! Devices of a class, found by the name that their driver gives them.

use std::fs;
use std::path::{Path, PathBuf};

use super::attribute;
use crate::source::SourceError;

/// Where the kernel lists devices of one kind.
#[derive(Debug)]
pub(super) struct Class {
    /// The name of such a device in errors.
    pub(super) noun: &'static str,
    /// The directory, below the root.
    pub(super) directory: &'static str,
    /// The beginning of each entry. After it comes a number that changes between boots.
    pub(super) prefix: &'static str,
    /// The file in an entry that holds the name.
    pub(super) name_file: &'static str,
}

/// A device that was found.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) name: String,
    /// The directory of its attributes.
    pub(super) directory: PathBuf,
    /// Its position in the machine: the parts of its path among the kernel's devices.
    parts: Vec<String>,
}

impl Class {
    /// All devices with a name, ordered by position.
    pub(super) fn devices(&self, root: &Path) -> Vec<Device> {
        let Ok(entries) = fs::read_dir(root.join(self.directory)) else { return Vec::new() };
        let is_ours =
            |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(self.prefix);
        let mut devices: Vec<Device> = entries
            .filter_map(Result::ok)
            .filter(is_ours)
            .filter_map(|entry| self.device(root, &entry.path()))
            .collect();
        devices.sort_by(|a, b| a.parts.cmp(&b.parts));
        devices
    }

    fn device(&self, root: &Path, entry: &Path) -> Option<Device> {
        // Old hwmon drivers keep all their files in the device's directory.
        [entry.to_owned(), entry.join("device")].into_iter().find_map(|directory| {
            let name = attribute::name(&directory.join(self.name_file))?;
            Some(Device { name, directory, parts: parts(root, entry) })
        })
    }

    /// The device that `NAME` or `NAME@PART` means.
    pub(super) fn choose(&self, root: &Path, wanted: &str) -> Result<Device, SourceError> {
        let mut devices = self.devices(root);
        let chosen = match matching(&devices, wanted)[..] {
            [only] => only,
            [] => {
                let there = list(devices.iter().map(|device| designation(&devices, device)));
                let Self { noun, directory, .. } = self;
                let class = root.join(directory);
                return Err(SourceError::new(if there.is_empty() {
                    format!("there is no {noun} {wanted:?}, and no other in {}", class.display())
                } else {
                    format!("there is no {noun} {wanted:?}; there is {there}")
                }));
            }
            ref several => {
                let which = several.iter().map(|&at| designation(&devices, &devices[at]));
                return Err(SourceError::new(format!(
                    "there are {} {}s {wanted:?}: say {}",
                    several.len(),
                    self.noun,
                    list(which)
                )));
            }
        };
        Ok(devices.swap_remove(chosen))
    }
}

/// The indices of the devices that are meant.
fn matching(devices: &[Device], wanted: &str) -> Vec<usize> {
    let named = |name: &str| -> Vec<usize> {
        (0..devices.len()).filter(|&at| devices[at].name == name).collect()
    };
    let whole = named(wanted);
    let Some((name, part)) = wanted.rsplit_once('@') else { return whole };
    if !whole.is_empty() {
        return whole;
    }
    let of_name = named(name);
    let has_part = |&at: &usize| devices[at].parts.iter().any(|found| found == part);
    let with_part: Vec<usize> = of_name.iter().copied().filter(has_part).collect();
    if with_part.is_empty() {
        let index = part.parse::<usize>().ok();
        return index.and_then(|index| of_name.get(index).copied()).into_iter().collect();
    }
    with_part
}

/// A name for this device alone: `NAME`, or else `NAME@PART`.
pub(super) fn designation(devices: &[Device], device: &Device) -> String {
    let name = &device.name;
    let same: Vec<&Device> = devices.iter().filter(|other| other.name == *name).collect();
    if same.len() < 2 {
        return name.clone();
    }
    let is_own =
        |part: &&String| same.iter().filter(|other| other.parts.contains(part)).count() < 2;
    // An address on a bus stays the same; a number that the kernel counts up may not.
    let is_address =
        |part: &&String| part.contains(':') || part.starts_with(|c: char| c.is_ascii_digit());
    let own = || device.parts.iter().rev().filter(is_own);
    match own().find(is_address).or_else(|| own().next()) {
        Some(part) => format!("{name}@{part}"),
        None => {
            let index = same.iter().position(|other| std::ptr::eq(*other, device)).unwrap_or(0);
            format!("{name}@{index}")
        }
    }
}

/// The parts of the path of an entry's device.
fn parts(root: &Path, entry: &Path) -> Vec<String> {
    let root = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let path = fs::canonicalize(entry.join("device"))
        .or_else(|_| fs::canonicalize(entry))
        .unwrap_or_else(|_| entry.to_owned());
    let inside = path.strip_prefix(&root).unwrap_or(&path);
    inside.iter().map(|part| part.to_string_lossy().into_owned()).collect()
}

/// Names in order, for an error; with a limit.
pub(super) fn list(names: impl Iterator<Item = String>) -> String {
    const MOST: usize = 12;
    let mut names: Vec<String> = names.collect();
    names.sort();
    names.dedup();
    let more = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    let mut text = names.join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
