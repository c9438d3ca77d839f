//! Frames that the protocol does not allow, one by one, and what a connection tells its decoder.

use super::{BinaryError, ORIGIN_US, learn, read, welcomed};
use crate::{Message, binary::Decoder, message::Sent};

/// An update that introduces the symbol `A` with the number 1, prices counted from 1.5 and a spread of 0.2; `body` is at
/// byte 9.
fn update(body: &[u8]) -> Vec<u8> {
    [&[0x90, 1, 1, b'A', 0x01, 30, 4, 9, 0], body].concat()
}

/// A varint of all bits.
const MOST: [u8; 10] = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1];
/// The greatest signed number, in zigzag.
const GREATEST: [u8; 10] = [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1];

fn check(bytes: &[u8], expected: BinaryError) {
    assert_eq!(read(&mut welcomed(), bytes), (Vec::new(), Some(expected)), "{bytes:?}");
}

#[test]
fn heads_and_numbers_that_are_none_are_faults() {
    check(&[0], BinaryError::Flags { at: 0 });
    check(&[0x40], BinaryError::Flags { at: 0 });
    check(&[0x01], BinaryError::Truncated { at: 1 });
    check(&[0x01, 5, 9, 0, 0], BinaryError::Symbol { number: 5 });
    check(&[[0x01].as_slice(), &[0x80; 10], &[0]].concat(), BinaryError::Overflow { at: 1 });
    check(&[[0x01].as_slice(), &[0xFF; 9], &[2]].concat(), BinaryError::Overflow { at: 1 });
    check(&[0x90, 1, 2, 0xC3, 0x28, 0xFF, 9], BinaryError::Text { at: 2 });
    // A text that is longer than the frame, and one that no machine could hold.
    check(&[0x90, 1, 200, 1, b'A'], BinaryError::Truncated { at: 5 });
    check(&[&[0x90, 1], MOST.as_slice(), b"A"].concat(), BinaryError::Truncated { at: 13 });
    check(&[0x84, 3, 1, 2], BinaryError::Truncated { at: 4 });
    // Only updates merge ticks.
    check(&[0xD1, 1, 1, b'A', 0xFF, 9], BinaryError::Flags { at: 0 });
    // A run of none, one that ends behind the last seq, and one of more ticks than the frame has.
    check(&[0x92, 1, 1, b'A', 0xFF, 9, 0, 0, 0], BinaryError::Value { at: 5 });
    check(&[&[0x92, 1, 1, b'A', 0xFF], MOST.as_slice(), &[1]].concat(), BinaryError::Overflow { at: 5 });
    let long = [&[0x92, 1, 1, b'A', 0xFF, 9], [0xFF; 8].as_slice(), &[1]].concat();
    check(&long, BinaryError::Truncated { at: 15 });
    // A time that no clock shows.
    let time = [&[0x90, 1, 1, b'A', 0xFF, 9, 1], GREATEST.as_slice(), &[0]].concat();
    check(&time, BinaryError::Overflow { at: 6 });
}

#[test]
fn bodies_that_are_none_are_faults() {
    check(&update(&[0x88]), BinaryError::Flags { at: 9 });
    check(&update(&[&[0x80], [0x80; 12].as_slice()].concat()), BinaryError::Overflow { at: 10 });
    // Field 13, which no table has; a scale of more than 14 places; a decimal of 19; a text that is not a decimal.
    check(&update(&[0x80, 0x80, 0x40]), BinaryError::Field { id: 13 });
    check(&update(&[0x84, 0x01, 0x0F, 1]), BinaryError::Value { at: 11 });
    check(&update(&[0x84, 0x01, 0xFF, 19, 1]), BinaryError::Value { at: 12 });
    check(&update(&[0x84, 0x01, 0xFF, 31, 2, b'1', b'.']), BinaryError::Value { at: 12 });
    // A size beyond 63 bits, and differences that lead there.
    check(&update(&[&[0x02], MOST.as_slice()].concat()), BinaryError::Overflow { at: 10 });
    check(&update(&[&[0x01], GREATEST.as_slice()].concat()), BinaryError::Overflow { at: 10 });
    check(&update(&[&[0x05, 2], GREATEST.as_slice()].concat()), BinaryError::Overflow { at: 11 });
    check(&update(&[0x40, 3]), BinaryError::Value { at: 10 });
    check(&update(&[0x82, 0, 1, 0x10]), BinaryError::Flags { at: 12 });
    // A text that goes on behind the end of its report.
    check(&update(&[0x82, 0, 2, 0x01, 1, b'x']), BinaryError::Truncated { at: 14 });
    check(&update(&[0x81, 0, 0x80, 0x40]), BinaryError::Field { id: 13 });
    // A price and a size of a symbol that has no reference.
    check(&[0x90, 1, 1, b'A', 0xFF, 9, 0, 0x01, 2], BinaryError::Value { at: 8 });
    check(&[0x90, 1, 1, b'A', 0xFF, 9, 0, 0x42, 2], BinaryError::Value { at: 8 });
}

#[test]
fn asks_are_counted_from_the_spread_and_later_prices_from_the_first() {
    let shown = |body: &[u8]| read(&mut welcomed(), &update(body)).0.concat();
    // Bid and ask; an ask alone; an ask and a last price.
    let both = shown(&[0x05, 2, 1]);
    assert!(both.contains(r#"("bid", Text("1.6")), ("ask", Text("1.7"))"#), "{both}");
    let ask = shown(&[0x04, 2]);
    assert!(ask.contains(r#"("ask", Text("1.8"))"#), "{ask}");
    let last = shown(&[0x14, 2, 4]);
    assert!(last.contains(r#"("ask", Text("1.8")), ("last", Text("1.8"))"#), "{last}");
    // With a scale byte there is no spread.
    let own = shown(&[0x84, 0x05, 0x01, 30, 4]);
    assert!(own.contains(r#"("bid", Text("1.5")), ("ask", Text("1.7"))"#), "{own}");
}

#[test]
fn what_came_before_a_fault_is_read_and_nothing_behind_it() {
    let mut decoder = welcomed();
    let bytes = [&update(&[0x01, 0]), [0].as_slice(), &update(&[0x01, 0])].concat();
    let mut frame = decoder.begin(&bytes);
    assert!(matches!(decoder.next_message(&mut frame), Ok(Some(Message::Update(_)))));
    assert_eq!(decoder.next_message(&mut frame), Err(BinaryError::Flags { at: 11 }));
    assert_eq!(decoder.next_message(&mut frame), Ok(None));
}

/// What the fuzz target begins with has a message of each kind, and no fault.
#[test]
fn the_seeds_of_the_fuzz_target_are_frames() {
    let check = |seed: &str, messages: usize| {
        let path = format!("{}/../../fuzz/seeds/client_binary/{seed}", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        let (found, error) = read(&mut welcomed(), &bytes);
        assert_eq!((found.len(), error), (messages, None), "{found:?}");
        crate::binary::check_bytes(&[bytes], false);
    };
    check("messages", 7);
    check("merged", 2);
}

#[test]
fn a_new_connection_begins_with_empty_tables() {
    let mut decoder = welcomed();
    let bytes = update(&[0x00]);
    assert_eq!(read(&mut decoder, &bytes).1, None);
    let again = [0x80, 1, 10, 0, 0];
    assert_eq!(read(&mut decoder, &again).1, None);
    decoder.reset();
    assert_eq!(read(&mut decoder, &bytes).1, Some(BinaryError::Origin));
    learn(&mut decoder, r#"[{"type":"welcome","epoch":"e","origin":5,"heartbeat_ms":1}]"#);
    assert_eq!(read(&mut decoder, &again).1, Some(BinaryError::Symbol { number: 1 }));
    // Field 14 was of the other connection's table.
    assert_eq!(
        read(&mut decoder, &update(&[0x80, 0x80, 0x80, 1, 0, 5])).1,
        Some(BinaryError::Field { id: 14 })
    );
}

#[test]
fn fields_and_kinds_of_a_newer_server_are_read() {
    let mut decoder = welcomed();
    let table = r#"[{"type":"subscribed","results":[],"fields":[{"id":13,"name":"vwap","kind":"price"},
        {"id":14,"name":"iv","kind":"decimal"},{"id":15,"name":"book","kind":"blob"}]}]"#;
    learn(&mut decoder, table);
    let bytes = update(&[0x80, 0x81, 0xC0, 3, 2, 3, 0x02, 0xFB, 3, 0xFF, 0, 1]);
    let (messages, error) = read(&mut decoder, &bytes);
    assert_eq!(error, None);
    assert!(messages[0].contains(r#"("bid", Text("1.6"))"#), "{messages:?}");
    assert!(messages[0].contains(r#"[("iv", Text("-0.05")), ("vwap", Text("1.4"))]"#), "{messages:?}");
}

#[test]
fn the_time_of_sending_counts_from_the_newest_tick() {
    let check = |after: [u8; 3], expected: Option<Sent>| {
        let mut decoder = welcomed().with_tx();
        // The first tick is 100 us behind the origin, the second 30 us before it.
        let bytes = [&after, [0x90, 1, 1, b'A', 0xFF, 9, 1, 0xC8, 1, 0].as_slice(), &[0x80, 1, 10, 1, 59, 0]]
            .concat();
        let mut frame = decoder.begin(&bytes);
        let first = decoder.next_message(&mut frame).unwrap();
        assert_eq!(first, expected.map(Message::Sent));
        assert!(matches!(decoder.next_message(&mut frame), Ok(Some(Message::Update(_)))));
    };
    let at = |us, or_later| Some(Sent { ts_us: ORIGIN_US + us, or_later });
    check([7, 1, 0], at(100 + 263, false));
    check([0xFF, 0xFF, 0xFF], at(100 + 0xFF_FFFF, true));
    let mut decoder = Decoder::new().with_tx();
    learn(&mut decoder, r#"[{"type":"welcome","epoch":"e","origin":5,"heartbeat_ms":1}]"#);
    assert_eq!(read(&mut decoder, &[1, 2]).1, Some(BinaryError::Truncated { at: 2 }));
    assert_eq!(
        read(&mut decoder, &[1, 2, 3, 0x93, 7, 1, b'A', 0xFF, 1, 1, 0]).0.len(),
        1,
        "nothing has a time"
    );
}
