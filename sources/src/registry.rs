//! From a spec, which is one string, to a source.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::exec::{self, Program};
use crate::http::Page;
use crate::normal::RandomNormal;
use crate::rate::Rated;
use crate::sensor::Sensor;
use crate::settings::Settings;
use crate::source::{Source, SourceError};
use crate::spec::{self, RATE_PREFIX, SpecError};
use crate::stdin::Lines;

/// Opens the source of a scheme from the text after the colon.
type Open = dyn Fn(&str, &Settings) -> Result<Box<dyn Source>, SourceError> + Send + Sync;

/// Opens a source of several values.
type OpenShared = fn(&str, &[Option<&str>], &Settings) -> Result<Box<dyn Source>, SourceError>;

/// How the sources of a scheme share polls: which part of their specs must be the same,
/// and how a source of several values is opened from that part and the rest of each spec.
#[derive(Clone, Copy)]
struct Shared {
    split: fn(&str) -> (&str, Option<&str>),
    open: OpenShared,
}

/// A source, and which of the given specs its values are, in order.
pub struct Opened {
    /// The source.
    pub source: Box<dyn Source>,
    /// The index of the spec of each value.
    pub specs: Vec<usize>,
}

/// The grammar of the specs that [`Registry::standard`] knows, for a program's help.
pub const GRAMMAR: &str = include_str!("grammar.txt");

/// The schemes that a program knows, and how to open a source of each.
///
/// # Specs
/// A source is named by one string:
///
/// ```text
#[doc = include_str!("grammar.txt")]
/// ```
///
/// A scheme consists of lower-case letters, digits, `-` and `_`, and begins with a
/// letter. The text after the first colon belongs to the scheme.
///
/// ```
/// use gaugelog_sources::{Registry, Settings};
/// let registry = Registry::standard();
/// let mut source = registry.open("normal:mean=20,std_dev=0", &Settings::new())?;
/// assert_eq!(source.poll()?.map(|reading| reading.value), Some(20.0));
/// let error = registry.open("normal:median=3", &Settings::new()).err().expect("no such parameter");
/// assert_eq!(
///     error.to_string(),
///     r#"source "normal:median=3": normal has mean, std_dev and seed, and no "median""#
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Registry {
    schemes: BTreeMap<String, Arc<Open>>,
    shared: BTreeMap<String, Shared>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::standard()
    }
}

impl Registry {
    /// A registry without schemes.
    #[must_use]
    pub fn empty() -> Self {
        Self { schemes: BTreeMap::new(), shared: BTreeMap::new() }
    }

    /// The schemes of this crate: see [Specs](#specs).
    #[must_use]
    pub fn standard() -> Self {
        let mut registry = Self::empty();
        registry.insert("exec", |rest, settings| Ok(Box::new(Program::parse(rest, settings)?)));
        registry.shared.insert(
            "exec".to_owned(),
            Shared {
                split: exec::split_fragment,
                open: |spec, fragments, settings| {
                    let command = spec.strip_prefix("exec:").unwrap_or(spec);
                    Ok(Box::new(Program::several(command, fragments, settings)?))
                },
            },
        );
        for scheme in ["http", "https"] {
            registry.insert(scheme, move |rest, settings| {
                Ok(Box::new(Page::open(&format!("{scheme}:{rest}"), settings)?))
            });
            registry.shared.insert(
                scheme.to_owned(),
                Shared {
                    split: |spec| match spec.split_once('#') {
                        Some((page, fragment)) => (page, Some(fragment)),
                        None => (spec, None),
                    },
                    open: |page, fragments, settings| {
                        Ok(Box::new(Page::open_several(page, fragments, settings)?))
                    },
                },
            );
        }
        registry.insert("normal", |rest, _| Ok(Box::new(RandomNormal::from_parameters(rest)?)));
        registry
            .insert("sensor", |rest, settings| Ok(Box::new(Sensor::open(rest, &settings.root)?)));
        registry.insert("stdin", |rest, settings| match rest {
            "" => {
                let lines = Lines::stdin().format(settings.lines.clone());
                Ok(Box::new(lines.strict(settings.is_strict)))
            }
            _ => Err(SourceError::fatal("stdin takes no parameters")),
        });
        registry
    }

    /// Adds a scheme. `open` gets the text after the colon, which is empty if there is no
    /// colon. Its error should say which part is wrong and what would be right.
    ///
    /// # Errors
    /// A name that no scheme can have, or one that is taken.
    ///
    /// ```
    /// use gaugelog_sources::{Lines, Registry, Settings};
    /// let mut registry = Registry::standard();
    /// registry.register("numbers", |rest, _| {
    ///     Ok(Box::new(Lines::new(std::io::Cursor::new(rest.replace(' ', "\n")))))
    /// })?;
    /// let mut source = registry.open("numbers:3 4", &Settings::new())?;
    /// assert_eq!(source.poll()?.map(|reading| reading.value), Some(3.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn register<F>(&mut self, scheme: &str, open: F) -> Result<(), SpecError>
    where
        F: Fn(&str, &Settings) -> Result<Box<dyn Source>, SourceError> + Send + Sync + 'static,
    {
        if !spec::is_scheme(scheme) {
            let rule = "a scheme is lower-case letters, digits, - and _, and begins with a letter";
            return Err(SpecError::new(scheme, rule));
        }
        if self.schemes.contains_key(scheme) || RATE_PREFIX.strip_suffix(':') == Some(scheme) {
            return Err(SpecError::new(scheme, "there is a source of this name already"));
        }
        self.insert(scheme, open);
        Ok(())
    }

    fn insert<F>(&mut self, scheme: &str, open: F)
    where
        F: Fn(&str, &Settings) -> Result<Box<dyn Source>, SourceError> + Send + Sync + 'static,
    {
        self.schemes.insert(scheme.to_owned(), Arc::new(open));
    }

    /// The known schemes, ordered by name.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.schemes.keys().map(String::as_str)
    }

    /// The source that a spec names. The first poll shows whether it exists.
    ///
    /// # Errors
    /// Which part of the spec is wrong, and what would be right. Secrets in a spec are
    /// left out of the error, as in [`without_secrets`](crate::without_secrets).
    pub fn open(&self, spec: &str, settings: &Settings) -> Result<Box<dyn Source>, SpecError> {
        let (counted, is_counter) = without_rate(spec);
        let (scheme, rest) = counted.split_once(':').unwrap_or((counted, ""));
        let Some(open) = self.schemes.get(scheme) else {
            let known: Vec<&str> = self.schemes().collect();
            return Err(SpecError::new(
                spec,
                format!("there are the sources {}", known.join(", ")),
            ));
        };
        let source =
            open(rest, settings).map_err(|error| SpecError::new(spec, error.to_string()))?;
        Ok(if is_counter { Box::new(Rated::new(source, &[true])) } else { source })
    }

    /// The sources that several specs name. Pages at one address share a fetch and its
    /// time, and equal programs share a run: they are one source of several values.
    ///
    /// ```
    /// use gaugelog_sources::{Registry, Settings};
    /// let specs = ["http://host/now#/temp", "normal", "http://host/now#/wind"];
    /// let opened = Registry::standard().open_all(&specs, &Settings::new())?;
    /// let values: Vec<_> = opened.iter().map(|opened| opened.specs.clone()).collect();
    /// assert_eq!(values, [vec![0, 2], vec![1]]);
    /// # Ok::<(), gaugelog_sources::SpecError>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open), for the first spec that is wrong.
    pub fn open_all(
        &self,
        specs: &[impl AsRef<str>],
        settings: &Settings,
    ) -> Result<Vec<Opened>, SpecError> {
        let specs: Vec<&str> = specs.iter().map(AsRef::as_ref).collect();
        let mut groups: Vec<(Option<&str>, Vec<usize>)> = Vec::new();
        for (at, spec) in specs.iter().enumerate() {
            let shared = self.shared_part(spec);
            let known = groups.iter_mut().find(|(part, _)| part.is_some() && *part == shared);
            match known {
                Some((_, members)) => members.push(at),
                None => groups.push((shared, vec![at])),
            }
        }
        let open = |(shared, members): (Option<&str>, Vec<usize>)| {
            let source = match shared {
                Some(shared) if members.len() > 1 => {
                    let named: Vec<&str> = members.iter().map(|&at| specs[at]).collect();
                    self.open_shared(shared, &named, settings)?
                }
                _ => self.open(specs[members[0]], settings)?,
            };
            Ok(Opened { source, specs: members })
        };
        groups.into_iter().map(open).collect()
    }

    /// The part of a spec that must be the same to share polls, if it can share them.
    fn shared_part<'a>(&self, spec: &'a str) -> Option<&'a str> {
        let (counted, _) = without_rate(spec);
        let scheme = counted.split(':').next()?;
        self.shared.get(scheme).map(|shared| (shared.split)(counted).0)
    }

    fn open_shared(
        &self,
        shared: &str,
        specs: &[&str],
        settings: &Settings,
    ) -> Result<Box<dyn Source>, SpecError> {
        // First each by itself, so that an error names the one that is wrong.
        for spec in specs {
            self.open(spec, settings)?;
        }
        let counted = specs.iter().map(|spec| without_rate(spec));
        let (counted, is_counter): (Vec<&str>, Vec<bool>) = counted.unzip();
        let scheme = shared.split(':').next().unwrap_or_default();
        let Some(how) = self.shared.get(scheme) else { return self.open(specs[0], settings) };
        let rest: Vec<Option<&str>> = counted.iter().map(|spec| (how.split)(spec).1).collect();
        let source = (how.open)(shared, &rest, settings)
            .map_err(|error| SpecError::new(specs[0], error.to_string()))?;
        let is_plain = is_counter.iter().all(|is_counter| !is_counter);
        Ok(if is_plain { source } else { Box::new(Rated::new(source, &is_counter)) })
    }
}

/// The spec itself, and whether its value is a counter.
fn without_rate(spec: &str) -> (&str, bool) {
    match spec.strip_prefix(RATE_PREFIX) {
        Some(counted) => (counted, true),
        None => (spec, false),
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, specs } = self;
        f.debug_struct("Opened").field("source", &source.name()).field("specs", specs).finish()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.schemes()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(registry: &Registry, spec: &str) -> String {
        registry.open(spec, &Settings::new()).err().unwrap().to_string()
    }

    #[test]
    fn sources_are_named_with_their_parameters() {
        let registry = Registry::standard();
        for (spec, description) in [
            ("normal:seed=7", "mean 14, standard deviation 3 and seed 7"),
            ("normal:mean=-2.5,std_dev=0,seed=0", "mean -2.5, standard deviation 0 and seed 0"),
            ("stdin", "one a line"),
            ("stdin:", "one a line"),
        ] {
            let source = registry.open(spec, &Settings::new()).unwrap();
            assert!(source.description().contains(description), "{}", source.description());
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let registry = Registry::standard();
        let known =
            format!("there are the sources {}", Vec::from_iter(registry.schemes()).join(", "));
        for (spec, message) in [
            ("", &*known),
            ("Normal", &*known),
            ("stdin:x", "stdin takes no parameters"),
            ("normal:std_dev=-1", "std_dev is -1; it must be finite and not negative"),
        ] {
            assert_eq!(refused(&registry, spec), format!("source \"{spec}\": {message}"));
        }
    }

    #[test]
    fn a_scheme_is_added_once_under_a_good_name() {
        let mut registry = Registry::standard();
        let never = |_: &str, _: &Settings| Err(SourceError::new("not today"));
        registry.register("my-2nd_one", never).unwrap();
        assert_eq!(refused(&registry, "my-2nd_one:x:y"), "source \"my-2nd_one:x:y\": not today");
        for name in ["normal", "rate", "my-2nd_one", "", "Big", "2nd", "a:b", "a b", "ä"] {
            assert!(registry.register(name, never).is_err(), "{name}");
        }
    }

    #[test]
    fn a_rate_is_of_any_source_and_a_wrong_one_is_named() {
        let registry = Registry::standard();
        let source = registry.open("rate:sensor:file=/x", &Settings::new()).unwrap();
        assert_eq!(source.description(), "the change a second of sensor file=/x");
        assert!(source.is_local());
        assert!(refused(&registry, "rate:rate:normal").contains("there are the sources"));
        assert!(refused(&registry, "rate:").contains("there are the sources"));
        let specs = ["http://h/#/a", "rate:http://h/#/b", "http://h/?x#/a", "http://h/#/~9"];
        let opened = registry.open_all(&specs[..3], &Settings::new()).unwrap();
        let values: Vec<_> = opened.iter().map(|opened| opened.specs.clone()).collect();
        assert_eq!(values, [vec![0, 1], vec![2]]);
        assert_eq!(opened[0].source.value_description(0), "the number at http://h/#/a");
        assert!(opened[0].source.value_description(1).starts_with("the change a second of "));
        let error = registry.open_all(&specs, &Settings::new()).unwrap_err().to_string();
        assert!(error.contains("#/~9"), "{error}");
    }

    #[test]
    fn secrets_stay_out_of_errors() {
        let message = refused(&Registry::standard(), "mqtt://me:hunter2@host/x?key=0815");
        assert!(message.starts_with("source \"mqtt://…@host/x?…\": there are"), "{message}");
        for spec in [
            "exec:curl -u me:hunter2 'host",
            "exe:curl -u me:hunter2 host",
            "rate:exec:curl -u me:hunter2 'host",
            "rate:http://me:hunter2@host/#a b",
            "curl -u me:hunter2 host",
            "https:/me:hunter2@host",
            "https//me:hunter2@host",
            "http://me:hunter2#x@host",
            "http://me:1#hunter2@host",
            "http://me:x#hunter2@host/",
            "http://me:hunter2@host/#a b",
            "http://host/?key=hunter2 ",
        ] {
            let message = refused(&Registry::standard(), spec);
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
