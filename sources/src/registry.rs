//! From a spec, one string, to a source.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::exec::Program;
use crate::http::Page;
use crate::normal::RandomNormal;
use crate::sensor::Sensor;
use crate::settings::Settings;
use crate::source::{Source, SourceError};
use crate::spec::{self, SpecError};
use crate::stdin::Lines;

/// How the sources of a scheme are opened: from what stands behind the colon.
type Open = dyn Fn(&str, &Settings) -> Result<Box<dyn Source>, SourceError> + Send + Sync;

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
/// A scheme is lower-case letters, digits, `-` and `_`, and begins with a letter.
/// What stands behind the first colon belongs to the scheme.
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
}

impl Default for Registry {
    fn default() -> Self {
        Self::standard()
    }
}

impl Registry {
    /// A registry that knows no scheme.
    #[must_use]
    pub fn empty() -> Self {
        Self { schemes: BTreeMap::new() }
    }

    /// The schemes of this crate: see [Specs](#specs).
    #[must_use]
    pub fn standard() -> Self {
        let mut registry = Self::empty();
        registry.insert("exec", |rest, settings| Ok(Box::new(Program::parse(rest, settings)?)));
        for scheme in ["http", "https"] {
            registry.insert(scheme, move |rest, settings| {
                Ok(Box::new(Page::open(&format!("{scheme}:{rest}"), settings)?))
            });
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

    /// Adds a scheme. `open` is given what stands behind the colon, nothing where
    /// there is no colon; its error should say which part is wrong and what would be
    /// right.
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
        if self.schemes.contains_key(scheme) {
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

    /// The schemes that are known, in order of their names.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.schemes.keys().map(String::as_str)
    }

    /// The source that a spec names. Whether it is there, the first poll tells.
    ///
    /// # Errors
    /// Which part of the spec is wrong, and what would be right. What may be secret in
    /// a spec is left out of the error, as in [`without_secrets`](crate::without_secrets).
    pub fn open(&self, spec: &str, settings: &Settings) -> Result<Box<dyn Source>, SpecError> {
        let (scheme, rest) = spec.split_once(':').unwrap_or((spec, ""));
        let Some(open) = self.schemes.get(scheme) else {
            let known: Vec<&str> = self.schemes().collect();
            return Err(SpecError::new(
                spec,
                format!("there are the sources {}", known.join(", ")),
            ));
        };
        open(rest, settings).map_err(|error| SpecError::new(spec, error.to_string()))
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
        for name in ["normal", "my-2nd_one", "", "Big", "2nd", "a:b", "a b", "ä"] {
            assert!(registry.register(name, never).is_err(), "{name}");
        }
    }

    #[test]
    fn secrets_stay_out_of_errors() {
        let message = refused(&Registry::standard(), "mqtt://me:hunter2@host/x?key=0815");
        assert!(message.starts_with("source \"mqtt://…@host/x?…\": there are"), "{message}");
        for spec in [
            "exec:curl -u me:hunter2 'host",
            "exe:curl -u me:hunter2 host",
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
