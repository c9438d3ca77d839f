//! Any bytes through the decoder of `binance-trades`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickcast_fuzz::check("binance-trades", "BTCUSDT-trades-2024-01-01.csv", data));
