//! The checksum of everything that is stored: CRC-32 as in gzip.

use std::sync::atomic::{AtomicUsize, Ordering};

use crc::{CRC_32_ISO_HDLC, Crc, Table};

static TABLE: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

/// `crc32fast` first asks the processor what it supports. In a virtual machine the host
/// answers that, which takes 90 µs: as long as everything else in a process that appends
/// one observation. So the first bytes of a process are summed by a table.
const BY_TABLE_BYTES: usize = 128 * 1024;
/// How many bytes were summed by the table.
static BY_TABLE: AtomicUsize = AtomicUsize::new(0);

/// The checksum of bytes that end with `bytes`. `before` is the checksum of those before
/// them, or 0 if there are none.
pub(crate) fn checksum(before: u32, bytes: &[u8]) -> u32 {
    if BY_TABLE.load(Ordering::Relaxed) < BY_TABLE_BYTES {
        BY_TABLE.fetch_add(bytes.len(), Ordering::Relaxed);
        return by_table(before, bytes);
    }
    let mut hasher = crc32fast::Hasher::new_with_initial(before);
    hasher.update(bytes);
    hasher.finalize()
}

fn by_table(before: u32, bytes: &[u8]) -> u32 {
    let mut digest = TABLE.digest_with_initial((!before).reverse_bits());
    digest.update(bytes);
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_are_the_same_checksum() {
        let bytes: Vec<u8> = (0..1000_u32).flat_map(|n| (n * n).to_le_bytes()).collect();
        for length in [0, 1, 15, 16, 17, 255, 4000] {
            for before in [0, 1, 0xDEAD_BEEF, u32::MAX] {
                let mut hasher = crc32fast::Hasher::new_with_initial(before);
                hasher.update(&bytes[..length]);
                assert_eq!(by_table(before, &bytes[..length]), hasher.finalize());
            }
        }
        let (first, second) = bytes.split_at(100);
        assert_eq!(checksum(checksum(0, first), second), crc32fast::hash(&bytes));
    }
}
