//! A sketch in bytes: the unit, then each bucket that holds values, in their order.
//!
//! The first byte is the number of decimals, or 255 for a binary unit. Each bucket is a
//! varint of twice its count, plus 1 if empty buckets come before it; then another varint
//! holds their number less 1. The first bucket is counted from the lowest of the unit.
//! Varints have seven bits a byte, the lowest first. All bytes but the last have their
//! highest bit set.

use super::unit::{DECIMALS_MAX, Unit};
use super::{Cell, Sketch};

const BINARY: u8 = 255;

impl Sketch {
    /// Appends the sketch to `bytes`.
    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.push(match self.unit {
            Unit::Decimal(decimals) => decimals,
            Unit::Binary => BINARY,
        });
        let mut next = !self.unit.place_max();
        for cell in &self.cells {
            let gap = u64::from(cell.place.abs_diff(next));
            put_varint(bytes, u64::from(cell.count) << 1 | u64::from(gap > 0));
            if gap > 0 {
                put_varint(bytes, gap - 1);
            }
            next = cell.place + 1;
        }
    }

    /// The sketch of `count` values that fills all of `bytes`; `None` if they are not
    /// one. It takes at most 8 bytes of memory for each byte.
    pub(crate) fn decode(mut bytes: &[u8], count: u64) -> Option<Self> {
        let unit = match *bytes.split_off_first()? {
            BINARY => Unit::Binary,
            decimals if decimals <= DECIMALS_MAX => Unit::Decimal(decimals),
            _ => return None,
        };
        let mut cells = Vec::with_capacity(bytes.len());
        let (place_max, mut total) = (u64::from(unit.place_max().unsigned_abs()), 0_u64);
        // Counted from the lowest place.
        let mut next = 0_u64;
        while !bytes.is_empty() {
            let token = take_varint(&mut bytes)?;
            if token & 1 == 1 {
                next = next.checked_add(take_varint(&mut bytes)?)?.checked_add(1)?;
            }
            if next > 2 * place_max + 1 {
                return None;
            }
            let in_cell = u32::try_from(token >> 1).ok().filter(|count| *count > 0)?;
            total = total.checked_add(in_cell.into())?;
            let place = i32::try_from(next).ok()? - unit.place_max() - 1;
            cells.push(Cell { place, count: in_cell });
            next += 1;
        }
        (total == count).then_some(Self { unit, cells, count })
    }
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = *bytes.split_off_first()?;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}
