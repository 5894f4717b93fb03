//! Checksums, as `FORMAT.md` has them, put right after the bytes were changed.

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |it| u16::from_le_bytes(it.try_into().expect("two")))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |it| u32::from_le_bytes(it.try_into().expect("four")))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).map_or(0, |it| u64::from_le_bytes(it.try_into().expect("eight")))
}

/// The checksum of bytes 4 to the end, into bytes 0 to 3.
pub(crate) fn sign(record: &mut [u8]) {
    if record.len() >= 4 {
        let crc = crc32fast::hash(&record[4..]);
        record[..4].copy_from_slice(&crc.to_le_bytes());
    }
}

/// As [`sign`], with three numbers covered that are not written.
pub(crate) fn sign_with(numbers: [u64; 3], record: &mut [u8]) {
    if record.len() >= 4 {
        let mut hasher = crc32fast::Hasher::new();
        numbers.iter().for_each(|number| hasher.update(&number.to_le_bytes()));
        hasher.update(&record[4..]);
        record[..4].copy_from_slice(&hasher.finalize().to_le_bytes());
    }
}

/// Of bytes 0 to 11, into bytes 12 to 15.
pub(crate) fn sign_marker(bytes: &mut [u8]) {
    if bytes.len() >= 16 {
        let crc = crc32fast::hash(&bytes[..12]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    }
}

/// The length of a frame, as its own count says.
pub(crate) fn frame_bytes(frame: &[u8]) -> usize {
    16 + 16 * usize::from(u16_at(frame, 4))
}
