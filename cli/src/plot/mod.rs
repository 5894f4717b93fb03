//! Pictures of stores: series over time and the distribution of their values.
//!
//! A picture is made from what the engine's tree answers (summaries of pixel columns, a
//! histogram), so it costs pixels and not observations. It is a list of shapes, which
//! becomes a PNG or an SVG. Everything is inside the program: letters from an embedded
//! font, a palette PNG at the end. Nothing in here reads a clock.
//!
//! [`series`] and [`distribution`] give a [`Drawing`], [`write_new`] puts its bytes under a
//! new name in a directory.

mod axis;
mod bins;
#[cfg(feature = "plot")]
mod braille;
mod columns;
mod dist;
mod encode;
mod font;
mod frame;
mod lines;
mod look;
mod number;
mod pixels;
mod publish;
mod series;
mod shapes;
#[cfg(feature = "plot")]
mod svg;
#[cfg(feature = "plot")]
pub(crate) mod terminal;
mod theme;
mod time_axis;

#[cfg(test)]
mod tests;

pub use dist::{Binning, distribution};
pub use look::{HEIGHT, Look, Source, WIDTH};
pub use publish::{stem, write_new};
pub use series::series;
pub use shapes::Drawing;
pub use theme::SERIES_MAX;
