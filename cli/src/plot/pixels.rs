//! The writer of PNG: shapes become pixels.
//!
//! Each shape is drawn into a mask of coverage first, and mixed into the picture once:
//! where a stroke meets itself it does not become darker.

use ab_glyph_rasterizer::{Rasterizer, point};

use super::shapes::{Drawing, Point, Shape};
use super::theme::Rgb;
use super::{encode, font};

pub(super) fn png(drawing: &Drawing) -> Result<Vec<u8>, png::EncodingError> {
    let mut canvas = Canvas::new(drawing);
    drawing.shapes.iter().for_each(|shape| canvas.draw(shape));
    encode::png(canvas.pixels.as_flattened(), drawing.width, drawing.height)
}

struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 3]>,
}

impl Canvas {
    fn new(drawing: &Drawing) -> Self {
        let size = |pixels: u32| usize::try_from(pixels).expect("a picture fits in memory");
        let (width, height) = (size(drawing.width), size(drawing.height));
        let (r, g, b) = drawing.paper;
        Self { width, height, pixels: vec![[r, g, b]; width * height] }
    }

    fn draw(&mut self, shape: &Shape) {
        match shape {
            Shape::Area { outline, colour, opacity } => self.area(outline, *colour, *opacity),
            Shape::Line { points, width, colour } => {
                let ends = points.windows(2).map(|pair| (pair[0], pair[1]));
                self.stroke(ends, *width, *colour);
            }
            Shape::Dashes { from, to, width, dash, colour } => {
                let (from, to) = (self.nearby(*from), self.nearby(*to));
                self.stroke(dashes(from, to, *dash).into_iter(), *width, *colour);
            }
            Shape::Text { left, style, text } => {
                font::draw(style.face, style.size, *left, text, |x, y, coverage| {
                    self.ink((x.into(), y.into()), style.colour, f64::from(coverage));
                });
            }
        }
    }

    fn area(&mut self, outline: &[Point], colour: Rgb, opacity: f64) {
        let outline: Vec<Point> = outline.iter().map(|at| self.within(*at)).collect();
        let Some(mask) = Mask::around(&outline, 0.0, (self.width, self.height)) else { return };
        let (left, top) = (mask.left as f64, mask.top as f64);
        let mut rasterizer = Rasterizer::new(mask.width, mask.height);
        #[expect(clippy::cast_possible_truncation, reason = "a place in the picture")]
        let corner = |at: Point| point((at.0 - left) as f32, (at.1 - top) as f32);
        for (from, to) in outline.iter().zip(outline.iter().cycle().skip(1)) {
            rasterizer.draw_line(corner(*from), corner(*to));
        }
        rasterizer.for_each_pixel_2d(|x, y, coverage| {
            let at = (i64::from(x) + mask.left, i64::from(y) + mask.top);
            self.mix(at, colour, opacity * sixteenths(f64::from(coverage)));
        });
    }

    /// Straight pieces as one stroke, `width` pixels wide.
    fn stroke(&mut self, pieces: impl Iterator<Item = (Point, Point)>, width: f64, colour: Rgb) {
        let pieces: Vec<(Point, Point)> =
            pieces.map(|(a, b)| (self.nearby(a), self.nearby(b))).collect();
        let ends: Vec<Point> = pieces.iter().flat_map(|(a, b)| [*a, *b]).collect();
        let size = (self.width, self.height);
        let Some(mut mask) = Mask::around(&ends, width / 2.0 + 1.0, size) else { return };
        pieces.into_iter().for_each(|(a, b)| mask.piece(a, b, width));
        for (row, y) in mask.coverage.chunks(mask.width).zip(mask.top..) {
            for (coverage, x) in row.iter().zip(mask.left..) {
                self.ink((x, y), colour, f64::from(*coverage));
            }
        }
    }

    /// Mixes a colour into a pixel, all of it where the coverage is 1 or more.
    fn ink(&mut self, at: (i64, i64), colour: Rgb, coverage: f64) {
        self.mix(at, colour, sixteenths(coverage));
    }

    /// The same with an exact part; outside the picture nothing happens.
    fn mix(&mut self, (x, y): (i64, i64), (r, g, b): Rgb, part: f64) {
        let inside = |at: i64, size: usize| usize::try_from(at).ok().filter(|at| *at < size);
        let (Some(x), Some(y)) = (inside(x, self.width), inside(y, self.height)) else { return };
        let pixel = &mut self.pixels[y * self.width + x];
        for (old, new) in pixel.iter_mut().zip([r, g, b]) {
            let mixed = f64::from(*old) + (f64::from(new) - f64::from(*old)) * part;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
            let mixed = mixed.round() as u8;
            *old = mixed;
        }
    }

    /// A point kept so near the picture that no arithmetic on it overflows and no loop
    /// over it is long.
    fn nearby(&self, (x, y): Point) -> Point {
        let near = |v: f64, size: usize| v.clamp(-(size as f64), 2.0 * size as f64);
        (near(x, self.width), near(y, self.height))
    }

    fn within(&self, (x, y): Point) -> Point {
        (x.clamp(0.0, self.width as f64), y.clamp(0.0, self.height as f64))
    }
}

/// Sixteen steps look like 256 and keep a picture near the size of a palette.
fn sixteenths(coverage: f64) -> f64 {
    (coverage.clamp(0.0, 1.0) * 16.0).round() / 16.0
}

/// How much of each pixel of a rectangle is covered, from 0 to 1.
struct Mask {
    left: i64,
    top: i64,
    width: usize,
    height: usize,
    coverage: Vec<f32>,
}

impl Mask {
    /// The part of a picture of this size that these points and what is near them take.
    fn around(points: &[Point], near: f64, size: (usize, usize)) -> Option<Self> {
        let fold = |start: f64, all: fn(f64, f64) -> f64, of: fn(&Point) -> f64| {
            points.iter().map(of).fold(start, all)
        };
        #[expect(clippy::cast_possible_truncation, reason = "a place near the picture")]
        let range = |of: fn(&Point) -> f64, size: usize| {
            let from = fold(f64::INFINITY, f64::min, of) - near;
            let to = fold(f64::NEG_INFINITY, f64::max, of) + near;
            let (from, to) = (from.floor().max(0.0), to.ceil().min(size as f64));
            (to > from).then_some((from as i64, (to - from) as i64))
        };
        let (left, width) = range(|at| at.0, size.0)?;
        let (top, height) = range(|at| at.1, size.1)?;
        let (width, height) = (usize::try_from(width).ok()?, usize::try_from(height).ok()?);
        Some(Self { left, top, width, height, coverage: vec![0.0; width * height] })
    }

    /// Covers a straight piece with round ends.
    ///
    /// Walks along the longer way, a pixel at a time, and looks across at the few that are
    /// near: covered is what lies within half a width.
    fn piece(&mut self, a: Point, b: Point, width: f64) {
        let is_steep = (b.1 - a.1).abs() > (b.0 - a.0).abs();
        let turned = |(x, y): Point| if is_steep { (y, x) } else { (x, y) };
        let (a, b) = (turned(a), turned(b));
        let (a, b) = if a.0 <= b.0 { (a, b) } else { (b, a) };
        let slope = if b.0 > a.0 { (b.1 - a.1) / (b.0 - a.0) } else { 0.0 };
        let cosine = 1.0 / slope.hypot(1.0);
        let half = width / 2.0 + 0.5;
        for along in pixel(a.0 - half)..=pixel(b.0 + half) {
            let x = along as f64 + 0.5;
            let middle = a.1 + slope * (x.clamp(a.0, b.0) - a.0);
            // Away from the ends the distance is that to the endless line.
            let is_inner = x > a.0 + half && x < b.0 - half;
            for across in pixel(middle - half / cosine - 0.5)..=pixel(middle + half / cosine) {
                let y = across as f64 + 0.5;
                let distance =
                    if is_inner { (y - middle).abs() * cosine } else { distance((x, y), a, b) };
                let at = if is_steep { (across, along) } else { (along, across) };
                self.cover(at, half - distance);
            }
        }
    }

    fn cover(&mut self, (x, y): (i64, i64), coverage: f64) {
        let inside = |at: i64, size: usize| usize::try_from(at).ok().filter(|at| *at < size);
        let x = inside(x - self.left, self.width);
        let (Some(x), Some(y)) = (x, inside(y - self.top, self.height)) else { return };
        let pixel = &mut self.coverage[y * self.width + x];
        #[expect(clippy::cast_possible_truncation, reason = "from 0 to 1")]
        let coverage = coverage.clamp(0.0, 1.0) as f32;
        *pixel = pixel.max(coverage);
    }
}

fn dashes(from: Point, to: Point, dash: f64) -> Vec<(Point, Point)> {
    let length = (to.0 - from.0).hypot(to.1 - from.1);
    let along = |way: f64| {
        let part = (way / length).min(1.0);
        (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part)
    };
    let mut pieces = Vec::new();
    let mut way = 0.0;
    while way < length {
        pieces.push((along(way), along(way + dash)));
        way += 2.0 * dash;
    }
    pieces
}

/// The whole pixel nearest to a coordinate near the picture.
#[expect(clippy::cast_possible_truncation, reason = "some thousands at most")]
fn pixel(coordinate: f64) -> i64 {
    coordinate.round() as i64
}

/// How far a point is from the stretch between two.
fn distance(p: Point, a: Point, b: Point) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let squared = dx * dx + dy * dy;
    let along = if squared > 0.0 { ((p.0 - a.0) * dx + (p.1 - a.1) * dy) / squared } else { 0.0 };
    let along = along.clamp(0.0, 1.0);
    (p.0 - a.0 - along * dx).hypot(p.1 - a.1 - along * dy)
}
