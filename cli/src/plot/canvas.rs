//! The surface that both pictures are drawn on.
//!
//! Coordinates are pixels of the finished picture, y downwards, and may have
//! fractions. `plotters` holds the pixels, fills rectangles and mixes colours.
//! Strokes and letters are given to it pixel by pixel with their coverage: its
//! own strokes begin and end at whole pixels, come out unevenly wide, and as
//! polylines shoot spikes at sharp corners (plotters issue 549).

use plotters::prelude::{BitMapBackend, Color, DrawingBackend, RGBColor};

use super::font::{self, Face};
use super::{HEIGHT, PlotError, WIDTH, encode};

/// Red, green, blue.
pub(super) type Rgb = (u8, u8, u8);

/// A place in pixels.
pub(super) type Point = (f64, f64);

/// The colours of both pictures; blue and orange stay apart for every kind of
/// colour vision, and what they mark differs in form as well.
pub(super) mod colour {
    use super::Rgb;

    pub(in super::super) const PAPER: Rgb = (255, 255, 255);
    pub(in super::super) const INK: Rgb = (31, 41, 51);
    pub(in super::super) const MUTED: Rgb = (97, 110, 124);
    pub(in super::super) const AXIS: Rgb = (154, 165, 177);
    pub(in super::super) const GRID: Rgb = (228, 231, 235);
    pub(in super::super) const SERIES: Rgb = (42, 111, 162);
    pub(in super::super) const BAR: Rgb = (143, 186, 220);
    pub(in super::super) const MEAN: Rgb = (209, 92, 25);
    pub(in super::super) const MEDIAN: Rgb = (104, 74, 158);
}

/// Where a text stands relative to its point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) face: Face,
    /// Pixels an em.
    pub(super) size: f32,
    pub(super) colour: Rgb,
}

/// A picture being drawn.
pub(super) struct Canvas {
    pixels: Vec<u8>,
}

impl Canvas {
    pub(super) fn new() -> Self {
        let bytes = 3 * usize::try_from(WIDTH * HEIGHT).expect("the picture fits in memory");
        Self { pixels: vec![colour::PAPER.0; bytes] }
    }

    /// A filled rectangle, its edges on whole pixels; `opacity` from 0 to 1.
    pub(super) fn rect(&mut self, a: Point, b: Point, rgb: Rgb, opacity: f64) -> Drawn {
        let colour = plotters_colour(rgb).mix(opacity);
        let (a, b) = ((pixel(a.0), pixel(a.1)), (pixel(b.0), pixel(b.1)));
        self.backend().draw_rect(a, b, &colour, true).map_err(refused)
    }

    /// A straight stroke with round ends, `width` pixels wide.
    ///
    /// Walks along the longer way, a pixel at a time, and looks across at the
    /// few that are near: covered is what lies within half a width.
    pub(super) fn line(&mut self, a: Point, b: Point, width: f64, rgb: Rgb) -> Drawn {
        let (a, b) = (nearby(a), nearby(b));
        let steep = (b.1 - a.1).abs() > (b.0 - a.0).abs();
        let turned = |(x, y): Point| if steep { (y, x) } else { (x, y) };
        let (a, b) = (turned(a), turned(b));
        let (a, b) = if a.0 <= b.0 { (a, b) } else { (b, a) };
        let slope = if b.0 > a.0 { (b.1 - a.1) / (b.0 - a.0) } else { 0.0 };
        let cosine = 1.0 / slope.hypot(1.0);
        let half = width / 2.0 + 0.5;
        let mut backend = self.backend();
        for along in pixel(a.0 - half)..=pixel(b.0 + half) {
            let x = f64::from(along) + 0.5;
            let middle = a.1 + slope * (x.clamp(a.0, b.0) - a.0);
            // Away from the ends the distance is that to the endless line.
            let inner = x > a.0 + half && x < b.0 - half;
            for across in pixel(middle - half / cosine - 0.5)..=pixel(middle + half / cosine) {
                let y = f64::from(across) + 0.5;
                let distance =
                    if inner { (y - middle).abs() * cosine } else { distance((x, y), a, b) };
                let place = if steep { (across, along) } else { (along, across) };
                ink(&mut backend, place, rgb, half - distance)?;
            }
        }
        Ok(())
    }

    /// A stroke of dashes and gaps of `dash` pixels each.
    pub(super) fn dashes(&mut self, a: Point, b: Point, width: f64, dash: f64, rgb: Rgb) -> Drawn {
        let (a, b) = (nearby(a), nearby(b));
        let length = (b.0 - a.0).hypot(b.1 - a.1);
        let along = |way: f64| {
            let part = (way / length).min(1.0);
            (a.0 + (b.0 - a.0) * part, a.1 + (b.1 - a.1) * part)
        };
        let mut way = 0.0;
        while way < length {
            self.line(along(way), along(way + dash), width, rgb)?;
            way += 2.0 * dash;
        }
        Ok(())
    }

    /// A filled disc.
    pub(super) fn dot(&mut self, at: Point, radius: f64, rgb: Rgb) -> Drawn {
        self.line(at, at, 2.0 * radius, rgb)
    }

    /// Text on a baseline.
    pub(super) fn text(&mut self, at: Point, align: Align, style: Style, text: &str) -> Drawn {
        let left = match align {
            Align::Left => at.0,
            Align::Centre => at.0 - font::width(style.face, style.size, text) / 2.0,
            Align::Right => at.0 - font::width(style.face, style.size, text),
        };
        let mut drawn = Ok(());
        let mut backend = self.backend();
        font::draw(style.face, style.size, (left, at.1), text, |x, y, coverage| {
            if drawn.is_ok() {
                drawn = ink(&mut backend, (x, y), style.colour, f64::from(coverage));
            }
        });
        drawn
    }

    /// The finished picture as PNG.
    pub(super) fn finish(self) -> Result<Vec<u8>, PlotError> {
        encode::png(&self.pixels).map_err(PlotError::Encode)
    }

    fn backend(&mut self) -> BitMapBackend<'_> {
        BitMapBackend::with_buffer(&mut self.pixels, (WIDTH, HEIGHT))
    }
}

/// What drawing answers.
pub(super) type Drawn = Result<(), PlotError>;

fn refused(error: impl std::fmt::Display) -> PlotError {
    PlotError::Draw(error.to_string())
}

fn plotters_colour((r, g, b): Rgb) -> RGBColor {
    RGBColor(r, g, b)
}

/// Mixes a colour into a pixel, all of it where the coverage is 1 or more;
/// outside the picture nothing happens.
fn ink(backend: &mut BitMapBackend<'_>, at: (i32, i32), rgb: Rgb, coverage: f64) -> Drawn {
    if coverage < 1.0 / 32.0 {
        return Ok(());
    }
    // Sixteen steps look like 256 and keep a picture near the size of a palette.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 16")]
    let sixteenths = (coverage.min(1.0) * 16.0 + 0.5) as u8;
    let colour = plotters_colour(rgb).mix(f64::from(sixteenths) / 16.0).to_backend_color();
    backend.draw_pixel(at, colour).map_err(refused)
}

/// A point kept so near the picture that no arithmetic on it overflows and no
/// loop over it is long.
fn nearby((x, y): Point) -> Point {
    let near = |v: f64, size: u32| v.clamp(-f64::from(size), 2.0 * f64::from(size));
    (near(x, WIDTH), near(y, HEIGHT))
}

/// The whole pixel nearest to a coordinate.
fn pixel(coordinate: f64) -> i32 {
    let size = f64::from(WIDTH.max(HEIGHT));
    #[expect(clippy::cast_possible_truncation, reason = "whole, and a few thousand at most")]
    let pixel = coordinate.round().clamp(-2.0 * size, 3.0 * size) as i32;
    pixel
}

/// How far a point is from the stretch between two.
fn distance(p: Point, a: Point, b: Point) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let squared = dx * dx + dy * dy;
    let along = if squared > 0.0 { ((p.0 - a.0) * dx + (p.1 - a.1) * dy) / squared } else { 0.0 };
    let along = along.clamp(0.0, 1.0);
    (p.0 - a.0 - along * dx).hypot(p.1 - a.1 - along * dy)
}
