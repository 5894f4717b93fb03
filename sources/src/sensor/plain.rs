//! Any file that holds one number.

use std::path::{Path, PathBuf};

use super::{Gauge, attribute};
use crate::source::SourceError;

/// A file with one number, of which the value is (number + offset) × scale.
#[derive(Debug)]
pub(super) struct PlainFile {
    path: PathBuf,
    offset: f64,
    scale: f64,
}

impl PlainFile {
    /// `PATH[,scale=0.001][,offset=2]`, read from its end, since a path may hold a comma.
    pub(super) fn parse(rest: &str) -> Result<Self, SourceError> {
        let (mut path, mut offset, mut scale) = (rest, None, None);
        while let Some((before, parameter)) = path.rsplit_once(',') {
            let (place, text) = match parameter.split_once('=') {
                Some(("scale", text)) => (&mut scale, text),
                Some(("offset", text)) => (&mut offset, text),
                _ => break,
            };
            let number = attribute::finite(text).ok_or_else(|| {
                SourceError::fatal(format!("{parameter}: {text:?} is not a finite number"))
            })?;
            if place.replace(number).is_some() {
                return Err(SourceError::fatal(format!("{parameter} is there twice")));
            }
            path = before;
        }
        if !path.starts_with('/') {
            return Err(SourceError::fatal(format!(
                "file={path:?} is no path from the root, such as file=/run/level"
            )));
        }
        let (offset, scale) = (offset.unwrap_or(0.0), scale.unwrap_or(1.0));
        Ok(Self { path: PathBuf::from(path), offset, scale })
    }
}

impl Gauge for PlainFile {
    /// Whoever writes the file may start later.
    fn find(&self, _root: &Path) -> Result<&'static str, SourceError> {
        Ok("")
    }

    fn read(&self, _root: &Path) -> Result<f64, SourceError> {
        Ok(attribute::scaled(attribute::number(&self.path)?, self.offset, self.scale))
    }
}
