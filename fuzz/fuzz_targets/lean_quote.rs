//! Any bytes through the decoder of `lean-quote`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickcast_fuzz::check("lean-quote", "20131009_ibm_quote_tick.csv", data));
