//! Any bytes through the decoder of `binance-bookTicker`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickcast_fuzz::check("binance-bookTicker", "BTCUSD_PERP-bookTicker-2024-01-01.csv", data));
