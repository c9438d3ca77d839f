//! When a frame is begun, kept and repeated.

use super::*;
use crate::wire::encodings::encoder::HEAD_BYTES;

#[test]
fn a_compressed_frame_that_was_full_is_not_repeated_where_more_fits() {
    let mut frames = FrameBuffers::new(4096, 256);
    frames.begin(0, FrameSize::Small, None, |_| ());
    frames.keep(0);
    frames.current_mut().bytes.resize(HEAD_BYTES + 1900, 0);
    assert!(!frames.current().has_room());
    let compress = |bytes: &mut Vec<u8>, _: &mut Crc| {
        bytes.truncate(HEAD_BYTES + 10);
        0
    };
    frames.finish(0, |_| (), compress);
    frames.begin(0, FrameSize::Full, None, |_| ());
    assert!(!frames.repeat(0, 0), "a larger frame has what this one left out");
    frames.begin(0, FrameSize::Small, None, |_| ());
    assert!(frames.repeat(0, 0));
}
