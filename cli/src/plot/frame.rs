//! What both pictures share: header, legend, axes, and where data may be drawn.

use super::canvas::{Align, Canvas, Drawn, Point, Rgb, Style, colour};
use super::font::{self, Face};
use super::{Figures, HEIGHT, PlotError, WIDTH, number};

/// Distance of everything from the picture's edges.
const MARGIN: f64 = 32.0;

const TITLE: Style = Style { face: Face::SemiBold, size: 23.0, colour: colour::INK };
const FIGURES: Style = Style { face: Face::Regular, size: 16.0, colour: colour::MUTED };
const LABEL: Style = Style { face: Face::Regular, size: 14.5, colour: colour::MUTED };
const AXIS_TITLE: Style = Style { face: Face::SemiBold, size: 14.5, colour: colour::MUTED };
const NOTICE: Style = Style { face: Face::Regular, size: 20.0, colour: colour::MUTED };

/// A tick: where on the axis (0 to 1), and what it says.
pub(super) type Tick = (f64, String);

/// How a legend shows what it names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Swatch {
    Line(Rgb),
    Dashes(Rgb),
    /// An area of this colour and opacity.
    Area(Rgb, f64),
}

/// The rectangle that data is drawn in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Frame {
    /// As wide as the widest label of its vertical axis leaves it.
    pub(super) fn beside(labels: &[Tick]) -> Self {
        let widest = labels.iter().map(|(_, label)| width(LABEL, label)).fold(0.0, f64::max);
        Self {
            left: (MARGIN + widest + 10.0).round().max(80.0),
            top: 132.0,
            right: f64::from(WIDTH) - MARGIN,
            bottom: f64::from(HEIGHT) - 72.0,
        }
    }

    /// The pixel of a place on both axes, each from 0 to 1.
    pub(super) fn at(&self, x: f64, y: f64) -> Point {
        (self.x(x), self.y(y))
    }

    pub(super) fn x(&self, part: f64) -> f64 {
        self.left + part * (self.right - self.left)
    }

    pub(super) fn y(&self, part: f64) -> f64 {
        self.bottom - part * (self.bottom - self.top)
    }

    /// Horizontal grid lines and their labels, and the vertical axis' title.
    pub(super) fn vertical_axis(&self, canvas: &mut Canvas, ticks: &[Tick], title: &str) -> Drawn {
        for (part, label) in ticks {
            let y = self.y(*part).round() + 0.5;
            canvas.line((self.left, y), (self.right, y), 1.0, colour::GRID)?;
            canvas.text((self.left - 10.0, y + 5.0), Align::Right, LABEL, label)?;
        }
        canvas.text((MARGIN, self.top - 18.0), Align::Left, AXIS_TITLE, title)
    }

    /// The base line with ticks and their labels, and the horizontal axis' title.
    ///
    /// Of labels that would touch, the later one is left out; its tick stays.
    pub(super) fn horizontal_axis(
        &self,
        canvas: &mut Canvas,
        ticks: &[Tick],
        title: &str,
    ) -> Drawn {
        let y = self.bottom.round() + 0.5;
        canvas.line((self.left, y), (self.right, y), 1.0, colour::AXIS)?;
        let mut free_from = 0.0;
        for (part, label) in ticks {
            let x = self.x(*part).round() + 0.5;
            canvas.line((x, y), (x, y + 6.0), 1.0, colour::AXIS)?;
            let half = width(LABEL, label) / 2.0;
            let centre = x.min(f64::from(WIDTH) - half - 8.0).max(half + 8.0);
            if centre - half >= free_from {
                canvas.text((centre, y + 23.0), Align::Centre, LABEL, label)?;
                free_from = centre + half + 12.0;
            }
        }
        let middle = f64::midpoint(self.left, self.right);
        canvas.text((middle, f64::from(HEIGHT) - 20.0), Align::Centre, AXIS_TITLE, title)
    }

    /// What the marks mean, at the top right of the frame.
    pub(super) fn legend(&self, canvas: &mut Canvas, entries: &[(Swatch, &str)]) -> Drawn {
        let baseline = self.top - 18.0;
        let mut right = self.right;
        for (swatch, name) in entries.iter().rev() {
            canvas.text((right, baseline), Align::Right, LABEL, name)?;
            let end = right - width(LABEL, name) - 8.0;
            let start = end - 26.0;
            let y = baseline - 5.0;
            match *swatch {
                Swatch::Line(rgb) => canvas.line((start, y), (end, y), 2.0, rgb)?,
                Swatch::Dashes(rgb) => canvas.dashes((start, y), (end, y), 2.0, 5.0, rgb)?,
                Swatch::Area(rgb, opacity) => {
                    canvas.rect((start, y - 7.0), (end, y + 7.0), rgb, opacity)?;
                }
            }
            right = start - 22.0;
        }
        Ok(())
    }
}

/// Title, and the statistics in one line: as many of them as it has room for.
pub(super) fn header(canvas: &mut Canvas, title: &str, figures: &Figures) -> Drawn {
    canvas.text((MARGIN, 46.0), Align::Left, TITLE, title)?;
    let mut parts = match figures.count {
        0 => return Ok(()),
        1 => vec!["1 observation".to_owned()],
        n => vec![format!("{} observations", number::count(n))],
    };
    let spread = figures.std_dev;
    let named = [
        ("mean", figures.mean, spread),
        ("std dev", figures.std_dev, None),
        ("median", figures.median, spread),
        ("min", figures.min, spread),
        ("max", figures.max, spread),
    ];
    for (name, value, resolution) in named {
        if let Some(value) = value.filter(|v| v.is_finite()) {
            parts.push(format!("{name} {}", number::figure(value, resolution)));
        }
    }
    let room = f64::from(WIDTH) - 2.0 * MARGIN;
    while parts.len() > 1 && width(FIGURES, &parts.join("  ·  ")) > room {
        parts.pop();
    }
    canvas.text((MARGIN, 76.0), Align::Left, FIGURES, &parts.join("  ·  "))
}

/// The picture of a store that holds nothing yet.
pub(super) fn empty(title: &str) -> Result<Vec<u8>, PlotError> {
    let mut canvas = Canvas::new();
    header(&mut canvas, title, &Figures::default())?;
    let frame = Frame { left: MARGIN, ..Frame::beside(&[]) };
    for part in [0.25, 0.5, 0.75, 1.0] {
        // The notice stands where the middle line would run through it.
        if part != 0.5 {
            let y = frame.y(part).round() + 0.5;
            canvas.line((frame.left, y), (frame.right, y), 1.0, colour::GRID)?;
        }
    }
    frame.horizontal_axis(&mut canvas, &[], "")?;
    let (x, y) = frame.at(0.5, 0.5);
    canvas.text((x, y + 7.0), Align::Centre, NOTICE, "No observations yet")?;
    canvas.finish()
}

fn width(style: Style, text: &str) -> f64 {
    font::width(style.face, style.size, text)
}
