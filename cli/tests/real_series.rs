//! A real series: a machine's available memory in MiB, from `/proc/meminfo`, a
//! hundred times a second for 105 s while programs were being built on it
//! (`data/mem_available.txt`). Every value has three decimals, so integers of
//! thousandths give the statistics without rounding.

mod program;

use program::Bench;

const SERIES: &str = include_str!("data/mem_available.txt");

fn thousandths() -> Vec<i128> {
    SERIES.lines().map(|line| line.replace('.', "").parse().expect("three decimals")).collect()
}

/// Collects the series through standard input.
fn collected() -> Bench {
    let bench = Bench::bare();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/mem_available.txt");
    bench.collect_from(std::fs::File::open(path).expect("the series")).succeeds();
    bench
}

#[test]
fn the_dump_is_the_series() {
    let dump = collected().dump();
    let values: Vec<f64> = dump.iter().map(|row| row["val"].as_f64().expect("a number")).collect();
    let series: Vec<f64> = SERIES.lines().map(|line| line.parse().expect("a number")).collect();
    assert!(series.len() >= 10_000);
    assert!(values == series);
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "rounding once at the end is the point")]
fn the_metrics_are_those_of_integer_arithmetic() {
    let metrics = collected().stats();
    let mut series = thousandths();
    let count = i128::try_from(series.len()).expect("a count");
    let sum: i128 = series.iter().sum();
    let squares: i128 = series.iter().map(|value| value * value).sum();
    // n² times the variance, exactly.
    let variance = (count * squares - sum * sum) as f64 / (count * count) as f64 / 1e6;
    series.sort_unstable();
    let middle = (series[series.len() / 2 - 1] + series[series.len() / 2]) as f64 / 2e3;
    let number = |name: &str| metrics[name].as_f64().expect("a number");
    let close = |name: &str, expected: f64| {
        let off = (number(name) / expected - 1.0).abs();
        assert!(off <= 1e-12, "{name}: {} is not {expected}", number(name));
    };
    assert_eq!(number("min"), series[0] as f64 / 1e3);
    assert_eq!(number("max"), series[series.len() - 1] as f64 / 1e3);
    assert_eq!(number("median"), middle);
    assert_eq!(metrics["size"].as_i64().map(i128::from), Some(count));
    close("mean", sum as f64 / count as f64 / 1e3);
    close("variance", variance);
    close("std dev", variance.sqrt());
}

#[test]
fn both_pictures_are_drawn() {
    let bench = collected();
    for kind in ["time", "dist"] {
        let path = bench.serve(&["--plot", kind]).succeeds().json();
        let path = bench.dir.path().join(path.as_str().expect("a path"));
        let decoder = png::Decoder::new(std::io::BufReader::new(
            std::fs::File::open(path).expect("the file named"),
        ));
        let mut reader = decoder.read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a small picture")];
        let frame = reader.next_frame(&mut pixels).expect("whole");
        assert_eq!((frame.width, frame.height), (1200, 675));
        assert!(pixels.iter().any(|pixel| *pixel != pixels[0]), "{kind} shows something");
    }
}
