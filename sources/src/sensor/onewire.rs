//! Thermometers on a 1-wire bus, chosen by their built-in number.

use std::fs;
use std::path::Path;

use super::device::list;
use super::{Gauge, attribute, wrong_form};
use crate::quote::quoted;
use crate::source::SourceError;

const DIRECTORY: &str = "sys/bus/w1/devices";
/// The value of the chips after power-on, before they have measured anything: 85 degrees
/// for a DS18B20 and a DS18S20. A measured 85 degrees has another seventh byte, except
/// for the DS18S20, which gives the same bytes for both.
const POWER_ON: [[&str; 2]; 2] = [["50", "05"], ["aa", "00"]];
/// Bytes 6 to 8 at power-on. They are reserved.
const POWER_ON_RESERVED: [&str; 3] = ["ff", "0c", "10"];
/// The range of the chips of a family, in degrees Celsius, from their data sheets.
const RANGES: [(&str, f64, f64); 5] = [
    ("10", -55.0, 125.0),   // DS18S20
    ("22", -55.0, 125.0),   // DS1822
    ("28", -55.0, 125.0),   // DS18B20
    ("3b", -270.0, 1800.0), // MAX31850, with a thermocouple
    ("42", -40.0, 85.0),    // DS28EA00
];
/// The bytes that the chip sends. Nine zeros have the right checksum, but no thermometer
/// sends them.
const SENT_BYTES: usize = 9;
const QUOTED_CHARS_MAX: usize = 80;

/// A thermometer.
#[derive(Debug)]
pub(super) struct OneWire {
    id: String,
}

impl OneWire {
    pub(super) fn parse(rest: &str) -> Result<Self, SourceError> {
        if rest.is_empty() || rest.contains('/') || rest.starts_with('.') {
            return Err(wrong_form(rest, "w1/ID, such as w1/28-000005e2fdc3"));
        }
        Ok(Self { id: rest.to_owned() })
    }
}

impl Gauge for OneWire {
    fn find(&mut self, root: &Path) -> Result<&'static str, SourceError> {
        let there = thermometers(root);
        if there.contains(&self.id) {
            return Ok("degrees Celsius");
        }
        let (id, there) = (&self.id, list(there.into_iter()));
        Err(SourceError::new(if there.is_empty() {
            let bus = root.join(DIRECTORY);
            format!("there is no 1-wire thermometer {id:?}, and no other in {}", bus.display())
        } else {
            format!("there is no 1-wire thermometer {id:?}; there is {there}")
        }))
    }

    fn read(&mut self, root: &Path) -> Result<f64, SourceError> {
        self.find(root)?;
        let path = root.join(DIRECTORY).join(&self.id).join("w1_slave");
        let text = attribute::text(&path)?;
        celsius(&text)
            .and_then(|celsius| possible(&self.id, celsius))
            .map_err(|what| SourceError::new(format!("{}: {what}", path.display())))
    }
}

/// The thermometers on all buses.
pub(super) fn thermometers(root: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root.join(DIRECTORY)) else { return Vec::new() };
    let mut ids: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join("w1_slave").exists())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    ids.sort();
    ids
}

/// The temperature from the two lines of `w1_slave`. The first has the nine bytes that
/// the chip sent, and whether their checksum is right. The second has the same bytes, and
/// thousandths of a degree.
///
/// ```text
/// 72 01 4b 46 7f ff 0e 10 57 : crc=57 YES
/// 72 01 4b 46 7f ff 0e 10 57 t=23125
/// ```
pub(super) fn celsius(text: &str) -> Result<f64, String> {
    let mut lines = text.lines();
    let (checksum, value) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    match checksum.split_whitespace().next_back() {
        Some("YES") if checksum.contains("crc=") => {}
        Some("NO") if checksum.contains("crc=") => {
            return Err("the checksum of what the thermometer sent is wrong".to_owned());
        }
        _ => return Err(unclear(text)),
    }
    if checksum.split_whitespace().take_while(|byte| *byte == "00").count() == SENT_BYTES {
        return Err("only zeros, as from a shorted wire".to_owned());
    }
    let (_, thousandths) = value.rsplit_once("t=").ok_or_else(|| unclear(text))?;
    match thousandths.trim().parse::<i64>() {
        Ok(_) if is_power_on(checksum) => {
            Err("85 degrees, the value at power-on: it has not measured yet".to_owned())
        }
        Ok(thousandths) => i32::try_from(thousandths)
            .map(|thousandths| f64::from(thousandths) / 1e3)
            .map_err(|_| unclear(text)),
        Err(_) => Err(unclear(text)),
    }
}

/// Whether the bytes are those of a chip that has not measured since power-on.
fn is_power_on(line: &str) -> bool {
    let sent: Vec<String> = line.split_whitespace().map(str::to_ascii_lowercase).collect();
    sent.len() > SENT_BYTES
        && POWER_ON.iter().any(|value| sent[..2] == value[..])
        && sent[5..8] == POWER_ON_RESERVED
}

/// Refuses what a chip of this family cannot have measured.
fn possible(id: &str, celsius: f64) -> Result<f64, String> {
    let family = id.split('-').next().unwrap_or("").to_ascii_lowercase();
    match RANGES.iter().find(|(known, ..)| *known == family) {
        Some((_, least, most)) if !(*least..=*most).contains(&celsius) => Err(format!(
            "{celsius} degrees, which a chip of this kind cannot measure: {least} to {most}"
        )),
        _ => attribute::possible_celsius(celsius).map_err(|error| error.to_string()),
    }
}

fn unclear(text: &str) -> String {
    format!("\"{}\" is not what a thermometer says", quoted(text.as_bytes(), QUOTED_CHARS_MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_panics_and_none_is_shown_raw(
            text in "(([0-9a-f]{2} ){0,9}: crc=[0-9a-f]{2} (YES|NO)?\n?([0-9a-f]{2} ){0,9}t=-?[0-9]{0,20}|.{0,40}|(\\PC|\n){0,60})"
        ) {
            if let Err(said) = celsius(&text) {
                prop_assert!(!said.contains(char::is_control), "{said:?}");
            }
        }

        #[test]
        fn every_temperature_is_read_back(thousandths in -55_000_i64..125_001) {
            let text = format!("00 : crc=00 YES\n00 t={thousandths}\n");
            let found = celsius(&text).and_then(|celsius| possible("28-1", celsius));
            prop_assert_eq!(found, Ok(thousandths as f64 / 1e3));
        }
    }
}
