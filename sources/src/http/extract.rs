//! Which number of a page is wanted.

use super::body::Text;
use super::exposition::Selector;
use super::json;
use crate::quote::quoted;

const QUOTED_CHARS_MAX: usize = 40;

/// What to take from a page.
#[derive(Debug)]
pub(super) enum Wanted {
    /// The whole page.
    Whole,
    /// The value at a JSON Pointer: its steps.
    Pointer(Vec<json::Step>),
    /// A sample of a Prometheus page.
    Sample(Selector),
}

impl Wanted {
    /// Reads the text after `#`. The error says what would be right.
    pub(super) fn parse(fragment: Option<&str>) -> Result<Self, String> {
        let Some(fragment) = fragment else { return Ok(Self::Whole) };
        if fragment.is_empty() || fragment.starts_with('/') {
            return json::parse(fragment).map(Self::Pointer);
        }
        match Selector::parse(fragment) {
            Some(selector) => selector.map(Self::Sample),
            // The text is not shown: it may be half a password with a # in it.
            None => Err("the text after # is neither a JSON Pointer (#/main/temp) nor a \
                         sample (#name{label=\"x\"})"
                .to_owned()),
        }
    }

    /// The number on a page, or an error that shows what is there instead.
    pub(super) fn find(&self, page: &Text) -> Result<f64, String> {
        let text = page.text.as_str();
        let found = match self {
            Self::Whole => {
                number(text).ok_or_else(|| format!("\"{}\" is not a finite number", shown(text)))
            }
            Self::Pointer(steps) => json::find(text, steps),
            Self::Sample(selector) => selector.find(page),
        };
        found.map_err(|what| match &page.coding {
            Some(coding) => {
                format!("{what} (it is coded as \"{coding}\", which is not known here)")
            }
            None => what,
        })
    }
}

/// A finite number and nothing else.
pub(super) fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// The beginning of what was found.
pub(super) fn shown(text: &str) -> String {
    quoted(text.as_bytes(), QUOTED_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pieces of pages and fragments, put together at random: this is closer to likely
    /// errors than random bytes.
    fn pieces() -> impl Strategy<Value = String> {
        const KNOWN: &[&str] = &[
            "{",
            "}",
            "[",
            "]",
            "\"",
            "\\",
            ",",
            ":",
            "=",
            "\n",
            " ",
            "#",
            "/",
            "~",
            "~0",
            "~1",
            "%",
            "%2F",
            "%ff",
            "a",
            "b",
            "0",
            "1",
            "-1e5",
            "1e999",
            "true",
            "null",
            "NaN",
            "+Inf",
            "\\u00e9",
            "\u{1b}",
            "é",
            "\u{feff}",
            "t{a=\"b\"} 1",
            "{\"a\": 1}",
            "[a==\"b\"]",
            "[a==1]",
            "==",
            "=~",
            "!=",
            "(.*)",
            "\\ud800",
            "# EOF",
        ];
        let piece =
            prop_oneof![4 => prop::sample::select(KNOWN).prop_map(str::to_owned), 1 => ".{0,4}"];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_page_and_no_fragment_panics(page in pieces(), fragment in pieces()) {
            for fragment in [&*fragment, &format!("/{fragment}"), &format!("t{{{fragment}")] {
                if let Ok(wanted) = Wanted::parse(Some(fragment)) {
                    match wanted.find(&Text::whole(&page)) {
                        Ok(value) => prop_assert!(value.is_finite()),
                        Err(said) => {
                            prop_assert!(said.chars().count() < 400, "{said}");
                            prop_assert!(!said.contains(char::is_control), "{said:?}");
                        }
                    }
                }
            }
        }

        /// A label with any content is found again.
        #[test]
        fn a_sample_is_found_by_any_label(label in any::<String>(), value in -1e300..1e300) {
            let escaped =
                label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            // A page is read line by line, and a bare carriage return ends no line.
            prop_assume!(!label.contains('\r') && !label.is_empty());
            let head = format!("t{{l=\"{escaped}\"}}");
            let wanted = Wanted::parse(Some(&head)).unwrap();
            prop_assert_eq!(wanted.find(&Text::whole(&format!("u 1\n{head} {value}\nt{{}} 2\n"))), Ok(value));
        }

        /// A name in JSON with any content is found by its pointer.
        #[test]
        fn a_number_is_found_under_any_name(name in any::<String>(), value in -1e300..1e300) {
            let page = format!("{{{}: {value:e}}}", serde_json::to_string(&name).unwrap());
            let pointer = name.replace('~', "~0").replace('/', "~1").replace('%', "%25");
            // A bracket may begin a choice.
            let pointer = pointer.replace('[', "%5B");
            let wanted = Wanted::parse(Some(&format!("/{pointer}"))).unwrap();
            prop_assert_eq!(wanted.find(&Text::whole(&page)), Ok(value));
        }
    }
}
