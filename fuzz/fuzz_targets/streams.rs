//! Any bytes through the decoder of `capture`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickcast_fuzz::check("capture", "streams.txt", data));
