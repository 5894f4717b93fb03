//! Random specs: each is a source or an error of one line.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use gaugelog_sources::{Registry, Settings, short_name, without_secrets};
use proptest::prelude::*;

/// Pieces of specs, put together at random.
fn specs() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "normal",
        "stdin",
        "exec",
        "http",
        "https",
        "sensor",
        "rate:",
        ":",
        "//",
        "/",
        "#",
        "?",
        "@",
        "=",
        ",",
        "mean",
        "std_dev",
        "seed",
        "file=",
        "scale=",
        "offset=",
        "hwmon/",
        "thermal/",
        "iio/",
        "power/",
        "w1/",
        "loadavg/",
        "cpu/used",
        "memory/available",
        "disk/free/",
        "net/",
        "/rx",
        "max-age=",
        "5m",
        "[name==\"a\"]",
        "=~",
        "pressure/",
        "cpu",
        "some",
        "avg10",
        "1",
        "-1e5",
        "nan",
        "me:pw",
        "host",
        "[::1]",
        "99999",
        "..",
        "\\",
        "'",
        "\"",
        " ",
        "{",
        "}",
        "%",
        "é",
        "\u{1b}",
        "\0",
        "\n",
    ];
    let piece = prop_oneof![
        6 => prop::sample::select(KNOWN).prop_map(str::to_owned),
        1 => "\\PC{0,4}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_spec_is_a_source_or_an_error_of_one_line(spec in specs()) {
        let empty = std::path::Path::new("/no/such/root");
        match Registry::standard().open(&spec, &Settings::new().root(empty)) {
            Ok(source) => prop_assert!(!source.description().is_empty()),
            Err(error) => {
                let said = error.to_string();
                prop_assert!(!said.contains(char::is_control), "{said:?}");
                prop_assert!(said.starts_with("source \""), "{said}");
            }
        }
    }

    #[test]
    fn every_spec_has_a_name_fit_for_a_directory(spec in specs()) {
        let name = short_name(&spec);
        prop_assert!((1..=64).contains(&name.len()), "{name}");
        prop_assert!(!name.starts_with(['.', '-']), "{name}");
        let fits = |c: char| c.is_alphanumeric() || ['-', '_', '.'].contains(&c);
        prop_assert!(name.chars().all(fits), "{name}");
        prop_assert_eq!(short_name(&spec), name);
    }

    #[test]
    fn no_secret_is_shown(
        user in "[a-z]{3}[!-~&&[^/?#]]{0,9}",
        query in "[!-~&&[^#]]{1,9}",
        path in "(/[a-z]{1,5}){0,2}",
    ) {
        let shown = without_secrets(&format!("https://{user}@host{path}?{query}#/a"));
        prop_assert_eq!(shown, format!("https://…@host{path}?…#/a"));
    }
}
