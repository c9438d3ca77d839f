//! Any bytes through the decoder of `lean-tick-quote`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickcast_fuzz::check("lean-tick-quote", "20180816_btcusd_tick_quote.csv", data));
