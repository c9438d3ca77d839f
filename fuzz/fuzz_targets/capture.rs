//! Any bytes through the decoder of `binance-capture`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickcast_fuzz::check("binance-capture", "capture.txt", data));
