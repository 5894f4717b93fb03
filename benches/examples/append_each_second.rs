//! Appends one observation a second to a store, singly or several together. It shows what
//! the engine alone writes, for `benches/card-bytes`.

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use gaugelog::{Observation, Options};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "append_each_second STORE SECONDS [TOGETHER]";
    let (path, seconds) = (arguments.next().ok_or(usage)?, arguments.next().ok_or(usage)?);
    let together: usize = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let mut waiting = Vec::new();
    let store = Options::new().late_marks(together > 1).create(path)?;
    let begun = Instant::now();
    for second in 0..seconds.parse()? {
        thread::sleep(Duration::from_secs(second).saturating_sub(begun.elapsed()));
        waiting.push(Observation::at(SystemTime::now(), 14.2));
        if waiting.len() >= together {
            store.append_batch(&waiting)?;
            waiting.clear();
        }
    }
    Ok(())
}
