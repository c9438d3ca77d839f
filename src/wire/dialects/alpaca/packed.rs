//! Alpaca's messages of data in `MessagePack`: binary, each an array of one trade or quote, with its time as the extension of
//! timestamps.
//!
//! Prices are doubles: the one that is nearest, which prints as the price up to 15 digits. Sizes of stocks that are whole
//! are integers, as clients with types for them expect. The symbol stands before what sessions share.

use rmp::encode;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::{
    answer::AlpacaError,
    members::{self, MemberWriter},
    point::{self, AlpacaDatum},
    values::{put_text, text, uint},
};
use crate::{
    tick::{Decimal, Nanos},
    wire::{
        CloseReason,
        dialects::spelling,
        encodings::{
            encoder::{Addressed, Constant, MessageKind, RecordPart, Shown},
            venue::VenueMessages,
        },
        frames::FrameTimes,
        websocket,
    },
};

/// `ROW` is its index in the table of encodings.
pub struct AlpacaPacked<const ROW: u8>;

struct AlpacaPackedMembers;

/// The extension that is a timestamp.
const TIMESTAMP: i8 = -1;
const NANOS_A_SECOND: i64 = 1_000_000_000;
/// Whole numbers up to here are doubles.
const DOUBLE_MAX: u64 = 1 << 53;

impl<const ROW: u8> VenueMessages for AlpacaPacked<ROW> {
    const ID: u8 = ROW;
    const IS_BINARY: bool = true;

    fn body(
        kind: MessageKind,
        _: &Constant<'_>,
        shown: &Shown<'_>,
        part: &RecordPart<'_>,
        out: &mut Vec<u8>,
    ) {
        let Some(point) = AlpacaDatum::of(kind, shown, part) else { return };
        members::write::<AlpacaPackedMembers>(&point, shown.ts, point::is_crypto(part.form), out);
    }

    /// The array, and the map up to its symbol.
    fn before(head: &Addressed<'_>, shown: &Shown<'_>, _: &mut FrameTimes, out: &mut Vec<u8>) {
        let kind = AlpacaDatum::kind(head.form, shown);
        let entries = match (kind, point::is_crypto(head.form)) {
            (_, true) => 7,
            ("q", _) => 11,
            ("c", _) => 13,
            _ => 9,
        };
        // Writing to a vector does not fail, here and below.
        drop(encode::write_array_len(out, 1));
        drop(encode::write_map_len(out, entries));
        put_text("T", kind, out);
        put_text("S", spelling::of_name(head.name).unwrap_or(head.topic.symbol.as_str()), out);
    }

    fn close(reason: CloseReason, out: &mut Vec<u8>) {
        if let Some(error) = AlpacaError::of_close(reason) {
            websocket::write_frame(OpCode::Data(Data::Binary), &error.to_packed(), out);
        }
        let (code, phrase) = AlpacaError::close_of(reason);
        websocket::write_close_of(code, phrase, out);
    }
}

// === impl AlpacaPackedMembers ===

impl MemberWriter for AlpacaPackedMembers {
    fn number(name: &str, value: u64, out: &mut Vec<u8>) {
        text(name, out);
        uint(value, out);
    }

    fn text(name: &str, text: &str, out: &mut Vec<u8>) {
        put_text(name, text, out);
    }

    fn price(name: &str, value: Decimal, out: &mut Vec<u8>) {
        text(name, out);
        drop(encode::write_f64(out, double(value)));
    }

    fn size(name: &str, value: Decimal, is_crypto: bool, out: &mut Vec<u8>) {
        let (mantissa, places) = value.mantissa();
        let one = 10i64.checked_pow(places).unwrap_or(i64::MAX);
        match u64::try_from(mantissa / one) {
            Ok(whole) if !is_crypto && mantissa % one == 0 => Self::number(name, whole, out),
            _ => Self::price(name, value, out),
        }
    }

    fn letters<'a>(name: &str, letters: impl Iterator<Item = &'a str> + Clone, out: &mut Vec<u8>) {
        text(name, out);
        drop(encode::write_array_len(out, letters.clone().count() as u32));
        for letter in letters {
            text(letter, out);
        }
    }

    /// Seconds and nanoseconds in the shortest of the three forms that has room.
    fn time(time: Nanos, out: &mut Vec<u8>) {
        text("t", out);
        let (seconds, nanos) = (time.0.div_euclid(NANOS_A_SECOND), time.0.rem_euclid(NANOS_A_SECOND));
        match u64::try_from(seconds) {
            Ok(seconds) if nanos == 0 && u32::try_from(seconds).is_ok() => {
                drop(encode::write_ext_meta(out, 4, TIMESTAMP));
                out.extend_from_slice(&(seconds as u32).to_be_bytes());
            }
            Ok(seconds) => {
                drop(encode::write_ext_meta(out, 8, TIMESTAMP));
                out.extend_from_slice(&((nanos as u64) << 34 | seconds).to_be_bytes());
            }
            // Before 1970.
            Err(_) => {
                drop(encode::write_ext_meta(out, 12, TIMESTAMP));
                out.extend_from_slice(&(nanos as u32).to_be_bytes());
                out.extend_from_slice(&seconds.to_be_bytes());
            }
        }
    }
}

/// The double that is nearest.
fn double(value: Decimal) -> f64 {
    let (mantissa, places) = value.mantissa();
    // Both are exact, so that one rounding is left.
    if mantissa.unsigned_abs() <= DOUBLE_MAX && places <= 22 {
        return mantissa as f64 / 10f64.powi(places as i32);
    }
    let mut text = Vec::new();
    value.write(&mut text);
    str::from_utf8(&text).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_double_is_the_nearest(mantissa in any::<i64>(), places in 0..=18u32) {
            let value = Decimal::with_places(mantissa, places);
            prop_assume!(value.is_ok());
            let value = value.unwrap();
            let mut text = Vec::new();
            value.write(&mut text);
            let text = String::from_utf8(text).unwrap();
            prop_assert_eq!(double(value).to_bits(), (text.parse::<f64>().unwrap() + 0.0).to_bits(), "{}", text);
        }
    }

    #[test]
    fn a_time_has_the_shortest_form() {
        for (nanos, expected) in [
            (1_610_612_736_000_000_000, &b"\xa1t\xd6\xff\x60\x00\x00\x00"[..]),
            (1_610_612_736_000_000_001, b"\xa1t\xd7\xff\x00\x00\x00\x04\x60\x00\x00\x00"),
            (-1, b"\xa1t\xc7\x0c\xff\x3b\x9a\xc9\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        ] {
            let mut out = Vec::new();
            AlpacaPackedMembers::time(Nanos(nanos), &mut out);
            assert_eq!(out, expected);
        }
    }
}
