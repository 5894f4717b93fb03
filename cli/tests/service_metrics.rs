//! The metrics are exact: every case of the reference data, through the programs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use program::Bench;
use serde_json::Value;

/// Values with their statistics in rational arithmetic, shared with the engine.
const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/tests/data/reference.json");

/// More values are collected from stdin: a process for each would take minutes.
const ONE_SHOT_MOST: usize = 40;

struct Case {
    name: String,
    values: Vec<f64>,
    expected: Value,
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(REFERENCE).unwrap();
    let Value::Array(cases) = serde_json::from_str(&text).unwrap() else { panic!("an array") };
    assert!(cases.len() >= 14);
    let numbers = |values: &Value| {
        values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
    };
    cases
        .into_iter()
        .map(|case| Case {
            name: case["name"].as_str().unwrap().to_owned(),
            values: numbers(&case["values"]),
            expected: case["stats"].clone(),
        })
        .collect()
}

fn number(metrics: &Value, name: &str) -> f64 {
    metrics[name].as_f64().unwrap_or_else(|| panic!("no {name} in {metrics}"))
}

fn assert_metrics(found: &Value, case: &Case) {
    let Case { name, values, expected } = case;
    for exact in ["min", "max", "median"] {
        let (found, expected) = (number(found, exact), number(expected, exact));
        assert_eq!(found, expected, "{exact} of {name}");
    }
    assert_eq!(found["size"], expected["size"], "size of {name}");
    #[expect(clippy::cast_precision_loss, reason = "a few thousand values")]
    let scale: f64 = values.iter().map(|value| value.abs() / values.len() as f64).sum();
    let off = (number(found, "mean") - number(expected, "mean")).abs();
    assert!(off <= 1e-12 * scale, "mean of {name}: off by {off:e}");
    for relative in ["variance", "std dev"] {
        if expected[relative].is_null() {
            assert!(found[relative].is_null(), "{relative} of {name}");
            continue;
        }
        let (found, expected) = (number(found, relative), number(expected, relative));
        let off = (found - expected).abs();
        assert!(off <= 1e-12 * expected, "{relative} of {name}: {found} is not {expected}");
    }
}

#[test]
fn metrics_of_the_reference_are_exact_through_one_shot_processes() {
    let small: Vec<Case> =
        cases().into_iter().filter(|case| case.values.len() <= ONE_SHOT_MOST).collect();
    assert!(small.len() >= 7);
    for case in small {
        let bench = Bench::new();
        for value in &case.values {
            bench.serve(&["--add", &format!("{value:e}")]).succeeds();
        }
        assert_metrics(&bench.serve(&["--stats"]).json(), &case);
    }
}

#[test]
fn metrics_of_the_reference_are_exact_from_stdin_in_any_order() {
    for case in cases() {
        let forwards = Bench::holding(&case.values).serve(&["--stats"]).json();
        assert_metrics(&forwards, &case);
        let mut values = case.values.clone();
        values.reverse();
        assert_metrics(&Bench::holding(&values).serve(&["--stats"]).json(), &case);
    }
}

#[test]
fn the_dump_of_the_reference_reads_back_bit_for_bit() {
    for case in cases() {
        let bench = Bench::holding(&case.values);
        let dumped: Vec<u64> =
            bench.dump().iter().map(|row| number(row, "val").to_bits()).collect();
        let expected: Vec<u64> = case.values.iter().map(|value| value.to_bits()).collect();
        assert_eq!(dumped, expected, "{}", case.name);
    }
}
