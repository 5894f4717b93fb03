//! Chips that watch the hardware: temperatures, voltages, fans, power.
//!
//! The files and their units: Documentation/hwmon/sysfs-interface.rst of the kernel.

use std::fs;
use std::path::Path;

use super::device::{Class, Device, list};
use super::{Gauge, attribute, two_parts};
use crate::source::SourceError;

pub(super) const CLASS: Class =
    Class { noun: "hwmon chip", directory: "sys/class/hwmon", prefix: "hwmon", name_file: "name" };

/// The names of inputs, the divisors of their files, and the units after dividing.
const QUANTITIES: [(&str, f64, &str); 8] = [
    ("temp", 1e3, "degrees Celsius"),
    ("in", 1e3, "volts"),
    ("curr", 1e3, "amperes"),
    ("power", 1e6, "watts"),
    ("energy", 1e6, "joules"),
    ("humidity", 1e3, "percent"),
    ("fan", 1.0, "revolutions a minute"),
    ("freq", 1.0, "hertz"),
];

/// An input of a chip.
#[derive(Debug)]
pub(super) struct Hwmon {
    chip: String,
    input: String,
}

/// An input that a chip has.
#[derive(Debug, PartialEq)]
pub(super) struct Input {
    /// Such as `temp1_input`.
    file: String,
    /// Such as `temp1`.
    stem: String,
    label: Option<String>,
    divisor: f64,
    unit: &'static str,
}

impl Hwmon {
    pub(super) fn parse(rest: &str) -> Result<Self, SourceError> {
        let (chip, input) = two_parts(rest, "hwmon/CHIP/INPUT")?;
        Ok(Self { chip: chip.to_owned(), input: input.to_owned() })
    }

    fn locate(&self, root: &Path) -> Result<(Device, Input), SourceError> {
        let chip = CLASS.choose(root, &self.chip)?;
        let mut inputs = inputs(&chip.directory);
        // The name of a file takes precedence over the name of an input, and that over a
        // label. If an input is both measured and averaged, the measured value is used.
        let position = |of: &dyn Fn(&Input) -> bool| inputs.iter().position(of);
        let found = position(&|input| input.file == self.input)
            .or_else(|| position(&|input| input.stem == self.input));
        let labelled: Vec<usize> = (0..inputs.len())
            .filter(|&at| inputs[at].label.as_ref() == Some(&self.input))
            .collect();
        match (found, &labelled[..]) {
            (Some(at), _) | (None, &[at]) => Ok((chip, inputs.swap_remove(at))),
            (None, []) => Err(SourceError::new(format!(
                "chip {} has no input {:?}; it has {}",
                self.chip,
                self.input,
                list(inputs.iter().map(Input::in_list))
            ))),
            (None, several) => Err(SourceError::new(format!(
                "chip {} has {} inputs labelled {:?}: say {}",
                self.chip,
                several.len(),
                self.input,
                list(several.iter().map(|&at| inputs[at].file.clone()))
            ))),
        }
    }
}

impl Gauge for Hwmon {
    fn find(&mut self, root: &Path) -> Result<&'static str, SourceError> {
        self.locate(root).map(|(_, input)| input.unit)
    }

    fn read(&mut self, root: &Path) -> Result<f64, SourceError> {
        let (chip, input) = self.locate(root)?;
        let fault = chip.directory.join(format!("{}_fault", input.stem));
        if attribute::number_or(&fault, 0.0)? != 0.0 {
            let fault = fault.display();
            return Err(SourceError::new(format!("{fault} says that the sensor is broken")));
        }
        let value = attribute::number(&chip.directory.join(&input.file))? / input.divisor;
        if input.stem.starts_with("temp") { attribute::possible_celsius(value) } else { Ok(value) }
    }
}

impl Input {
    fn in_list(&self) -> String {
        match &self.label {
            Some(label) => format!("{} ({label})", self.stem),
            None => self.stem.clone(),
        }
    }

    pub(super) fn description(&self) -> String {
        format!("{}, {}", self.stem, self.unit)
    }
}

/// A name for this input alone: its label if possible.
pub(super) fn designation(inputs: &[Input], at: usize) -> &str {
    let Input { file, stem, label, .. } = &inputs[at];
    // A label that is not safe for a terminal cannot be typed as a name.
    if let Some(label) = label.as_ref().filter(|label| !label.contains(char::is_control)) {
        let means = |input: &&Input| {
            input.label.as_ref() == Some(label) || input.stem == *label || input.file == *label
        };
        if inputs.iter().filter(means).count() == 1 {
            return label;
        }
    }
    let first = inputs.iter().position(|input| input.stem == *stem);
    if first == Some(at) { stem } else { file }
}

/// The inputs of a chip, in the order of their files.
pub(super) fn inputs(directory: &Path) -> Vec<Input> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut inputs: Vec<Input> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let file = entry.file_name().into_string().ok()?;
            let stem = file.strip_suffix("_input").or_else(|| file.strip_suffix("_average"))?;
            let (divisor, unit) = quantity(stem)?;
            let label = attribute::name(&directory.join(format!("{stem}_label")));
            Some(Input { stem: stem.to_owned(), label, divisor, unit, file })
        })
        .collect();
    // Measured inputs before averaged ones.
    let order = |input: &Input| (input.stem.clone(), input.file.ends_with("_average"));
    inputs.sort_by_key(order);
    // An average is a separate input only by the name of its file.
    let mut known: Option<String> = None;
    for input in &mut inputs {
        if known.as_ref() == Some(&input.stem) {
            input.label = None;
        }
        known = Some(input.stem.clone());
    }
    inputs
}

/// The divisor of `temp1`, and the unit after dividing.
fn quantity(stem: &str) -> Option<(f64, &'static str)> {
    let kind = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    if kind.len() == stem.len() {
        return None;
    }
    QUANTITIES.iter().find(|(name, ..)| *name == kind).map(|&(_, divisor, unit)| (divisor, unit))
}
