//! Any bytes through the decoder of `lean-tick-trade`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickcast_fuzz::check("lean-tick-trade", "20180816_btcusd_tick_trade.csv", data));
