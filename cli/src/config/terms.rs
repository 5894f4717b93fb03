//! How a source is polled and stored, and what may be said of that.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gaugelog_sources::{
    Adjustment, Fingerprint, Headers, LineFormat, Retention, Settings, escaped,
};

use super::document::Field;
use super::files;
use crate::source_options::{Kind, page_bytes};
use crate::trim::Keep;
use crate::{duration, size};

/// Stands for a token that only the service has, while the rest is checked.
const TOKEN_ABSENT: &str = "absent";
const TOKEN_BYTES_MAX: u64 = 16 * 1024;
const CA_BYTES_MAX: u64 = 1 << 20;

/// A key, what it is for, and whether it may stand at the top, for all sources of a file.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) may_be_default: bool,
}

const fn everywhere(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, may_be_default: true }
}

const fn in_source(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, may_be_default: false }
}

/// Every key of a source. `docs/configuration.md` explains them in this order.
pub(super) const KEYS: [Key; 26] = [
    in_source("spec", Kind::All),
    in_source("url", Kind::All),
    in_source("values", Kind::All),
    everywhere("every", Kind::Polled),
    everywhere("align", Kind::Polled),
    everywhere("jitter", Kind::Polled),
    everywhere("deadline", Kind::Polled),
    everywhere("retry_max", Kind::Polled),
    in_source("offset", Kind::All),
    in_source("scale", Kind::All),
    in_source("unit", Kind::All),
    everywhere("sync", Kind::All),
    everywhere("keep", Kind::All),
    everywhere("keep_bytes", Kind::All),
    in_source("headers", Kind::Page),
    in_source("bearer_token_file", Kind::Page),
    in_source("body", Kind::Page),
    everywhere("ca_file", Kind::Page),
    in_source("pin", Kind::Secured),
    in_source("insecure", Kind::Secured),
    everywhere("page_max", Kind::Page),
    everywhere("proxy_from_environment", Kind::Page),
    in_source("time", Kind::StandardInput),
    in_source("time_unit", Kind::StandardInput),
    in_source("tz", Kind::StandardInput),
    in_source("strict", Kind::StandardInput),
];

/// What holds for a source. Two that are equal are the same to a source: what files hold
/// that are named counts, and not their names alone.
#[derive(Clone, PartialEq)]
pub(crate) struct Terms {
    pub(super) every: Duration,
    pub(super) align: bool,
    pub(super) jitter: bool,
    pub(super) deadline: Duration,
    pub(super) retry_max: Option<Duration>,
    pub(super) sync: Option<Duration>,
    pub(super) keep: Option<Duration>,
    pub(super) keep_bytes: Option<u64>,
    pub(super) headers: Headers,
    pub(super) body: Option<String>,
    pub(super) ca_file: Option<PathBuf>,
    /// What is in that file.
    pub(super) ca: Option<Arc<[u8]>>,
    pub(super) pin: Option<Fingerprint>,
    pub(super) insecure: bool,
    pub(super) page_max: u64,
    pub(super) proxy_from_environment: bool,
    pub(super) lines: LineFormat,
    pub(super) strict: bool,
    /// Of the values for which nothing else is said.
    pub(super) adjustment: Adjustment,
}

impl Default for Terms {
    fn default() -> Self {
        let settings = Settings::new();
        Self {
            every: crate::collect::EVERY_DEFAULT,
            align: false,
            jitter: false,
            deadline: settings.deadline,
            retry_max: None,
            sync: None,
            keep: None,
            keep_bytes: None,
            headers: settings.headers,
            body: None,
            ca_file: None,
            ca: None,
            pin: None,
            insecure: false,
            page_max: settings.page_bytes_max,
            proxy_from_environment: false,
            lines: settings.lines,
            strict: false,
            adjustment: Adjustment::default(),
        }
    }
}

impl Terms {
    /// Heeds a key, which is one of [`KEYS`] that say how.
    pub(super) fn heed(&mut self, field: &Field<'_>) -> Result<(), String> {
        match field.key {
            "every" => self.every = field.read(duration::parse)?,
            "align" => self.align = field.flag()?,
            "jitter" => self.jitter = field.flag()?,
            "deadline" => self.deadline = field.read(duration::parse)?,
            "retry_max" => self.retry_max = Some(field.read(duration::parse)?),
            "sync" => self.sync = Some(field.read(duration::parse)?),
            "keep" => self.keep = Some(field.read(duration::parse)?),
            "keep_bytes" => self.keep_bytes = Some(field.read(size::parse)?),
            "headers" => self.heed_headers(field)?,
            "bearer_token_file" => self.heed_token(field)?,
            "body" => self.body = Some(field.text()?.to_owned()),
            "ca_file" => {
                self.ca_file = field.file()?;
            }
            "pin" => self.pin = Some(field.read(str::parse)?),
            "insecure" => self.insecure = field.flag()?,
            "page_max" => self.page_max = field.read(page_bytes)?,
            "proxy_from_environment" => self.proxy_from_environment = field.flag()?,
            "time" => self.lines.time = field.read(str::parse)?,
            "time_unit" => self.lines.unit = Some(field.read(str::parse)?),
            "tz" => self.lines.zone = field.read(str::parse)?,
            "strict" => self.strict = field.flag()?,
            _ => adjust(&mut self.adjustment, field)?,
        }
        Ok(())
    }

    fn heed_headers(&mut self, field: &Field<'_>) -> Result<(), String> {
        for header in field.table()? {
            let headers = std::mem::take(&mut self.headers);
            // Its value may be secret.
            let value = header.text().map_err(|_| header.wrong_key("write a text in quotes"))?;
            self.headers =
                headers.with(header.key, value).map_err(|error| header.wrong_key(error))?;
        }
        Ok(())
    }

    fn heed_token(&mut self, field: &Field<'_>) -> Result<(), String> {
        let headers = std::mem::take(&mut self.headers);
        let Some(path) = field.file()? else {
            self.headers = headers.bearer(TOKEN_ABSENT).map_err(|error| field.wrong(error))?;
            return Ok(());
        };
        let wrong = |why: &dyn Display| field.wrong(format_args!("{}: {why}", path.display()));
        let bytes = files::read(&path, TOKEN_BYTES_MAX).map_err(|why| wrong(&why))?;
        let token = String::from_utf8_lossy(bytes.trim_ascii());
        self.headers = headers.bearer(&token).map_err(|error| wrong(&error))?;
        Ok(())
    }

    /// Reads the certificates that a page trusts.
    pub(super) fn read_ca_file(&mut self) -> Result<(), String> {
        let Some(path) = &self.ca_file else { return Ok(()) };
        let bytes = files::read(path, CA_BYTES_MAX)
            .map_err(|why| format!("ca_file {}: {why}", path.display()))?;
        self.ca = Some(bytes.into());
        Ok(())
    }

    /// What a source is opened with.
    pub(super) fn settings(&self) -> Settings {
        let mut settings = Settings::new()
            .deadline(self.deadline)
            .headers(self.headers.clone())
            .insecure(self.insecure)
            .page_bytes_max(self.page_max)
            .proxy_from_environment(self.proxy_from_environment)
            .lines(self.lines.clone())
            .strict(self.strict);
        settings.body.clone_from(&self.body);
        settings.ca_file.clone_from(&self.ca_file);
        settings.pin = self.pin;
        settings
    }

    pub(super) fn retention(&self) -> Retention {
        Keep { keep: self.keep, keep_bytes: self.keep_bytes }.retention()
    }
}

/// Heeds a key that says what becomes of a value.
pub(super) fn adjust(adjustment: &mut Adjustment, field: &Field<'_>) -> Result<(), String> {
    match field.key {
        "offset" => adjustment.offset = field.number()?,
        "scale" => adjustment.scale = field.number()?,
        "unit" => {
            let unit = field.text()?.trim();
            if unit.is_empty() || unit.chars().any(char::is_control) {
                return Err(field.wrong("write a unit, such as °C, or leave it out"));
            }
            adjustment.unit = Some(unit.to_owned());
        }
        _ => return Err(unknown(field, &["at", "offset", "scale", "unit"], "a value")),
    }
    Ok(())
}

/// That there is no such key, and which one may be meant.
pub(super) fn unknown(field: &Field<'_>, known: &[&str], of: &str) -> String {
    let distance = |name: &&&str| strsim::osa_distance(name, field.key);
    let nearest = known.iter().min_by_key(distance).copied().unwrap_or_default();
    let is_near = strsim::osa_distance(nearest, field.key) <= nearest.len() / 2;
    let way_out = match is_near {
        true => format!("did you mean {nearest}?"),
        false => format!("the nearest is {nearest}, and all are {}", known.join(", ")),
    };
    field.wrong_key(format_args!("{} has no such key; {}", of, escaped(&way_out)))
}
