//! Thermal zones, chosen by their type, in degrees Celsius.

use std::path::Path;

use super::device::Class;
use super::{Gauge, attribute, wrong_form};
use crate::source::SourceError;

pub(super) const CLASS: Class = Class {
    noun: "thermal zone",
    directory: "sys/class/thermal",
    prefix: "thermal_zone",
    name_file: "type",
};

/// A thermal zone.
#[derive(Debug)]
pub(super) struct Thermal {
    zone: String,
}

impl Thermal {
    pub(super) fn parse(rest: &str) -> Result<Self, SourceError> {
        if rest.is_empty() {
            return Err(wrong_form("thermal", "thermal/TYPE"));
        }
        Ok(Self { zone: rest.to_owned() })
    }
}

impl Gauge for Thermal {
    fn find(&mut self, root: &Path) -> Result<&'static str, SourceError> {
        CLASS.choose(root, &self.zone).map(|_| "degrees Celsius")
    }

    fn read(&mut self, root: &Path) -> Result<f64, SourceError> {
        let zone = CLASS.choose(root, &self.zone)?;
        attribute::possible_celsius(attribute::number(&zone.directory.join("temp"))? / 1e3)
    }
}
