//! The pictures, decoded again and looked at.

use gaugelog::{Column, Histogram, Observation};

use super::canvas::{Rgb, colour};
use super::{Figures, HEIGHT, SERIES_COLUMNS, WIDTH, distribution, font, series};

/// 2021-06-01T12:00:00Z.
const NOON: i64 = 1_622_548_800_000_000_000;

const SECOND: i64 = 1_000_000_000;

struct Picture {
    pixels: Vec<u8>,
}

impl Picture {
    fn of(png: &[u8]) -> Self {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a small picture")];
        let info = reader.next_frame(&mut pixels).expect("whole");
        assert_eq!((info.width, info.height), (WIDTH, HEIGHT));
        assert_eq!(info.color_type, png::ColorType::Rgb);
        Self { pixels }
    }

    fn at(&self, x: u32, y: u32) -> Rgb {
        let i = 3 * (y * WIDTH + x) as usize;
        (self.pixels[i], self.pixels[i + 1], self.pixels[i + 2])
    }

    /// How many pixels of a colour a column of the plot has, below the legend.
    fn in_column(&self, x: u32, rgb: Rgb) -> usize {
        (122..HEIGHT).filter(|&y| self.at(x, y) == rgb).count()
    }

    /// Leftmost and rightmost column of the plot with a colour.
    fn extent(&self, rgb: Rgb) -> (u32, u32) {
        let mut columns = (0..WIDTH).filter(|&x| self.in_column(x, rgb) > 0);
        let first = columns.next().expect("the colour is there");
        (first, columns.next_back().unwrap_or(first))
    }

    /// Pixels that are not paper.
    fn ink(&self, (x0, y0): (u32, u32), (x1, y1): (u32, u32)) -> usize {
        let row = |y: u32| (x0..x1).filter(move |&x| self.at(x, y) != colour::PAPER).count();
        (y0..y1).map(row).sum()
    }
}

fn column(time_ns: i64, value: f64) -> Column {
    let at = Observation::new(time_ns, value);
    Column { start_ns: time_ns, count: 1, first: at, last: at, min: value, max: value }
}

fn figures(count: u64, mean: f64, std_dev: f64) -> Figures {
    Figures { count, mean: Some(mean), std_dev: Some(std_dev), ..Figures::default() }
}

fn drawn(columns: &[Column], figures: &Figures) -> Picture {
    Picture::of(&series(columns, figures).expect("drawn"))
}

fn bars(edges: Vec<f64>, counts: Vec<u64>, figures: &Figures) -> Picture {
    let histogram = Histogram { edges, counts };
    Picture::of(&distribution(Some(&histogram), figures).expect("drawn"))
}

#[test]
fn an_empty_store_is_a_picture_that_says_so() {
    let none = Figures::default();
    for png in [series(&[], &none), distribution(None, &none)] {
        let picture = Picture::of(&png.expect("drawn"));
        let notice = picture.ink((450, 340), (750, 385));
        assert!(notice > 500, "{notice} pixels of letters in the middle");
        assert!(picture.ink((32, 20), (400, 60)) > 500, "a title");
    }
}

#[test]
fn a_series_has_ink_wherever_it_has_data() {
    let columns: Vec<_> =
        (0..1000).map(|i| column(NOON + i * SECOND, (i as f64 / 50.0).sin())).collect();
    let picture = drawn(&columns, &figures(1000, 0.0, 0.7));
    let (first, last) = picture.extent(colour::SERIES);
    assert!(first > 70 && last < WIDTH - 32 && last - first > 1000, "{first} to {last}");
    let thin = (first..=last).filter(|&x| picture.ink((x, 122), (x + 1, 600)) == 0).count();
    assert_eq!(thin, 0);
    let series: usize = (first..=last).map(|x| picture.in_column(x, colour::SERIES)).sum();
    assert!(series > 500, "{series} pixels of the full colour");
}

#[test]
fn a_column_reaches_from_its_minimum_to_its_maximum() {
    let mut columns: Vec<_> =
        (0..500).map(|i| column(NOON + i * SECOND, f64::from(i32::from(i % 2 == 0)))).collect();
    columns[250] = Column { count: 9, min: -50.0, max: 50.0, ..columns[250] };
    let picture = drawn(&columns, &figures(509, 0.5, 5.0));
    let (first, last) = picture.extent(colour::SERIES);
    // The stroke may stand between two columns of pixels and colour both in part.
    let blue = |x: u32| (122..600).filter(|&y| picture.at(x, y).0 < 150).count();
    let tallest = (first..=last).max_by_key(|&x| blue(x)).expect("columns");
    let middle = first.midpoint(last);
    assert!(tallest.abs_diff(middle) <= 3, "the spike is at {tallest}, the middle at {middle}");
    let spike = blue(tallest);
    assert!((400..440).contains(&spike), "{spike} pixels high");
}

#[test]
fn the_line_breaks_where_data_is_missing_for_long() {
    let columns: Vec<_> = (0..400)
        .filter(|i| !(100..300).contains(i))
        .map(|i| column(NOON + i * SECOND, 14.0))
        .collect();
    let picture = drawn(&columns, &figures(200, 14.0, 0.0));
    let (first, last) = picture.extent(colour::SERIES);
    let part = |percent: u32| first + (last - first) * percent / 100;
    let within =
        |from, to| (part(from)..part(to)).map(|x| picture.in_column(x, colour::SERIES)).sum();
    let (before, gap, after): (usize, usize, usize) =
        (within(2, 23), within(27, 73), within(77, 98));
    assert!(before > 100 && after > 100, "{before} and {after} pixels around the gap");
    assert_eq!(gap, 0);
}

#[test]
fn few_observations_have_markers() {
    let columns: Vec<_> = (0..5).map(|i| column(NOON + i * SECOND, i as f64)).collect();
    let picture = drawn(&columns, &figures(5, 2.0, 1.4));
    let (first, last) = picture.extent(colour::SERIES);
    // The second and fourth stand a quarter and three quarters of the way.
    for quarter in [1, 3] {
        let x = first + 4 + (last - first - 8) * quarter / 4;
        let marker = picture.in_column(x, colour::SERIES);
        assert!(marker >= 6, "{marker} pixels at {x}");
    }
    let one = drawn(&columns[..1], &figures(1, 0.0, 0.0));
    let (left, right) = one.extent(colour::SERIES);
    assert!((5..=9).contains(&(right - left)), "one disc, {left} to {right}");
}

#[test]
fn bars_are_as_high_as_their_counts() {
    let counts = vec![8, 4, 2, 0, 1, 6, 8, 3, 5, 7];
    let edges: Vec<f64> = (0..=10).map(f64::from).collect();
    let picture = bars(edges, counts.clone(), &Figures::default());
    let (left, right) = picture.extent(colour::BAR);
    let centre = |bin: u32| left + (right + 1 - left) * (2 * bin + 1) / 20;
    let heights: Vec<usize> =
        (0..10).map(|bin| picture.in_column(centre(bin), colour::BAR)).collect();
    assert!(heights[0] > 400, "{heights:?}");
    for (bin, &count) in counts.iter().enumerate() {
        let expected = heights[0] as f64 * count as f64 / 8.0;
        assert!((heights[bin] as f64 - expected).abs() <= 2.0, "bin {bin}: {heights:?}");
    }
}

#[test]
fn mean_and_median_are_marked_where_they_are() {
    let edges: Vec<f64> = (0..=10).map(f64::from).collect();
    let figures = Figures { median: Some(7.5), ..figures(10, 2.5, 1.0) };
    let picture = bars(edges, vec![1; 10], &figures);
    let (left, right) = picture.extent(colour::BAR);
    for (rgb, part) in [(colour::MEAN, 0.25), (colour::MEDIAN, 0.75)] {
        let (from, to) = picture.extent(rgb);
        let expected = f64::from(left) + part * f64::from(right - left);
        assert!((f64::from(from.midpoint(to)) - expected).abs() < 3.0, "{from} to {to}");
    }
}

#[test]
fn any_finite_input_is_a_picture_with_clear_margins() {
    let values = [0.0, -0.0, 5e-324, -1e-310, 1.0, 1e9, 1e9 + 1e-7, -1e16, 1e308, f64::MIN];
    let times = [i64::MIN, -1, 0, NOON, NOON + 1, NOON + SECOND, i64::MAX];
    let (mut at, mut pictures) = (0_usize, 0);
    while pictures < 60 {
        // A walk through all combinations that visits them unevenly.
        at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pick = |shift: u32| at >> shift;
        let value = |shift: u32| values[pick(shift) % values.len()];
        let time = |shift: u32| times[pick(shift) % times.len()];
        let mut columns = vec![column(time(20), value(24)), column(time(28), value(32))];
        columns.sort_by_key(|c| c.start_ns);
        columns[1].max = columns[1].max.max(value(36));
        let figures = Figures {
            min: Some(value(20)),
            max: Some(value(22)),
            median: Some(value(26)),
            ..figures(at as u64, value(40), value(44).abs())
        };
        let histogram = Histogram {
            edges: vec![value(24).min(value(32)), value(24).max(value(32))],
            counts: vec![at as u64],
        };
        for png in [series(&columns, &figures), distribution(Some(&histogram), &figures)] {
            let picture = Picture::of(&png.expect("drawn"));
            let (w, h, m) = (WIDTH, HEIGHT, 6);
            let edges = picture.ink((0, 0), (w, m))
                + picture.ink((0, h - m), (w, h))
                + picture.ink((0, 0), (m, h))
                + picture.ink((w - m, 0), (w, h));
            assert_eq!(edges, 0, "{columns:?} {figures:?}");
            pictures += 1;
        }
    }
}

#[test]
fn nonsense_is_drawn_as_far_as_it_makes_sense() {
    let nan = Figures { mean: Some(f64::NAN), std_dev: Some(f64::INFINITY), ..Figures::default() };
    drawn(&[column(NOON, f64::NAN), column(NOON, 1.0), column(NOON - 5, f64::INFINITY)], &nan);
    drawn(&[column(NOON, 1.0), column(NOON - SECOND, 2.0)], &nan);
    for (edges, counts) in [
        (vec![], vec![]),
        (vec![1.0], vec![3]),
        (vec![1.0, 1.0], vec![3]),
        (vec![1e300, 1e300], vec![u64::MAX]),
        (vec![2.0, 1.0, f64::NAN], vec![3, 4]),
        (vec![3.0, 2.0, 1.0], vec![3, 4, 5]),
        ((0..=5000).map(f64::from).collect(), vec![u64::MAX; 5000]),
    ] {
        bars(edges, counts, &nan);
    }
}

#[test]
fn the_same_data_is_the_same_bytes() {
    let columns: Vec<_> = (NOON..)
        .step_by(1_000_000_000)
        .take(SERIES_COLUMNS)
        .map(|ns| column(ns, (ns / SECOND % 997 * 31 % 97) as f64))
        .collect();
    let figures = figures(SERIES_COLUMNS as u64, 48.0, 28.0);
    let png = series(&columns, &figures).expect("drawn");
    assert_eq!(png, series(&columns, &figures).expect("drawn"));
    assert!(png.len() < 100_000, "{} bytes", png.len());
}

#[test]
fn the_embedded_font_has_every_letter_in_use() {
    let ascii: String = (' '..='~').collect();
    assert!(font::covers(&ascii));
    assert!(font::covers("−–·±×µ⁻⁰¹²³⁴⁵⁶⁷⁸⁹"));
    assert!(!font::covers("漢"));
}
