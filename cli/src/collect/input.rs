//! The sources that the command line names, and where the store of each is.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use gaugelog_sources::{Registry, Settings, Source, short_name};

use crate::exit::Exit;

/// A file system takes 255 bytes.
const NAME_BYTES_MAX: usize = 100;

/// `[NAME=]SPEC`, not yet opened.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    name: Option<String>,
    spec: String,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Behind a colon, an equals sign belongs to the spec: `normal:mean=14`.
        match text.split_once('=') {
            Some((name, spec)) if !name.contains(':') => {
                check(name)?;
                Ok(Self { name: Some(name.to_owned()), spec: spec.to_owned() })
            }
            _ => Ok(Self { name: None, spec: text.to_owned() }),
        }
    }
}

/// A name is a directory's, and nothing that a shell or an option might take for its own.
fn check(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(format!("a name has 1 to {NAME_BYTES_MAX} bytes, as in room=SPEC"));
    }
    if name.starts_with(['.', '-']) || !name.chars().all(allowed) {
        return Err(format!(
            "{name:?} cannot be a name; use letters, digits, - _ and ., the first no - or ."
        ));
    }
    Ok(())
}

/// A source that was named and could be opened.
pub(super) struct Input {
    pub(super) name: String,
    pub(super) source: Box<dyn Source>,
    /// Where its store is or will be.
    pub(super) directory: PathBuf,
}

/// Opens all of them. The store of one without a name is `log` itself; of several, or
/// with a name, it is a directory in there.
pub(super) fn open(named: Vec<Named>, settings: &Settings, log: &Path) -> Result<Vec<Input>, Exit> {
    let registry = Registry::standard();
    let alone = named.len() == 1;
    let mut taken = HashSet::new();
    let mut inputs = Vec::new();
    for Named { name, spec } in named {
        let source = registry
            .open(&spec, settings)
            .map_err(|error| Exit::Usage(format!("error: {error}\n")))?;
        let directory = match &name {
            None if alone => log.to_owned(),
            Some(name) => log.join(name),
            None => log.join(short_name(&spec)),
        };
        let name = name.unwrap_or_else(|| short_name(&spec));
        if !taken.insert(name.clone()) {
            return Err(Exit::Usage(format!(
                "error: two sources are called {name}; give each a name of its own: \
                 {name}-1=SPEC {name}-2=SPEC\n"
            )));
        }
        inputs.push(Input { name, source, directory });
    }
    if inputs.iter().filter(|input| input.source.name() == "stdin").count() > 1 {
        return Err(Exit::Usage(
            "error: there is one standard input; name stdin once\n".to_owned(),
        ));
    }
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> (Option<String>, String) {
        let Named { name, spec } = text.parse().unwrap();
        (name, spec)
    }

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
            assert_eq!(named(text), (name.map(str::to_owned), spec.to_owned()));
        }
    }

    #[test]
    fn a_name_that_is_no_directory_is_refused() {
        let long = format!("{}=normal", "a".repeat(101));
        for text in
            ["=normal", "a/b=normal", "..=normal", ".x=normal", "-x=normal", "a b=normal", &long]
        {
            assert!(text.parse::<Named>().is_err(), "{text}");
        }
    }

    #[test]
    fn stores_lie_where_they_are_expected() {
        let directories = |texts: &[&str]| -> Result<Vec<PathBuf>, Exit> {
            let named = texts.iter().map(|text| text.parse().unwrap()).collect();
            let inputs = open(named, &Settings::new(), Path::new("log"))?;
            Ok(inputs.into_iter().map(|input| input.directory).collect())
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
