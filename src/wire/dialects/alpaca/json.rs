//! Alpaca's messages of data in JSON: trades, and quotes, that follow one another are one array.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::{
    answer::AlpacaError,
    members::{self, MemberWriter},
    point::{self, AlpacaDatum},
};
use crate::{
    fanout::Form,
    tick::{Decimal, Nanos},
    wire::{
        CloseReason,
        assembled::write_int,
        dialects::{iso, spelling},
        encodings::{
            encoder::{Addressed, Constant, MessageKind, RecordPart, Shown},
            venue::VenueMessages,
        },
        frames::FrameTimes,
        websocket,
    },
};

/// `ROW` is its index in the table of encodings.
pub struct AlpacaJson<const ROW: u8>;

/// Members behind others.
struct AlpacaJsonMembers;

impl<const ROW: u8> VenueMessages for AlpacaJson<ROW> {
    const ID: u8 = ROW;
    const IS_SPELLED: bool = true;

    fn body(
        kind: MessageKind,
        _: &Constant<'_>,
        shown: &Shown<'_>,
        part: &RecordPart<'_>,
        out: &mut Vec<u8>,
    ) {
        let Some(point) = AlpacaDatum::of(kind, shown, part) else { return };
        begin(AlpacaDatum::kind(part.form, shown), out);
        members::write::<AlpacaJsonMembers>(&point, shown.ts, point::is_crypto(part.form), out);
        out.push(b'}');
    }

    fn is_array(_: Form) -> bool {
        true
    }

    fn before(_: &Addressed<'_>, _: &Shown<'_>, _: &mut FrameTimes, out: &mut Vec<u8>) {
        out.push(b'[');
    }

    fn after(_: &Addressed<'_>, out: &mut Vec<u8>) {
        out.push(b']');
    }

    fn close(reason: CloseReason, out: &mut Vec<u8>) {
        if let Some(error) = AlpacaError::of_close(reason) {
            websocket::write_frame(OpCode::Data(Data::Text), error.to_json().as_bytes(), out);
        }
        let (code, phrase) = AlpacaError::close_of(reason);
        websocket::write_close_of(code, phrase, out);
    }
}

fn begin(kind: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"T":""#);
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(br#"","S":""#);
    out.push(spelling::PLACE);
    out.push(b'"');
}

// === impl AlpacaJsonMembers ===

impl MemberWriter for AlpacaJsonMembers {
    fn number(name: &str, value: u64, out: &mut Vec<u8>) {
        write_name(name, out);
        write_int(value, out);
    }

    fn text(name: &str, text: &str, out: &mut Vec<u8>) {
        write_name(name, out);
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }

    fn price(name: &str, value: Decimal, out: &mut Vec<u8>) {
        write_name(name, out);
        value.write(out);
    }

    fn size(name: &str, value: Decimal, _is_crypto: bool, out: &mut Vec<u8>) {
        Self::price(name, value, out);
    }

    fn letters<'a>(name: &str, letters: impl Iterator<Item = &'a str> + Clone, out: &mut Vec<u8>) {
        write_name(name, out);
        for (at, letter) in letters.enumerate() {
            out.extend_from_slice(if at == 0 { b"[\"".as_slice() } else { b",\"" });
            out.extend_from_slice(letter.as_bytes());
            out.push(b'"');
        }
        out.push(b']');
    }

    fn time(time: Nanos, out: &mut Vec<u8>) {
        out.extend_from_slice(br#","t":""#);
        iso::write_shortest(time, out);
        out.push(b'"');
    }
}

fn write_name(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}
