//! Frames that say when they are sent: the same messages, shared by sessions that are sent them at one moment.

use std::time::Duration;

use super::{BINARY, Shard, TEXT, payload, payload_bytes};
use crate::{
    fanout::Spec,
    tick::{Field, Nanos},
    wire::encodings::{Encoding, binary::Binary, encoder::Messages},
};

const ENCODINGS: [Encoding; 6] = [
    Encoding::JSON,
    Encoding::JSON.telling_sent(),
    Encoding::JSON.telling_sent(),
    Encoding::BINARY,
    Encoding::BINARY.telling_sent(),
    Encoding::BINARY.telling_sent(),
];

/// A shard whose sessions have a snapshot, and are behind by one tick, which came 250 µs ago.
fn behind() -> Shard {
    let mut shard = Shard::new(&ENCODINGS);
    for session in 0..ENCODINGS.len() {
        shard.subscribe(session, 0, &Spec::default());
    }
    shard.tick(&[(0, Field::Bid, 5)]);
    for session in 0..ENCODINGS.len() {
        shard.fill(session).expect("a snapshot");
    }
    shard.tick(&[(0, Field::Bid, 6)]);
    shard.now = shard.now.plus(Duration::from_micros(250));
    shard
}

#[test]
fn a_frame_says_when_it_is_sent_to_those_who_asked() {
    let mut shard = behind();
    let now = shard.now.micros();
    let frames: Vec<_> = (0..ENCODINGS.len()).map(|session| shard.fill(session).unwrap()).collect();
    let (plain, sent) = (payload(&frames[0].0, TEXT), payload(&frames[1].0, TEXT));
    let rest = plain.strip_prefix('[').unwrap();
    assert_eq!(sent, format!("[{{\"type\":\"sent\",\"ts\":{now}}},{rest}"));
    assert_eq!(frames[4].0[0], BINARY);
    let (plain, sent) = (payload_bytes(&frames[3].0), payload_bytes(&frames[4].0));
    assert_eq!(sent, [&[250, 0, 0], plain].concat());
    // Those of one moment share a frame.
    assert_eq!([frames[1].1, frames[4].1], [frames[2].1, frames[5].1]);
}

#[test]
fn at_another_moment_it_is_another_frame() {
    let mut shard = behind();
    let (first, _) = shard.fill(4).unwrap();
    shard.now = shard.now.plus(Duration::from_micros(10));
    let (second, _) = shard.fill(5).unwrap();
    assert_eq!([payload_bytes(&first)[0], payload_bytes(&second)[0]], [250, 4]);
    assert_eq!(payload_bytes(&second)[..3], [4, 1, 0], "260 µs");
    assert_eq!(payload_bytes(&first)[3..], payload_bytes(&second)[3..]);
}

#[test]
fn three_bytes_say_that_or_more() {
    let check = |at: i64, rx: Option<i64>, expected: [u8; 3]| {
        let mut payload = Vec::new();
        Binary::sent(Nanos(at), &mut payload);
        Binary::complete_sent(Nanos(at), rx.map(Nanos), &mut payload);
        assert_eq!(payload, expected);
    };
    check(5_000, Some(2_000), [3, 0, 0]);
    check(0x12_3456 * 1_000, Some(0), [0x56, 0x34, 0x12]);
    check(17_000_000_000, Some(0), [0xFF; 3]);
    // A tick that is newer than the turn's time, and a frame without one.
    check(1_000, Some(9_000), [0; 3]);
    check(1_000, None, [0xFF; 3]);
}
