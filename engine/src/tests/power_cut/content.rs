//! The content of a file, in the units that a disk writes whole or not at all.

use std::cell::OnceCell;
use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;
use std::rc::Rc;

pub(super) const SECTOR_BYTES: usize = 512;
static ZEROS: [u8; SECTOR_BYTES] = [0; SECTOR_BYTES];

/// 512 bytes, shared by all the contents that hold them.
#[derive(Clone, Debug, Default)]
pub(super) struct Sector(Option<Rc<Bytes>>);

#[derive(Debug)]
struct Bytes {
    bytes: [u8; SECTOR_BYTES],
    digest: u64,
}

impl Sector {
    fn of(bytes: [u8; SECTOR_BYTES]) -> Self {
        if bytes == ZEROS {
            return Self(None);
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(&bytes);
        Self(Some(Rc::new(Bytes { bytes, digest: hasher.finish() })))
    }

    pub(super) fn bytes(&self) -> &[u8; SECTOR_BYTES] {
        self.0.as_ref().map_or(&ZEROS, |it| &it.bytes)
    }

    fn digest(&self) -> u64 {
        self.0.as_ref().map_or(0, |it| it.digest)
    }
}

impl PartialEq for Sector {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(one), Some(two)) => {
                Rc::ptr_eq(one, two) || (one.digest == two.digest && one.bytes == two.bytes)
            }
            _ => false,
        }
    }
}

/// A file's bytes. The last sector is zeros after the length.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    sectors: Vec<Sector>,
    length: usize,
    /// Computed when it is first needed.
    digest: OnceCell<u64>,
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.length == other.length && self.sectors == other.sectors
    }
}

impl Content {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut content = Self::default();
        content.write(0, bytes);
        content
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// The sector at `index`. After the end it is zeros.
    pub(super) fn sector(&self, index: usize) -> Sector {
        self.sectors.get(index).cloned().unwrap_or_default()
    }

    pub(super) fn sectors(&self) -> &[Sector] {
        &self.sectors
    }

    /// Writes `bytes`, and returns the sectors touched.
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) -> Range<usize> {
        self.digest.take();
        let end = offset + bytes.len();
        if end > self.length {
            self.resize(end);
        }
        let touched = offset / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES);
        for index in touched.clone() {
            let start = index * SECTOR_BYTES;
            let (from, to) = (offset.max(start), end.min(start + SECTOR_BYTES));
            let mut sector = *self.sectors[index].bytes();
            sector[from - start..to - start].copy_from_slice(&bytes[from - offset..to - offset]);
            self.sectors[index] = Sector::of(sector);
        }
        touched
    }

    /// Puts a whole sector in its place. [`Content::resize`] must follow.
    pub(super) fn put(&mut self, index: usize, sector: Sector) {
        self.digest.take();
        if index >= self.sectors.len() {
            self.sectors.resize(index + 1, Sector::default());
        }
        self.sectors[index] = sector;
    }

    /// Cuts the content off, or adds zeros.
    pub(super) fn resize(&mut self, length: usize) {
        self.digest.take();
        self.sectors.resize(length.div_ceil(SECTOR_BYTES), Sector::default());
        self.length = length;
        let within = length % SECTOR_BYTES;
        if let Some(last) = self.sectors.last_mut()
            && within > 0
            && last.bytes()[within..] != ZEROS[within..]
        {
            let mut bytes = *last.bytes();
            bytes[within..].fill(0);
            *last = Sector::of(bytes);
        }
    }

    /// One past the last byte that is not zero.
    pub(super) fn zeros_from(&self) -> usize {
        let Some(index) = self.sectors.iter().rposition(|it| *it != Sector::default()) else {
            return 0;
        };
        let last = self.sectors[index].bytes().iter().rposition(|byte| *byte != 0);
        index * SECTOR_BYTES + last.expect("a byte that is not zero") + 1
    }

    /// All bytes, without sectors of zeros at the end.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let sectors = self.zeros_from().div_ceil(SECTOR_BYTES);
        let mut bytes = Vec::with_capacity(sectors * SECTOR_BYTES);
        for sector in &self.sectors[..sectors] {
            bytes.extend_from_slice(sector.bytes());
        }
        bytes.truncate(self.length);
        bytes
    }

    /// The first `length` bytes, or all if there are fewer.
    pub(super) fn bytes_to(&self, length: usize) -> Vec<u8> {
        let sectors = length.min(self.length).div_ceil(SECTOR_BYTES);
        let mut bytes = Vec::with_capacity(sectors * SECTOR_BYTES);
        self.sectors[..sectors].iter().for_each(|it| bytes.extend_from_slice(it.bytes()));
        bytes.truncate(length.min(self.length));
        bytes
    }

    /// A digest that distinguishes contents, as far as 64 bits can.
    pub(super) fn digest(&self) -> u64 {
        let mixed = |digest: u64, sector: &Sector| {
            (digest.rotate_left(5) ^ sector.digest()).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        };
        *self.digest.get_or_init(|| self.sectors.iter().fold(self.length as u64, mixed))
    }
}
