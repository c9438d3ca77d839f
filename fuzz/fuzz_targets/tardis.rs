//! Any bytes through the decoder of `tardis`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickcast_fuzz::check("tardis", "tardis.csv", data));
