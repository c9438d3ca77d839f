//! The decoder against frames that are written here, against the JSON decoder, and against any bytes.

mod faults;
mod samples;
mod vectors;
mod write;

use proptest::prelude::*;

use self::{
    samples::{Writer, any_frame, json},
    write::TABLE,
};
use super::{BinaryError, Decoder};
use crate::{
    Field, Gap, Message, Messages, Tick,
    message::{Value as Shown, Values},
};

const ORIGIN_US: i64 = 1_700_000_000_000_000;

fn welcomed() -> Decoder {
    let mut decoder = Decoder::new();
    learn(
        &mut decoder,
        &format!(
            r#"[{{"type":"welcome","epoch":"e","origin":{ORIGIN_US},"heartbeat_ms":5000}},
            {{"type":"subscribed","results":[],"fields":{TABLE}}}]"#
        ),
    );
    decoder
}

fn learn(decoder: &mut Decoder, control: &str) {
    Messages::new(control).for_each(|message| decoder.learn(&message.unwrap()));
}

/// What a message says, with nothing borrowed from its frame.
fn said(message: &Message<'_>) -> String {
    let tick = |tick: &Tick<'_>| {
        let Values { ts_us, texts, mut others } = tick.values().unwrap();
        others.sort_by(|(one, _), (other, _)| one.cmp(other));
        let shown: Vec<(&str, Shown<'_>)> = Field::ALL
            .iter()
            .map(|field| field.name())
            .zip(texts)
            .filter(|(_, shown)| *shown != Shown::Absent)
            .collect();
        let Tick { symbol, name, seq, n, rx_us, .. } = tick;
        let report = tick.report().unwrap();
        format!("{symbol} {name:?} {seq} {n} {rx_us} {ts_us:?} {shown:?} {others:?} {report:?}")
    };
    match message {
        Message::Update(update) => format!("update {}", tick(update)),
        Message::Snapshot(snapshot) => format!("snapshot {}", tick(snapshot)),
        other => format!("{other:?}"),
    }
}

fn read(decoder: &mut Decoder, bytes: &[u8]) -> (Vec<String>, Option<BinaryError>) {
    let mut frame = decoder.begin(bytes);
    let mut messages = Vec::new();
    loop {
        match decoder.next_message(&mut frame) {
            Ok(Some(message)) => messages.push(said(&message)),
            Ok(None) => return (messages, None),
            Err(error) => return (messages, Some(error)),
        }
    }
}

proptest! {
    /// Both encodings of the same messages are the same messages; the table outlives frames.
    #[test]
    fn both_encodings_say_the_same(frames in prop::collection::vec(any_frame(), 1..4)) {
        let (mut writer, mut decoder) = (Writer::default(), welcomed());
        for frame in &frames {
            let found = read(&mut decoder, &writer.frame(frame));
            let text = json(frame);
            let expected: Vec<String> =
                Messages::new(&text).map(|message| said(&message.unwrap())).collect();
            prop_assert_eq!(found, (expected, None));
        }
    }

    /// A frame that ends within a message is a fault, and what stands before it is read all the same.
    #[test]
    fn a_frame_cut_within_a_message_is_a_fault(frame in any_frame(), cut: prop::sample::Index) {
        let mut writer = Writer::default();
        let mut ends = vec![0];
        let mut bytes = Vec::new();
        for sample in &frame {
            writer.message(sample, &mut bytes);
            ends.push(bytes.len());
        }
        let (whole, _) = read(&mut welcomed(), &bytes);
        let cut = cut.index(bytes.len() + 1);
        let (messages, error) = read(&mut welcomed(), &bytes[..cut]);
        prop_assert_eq!(error.is_none(), ends.contains(&cut), "{:?} {:?}", cut, error);
        prop_assert_eq!(&messages[..], &whole[..messages.len()]);
    }

    /// Whatever comes, no number is kept that was not told, and the table takes no more than was received.
    #[test]
    fn any_bytes_are_messages_or_a_fault(frames: Vec<Vec<u8>>, has_tx: bool) {
        super::check_bytes(&frames, has_tx);
    }

    /// The same of bytes that are nearly right.
    #[test]
    fn damage_is_messages_or_a_fault(
        frame in any_frame(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = Writer::default().frame(&frame);
        for (at, byte) in damage {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        super::check_bytes(&[bytes], false);
    }
}

#[test]
fn a_gap_is_read_with_its_reason() {
    let bytes = [0x93, 7, 1, b'A', 0xFF, 71, 0x87, 0x12, 0];
    let mut decoder = welcomed();
    let mut frame = decoder.begin(&bytes);
    let gap = Gap { symbol: "A".into(), name: None, from: 71, to: 2311, reason: "slow".into() };
    assert_eq!(decoder.next_message(&mut frame), Ok(Some(Message::Gap(gap))));
}
