//! The file system of an image: a squashfs, made of a [`Tree`], and what the runtime's
//! kernel can read of one.

use std::io::Cursor;

use backhand::compression::Compressor;
use backhand::kind::Kind;
use backhand::{BackhandError, FilesystemCompressor, FilesystemWriter, NodeHeader};

use crate::Result;
use crate::tree::{Entry, Tree};
use crate::xz::Xz;

/// The largest there is: the larger, the smaller is the image. A page that is not in memory
/// costs decompressing all of its block; measured in README.md.
const BLOCK_BYTES: u32 = 1 << 20;
/// A disk is read by the page.
const PADDED_TO: usize = 4096;

/// Where the superblock has the number of the compression, of two bytes, little-endian.
const COMPRESSION_AT: usize = 20;
/// By their numbers in Linux `fs/squashfs/squashfs_fs.h`, from 1 on.
const COMPRESSIONS: [&str; 6] = ["gzip", "lzma", "lzo", "xz", "lz4", "zstd"];
/// Those that the runtime's kernel is built with, Alpine's `linux-virt`.
const RUNTIME_READS: [&str; 4] = ["gzip", "lzo", "xz", "lz4"];

/// The squashfs of `tree`.
///
/// # Errors
///
/// Where the tree cannot be held by a squashfs.
pub fn encode(tree: &Tree) -> Result<Vec<u8>> {
    written(tree).map_err(|error| format!("cannot make a squashfs: {error}"))
}

/// How this builder's blocks are read and written.
pub fn kind() -> Kind {
    Kind::new_v4(&Xz)
}

/// Refuses a squashfs that the runtime's kernel cannot mount: the guest would power off
/// before the first command.
///
/// # Errors
///
/// Names the compression, and those that can be read.
pub fn check_compression(squashfs: &[u8]) -> Result<()> {
    let field = squashfs.get(COMPRESSION_AT..COMPRESSION_AT + 2);
    let number = field.map_or(0, |field| usize::from(field[0]) | usize::from(field[1]) << 8);
    let name = number.checked_sub(1).and_then(|index| COMPRESSIONS.get(index).copied());
    if name.is_some_and(|name| RUNTIME_READS.contains(&name)) {
        return Ok(());
    }
    let name = name.map_or_else(|| format!("number {number}"), str::to_owned);
    Err(format!(
        "the runtime's kernel cannot read a squashfs whose compression is {name}; use one of {}",
        RUNTIME_READS.join(", ")
    ))
}

fn written(tree: &Tree) -> std::result::Result<Vec<u8>, BackhandError> {
    let mut writer = FilesystemWriter::default();
    writer.set_kind(kind());
    writer.set_compressor(FilesystemCompressor::new(Compressor::Xz, None)?);
    writer.set_block_size(BLOCK_BYTES);
    writer.set_root_mode(0o755);
    writer.set_no_padding();
    // All of it is root's, and of no time.
    let header = |permissions| NodeHeader { permissions, ..NodeHeader::default() };
    for (path, entry) in tree.entries() {
        match entry {
            Entry::Directory(permissions) => writer.push_dir(path, header(*permissions))?,
            Entry::File(permissions, bytes) => {
                writer.push_file(Cursor::new(bytes), path, header(*permissions))?;
            }
        }
    }
    let mut bytes = Cursor::new(Vec::new());
    let (superblock, _) = writer.write(&mut bytes)?;
    // After its end stands what was written of the last file that turned out to be
    // another one's duplicate.
    let mut bytes = bytes.into_inner();
    bytes.truncate(usize::try_from(superblock.bytes_used).unwrap_or(usize::MAX));
    bytes.resize(bytes.len().next_multiple_of(PADDED_TO), 0);
    Ok(bytes)
}
