//! The records of the format by themselves: any bytes decode or do not, without a panic.
//! What decodes encodes to the same bytes again, and does not decode with a flipped bit.

use gaugelog::fuzzing;

use crate::input::Input;
use crate::signing::{RECORD, frame_bytes, sign, sign_frame, u32_at};

/// Decodes one record of one kind from `bytes`.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (kind, signed) = (input.byte() % 8, input.flag());
    match kind {
        0..=2 => record(&mut input, signed),
        3 => frame(&mut input, signed),
        4 => chunk_header(&mut input, signed),
        5 => check(input.rest(), false, fuzzing::summary),
        6 => sketch(&mut input),
        _ => name(&mut input),
    }
}

/// Asserts that `decode` returns the bytes that it took, and `None` for a flipped bit if
/// a checksum covers it.
fn check(bytes: &[u8], has_checksum: bool, decode: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    let Some(again) = decode(bytes) else { return };
    assert_eq!(bytes.get(..again.len()), Some(again.as_slice()), "not what was decoded");
    if !has_checksum {
        return;
    }
    let mut flipped = again;
    // Any single bit: the record itself picks it.
    let bit = usize::try_from(crc32fast::hash(&flipped)).expect("32 bits") % (flipped.len() * 8);
    flipped[bit / 8] ^= 1 << (bit % 8);
    assert_eq!(decode(&flipped), None, "a flipped bit, {bit}, was not noticed");
}

/// A short input is the beginning of a record. The rest is zeros.
fn record(input: &mut Input<'_>, signed: bool) {
    let mut bytes = input.rest().to_vec();
    if signed {
        bytes.resize(RECORD, 0);
        sign(&mut bytes);
    }
    check(&bytes, true, fuzzing::record);
}

fn frame(input: &mut Input<'_>, signed: bool) {
    let (log, offset) = (input.u64(), u64::from(input.u32()) & !15);
    let mut bytes = input.rest().to_vec();
    let length = frame_bytes(&bytes);
    if signed && bytes.len() >= length {
        let place = usize::try_from(offset).expect("32 bits");
        sign_frame(log, place, &mut bytes[..length]);
    }
    check(&bytes, true, |bytes| fuzzing::frame(log, offset, bytes));
}

fn chunk_header(input: &mut Input<'_>, signed: bool) {
    let mut bytes = input.rest().to_vec();
    let length = usize::try_from(u32_at(&bytes, 52)).expect("32 bits");
    if signed && bytes.len() >= length {
        sign(&mut bytes[..length]);
    }
    check(&bytes, true, fuzzing::chunk_header);
}

/// The numbers of a sketch can be encoded in several ways. This crate uses only one.
fn sketch(input: &mut Input<'_>) {
    let count = u64::from(input.u16());
    let Some(ours) = fuzzing::sketch(input.rest(), count) else { return };
    assert_eq!(fuzzing::sketch(&ours, count).as_ref(), Some(&ours), "another sketch");
}

fn name(input: &mut Input<'_>) {
    if let Ok(name) = str::from_utf8(input.rest()) {
        assert!(fuzzing::name(name).is_none_or(|again| again == name), "{name}");
    }
}
