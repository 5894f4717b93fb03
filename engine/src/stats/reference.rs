//! The reference values with exact statistics that come with the service's specification.

use serde_json::Value;

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) values: Vec<f64>,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) median: f64,
    pub(crate) mean: f64,
    pub(crate) variance: f64,
    pub(crate) std_dev: f64,
    pub(crate) counts: Vec<u64>,
    pub(crate) edges: Vec<f64>,
}

pub(crate) fn cases() -> Vec<Case> {
    let text = include_str!("../../tests/data/reference.json");
    let cases: Vec<Value> = serde_json::from_str(text).expect("an array");
    assert_eq!(cases.len(), 14);
    let exact: f64 = serde_json::from_str("7.3999999999999995").expect("a number");
    assert_eq!(exact, 7.3999999999999995, "serde_json needs its feature float_roundtrip");
    cases.iter().map(case).collect()
}

fn case(case: &Value) -> Case {
    let (stats, histogram) = (&case["stats"], &case["histogram"]);
    let values = numbers(&case["values"]);
    assert_eq!(stats["size"], values.len());
    let counts = histogram["counts"].as_array().expect("counts").iter();
    Case {
        name: case["name"].as_str().expect("a name").to_owned(),
        min: number(&stats["min"]),
        max: number(&stats["max"]),
        median: number(&stats["median"]),
        mean: number(&stats["mean"]),
        variance: number(&stats["variance"]),
        std_dev: number(&stats["std dev"]),
        counts: counts.map(|count| count.as_u64().expect("a count")).collect(),
        edges: numbers(&histogram["edges"]),
        values,
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("an array").iter().map(number).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}
