//! Industrial I/O: converters and environment sensors, chosen by device and channel.
//!
//! A channel shows a value ready for use (`_input`), or a raw value. The value of a raw
//! one is (raw + offset) × scale. Both are in the kernel's units. Offset and scale are
//! the channel's own, or shared by all channels of its type.
//! Documentation/ABI/testing/sysfs-bus-iio of the kernel.

use std::fs;
use std::path::Path;

use super::device::{Class, Device, list};
use super::{Gauge, attribute, two_parts};
use crate::source::SourceError;

pub(super) const CLASS: Class = Class {
    noun: "IIO device",
    directory: "sys/bus/iio/devices",
    prefix: "iio:device",
    name_file: "name",
};

const MILLIDEGREES: &str = "millidegrees Celsius";

/// The units of the most common types of channel.
const UNITS: [(&str, &str); 12] = [
    ("in_temp", MILLIDEGREES),
    ("in_voltage", "millivolts"),
    ("in_current", "milliamperes"),
    ("in_power", "milliwatts"),
    ("in_humidityrelative", "thousandths of a percent"),
    ("in_pressure", "kilopascals"),
    ("in_illuminance", "lux"),
    ("in_distance", "metres"),
    ("in_accel", "metres per second squared"),
    ("in_anglvel", "radians a second"),
    ("in_magn", "gauss"),
    ("in_concentration", "percent"),
];

/// A channel of a device.
#[derive(Debug)]
pub(super) struct Iio {
    device: String,
    channel: String,
}

impl Iio {
    pub(super) fn parse(rest: &str) -> Result<Self, SourceError> {
        let (device, channel) = two_parts(rest, "iio/DEVICE/CHANNEL")?;
        Ok(Self { device: device.to_owned(), channel: channel.to_owned() })
    }

    fn locate(&self, root: &Path) -> Result<(Device, String), SourceError> {
        let device = CLASS.choose(root, &self.device)?;
        let channels = channels(&device.directory);
        if channels.contains(&self.channel) {
            return Ok((device, self.channel.clone()));
        }
        let has_label =
            |channel: &&String| label(&device.directory, channel).as_ref() == Some(&self.channel);
        let labelled: Vec<&String> = channels.iter().filter(has_label).collect();
        match labelled[..] {
            [channel] => {
                let channel = channel.clone();
                Ok((device, channel))
            }
            [] => Err(SourceError::new(format!(
                "IIO device {} has no channel {:?}; it has {}",
                self.device,
                self.channel,
                list(channels.into_iter())
            ))),
            _ => Err(SourceError::new(format!(
                "IIO device {} has {} channels labelled {:?}: say {}",
                self.device,
                labelled.len(),
                self.channel,
                list(labelled.into_iter().cloned())
            ))),
        }
    }
}

impl Gauge for Iio {
    fn find(&mut self, root: &Path) -> Result<&'static str, SourceError> {
        self.locate(root).map(|(_, channel)| unit(&channel))
    }

    fn read(&mut self, root: &Path) -> Result<f64, SourceError> {
        let (device, channel) = self.locate(root)?;
        let directory = &device.directory;
        let ready = directory.join(format!("{channel}_input"));
        let value = if ready.exists() {
            attribute::number(&ready)?
        } else {
            let raw = attribute::number(&directory.join(format!("{channel}_raw")))?;
            let offset = own_or_shared(directory, &channel, "offset", 0.0)?;
            let scale = own_or_shared(directory, &channel, "scale", 1.0)?;
            attribute::scaled(raw, offset, scale)
        };
        if unit(&channel) == MILLIDEGREES {
            attribute::possible_celsius(value / 1e3)?;
        }
        Ok(value)
    }
}

pub(super) fn unit(channel: &str) -> &'static str {
    UNITS.iter().find(|(kind, _)| channel.starts_with(kind)).map_or("", |(_, unit)| unit)
}

pub(super) fn label(directory: &Path, channel: &str) -> Option<String> {
    attribute::name(&directory.join(format!("{channel}_label")))
}

/// The channels of a device, in order of their names.
pub(super) fn channels(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut channels: Vec<String> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let file = entry.file_name().into_string().ok()?;
            let channel = file.strip_suffix("_raw").or_else(|| file.strip_suffix("_input"))?;
            channel.starts_with("in_").then(|| channel.to_owned())
        })
        .collect();
    channels.sort();
    channels.dedup();
    channels
}

/// An attribute of the channel or of its type: for `in_voltage0` also that of
/// `in_voltage`, for `in_accel_x` that of `in_accel`.
fn own_or_shared(
    directory: &Path,
    channel: &str,
    attribute: &str,
    default: f64,
) -> Result<f64, SourceError> {
    let unnumbered: String = channel.chars().filter(|c| !c.is_ascii_digit()).collect();
    let mut stem = unnumbered.as_str();
    let mut paths = vec![directory.join(format!("{channel}_{attribute}"))];
    // No further than `in_voltage`: each type has its own name.
    while stem.len() > "in_".len() {
        paths.push(directory.join(format!("{stem}_{attribute}")));
        stem = stem.rfind(['_', '-']).map_or("", |at| &stem[..at]);
    }
    match paths.iter().find(|path| path.exists()) {
        Some(path) => attribute::number(path),
        None => Ok(default),
    }
}
