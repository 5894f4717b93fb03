//! A small store whose files were damaged or forged, opened and read.
#![no_main]
#![allow(missing_docs, reason = "the macro's items")]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gaugelog_fuzz::directory::run(bytes));
