//! The sources that the command line names, and where the store of each is.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use gaugelog_sources::{Opened, Registry, Settings, Source, escaped, short_name, without_secrets};

use crate::exit::Exit;

/// A file system takes 255 bytes.
const NAME_BYTES_MAX: usize = 100;

/// `[NAME=]SPEC`, taken apart and not yet opened.
#[derive(Clone, Debug, PartialEq)]
struct Named<'a> {
    name: Option<&'a str>,
    spec: &'a str,
}

impl<'a> Named<'a> {
    fn parse(text: &'a str) -> Result<Self, String> {
        // Behind a colon, an equals sign belongs to the spec: `normal:mean=14`.
        match text.split_once('=') {
            Some((name, spec)) if !name.contains(':') => {
                check(name)?;
                Ok(Self { name: Some(name), spec })
            }
            _ => Ok(Self { name: None, spec: text }),
        }
    }
}

/// A name is a directory's, and nothing that a shell or an option might take for its own.
pub(crate) fn check(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(format!("a name has 1 to {NAME_BYTES_MAX} bytes, such as room"));
    }
    if name.starts_with(['.', '-']) || !name.chars().all(allowed) {
        let name = without_secrets(name);
        return Err(format!(
            "{name:?} cannot be a name; use letters, digits, - _ and ., the first no - or ."
        ));
    }
    Ok(())
}

/// A source that was named, and its values.
pub(super) struct Input {
    pub(super) source: Box<dyn Source>,
    pub(super) values: Vec<Value>,
}

/// A value of a source.
pub(super) struct Value {
    pub(super) name: String,
    /// Where its store is or will be.
    pub(super) directory: PathBuf,
    /// Observations are held, and stored together after a while.
    pub(super) is_held: bool,
}

/// Opens all of them, `[NAME=]SPEC` each; pages at one address are one source of several
/// values. The store of one without a name is `log`
/// itself; of several, or with a name, it is a directory in there.
pub(super) fn open(
    sources: &[String],
    settings: &Settings,
    log: &Path,
    is_held: bool,
) -> Result<Vec<Input>, Exit> {
    let senseless = |why: &str| Exit::Usage(format!("error: {}\n", escaped(why)));
    let alone = sources.len() == 1;
    let mut taken = HashSet::new();
    let (mut specs, mut values) = (Vec::new(), Vec::new());
    for text in sources {
        let Named { name, spec } = Named::parse(text).map_err(|why| senseless(&why))?;
        let directory = match name {
            None if alone => log.to_owned(),
            Some(name) => log.join(name),
            None => log.join(short_name(spec)),
        };
        let name = name.map_or_else(|| short_name(spec), str::to_owned);
        if !taken.insert(name.clone()) {
            return Err(senseless(&format!(
                "two sources are called {name}; give each a name of its own: \
                 {name}-1=SPEC {name}-2=SPEC"
            )));
        }
        specs.push(spec);
        values.push(Some(Value { name, directory, is_held }));
    }
    let opened = Registry::standard().open_all(&specs, settings);
    let opened = opened.map_err(|error| senseless(&error.to_string()))?;
    if opened.iter().filter(|opened| opened.source.name() == "stdin").count() > 1 {
        return Err(senseless("there is one standard input; name stdin once"));
    }
    let input = |Opened { source, specs }| {
        let values = specs.iter().filter_map(|&at| values[at].take()).collect();
        Input { source, values }
    };
    Ok(opened.into_iter().map(input).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_before_an_equals_sign_that_no_colon_precedes() {
        for (text, name, spec) in [
            ("normal", None, "normal"),
            ("normal:mean=14,std_dev=3", None, "normal:mean=14,std_dev=3"),
            ("room=normal:mean=14", Some("room"), "normal:mean=14"),
            ("x-1.b_ü=stdin", Some("x-1.b_ü"), "stdin"),
            ("http://host/?a=b", None, "http://host/?a=b"),
            ("web=http://host/?a=b#/c=d", Some("web"), "http://host/?a=b#/c=d"),
            ("sensor:file=/x", None, "sensor:file=/x"),
        ] {
            assert_eq!(Named::parse(text), Ok(Named { name, spec }));
        }
    }

    #[test]
    fn a_name_that_is_no_directory_is_refused() {
        let long = format!("{}=normal", "a".repeat(101));
        for text in
            ["=normal", "a/b=normal", "..=normal", ".x=normal", "-x=normal", "a b=normal", &long]
        {
            assert!(Named::parse(text).is_err(), "{text}");
        }
        let said = Named::parse("a me@host?key=hunter2").unwrap_err();
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[test]
    fn stores_lie_where_they_are_expected() {
        let directories = |texts: &[&str]| -> Result<Vec<PathBuf>, Exit> {
            let sources: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            let inputs = open(&sources, &Settings::new(), Path::new("log"), false)?;
            Ok(inputs.into_iter().flat_map(|it| it.values).map(|it| it.directory).collect())
        };
        for (texts, expected) in [
            (&["normal"][..], &["log"][..]),
            (&["a=normal"], &["log/a"]),
            (&["normal", "stdin"], &["log/normal", "log/stdin"]),
            (&["normal", "b=normal:seed=3"], &["log/normal", "log/b"]),
        ] {
            let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(directories(texts).unwrap(), expected);
        }
        for (texts, why) in [
            (&["normal", "normal"][..], "two sources are called normal"),
            (&["a=normal", "a=stdin"], "two sources are called a"),
            (&["a=stdin", "b=stdin"], "one standard input"),
            (&["normal", "thermometer"], "source \"thermometer\""),
        ] {
            let Err(Exit::Usage(text)) = directories(texts) else { panic!("{texts:?}") };
            assert!(text.contains(why), "{text}");
        }
    }
}
