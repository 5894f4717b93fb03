//! What all pictures share: title, figures, legend, axes, and where data may be drawn.

use super::font::Face;
use super::look::Look;
use super::shapes::{Align, Drawing, Point, Style};
use super::theme::{Rgb, Theme};

/// Pictures narrower than this have narrow margins.
const WIDE: u32 = 800;

/// Between the parts of the line of figures.
const BETWEEN: &str = "  ·  ";

const LEGEND_ROW: f64 = 24.0;

/// How wide a swatch of the legend is.
const SWATCH: f64 = 26.0;

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

/// A swatch and its name.
pub(super) type Entry = (Swatch, String);

/// The styles of a picture's texts.
#[derive(Clone, Copy, Debug)]
struct Styles {
    title: Style,
    figures: Style,
    label: Style,
    axis_title: Style,
    notice: Style,
}

impl Styles {
    fn of(theme: &Theme) -> Self {
        let style = |face, size, colour| Style { face, size, colour };
        Self {
            title: style(Face::SemiBold, 23.0, theme.ink),
            figures: style(Face::Regular, 16.0, theme.muted),
            label: style(Face::Regular, 14.5, theme.muted),
            axis_title: style(Face::SemiBold, 14.5, theme.muted),
            notice: style(Face::Regular, 20.0, theme.muted),
        }
    }
}

/// The rectangle that data is drawn in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Frame {
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

    /// How many ticks the horizontal axis has room for.
    pub(super) fn ticks_across(&self) -> u32 {
        fitting((self.right - self.left) / 130.0, 8)
    }
}

/// A picture being drawn: title and figures, and below them a frame for data.
pub(super) struct Page {
    pub(super) drawing: Drawing,
    pub(super) theme: &'static Theme,
    pub(super) frame: Frame,
    styles: Styles,
    margin: f64,
    /// The lowest baseline that is taken.
    below: f64,
    /// As much of the name of the axis of values as there is room for.
    axis_title: String,
}

impl Page {
    /// Title and figures, in as many lines as they need.
    pub(super) fn new(look: &Look, title: &str, figures: &[String]) -> Self {
        let theme = look.theme();
        let drawing = Drawing {
            width: look.width,
            height: look.height,
            paper: theme.paper,
            title: title.to_owned(),
            shapes: Vec::new(),
        };
        let margin = if look.width < WIDE { 16.0 } else { 32.0 };
        let (styles, frame) = (Styles::of(theme), Frame::default());
        let (below, axis_title) = (margin - 14.0, String::new());
        let mut page = Self { drawing, theme, frame, styles, margin, below, axis_title };
        page.lines(&words(title), " ", styles.title, 28.0);
        page.lines(figures, BETWEEN, styles.figures, 22.0);
        page
    }

    fn lines(&mut self, parts: &[String], between: &str, style: Style, height: f64) {
        // What is of a kind stands a little apart from what is above.
        self.below += if parts.is_empty() { 0.0 } else { 6.0 };
        for line in wrapped(parts, between, style, self.room()) {
            self.below += height;
            self.drawing.text((self.margin, self.below), Align::Left, style, &line);
        }
    }

    fn room(&self) -> f64 {
        f64::from(self.drawing.width) - 2.0 * self.margin
    }

    /// Lays out the frame and draws its axis of values, with as many of the ticks as fit.
    /// There is room for this legend, which is drawn when the marks are known.
    pub(super) fn axis_of_values(
        &mut self,
        title: &str,
        legend: &[Entry],
        ticks: impl FnOnce(u32) -> Vec<Tick>,
    ) {
        self.axis_title = shortened(title, self.styles.axis_title, self.room() / 2.0);
        let rows = self.rows(legend).len().max(1);
        let top = (self.below + 36.0 + (rows - 1) as f64 * LEGEND_ROW + 18.0).round();
        let bottom = (f64::from(self.drawing.height) - self.margin - 40.0).max(top + 20.0);
        let right = f64::from(self.drawing.width) - self.margin;
        let ticks = ticks(fitting((bottom - top) / 40.0, 9));
        let styles = self.styles;
        let widest = ticks.iter().map(|(_, label)| styles.label.width(label)).fold(0.0, f64::max);
        let left = (self.margin + widest + 10.0).round();
        self.frame = Frame { left, top, right, bottom };
        for (part, label) in ticks {
            let y = self.frame.y(part).round() + 0.5;
            self.drawing.line((left, y), (right, y), 1.0, self.theme.grid);
            self.drawing.text((left - 10.0, y + 5.0), Align::Right, styles.label, &label);
        }
        self.drawing.text(
            (self.margin, top - 18.0),
            Align::Left,
            styles.axis_title,
            &self.axis_title,
        );
    }

    /// The base line with ticks and their labels, and the horizontal axis' title.
    ///
    /// Of labels that would touch, the later one is left out; its tick stays.
    pub(super) fn horizontal_axis(&mut self, ticks: &[Tick], title: &str) {
        let Self { frame, theme, styles, .. } = *self;
        let width = f64::from(self.drawing.width);
        let y = frame.bottom.round() + 0.5;
        self.drawing.line((frame.left, y), (frame.right, y), 1.0, theme.axis);
        let mut free_from = 0.0;
        for (part, label) in ticks {
            let x = frame.x(*part).round() + 0.5;
            self.drawing.line((x, y), (x, y + 6.0), 1.0, theme.axis);
            let half = styles.label.width(label) / 2.0;
            let centre = x.min(width - half - 8.0).max(half + 8.0);
            if centre - half >= free_from {
                self.drawing.text((centre, y + 23.0), Align::Centre, styles.label, label);
                free_from = centre + half + 12.0;
            }
        }
        let middle = f64::midpoint(frame.left, frame.right);
        let title = shortened(title, styles.axis_title, self.room());
        let half = styles.axis_title.width(&title) / 2.0;
        let middle = middle.min(width - half - 8.0).max(half + 8.0);
        let baseline = f64::from(self.drawing.height) - self.margin + 12.0;
        self.drawing.text((middle, baseline), Align::Centre, styles.axis_title, &title);
    }

    /// What the marks mean, at the top right of the frame, beside the axis' title.
    pub(super) fn legend(&mut self, entries: &[Entry]) {
        let label = self.styles.label;
        let rows = self.rows(entries);
        for (row, above) in rows.iter().zip((0..rows.len()).rev()) {
            let baseline = self.frame.top - 18.0 - above as f64 * LEGEND_ROW;
            let mut right = self.frame.right;
            for (swatch, name) in row.iter().rev() {
                self.drawing.text((right, baseline), Align::Right, label, name);
                let end = right - label.width(name) - 8.0;
                self.swatch(*swatch, (end - SWATCH, end), baseline - 5.0);
                right = end - SWATCH - 22.0;
            }
        }
    }

    fn swatch(&mut self, swatch: Swatch, (start, end): (f64, f64), y: f64) {
        match swatch {
            Swatch::Line(colour) => self.drawing.line((start, y), (end, y), 2.0, colour),
            Swatch::Dashes(colour) => self.drawing.dashes((start, y), (end, y), 2.0, 5.0, colour),
            Swatch::Area(colour, opacity) => {
                self.drawing.rect((start, y - 7.0), (end, y + 7.0), colour, opacity);
            }
        }
    }

    /// The legend in rows that fit beside the axis' title.
    fn rows(&self, entries: &[Entry]) -> Vec<Vec<Entry>> {
        let room = self.room() - self.styles.axis_title.width(&self.axis_title) - 24.0;
        let mut rows: Vec<Vec<Entry>> = Vec::new();
        let mut free = 0.0;
        for (swatch, name) in entries {
            let name = shortened(name, self.styles.label, room - SWATCH - 8.0);
            let width = SWATCH + 8.0 + self.styles.label.width(&name);
            match rows.last_mut().filter(|_| width + 22.0 <= free) {
                Some(row) => {
                    row.push((*swatch, name));
                    free -= width + 22.0;
                }
                None => {
                    rows.push(vec![(*swatch, name)]);
                    free = room - width;
                }
            }
        }
        rows
    }

    /// A sentence in place of data.
    pub(super) fn notice(mut self, text: &str) -> Drawing {
        let (width, height) = (f64::from(self.drawing.width), f64::from(self.drawing.height));
        let top = (self.below + 54.0).round();
        let bottom = (height - self.margin - 40.0).max(top + 20.0);
        self.frame = Frame { left: self.margin, top, right: width - self.margin, bottom };
        let lines = wrapped(&words(text), " ", self.styles.notice, self.room());
        let first = f64::midpoint(top, bottom) + 7.0 - (lines.len() - 1) as f64 * 14.0;
        for (line, below) in lines.iter().zip(0..) {
            let at = (width / 2.0, first + f64::from(below) * 28.0);
            self.drawing.text(at, Align::Centre, self.styles.notice, line);
        }
        self.horizontal_axis(&[], "");
        self.drawing
    }
}

/// How many of something fit: three at least.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "3 to a few")]
fn fitting(room: f64, most: u32) -> u32 {
    room.clamp(3.0, f64::from(most)) as u32
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Parts joined to lines that fit into the room. A part that is wider than all of it ends
/// in an ellipsis.
fn wrapped(parts: &[String], between: &str, style: Style, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        let part = shortened(part, style, room);
        let longer = lines.last().map(|line| format!("{line}{between}{part}"));
        match (longer.filter(|longer| style.width(longer) <= room), lines.last_mut()) {
            (Some(longer), Some(line)) => *line = longer,
            _ => lines.push(part),
        }
    }
    lines
}

/// A text, or as much of its beginning as fits, and an ellipsis.
fn shortened(text: &str, style: Style, room: f64) -> String {
    if style.width(text) <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    for letter in text.chars() {
        if style.width(&format!("{kept}{letter}…")) > room {
            break;
        }
        kept.push(letter);
    }
    format!("{}…", kept.trim_end())
}
