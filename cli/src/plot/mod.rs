//! Pictures of a store: the series over time and the distribution of its values.
//!
//! A picture is made from what the engine's tree answers (pixel columns, a
//! histogram, a summary), so it costs pixels and not observations. Everything
//! is inside the program: pixels by `plotters`, letters from an embedded font,
//! a palette PNG at the end. Nothing in here reads a store or a clock.
//!
//! [`series`] and [`distribution`] give the bytes of a PNG, [`write_new`] puts
//! them under a new name in a directory.

mod axis;
mod canvas;
mod dist;
mod encode;
mod font;
mod frame;
mod number;
mod publish;
mod time;
mod time_axis;

#[cfg(test)]
mod tests;

use std::fmt;

pub use dist::distribution;
pub use publish::{stem, write_new};
pub use time::series;

/// Width of every picture, in pixels.
pub const WIDTH: u32 = 1200;

/// Height of every picture, in pixels.
pub const HEIGHT: u32 = 675;

/// How many columns to ask `Window::columns` for: one for each pixel
/// that a series can be wide.
pub const SERIES_COLUMNS: usize = 1080;

/// The statistics that a picture states and marks; what is `None` is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// How many observations.
    pub count: u64,
    /// Smallest value.
    pub min: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
    /// Mean.
    pub mean: Option<f64>,
    /// Population standard deviation.
    pub std_dev: Option<f64>,
    /// Exact median: no summary holds it, so it is `None` unless set.
    pub median: Option<f64>,
}

impl From<&gaugelog::Summary> for Figures {
    fn from(summary: &gaugelog::Summary) -> Self {
        Self {
            count: summary.count(),
            min: summary.min(),
            max: summary.max(),
            mean: summary.mean(),
            std_dev: summary.std_dev(),
            median: None,
        }
    }
}

/// Why a picture could not be made. No finite input causes it; it stands for a
/// defect in what draws or encodes, told instead of a panic.
#[derive(Debug)]
#[non_exhaustive]
pub enum PlotError {
    /// The drawing library refused.
    Draw(String),
    /// The PNG encoder refused.
    Encode(png::EncodingError),
}

impl fmt::Display for PlotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Draw(reason) => write!(f, "cannot draw the picture: {reason}"),
            Self::Encode(error) => write!(f, "cannot encode the picture: {error}"),
        }
    }
}

impl std::error::Error for PlotError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Draw(_) => None,
            Self::Encode(error) => Some(error),
        }
    }
}
