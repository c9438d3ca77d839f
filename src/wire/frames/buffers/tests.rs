//! When a frame is begun, kept and repeated.

use super::*;
use crate::{
    fanout::Form,
    wire::{encodings::encoder::HEAD_BYTES, frames::OpenArray},
};

#[test]
fn a_compressed_frame_that_was_full_is_not_repeated_where_more_fits() {
    let mut frames = FrameBuffers::new(4096, 256);
    frames.begin(0, FrameSize::Small, None, |_, _, _| ());
    frames.keep(0);
    frames.current_mut().bytes.resize(HEAD_BYTES + 1900, 0);
    assert!(!frames.current().has_room());
    let compress = |bytes: &mut Vec<u8>, _: &mut Crc| {
        bytes.truncate(HEAD_BYTES + 10);
        0
    };
    frames.finish(0, |_| (), compress);
    frames.begin(0, FrameSize::Full, None, |_, _, _| ());
    assert!(!frames.repeat(0, 0), "a larger frame has what this one left out");
    frames.begin(0, FrameSize::Small, None, |_, _, _| ());
    assert!(frames.repeat(0, 0));
}

#[test]
fn a_dialects_frame_continues_what_it_is_told_whatever_came_in_between() {
    let form = Form::gathered(7);
    let unfinished = Unfinished { form, gathered: Nanos(5), closing: *b"]}", closing_bytes: 2 };
    let array =
        OpenArray { form, gathered: Nanos(5), is_rest: false, payload: 0, end: HEAD_BYTES, closing_bytes: 1 };
    let mut frames = FrameBuffers::new(4096, 256);
    let mut begin = |sequence, unfinished| {
        frames.set_message(sequence, unfinished);
        frames.begin(6, FrameSize::Full, None, |begun, times, _| *times = *begun);
        let times = frames.current().times;
        assert_eq!((times.sequence, times.unfinished, times.array), (sequence, unfinished, None));
        // It writes a message, and a frame without any of this follows.
        frames.current_mut().times.array = Some(array);
        frames.current_mut().bytes.push(0);
        frames.finish(6, |_| (), |_, _| 0);
        frames.begin(0, FrameSize::Full, None, |begun, times, _| times.restart(begun));
        frames.current_mut().bytes.push(0);
        frames.finish(0, |_| (), |_, _| 0);
    };
    for told in [(1, None), (1, Some(unfinished)), (2, Some(unfinished)), (2, None), (2, None)] {
        begin(told.0, told.1);
    }
}
