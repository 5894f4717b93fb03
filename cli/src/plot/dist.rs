//! The distribution: how many observations fall into each bin.

use std::f64::consts::TAU;
use std::ops::RangeInclusive;

use gaugelog::{Histogram, Window};

use super::axis::ValueAxis;
use super::bins;
use super::columns::Grid;
use super::frame::{Entry, Page, Swatch};
use super::look::{Figures, Look, Source};
use super::series::{extent, in_words, series_legend};
use super::shapes::{Drawing, Point};
use super::theme::PALE;

/// How many bins are for people, if there are so many different values.
const BINS: RangeInclusive<i128> = 20..=100;

/// From how many columns a sample of the values comes.
const SAMPLE_COLUMNS: u32 = 400;

/// A bin that holds anything is at least so many pixels high.
const BAR_MIN: f64 = 3.0;

/// A normal curve says nothing about fewer observations or bins than these.
const CURVE_COUNT_MIN: u64 = 20;
const CURVE_BINS_MIN: usize = 5;

/// Straight pieces of the curve.
const CURVE_PIECES: u32 = 240;

/// The bins of a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Binning {
    /// This number of equal bins from the smallest value to the largest, as numpy has them.
    Equal(usize),
    /// As wide as the data asks for, with round edges.
    Round,
}

/// Draws the distributions of series. None of them holding anything: a picture that says
/// so. Equal values are said in words, unless there are bins as numpy has them.
///
/// # Errors
/// Those of the stores.
pub fn distribution(
    sources: &[Source],
    binning: Binning,
    look: &Look,
) -> gaugelog::Result<Drawing> {
    let names: Vec<Option<&str>> = sources.iter().map(|it| it.name.as_deref()).collect();
    let figures: Vec<Figures> = sources.iter().map(figures).collect::<gaugelog::Result<_>>()?;
    let title = look.title("distribution of ", &names, "");
    let page = Page::new(look, &title, &in_words(&figures, look));
    let windows: Vec<&Window> = sources.iter().map(|it| &it.window).collect();
    let Some((low, high)) = values(&figures) else { return Ok(page.notice(look.nothing(), None)) };
    if low == high && binning == Binning::Round {
        let count = figures.iter().map(|it| it.count).sum();
        return Ok(page.notice(&equal(count, low, look), None));
    }
    let histograms = match binning {
        Binning::Equal(count) => equal_bins(&windows, count)?,
        Binning::Round => round_bins(&windows, &figures, &BINS)?,
    };
    Ok(draw(page, &names, &figures, &histograms, look))
}

fn figures(source: &Source) -> gaugelog::Result<Figures> {
    let median = source.window.quantile(0.5)?;
    Ok(Figures { median, ..Figures::from(&source.window.summary()?) })
}

/// The smallest and the largest value.
pub(super) fn values(figures: &[Figures]) -> Option<(f64, f64)> {
    let low = figures.iter().filter_map(|it| it.min).reduce(f64::min)?;
    let high = figures.iter().filter_map(|it| it.max).reduce(f64::max)?;
    Some((low, high))
}

/// What is said where there is nothing to compare.
pub(super) fn equal(count: u64, value: f64, look: &Look) -> String {
    let value = look.value(value);
    match count {
        1 => format!("The only observation is {value}"),
        count => format!("All {} observations are {value}", super::number::count(count)),
    }
}

fn equal_bins(windows: &[&Window], count: usize) -> gaugelog::Result<Vec<Histogram>> {
    let counted = windows.iter().map(|window| window.histogram(count));
    Ok(counted.collect::<gaugelog::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// Histograms of the same bins for all windows.
///
/// # Errors
/// Those of the stores.
pub(super) fn round_bins(
    windows: &[&Window],
    figures: &[Figures],
    wanted: &RangeInclusive<i128>,
) -> gaugelog::Result<Vec<Histogram>> {
    let (Some(ends), Some((first, last))) = (values(figures), extent(figures)) else {
        return Ok(Vec::new());
    };
    let grid = Grid::covering(first, last, SAMPLE_COLUMNS);
    let mut sample = Vec::new();
    for window in windows {
        for it in grid.columns(window)? {
            sample.extend([it.first.value, it.last.value, it.min, it.max]);
        }
    }
    if let Some(found) = bins::histograms(windows, ends, &sample, wanted)? {
        return Ok(found);
    }
    let edges = equal_edges(ends, *wanted.start());
    let counted = windows.iter().map(|window| window.histogram(&edges[..]));
    Ok(counted.collect::<gaugelog::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// Equal bins of values for which there are no round ones: as many as f64 can tell apart.
fn equal_edges((low, high): (f64, f64), count: i128) -> Vec<f64> {
    let part = |number: i128| number as f64 / count as f64;
    let edge = |number: i128| low * (1.0 - part(number)) + high * part(number);
    let mut edges = vec![low];
    // Rounding may put an edge below the one before.
    for edge in (1..count).map(edge) {
        if edges.last().is_some_and(|last| *last < edge) && edge < high {
            edges.push(edge);
        }
    }
    edges.push(high);
    edges
}

/// Draws histograms that have finite edges.
fn draw(
    mut page: Page,
    names: &[Option<&str>],
    figures: &[Figures],
    histograms: &[Histogram],
    look: &Look,
) -> Drawing {
    let ends = |it: &Histogram| Some((*it.edges.first()?, *it.edges.last()?));
    let (low, high) = histograms
        .iter()
        .filter_map(ends)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |all, (low, high)| {
            (all.0.min(low), all.1.max(high))
        });
    let values = ValueAxis::new(low, high, 0.03);
    let curve = match (figures, histograms) {
        ([figures], [histogram]) if look.has_normal => Curve::of(histogram, figures, &values),
        _ => None,
    };
    let bars = Bars { histograms, is_share: histograms.len() > 1, values };
    let highest = bars.highest().max(curve.as_ref().map_or(0.0, |curve| curve.height));
    let heights = ValueAxis::counts(highest, 0.06);
    let legend = legend(&page, names, figures, curve.is_some());
    let heights_title = if bars.is_share { "share in %" } else { "count" };
    let is_whole = !bars.is_share;
    page.axis_of_values(&heights.title(heights_title), &legend, |most| match is_whole {
        true => heights.whole_ticks(most),
        false => heights.ticks(most),
    });
    bars.draw(&mut page, &heights);
    if let Some(curve) = &curve {
        curve.draw(&mut page, &bars.values, &heights);
    }
    if let [figures] = figures {
        marks(&mut page, figures, &bars.values);
    }
    let ticks = bars.values.ticks(page.frame.ticks_across());
    page.horizontal_axis(&ticks, &bars.values.title(&look.axis(names)));
    page.legend(&legend);
    page.drawing
}

fn legend(page: &Page, names: &[Option<&str>], figures: &[Figures], has_curve: bool) -> Vec<Entry> {
    let theme = page.theme;
    let [figures] = figures else {
        return series_legend(names, figures, theme);
    };
    let mut legend = vec![(Swatch::Area(theme.bar, 1.0), "observations".to_owned())];
    if has_curve {
        legend.push((Swatch::Line(theme.muted), "normal distribution".to_owned()));
    }
    if figures.mean.is_some() {
        legend.push((Swatch::Line(theme.mean), "mean".to_owned()));
    }
    if figures.median.is_some() {
        legend.push((Swatch::Dashes(theme.median), "median".to_owned()));
    }
    legend
}

/// Mean and median, from above the bars to the axis.
fn marks(page: &mut Page, figures: &Figures, values: &ValueAxis) {
    let (frame, theme) = (page.frame, page.theme);
    let x = |value: f64| frame.x(values.fraction(value).clamp(0.0, 1.0));
    let ends = |x: f64| ((x, frame.top - 4.0), (x, frame.bottom));
    if let Some(mean) = figures.mean {
        let (from, to) = ends(x(mean));
        page.drawing.line(from, to, 2.0, theme.mean);
    }
    // Dashes last: they show the line below where both are the same.
    if let Some(median) = figures.median {
        let (from, to) = ends(x(median));
        page.drawing.dashes(from, to, 2.0, 6.0, theme.median);
    }
}

/// Histograms, as counts or as shares of each series in percent.
struct Bars<'a> {
    histograms: &'a [Histogram],
    is_share: bool,
    values: ValueAxis,
}

impl Bars<'_> {
    fn height(&self, histogram: &Histogram, count: u64) -> f64 {
        let total: f64 = histogram.counts.iter().map(|count| *count as f64).sum();
        match self.is_share && total > 0.0 {
            true => count as f64 * 100.0 / total,
            false => count as f64,
        }
    }

    fn highest(&self) -> f64 {
        let highest =
            |it: &Histogram| self.height(it, it.counts.iter().copied().max().unwrap_or(0));
        self.histograms.iter().map(highest).fold(0.0, f64::max)
    }

    fn draw(&self, page: &mut Page, heights: &ValueAxis) {
        if let [histogram] = self.histograms {
            return self.filled(page, heights, histogram);
        }
        let colours = page.theme.series.into_iter().cycle();
        let outlines: Vec<_> = self
            .histograms
            .iter()
            .map(|histogram| self.outline(page, heights, histogram))
            .zip(colours)
            .filter(|(outline, _)| !outline.is_empty())
            .collect();
        for (outline, colour) in &outlines {
            page.drawing.area(outline.clone(), *colour, PALE);
        }
        for (outline, colour) in outlines {
            page.drawing.path(outline, 2.0, colour);
        }
    }

    /// One rectangle a bin, over the bin's own edges.
    fn filled(&self, page: &mut Page, heights: &ValueAxis, histogram: &Histogram) {
        for (edges, count) in histogram.edges.windows(2).zip(&histogram.counts) {
            if *count == 0 {
                continue;
            }
            let (left, right, top) = self.place(page, heights, edges, *count as f64);
            // A hair of paper between bars that have room for it.
            let hair = if right - left > 6.0 { 1.0 } else { 0.0 };
            let right = (right.round() - hair).max(left.round() + 1.0);
            page.drawing.rect((left, top), (right, page.frame.bottom), page.theme.bar, 1.0);
        }
    }

    /// The steps of a histogram, from the axis and back to it, without empty bins at its
    /// ends.
    fn outline(&self, page: &Page, heights: &ValueAxis, histogram: &Histogram) -> Vec<Point> {
        let is_filled = |count: &u64| *count > 0;
        let first = histogram.counts.iter().position(is_filled).unwrap_or(0);
        let end = histogram.counts.iter().rposition(is_filled).map_or(0, |last| last + 1);
        let mut outline = Vec::with_capacity(histogram.counts.len() * 2 + 2);
        let bins = histogram.edges.windows(2).zip(&histogram.counts);
        for (edges, count) in bins.take(end).skip(first) {
            let height = self.height(histogram, *count);
            let (left, right, top) = self.place(page, heights, edges, height);
            if outline.is_empty() {
                outline.push((left, page.frame.bottom));
            }
            outline.extend([(left, top), (right, top)]);
        }
        outline.extend(outline.last().map(|(right, _)| (*right, page.frame.bottom)));
        outline
    }

    /// Left, right and top of a bin.
    fn place(
        &self,
        page: &Page,
        heights: &ValueAxis,
        edges: &[f64],
        height: f64,
    ) -> (f64, f64, f64) {
        let frame = page.frame;
        let (left, right) =
            (frame.x(self.values.fraction(edges[0])), frame.x(self.values.fraction(edges[1])));
        let top = frame.y(heights.fraction(height));
        (left, right, if height > 0.0 { top.min(frame.bottom - BAR_MIN) } else { top })
    }
}

/// The normal distribution of the same mean and deviation, as counts a bin.
struct Curve {
    /// In the value axis' own numbers, as is the deviation.
    mean: f64,
    deviation: f64,
    /// At the mean.
    height: f64,
}

impl Curve {
    /// `None` where such a curve would say nothing about the data.
    fn of(histogram: &Histogram, figures: &Figures, values: &ValueAxis) -> Option<Self> {
        let bins = histogram.counts.len();
        let is_said = figures.count >= CURVE_COUNT_MIN && bins >= CURVE_BINS_MIN;
        let mean = values.own(figures.mean.filter(|_| is_said)?);
        let deviation = values.own_length(figures.std_dev.filter(|it| *it > 0.0)?);
        let width =
            (values.own(histogram.edges[bins]) - values.own(histogram.edges[0])) / bins as f64;
        let height = figures.count as f64 * width / (deviation * TAU.sqrt());
        height.is_finite().then_some(Self { mean, deviation, height })
    }

    fn draw(&self, page: &mut Page, values: &ValueAxis, heights: &ValueAxis) {
        let place = |piece: u32| {
            let part = f64::from(piece) / f64::from(CURVE_PIECES);
            let z = (values.own_at(part) - self.mean) / self.deviation;
            page.frame.at(part, heights.fraction(self.height * (-0.5 * z * z).exp()))
        };
        let points = (0..=CURVE_PIECES).map(place).collect();
        page.drawing.path(points, 1.5, page.theme.muted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_edges_ascend_for_values_that_differ_by_a_few_units_of_f64() {
        for low in [7.7_f64, 1.1, -1.1, 1e-308, 123_456.789] {
            let mut high = low;
            for _ in 0..40 {
                high = high.next_up();
                let edges = equal_edges((low, high), *BINS.start());
                assert!(edges.is_sorted_by(|left, right| left < right), "{edges:?}");
                assert_eq!((edges[0], edges[edges.len() - 1]), (low, high));
            }
        }
    }
}
