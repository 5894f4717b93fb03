//! A source as a configuration has it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use gaugelog_sources::{
    Adjusted, Adjustment, Feed, Program, Registry, Settings, Source, without_secrets,
};

use super::document::Field;
use super::terms::{KEYS, Key, Terms, adjust, unknown};
use crate::collect::{DEADLINE_GRACE, check_name};
use crate::source_options::scheme;

const RATE: &str = "rate:";

/// A source: what it is, the values that are stored, and what holds for it.
#[derive(Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) values: Vec<Value>,
    pub(super) terms: Terms,
}

/// What goes into a store, and is called like that.
#[derive(Clone, PartialEq)]
pub(crate) struct Value {
    pub(crate) name: String,
    spec: String,
    adjustment: Adjustment,
}

impl Entry {
    /// Reads the table of a source, for which these hold unless it says otherwise.
    ///
    /// # Errors
    /// All that is wrong with its keys and values, and that it cannot be opened.
    pub(super) fn read(source: &Field<'_>, defaults: &Terms) -> Result<Self, Vec<String>> {
        let only = |problem: String| vec![problem];
        check_name(source.key).map_err(|why| only(source.wrong_key(why)))?;
        let fields = source.table().map_err(only)?;
        let mut keys = Keys { terms: defaults.clone(), spec: None, values: None };
        let (mut heeded, mut problems) = (Vec::new(), Vec::new());
        for field in &fields {
            match keys.heed(field) {
                Ok(()) => heeded.push(*field),
                Err(problem) => problems.push(problem),
            }
        }
        let Keys { terms, spec, values } = keys;
        let has_spec = fields.iter().any(|field| matches!(field.key, "spec" | "url"));
        let Some((spec_field, spec)) = spec else {
            if !has_spec {
                let why = "it says not what to collect; add url = \"…\" or spec = \"…\"";
                problems.push(source.wrong_key(why));
            }
            return Err(problems);
        };
        problems.extend(wrong_kinds(&heeded, spec));
        let values = match values {
            Some(values) => several(values, spec, &terms.adjustment),
            None => {
                let (name, spec) = (source.key.to_owned(), spec.to_owned());
                Ok(vec![Value { name, spec, adjustment: terms.adjustment.clone() }])
            }
        };
        match values.map(|values| Self::checked(source.key, values, terms)) {
            Ok(Ok(entry)) if problems.is_empty() => return Ok(entry),
            Ok(Ok(_)) => {}
            Ok(Err(why)) => problems.push(spec_field.wrong(why)),
            Err(more) => problems.extend(more),
        }
        Err(problems)
    }

    /// What is wrong with the spec is known where its line is.
    fn checked(name: &str, values: Vec<Value>, mut terms: Terms) -> Result<Self, String> {
        if values.iter().any(|value| is_page(&value.spec)) {
            terms.read_ca_file()?;
        } else {
            terms.ca_file = None;
        }
        let entry = Self { name: name.to_owned(), values, terms };
        // That any certificate is believed is said when it is opened for use.
        entry.open_with(&entry.terms.settings().insecure(false))?;
        Ok(entry)
    }

    /// Opens the source; the flag ends what a poll waits for.
    pub(crate) fn open(&self, stop: Arc<AtomicBool>) -> Result<Box<dyn Source>, String> {
        self.open_with(&self.terms.settings().stop(stop))
    }

    fn open_with(&self, settings: &Settings) -> Result<Box<dyn Source>, String> {
        let specs: Vec<&str> = self.values.iter().map(|value| value.spec.as_str()).collect();
        let opened = Registry::standard().open_all(&specs, settings);
        let mut opened = opened.map_err(|error| error.to_string())?.into_iter();
        let (Some(first), None) = (opened.next(), opened.next()) else {
            return Err("its values are not of one page or program".to_owned());
        };
        let adjustments = self.values.iter().map(|value| value.adjustment.clone()).collect();
        Ok(Box::new(Adjusted::new(first.source, adjustments)))
    }

    /// How it is polled and stored; the seed is for those that are moved by chance.
    pub(crate) fn apply(&self, feed: Feed, seed: u64) -> Feed {
        let Terms { every, align, deadline, retry_max, sync, jitter, .. } = self.terms;
        let mut feed = feed
            .interval(every)
            .align(align)
            .deadline(deadline.saturating_add(DEADLINE_GRACE))
            .retention(self.terms.retention());
        if let Some(pause) = retry_max {
            feed = feed.retry_max(pause);
        }
        if let Some(hold) = sync {
            feed = feed.hold(hold);
        }
        if jitter { feed.jitter(seed) } else { feed }
    }

    /// Whether observations are held, and stored together after a while.
    pub(crate) fn is_held(&self) -> bool {
        self.terms.sync.is_some()
    }

    /// Whether it is standard input, of which there is one.
    pub(crate) fn is_standard_input(&self) -> bool {
        self.values.iter().any(|value| scheme(&value.spec) == "stdin")
    }
}

/// What the keys of a source say.
struct Keys<'k> {
    terms: Terms,
    spec: Option<(&'k Field<'k>, &'k str)>,
    values: Option<&'k Field<'k>>,
}

impl<'k> Keys<'k> {
    fn heed(&mut self, field: &'k Field<'k>) -> Result<(), String> {
        match field.key {
            "spec" | "url" if self.spec.is_some() => {
                return Err(field.wrong("there are spec and url; leave one of them out"));
            }
            "spec" => self.spec = Some((field, field.text()?)),
            "url" => self.spec = Some((field, address(field)?)),
            "values" => self.values = Some(field),
            key if KEYS.iter().any(|known| known.name == key) => self.terms.heed(field)?,
            _ => return Err(unknown(field, &KEYS.map(|key| key.name), "a source")),
        }
        Ok(())
    }
}

/// The values of a page or a program: `NAME = "#/what"`, or a table with that as `at`.
fn several(
    field: &Field<'_>,
    spec: &str,
    defaults: &Adjustment,
) -> Result<Vec<Value>, Vec<String>> {
    let wrong = |why: &str| Err(vec![field.wrong(why)]);
    if !is_page(spec) && scheme(spec) != "exec" {
        return wrong("they are for pages and for programs (exec:)");
    }
    let command = spec.strip_prefix(RATE).unwrap_or(spec).strip_prefix("exec:");
    if command.map_or(spec.contains('#'), Program::has_fragment) {
        let why = "the url or spec has a # of its own; leave it out there, or leave the values out";
        return wrong(why);
    }
    let fields = field.table().map_err(|problem| vec![problem])?;
    if fields.is_empty() {
        return wrong("name at least one, as in values = { temp = \"#/temp\" }");
    }
    let (mut values, mut problems) = (Vec::new(), Vec::new());
    for it in &fields {
        match value(it, spec, defaults) {
            Ok(value) => values.push(value),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

fn value(field: &Field<'_>, spec: &str, defaults: &Adjustment) -> Result<Value, String> {
    check_name(field.key).map_err(|why| field.wrong_key(why))?;
    let mut adjustment = defaults.clone();
    let at = if field.is_table() {
        let mut at = None;
        for part in field.table()? {
            match part.key {
                "at" => at = Some(part),
                _ => adjust(&mut adjustment, &part)?,
            }
        }
        at.ok_or_else(|| field.wrong_key("it says not what to take; add at = \"#/…\""))?
    } else {
        *field
    };
    Ok(Value { name: field.key.to_owned(), spec: part(spec, &at)?, adjustment })
}

/// The spec of a value: of the whole page or program, this.
fn part(spec: &str, at: &Field<'_>) -> Result<String, String> {
    let text = at.text()?;
    let (rate, fragment) = match text.strip_prefix(RATE) {
        Some(fragment) => (RATE, fragment),
        None => ("", text),
    };
    if !fragment.starts_with('#') {
        let why = "it begins with #, as in \"#/temp\" or \"rate:#/rain\"";
        return Err(at.wrong(why));
    }
    let gap = if is_page(spec) { "" } else { " " };
    Ok(format!("{rate}{spec}{gap}{fragment}"))
}

fn address<'d>(field: &Field<'d>) -> Result<&'d str, String> {
    let url = field.text()?;
    if !is_page(url) || url.starts_with(RATE) {
        let shown = without_secrets(url);
        let why = format!(
            "{shown:?} does not begin with http:// or https://; other sources are \
                           a spec = \"…\""
        );
        return Err(field.wrong(why));
    }
    Ok(url)
}

/// The keys that mean nothing to such a source.
fn wrong_kinds(fields: &[Field<'_>], spec: &str) -> Vec<String> {
    let wrong = |field: &Field<'_>| {
        let Key { kind, .. } = KEYS.iter().find(|key| key.name == field.key)?;
        let only_for = kind.for_others_than(spec)?;
        Some(field.wrong_key(format_args!("this is for {only_for}; leave it out here")))
    };
    fields.iter().filter_map(wrong).collect()
}

fn is_page(spec: &str) -> bool {
    matches!(scheme(spec), "http" | "https")
}
