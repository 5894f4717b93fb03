//! The embedded letters: two weights of Inter, see `fonts/README.md`.
//!
//! `ab_glyph` reads the font and covers pixels. Letters stand where the font says, also
//! between pixels.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};

/// A weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Face {
    Regular,
    SemiBold,
}

static REGULAR: LazyLock<FontRef<'static>> =
    LazyLock::new(|| embedded(include_bytes!("fonts/Inter-Regular-subset.ttf")));

static SEMI_BOLD: LazyLock<FontRef<'static>> =
    LazyLock::new(|| embedded(include_bytes!("fonts/Inter-SemiBold-subset.ttf")));

fn embedded(bytes: &'static [u8]) -> FontRef<'static> {
    FontRef::try_from_slice(bytes).expect("the embedded font is whole, as a test shows")
}

fn face(face: Face) -> &'static FontRef<'static> {
    match face {
        Face::Regular => &REGULAR,
        Face::SemiBold => &SEMI_BOLD,
    }
}

/// `ab_glyph` scales by the height from descent to ascent, people by the em.
fn scale(font: &FontRef<'_>, em: f32) -> PxScale {
    let units = font.units_per_em().unwrap_or(1000.0);
    PxScale::from(em * font.height_unscaled() / units)
}

/// How wide a text is, in pixels.
pub(super) fn width(face_of: Face, em: f32, text: &str) -> f64 {
    let font = face(face_of);
    let scaled = font.as_scaled(scale(font, em));
    text.chars().map(|c| f64::from(scaled.h_advance(font.glyph_id(c)))).sum()
}

/// Calls `ink(x, y, coverage)` for every pixel of a text whose baseline begins at `at`.
pub(super) fn draw(
    face_of: Face,
    em: f32,
    at: (f64, f64),
    text: &str,
    mut ink: impl FnMut(i32, i32, f32),
) {
    let font = face(face_of);
    let scale = scale(font, em);
    let scaled = font.as_scaled(scale);
    #[expect(clippy::cast_possible_truncation, reason = "a place in the picture")]
    let (mut x, y) = (at.0 as f32, at.1.round() as f32);
    for letter in text.chars() {
        let id = font.glyph_id(letter);
        if let Some(outline) = font.outline_glyph(id.with_scale_and_position(scale, point(x, y))) {
            let corner = outline.px_bounds().min;
            #[expect(clippy::cast_possible_truncation, reason = "whole, a place in the picture")]
            let (left, top) = (corner.x as i32, corner.y as i32);
            outline.draw(|dx, dy, coverage| {
                ink(left.saturating_add_unsigned(dx), top.saturating_add_unsigned(dy), coverage);
            });
        }
        x += scaled.h_advance(id);
    }
}

/// Units of the embedded font in an em.
#[cfg(feature = "plot")]
pub(super) const UNITS: f64 = 2048.0;

/// The letters of a text and where they stand, in units of the font.
#[cfg(feature = "plot")]
pub(super) fn placed(face_of: Face, text: &str) -> Vec<(char, f64)> {
    let font = face(face_of);
    let mut x = 0.0;
    let place = |letter: char| {
        let at = x;
        x += f64::from(font.h_advance_unscaled(font.glyph_id(letter)));
        (letter, at)
    };
    text.chars().map(place).collect()
}

/// The outline of a letter as a path of SVG, in units of the font, y downwards.
#[cfg(feature = "plot")]
pub(super) fn outline(face_of: Face, letter: char) -> String {
    use ab_glyph::{OutlineCurve, Point};

    let font = face(face_of);
    let Some(outline) = font.outline(font.glyph_id(letter)) else { return String::new() };
    let at = |point: Point| format!("{} {}", point.x, 0.0 - point.y);
    let mut path = String::new();
    let mut pen = None;
    for curve in outline.curves {
        let (start, end, piece) = match curve {
            OutlineCurve::Line(a, b) => (a, b, format!("L{}", at(b))),
            OutlineCurve::Quad(a, b, c) => (a, c, format!("Q{} {}", at(b), at(c))),
            OutlineCurve::Cubic(a, b, c, d) => (a, d, format!("C{} {} {}", at(b), at(c), at(d))),
        };
        if pen != Some(start) {
            path.push_str(&format!("M{}", at(start)));
        }
        path.push_str(&piece);
        pen = Some(end);
    }
    path
}

/// Whether the font has all letters of a text.
#[cfg(test)]
pub(super) fn covers(text: &str) -> bool {
    [Face::Regular, Face::SemiBold]
        .into_iter()
        .all(|f| text.chars().all(|letter| face(f).glyph_id(letter).0 != 0))
}
