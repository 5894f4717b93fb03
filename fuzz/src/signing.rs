//! Numbers in bytes, and checksums as in `FORMAT.md`, corrected after bytes were changed.

pub(crate) const RECORD: usize = 8_192;
pub(crate) const BLOCK: usize = 32_768;
pub(crate) const UNIT: usize = 16;

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |it| u16::from_le_bytes(it.try_into().expect("two")))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |it| u32::from_le_bytes(it.try_into().expect("four")))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).map_or(0, |it| u64::from_le_bytes(it.try_into().expect("eight")))
}

/// Bytes 8 to 11 are the checksum of all that follows: of a record, or of a chunk's
/// header.
pub(crate) fn sign(record: &mut [u8]) {
    if record.len() >= 12 {
        let checksum = crc32fast::hash(&record[12..]);
        record[8..12].copy_from_slice(&checksum.to_le_bytes());
    }
}

pub(crate) fn frame_checksum(log: u64, offset: usize, frame: &[u8]) -> u32 {
    let place = u32::try_from(offset / UNIT).unwrap_or(u32::MAX).wrapping_mul(0x9E37_79B1);
    let seed = crc32fast::hash(&log.to_le_bytes());
    let mut hasher = crc32fast::Hasher::new_with_initial(seed ^ place);
    hasher.update(&frame[4..]);
    hasher.finalize()
}

pub(crate) fn sign_frame(log: u64, offset: usize, frame: &mut [u8]) {
    if frame.len() >= UNIT {
        let checksum = frame_checksum(log, offset, frame);
        frame[..4].copy_from_slice(&checksum.to_le_bytes());
    }
}

/// The length of a frame, by its kind and its count.
pub(crate) fn frame_bytes(frame: &[u8]) -> usize {
    match u16_at(frame, 6) {
        1 => UNIT + UNIT * usize::from(u16_at(frame, 4)),
        _ => UNIT,
    }
}

/// The place of the next frame at or after `offset`.
pub(crate) fn next_place(offset: usize) -> usize {
    if offset % BLOCK > BLOCK - 2 * UNIT { offset.next_multiple_of(BLOCK) } else { offset }
}
