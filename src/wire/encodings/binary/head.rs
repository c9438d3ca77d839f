//! The head of a binary message: everything before its body. It depends on the frame and the session.

use super::{
    super::encoder::{Addressed, MessageKind, Shown},
    varint::{self, ByteSink, HeadBytes, write_text, write_times},
};
use crate::{
    fanout::GapReason,
    planted::{Fault, is_planted},
    topic::Reference,
    wire::frames::FrameTimes,
};

/// In a short update: `n` follows the seq. Bits 0 to 5 are the mask of fields 0 to 5.
const SHORT_HAS_N: u8 = 0x40;
/// Not a short update. Bits 0 to 3 are the kind.
const LONG: u8 = 0x80;
/// The symbol and its reference follow its number.
const INTRODUCES: u8 = 0x10;
/// The subscription's name follows.
const HAS_NAME: u8 = 0x20;
/// `n` follows the seq.
const HAS_N: u8 = 0x40;

const UPDATE: u8 = 0;
const SNAPSHOT: u8 = 1;
const RUN: u8 = 2;
const GAP: u8 = 3;

/// Appends a message's head, and `first_byte` of its body, which it may merge with its own.
#[inline]
pub fn write(
    kind: MessageKind,
    head: &Addressed<'_>,
    shown: &Shown<'_>,
    n: u64,
    first: u8,
    times: &mut FrameTimes,
    out: &mut Vec<u8>,
) {
    let after = times.advance(shown.ts, shown.rx);
    let is_plain = head.name.is_none() && !introduces(head) && kind == MessageKind::Update;
    let is_short = is_plain && first < SHORT_HAS_N && first != 0;
    let mut gathered = HeadBytes::new();
    if is_short {
        gathered.put(if n > 1 { first | SHORT_HAS_N } else { first });
        varint::write(u64::from(head.topic.number.0), &mut gathered);
    } else if is_plain {
        gathered.put(LONG | UPDATE | has_n(n));
        varint::write(u64::from(head.topic.number.0), &mut gathered);
    } else {
        let kind = match kind {
            MessageKind::Update => UPDATE | has_n(n),
            MessageKind::Snapshot => SNAPSHOT,
        };
        write_begin(kind, head, out);
    }
    varint::write(shown.seq, &mut gathered);
    if n > 1 {
        varint::write(n, &mut gathered);
    }
    write_times(after, &mut gathered);
    out.extend_from_slice(gathered.bytes());
    if !is_short {
        out.push(first);
    }
}

/// Appends the head of a run.
pub fn write_run(head: &Addressed<'_>, first_seq: u64, count: u64, out: &mut Vec<u8>) {
    write_begin(RUN, head, out);
    varint::write(first_seq, out);
    varint::write(count, out);
}

/// Appends a gap.
pub fn write_gap(head: &Addressed<'_>, from: u64, to: u64, reason: GapReason, out: &mut Vec<u8>) {
    write_begin(GAP, head, out);
    varint::write(from, out);
    varint::write(to, out);
    out.push(match reason {
        GapReason::Slow => 0,
        GapReason::Resume => 1,
        GapReason::Epoch => 2,
    });
}

/// Appends the common start of all messages but short updates, up to the subscription's name.
fn write_begin(kind: u8, head: &Addressed<'_>, out: &mut Vec<u8>) {
    let introduces = introduces(head);
    let has_introduction = if introduces { INTRODUCES } else { 0 };
    let has_name = if head.name.is_some() { HAS_NAME } else { 0 };
    out.push(LONG | kind | has_introduction | has_name);
    varint::write(u64::from(head.topic.number.0), out);
    if introduces {
        let Reference { price, spread, places } = head.reference;
        write_text(head.topic.symbol.as_str(), out);
        out.push(places.byte());
        varint::write_signed(price, out);
        varint::write_signed(spread.into(), out);
    }
    if let Some(name) = head.name {
        write_text(name.as_str(), out);
    }
}

/// Whether the message introduces its symbol's number.
#[inline]
fn introduces(head: &Addressed<'_>) -> bool {
    head.topic.is_first && !is_planted(Fault::ForgetsIntroduction)
}

const fn has_n(n: u64) -> u8 {
    if n > 1 { HAS_N } else { 0 }
}
