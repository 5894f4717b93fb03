//! The parameters of a request.

use std::collections::BTreeSet;
use std::str::FromStr;

use gaugelog_sources::Zone;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use super::answer::Refusal;
use crate::ask::moment;
use crate::ask::range::Range;

/// More parameters than any request has, but for [`STORE`].
const PARAMETERS_MAX: usize = 32;
/// The one that may be repeated, as often as the address is not too long.
pub(super) const STORE: &str = "store";

/// Names and values. A `+` is a plus sign, as times with an offset have it.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: Option<&str>) -> Result<Self, Refusal> {
        let pairs = text.unwrap_or("").split('&').filter(|pair| !pair.is_empty());
        let mut all = Vec::new();
        for pair in pairs {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if name != STORE {
                check_another(&all, &name)?;
            }
            all.push((name, value));
        }
        Ok(Self(all))
    }

    /// The stores that are named, each once.
    pub(super) fn stores(&self) -> BTreeSet<&str> {
        let named = self.0.iter().filter(|(name, _)| name == STORE);
        named.map(|(_, value)| value.as_str()).collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Refuses parameters that are none of these.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), Refusal> {
        match self.0.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            Some((name, _)) if names.is_empty() => {
                Err(Refusal::bad(format!("{name} is no parameter; this address takes none")))
            }
            Some((name, _)) => Err(Refusal::bad(format!(
                "{name} is no parameter here; there are {}",
                names.join(", ")
            ))),
            None => Ok(()),
        }
    }

    /// A value that is read.
    pub(super) fn read<T: FromStr>(&self, name: &str) -> Result<Option<T>, Refusal>
    where
        T::Err: std::fmt::Display,
    {
        let read = |text: &str| text.parse().map_err(|why: T::Err| wrong(name, text, &why));
        self.get(name).map(read).transpose()
    }

    /// A whole number from 1 to `most`.
    pub(super) fn count(&self, name: &str, most: usize) -> Result<Option<usize>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.parse() {
            Ok(count) if (1..=most).contains(&count) => Ok(Some(count)),
            _ => Err(wrong(name, text, &format!("use a whole number from 1 to {most}"))),
        }
    }

    /// A sequence number.
    pub(super) fn sequence(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let read = |text: &str| {
            text.parse().map_err(|_| wrong(name, text, &"use a whole number from 0 on"))
        };
        self.get(name).map(read).transpose()
    }

    /// `since`, `until` and `tz`; or `since_ns` and `until_ns`.
    pub(super) fn range(&self) -> Result<Range, Refusal> {
        let zone: Zone = self.read("tz")?.unwrap_or_default();
        let since = self.time("since", "since_ns", &zone)?;
        let until = self.time("until", "until_ns", &zone)?;
        if since.zip(until).is_some_and(|(since, until)| until < since) {
            return Err(Refusal::bad("until is before since"));
        }
        Ok(Range { since, until, zone })
    }

    fn time(&self, name: &str, name_ns: &str, zone: &Zone) -> Result<Option<i64>, Refusal> {
        match (self.get(name), self.get(name_ns)) {
            (Some(_), Some(_)) => Err(Refusal::bad(format!("give {name} or {name_ns}, not both"))),
            (Some(text), None) => moment::parse(text, Timestamp::now(), zone)
                .map(Some)
                .map_err(|why| wrong(name, text, &why)),
            (None, Some(text)) => text.parse().map(Some).map_err(|_| {
                wrong(name_ns, text, &"use whole nanoseconds since 1970, from 1678 to 2261")
            }),
            (None, None) => Ok(None),
        }
    }
}

/// Refuses a parameter that is given twice, or one too many.
fn check_another(all: &[(String, String)], name: &str) -> Result<(), Refusal> {
    if all.iter().filter(|(known, _)| known != STORE).count() == PARAMETERS_MAX {
        return Err(Refusal::bad(format!("more than {PARAMETERS_MAX} parameters")));
    }
    if all.iter().any(|(known, _)| known == name) {
        return Err(Refusal::bad(format!("{name} is given twice")));
    }
    Ok(())
}

fn decoded(text: &str) -> Result<String, Refusal> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| Refusal::bad("the address is not UTF-8"))
}

fn wrong(name: &str, text: &str, why: &dyn std::fmt::Display) -> Refusal {
    Refusal::bad(format!("invalid value {text:?} for {name}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_given_once() {
        let query = Query::parse(Some("since=2026-06-01T12:00:00+02:00&tz=Europe%2FBerlin&&x"));
        let query = query.unwrap();
        assert_eq!(query.get("since"), Some("2026-06-01T12:00:00+02:00"));
        assert_eq!(query.get("tz"), Some("Europe/Berlin"));
        assert_eq!(query.get("x"), Some(""));
        assert!(query.only(&["since", "tz"]).unwrap_err().text.starts_with("x is no parameter"));
        let many = Query::parse(Some(&"store=b&store=a%2Cb&".repeat(40))).unwrap();
        assert_eq!(many.stores().into_iter().collect::<Vec<_>>(), ["a,b", "b"]);
        for bad in ["a=1&a=2", "a=%ff", &"&a".repeat(40)] {
            assert!(Query::parse(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn ranges_are_of_times_in_order() {
        let range = |text| Query::parse(Some(text)).unwrap().range();
        let found = range("since=1970-01-01&until_ns=5").unwrap();
        assert_eq!((found.since, found.until), (Some(0), Some(5)));
        for (text, why) in [
            ("since=noon", "-1h, now"),
            ("since=now&since_ns=1", "not both"),
            ("since_ns=2&until_ns=1", "before since"),
            ("since_ns=1e9", "whole nanoseconds"),
            ("tz=Nowhere/At_All", "tz"),
        ] {
            let refusal = range(text).unwrap_err();
            assert!(refusal.text.contains(why), "{text}: {refusal:?}");
        }
    }
}
