//! Batteries and chargers, by their name and one of their properties.
//!
//! Documentation/power/power_supply_class.rst of the kernel: micro-units, tenths of a
//! degree, percents and seconds.

use std::fs;
use std::path::{Path, PathBuf};

use super::device::list;
use super::{Gauge, attribute, two_parts};
use crate::source::SourceError;

const DIRECTORY: &str = "sys/class/power_supply";
const CELSIUS: &str = "degrees Celsius";

/// A property of a power supply.
#[derive(Debug)]
pub(super) struct PowerSupply {
    supply: String,
    property: String,
}

impl PowerSupply {
    pub(super) fn parse(rest: &str) -> Result<Self, SourceError> {
        let (supply, property) = two_parts(rest, "power/SUPPLY/PROPERTY")?;
        Ok(Self { supply: supply.to_owned(), property: property.to_owned() })
    }

    fn locate(&self, root: &Path) -> Result<PathBuf, SourceError> {
        let Self { supply, property } = self;
        let there = supplies(root);
        if !there.contains(supply) {
            return Err(SourceError::new(if there.is_empty() {
                let class = root.join(DIRECTORY);
                format!("there is no power supply {supply:?}, and no other in {}", class.display())
            } else {
                let there = list(there.into_iter());
                format!("there is no power supply {supply:?}; there is {there}")
            }));
        }
        let there = properties(root, supply);
        if !there.contains(property) {
            return Err(SourceError::new(format!(
                "power supply {supply} has no property {property:?} that is a number; it has {}",
                list(there.into_iter())
            )));
        }
        Ok(root.join(DIRECTORY).join(supply).join(property))
    }
}

impl Gauge for PowerSupply {
    fn find(&mut self, root: &Path) -> Result<&'static str, SourceError> {
        self.locate(root).map(|_| quantity(&self.property).1)
    }

    fn read(&mut self, root: &Path) -> Result<f64, SourceError> {
        let (divisor, unit) = quantity(&self.property);
        let value = attribute::number(&self.locate(root)?)? / divisor;
        if unit == CELSIUS { attribute::possible_celsius(value) } else { Ok(value) }
    }
}

/// The names of the power supplies.
pub(super) fn supplies(root: &Path) -> Vec<String> {
    entries(&root.join(DIRECTORY))
}

/// The properties of a supply that may be numbers.
pub(super) fn properties(root: &Path, supply: &str) -> Vec<String> {
    let directory = root.join(DIRECTORY).join(supply);
    let is_quantity = |property: &String| {
        let kinds = ["voltage", "current", "power_", "energy", "charge_", "capacity", "temp"];
        let plain = ["online", "present", "cycle_count", "state_of_health"];
        let words = ["charge_type", "charge_types", "charge_behaviour", "capacity_level"];
        (kinds.iter().any(|kind| property.contains(kind))
            || property.starts_with("time_to_")
            || plain.contains(&property.as_str()))
            && !words.contains(&property.as_str())
            && directory.join(property).is_file()
    };
    entries(&directory).into_iter().filter(is_quantity).collect()
}

fn entries(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// The divisor of a property, and its unit after dividing.
pub(super) fn quantity(property: &str) -> (f64, &'static str) {
    let begins = |with: &str| property.starts_with(with);
    // The thresholds were once called charge_start_threshold and charge_stop_threshold.
    if property.ends_with("_threshold")
        || begins("charge_control_")
        || begins("capacity")
        || begins("state_of_health")
    {
        (1.0, "percent")
    } else if begins("temp") {
        (10.0, CELSIUS)
    } else if begins("time_to_") {
        (1.0, "seconds")
    } else if property.contains("voltage") {
        (1e6, "volts")
    } else if property.contains("current") {
        (1e6, "amperes")
    } else if property.contains("power") {
        (1e6, "watts")
    } else if begins("energy") {
        (1e6, "watt-hours")
    } else if begins("charge_") {
        (1e6, "ampere-hours")
    } else {
        (1.0, "")
    }
}
