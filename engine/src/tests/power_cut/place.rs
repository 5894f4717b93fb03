//! A real directory that is made equal to a simulated disk, quickly: only what differs
//! from before is written.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tempfile::TempDir;

use super::super::names;
use super::choices::State;
use super::content::{Content, SECTOR_BYTES, Sector};
use super::observer::flip;

#[derive(Debug)]
pub(super) struct Place {
    /// Removes the directory at the end.
    _guard: TempDir,
    path: PathBuf,
    directory: bool,
    shown: BTreeMap<Rc<str>, Shown>,
}

#[derive(Debug)]
struct Shown {
    content: Rc<Content>,
    file: Option<File>,
}

impl Place {
    /// In memory if possible: otherwise syncs would wait for a disk, which these tests do
    /// not need.
    pub(super) fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let guard = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir());
        let guard = guard.expect("a temporary directory");
        let path = guard.path().join("store");
        Self { _guard: guard, path, directory: false, shown: BTreeMap::new() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes everything.
    pub(super) fn clear(&mut self) {
        if self.path.exists() {
            std::fs::remove_dir_all(&self.path).expect("removed");
        }
        self.directory = false;
        self.shown.clear();
    }

    /// Makes the directory equal to `state`.
    pub(super) fn show(&mut self, state: &State) {
        let Some(files) = state else { return self.clear() };
        if !std::mem::replace(&mut self.directory, true) {
            std::fs::create_dir(&self.path).expect("a directory");
        }
        self.shown.retain(|name, _| {
            let stays = files.contains_key(name);
            if !stays {
                std::fs::remove_file(self.path.join(&**name)).expect("removed");
            }
            stays
        });
        for (name, content) in files {
            let path = self.path.join(&**name);
            let shown = self.shown.entry(Rc::clone(name)).or_insert_with(|| Shown {
                content: Rc::default(),
                file: Some(File::create_new(&path).expect("a new file")),
            });
            shown.change_to(content, &path);
        }
    }

    /// Notes that processes have changed the files, which are now as `seen`.
    pub(super) fn changed_to(&mut self, seen: State) {
        self.directory = seen.is_some();
        let shown = |(name, content)| (name, Shown { content, file: None });
        self.shown = seen.into_iter().flatten().map(shown).collect();
    }

    /// Asserts that the files are as the simulated disk says.
    pub(super) fn assert_shows(&self, seen: &State) {
        let Some(files) = seen else { return assert!(!self.path.exists(), "no directory") };
        let names = names(&self.path);
        assert!(names.iter().eq(files.keys().map(|name| &**name)), "all goes through `disk`");
        for (name, content) in files {
            let bytes = std::fs::read(self.path.join(&**name)).expect("a file");
            assert!(Content::of(&bytes) == **content, "{name} is as the simulated disk has it");
        }
    }

    /// Flips a bit of the byte at `offset`.
    pub(super) fn flip(&self, name: &str, offset: usize) {
        flip(&self.path.join(name), offset);
    }
}

impl Shown {
    fn change_to(&mut self, content: &Rc<Content>, path: &Path) {
        if Rc::ptr_eq(&self.content, content) || self.content == *content {
            return;
        }
        let open = || OpenOptions::new().write(true).open(path).expect("a file");
        let file = self.file.get_or_insert_with(open);
        let (old, new) = (&*self.content, &**content);
        if new.length() < old.length() {
            file.set_len(new.length() as u64).expect("cut off");
        }
        let differs = |index: usize, sector: &Sector| match old.sectors().get(index) {
            Some(before) => before != sector,
            None => *sector != Sector::default(),
        };
        let mut reached = old.length().min(new.length());
        let mut run = Vec::new();
        for (index, sector) in new.sectors().iter().enumerate() {
            if !differs(index, sector) {
                continue;
            }
            run.extend_from_slice(sector.bytes());
            let follows = new.sectors().get(index + 1);
            if follows.is_some_and(|next| differs(index + 1, next)) {
                continue;
            }
            let end = new.length().min((index + 1) * SECTOR_BYTES);
            let start = (index + 1) * SECTOR_BYTES - run.len();
            file.write_all_at(&run[..end - start], start as u64).expect("written");
            reached = reached.max(end);
            run.clear();
        }
        if reached < new.length() {
            file.set_len(new.length() as u64).expect("made longer");
        }
        self.content = Rc::clone(content);
    }
}
