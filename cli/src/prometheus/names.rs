//! What the series of a store is called: a metric and labels.

use std::path::Path;
use std::str::FromStr;

use clap::Args;

use super::Labels;
use crate::exit::Exit;
use crate::output::shown;

/// The name of a metric is a label too.
const METRIC: &str = "__name__";
const CHARS_MAX: usize = 1024;

/// What the command line says of the names of series.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub(crate) struct Naming {
    /// The name of the metric [default: that of the store's directory].
    #[arg(long, value_name = "NAME", value_parser = metric)]
    pub(crate) metric: Option<String>,
    /// A label; it may be given several times. Without another value, host is this
    /// machine's name; host= leaves it out.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) label: Vec<Label>,
}

impl Naming {
    /// The labels of the store of this name.
    pub(crate) fn labels(&self, store: &str) -> Labels {
        let host = rustix::system::uname();
        let host = host.nodename().to_string_lossy();
        labels(store, self.metric.as_deref(), &host, &self.label)
    }
}

/// A label that the command line gives: `room=attic`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Label {
    name: String,
    value: String,
}

impl FromStr for Label {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, such as room=attic")?;
        if name == METRIC {
            return Err("the metric is set by --metric NAME".to_owned());
        }
        if name.is_empty() || made_valid(name, false) != name {
            return Err("a label's name has letters a to z, digits and _, and begins with no \
                        digit"
                .to_owned());
        }
        if value.chars().count() > CHARS_MAX {
            return Err(format!("a label's value has at most {CHARS_MAX} characters"));
        }
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

/// Reads the name of a metric that the command line gives.
pub(crate) fn metric(text: &str) -> Result<String, String> {
    match text.is_empty() || text.len() > CHARS_MAX || made_valid(text, true) != text {
        true => Err("a metric's name has letters a to z, digits, _ and :, and begins with no \
                     digit"
            .to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// The labels of a store. Without `metric` its directory's name is the metric; with it, that
/// name is the label `store`, so that several stores remain several series. The machine's
/// name is the label `host`. What `given` says comes on top; an empty value removes a label.
fn labels(store: &str, metric: Option<&str>, host: &str, given: &[Label]) -> Labels {
    let store = store.strip_suffix(".log").unwrap_or(store);
    let mut labels = match metric {
        None => vec![(METRIC.to_owned(), made_valid(store, true))],
        Some(metric) => {
            vec![(METRIC.to_owned(), metric.to_owned()), ("store".to_owned(), store.to_owned())]
        }
    };
    labels.push(("host".to_owned(), host.to_owned()));
    for Label { name, value } in given {
        labels.retain(|(known, _)| known != name);
        labels.push((name.clone(), value.clone()));
    }
    labels.retain(|(_, value)| !value.is_empty());
    labels.sort();
    labels
}

/// A series as Prometheus writes it: `room{host="box"}`.
pub(crate) fn text(labels: &Labels) -> String {
    let metric = labels.iter().find(|(name, _)| name == METRIC);
    let metric = metric.map_or("", |(_, value)| value.as_str());
    let others = labels.iter().filter(|(name, _)| name != METRIC);
    let others: Vec<String> = others.map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{metric}{{{}}}", others.join(","))
}

/// Refuses stores that would be one series: their observations would mix.
pub(crate) fn check_distinct<'a>(
    stores: impl Iterator<Item = (&'a Path, &'a Labels)> + Clone,
) -> Result<(), Exit> {
    for (at, (path, labels)) in stores.clone().enumerate() {
        let earlier = stores.clone().take(at).find(|(_, other)| *other == labels);
        if let Some((other, _)) = earlier {
            return Err(Exit::Error(format!(
                "{} and {} would both be the series {}; give one of them a command of its own \
                 with --label NAME=VALUE, or use --metric NAME, which tells stores apart by their \
                 names",
                shown(other),
                shown(path),
                text(labels)
            )));
        }
    }
    Ok(())
}

/// The name with `_` for what Prometheus's data model does not allow in it.
fn made_valid(name: &str, is_metric: bool) -> String {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || is_metric && c == ':';
    let mut valid: String = name.chars().map(|c| if is_allowed(c) { c } else { '_' }).collect();
    if valid.starts_with(|c: char| c.is_ascii_digit()) || valid.is_empty() {
        valid.insert(0, '_');
    }
    valid
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(store: &str, metric: Option<&str>, given: &[&str]) -> String {
        let given: Vec<Label> = given.iter().map(|text| text.parse().unwrap()).collect();
        text(&labels(store, metric, "box", &given))
    }

    #[test]
    fn a_store_names_its_series() {
        for (store, expected) in [
            ("room.log", "room{host=\"box\"}"),
            ("cpu-temp", "cpu_temp{host=\"box\"}"),
            ("2nd floor", "_2nd_floor{host=\"box\"}"),
            ("küche", "k_che{host=\"box\"}"),
            (".log", "_{host=\"box\"}"),
        ] {
            assert_eq!(series(store, None, &[]), expected);
        }
        assert_eq!(
            series("2nd floor", Some("celsius"), &[]),
            "celsius{host=\"box\",store=\"2nd floor\"}"
        );
    }

    #[test]
    fn labels_that_are_given_come_on_top() {
        let given = ["site=a=b", "host=", "Zone=1"];
        assert_eq!(series("room", None, &given), "room{Zone=\"1\",site=\"a=b\"}");
        assert_eq!(series("room", None, &["host=x"]), "room{host=\"x\"}");
        for text in ["", "x", "=x", "1a=x", "a-b=x", "a:b=x", "__name__=x"] {
            assert!(text.parse::<Label>().is_err(), "{text}");
        }
        for text in ["", "a b", "1a", "é"] {
            assert!(metric(text).is_err(), "{text}");
        }
        assert_eq!(metric("job:celsius"), Ok("job:celsius".to_owned()));
    }

    #[test]
    fn two_stores_are_never_one_series() {
        let (a, b) = (labels("a-b", None, "box", &[]), labels("a_b", None, "box", &[]));
        let stores = [(Path::new("x/a-b"), &a), (Path::new("x/a_b"), &b)];
        let Err(Exit::Error(said)) = check_distinct(stores.into_iter()) else { panic!() };
        assert!(said.contains("x/a-b and x/a_b"), "{said}");
        assert!(check_distinct(stores[..1].iter().copied()).is_ok());
    }
}
