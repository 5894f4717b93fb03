//! `--plot`: a PNG of the series or of its distribution, whose path is printed.

use std::path::{Path, PathBuf};

use gaugelog::Snapshot;
use jiff::Timestamp;

use super::{Picture, Place, reading};
use crate::exit::Exit;
use crate::explain::way_out_of_io;
use crate::plot::{self, Figures, PlotError};
use crate::{json, output, place};

/// numpy's default.
const BINS: usize = 10;

pub(super) fn run(store: &Place, picture: Picture, out: Option<PathBuf>) -> Result<(), Exit> {
    reading(store, |snapshot| {
        let out = place::pictures(out)?;
        let path = match picture {
            Picture::Time => draw_series(snapshot, &out)?,
            Picture::Dist => draw_distribution(snapshot, &out)?,
        };
        let mut line = Vec::new();
        json::string(&mut line, &path.to_string_lossy());
        line.push(b'\n');
        output::print(&line)
    })
}

/// Draws the series over time into a new file in `dir`.
pub(crate) fn draw_series(snapshot: &Snapshot, dir: &Path) -> Result<PathBuf, Exit> {
    let figures = Figures::from(&snapshot.summary()?);
    let columns = snapshot.window(..).columns(plot::SERIES_COLUMNS)?;
    publish(dir, "time", plot::series(&columns, &figures))
}

/// Draws the distribution of the values into a new file in `dir`.
pub(crate) fn draw_distribution(snapshot: &Snapshot, dir: &Path) -> Result<PathBuf, Exit> {
    let figures = Figures { median: snapshot.median()?, ..Figures::from(&snapshot.summary()?) };
    let histogram = snapshot.window(..).histogram(BINS)?;
    publish(dir, "dist", plot::distribution(histogram.as_ref(), &figures))
}

fn publish(dir: &Path, kind: &str, png: Result<Vec<u8>, PlotError>) -> Result<PathBuf, Exit> {
    let png = png.map_err(|error| Exit::Error(error.to_string()))?;
    plot::write_new(dir, &plot::stem(kind, Timestamp::now()), &png).map_err(|error| {
        let way_out = way_out_of_io(&error).unwrap_or("name another directory with --out DIR");
        Exit::Error(format!("{}: cannot write the picture: {error}; {way_out}", dir.display()))
    })
}
