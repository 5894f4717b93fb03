//! Replaces the kernel's random numbers by numbers that are random enough and the same in
//! each run. The seeds of hash maps come from them (pco has some), and the order of a map
//! is part of what the fuzzer sees.
#![allow(unsafe_code, reason = "the C library's function is replaced")]

use std::sync::atomic::{AtomicU8, Ordering};

static NEXT: AtomicU8 = AtomicU8::new(1);

/// Replaces the C library's function of this name.
///
/// # Safety
/// `into` has room for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(into: *mut u8, length: usize, _flags: u32) -> isize {
    for at in 0..length {
        let byte = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9D) ^ 0x5A;
        // SAFETY: it lies within the caller's `length` bytes.
        unsafe { into.add(at).write(byte) };
    }
    length.cast_signed()
}
