//! The pictures of small stores, decoded again and looked at.

use gaugelog::{Observation, Store};
use tempfile::TempDir;

use super::shapes::{Drawing, Shape};
use super::theme::{self, LIGHT, Rgb};
use super::{Binning, HEIGHT, Look, Source, WIDTH, distribution, font, series};

/// 2021-06-01T12:00:00Z.
const NOON: i64 = 1_622_548_800 * SECOND;

const SECOND: i64 = 1_000_000_000;

/// A store, as long as it is asked.
struct Shown {
    source: Source,
    _dir: TempDir,
}

impl Shown {
    fn new(name: Option<&str>, observations: &[(i64, f64)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(dir.path().join("store")).unwrap();
        let all: Vec<Observation> =
            observations.iter().map(|(time, value)| Observation::new(*time, *value)).collect();
        store.append_batch(&all).unwrap();
        let window = store.snapshot().unwrap().window(..);
        Self { source: Source { name: name.map(str::to_owned), window }, _dir: dir }
    }

    fn over_time(&self, look: &Look) -> Drawing {
        series(std::slice::from_ref(&self.source), look).unwrap()
    }

    fn distribution(&self, binning: Binning) -> Drawing {
        distribution(std::slice::from_ref(&self.source), binning, &Look::default()).unwrap()
    }
}

/// Observations a second apart.
fn seconds(values: impl IntoIterator<Item = f64>) -> Vec<(i64, f64)> {
    (NOON..).step_by(1_000_000_000).zip(values).collect()
}

/// Noise from −1 to 1.
fn noise(count: u32) -> impl Iterator<Item = f64> {
    (0..count).map(|at| (f64::from(at) * 0.618_034).fract() * 2.0 - 1.0)
}

fn texts(drawing: &Drawing) -> Vec<&str> {
    let shapes = drawing.shapes.iter();
    shapes
        .filter_map(|shape| match shape {
            Shape::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

fn is_dot(points: &[(f64, f64)]) -> bool {
    points.iter().all(|point| *point == points[0])
}

/// The lines of a colour that are no dots and not in the legend.
fn paths(drawing: &Drawing, of: Rgb) -> Vec<&[(f64, f64)]> {
    let shapes = drawing.shapes.iter();
    let lines = shapes.filter_map(|shape| match shape {
        Shape::Line { points, colour, .. } if *colour == of => Some(points.as_slice()),
        _ => None,
    });
    lines.filter(|points| !is_dot(points) && points[0].1 > 122.0).collect()
}

fn dots(drawing: &Drawing) -> usize {
    let shapes = drawing.shapes.iter();
    shapes.filter(|shape| matches!(shape, Shape::Line { points, .. } if is_dot(points))).count()
}

/// The areas of a colour that are not in the legend.
fn areas(drawing: &Drawing, of: Rgb) -> Vec<&[(f64, f64)]> {
    let shapes = drawing.shapes.iter();
    let areas = shapes.filter_map(|shape| match shape {
        Shape::Area { outline, colour, .. } if *colour == of => Some(outline.as_slice()),
        _ => None,
    });
    areas.filter(|outline| outline.iter().any(|(_, y)| *y > 130.0)).collect()
}

struct Picture {
    pixels: Vec<u8>,
}

impl Picture {
    fn of(drawing: &Drawing) -> Self {
        let png = drawing.png().unwrap();
        let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (WIDTH, HEIGHT));
        assert_eq!(info.color_type, png::ColorType::Rgb);
        Self { pixels }
    }

    fn at(&self, x: u32, y: u32) -> Rgb {
        let i = 3 * (y * WIDTH + x) as usize;
        (self.pixels[i], self.pixels[i + 1], self.pixels[i + 2])
    }

    /// Pixels that are not paper.
    fn ink(&self, (x0, y0): (u32, u32), (x1, y1): (u32, u32)) -> usize {
        let row = |y: u32| (x0..x1).filter(move |&x| self.at(x, y) != LIGHT.paper).count();
        (y0..y1).map(row).sum()
    }

    fn count(&self, of: Rgb) -> usize {
        self.pixels.chunks(3).filter(|it| (it[0], it[1], it[2]) == of).count()
    }
}

#[test]
fn an_empty_store_is_a_picture_that_says_so() {
    let store = Shown::new(None, &[]);
    for drawing in [store.over_time(&Look::default()), store.distribution(Binning::Equal(10))] {
        assert!(texts(&drawing).contains(&"No observations yet"));
        let picture = Picture::of(&drawing);
        assert!(picture.ink((450, 300), (750, 400)) > 500, "letters in the middle");
        assert!(picture.ink((32, 20), (400, 60)) > 500, "a title");
    }
}

#[test]
fn one_observation_is_said_in_words() {
    let look = Look { unit: Some("°C".to_owned()), ..Look::default() };
    let store = Shown::new(Some("room"), &[(NOON + SECOND / 2, 21.5)]);
    let drawing = store.over_time(&look);
    let words = texts(&drawing);
    assert!(words.contains(&"1 observation  ·  21.5 °C at 2021-06-01 12:00:00.5 UTC"), "{words:?}");
    assert_eq!((dots(&drawing), paths(&drawing, LIGHT.mean).len()), (1, 0));
}

#[test]
fn name_and_unit_stand_in_title_and_axis() {
    let look = Look { unit: Some("°C".to_owned()), ..Look::default() };
    let store = Shown::new(Some("room"), &seconds([1.0, 2.0]));
    let drawing = store.over_time(&look);
    let words = texts(&drawing);
    assert!(words.contains(&"room over time, in °C") && words.contains(&"room (°C)"), "{words:?}");
    let plain = Shown::new(None, &seconds([1.0, 2.0])).over_time(&Look::default());
    let words = texts(&plain);
    assert!(words.contains(&"Observations over time") && words.contains(&"value"), "{words:?}");
}

#[test]
fn few_observations_have_dots_and_from_ten_on_a_deviation() {
    for (count, deviations) in [(9, 0), (10, 1)] {
        let drawing = Shown::new(None, &seconds(noise(count))).over_time(&Look::default());
        assert_eq!(dots(&drawing), count as usize);
        assert_eq!(areas(&drawing, LIGHT.mean).len(), deviations, "of {count}");
    }
}

#[test]
fn dense_data_is_a_pale_band_with_a_dark_line_and_no_dot() {
    let drawing = Shown::new(None, &seconds(noise(50_000))).over_time(&Look::default());
    let [band] = areas(&drawing, LIGHT.series[0])[..] else { panic!("one band") };
    let [line] = paths(&drawing, LIGHT.series[0])[..] else { panic!("one line") };
    assert_eq!(dots(&drawing), 0);
    let height = |of: &[(f64, f64)]| {
        let y = of.iter().map(|(_, y)| *y);
        y.clone().fold(0.0, f64::max) - y.fold(f64::INFINITY, f64::min)
    };
    assert!(height(band) > 350.0 && height(line) < 100.0, "{} {}", height(band), height(line));
    assert!((1_000..1_100).contains(&line.len()), "{} columns", line.len());
    // The band of the deviation lies over the other.
    let position = |of: Rgb| {
        let is_area = |shape: &Shape| matches!(shape, Shape::Area { colour, .. } if *colour == of);
        drawing.shapes.iter().position(is_area).unwrap()
    };
    assert!(position(LIGHT.series[0]) < position(LIGHT.mean));
    let picture = Picture::of(&drawing);
    assert!(picture.count(LIGHT.series[0]) < 20_000, "no slab");
}

#[test]
fn columns_of_dense_data_are_whole_pixels() {
    let drawing = Shown::new(None, &seconds(noise(50_000))).over_time(&Look::default());
    let [band] = areas(&drawing, LIGHT.series[0])[..] else { panic!("one band") };
    assert!(band.iter().all(|(x, _)| (x - x.round()).abs() < 1e-6), "{:?}", &band[..9]);
}

#[test]
fn no_line_crosses_a_gap() {
    // Of the width, the second gap is one percent.
    let all = seconds((0..6_000).map(|at| f64::from(at % 7)));
    let is_there = |(at, _): &(usize, &(i64, f64))| {
        !(1_000..3_000).contains(at) && !(5_000..5_060).contains(at)
    };
    let kept: Vec<(i64, f64)> =
        all.iter().enumerate().filter(is_there).map(|(_, observation)| *observation).collect();
    let drawing = Shown::new(None, &kept).over_time(&Look::default());
    let runs = paths(&drawing, LIGHT.series[0]);
    assert_eq!(runs.len(), 3);
    let gap = |left: usize| runs[left + 1][0].0 - runs[left][runs[left].len() - 1].0;
    assert!((300.0..420.0).contains(&gap(0)), "{}", gap(0));
    assert!((8.0..16.0).contains(&gap(1)), "{}", gap(1));
}

#[test]
fn bursts_stand_alone_and_can_be_seen() {
    let month = 30 * 86_400 * SECOND;
    let burst = |at: i64| seconds(noise(1_000)).into_iter().map(move |(t, v)| (t + at * month, v));
    let all: Vec<(i64, f64)> = (0..3).flat_map(burst).collect();
    let drawing = Shown::new(None, &all).over_time(&Look::default());
    assert!(paths(&drawing, LIGHT.series[0]).iter().all(|line| line.len() == 2), "short strokes");
    for band in areas(&drawing, LIGHT.series[0]) {
        let x = band.iter().map(|(x, _)| *x);
        let wide = x.clone().fold(0.0, f64::max) - x.fold(f64::INFINITY, f64::min);
        assert!(wide >= 3.0, "{band:?}");
    }
    assert_eq!(areas(&drawing, LIGHT.series[0]).len(), 3);
}

#[test]
fn an_outlier_is_as_dark_as_the_line() {
    let mut all = seconds(noise(20_000));
    all[9_000].1 = 100.0;
    let drawing = Shown::new(None, &all).over_time(&Look::default());
    let spikes = paths(&drawing, LIGHT.series[0]);
    let [_, spike] = spikes[..] else { panic!("{}", spikes.len()) };
    assert!(spike[0].1 - spike[1].1 > 350.0, "{spike:?}");
}

#[test]
fn the_legend_shows_the_colours_that_are_drawn() {
    let drawing = Shown::new(None, &seconds(noise(50_000))).over_time(&Look::default());
    for colour in [LIGHT.series[0], LIGHT.mean] {
        let opacity = |shape: &Shape| match shape {
            Shape::Area { colour: of, opacity, .. } if *of == colour => Some(*opacity),
            _ => None,
        };
        let all: Vec<f64> = drawing.shapes.iter().filter_map(opacity).collect();
        assert!(all.len() == 2 && all[0] == all[1], "{all:?}");
    }
    let words = texts(&drawing);
    for name in ["mean of each pixel", "minimum to maximum", "mean", "mean ± std dev"] {
        assert!(words.contains(&name), "{name}");
    }
}

#[test]
fn several_series_have_their_names_and_colours() {
    let rooms = [("attic", 1.0), ("cellar", 2.0), ("hall", 3.0)]
        .map(|(name, value)| Shown::new(Some(name), &seconds([value, value + 1.0])));
    let sources: Vec<Source> = rooms.iter().map(|room| room.source.clone()).collect();
    let drawing = series(&sources, &Look::default()).unwrap();
    for (at, name) in ["attic, mean 1.5", "cellar, mean 2.5", "hall, mean 3.5"].iter().enumerate() {
        assert!(texts(&drawing).contains(name), "{:?}", texts(&drawing));
        assert_eq!(paths(&drawing, LIGHT.series[at]).len(), 1);
    }
    assert!(texts(&drawing).contains(&"attic, cellar and hall over time"));
    let drawing = distribution(&sources, Binning::Round, &Look::default()).unwrap();
    assert!(texts(&drawing).contains(&"share in %"));
    assert_eq!(areas(&drawing, LIGHT.series[2]).len(), 1);
}

#[test]
fn the_service_has_ten_bins_from_minimum_to_maximum() {
    let all = seconds((0..110).map(|at| f64::from(at % 11)));
    let drawing = Shown::new(None, &all).distribution(Binning::Equal(10));
    let bars = areas(&drawing, LIGHT.bar);
    let heights: Vec<f64> = bars.iter().map(|bar| bar[2].1 - bar[0].1).collect();
    assert_eq!(heights.len(), 10);
    // The last of numpy's bins holds its upper edge too.
    assert!(heights[..9].iter().all(|height| (height - heights[9] / 2.0).abs() <= 1.0));
}

#[test]
fn a_bin_that_holds_anything_is_three_pixels_high() {
    let mut values = vec![1.0; 5_000];
    values.extend([2.0, 3.0]);
    let drawing = Shown::new(None, &seconds(values)).distribution(Binning::Round);
    let bars = areas(&drawing, LIGHT.bar);
    let heights: Vec<f64> = bars.iter().map(|bar| bar[2].1 - bar[0].1).collect();
    assert!(heights.len() == 3 && heights[0] > 350.0, "{heights:?}");
    assert!(heights[1..].iter().all(|height| *height >= 3.0), "{heights:?}");
}

#[test]
fn equal_values_are_said_in_words() {
    let store = Shown::new(Some("room"), &seconds([5.0; 1_000]));
    let drawing = store.distribution(Binning::Round);
    assert!(texts(&drawing).contains(&"All 1,000 observations are 5"));
    assert!(areas(&drawing, LIGHT.bar).is_empty());
    let words = "1,000 observations, all equal to 5";
    assert!(texts(&store.over_time(&Look::default())).contains(&words));
}

#[test]
fn a_normal_curve_is_drawn_when_asked_for() {
    let store = Shown::new(None, &seconds(noise(1_000)));
    for (has_normal, curves) in [(false, 0), (true, 1)] {
        let look = Look { has_normal, ..Look::default() };
        let sources = std::slice::from_ref(&store.source);
        let drawing = distribution(sources, Binning::Round, &look).unwrap();
        assert_eq!(paths(&drawing, LIGHT.muted).len(), curves);
    }
}

#[test]
fn nothing_is_cut_off_at_any_size() {
    let name = "a store with a name that is longer than its picture is wide".repeat(2);
    let store = Shown::new(Some(&name), &seconds(noise(300).map(|it| 1e12 + it)));
    for (width, height) in [(320, 240), (600, 338), (1200, 675), (2400, 900)] {
        let look = Look { width, height, ..Look::default() };
        let drawings = [
            store.over_time(&look),
            distribution(std::slice::from_ref(&store.source), Binning::Round, &look).unwrap(),
        ];
        for drawing in drawings {
            for shape in &drawing.shapes {
                let Shape::Text { left, style, text } = shape else { continue };
                let right = left.0 + style.width(text);
                assert!(left.0 >= 0.0 && right <= f64::from(width), "{text:?} in {width}");
                assert!(left.1 > 10.0, "{text:?} in {height}");
            }
        }
    }
}

#[test]
fn any_finite_input_is_a_picture_with_clear_margins() {
    let values = [0.0, -0.0, 5e-324, -1e-310, 1.0, 1e9, 1e9 + 1e-7, -1e16, 1e308, f64::MIN];
    let times = [i64::MIN, -1, 0, NOON, NOON + 1, NOON + SECOND, i64::MAX];
    let mut at = 0_usize;
    for _ in 0..40 {
        // A walk through all combinations that visits them unevenly.
        at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pick = |shift: u32| (at >> shift) % 10;
        let observation = |shift: u32| (times[pick(shift) % times.len()], values[pick(shift + 3)]);
        let all = [20, 26, 32, 38].map(observation);
        let store = Shown::new(Some("x"), &all[..1 + pick(50) % 4]);
        let drawings = [
            store.over_time(&Look::default()),
            store.distribution(Binning::Round),
            store.distribution(Binning::Equal(10)),
        ];
        for drawing in drawings {
            let picture = Picture::of(&drawing);
            let (w, h, m) = (WIDTH, HEIGHT, 6);
            let edges = picture.ink((0, 0), (w, m))
                + picture.ink((0, h - m), (w, h))
                + picture.ink((0, 0), (m, h))
                + picture.ink((w - m, 0), (w, h));
            assert_eq!(edges, 0, "{all:?}");
        }
    }
}

#[test]
fn the_same_data_is_the_same_small_picture() {
    let store = Shown::new(None, &seconds(noise(20_000)));
    let png = store.over_time(&Look::default()).png().unwrap();
    assert_eq!(png, store.over_time(&Look::default()).png().unwrap());
    assert!(png.len() < 100_000, "{} bytes", png.len());
}

#[test]
fn dark_pictures_are_dark() {
    let look = Look { is_dark: true, ..Look::default() };
    let drawing = Shown::new(None, &seconds(noise(100))).over_time(&look);
    let picture = Picture::of(&drawing);
    let paper = picture.count(theme::DARK.paper);
    assert!(paper > (WIDTH * HEIGHT / 2) as usize, "{paper} pixels of paper");
    assert_eq!(picture.count(LIGHT.paper), 0);
}

#[cfg(feature = "plot")]
#[test]
fn svg_has_the_texts_as_labels_and_the_letters_as_outlines() {
    let look = Look { title: Some("a < b & \"c\"".to_owned()), ..Look::default() };
    let svg = Shown::new(None, &seconds(noise(100))).over_time(&look).svg();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert!(svg.contains("<title>a &lt; b &amp; &quot;c&quot;</title>"));
    assert!(svg.contains("aria-label=\"mean ± std dev\"") && !svg.contains("<text"));
    let named = svg.matches("<path id=\"g").count();
    let used = svg.matches("<use href=\"#g").count();
    assert!(named > 20 && used > named, "{used} uses of {named} letters");
}

#[test]
fn the_embedded_font_has_every_letter_in_use() {
    let ascii: String = (' '..='~').collect();
    assert!(font::covers(&ascii));
    assert!(font::covers("−–·±×µ⁻⁰¹²³⁴⁵⁶⁷⁸⁹…°ΩäéßÅ‰₂€"));
    assert!(!font::covers("漢"));
}
