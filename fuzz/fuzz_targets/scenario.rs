//! Any text as the file of a scenario of venue faults.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickcast_fuzz::scenario(data));
