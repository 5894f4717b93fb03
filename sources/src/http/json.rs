//! The number that a JSON Pointer (RFC 6901) leads to.

use std::fmt;

use percent_encoding::percent_decode_str;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::extract::{number, shown};

/// A document, with names that are there twice kept twice.
#[derive(Debug)]
enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// The names on the way that a pointer describes, from a fragment.
pub(super) fn pointer(fragment: &str) -> Result<Vec<String>, String> {
    let decoded = percent_decode_str(fragment)
        .decode_utf8()
        .map_err(|_| format!("the JSON Pointer {fragment:?} is not UTF-8"))?;
    // A pointer to the whole document has no names.
    let names = decoded.split('/').skip(1);
    names
        .map(|name| {
            let escapes = name.split('~').skip(1);
            if escapes.clone().any(|rest| !rest.starts_with(['0', '1'])) {
                return Err(format!("{name:?}: ~ in a JSON Pointer is written ~0, and / ~1"));
            }
            Ok(name.replace("~1", "/").replace("~0", "~"))
        })
        .collect()
}

/// The number to which the names lead, one by one.
pub(super) fn find(page: &str, names: &[String]) -> Result<f64, String> {
    // Deep nesting is an error of the library, which stops at 128 levels.
    let document: Json = serde_json::from_str(page)
        .map_err(|error| format!("\"{}\" is not JSON: {error}", shown(page)))?;
    let mut here = &document;
    for (depth, name) in names.iter().enumerate() {
        here = step(here, name).map_err(|what| format!("{}: {what}", at(&names[..=depth])))?;
    }
    value(here).map_err(|what| format!("{} is {what}", at(names)))
}

fn step<'a>(here: &'a Json, name: &str) -> Result<&'a Json, String> {
    match here {
        Json::Object(members) => {
            let mut found = members.iter().filter(|(member, _)| member == name);
            match (found.next(), found.next()) {
                (Some((_, only)), None) => Ok(only),
                (None, _) => {
                    let there: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
                    Err(format!("there is none; there is \"{}\"", shown(&there.join(" "))))
                }
                (Some(_), Some(_)) => Err("it is there several times".to_owned()),
            }
        }
        Json::Array(items) => {
            // Neither 01 nor +1 nor -.
            let is_index = name == "0" || name.starts_with(|c: char| ('1'..='9').contains(&c));
            let index = name.parse::<usize>().ok().filter(|_| is_index);
            let item = index.and_then(|index| items.get(index));
            item.ok_or_else(|| format!("there is none; it is an array of {}", items.len()))
        }
        other => Err(format!("there is none; above it is {}", other.words())),
    }
}

fn value(found: &Json) -> Result<f64, String> {
    match found {
        // What is too large for a float is an error of the library.
        Json::Number(value) => Ok(*value),
        Json::Text(text) => number(text)
            .ok_or_else(|| format!("the string \"{}\", which is not a finite number", shown(text))),
        other => Err(format!("{}, which is not a number", other.words())),
    }
}

/// The names on the way as a pointer, for errors.
fn at(names: &[String]) -> String {
    match names.iter().map(|name| format!("/{name}")).collect::<String>() {
        pointer if pointer.is_empty() => "the page".to_owned(),
        pointer => format!("#{}", shown(&pointer)),
    }
}

impl Json {
    fn words(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => format!("the number {value}"),
            Self::Text(text) => format!("the string \"{}\"", shown(text)),
            Self::Array(items) => format!("an array of {}", items.len()),
            Self::Object(members) => format!("an object of {}", members.len()),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str, fragment: &str) -> Result<f64, String> {
        find(page, &pointer(fragment).unwrap())
    }

    #[test]
    fn pointers_lead_to_numbers() {
        let page = r#"{"main": {"temp": 21.5, "": 1, "a/b": 2, "m~n": 3, "a b": "-4e1"},
                       "list": [5, {"x": 18446744073709551615}], "é": 1e-400}"#;
        for (fragment, value) in [
            ("/main/temp", 21.5),
            ("/main/", 1.0),
            ("/main/a~1b", 2.0),
            ("/main/m~0n", 3.0),
            ("/main/a%20b", -40.0),
            ("/main/a b", -40.0),
            ("/list/0", 5.0),
            ("/list/1/x", 18_446_744_073_709_551_615.0),
            ("/%C3%A9", 0.0),
        ] {
            assert_eq!(found(page, fragment), Ok(value), "{fragment}");
        }
        assert_eq!(found(" 7\n", ""), Ok(7.0));
        // To the last bit: the reference of how decimals are read.
        assert_eq!(found("[0.1234567890123456789]", "/0"), Ok(0.123_456_789_012_345_68));
    }

    #[test]
    fn what_is_found_instead_is_shown() {
        let page = r#"{"t": "warm", "on": true, "no": null, "a": [1, 2], "o": {"x": 1, "y": 2},
                       "two": 1, "two": 2, "nan": "NaN", "esc": "\u001b[2J"}"#;
        for (fragment, message) in [
            ("/t", "#/t is the string \"warm\", which is not a finite number"),
            ("/nan", "#/nan is the string \"NaN\", which is not a finite number"),
            ("/esc", "#/esc is the string \"\\u{1b}[2J\", which is not a finite number"),
            ("/on", "#/on is true, which is not a number"),
            ("/no", "#/no is null, which is not a number"),
            ("/a", "#/a is an array of 2, which is not a number"),
            ("/o", "#/o is an object of 2, which is not a number"),
            ("", "the page is an object of 9, which is not a number"),
            ("/two", "#/two: it is there several times"),
            ("/o/z", "#/o/z: there is none; there is \"x y\""),
            ("/a/2", "#/a/2: there is none; it is an array of 2"),
            ("/a/01", "#/a/01: there is none; it is an array of 2"),
            ("/a/-", "#/a/-: there is none; it is an array of 2"),
            ("/t/x", "#/t/x: there is none; above it is the string \"warm\""),
        ] {
            assert_eq!(found(page, fragment).unwrap_err(), message);
        }
    }

    #[test]
    fn what_is_not_json_is_shown() {
        for (page, begins) in [
            ("", "\"\" is not JSON: EOF"),
            ("<html>", "\"<html>\" is not JSON: expected value"),
            ("{\"a\": 1e999}", "\"{\"a\": 1e999}\" is not JSON: number out of range"),
            ("{\"a\": NaN}", "\"{\"a\": NaN}\" is not JSON: "),
            ("{\"a\": 1} x", "\"{\"a\": 1} x\" is not JSON: trailing"),
        ] {
            let message = found(page, "/a").unwrap_err();
            assert!(message.starts_with(begins), "{message}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let page = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
            for fragment in ["", "/0", "/a"] {
                let message = found(&page, fragment).unwrap_err();
                assert!(message.contains("recursion limit exceeded"), "{message}");
            }
        }
    }

    #[test]
    fn bad_pointers_are_refused() {
        for fragment in ["/a~", "/a~2", "/~~0", "/%ff"] {
            assert!(pointer(fragment).is_err(), "{fragment}");
        }
    }
}
