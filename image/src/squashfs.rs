//! The file system of an image: a squashfs, made from a [`Tree`], and which ones the
//! runtime's kernel can read.

use std::io::Cursor;

use backhand::compression::Compressor;
use backhand::kind::Kind;
use backhand::{BackhandError, FilesystemCompressor, FilesystemWriter, NodeHeader};

use crate::Result;
use crate::tree::{Entry, Tree};
use crate::xz::Xz;

/// The maximum. A larger block gives a smaller image, but reading a page that is not in
/// memory decompresses its whole block; measured in README.md.
const BLOCK_BYTES: u32 = 1 << 20;
/// A disk is read in pages.
const PADDED_TO: usize = 4096;

/// Where the superblock states the number of its compression, in two bytes,
/// little-endian.
const COMPRESSION_AT: usize = 20;
/// By their numbers in Linux `fs/squashfs/squashfs_fs.h`, from 1 on.
const COMPRESSIONS: [&str; 6] = ["gzip", "lzma", "lzo", "xz", "lz4", "zstd"];
/// Those that the runtime's kernel, Alpine's `linux-virt`, supports.
const RUNTIME_READS: [&str; 4] = ["gzip", "lzo", "xz", "lz4"];

/// The squashfs of `tree`.
///
/// # Errors
///
/// If a squashfs cannot hold the tree.
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
    // All of it belongs to root, and has no time.
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
    // After its end are the remains of the last file, if it turned out to be a duplicate
    // of another one.
    let mut bytes = bytes.into_inner();
    bytes.truncate(usize::try_from(superblock.bytes_used).unwrap_or(usize::MAX));
    bytes.resize(bytes.len().next_multiple_of(PADDED_TO), 0);
    Ok(bytes)
}
