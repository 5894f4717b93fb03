//! What all pictures share: title, figures, legend, axes, and where data may be drawn.

use super::font::Face;
use super::lines::{cut, shortened, words, wrapped};
use super::look::Look;
use super::shapes::{Align, Drawing, Point, Style};
use super::theme::{Rgb, Theme};
use super::time_axis::TimeAxis;

/// Pictures narrower than this have narrow margins.
const WIDE: u32 = 800;

/// The part of a picture's height that the frame has at least. Title, figures and legend
/// share the rest; what does not fit is left out.
const FRAME_MIN: f64 = 0.38;

/// How high a line is.
const TITLE_LINE: f64 = 28.0;
const FIGURES_LINE: f64 = 22.0;

/// A title has no more lines than these.
const TITLE_LINES_MAX: usize = 3;

/// Between the title, the figures, and what is above them.
const APART: f64 = 6.0;

/// From the lowest baseline of the figures to the frame: one row of the legend.
const LEGEND: f64 = 54.0;

/// Below the frame, without the margin: labels and the title of the axis.
const BELOW: f64 = 40.0;

/// Between the parts of the line of figures.
const BETWEEN: &str = "  ·  ";

const LEGEND_ROW: f64 = 24.0;

/// How wide a swatch of the legend is.
const SWATCH: f64 = 26.0;

const BETWEEN_ENTRIES: f64 = 22.0;

/// A name that is cut still has room for a few letters.
const ENTRY_MIN: f64 = 80.0;

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
    /// Title and figures, in as many lines as there is room for.
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
        let for_figures = if figures.is_empty() { 0.0 } else { APART + FIGURES_LINE };
        let free = page.free() - APART - for_figures;
        let most = fitting_in(free, TITLE_LINE).clamp(1, TITLE_LINES_MAX);
        let title = wrapped(&words(title), " ", styles.title, page.room());
        page.lines(&cut(title, most, styles.title, page.room()), styles.title, TITLE_LINE);
        let most = fitting_in(page.free() - APART, FIGURES_LINE);
        let mut figures = wrapped(figures, BETWEEN, styles.figures, page.room());
        figures.truncate(most);
        page.lines(&figures, styles.figures, FIGURES_LINE);
        page
    }

    fn lines(&mut self, lines: &[String], style: Style, height: f64) {
        self.below += if lines.is_empty() { 0.0 } else { APART };
        for line in lines {
            self.below += height;
            self.drawing.text((self.margin, self.below), Align::Left, style, line);
        }
    }

    /// The lower end of the frame.
    fn bottom(&self) -> f64 {
        f64::from(self.drawing.height) - self.margin - BELOW
    }

    /// How high what is still to stand above the frame may be, beside a row of the legend.
    fn free(&self) -> f64 {
        self.bottom() - FRAME_MIN * f64::from(self.drawing.height) - LEGEND - self.below
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
        let top = (self.below + LEGEND + (rows - 1) as f64 * LEGEND_ROW).round();
        let bottom = self.bottom();
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
                right = end - SWATCH - BETWEEN_ENTRIES;
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

    /// The legend in rows that fit beside the axis' title, as many as there is room for.
    /// Long names are cut before any is left out.
    fn rows(&self, entries: &[Entry]) -> Vec<Vec<Entry>> {
        let most = 1 + fitting_in(self.free(), LEGEND_ROW);
        let room = self.room() - self.styles.axis_title.width(&self.axis_title) - 24.0;
        // Small steps: short names leave room for the others.
        let widths = (8..=32).map(|eighths| room * 8.0 / f64::from(eighths) - BETWEEN_ENTRIES);
        let mut rows = self.rows_of(entries, room, room);
        for width in widths.filter(|width| *width > ENTRY_MIN) {
            if rows.len() <= most {
                break;
            }
            rows = self.rows_of(entries, room, width);
        }
        rows.truncate(most);
        rows
    }

    /// The legend in rows of a room. Entries wider than `width` are cut.
    fn rows_of(&self, entries: &[Entry], room: f64, width: f64) -> Vec<Vec<Entry>> {
        let mut rows: Vec<Vec<Entry>> = Vec::new();
        let mut free = 0.0;
        for (swatch, name) in entries {
            let name = shortened(name, self.styles.label, width - SWATCH - 8.0);
            let width = SWATCH + 8.0 + self.styles.label.width(&name);
            match rows.last_mut().filter(|_| width + BETWEEN_ENTRIES <= free) {
                Some(row) => {
                    row.push((*swatch, name));
                    free -= width + BETWEEN_ENTRIES;
                }
                None => {
                    rows.push(vec![(*swatch, name)]);
                    free = room - width;
                }
            }
        }
        rows
    }

    /// A sentence in place of data, over the times in which there is none.
    pub(super) fn notice(mut self, text: &str, times: Option<&TimeAxis>) -> Drawing {
        let width = f64::from(self.drawing.width);
        let (top, bottom) = ((self.below + LEGEND).round(), self.bottom());
        self.frame = Frame { left: self.margin, top, right: width - self.margin, bottom };
        let lines = wrapped(&words(text), " ", self.styles.notice, self.room());
        let first = f64::midpoint(top, bottom) + 7.0 - (lines.len() - 1) as f64 * 14.0;
        for (line, below) in lines.iter().zip(0..) {
            let at = (width / 2.0, first + f64::from(below) * 28.0);
            self.drawing.text(at, Align::Centre, self.styles.notice, line);
        }
        let across = self.frame.ticks_across();
        let axis = times.map(|times| (times.ticks(across), times.title(across)));
        let (ticks, title) = axis.unwrap_or_default();
        self.horizontal_axis(&ticks, &title);
        self.drawing
    }
}

/// How many of something fit: three at least.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "3 to a few")]
fn fitting(room: f64, most: u32) -> u32 {
    room.clamp(3.0, f64::from(most)) as u32
}

/// How many lines of a height fit into a room, which may be negative.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to hundreds")]
fn fitting_in(room: f64, height: f64) -> usize {
    (room / height).max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::super::shapes::Shape;
    use super::*;

    /// From where to where a text reaches: left, top, right, bottom.
    fn boxes(drawing: &Drawing) -> Vec<(String, [f64; 4])> {
        let of = |shape: &Shape| match shape {
            Shape::Text { left: (x, y), style, text } => {
                let above = f64::from(style.size) * 0.7;
                Some((text.clone(), [*x, y - above, x + style.width(text), *y]))
            }
            _ => None,
        };
        drawing.shapes.iter().filter_map(of).collect()
    }

    #[test]
    fn texts_leave_room_for_data_at_any_size() {
        let long = "a store with a name that is longer than its picture is wide ".repeat(4);
        let figures: Vec<String> =
            (0..6).map(|at| format!("figure {at} of 1,234,567.891")).collect();
        for (width, height) in [(320, 240), (400, 300), (640, 360), (1200, 675)] {
            for (title, entries) in [("room", 1), (&*long, 1), (&*long, 8)] {
                let look = Look { width, height, ..Look::default() };
                let mut page = Page::new(&look, title, &figures);
                let legend: Vec<Entry> = (0..entries)
                    .map(|at| (Swatch::Line(page.theme.mean), format!("{at} {long}")))
                    .collect();
                page.axis_of_values(&long, &legend, |_| vec![(0.5, "1,000,000".to_owned())]);
                page.horizontal_axis(&[(0.5, "12:00".to_owned())], "time (UTC)");
                page.legend(&legend);
                let Frame { top, bottom, .. } = page.frame;
                let part = (bottom - top) / f64::from(height);
                assert!(part > 0.36, "{part} of {width}x{height} with {entries} of {title}");
                let boxes = boxes(&page.drawing);
                for (at, (text, [left, above, right, below])) in boxes.iter().enumerate() {
                    assert!(*below < f64::from(height), "{text:?} in {width}x{height}");
                    for (other, box_of) in &boxes[..at] {
                        let [x0, y0, x1, y1] = box_of;
                        let is_apart = left >= x1 || x0 >= right || above >= y1 || y0 >= below;
                        assert!(is_apart, "{text:?} over {other:?} in {width}x{height}");
                    }
                }
            }
        }
    }

    #[test]
    fn short_names_of_a_legend_leave_room_for_the_others() {
        let look = Look { width: 600, height: 338, ..Look::default() };
        let figures =
            ["20,000 observations", "mean 13.98", "std dev 3.01", "min 2.524", "max 25.21"];
        let mut page = Page::new(&look, "noise over time", &figures.map(str::to_owned));
        let names = ["mean of each pixel", "minimum to maximum", "mean", "mean ± std dev"];
        let legend = names.map(|name| (Swatch::Line(page.theme.mean), name.to_owned()));
        page.axis_of_values("noise", &legend, |_| vec![(0.5, "10".to_owned())]);
        page.legend(&legend);
        let texts = boxes(&page.drawing);
        for start in ["mean of e", "minimum t", "mean ± st"] {
            assert!(texts.iter().any(|(text, _)| text.starts_with(start)), "{start} in {texts:?}");
        }
    }

    #[test]
    fn a_title_that_is_cut_ends_in_an_ellipsis() {
        let look = Look { width: 400, height: 300, ..Look::default() };
        let page = Page::new(&look, &"many words ".repeat(20), &[]);
        let texts = boxes(&page.drawing);
        assert!((1..=3).contains(&texts.len()), "{texts:?}");
        assert!(texts.last().is_some_and(|(text, _)| text.ends_with('…')), "{texts:?}");
    }
}
