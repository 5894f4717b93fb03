//! A destination that stores are forwarded to, as a configuration has it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;

use super::document::Field;
use super::files;
use super::terms::unknown;
use crate::duration;
use crate::exit::Exit;
use crate::forward::{Collisions, Destination, Protocol, check_cursor_name};
use crate::prometheus::Labels;
use crate::prometheus::names::{self, Label};

const FILE_BYTES_MAX: u64 = 1 << 20;

/// Every key of a destination. `docs/configuration.md` explains them in this order.
pub(super) const KEYS: [&str; 16] = [
    "to",
    "stores",
    "every",
    "metric",
    "labels",
    "collisions",
    "protocol",
    "cursor",
    "bearer_token_file",
    "basic_auth_file",
    "ca_file",
    "pin",
    "cert",
    "key",
    "timeout",
    "proxy_from_environment",
];

/// A destination, and what it gets. Two that are equal are the same: what the files with
/// certificates hold counts, and not their names alone.
#[derive(Clone, PartialEq)]
pub(crate) struct Forward {
    pub(crate) destination: Destination,
    /// The stores by their names; all where it says nothing.
    stores: Option<Vec<String>>,
    /// What is in the files with certificates.
    files: Vec<Arc<[u8]>>,
}

impl Forward {
    /// Reads the table of a destination.
    ///
    /// # Errors
    /// All that is wrong with its keys; if nothing is, what is wrong with them together.
    pub(super) fn read(forward: &Field<'_>) -> Result<Self, Vec<String>> {
        let only = |problem: String| vec![problem];
        let fields = forward.table().map_err(only)?;
        let to = fields.iter().find(|field| field.key == "to").ok_or_else(|| {
            let why = "it says not where to; add to = \"http://…/api/v1/write\"";
            only(forward.wrong_key(why))
        })?;
        let address = to.text().map_err(only)?;
        let mut read =
            Self { destination: Destination::new(address), stores: None, files: Vec::new() };
        let heeded = fields.iter().map(|field| read.heed(field));
        let problems: Vec<String> = heeded.filter_map(Result::err).collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        let has = |key: &str| fields.iter().any(|field| field.key == key);
        let it = &mut read.destination;
        if has("cert") && has("key") && it.cert.is_some() != it.key.is_some() {
            // One of them is absent, and the other alone is of no use.
            (it.cert, it.key) = (None, None);
        }
        read.check(has).map_err(|why| only(to.wrong(why)))?;
        Ok(read)
    }

    fn heed(&mut self, field: &Field<'_>) -> Result<(), String> {
        let it = &mut self.destination;
        match field.key {
            "to" => {}
            "stores" => {
                let names: Vec<String> = field.texts()?.into_iter().map(str::to_owned).collect();
                if names.is_empty() {
                    return Err(field.wrong("name at least one store, or leave it out for all"));
                }
                self.stores = Some(names);
            }
            "every" => it.every = field.read(duration::parse)?,
            "metric" => it.naming.metric = Some(field.read(names::metric)?),
            "labels" => it.naming.label = labels(field)?,
            "collisions" => {
                let read = |text: &str| Collisions::from_str(text, false);
                let all = "last, refuse and spread are possible";
                it.collisions = field.read(|text| read(text).map_err(|_| all))?;
            }
            "protocol" => it.protocol = protocol(field)?,
            "cursor" => it.cursor = Some(field.read(check_cursor_name)?),
            "bearer_token_file" => it.bearer_token_file = field.file()?,
            "basic_auth_file" => it.basic_auth_file = field.file()?,
            "ca_file" => it.ca_file = certificates(field, &mut self.files)?,
            "pin" => it.pin = Some(field.read(str::parse)?),
            "cert" => it.cert = certificates(field, &mut self.files)?,
            "key" => it.key = certificates(field, &mut self.files)?,
            "timeout" => it.timeout = field.read(duration::parse)?,
            "proxy_from_environment" => it.proxy_from_environment = field.flag()?,
            _ => return Err(unknown(field, &KEYS, "a destination")),
        }
        Ok(())
    }

    /// What is wrong with all of it together. A key counts also if the file that it names is
    /// absent: the service has the file.
    fn check(&self, has: impl Fn(&str) -> bool) -> Result<(), String> {
        if has("cert") != has("key") {
            return Err("cert and key belong together; add the other one".to_owned());
        }
        if has("bearer_token_file") && has("basic_auth_file") {
            return Err("there are bearer_token_file and basic_auth_file; leave one out".to_owned());
        }
        let it = &self.destination;
        let receiver = it.receiver().map_err(|error| match error {
            Exit::Error(why) => why,
            _ => "it cannot be used".to_owned(),
        })?;
        let is_https = it.to.get(..6).is_some_and(|it| it.eq_ignore_ascii_case("https:"));
        if has("cert") && !is_https {
            return Err(format!("{}: a client certificate is for https:; write that", it.shown()));
        }
        receiver.check_user(has("bearer_token_file") || has("basic_auth_file"))
    }

    /// Which of these stores it gets.
    ///
    /// # Errors
    /// It names one that is not there, or two would be one series.
    pub(crate) fn of(&self, all: &[&str]) -> Result<Vec<String>, String> {
        let wanted: Vec<&str> = match &self.stores {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => all.to_vec(),
        };
        if let Some(unknown) = wanted.iter().find(|name| !all.contains(name)) {
            let all = all.join(", ");
            return Err(format!("stores: no source has the store {unknown}; there are {all}"));
        }
        let labels: Vec<Labels> =
            wanted.iter().map(|it| self.destination.naming.labels(it)).collect();
        let pairs = wanted.iter().map(Path::new).zip(&labels);
        match names::check_distinct(pairs) {
            Err(Exit::Error(why)) => Err(why),
            _ => Ok(wanted.into_iter().map(str::to_owned).collect()),
        }
    }

    /// What it gets and how, for people: a line each.
    pub(super) fn rows(&self, stores: &[String]) -> Vec<(&'static str, String)> {
        let Destination { every, protocol, timeout, .. } = &self.destination;
        let series = |name: &String| {
            let series = names::text(&self.destination.naming.labels(name));
            ("store", format!("{name}, as {series}"))
        };
        let usual = Destination::new("");
        let mut rows: Vec<(&str, String)> = stores.iter().map(series).collect();
        rows.push(("every", duration::text(*every)));
        rows.push(("cursor", format!("forward-{}.json", self.destination.cursor_name())));
        if *protocol != usual.protocol {
            rows.push(("protocol", "2".to_owned()));
        }
        if *timeout != usual.timeout {
            rows.push(("timeout", duration::text(*timeout)));
        }
        rows
    }
}

/// A file that is read when the destination is begun; `None` if it may be absent, and is.
fn certificates(field: &Field<'_>, read: &mut Vec<Arc<[u8]>>) -> Result<Option<PathBuf>, String> {
    let Some(path) = field.file()? else { return Ok(None) };
    let bytes = files::read(&path, FILE_BYTES_MAX)
        .map_err(|why| field.wrong(format_args!("{}: {why}", path.display())))?;
    read.push(bytes.into());
    Ok(Some(path))
}

fn labels(field: &Field<'_>) -> Result<Vec<Label>, String> {
    let label = |field: Field<'_>| {
        let text = format!("{}={}", field.key, field.text()?);
        text.parse().map_err(|why: String| field.wrong(why))
    };
    field.table()?.into_iter().map(label).collect()
}

fn protocol(field: &Field<'_>) -> Result<Protocol, String> {
    match field.number() {
        Ok(1.0) => Ok(Protocol::One),
        Ok(2.0) => Ok(Protocol::Two),
        _ => Err(field.wrong("write 1 or 2")),
    }
}
