//! What each encoding writes around data: control messages, pings, the end.

use super::{DEFLATED, DEFLATED_SMALL, ENCODINGS, GZIP, TABBED, TEXT, inflated};
use crate::wire::{CloseReason, Control, Deflater, encodings::Encoding};

fn check(encoding: Encoding, write: impl FnOnce(Encoding, &mut Vec<u8>), expected: &[u8]) {
    let mut out = Vec::new();
    write(encoding, &mut out);
    assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

#[test]
fn control_messages_pings_and_the_end_are_written_as_the_encoding_has_them() {
    let drain = |encoding: Encoding, out: &mut Vec<u8>| {
        let mut payload = Vec::new();
        encoding.write_control(&Control::Drain { retry_ms: 7 }, &mut payload);
        encoding.frame_control(&payload, out, &mut Deflater::default());
    };
    check(Encoding::JSON, drain, b"\x81\x1f[{\"type\":\"drain\",\"retry_ms\":7}]");
    check(Encoding::EVENT_STREAM, drain, b"data: [{\"type\":\"drain\",\"retry_ms\":7}]\n\n");
    check(DEFLATED, drain, b"\x81\x1f[{\"type\":\"drain\",\"retry_ms\":7}]");
    check(Encoding::BINARY, drain, b"\x81\x1f[{\"type\":\"drain\",\"retry_ms\":7}]");
    check(TABBED, drain, b"\x82\x07drain\t7");
    check(GZIP, drain, b"\0\x27\0\xd8\xffdata: [{\"type\":\"drain\",\"retry_ms\":7}]\n\n");
    let ping = |encoding: Encoding, out: &mut Vec<u8>| encoding.write_ping(out);
    check(Encoding::JSON, ping, b"\x89\x00");
    check(Encoding::BINARY, ping, b"\x89\x00");
    check(Encoding::EVENT_STREAM, ping, b"");
    assert_eq!(ENCODINGS.map(Encoding::has_pings), [true, false, true, true, true, false, false]);
    check(DEFLATED, ping, b"\x89\x00");
    let retry = |encoding: Encoding, out: &mut Vec<u8>| encoding.write_retry(250, out);
    check(Encoding::JSON, retry, b"");
    check(Encoding::EVENT_STREAM, retry, b"retry: 250\n\n");
    let close = |encoding: Encoding, out: &mut Vec<u8>| encoding.write_close(CloseReason::Normal, out);
    check(Encoding::JSON, close, b"\x88\x14\x03\xe8the replay is over");
    check(Encoding::BINARY, close, b"\x88\x14\x03\xe8the replay is over");
    let event = b"event: close\ndata: {\"code\":1000,\"reason\":\"the replay is over\"}\n\n";
    check(Encoding::EVENT_STREAM, close, event);
    check(DEFLATED, close, b"\x88\x14\x03\xe8the replay is over");
    check(TABBED, close, b"\x82\x0cclose\tnormal\x88\x14\x03\xe8the replay is over");
}

#[test]
fn long_control_messages_are_compressed_where_that_was_agreed_on() {
    let payload = br#"[{"type":"subscribed","id":1,"results":[{"symbol":"A","status":"live"}]}]"#.repeat(9);
    for encoding in [Encoding::JSON, DEFLATED, DEFLATED_SMALL] {
        let mut out = Vec::new();
        encoding.frame_control(&payload, &mut out, &mut Deflater::new(payload.len()));
        assert_eq!(inflated(&out).as_bytes(), payload);
        assert_eq!(out.len() < payload.len() / 4, encoding.is_deflated());
        out.clear();
        encoding.frame_control(&payload, &mut out, &mut Deflater::new(payload.len() + 1));
        assert_eq!(out[0], TEXT, "below the size");
    }
}

#[test]
fn a_subprotocol_asks_for_its_encoding() {
    assert_eq!(Encoding::by_subprotocol("tickcast.v1.json"), Some(Encoding::JSON));
    assert_eq!(
        Encoding::by_subprotocol("TICKCAST.V1.JSON"),
        None,
        "no client would take our spelling for its own"
    );
    assert_eq!(Encoding::by_subprotocol("tickcast.v1.binary"), Some(Encoding::BINARY));
    assert_eq!(Encoding::by_subprotocol("tickcast.test.tabbed"), Some(TABBED));
    assert_eq!(Encoding::by_subprotocol("mqtt"), None);
    for name in Encoding::subprotocols() {
        assert_eq!(Encoding::by_subprotocol(name).and_then(Encoding::subprotocol), Some(name));
    }
    assert_eq!(Encoding::EVENT_STREAM.subprotocol(), None);
}
