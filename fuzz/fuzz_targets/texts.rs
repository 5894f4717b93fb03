//! Specs, pages and sensors' files, from any text.
#![no_main]
#![allow(missing_docs, reason = "the macro's items")]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gaugelog_fuzz::texts::run(bytes));
