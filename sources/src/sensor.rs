//! The sensors of a Linux machine, read from the kernel's own files.

mod attribute;
mod available;
mod device;
mod hwmon;
mod iio;
mod machine;
mod onewire;
mod plain;
mod power;
mod proc;
mod rate;
mod thermal;

#[cfg(fuzzing)]
pub(crate) fn celsius(text: &str) -> Result<f64, String> {
    onewire::celsius(text)
}

use std::fmt;
use std::path::{Path, PathBuf};

pub(crate) use attribute::scaled;
pub use available::{Available, available};

use crate::quote::escaped;
use crate::source::{Reading, Source, SourceError};

/// One quantity that the kernel shows: where it is found, and its value.
trait Gauge: fmt::Debug + Send {
    /// Finds the quantity by its name, and returns its unit, which is empty if it has
    /// none.
    ///
    /// # Errors
    /// There is none, or there are several; the error lists what there is.
    fn find(&mut self, root: &Path) -> Result<&'static str, SourceError>;

    /// Finds the quantity by its name, and reads it. Its place at the last poll does not
    /// matter: a chip that has moved leaves its old number to another chip.
    fn read(&mut self, root: &Path) -> Result<f64, SourceError>;
}

/// A sensor of a Linux machine, chosen by names that stay the same across boots.
///
/// Values are in plain units (degrees Celsius, volts, watts). Exceptions are those of the
/// IIO subsystem, which are in the kernel's units (millidegrees, millivolts), and the
/// total of a pressure, in microseconds. What the kernel counts, such as the bytes of an
/// interface, is given as the change a second since the poll before; the first poll takes
/// a fifth of a second for that. A temperature below absolute zero, or outside the chip's
/// range, is an error. The sensor is searched for at each poll, so one that was unplugged
/// may come back, and one that has moved is found.
#[derive(Debug)]
pub struct Sensor {
    gauge: Box<dyn Gauge>,
    /// The spec without its scheme.
    wanted: String,
    /// Known after the sensor was found.
    unit: Option<&'static str>,
    root: PathBuf,
}

impl Sensor {
    /// The sensor that a [spec](crate::Registry#specs) names, without `sensor:`. `root`
    /// is the directory with `sys` and `proc`. The sensor need not exist yet.
    ///
    /// # Errors
    /// A name that is not understood.
    pub fn open(wanted: &str, root: impl Into<PathBuf>) -> Result<Self, SourceError> {
        let mut sensor = Self::parse(wanted, root.into())?;
        match sensor.find() {
            Err(error) if !error.can_poll_again() => Err(error),
            // If it is absent, the first poll reports that.
            _ => Ok(sensor),
        }
    }

    /// The same, for a sensor that must exist.
    fn found(wanted: &str, root: &Path) -> Result<Self, SourceError> {
        let mut sensor = Self::parse(wanted, root.to_owned())?;
        sensor.find()?;
        Ok(sensor)
    }

    fn parse(wanted: &str, root: PathBuf) -> Result<Self, SourceError> {
        Ok(Self { gauge: gauge(wanted)?, wanted: wanted.to_owned(), unit: None, root })
    }

    fn find(&mut self) -> Result<(), SourceError> {
        self.unit = Some(self.gauge.find(&self.root)?);
        Ok(())
    }
}

/// Reads the name of a sensor.
fn gauge(wanted: &str) -> Result<Box<dyn Gauge>, SourceError> {
    if let Some(file) = wanted.strip_prefix("file=") {
        return Ok(Box::new(plain::PlainFile::parse(file)?));
    }
    let (kind, rest) = wanted.split_once('/').unwrap_or((wanted, ""));
    Ok(match kind {
        "hwmon" => Box::new(hwmon::Hwmon::parse(rest)?),
        "thermal" => Box::new(thermal::Thermal::parse(rest)?),
        "iio" => Box::new(iio::Iio::parse(rest)?),
        "power" => Box::new(power::PowerSupply::parse(rest)?),
        "w1" => Box::new(onewire::OneWire::parse(rest)?),
        "cpu" => Box::new(machine::Cpu::parse(rest)?),
        "memory" => Box::new(machine::Memory::parse(rest)?),
        "disk" => Box::new(machine::Disk::parse(rest)?),
        "net" => Box::new(machine::Network::parse(rest)?),
        "loadavg" => Box::new(proc::LoadAverage::parse(rest)?),
        "pressure" => Box::new(proc::Pressure::parse(rest)?),
        _ => {
            return Err(SourceError::fatal(format!(
                "{kind:?} is no kind of sensor; there are hwmon, thermal, iio, power, w1, cpu, \
                 memory, disk, net, loadavg, pressure and file="
            )));
        }
    })
}

/// An error for a spec that lacks a part or has one too many.
fn wrong_form(wanted: &str, form: &str) -> SourceError {
    SourceError::fatal(format!("{wanted:?} is not of the form {form}"))
}

/// Splits `DEVICE/WHAT`. The second part may hold further slashes.
fn two_parts<'a>(rest: &'a str, form: &str) -> Result<(&'a str, &'a str), SourceError> {
    match rest.split_once('/') {
        Some((device, what)) if !device.is_empty() && !what.is_empty() => Ok((device, what)),
        _ => Err(wrong_form(rest, form)),
    }
}

impl Source for Sensor {
    fn name(&self) -> &str {
        "sensor"
    }

    fn description(&self) -> String {
        let wanted = escaped(&self.wanted);
        match self.unit {
            None | Some("") => format!("sensor {wanted}"),
            Some(unit) => format!("sensor {wanted}, in {unit}"),
        }
    }

    fn is_local(&self) -> bool {
        true
    }

    fn poll(&mut self) -> Result<Option<Reading>, SourceError> {
        if self.unit.is_none() {
            self.find()?;
        }
        self.gauge.read(&self.root).map(|value| Some(Reading::new(value)))
    }
}
