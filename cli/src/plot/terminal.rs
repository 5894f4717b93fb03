//! Pictures as text: braille for series, bars of blocks for distributions.

use std::ops::RangeInclusive;

use gaugelog::{Histogram, Window};

use super::axis::ValueAxis;
use super::columns::{Column, Grid, runs};
use super::dist::{equal, round_bins, values as ends};
use super::frame::Tick;
use super::look::{Figures, Look, Source};
use super::number;
use super::series::{extent, in_words, values};
use super::time_axis::TimeAxis;

/// How much room there is for letters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paper {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    pub(crate) has_colours: bool,
}

/// The least that a picture needs.
const COLUMNS_MIN: usize = 40;
const ROWS_MIN: usize = 12;

/// Lines above and below a series: title, two of figures, axis, ticks, its title, and the
/// one where the shell asks again.
const OTHER_ROWS: usize = 7;

/// How many bins a distribution has.
const BINS: RangeInclusive<i128> = 6..=20;

/// Cyan, yellow, green, magenta, red, blue, bright yellow, bright magenta: readable on dark
/// and on light.
const COLOURS: [u8; super::SERIES_MAX] = [36, 33, 32, 35, 31, 34, 93, 95];

impl Paper {
    fn room(self) -> Self {
        Self { columns: self.columns.max(COLUMNS_MIN), rows: self.rows.max(ROWS_MIN), ..self }
    }

    fn coloured(self, series: usize, text: &str) -> String {
        if !self.has_colours || text.is_empty() {
            return text.to_owned();
        }
        format!("\x1b[{}m{text}\x1b[0m", COLOURS[series % COLOURS.len()])
    }

    /// Title and figures.
    fn head(self, title: &str, figures: &[String]) -> String {
        let mut text = format!("{title}\n");
        let mut length = 0;
        for part in figures {
            let wide = part.chars().count();
            let between = match length {
                0 => "",
                length if length + 3 + wide <= self.columns => " · ",
                _ => "\n",
            };
            length = if between == " · " { length + 3 + wide } else { wide };
            text.push_str(between);
            text.push_str(part);
        }
        if !figures.is_empty() {
            text.push('\n');
        }
        text
    }
}

/// Series over time.
///
/// # Errors
/// Those of the stores.
pub(crate) fn series(sources: &[Source], look: &Look, paper: Paper) -> gaugelog::Result<String> {
    let paper = paper.room();
    let names: Vec<Option<&str>> = sources.iter().map(|it| it.name.as_deref()).collect();
    let figures = |source: &Source| Ok(Figures::from(&source.window.summary()?));
    let figures: Vec<Figures> = sources.iter().map(figures).collect::<gaugelog::Result<_>>()?;
    let head = paper.head(&look.title("", &names, " over time"), &in_words(&figures, look));
    let (Some((first, last)), Some(values)) = (extent(&figures), values(&figures)) else {
        return Ok(format!("{head}{}\n", look.nothing()));
    };
    let rows = (paper.rows - OTHER_ROWS).min(paper.columns / 4);
    let ticks = values.ticks(u32::try_from(rows / 3).unwrap_or(2).max(2));
    let wide = ticks.iter().map(|(_, label)| label.chars().count()).max().unwrap_or(0);
    let mut dots = Dots::new(paper.columns.saturating_sub(wide + 2).max(10), rows);
    let grid = Grid::covering(first, last, u32::try_from(dots.width).unwrap_or(u32::MAX));
    for (source, series) in sources.iter().zip(0..) {
        dots.series(&grid.columns(&source.window)?, (first, last), &values, series);
    }
    let times = TimeAxis::new(first, last, look).exactly();
    let cells = dots.cells();
    Ok([
        head,
        legend(&names, paper),
        beside(&dots, &ticks, wide, paper),
        below(&times, wide, cells),
        format!(
            "{:wide$}  {}; {}\n",
            "",
            times.title(fitting(cells)),
            values.title(&look.axis(&names))
        ),
    ]
    .concat())
}

/// The names of several series in their colours.
fn legend(names: &[Option<&str>], paper: Paper) -> String {
    if names.len() < 2 {
        return String::new();
    }
    let name = |(name, series): (&Option<&str>, usize)| {
        paper.coloured(series, &format!("━ {}", name.unwrap_or("value")))
    };
    let names: Vec<String> = names.iter().zip(0..).map(name).collect();
    format!("{}\n", names.join("  "))
}

/// The dots, beside the axis of values.
fn beside(dots: &Dots, ticks: &[Tick], wide: usize, paper: Paper) -> String {
    let line = |(row, line): (usize, &String)| {
        let label = ticks.iter().find(|(part, _)| dots.y(*part) / 4 == row);
        let (label, side) = label.map_or(("", '│'), |(_, label)| (label.as_str(), '┤'));
        format!("{label:>wide$} {side}{line}\n")
    };
    dots.lines(paper).iter().enumerate().map(line).collect()
}

/// The axis of time and the labels of its ticks.
fn below(times: &TimeAxis, labels: usize, cells: usize) -> String {
    let mut axis: Vec<char> = vec!['─'; cells];
    let mut line = String::new();
    for (part, label) in times.ticks(fitting(cells)) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below cells")]
        let cell = ((cells - 1) as f64 * part.clamp(0.0, 1.0)).round() as usize;
        axis[cell] = '┬';
        let (wide, taken) = (label.chars().count(), line.chars().count());
        let start = cell.saturating_sub(wide / 2).min(cells.saturating_sub(wide));
        if start >= taken + usize::from(taken > 0) {
            line.push_str(&" ".repeat(start - taken));
            line.push_str(&label);
        }
    }
    let axis: String = axis.into_iter().collect();
    format!("{:labels$} └{axis}\n{:labels$}  {line}\n", "", "")
}

fn fitting(cells: usize) -> u32 {
    u32::try_from(cells / 14).unwrap_or(8).clamp(2, 8)
}

/// Distributions, one below the other, a line for each bin.
///
/// # Errors
/// Those of the stores.
pub(crate) fn distribution(
    sources: &[Source],
    look: &Look,
    paper: Paper,
) -> gaugelog::Result<String> {
    let paper = paper.room();
    let mut text = String::new();
    for (source, series) in sources.iter().zip(0..) {
        let median = source.window.quantile(0.5)?;
        let figures = [Figures { median, ..Figures::from(&source.window.summary()?) }];
        let title = look.title("distribution of ", &[source.name.as_deref()], "");
        text.push_str(&paper.head(&title, &in_words(&figures, look)));
        let Some((low, high)) = ends(&figures) else {
            text.push_str(&format!("{}\n", look.nothing()));
            continue;
        };
        if low == high {
            text.push_str(&format!("{}\n", equal(figures[0].count, low, look)));
            continue;
        }
        let windows: [&Window; 1] = [&source.window];
        for histogram in round_bins(&windows, &figures, &BINS)? {
            text.push_str(&bars(&histogram, series, paper));
        }
    }
    Ok(text)
}

fn bars(histogram: &Histogram, series: usize, paper: Paper) -> String {
    let edges = &histogram.edges;
    // Divided first, since the range of values may overflow.
    let bins = histogram.counts.len() as f64;
    let width = edges[edges.len() - 1] / bins - edges[0] / bins;
    let edge = |value: f64| {
        let near = if value.abs() < width / 1e6 { 0.0 } else { value };
        number::figure(near, Some(width))
    };
    let labels: Vec<String> = edges.iter().map(|value| edge(*value)).collect();
    let wide = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let most = histogram.counts.iter().copied().max().unwrap_or(0).max(1);
    let room = paper.columns.saturating_sub(2 * wide + 6 + number::count(most).len()).max(8);
    let mut text = String::new();
    for (ends, count) in labels.windows(2).zip(&histogram.counts) {
        let bar = paper.coloured(series, &blocks(*count as f64 / most as f64 * room as f64));
        let counted = number::count(*count);
        let (from, to) = (&ends[0], &ends[1]);
        text.push_str(&format!("{from:>wide$} – {to:>wide$} │{bar} {counted}\n"));
    }
    text
}

/// A bar so many letters long, to an eighth; something is never nothing.
fn blocks(length: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a line's length")]
    let eighths = (length * 8.0).round().max(f64::from(u8::from(length > 0.0))) as usize;
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    format!("{}{rest}", "█".repeat(eighths / 8))
}

/// Dots of braille, eight in a letter.
struct Dots {
    /// In dots.
    width: usize,
    height: usize,
    /// For each letter its dots, and the series that was drawn last.
    letters: Vec<(u8, usize)>,
}

impl Dots {
    fn new(columns: usize, rows: usize) -> Self {
        Self { width: 2 * columns, height: 4 * rows, letters: vec![(0, 0); columns * rows] }
    }

    fn cells(&self) -> usize {
        self.width / 2
    }

    /// The column of dots at a part of the width; what has no extent stands in the middle.
    fn x(&self, part: f64) -> usize {
        nearest(if part.is_nan() { 0.5 } else { part }, self.width)
    }

    /// The row of dots at a part of the height from below.
    fn y(&self, part: f64) -> usize {
        nearest(1.0 - part, self.height)
    }

    /// The columns of a series: pale from minimum to maximum, and a line through the means.
    fn series(
        &mut self,
        columns: &[Column],
        (first, last): (i64, i64),
        values: &ValueAxis,
        series: usize,
    ) {
        let (first, last) = (i128::from(first), i128::from(last));
        for run in runs(columns) {
            let mut before = None;
            for column in run {
                let ends = [column.first, column.last].map(|it| i128::from(it.timestamp_ns));
                let middle = ends[0].midpoint(ends[1]);
                let x = self.x((middle - first) as f64 / (last - first) as f64);
                let [top, mean, bottom] = [column.max, column.mean, column.min]
                    .map(|value| self.y(values.fraction(value)));
                self.band(x, (top, bottom), series);
                self.line(before.unwrap_or((x, mean)), (x, mean), series);
                before = Some((x, mean));
            }
        }
    }

    fn line(&mut self, from: (usize, usize), to: (usize, usize), series: usize) {
        let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
        let between = |a: usize, b: usize, step: usize| {
            let way = a.abs_diff(b) * step;
            let way = (way + steps / 2) / steps;
            if b >= a { a + way } else { a - way }
        };
        for step in 0..=steps {
            self.dot(between(from.0, to.0, step), between(from.1, to.1, step), series);
        }
    }

    /// From top to bottom, pale: every other dot, and both ends.
    fn band(&mut self, x: usize, (top, bottom): (usize, usize), series: usize) {
        let is_shown = |y: &usize| *y == top || *y == bottom || (x + y).is_multiple_of(2);
        (top..=bottom).filter(is_shown).for_each(|y| self.dot(x, y, series));
    }

    fn dot(&mut self, x: usize, y: usize, series: usize) {
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        let letter = &mut self.letters[y / 4 * (self.width / 2) + x / 2];
        *letter = (letter.0 | BITS[y % 4][x % 2], series);
    }

    fn lines(&self, paper: Paper) -> Vec<String> {
        let line = |letters: &[(u8, usize)]| {
            let runs = letters.chunk_by(|left, right| left.1 == right.1 || right.0 == 0);
            let run = |run: &[(u8, usize)]| {
                let letter = |(bits, _): &(u8, usize)| match bits {
                    0 => ' ',
                    bits => char::from_u32(0x2800 + u32::from(*bits)).unwrap_or(' '),
                };
                let series =
                    run.iter().find(|(bits, _)| *bits > 0).map_or(0, |(_, series)| *series);
                paper.coloured(series, &run.iter().map(letter).collect::<String>())
            };
            let line: String = runs.map(run).collect();
            if paper.has_colours { line } else { line.trim_end().to_owned() }
        };
        self.letters.chunks(self.width / 2).map(line).collect()
    }
}

/// The whole number below `count` that is nearest to a part of them.
fn nearest(part: f64, count: usize) -> usize {
    let last = count - 1;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to last")]
    let nearest = (part.clamp(0.0, 1.0) * last as f64).round() as usize;
    nearest
}
