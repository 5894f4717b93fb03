//! What a picture consists of: one list of shapes, from which each writer makes its file.
//!
//! Coordinates are pixels of the finished picture, y downwards, and may have fractions.

use super::font::{self, Face};
use super::pixels;
use super::theme::Rgb;

/// A place in pixels.
pub(super) type Point = (f64, f64);

/// Where a text stands relative to its point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Style {
    pub(super) face: Face,
    /// Pixels an em.
    pub(super) size: f32,
    pub(super) colour: Rgb,
}

impl Style {
    /// How wide a text is, in pixels.
    pub(super) fn width(self, text: &str) -> f64 {
        font::width(self.face, self.size, text)
    }
}

/// One thing to draw.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// What the outline encloses; `opacity` is from 0 to 1.
    Area { outline: Vec<Point>, colour: Rgb, opacity: f64 },
    /// A stroke with round ends and corners.
    Line { points: Vec<Point>, width: f64, colour: Rgb },
    /// A straight stroke of dashes and gaps of `dash` pixels each.
    Dashes { from: Point, to: Point, width: f64, dash: f64, colour: Rgb },
    /// Text that begins at this point of its baseline.
    Text { left: Point, style: Style, text: String },
}

/// A picture: its shapes, the first one lowest.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) paper: Rgb,
    /// What a screen reader says of it.
    pub(super) title: String,
    pub(super) shapes: Vec<Shape>,
}

impl Drawing {
    /// The picture as PNG.
    ///
    /// # Errors
    /// Those of the encoder, which no picture causes.
    pub fn png(&self) -> Result<Vec<u8>, png::EncodingError> {
        pixels::png(self)
    }

    /// The picture as SVG, its letters as outlines.
    #[cfg(feature = "plot")]
    #[must_use]
    pub fn svg(&self) -> String {
        super::svg::svg(self)
    }

    /// A filled rectangle, its edges on whole pixels.
    pub(super) fn rect(&mut self, a: Point, b: Point, colour: Rgb, opacity: f64) {
        let (left, top, right, bottom) = (a.0.round(), a.1.round(), b.0.round(), b.1.round());
        self.area(
            vec![(left, top), (right, top), (right, bottom), (left, bottom)],
            colour,
            opacity,
        );
    }

    pub(super) fn area(&mut self, outline: Vec<Point>, colour: Rgb, opacity: f64) {
        self.shapes.push(Shape::Area { outline, colour, opacity });
    }

    pub(super) fn line(&mut self, a: Point, b: Point, width: f64, colour: Rgb) {
        self.path(vec![a, b], width, colour);
    }

    pub(super) fn path(&mut self, points: Vec<Point>, width: f64, colour: Rgb) {
        self.shapes.push(Shape::Line { points, width, colour });
    }

    pub(super) fn dashes(&mut self, from: Point, to: Point, width: f64, dash: f64, colour: Rgb) {
        self.shapes.push(Shape::Dashes { from, to, width, dash, colour });
    }

    /// A filled disc.
    pub(super) fn dot(&mut self, at: Point, radius: f64, colour: Rgb) {
        self.line(at, at, 2.0 * radius, colour);
    }

    /// Text on a baseline.
    pub(super) fn text(&mut self, at: Point, align: Align, style: Style, text: &str) {
        let left = match align {
            Align::Left => at.0,
            Align::Centre => at.0 - style.width(text) / 2.0,
            Align::Right => at.0 - style.width(text),
        };
        self.shapes.push(Shape::Text { left: (left, at.1.round()), style, text: text.to_owned() });
    }
}
