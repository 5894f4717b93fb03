//! Any file that holds one number, or one after a name.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::SignedDuration;

use super::{Gauge, attribute};
use crate::source::SourceError;

/// A file with one number. Its value is (number + offset) × scale.
#[derive(Debug)]
pub(super) struct PlainFile {
    path: PathBuf,
    /// The name before the number, in a file with several.
    field: Option<String>,
    offset: f64,
    scale: f64,
    /// How long ago the file may have been written.
    max_age: Option<Duration>,
}

impl PlainFile {
    /// `PATH[#FIELD][,scale=0.001][,offset=2][,max-age=5m]`, read from its end, since a
    /// path may hold a comma.
    pub(super) fn parse(rest: &str) -> Result<Self, SourceError> {
        let (mut path, mut offset, mut scale, mut max_age) = (rest, None, None, None);
        let twice = |parameter: &str| SourceError::fatal(format!("{parameter} is there twice"));
        while let Some((before, parameter)) = path.rsplit_once(',') {
            let is_first = match parameter.split_once('=') {
                Some(("scale", text)) => scale.replace(number(parameter, text)?).is_none(),
                Some(("offset", text)) => offset.replace(number(parameter, text)?).is_none(),
                Some(("max-age", text)) => max_age.replace(duration(parameter, text)?).is_none(),
                _ => break,
            };
            if !is_first {
                return Err(twice(parameter));
            }
            path = before;
        }
        let (path, field) = match path.rsplit_once('#') {
            Some((path, field)) if !field.is_empty() => (path, Some(field.to_owned())),
            _ => (path, None),
        };
        if !path.starts_with('/') {
            return Err(SourceError::fatal(format!(
                "file={path:?} is no path from the root, such as file=/run/level"
            )));
        }
        let (offset, scale) = (offset.unwrap_or(0.0), scale.unwrap_or(1.0));
        Ok(Self { path: PathBuf::from(path), field, offset, scale, max_age })
    }

    /// Refuses a file that is too old: a job should have written it again.
    fn check_age(&self) -> Result<(), SourceError> {
        let Some(max_age) = self.max_age else { return Ok(()) };
        let path = self.path.display();
        let written = fs::metadata(&self.path).and_then(|metadata| metadata.modified());
        let written = written
            .map_err(|error| SourceError::io(&format!("read the age of {path}"), "", error))?;
        // A file from the future, as after the clock was set, is not old.
        let age = SystemTime::now().duration_since(written).unwrap_or(Duration::ZERO);
        if age > max_age {
            let age = SignedDuration::from_secs(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
            return Err(SourceError::new(format!(
                "{path} was written {age:#} ago, and may be {max_age:?} old"
            )));
        }
        Ok(())
    }
}

fn number(parameter: &str, text: &str) -> Result<f64, SourceError> {
    attribute::finite(text)
        .ok_or_else(|| SourceError::fatal(format!("{parameter}: {text:?} is not a finite number")))
}

fn duration(parameter: &str, text: &str) -> Result<Duration, SourceError> {
    let read = text.parse::<SignedDuration>().ok().and_then(|it| Duration::try_from(it).ok());
    read.filter(|duration| !duration.is_zero()).ok_or_else(|| {
        SourceError::fatal(format!(
            "{parameter}: {text:?} is no duration, such as 90s, 5m or 1h30m"
        ))
    })
}

impl Gauge for PlainFile {
    /// The program that writes the file may start later.
    fn find(&mut self, _root: &Path) -> Result<&'static str, SourceError> {
        Ok("")
    }

    fn read(&mut self, _root: &Path) -> Result<f64, SourceError> {
        let number = match &self.field {
            Some(field) => attribute::field(&self.path, field)?,
            None => attribute::number(&self.path)?,
        };
        self.check_age()?;
        Ok(attribute::scaled(number, self.offset, self.scale))
    }
}
