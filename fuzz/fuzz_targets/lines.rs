//! Numbers, one a line, from any bytes in any portions.
#![no_main]
#![allow(missing_docs, reason = "the macro's items")]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gaugelog_fuzz::lines::run(bytes));
