//! The series: values over time.

use std::time::SystemTime;

use gaugelog::Observation;

use super::axis::ValueAxis;
use super::columns::{Column, Grid, median, runs};
use super::frame::{Entry, Frame, Page, Swatch};
use super::look::{Figures, Look, Source};
use super::number;
use super::shapes::{Drawing, Point};
use super::theme::{DEVIATION, PALE, Rgb, Theme};
use super::time_axis::TimeAxis;

/// Pixels at both sides of the data, as a part of the frame's width.
const PAD: f64 = 0.02;

/// Observations that usually stand at least this many pixels apart get dots.
const DOT_ROOM: f64 = 8.0;

/// What stands alone is at least this many pixels wide, and the stroke of its mean.
const ALONE: f64 = 3.0;
const MARK: f64 = 9.0;

/// An extreme so many deviations from the mean is drawn as dark as the line: one pale pixel
/// across is easily overlooked.
const OUTLIER: f64 = 6.0;

/// Columns of a picture are pixels if they are at least this many times as many
/// nanoseconds; shorter ones are laid out by their times.
const PIXELS_FROM_NS: i128 = 1_000;

/// Draws series over time. None of them holding anything: a picture that says so.
///
/// # Errors
/// Those of the stores.
pub fn series(sources: &[Source], look: &Look) -> gaugelog::Result<Drawing> {
    let figures = |source: &Source| Ok(Figures::from(&source.window.summary()?));
    let figures: Vec<Figures> = sources.iter().map(figures).collect::<gaugelog::Result<_>>()?;
    let names: Vec<Option<&str>> = sources.iter().map(|it| it.name.as_deref()).collect();
    let Some(plan) = Plan::new(&names, &figures, look) else {
        let title = look.title("", &names, " over time");
        let now = || Observation::at(SystemTime::now(), 0.0).timestamp_ns;
        let until = || look.until.unwrap_or_else(now);
        let since = look.since.filter(|since| *since < until());
        let times = since.map(|since| TimeAxis::new(since, until(), look));
        return Ok(Page::new(look, &title, &[]).notice(look.nothing(), times.as_ref()));
    };
    let columns = |source: &Source| plan.grid.columns(&source.window);
    let columns: Vec<Vec<Column>> = sources.iter().map(columns).collect::<gaugelog::Result<_>>()?;
    Ok(plan.draw(&columns))
}

/// A picture of series before their columns are known.
pub(super) struct Plan<'a> {
    figures: &'a [Figures],
    legend: Vec<Entry>,
    page: Page,
    scales: Scales,
    /// What to ask of each series: a column for each pixel.
    pub(super) grid: Grid,
}

impl<'a> Plan<'a> {
    /// `None` if there are no observations.
    pub(super) fn new(names: &[Option<&str>], figures: &'a [Figures], look: &Look) -> Option<Self> {
        let (first, last) = look.times(extent(figures)?);
        let values = values(figures)?;
        let mut page =
            Page::new(look, &look.title("", names, " over time"), &in_words(figures, look));
        let legend = legend(names, figures, page.theme);
        let axis_title = values.title(&look.axis(names));
        page.axis_of_values(&axis_title, &legend, |most| values.ticks(most));
        let frame = page.frame;
        let (times, grid) = times_of(frame, TimeAxis::new(first, last, look), first, last);
        Some(Self { figures, legend, page, scales: Scales { frame, times, values }, grid })
    }

    /// The picture of these columns, a list for each series.
    pub(super) fn draw(mut self, columns: &[Vec<Column>]) -> Drawing {
        let Self { figures, scales, page, grid, .. } = &mut self;
        let (scales, grid) = (&*scales, *grid);
        let colours = page.theme.series.into_iter().cycle();
        let series = figures.iter().zip(columns.iter().map(Vec::as_slice)).zip(colours);
        let lines: Vec<Line<'_>> =
            series.map(|(data, colour)| Line::new(scales, grid, data, colour)).collect();
        let drawing = &mut page.drawing;
        lines.iter().for_each(|line| line.band(drawing));
        let mean = match figures {
            [figures] => {
                scales.deviation(drawing, figures, page.theme.mean);
                figures.mean.filter(|_| figures.count > 1)
            }
            _ => None,
        };
        // Over dense data, or it would not be seen; under what it would hide.
        let is_constant = figures.iter().all(|it| it.constant().is_some());
        let is_under = is_constant || lines.iter().any(|line| line.has_dots);
        if let Some(mean) = mean.filter(|_| is_under) {
            scales.mean(drawing, mean, page.theme.mean);
        }
        lines.iter().for_each(|line| line.draw(drawing));
        if let Some(mean) = mean.filter(|_| !is_under) {
            scales.mean(drawing, mean, page.theme.mean);
        }
        let is_banded = columns.iter().flatten().any(|column| column.min < column.max);
        self.finish(is_banded)
    }

    fn finish(mut self, is_banded: bool) -> Drawing {
        let across = self.page.frame.ticks_across();
        let times = &self.scales.times;
        self.page.horizontal_axis(&times.ticks(across), &times.title(across));
        if !is_banded {
            self.legend.retain(|(_, name)| name != MIN_TO_MAX);
            let is_mean = |(_, name): &&mut Entry| name == MEAN_OF_PIXEL;
            self.legend.iter_mut().filter(is_mean).for_each(|it| it.1 = "observations".to_owned());
        }
        self.page.legend(&self.legend);
        self.page.drawing
    }
}

/// Where times and values stand.
struct Scales {
    frame: Frame,
    times: TimeAxis,
    values: ValueAxis,
}

impl Scales {
    fn x(&self, time_ns: i128) -> f64 {
        self.frame.x(self.times.fraction(time_ns))
    }

    fn y(&self, value: f64) -> f64 {
        self.frame.y(self.values.fraction(value))
    }

    /// The band of mean ± standard deviation, as far as it lies in the frame.
    fn deviation(&self, drawing: &mut Drawing, figures: &Figures, colour: Rgb) {
        let Some((mean, deviation)) = figures.deviation() else { return };
        let Frame { left, right, .. } = self.frame;
        // In the axis' own numbers, where adding cannot overflow.
        let (mean, deviation) = (self.values.own(mean), self.values.own_length(deviation));
        let edge =
            |own: f64| self.frame.y(self.values.fraction_of_own(own).clamp(0.0, 1.0)).round();
        let (top, bottom) = (edge(mean + deviation), edge(mean - deviation));
        drawing.rect((left, top), (right, bottom), colour, DEVIATION);
        for y in [top + 0.5, bottom - 0.5] {
            drawing.dashes((left, y), (right, y), 1.0, 3.0, colour);
        }
    }

    fn mean(&self, drawing: &mut Drawing, mean: f64, colour: Rgb) {
        let y = self.frame.y(self.values.fraction(mean).clamp(0.0, 1.0));
        drawing.line((self.frame.left, y), (self.frame.right, y), 1.5, colour);
    }
}

const MIN_TO_MAX: &str = "minimum to maximum";
const MEAN_OF_PIXEL: &str = "mean of each pixel";

/// From the first observation to the last.
pub(super) fn extent(figures: &[Figures]) -> Option<(i64, i64)> {
    let times = |of: fn(&Figures) -> Option<Observation>| {
        figures.iter().filter_map(of).map(|it| it.timestamp_ns)
    };
    Some((times(|it| it.first).min()?, times(|it| it.last).max()?))
}

/// An axis from the smallest value to the largest.
pub(super) fn values(figures: &[Figures]) -> Option<ValueAxis> {
    let low = figures.iter().filter_map(|it| it.min).reduce(f64::min)?;
    let high = figures.iter().filter_map(|it| it.max).reduce(f64::max)?;
    Some(ValueAxis::new(low, high, 0.06))
}

/// The figures of one series, and of several the sum.
pub(super) fn in_words(figures: &[Figures], look: &Look) -> Vec<String> {
    let [figures] = figures else {
        let count = figures.iter().map(|it| it.count).sum();
        let (stores, count) = (figures.len() as u64, number::count(count));
        return vec![format!("{} series", number::count(stores)), format!("{count} observations")];
    };
    figures.in_words(look)
}

/// All that a picture of these series may show.
fn legend(names: &[Option<&str>], figures: &[Figures], theme: &Theme) -> Vec<Entry> {
    if let [figures] = figures {
        let mut legend = vec![
            (Swatch::Line(theme.series[0]), MEAN_OF_PIXEL.to_owned()),
            (Swatch::Area(theme.series[0], PALE), MIN_TO_MAX.to_owned()),
        ];
        if figures.count > 1 {
            legend.push((Swatch::Line(theme.mean), "mean".to_owned()));
        }
        if figures.deviation().is_some() {
            legend.push((Swatch::Area(theme.mean, DEVIATION), "mean ± std dev".to_owned()));
        }
        return legend;
    }
    let mut legend = series_legend(names, figures, theme);
    legend.push((Swatch::Area(theme.muted, PALE), MIN_TO_MAX.to_owned()));
    legend
}

/// The names of several series in their colours.
pub(super) fn series_legend(
    names: &[Option<&str>],
    figures: &[Figures],
    theme: &Theme,
) -> Vec<Entry> {
    let entry = |((name, figures), colour): ((&Option<&str>, &Figures), Rgb)| {
        let mean = figures.mean.map(|mean| number::figure(mean, figures.std_dev));
        let mean = mean.map_or_else(|| "no observations".to_owned(), |mean| format!("mean {mean}"));
        (Swatch::Line(colour), format!("{}, {mean}", name.unwrap_or("value")))
    };
    let colours = theme.series.into_iter().cycle();
    names.iter().zip(figures).zip(colours).map(entry).collect()
}

/// The axis of time on the frame's pixels, and the columns that are pixels of it.
fn times_of(frame: Frame, times: TimeAxis, first: i64, last: i64) -> (TimeAxis, Grid) {
    let width = frame.right - frame.left;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousands")]
    let (pixels, columns) = (width as u32, (width * (1.0 - 2.0 * PAD)) as u32);
    let grid = Grid::covering(first, last, columns);
    let is_long = grid.width_ns >= PIXELS_FROM_NS;
    (if is_long { times.on_pixels(grid.width_ns, pixels) } else { times }, grid)
}

/// One series: its band, and its line through the means of its columns.
struct Line<'a> {
    scales: &'a Scales,
    figures: &'a Figures,
    runs: Vec<&'a [Column]>,
    /// How wide a column is, in nanoseconds.
    width_ns: i128,
    colour: Rgb,
    has_dots: bool,
}

impl<'a> Line<'a> {
    fn new(
        scales: &'a Scales,
        grid: Grid,
        (figures, columns): (&'a Figures, &'a [Column]),
        colour: Rgb,
    ) -> Self {
        let x = |column: &Column| scales.x(column.first.timestamp_ns.into());
        let mut rooms: Vec<f64> =
            columns.windows(2).map(|pair| x(&pair[1]) - x(&pair[0])).collect();
        let has_dots = median(&mut rooms).is_none_or(|room| room >= DOT_ROOM);
        let runs = runs(columns).collect();
        Self { scales, figures, runs, width_ns: grid.width_ns, colour, has_dots }
    }

    /// From the minimum to the maximum of each column, pale. Nothing is pale where a run has
    /// no column: the line alone leads over that.
    fn band(&self, drawing: &mut Drawing) {
        let is_next = |left: &Column, right: &Column| {
            i128::from(right.start_ns) - i128::from(left.start_ns) <= self.width_ns
        };
        for run in self.runs.iter().flat_map(|run| run.chunk_by(is_next)) {
            if run.iter().all(|column| column.min == column.max) {
                continue;
            }
            let mut outline = Vec::with_capacity(run.len() * 4);
            let steps = self.steps(run);
            for (column, (left, right)) in run.iter().zip(&steps) {
                outline.extend([*left, *right].map(|x| (x, self.scales.y(column.max))));
            }
            for (column, (left, right)) in run.iter().zip(&steps).rev() {
                outline.extend([*right, *left].map(|x| (x, self.scales.y(column.min))));
            }
            drawing.area(outline, self.colour, PALE);
        }
    }

    /// From where to where each column of a run reaches: a single observation has a place,
    /// several have the column.
    fn steps(&self, run: &[Column]) -> Vec<(f64, f64)> {
        let step = |column: &Column| match column.count {
            1 => (self.x(column), self.x(column)),
            _ => {
                let start = i128::from(column.start_ns);
                (self.scales.x(start), self.scales.x(start + self.width_ns))
            }
        };
        let mut steps: Vec<(f64, f64)> = run.iter().map(step).collect();
        if let (Some((left, _)), Some((_, right))) = (steps.first(), steps.last()) {
            let lacking = (ALONE - (right - left)).max(0.0) / 2.0;
            let last = steps.len() - 1;
            steps[0].0 -= lacking;
            steps[last].1 += lacking;
        }
        steps
    }

    /// The line through the columns' means, and dots for single observations that stand
    /// apart.
    fn draw(&self, drawing: &mut Drawing) {
        let width = if self.has_dots { 2.0 } else { 1.5 };
        for run in &self.runs {
            match run {
                [alone] if alone.count > 1 => self.mark(drawing, alone),
                [_] => {}
                _ => {
                    let points = run.iter().map(|column| self.point(column)).collect();
                    drawing.path(points, width, self.colour);
                }
            }
            self.outliers(drawing, run, width);
            let is_alone = run.len() == 1;
            for column in run.iter().filter(|it| it.count == 1 && (self.has_dots || is_alone)) {
                let radius = if self.has_dots { 3.5 } else { 2.5 };
                drawing.dot(self.point(column), radius, self.colour);
            }
        }
    }

    /// Several observations that stand alone: their mean is a short stroke.
    fn mark(&self, drawing: &mut Drawing, column: &Column) {
        let (x, y) = self.point(column);
        drawing.line((x - MARK / 2.0, y), (x + MARK / 2.0, y), 2.0, self.colour);
    }

    /// Strokes to extremes that are outliers.
    fn outliers(&self, drawing: &mut Drawing, run: &[Column], width: f64) {
        let Some((mean, deviation)) = self.figures.deviation() else { return };
        for column in run.iter().filter(|column| column.count > 1) {
            let (x, y) = self.point(column);
            for extreme in [column.min, column.max] {
                if (extreme - mean).abs() > OUTLIER * deviation {
                    drawing.line((x, y), (x, self.scales.y(extreme)), width, self.colour);
                }
            }
        }
    }

    fn point(&self, column: &Column) -> Point {
        (self.x(column), self.scales.y(column.mean))
    }

    /// Where a column's observations stand: one in its place, several in the middle.
    fn x(&self, column: &Column) -> f64 {
        match column.count {
            1 => self.scales.x(column.first.timestamp_ns.into()),
            _ => self.scales.x(i128::from(column.start_ns) + self.width_ns / 2),
        }
    }
}

#[cfg(test)]
mod tests;
