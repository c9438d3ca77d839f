//! Any bytes through the decoder of `itch`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickcast_fuzz::check("itch", "S100913-v50.txt", data));
