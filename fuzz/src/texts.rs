//! The texts of sources: specs, pages, sensors' files.

use gaugelog_sources::{Registry, Settings, fuzzing, short_name, without_secrets};

use crate::input::Input;

/// The most bytes of an error, which is one line of a log.
const ERROR_BYTES_MAX: usize = 4 * 1024;

/// Reads a text of some kind from `bytes`.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let kind = input.byte() % 4;
    let Ok(text) = str::from_utf8(input.rest()) else { return };
    match kind {
        0 => spec(text),
        1 => check(fuzzing::celsius(text), text),
        2 => page(None, text),
        _ => {
            let (fragment, rest) = text.split_once('\n').unwrap_or((text, ""));
            page(Some(fragment), rest);
        }
    }
}

fn page(fragment: Option<&str>, text: &str) {
    if let Some(found) = fuzzing::find_on_page(fragment, text) {
        check(found, text);
    }
}

/// A finite number, which the text may contain, or a short error.
fn check(found: Result<f64, String>, text: &str) {
    match found {
        Ok(value) => {
            assert!(value.is_finite(), "{value}");
            assert!(text.bytes().any(|byte| byte.is_ascii_digit()), "{value} out of {text:?}");
        }
        Err(error) => check_error(&error),
    }
}

fn check_error(error: &str) {
    assert!(!error.is_empty() && error.len() <= ERROR_BYTES_MAX, "{} bytes", error.len());
    assert!(!error.chars().any(char::is_control), "a terminal would show {error:?}");
}

/// Opened as from an untrusted command line, on a machine without sensors.
fn spec(text: &str) {
    let settings = Settings::new().root("/nonexistent");
    match Registry::standard().open(text, &settings) {
        Ok(source) => {
            assert!(!source.name().is_empty());
            assert!(!source.description().is_empty());
        }
        Err(error) => {
            let shown_error = error.to_string();
            assert!(
                !shown_error.chars().any(char::is_control),
                "a terminal would show {shown_error:?}"
            );
        }
    }
    let shown = without_secrets(text);
    assert_eq!(without_secrets(&shown), shown, "what is shown is left as it is");
    let name = short_name(text);
    assert!(!name.contains('/') && name != ".." && name != ".", "a directory's name: {name:?}");
}
