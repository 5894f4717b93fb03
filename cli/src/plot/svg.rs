//! The writer of SVG. Letters are outlines, so the picture looks the same everywhere; a
//! reader that cannot see it gets the texts by their labels.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::font::{self, Face};
use super::shapes::{Drawing, Point, Shape, Style};
use super::theme::Rgb;

pub(super) fn svg(drawing: &Drawing) -> String {
    let mut glyphs = Glyphs::default();
    let shapes: String = drawing.shapes.iter().map(|shape| element(shape, &mut glyphs)).collect();
    let Drawing { width, height, paper, title, .. } = drawing;
    let (title, glyphs) = (escaped(title), glyphs.definitions());
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{title}</title>\n{glyphs}\
         <path fill=\"{}\" d=\"M0 0H{width}V{height}H0z\"/>\n{shapes}</svg>\n",
        colour(*paper)
    )
}

fn element(shape: &Shape, glyphs: &mut Glyphs) -> String {
    match shape {
        Shape::Area { outline, colour: fill, opacity } => {
            let opacity = match *opacity {
                all if all >= 1.0 => String::new(),
                part => format!(" fill-opacity=\"{}\"", number(part)),
            };
            format!("<path fill=\"{}\"{opacity} d=\"{}z\"/>\n", colour(*fill), path(outline))
        }
        Shape::Line { points, width, colour } => stroke(points, *width, "", *colour),
        Shape::Dashes { from, to, width, dash, colour } => {
            let dashes = format!(" stroke-dasharray=\"{}\"", number(*dash));
            stroke(&[*from, *to], *width, &dashes, *colour)
        }
        Shape::Text { left, style, text } => glyphs.text(*left, *style, text),
    }
}

fn stroke(points: &[Point], width: f64, dashes: &str, rgb: Rgb) -> String {
    let (width, rgb, mut path) = (number(width), colour(rgb), path(points));
    if points.iter().all(|point| *point == points[0]) {
        // A dot: a path without a length, of which the round ends remain.
        path.push_str("h0");
    }
    let ends = if dashes.is_empty() { "round" } else { "butt" };
    format!(
        "<path fill=\"none\" stroke=\"{rgb}\" stroke-width=\"{width}\" stroke-linecap=\"{ends}\" \
         stroke-linejoin=\"round\"{dashes} d=\"{path}\"/>\n"
    )
}

/// `M1 2L3 4`, with `H` and `V` for the ways along an axis.
fn path(points: &[Point]) -> String {
    let mut path = String::new();
    let mut before: Option<(String, String)> = None;
    for (x, y) in points {
        let at = (number(*x), number(*y));
        let _ = match &before {
            None => write!(path, "M{} {}", at.0, at.1),
            Some(before) if *before == at => Ok(()),
            Some((_, y)) if *y == at.1 => write!(path, "H{}", at.0),
            Some((x, _)) if *x == at.0 => write!(path, "V{}", at.1),
            Some(_) => write!(path, "L{} {}", at.0, at.1),
        };
        before = Some(at);
    }
    path
}

/// Hundredths of a pixel.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn colour((r, g, b): Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML has no way to write them.
            control if control.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// The letters in use, each drawn once.
#[derive(Default)]
struct Glyphs {
    names: BTreeMap<(bool, char), String>,
    outlines: String,
}

impl Glyphs {
    /// A text as uses of its letters' outlines, which are in units of the font.
    fn text(&mut self, left: Point, style: Style, text: &str) -> String {
        let scale = f64::from(style.size) / font::UNITS;
        let mut letters = String::new();
        for (letter, x) in font::placed(style.face, text) {
            if let Some(name) = self.name(style.face, letter) {
                let _ = write!(letters, "<use href=\"#{name}\" x=\"{}\"/>", number(x));
            }
        }
        let (x, y) = (number(left.0), number(left.1));
        format!(
            "<g role=\"text\" aria-label=\"{}\" fill=\"{}\" transform=\"translate({x} {y}) \
             scale({scale:.5})\">{letters}</g>\n",
            escaped(text),
            colour(style.colour)
        )
    }

    /// The name of a letter's outline; a space has none.
    fn name(&mut self, face: Face, letter: char) -> Option<&str> {
        let key = (face == Face::SemiBold, letter);
        if !self.names.contains_key(&key) {
            let outline = font::outline(face, letter);
            let name =
                if outline.is_empty() { String::new() } else { format!("g{}", self.names.len()) };
            if !name.is_empty() {
                let _ = writeln!(self.outlines, "<path id=\"{name}\" d=\"{outline}\"/>");
            }
            self.names.insert(key, name);
        }
        self.names.get(&key).map(String::as_str).filter(|name| !name.is_empty())
    }

    fn definitions(self) -> String {
        format!("<defs>\n{}</defs>\n", self.outlines)
    }
}
