//! Records, frames, headers of chunks, sketches, summaries and names, from any bytes.
#![no_main]
#![allow(missing_docs, reason = "the macro's items")]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gaugelog_fuzz::manifest::run(bytes));
