//! The records of a segment: any bytes decode or do not, without a panic; what
//! decodes encodes to the same bytes again, and does not decode with a bit
//! flipped.

use gaugelog::fuzzing;

use crate::input::Input;
use crate::signing::{frame_bytes, sign, sign_with, u16_at, u32_at};

/// Takes one record of one kind from `bytes`.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (kind, signed) = (input.byte() % 6, input.flag());
    match kind {
        0 => frame(&mut input, signed),
        1 => block_header(&mut input, signed),
        2 => segment_header(&mut input, signed),
        3 => check(input.rest(), 0..0, fuzzing::summary),
        4 => node(&mut input, signed),
        _ => name(&mut input),
    }
}

/// Asserts that `decode` gives the bytes it took, and nothing for a bit
/// flipped outside of `length`, which says how far the checksum reaches.
pub(crate) fn check(
    bytes: &[u8],
    length: std::ops::Range<usize>,
    decode: impl Fn(&[u8]) -> Option<Vec<u8>>,
) {
    let Some(again) = decode(bytes) else { return };
    assert_eq!(bytes.get(..again.len()), Some(again.as_slice()), "not what was decoded");
    if length.is_empty() {
        return;
    }
    let mut flipped = again;
    // Any one bit, so the one that the record itself picks.
    let bit = usize::try_from(crc32fast::hash(&flipped)).expect("32 bits") % (flipped.len() * 8);
    if !length.contains(&(bit / 8)) {
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(decode(&flipped), None, "a flipped bit, {bit}, was not noticed");
    }
}

fn frame(input: &mut Input<'_>, signed: bool) {
    let (identity, offset, block_first) = (input.u64(), input.u64(), input.u64());
    let mut bytes = input.rest().to_vec();
    let length = frame_bytes(&bytes);
    if signed && bytes.len() >= length {
        let sequence = block_first.wrapping_add(u64::from(u16_at(&bytes, 6)));
        sign_with([identity, offset, sequence], &mut bytes[..length]);
    }
    check(&bytes, 4..6, |bytes| fuzzing::frame(identity, offset, block_first, bytes));
}

fn block_header(input: &mut Input<'_>, signed: bool) {
    let (identity, offset) = (input.u64(), input.u64());
    let mut bytes = input.rest().to_vec();
    if signed && bytes.len() >= 40 {
        sign(&mut bytes[..40]);
    }
    check(&bytes, 4..5, |bytes| fuzzing::block_header(identity, offset, bytes));
}

fn segment_header(input: &mut Input<'_>, signed: bool) {
    let mut bytes = input.rest().to_vec();
    let length = usize::try_from(u32_at(&bytes, 4)).expect("32 bits");
    if signed && bytes.len() >= length {
        sign(&mut bytes[..length]);
    }
    check(&bytes, 4..8, fuzzing::segment_header);
}

fn node(input: &mut Input<'_>, signed: bool) {
    let (identity, index, level) = (input.u64(), input.u64(), u32::from(input.byte() % 54));
    let mut bytes = input.rest().to_vec();
    if signed && bytes.len() >= 96 {
        sign_with([identity, u64::from(level), index], &mut bytes[..96]);
    }
    check(&bytes, 4..5, |bytes| fuzzing::node(identity, level, index, bytes));
}

fn name(input: &mut Input<'_>) {
    if let Ok(name) = str::from_utf8(input.rest()) {
        assert!(fuzzing::rows_name(name).is_none_or(|again| again == name), "{name}");
    }
}
