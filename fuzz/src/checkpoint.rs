//! What is derived and read as a whole: the checkpoint's slots and the guides,
//! as in [`frame`](crate::frame).

use gaugelog::fuzzing;

use crate::frame::check;
use crate::input::Input;
use crate::signing::{sign, u32_at};

/// Takes one slot or one guide from `bytes`.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (guide, signed) = (input.flag(), input.flag());
    let identity = if guide { input.u64() } else { 0 };
    let mut bytes = input.rest().to_vec();
    if guide {
        if signed {
            sign(&mut bytes);
        }
        check(&bytes, 4..5, |bytes| fuzzing::guide(identity, bytes));
    } else {
        let length = usize::try_from(u32_at(&bytes, 4)).expect("32 bits");
        if signed && bytes.len() >= length {
            sign(&mut bytes[..length]);
        }
        check(&bytes, 4..8, fuzzing::checkpoint);
    }
}
