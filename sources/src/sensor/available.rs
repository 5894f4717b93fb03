//! Listing the sensors of a machine.

use std::path::Path;

use super::{Sensor, device, hwmon, iio, machine, onewire, power, proc, thermal};
use crate::quote::escaped;
use crate::source::{Source, SourceError};

/// A sensor that a machine has.
#[derive(Debug)]
pub struct Available {
    /// Its spec, ready for [`Registry::open`](crate::Registry::open).
    pub spec: String,
    /// A description for people: the label on its chip and the unit, if there are any.
    pub description: String,
    /// Its value now, or why it has none.
    pub value: Result<f64, SourceError>,
}

/// The sensors of a machine, each read once. `root` is the directory with `sys` and
/// `proc`.
///
/// ```
/// for sensor in gaugelog_sources::available("/") {
///     println!("{}  {:?}", sensor.spec, sensor.value);
/// }
/// ```
#[must_use]
pub fn available(root: impl AsRef<Path>) -> Vec<Available> {
    let root = root.as_ref();
    // What cannot even be found, such as pressure on a kernel without it, is left out.
    // All are opened before the first is read: counters need some time between.
    let opened: Vec<(String, String, Sensor)> = named(root)
        .into_iter()
        .filter_map(|(wanted, description)| {
            let sensor = Sensor::found(&wanted, root).ok()?;
            Some((wanted, escaped(&description).into_owned(), sensor))
        })
        .collect();
    let read = |(wanted, description, mut sensor): (String, String, Sensor)| {
        let value = sensor.poll().map(|reading| reading.map_or(f64::NAN, |it| it.value));
        Available { spec: format!("sensor:{wanted}"), description, value }
    };
    opened.into_iter().map(read).collect()
}

/// Names of sensors as in a spec, and their descriptions.
fn named(root: &Path) -> Vec<(String, String)> {
    let mut named = Vec::new();
    let chips = hwmon::CLASS.devices(root);
    for chip in &chips {
        let name = device::designation(&chips, chip);
        let inputs = hwmon::inputs(&chip.directory);
        for at in 0..inputs.len() {
            let input = hwmon::designation(&inputs, at);
            named.push((format!("hwmon/{name}/{input}"), inputs[at].description()));
        }
    }
    let zones = thermal::CLASS.devices(root);
    for zone in &zones {
        let name = device::designation(&zones, zone);
        named.push((format!("thermal/{name}"), "degrees Celsius".to_owned()));
    }
    let devices = iio::CLASS.devices(root);
    for device in &devices {
        let name = device::designation(&devices, device);
        for channel in iio::channels(&device.directory) {
            let label = iio::label(&device.directory, &channel);
            let words = [label.as_deref().unwrap_or(""), iio::unit(&channel)];
            named.push((format!("iio/{name}/{channel}"), joined(words)));
        }
    }
    for supply in power::supplies(root) {
        for property in power::properties(root, &supply) {
            let (_, unit) = power::quantity(&property);
            named.push((format!("power/{supply}/{property}"), unit.to_owned()));
        }
    }
    let thermometers = onewire::thermometers(root).into_iter();
    named.extend(thermometers.map(|id| (format!("w1/{id}"), "degrees Celsius".to_owned())));
    named.extend(machine::names(root).into_iter().map(|(name, unit)| (name, unit.to_owned())));
    named.extend(proc::names().map(|(name, unit)| (name, unit.to_owned())));
    named
}

/// The non-empty words, with commas.
fn joined(words: [&str; 2]) -> String {
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ")
}
