//! Any bytes through the decoder of `tickcast`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickcast_fuzz::check("tickcast", "own.ndjson", data));
