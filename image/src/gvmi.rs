//! The bytes of an image: a squashfs, and after it the container's configuration,
//! as the runtime expects them:
//!
//! | bytes | |
//! |---|---|
//! | | squashfs |
//! | 4 | CRC-32/ISO-HDLC of the JSON, little-endian |
//! | | the configuration, JSON |
//! | 8 | the length of the JSON, decimal digits |

use std::fmt::Write;

use serde_json::Value;
use sha3::{Digest, Sha3_224};

use crate::Result;
use crate::squashfs;
use crate::tree::Tree;

/// The image of `tree` and `config`.
///
/// # Errors
///
/// Where the tree cannot be held by a squashfs.
pub fn encode(tree: &Tree, config: &Value) -> Result<Vec<u8>> {
    around(squashfs::encode(tree)?, config)
}

/// The image of a squashfs and `config`.
///
/// # Errors
///
/// Where the runtime's kernel cannot read the squashfs.
pub fn around(squashfs: Vec<u8>, config: &Value) -> Result<Vec<u8>> {
    squashfs::check_compression(&squashfs)?;
    let mut image = squashfs;
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
