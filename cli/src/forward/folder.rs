//! A folder of Parquet files, each written once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gaugelog::{Observation, Options};
use gaugelog_sources::{Access, open_own};
use parquet::file::metadata::{KeyValue, ParquetMetaDataReader};
use tempfile::Builder;

use super::cursor::id_text;
use crate::exit::Exit;
use crate::explain::way_out_of_io;
use crate::output::shown;
use crate::parquet_file;

/// In a file: the CRC-32 of its observations.
const CHECKSUM: &str = "gaugelog.crc32";
/// In a file: the series that its rows name.
const SERIES: &str = "gaugelog.series";
/// The ending of a file that is not whole. It begins with a dot, so that no reader of the
/// folder takes it for data.
const UNFINISHED: &str = ".new";
/// What was not touched for so long was left by a process that was killed.
const LEFT_AFTER: Duration = Duration::from_secs(3_600);

/// Observations of a store, and the file that they belong into.
#[derive(Debug)]
pub(super) struct Part<'p> {
    pub(super) store_id: u64,
    pub(super) series: &'p str,
    pub(super) sequences: Range<u64>,
    /// In the order of their sequence numbers. Those that are lost are not there.
    pub(super) rows: &'p [(u64, Observation)],
}

/// What became of a part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Put {
    Written,
    /// Its file was there.
    Found,
}

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// The stores that write files here, by their ids.
    owners: RefCell<HashMap<u64, PathBuf>>,
}

impl Folder {
    /// A folder that is there. It is not created: where another file system is not mounted,
    /// the files would go to the wrong disk.
    pub(super) fn open(path: &Path) -> Result<Self, Exit> {
        let refused = |error: io::Error| {
            let way_out = "name a folder that is there and can be written";
            Exit::Error(format!("{}: {error}; {way_out}", shown(path)))
        };
        let path = fs::canonicalize(path).map_err(refused)?;
        match path.is_dir() {
            true => Ok(Self { path, owners: RefCell::default() }),
            false => Err(refused(ErrorKind::NotADirectory.into())),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses a store whose id another one has: their files would have the same names.
    ///
    /// # Errors
    /// Both stores are named.
    pub(super) fn claim(&self, id: u64, store: &Path) -> Result<(), Exit> {
        let mut owners = self.owners.borrow_mut();
        let has_id = |other: &PathBuf| {
            let snapshot = Options::new().positioned_reads(true).snapshot(other);
            snapshot.is_ok_and(|snapshot| snapshot.store_id() == id)
        };
        if let Some(other) = owners.get(&id).filter(|other| *other != store && has_id(other)) {
            return Err(Exit::Error(format!(
                "{} and {} have the same id, so one is a copy of the other, and their files would \
                 have the same names; forward one of them to a folder of its own",
                shown(other),
                shown(store)
            )));
        }
        owners.insert(id, store.to_owned());
        Ok(())
    }

    /// Writes the file of a part unless it is there. When this returns it is on the disk.
    ///
    /// # Errors
    /// It cannot be written, or a file with its name holds other observations.
    pub(super) fn put(&self, part: &Part<'_>) -> Result<Put, Exit> {
        let path = self.path.join(part.file_name());
        match open_own(&path, Access::Read) {
            Ok(file) => self.check(&file, &path, part).map(|()| Put::Found),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.write(&path, part).map_err(|error| cannot("write", &path, &error))?;
                Ok(Put::Written)
            }
            Err(error) => Err(Exit::Error(error.to_string())),
        }
    }

    fn write(&self, path: &Path, part: &Part<'_>) -> io::Result<()> {
        let mut file = Builder::new()
            .prefix(&format!(".{}.", part.file_name()))
            .suffix(UNFINISHED)
            // A temporary file is its owner's alone by default.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(&self.path)?;
        let about = vec![
            KeyValue::new(CHECKSUM.to_owned(), part.checksum()),
            KeyValue::new(SERIES.to_owned(), part.series.to_owned()),
        ];
        let rows = part.rows.iter().copied().map(io::Result::Ok);
        parquet_file::write(file.as_file_mut(), part.series, about, rows)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|failure| failure.error)?;
        File::open(&self.path)?.sync_all()
    }

    /// Whether a file that is there holds a part. Where observations have been lost since,
    /// it holds more than the store.
    fn check(&self, file: &File, path: &Path, part: &Part<'_>) -> Result<(), Exit> {
        let metadata = ParquetMetaDataReader::new().parse_and_finish(file).map_err(|error| {
            Exit::Error(format!(
                "{}: this is no whole Parquet file ({error}); remove it, and it is written again",
                shown(path)
            ))
        })?;
        let about = metadata.file_metadata().key_value_metadata();
        let found = |key: &str| {
            let about = about.into_iter().flatten().find(|about| about.key == key);
            about.and_then(|about| about.value.as_deref())
        };
        if let Some(series) = found(SERIES).filter(|series| *series != part.series) {
            return Err(Exit::Error(format!(
                "{}: this file holds the series {series}, and the store with its id is the series \
                 {} now; forward a copy of a store to a folder of its own, and give a renamed \
                 store its old name",
                shown(path),
                part.series
            )));
        }
        let is_same = found(CHECKSUM) == Some(part.checksum().as_str());
        match is_same || !part.is_complete() {
            true => Ok(()),
            false => Err(Exit::Error(format!(
                "{}: this file holds other observations than the store, which may have been \
                 restored from an older copy; move the file away, or forward the store to \
                 another folder",
                shown(path)
            ))),
        }
    }

    /// Removes what killed processes have left of a store's files.
    pub(super) fn clean(&self, store_id: u64) -> Result<(), Exit> {
        let refused = |error| cannot("read", &self.path, &error);
        let begins = format!(".{}-", id_text(store_id));
        for entry in fs::read_dir(&self.path).map_err(refused)? {
            let entry = entry.map_err(refused)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(&begins) && name.ends_with(UNFINISHED) && is_left(&entry) {
                // Another process may have been first.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }
}

impl Part<'_> {
    /// The store's id and the first and last sequence number.
    fn file_name(&self) -> String {
        let Range { start, end } = self.sequences;
        format!("{}-{start:012}-{:012}.parquet", id_text(self.store_id), end - 1)
    }

    fn is_complete(&self) -> bool {
        self.sequences.end - self.sequences.start == self.rows.len() as u64
    }

    fn checksum(&self) -> String {
        let mut crc = crc32fast::Hasher::new();
        for (sequence, Observation { timestamp_ns, value }) in self.rows {
            crc.update(&sequence.to_le_bytes());
            crc.update(&timestamp_ns.to_le_bytes());
            crc.update(&value.to_bits().to_le_bytes());
        }
        format!("{:08x}", crc.finalize())
    }
}

fn is_left(entry: &fs::DirEntry) -> bool {
    let modified = entry.metadata().and_then(|metadata| metadata.modified());
    let age = modified.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
    age.is_some_and(|age| age > LEFT_AFTER)
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Exit {
    let way_out = way_out_of_io(error).map_or(String::new(), |it| format!("; {it}"));
    Exit::Error(format!("{}: cannot {what} it: {error}{way_out}", shown(path)))
}
