//! Any bytes through the decoder of `dbn`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickcast_fuzz::check("dbn", "mbp-1.dbn", data));
