//! [`JsonDeflated`]: JSON over WebSocket with permessage-deflate (RFC 7692), without context takeover. It shares all
//! cached messages with plain JSON; only finished frames differ, and are compressed once for all sessions.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::{
    encoder::{Encoder, HEAD_BYTES},
    json::Json,
};
use crate::wire::{
    CloseReason,
    compression::{DeflateWindow, Deflater},
    websocket,
};

/// For receivers with a window of this many bits.
pub struct JsonDeflated<const WINDOW_BITS: u8>;

pub const FULL: u8 = DeflateWindow::Full.bits();
pub const SMALL: u8 = DeflateWindow::Small.bits();

const TEXT: OpCode = OpCode::Data(Data::Text);

impl<const WINDOW_BITS: u8> JsonDeflated<WINDOW_BITS> {
    const WINDOW: DeflateWindow =
        if WINDOW_BITS == FULL { DeflateWindow::Full } else { DeflateWindow::Small };
}

impl<const WINDOW_BITS: u8> Encoder for JsonDeflated<WINDOW_BITS> {
    const ID: u8 = if WINDOW_BITS == FULL { 2 } else { 3 };
    type Messages = Json;
    const HAS_PINGS: bool = true;
    const IS_DEFLATED: bool = true;

    fn frame(bytes: &mut Vec<u8>, deflater: &mut Deflater) -> usize {
        if deflater.replace(Self::WINDOW, HEAD_BYTES, bytes) {
            websocket::frame_deflated(TEXT, bytes)
        } else {
            websocket::frame(TEXT, bytes)
        }
    }

    fn frame_control(payload: &[u8], out: &mut Vec<u8>, deflater: &mut Deflater) {
        match deflater.deflated(Self::WINDOW, payload) {
            Some(deflated) => websocket::write_frame_deflated(TEXT, deflated, out),
            None => websocket::write_frame(TEXT, payload, out),
        }
    }

    fn ping(out: &mut Vec<u8>) {
        websocket::write_ping(out);
    }

    fn close(reason: CloseReason, out: &mut Vec<u8>) {
        websocket::write_close(reason, out);
    }
}
