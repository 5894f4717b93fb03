//! The file of a chunk, damaged or forged, read and verified.
#![no_main]
#![allow(missing_docs, reason = "the macro's items")]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gaugelog_fuzz::chunk::run(bytes));
