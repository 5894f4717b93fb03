//! How the blocks of the squashfs are compressed: with xz, in the form that the kernel's
//! own decoder reads (Linux `Documentation/staging/xz.rst`): CRC-32, and LZMA2 with a
//! dictionary of at most a block. For blocks with code, the filter for x86 comes first.
//!
//! The encoder is written in Rust: the same source gives the same bytes on each machine,
//! and needs no C library.

use std::io::{Read, Write};

use backhand::compression::{CompressionAction, Compressor};
use backhand::{BackhandError, FilesystemCompressor, SuperBlock};
use lzma_rust2::{CheckType, FilterType, XzOptions, XzReader, XzWriter};

/// The slowest: an image is made once, and reading it does not take longer.
const PRESET: u32 = 9;
/// The most bytes of a table of a squashfs. Tables hold no code.
const TABLE_BYTES_MAX: usize = 8 * 1024;

/// The compression of all blocks.
#[derive(Debug)]
pub(crate) struct Xz;

impl CompressionAction for Xz {
    type Error = BackhandError;
    type Compressor = Compressor;
    type FilesystemCompressor = FilesystemCompressor;
    type SuperBlock = SuperBlock;

    fn compress(
        &self,
        block: &[u8],
        _: FilesystemCompressor,
        block_bytes: u32,
    ) -> Result<Vec<u8>, BackhandError> {
        let mut options = XzOptions::with_preset(PRESET);
        options.lzma_options.dict_size = block_bytes;
        options.set_check_sum_type(CheckType::Crc32);
        if block.len() > TABLE_BYTES_MAX {
            // The kernel's decoder supports only the offset 0.
            options.prepend_pre_filter(FilterType::BcjX86, 0);
        }
        let mut writer = XzWriter::new(Vec::new(), options)?;
        writer.write_all(block)?;
        Ok(writer.finish()?)
    }

    fn decompress(
        &self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        _: Compressor,
    ) -> Result<(), BackhandError> {
        XzReader::new(bytes, false).read_to_end(out)?;
        Ok(())
    }
}
