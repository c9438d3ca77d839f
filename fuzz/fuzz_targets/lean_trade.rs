//! Any bytes through the decoder of `lean-trade`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickcast_fuzz::check("lean-trade", "20131009_ibm_trade_tick.csv", data));
