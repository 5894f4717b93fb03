//! The distribution: how many observations fall into each bin.

use std::f64::consts::TAU;

use gaugelog::Histogram;

use super::axis::ValueAxis;
use super::canvas::{Canvas, Drawn, colour};
use super::frame::{self, Frame, Swatch, Tick};
use super::{Figures, PlotError};

const TITLE: &str = "Distribution of observations";

const TICKS_UP: u32 = 9;

/// At most this many bin edges are labelled.
const EDGES_LABELLED_MAX: usize = 12;

/// A normal curve says nothing about fewer observations or bins than these.
const CURVE_COUNT_MIN: u64 = 20;
const CURVE_BINS_MIN: usize = 5;

/// A curve this many times higher than the highest bar fits the data so badly
/// that it would only flatten the bars.
const CURVE_HEIGHT_MAX: f64 = 1.6;

/// Straight pieces of the curve.
const CURVE_PIECES: u32 = 240;

/// Draws the distribution as PNG, of [`super::WIDTH`] × [`super::HEIGHT`] pixels.
///
/// `None`, or a histogram without a finite bin: a picture that says that there
/// are no observations yet. Mean and median are marked where `figures` has them.
///
/// # Errors
///
/// [`PlotError`], which no finite input causes.
pub fn distribution(
    histogram: Option<&Histogram>,
    figures: &Figures,
) -> Result<Vec<u8>, PlotError> {
    let Some(bins) = histogram.and_then(Bins::of) else { return frame::empty(TITLE) };
    let curve = Curve::of(&bins, figures);
    let highest = curve.as_ref().map_or(bins.highest, |curve| curve.height.max(bins.highest));
    let counts = ValueAxis::counts(highest, 0.06);
    let ticks = counts.whole_ticks(TICKS_UP);
    let frame = Frame::beside(&ticks);
    let mut canvas = Canvas::new();
    frame::header(&mut canvas, TITLE, figures)?;
    frame.vertical_axis(&mut canvas, &ticks, &counts.title("count"))?;
    let mut legend = vec![(Swatch::Area(colour::BAR, 1.0), "observations")];
    bins.draw(&mut canvas, frame, &counts)?;
    if let Some(curve) = &curve {
        curve.draw(&mut canvas, frame, &counts)?;
        legend.push((Swatch::Line(colour::MUTED), "normal distribution"));
    }
    // Dashes last: they show the line below where both are the same.
    let top = frame.top - 4.0;
    for (name, value) in [("mean", figures.mean), ("median", figures.median)] {
        let Some(value) = value.filter(|v| v.is_finite()) else { continue };
        let x = frame.x(bins.axis.fraction(value).clamp(0.0, 1.0));
        let (from, to) = ((x, top), (x, frame.bottom));
        let swatch = if name == "mean" {
            canvas.line(from, to, 2.0, colour::MEAN)?;
            Swatch::Line(colour::MEAN)
        } else {
            canvas.dashes(from, to, 2.0, 6.0, colour::MEDIAN)?;
            Swatch::Dashes(colour::MEDIAN)
        };
        legend.push((swatch, name));
    }
    frame.horizontal_axis(&mut canvas, &bins.ticks(), &bins.axis.title("value"))?;
    frame.legend(&mut canvas, &legend)?;
    canvas.finish()
}

/// A histogram that can be drawn, and the axis of its values.
struct Bins<'a> {
    edges: &'a [f64],
    counts: &'a [u64],
    axis: ValueAxis,
    /// The largest count.
    highest: f64,
}

impl<'a> Bins<'a> {
    fn of(histogram: &'a Histogram) -> Option<Self> {
        let bins = histogram.counts.len().min(histogram.edges.len().saturating_sub(1));
        let edges = histogram.edges.get(..=bins).filter(|edges| edges.len() > 1)?;
        if !edges.iter().all(|edge| edge.is_finite()) {
            return None;
        }
        let counts = &histogram.counts[..bins];
        let highest = counts.iter().copied().max().unwrap_or(0) as f64;
        Some(Self { edges, counts, axis: ValueAxis::new(edges[0], edges[bins], 0.03), highest })
    }

    /// One rectangle a bin, over the bin's own edges.
    fn draw(&self, canvas: &mut Canvas, frame: Frame, counts: &ValueAxis) -> Drawn {
        for (i, &count) in self.counts.iter().enumerate() {
            let mut left = frame.x(self.axis.fraction(self.edges[i]));
            let mut right = frame.x(self.axis.fraction(self.edges[i + 1]));
            if right - left < 1.0 && self.counts.len() == 1 {
                // One bin without width: a value that cannot be told from its neighbours.
                (left, right) = (left - 30.0, right + 30.0);
            }
            // A hair of paper between bars that have room for it.
            let hair = if right - left > 6.0 { 1.0 } else { 0.0 };
            if count > 0 {
                // Even one among millions leaves a trace.
                let top = frame.y(counts.fraction(count as f64)).min(frame.bottom - 1.5);
                let low = (right.round() - hair, frame.bottom);
                canvas.rect((left.round(), top), low, colour::BAR, 1.0)?;
            }
        }
        Ok(())
    }

    /// The bin edges; every second, third, … one where there are many.
    fn ticks(&self) -> Vec<Tick> {
        let every = self.edges.len().div_ceil(EDGES_LABELLED_MAX);
        let shown: Vec<f64> = self.edges.iter().copied().step_by(every).collect();
        let bins = self.counts.len() as f64;
        let width = self.edges[self.counts.len()] / bins - self.edges[0] / bins;
        let labels = self.axis.labels(&shown, width);
        shown.iter().map(|&edge| self.axis.fraction(edge)).zip(labels).collect()
    }
}

/// The normal distribution of the same mean and deviation, as counts a bin.
struct Curve<'a> {
    bins: &'a Bins<'a>,
    /// In the value axis' own numbers, as is the deviation.
    mean: f64,
    deviation: f64,
    /// At the mean.
    height: f64,
}

impl<'a> Curve<'a> {
    /// `None` where such a curve would say nothing about the data.
    fn of(bins: &'a Bins<'a>, figures: &Figures) -> Option<Self> {
        let many = figures.count >= CURVE_COUNT_MIN && bins.counts.len() >= CURVE_BINS_MIN;
        let mean = figures.mean.filter(|v| many && v.is_finite())?;
        let deviation = figures.std_dev.filter(|v| v.is_finite() && *v > 0.0)?;
        let (mean, deviation) = (bins.axis.own(mean), bins.axis.own_length(deviation));
        let own = |edge: usize| bins.axis.own(bins.edges[edge]);
        let width = (own(bins.counts.len()) - own(0)) / bins.counts.len() as f64;
        let total: f64 = bins.counts.iter().map(|&count| count as f64).sum();
        let height = total * width / (deviation * TAU.sqrt());
        // Also refuses what is not a number.
        (height > 0.0 && height <= bins.highest * CURVE_HEIGHT_MAX).then_some(Self {
            bins,
            mean,
            deviation,
            height,
        })
    }

    fn draw(&self, canvas: &mut Canvas, frame: Frame, counts: &ValueAxis) -> Drawn {
        let mut before = None;
        for i in 0..=CURVE_PIECES {
            let part = f64::from(i) / f64::from(CURVE_PIECES);
            let z = (self.bins.axis.own_at(part) - self.mean) / self.deviation;
            let count = self.height * (-0.5 * z * z).exp();
            let place = frame.at(part, counts.fraction(count));
            if let Some(before) = before {
                canvas.line(before, place, 1.5, colour::MUTED)?;
            }
            before = Some(place);
        }
        Ok(())
    }
}
