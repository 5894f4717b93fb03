//! `gaugelog sources`: the sensors that this machine has, ready to be pasted.

use clap::Args;
use gaugelog_sources::{Available, GRAMMAR, available};

use crate::exit::Exit;
use crate::figures::figure;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  gaugelog sources
  gaugelog sources | grep hwmon
  gaugelog collect 'sensor:hwmon/coretemp/Core 0' --every 1s";

/// What to list.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, after_long_help = format!("{GRAMMAR}\n{EXAMPLES}"))]
pub(crate) struct Arguments {
    /// Print the specs alone, one a line.
    #[arg(short, long)]
    quiet: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let sensors = available("/");
    if sensors.is_empty() {
        output::say("gaugelog", "no sensors are found in /sys and /proc");
    }
    let text: String = match arguments.quiet {
        true => sensors.iter().map(|sensor| format!("{}\n", quoted(&sensor.spec))).collect(),
        false => lines(&sensors),
    };
    output::print(text.as_bytes())
}

/// Spec, value and meaning of each, in columns.
fn lines(sensors: &[Available]) -> String {
    let specs: Vec<String> = sensors.iter().map(|sensor| quoted(&sensor.spec)).collect();
    let widest = specs.iter().map(|spec| spec.chars().count()).max().unwrap_or(0);
    let line = |(spec, sensor): (&String, &Available)| {
        let (value, meaning) = match &sensor.value {
            Ok(value) => (figure(*value, 6), sensor.description.clone()),
            Err(error) => ("-".to_owned(), error.to_string()),
        };
        format!("{}\n", format!("{spec:widest$}  {value:>12}  {meaning}").trim_end())
    };
    specs.iter().zip(sensors).map(line).collect()
}

/// As a shell takes it for one word.
pub(crate) fn quoted(spec: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@,=+%".contains(c);
    if !spec.is_empty() && spec.chars().all(plain) {
        return spec.to_owned();
    }
    if spec.contains(char::is_control) {
        // A driver's name is printed on a terminal: bash and zsh undo these escapes.
        let escaped = spec.replace('\\', r"\\").replace('\'', r"\'");
        let escape = |c: char| match c.is_control() {
            true => format!("\\u{:04x}", u32::from(c)),
            false => c.to_string(),
        };
        return format!("$'{}'", escaped.chars().map(escape).collect::<String>());
    }
    format!("'{}'", spec.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gaugelog_sources::SourceError;

    #[test]
    fn specs_are_ready_to_be_pasted() {
        assert_eq!(
            quoted("sensor:hwmon/nvme@0000:01:00.0/temp1"),
            "sensor:hwmon/nvme@0000:01:00.0/temp1"
        );
        assert_eq!(quoted("sensor:hwmon/coretemp/Core 0"), "'sensor:hwmon/coretemp/Core 0'");
        assert_eq!(quoted("a'$b"), r"'a'\''$b'");
        assert_eq!(quoted("a\u{1b}[2J'\\"), r"$'a\u001b[2J\'\\'");
    }

    #[test]
    fn what_cannot_be_read_is_listed_with_the_reason() {
        let sensor = |spec: &str, value| Available {
            spec: spec.to_owned(),
            description: "degrees Celsius".to_owned(),
            value,
        };
        let listed = lines(&[
            sensor("sensor:thermal/x", Ok(41.25)),
            sensor("sensor:w1/28", Err(SourceError::new("the CRC is wrong"))),
        ]);
        let expected = "sensor:thermal/x         41.25  degrees Celsius\n\
                        sensor:w1/28                 -  the CRC is wrong\n";
        assert_eq!(listed, expected);
    }
}
