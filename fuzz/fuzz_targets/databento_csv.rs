//! Any bytes through the decoder of `databento-csv`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickcast_fuzz::check("databento-csv", "databento-mbp-1.csv", data));
