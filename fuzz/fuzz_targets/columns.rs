//! Any bytes through the decoder of `columns`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickcast_fuzz::check("columns", "columns.csv", data));
