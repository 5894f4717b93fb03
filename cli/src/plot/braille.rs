//! Series as dots of braille.

use super::axis::ValueAxis;
use super::columns::{Column, runs};
use super::terminal::Paper;

/// Dots of braille, eight in a letter.
pub(super) struct Dots {
    /// In dots.
    pub(super) width: usize,
    height: usize,
    /// For each letter its dots, and the series that was drawn last.
    letters: Vec<(u8, usize)>,
}

impl Dots {
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        Self { width: 2 * columns, height: 4 * rows, letters: vec![(0, 0); columns * rows] }
    }

    pub(super) fn cells(&self) -> usize {
        self.width / 2
    }

    /// The column of dots at a part of the width; what has no extent stands in the middle.
    fn x(&self, part: f64) -> usize {
        nearest(if part.is_nan() { 0.5 } else { part }, self.width)
    }

    /// The row of dots at a part of the height from below.
    pub(super) fn y(&self, part: f64) -> usize {
        nearest(1.0 - part, self.height)
    }

    /// The columns of a series: pale from minimum to maximum, and a line through the means.
    pub(super) fn series(
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

    pub(super) fn lines(&self, paper: Paper) -> Vec<String> {
        let line = |letters: &[(u8, usize)]| {
            // A blank is of the series before it, so that few colours are set.
            let mut last = 0;
            let letters: Vec<(u8, usize)> = letters
                .iter()
                .map(|(bits, series)| {
                    last = if *bits > 0 { *series } else { last };
                    (*bits, last)
                })
                .collect();
            let run = |run: &[(u8, usize)]| {
                let letter = |(bits, _): &(u8, usize)| match bits {
                    0 => ' ',
                    bits => char::from_u32(0x2800 + u32::from(*bits)).unwrap_or(' '),
                };
                paper.coloured(run[0].1, &run.iter().map(letter).collect::<String>())
            };
            let line: String = letters.chunk_by(|left, right| left.1 == right.1).map(run).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_has_the_colour_of_its_own_series() {
        let mut dots = Dots::new(6, 1);
        dots.dot(0, 0, 1);
        dots.dot(6, 0, 0);
        dots.dot(10, 0, 1);
        let paper = Paper { columns: 6, rows: 1, has_colours: true };
        let parts = [(1, "⠁  "), (0, "⠁ "), (1, "⠁")];
        let expected = parts.map(|(series, text)| paper.coloured(series, text)).concat();
        assert_eq!(dots.lines(paper), [expected]);
    }
}
