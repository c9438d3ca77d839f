//! Any bytes through the decoder of `binance-aggTrades`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickcast_fuzz::check("binance-aggTrades", "ETHUSDT-aggTrades-2024-01-01.csv", data));
