//! Any bytes through the decoder of `polygon-quotes`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickcast_fuzz::check("polygon-quotes", "quotes.csv", data));
