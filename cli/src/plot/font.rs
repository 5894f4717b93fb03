//! The embedded letters: two weights of Inter, see `fonts/README.md`.
//!
//! `ab_glyph` is asked directly: the text of `plotters` sets every glyph on a
//! whole pixel and drops its left side bearing, which reads unevenly at the
//! size of an axis label.

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

/// Whether the font has all letters of a text.
#[cfg(test)]
pub(super) fn covers(text: &str) -> bool {
    [Face::Regular, Face::SemiBold]
        .into_iter()
        .all(|f| text.chars().all(|letter| face(f).glyph_id(letter).0 != 0))
}
