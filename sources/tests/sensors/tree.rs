//! A tree of files like the kernel's, from the listing next to this file.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use gaugelog_sources::{Registry, Settings, Source, SpecError};
use tempfile::TempDir;

pub(crate) struct Tree(TempDir);

impl Tree {
    /// The machine of `machine.tree`.
    pub(crate) fn machine() -> Self {
        let tree = Self::empty();
        let listing = include_str!("machine.tree");
        for line in listing.lines().filter(|line| !line.starts_with('#')) {
            if let Some((link, target)) = line.split_once(" -> ") {
                tree.link(link, target);
            } else {
                let (path, text) = split_after_path(line);
                let before = fs::read_to_string(tree.path(path)).unwrap_or_default();
                tree.write(path, format!("{before}{text}\n"));
            }
        }
        tree
    }

    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn link(&self, path: &str, target: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        symlink(target, path).unwrap();
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
    }

    pub(crate) fn open(&self, spec: &str) -> Result<Box<dyn Source>, SpecError> {
        Registry::standard().open(spec, &Settings::new().root(self.root()))
    }

    /// The value of a sensor, or its error without the path of the tree.
    pub(crate) fn read(&self, spec: &str) -> Result<f64, String> {
        let mut source = self.open(spec).map_err(|error| self.without_root(&error.to_string()))?;
        poll(&mut *source).map_err(|message| self.without_root(&message))
    }

    /// A wrong spec is refused; an absent sensor is a failed poll.
    #[track_caller]
    pub(crate) fn refuses(&self, spec: &str, message: &str) {
        let is_wrong = ["is not of the form", "is no kind of", "is no path", "finite", "twice"]
            .iter()
            .any(|part| message.contains(part));
        let spec = format!("sensor:{spec}");
        assert_eq!(self.open(&spec).is_err(), is_wrong, "{spec}");
        let expected =
            if is_wrong { format!("source \"{spec}\": {message}") } else { message.to_owned() };
        assert_eq!(self.read(&spec), Err(expected));
    }

    pub(crate) fn without_root(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.root().display()), "")
    }
}

/// One poll of a source that goes on.
pub(crate) fn poll(source: &mut dyn Source) -> Result<f64, String> {
    match source.poll() {
        Ok(reading) => Ok(reading.unwrap().value),
        Err(error) => {
            assert!(error.can_poll_again(), "{error}");
            Err(error.to_string())
        }
    }
}

/// Splits the path from the rest of the line, though names of devices contain colons too.
fn split_after_path(line: &str) -> (&str, &str) {
    let mut from = 0;
    loop {
        let at = from + line[from..].find(':').unwrap();
        let (path, text) = (&line[..at], &line[at + 1..]);
        // A colon within the path is followed by the rest of it.
        if !text.split(' ').next().unwrap().contains('/')
            || path.ends_with("_label")
            || path.ends_with("mounts")
        {
            return (path, text);
        }
        from = at + 1;
    }
}
