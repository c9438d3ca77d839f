//! Any bytes through the decoder of `csv`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickcast_fuzz::check("csv", "plain.csv", data));
