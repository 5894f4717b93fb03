//! Pictures as text: braille for series, bars of blocks for distributions.

use std::ops::RangeInclusive;

use gaugelog::{Histogram, Window};

use super::braille::Dots;
use super::columns::Grid;
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
const COLUMNS_MIN: usize = 20;
const ROWS_MIN: usize = 12;

/// A series has at least these rows, and beside its labels these columns.
const DOTS_MIN: (usize, usize) = (10, 3);

/// Below the dots: the axis and the labels of its ticks.
const AXIS: usize = 2;

/// Below a picture: the line where the shell asks again.
const PROMPT: usize = 1;

/// A bar has room for this number of letters, or one edge of its bin is left out.
const BAR_MIN: usize = 8;

/// How many bins a distribution has, if there are rows for them.
const BINS: RangeInclusive<i128> = 6..=20;

/// Cyan, yellow, green, magenta, red, blue, bright yellow, bright magenta: readable on dark
/// and on light.
const COLOURS: [u8; super::SERIES_MAX] = [36, 33, 32, 35, 31, 34, 93, 95];

impl Paper {
    fn room(self) -> Self {
        Self { columns: self.columns.max(COLUMNS_MIN), rows: self.rows.max(ROWS_MIN), ..self }
    }

    pub(super) fn coloured(self, series: usize, text: &str) -> String {
        if !self.has_colours || text.is_empty() {
            return text.to_owned();
        }
        format!("\x1b[{}m{text}\x1b[0m", COLOURS[series % COLOURS.len()])
    }

    /// Title and figures.
    fn head(self, title: &str, figures: &[String]) -> String {
        let title = in_lines(title, self.columns);
        let figures: Vec<&str> = figures.iter().map(String::as_str).collect();
        let figures = lines(&figures, " · ", self.columns);
        title.iter().chain(&figures).map(|line| format!("{line}\n")).collect()
    }
}

/// The words of a text in lines that are not longer than `columns`.
fn in_lines(text: &str, columns: usize) -> Vec<String> {
    lines(&text.split_whitespace().collect::<Vec<_>>(), " ", columns)
}

/// Parts joined to lines that are not longer than `columns`. A longer part is broken.
fn lines(parts: &[&str], between: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        let letters: Vec<char> = part.chars().collect();
        for piece in letters.chunks(columns.max(1)) {
            let piece: String = piece.iter().collect();
            let longer = lines.last().map(|line| format!("{line}{between}{piece}"));
            match (longer.filter(|line| line.chars().count() <= columns), lines.last_mut()) {
                (Some(longer), Some(line)) => *line = longer,
                _ => lines.push(piece),
            }
        }
    }
    lines
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
    let (Some(extent), Some(values)) = (extent(&figures), values(&figures)) else {
        return Ok(format!("{head}{}\n", look.nothing()));
    };
    let (first, last) = look.times(extent);
    let legend = legend(&names, paper);
    let times = TimeAxis::new(first, last, look).exactly();
    let axis = values.title(&look.axis(&names));
    let title = |cells: usize| format!("{}; {axis}", times.title(fitting(cells)));
    let title_lines = in_lines(&title(paper.columns), paper.columns).len();
    let taken = head.lines().count() + legend.lines().count() + AXIS + title_lines + PROMPT;
    let (columns_min, rows_min) = DOTS_MIN;
    let rows = paper.rows.saturating_sub(taken).min(paper.columns / 4).max(rows_min);
    let ticks = values.ticks(u32::try_from(rows / 3).unwrap_or(2).max(2));
    let wide = ticks.iter().map(|(_, label)| label.chars().count()).max().unwrap_or(0);
    let mut dots = Dots::new(paper.columns.saturating_sub(wide + 2).max(columns_min), rows);
    let grid = Grid::covering(first, last, u32::try_from(dots.width).unwrap_or(u32::MAX));
    for (source, series) in sources.iter().zip(0..) {
        dots.series(&grid.columns(&source.window)?, (first, last), &values, series);
    }
    let cells = dots.cells();
    let title = indented(&title(cells), wide + 2, paper.columns);
    let below = below(&times, wide, cells);
    Ok([head, legend, beside(&dots, &ticks, wide, paper), below, title].concat())
}

/// A text below the dots, or in as many whole lines as it needs.
fn indented(text: &str, indent: usize, columns: usize) -> String {
    if indent + text.chars().count() <= columns {
        return format!("{:indent$}{text}\n", "");
    }
    in_lines(text, columns).iter().map(|line| format!("{line}\n")).collect()
}

/// The names of several series in their colours, in as many lines as they need.
fn legend(names: &[Option<&str>], paper: Paper) -> String {
    if names.len() < 2 {
        return String::new();
    }
    let mut text = String::new();
    let mut length = 0;
    for (name, series) in names.iter().zip(0..) {
        let entry = shortened(&format!("━ {}", name.unwrap_or("value")), paper.columns);
        let wide = entry.chars().count();
        let (between, before) = match length {
            0 => ("", 0),
            length if length + 2 + wide <= paper.columns => ("  ", length + 2),
            _ => ("\n", 0),
        };
        length = before + wide;
        text.push_str(between);
        text.push_str(&paper.coloured(series, &entry));
    }
    format!("{text}\n")
}

/// A text, or as much of its beginning as fits, and an ellipsis.
fn shortened(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let kept: String = text.chars().take(columns.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
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
        if wide <= cells && start >= taken + usize::from(taken > 0) {
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
        let head = paper.head(&title, &in_words(&figures, look));
        let bins = paper.rows.saturating_sub(head.lines().count() + PROMPT);
        let bins_max = i128::try_from(bins).unwrap_or(i128::MAX).clamp(*BINS.start(), *BINS.end());
        text.push_str(&head);
        let Some((low, high)) = ends(&figures) else {
            text.push_str(&format!("{}\n", look.nothing()));
            continue;
        };
        if low == high {
            text.push_str(&format!("{}\n", equal(figures[0].count, low, look)));
            continue;
        }
        let windows: [&Window; 1] = [&source.window];
        for histogram in round_bins(&windows, &figures, &(*BINS.start()..=bins_max))? {
            text.push_str(&bars(&histogram, series, paper));
        }
    }
    Ok(text)
}

/// The bins as bars. Where there is no room for both edges of a bin, its lower one stands.
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
    let counts = number::count(most).len();
    let is_narrow = 2 * wide + 6 + counts + BAR_MIN > paper.columns;
    let taken = if is_narrow { wide + 3 } else { 2 * wide + 6 } + counts;
    let room = paper.columns.saturating_sub(taken).max(1);
    let mut text = String::new();
    for (ends, count) in labels.windows(2).zip(&histogram.counts) {
        let bar = paper.coloured(series, &blocks(*count as f64 / most as f64 * room as f64));
        let counted = number::count(*count);
        let (from, to) = (&ends[0], &ends[1]);
        let to = if is_narrow { String::new() } else { format!("– {to:>wide$} ") };
        text.push_str(&format!("{from:>wide$} {to}│{bar} {counted}\n"));
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

#[cfg(test)]
mod tests {
    use gaugelog::{Observation, Store};

    use super::*;

    #[test]
    fn a_picture_fits_the_terminal() {
        let dir = tempfile::tempdir().expect("a directory");
        let named = ["a", "a store with a long name", "x".repeat(50).leak()];
        let sources: Vec<Source> = named
            .iter()
            .enumerate()
            .map(|(at, name)| {
                let store = Store::create(dir.path().join(at.to_string())).expect("created");
                let observation = |second: i64| {
                    Observation::new(second * 1_000_000_000, (second % 1_001) as f64 * 1.234)
                };
                store.append_batch(&(0..5_000).map(observation).collect::<Vec<_>>()).expect("kept");
                let window = store.snapshot().expect("read").window(..);
                Source { name: Some((*name).to_owned()), window }
            })
            .collect();
        let look = Look { unit: Some("metres per second".to_owned()), ..Look::default() };
        for (columns, rows) in [(20, 24), (40, 20), (80, 24), (200, 60)] {
            let paper = Paper { columns, rows, has_colours: false };
            for some in [&sources[..1], &sources[2..], &sources[..]] {
                let texts = [
                    series(some, &look, paper).expect("drawn"),
                    distribution(&some[..1], &look, paper).expect("drawn"),
                ];
                for text in texts {
                    let widest = text.lines().map(|line| line.chars().count()).max();
                    assert!(widest <= Some(columns), "{columns} columns:\n{text}");
                    assert!(text.lines().count() < rows, "{rows} rows:\n{text}");
                }
            }
        }
    }
}
