//! One object of a JSON file: what two of its keys hold.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Arguments;
use super::numbers::Numbers;

/// Which keys hold the time and the value.
#[derive(Debug)]
pub(super) struct Keys {
    time: Vec<String>,
    value: Vec<String>,
}

impl Keys {
    /// Those that are named, or those that `export` and `--dump` write.
    pub(super) fn of(arguments: &Arguments) -> Result<Self, String> {
        let known = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        let time = match &arguments.time[..] {
            [] => known(["time", "time_added"]),
            [one] => vec![one.clone()],
            _ => return Err("this is JSON, where --time names one key".to_owned()),
        };
        let value = match &arguments.value {
            None => known(["value", "val"]),
            Some(one) => vec![one.clone()],
        };
        Ok(Self { time, value })
    }

    pub(super) fn description(&self) -> String {
        let (time, value) = (quoted(&self.time, " or "), quoted(&self.value, " or "));
        format!("JSON: objects with the time in {time}, and the value in {value}\n")
    }
}

fn quoted(names: &[String], between: &str) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(between)
}

/// Reads one object after another, into the same memory.
pub(super) struct Object<'k> {
    keys: &'k Keys,
    numbers: &'k Numbers,
    /// What the key of the time holds, as text.
    time: Option<String>,
    /// What the key of the value holds, if it is there; `None` in it is a missing value.
    value: Option<Option<f64>>,
}

impl<'k> Object<'k> {
    pub(super) fn new(keys: &'k Keys, numbers: &'k Numbers) -> Self {
        Self { keys, numbers, time: None, value: None }
    }

    pub(super) fn time(&self) -> Result<&str, String> {
        let none =
            || format!("it has no key {}; name it with --time", quoted(&self.keys.time, " or "));
        self.time.as_deref().ok_or_else(none)
    }

    /// `None` for a missing one.
    pub(super) fn value(&self) -> Option<f64> {
        self.value.flatten()
    }
}

impl<'de> DeserializeSeed<'de> for &mut Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a time and a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        (self.time, self.value) = (None, None);
        // Empty where there are but the two, which costs nothing.
        let mut others = Vec::new();
        // Which of the known names the object has.
        let (mut time, mut value) = (None, None);
        while let Some(key) = map.next_key_seed(KeyOf(self.keys))? {
            match key {
                Key::Time(name) => {
                    only("time", &self.keys.time, &mut time, name)?;
                    self.time = Some(time_text(&map.next_value::<Box<RawValue>>()?)?);
                }
                Key::Value(name) => {
                    only("value", &self.keys.value, &mut value, name)?;
                    self.value = Some(map.next_value_seed(Value(self.numbers))?);
                }
                Key::Other(name) => {
                    others.push(name);
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if self.value.is_some() {
            return Ok(());
        }
        let value = quoted(&self.keys.value, " or ");
        Err(A::Error::custom(match &others[..] {
            [] => format!("it has no key {value}"),
            _ => format!(
                "it has no key {value}; name one of its keys with --value: {}",
                quoted(&others, ", ")
            ),
        }))
    }
}

/// Refuses an object with two keys of the same meaning. `found` is the first of them.
fn only<E: Error>(
    what: &str,
    names: &[String],
    found: &mut Option<usize>,
    name: usize,
) -> Result<(), E> {
    let name_of = |at: usize| names.get(at).map(String::as_str).unwrap_or_default();
    match found.replace(name) {
        None => Ok(()),
        Some(first) if first == name => {
            let name = name_of(name);
            Err(E::custom(format!("it has the key {name:?} twice; remove one of them")))
        }
        Some(first) => Err(E::custom(format!(
            "it has the keys {:?} and {:?}; name the key of the {what} with --{what}",
            name_of(first),
            name_of(name)
        ))),
    }
}

/// A key, by its place among the names for the same.
enum Key {
    Time(usize),
    Value(usize),
    Other(String),
}

struct KeyOf<'k>(&'k Keys);

impl<'de> DeserializeSeed<'de> for KeyOf<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyOf<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, name: &str) -> Result<Key, E> {
        let among = |names: &[String]| names.iter().position(|known| known == name);
        let time = among(&self.0.time).map(Key::Time);
        let known = time.or_else(|| among(&self.0.value).map(Key::Value));
        Ok(known.unwrap_or_else(|| Key::Other(name.to_owned())))
    }
}

/// More digits than these a float may change.
const FLOAT_DIGITS: usize = 15;

/// The text of a time: that of a string, or the digits of a number, which a float would change.
fn time_text<E: Error>(json: &RawValue) -> Result<String, E> {
    let json = json.get();
    match json.as_bytes() {
        [b'"', ..] => serde_json::from_str(json).map_err(E::custom),
        [b'-' | b'0'..=b'9', ..] => match json.split_once(['e', 'E']) {
            None => Ok(json.to_owned()),
            Some((digits, _)) => {
                let few = digits.bytes().filter(u8::is_ascii_digit).count() <= FLOAT_DIGITS;
                let number = json.parse::<f64>().ok().filter(|_| few);
                let why = || E::custom(format!("write the time {json} without an exponent"));
                number.map(|it| it.to_string()).ok_or_else(why)
            }
        },
        _ => Err(E::custom("the time is neither text nor a number")),
    }
}

/// A value: a number, text as in a cell of CSV, or null for a missing one.
struct Value<'n>(&'n Numbers);

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Option<f64>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<f64>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Value<'_> {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or null")
    }

    fn visit_unit<E>(self) -> Result<Option<f64>, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<f64>, E> {
        self.0.parse(text).map_err(E::custom)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Option<f64>, E> {
        Ok(self.0.unless_missing(number as f64))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Option<f64>, E> {
        Ok(self.0.unless_missing(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Option<f64>, E> {
        Ok(self.0.unless_missing(number))
    }
}
