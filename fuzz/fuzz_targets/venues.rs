//! Any bytes as the messages of a venue.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickcast_fuzz::converse(data));
