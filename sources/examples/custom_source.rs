//! A custom source with its own scheme, collected into a store.
//!
//! ```text
//! cargo run -p gaugelog-sources --example custom_source uptime:hours /tmp/uptime.log
//! ```

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gaugelog::Store;
use gaugelog_sources::{Collector, Reading, Registry, Settings, Source, SourceError};

/// How long the machine has been up.
struct Uptime {
    path: PathBuf,
    unit_seconds: f64,
}

impl Uptime {
    /// The text after `uptime:` is the unit.
    fn open(unit: &str, settings: &Settings) -> Result<Box<dyn Source>, SourceError> {
        let unit_seconds = match unit {
            "" | "seconds" => 1.0,
            "hours" => 3600.0,
            _ => {
                let message = format!("uptime comes in seconds or hours, not in {unit:?}");
                return Err(SourceError::fatal(message));
            }
        };
        Ok(Box::new(Self { path: settings.root.join("proc/uptime"), unit_seconds }))
    }
}

impl Source for Uptime {
    fn name(&self) -> &str {
        "uptime"
    }

    fn description(&self) -> String {
        "how long the machine has been up".to_owned()
    }

    fn poll(&mut self) -> Result<Option<Reading>, SourceError> {
        let text = std::fs::read_to_string(&self.path)?;
        let seconds = text.split(' ').next().and_then(|seconds| seconds.parse::<f64>().ok());
        let seconds =
            seconds.ok_or_else(|| SourceError::new(format!("{text:?} is not an uptime")))?;
        Ok(Some(Reading::new(seconds / self.unit_seconds)))
    }
}

/// Polls what a spec names into a new store, every 10 ms for 50 ms. Returns how many
/// observations that made.
pub(crate) fn collect(
    spec: &str,
    store: &Path,
    settings: &Settings,
) -> Result<u64, Box<dyn Error>> {
    let mut registry = Registry::standard();
    registry.register("uptime", Uptime::open)?;
    let source = registry.open(spec, settings)?;
    let store = Store::create(store)?;
    let report = Collector::new()
        .interval(Duration::from_millis(10))
        .duration(Duration::from_millis(50))
        .run(source, &store, |_| {})?;
    Ok(report.stored)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let spec = arguments.next().unwrap_or_else(|| "uptime".to_owned());
    let store = arguments.next().unwrap_or_else(|| "uptime.log".to_owned());
    let stored = collect(&spec, Path::new(&store), &Settings::new())?;
    println!("{stored} observations in {store}");
    Ok(())
}
