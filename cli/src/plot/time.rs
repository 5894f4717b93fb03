//! The series: values over time.

use gaugelog::Column;

use super::axis::ValueAxis;
use super::canvas::{Canvas, Drawn, Point, colour};
use super::frame::{self, Frame, Swatch};
use super::time_axis::TimeAxis;
use super::{Figures, PlotError};

const TITLE: &str = "Observations over time";

const TICKS_ACROSS: u32 = 8;
const TICKS_UP: u32 = 9;

/// Opacity of the band of one standard deviation around the mean.
const BAND: f64 = 0.11;

/// Columns that stand at least this many pixels apart, on average, get markers.
const MARKER_ROOM: f64 = 9.0;

/// A stretch without data breaks the line if it is this much longer than the
/// median stretch between columns, and this large a part of the picture: a
/// line across a night without power would show values that nobody observed.
const GAP_TIMES: i128 = 8;
const GAP_PART: f64 = 0.02;

/// Fewer stretches than this have no typical length, and break no line.
const STRETCHES_MIN: usize = 4;

/// Draws the series as PNG, of [`super::WIDTH`] × [`super::HEIGHT`] pixels.
///
/// `columns` come in time order from `Window::columns`, asked for
/// [`super::SERIES_COLUMNS`] of them. No columns, or none with finite values:
/// a picture that says that there are no observations yet.
///
/// # Errors
///
/// [`PlotError`], which no finite input causes.
pub fn series(columns: &[Column], figures: &Figures) -> Result<Vec<u8>, PlotError> {
    let finite =
        |c: &&Column| [c.min, c.max, c.first.value, c.last.value].iter().all(|v| v.is_finite());
    let columns: Vec<Column> = columns.iter().filter(finite).copied().collect();
    let (Some(first), Some(last)) = (columns.first(), columns.last()) else {
        return frame::empty(TITLE);
    };
    let low = columns.iter().map(|c| c.min).fold(f64::INFINITY, f64::min);
    let high = columns.iter().map(|c| c.max).fold(f64::NEG_INFINITY, f64::max);
    let values = ValueAxis::new(low, high, 0.06);
    let times = TimeAxis::new(first.first.timestamp_ns, last.last.timestamp_ns);
    let ticks = values.ticks(TICKS_UP);
    let frame = Frame::beside(&ticks);
    let mut canvas = Canvas::new();
    frame::header(&mut canvas, TITLE, figures)?;
    let mut legend = vec![(Swatch::Line(colour::SERIES), "observations")];
    if deviation_band(&mut canvas, frame, &values, figures)? {
        legend.push((Swatch::Area(colour::MEAN, BAND + 0.1), "mean ± std dev"));
    }
    frame.vertical_axis(&mut canvas, &ticks, &values.title("value"))?;
    let line = Line { frame, times: &times, values: &values, columns: &columns };
    let mean = figures.mean.filter(|v| v.is_finite());
    if let Some(mean) = mean {
        legend.insert(1, (Swatch::Line(colour::MEAN), "mean"));
        // Over dense data, or it would not be seen; under what it would hide.
        let under = line.has_markers() || figures.std_dev == Some(0.0);
        if under {
            mean_line(&mut canvas, frame, &values, mean)?;
        }
        line.draw(&mut canvas)?;
        if !under {
            mean_line(&mut canvas, frame, &values, mean)?;
        }
    } else {
        line.draw(&mut canvas)?;
    }
    frame.horizontal_axis(&mut canvas, &times.ticks(TICKS_ACROSS), &times.title(TICKS_ACROSS))?;
    frame.legend(&mut canvas, &legend)?;
    canvas.finish()
}

/// The band of mean ± standard deviation, as far as it lies in the frame.
fn deviation_band(
    canvas: &mut Canvas,
    frame: Frame,
    values: &ValueAxis,
    figures: &Figures,
) -> Result<bool, PlotError> {
    let (Some(mean), Some(deviation)) = (figures.mean, figures.std_dev) else { return Ok(false) };
    // In the axis' own numbers, where adding cannot overflow.
    let (mean, deviation) = (values.own(mean), values.own_length(deviation));
    if !(mean.is_finite() && deviation.is_finite() && deviation > 0.0) {
        return Ok(false);
    }
    let edge = |own: f64| frame.y(values.fraction_of_own(own).clamp(0.0, 1.0));
    let (top, bottom) = (edge(mean + deviation), edge(mean - deviation));
    canvas.rect((frame.left, top), (frame.right, bottom), colour::MEAN, BAND)?;
    Ok(true)
}

fn mean_line(canvas: &mut Canvas, frame: Frame, values: &ValueAxis, mean: f64) -> Drawn {
    let y = frame.y(values.fraction(mean).clamp(0.0, 1.0));
    canvas.line((frame.left, y), (frame.right, y), 1.5, colour::MEAN)
}

/// The line through all columns: at most four places in each (M4).
struct Line<'a> {
    frame: Frame,
    times: &'a TimeAxis,
    values: &'a ValueAxis,
    columns: &'a [Column],
}

impl Line<'_> {
    /// Pixels that a column has, on average.
    fn room(&self) -> f64 {
        (self.frame.right - self.frame.left) / self.columns.len() as f64
    }

    fn has_markers(&self) -> bool {
        self.room() >= MARKER_ROOM
    }

    fn draw(&self, canvas: &mut Canvas) -> Drawn {
        let markers = self.has_markers();
        let width = if markers { 2.0 } else { 1.5 };
        let breaks = self.breaks();
        for (i, column) in self.columns.iter().enumerate() {
            let joined_before = i > 0 && !breaks[i - 1];
            let joined_after = i < breaks.len() && !breaks[i];
            let (first, last) = (self.place(column, true), self.place(column, false));
            if joined_before {
                let before = self.place(&self.columns[i - 1], false);
                canvas.line(before, first, width, colour::SERIES)?;
            }
            if column.count > 1 {
                canvas.line(first, last, width, colour::SERIES)?;
            }
            if column.count > 2 {
                let x = f64::midpoint(first.0, last.0);
                let (top, bottom) = (self.y(column.max), self.y(column.min));
                canvas.line((x, top), (x, bottom), width, colour::SERIES)?;
            }
            if markers || !(joined_before || joined_after) {
                let radius = if markers { (self.room() / 3.0).clamp(2.5, 4.0) } else { 2.0 };
                canvas.dot(first, radius, colour::SERIES)?;
                canvas.dot(last, radius, colour::SERIES)?;
            }
        }
        Ok(())
    }

    fn place(&self, column: &Column, first: bool) -> Point {
        let observation = if first { column.first } else { column.last };
        (self.frame.x(self.times.fraction(observation.timestamp_ns)), self.y(observation.value))
    }

    fn y(&self, value: f64) -> f64 {
        self.frame.y(self.values.fraction(value))
    }

    /// Behind which columns the line breaks.
    fn breaks(&self) -> Vec<bool> {
        let stretches: Vec<i128> = self
            .columns
            .windows(2)
            .map(|pair| {
                i128::from(pair[1].first.timestamp_ns) - i128::from(pair[0].last.timestamp_ns)
            })
            .collect();
        if stretches.len() < STRETCHES_MIN {
            return vec![false; stretches.len()];
        }
        let mut sorted = stretches.clone();
        let (_, median, _) = sorted.select_nth_unstable((stretches.len() - 1) / 2);
        let typical = (*median).max(0);
        stretches
            .iter()
            .map(|&ns| ns > typical * GAP_TIMES && self.times.part(ns) > GAP_PART)
            .collect()
    }
}
