//! Any bytes as the binary frames of one connection, through the decoder of the client crate.
//!
//! The first byte of the input says whether frames begin with the time of sending, and how long they are.
#![no_main]

use tickcast_client::binary::check_bytes;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&how, bytes)) = data.split_first() else { return };
    let length = if how & 6 == 6 { bytes.len().max(1) } else { usize::from(how) + 1 };
    let frames: Vec<&[u8]> = bytes.chunks(length).collect();
    check_bytes(&frames, how & 1 == 0);
});
