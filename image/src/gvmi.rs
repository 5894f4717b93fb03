//! The bytes of an image: a squashfs, and behind it the container's configuration,
//! as the runtime expects them:
//!
//! | bytes | |
//! |---|---|
//! | | squashfs |
//! | 4 | CRC-32/ISO-HDLC of the JSON, little-endian |
//! | | the configuration, JSON |
//! | 8 | the length of the JSON, decimal digits |

use std::fmt::Write;
use std::io::Cursor;

use backhand::compression::{CompressionOptions, Compressor, Zstd};
use backhand::{FilesystemCompressor, FilesystemWriter, NodeHeader};
use serde_json::Value;
use sha3::{Digest, Sha3_224};

use crate::Result;
use crate::tree::{Entry, Tree};

/// A page that is not in memory costs decompressing all of its block: larger ones are
/// smaller together, but where memory is full the programs of the image hardly go on.
const BLOCK_BYTES: u32 = 1 << 17;
/// A disk is read by the page.
const PADDED_TO: usize = 4096;
/// The slowest: an image is made once, and its reading does not take longer.
const LEVEL: u32 = 22;

/// The image of `tree` and `config`.
///
/// # Errors
///
/// Where the tree cannot be held by a squashfs.
pub fn encode(tree: &Tree, config: &Value) -> Result<Vec<u8>> {
    let mut image = squashfs(tree).map_err(|error| format!("cannot make a squashfs: {error}"))?;
    let json = config.to_string();
    image.extend(crc32fast::hash(json.as_bytes()).to_le_bytes());
    image.extend(json.as_bytes());
    image.extend(format!("{:08}", json.len()).bytes());
    Ok(image)
}

/// The name by which the image repository knows `image`: its SHA3-224 hash.
pub fn name(image: &[u8]) -> String {
    Sha3_224::digest(image).iter().fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}

fn squashfs(tree: &Tree) -> std::result::Result<Vec<u8>, backhand::BackhandError> {
    let mut writer = FilesystemWriter::default();
    let options = CompressionOptions::Zstd(Zstd { compression_level: LEVEL });
    writer.set_compressor(FilesystemCompressor::new(Compressor::Zstd, Some(options))?);
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
    // Behind its end stands what was written of the last file that turned out to be
    // another one's duplicate.
    let mut bytes = bytes.into_inner();
    bytes.truncate(usize::try_from(superblock.bytes_used).unwrap_or(usize::MAX));
    bytes.resize(bytes.len().next_multiple_of(PADDED_TO), 0);
    Ok(bytes)
}
