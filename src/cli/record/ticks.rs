//! What a server's messages mean to a recording: ticks, and notes of what is missing between them. Pure: no socket, no
//! file.
//!
//! An update of mode `every` is a tick: its fields, and the totals that it moved, which stand when it is played again. One
//! that merges several ticks and names a trade is played as that trade: so it is written with every total of the record,
//! also with those that it does not name, since they have not changed.
//! A snapshot is written as a tick without `last_size`, so that the trade in it is not taken for a new one, and
//! withdraws what was known and is not in it.

use std::collections::BTreeMap;

use serde_json::json;
use tickcast::tick::{Decimal, Field, FieldSet, Fields, Nanos, Side, Symbol, Tick, TradeId, Volume};
use tickcast_client::{Change, Loss, MessageError};

/// What is not in the recording.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Missed {
    /// Ticks in gaps, by the server's reason.
    pub gaps: BTreeMap<String, u64>,
    /// Ticks that an update stood for beside its own.
    pub merged: u64,
    /// Ticks that are missing though no gap was announced.
    pub unannounced: u64,
}

/// Why a frame is none of the contract.
#[derive(Debug, thiserror::Error)]
pub enum NoMessage {
    #[error("the server sent what is no message: {0}")]
    Message(#[from] MessageError),
    #[error("the server sent what is no message: {field}: {value}")]
    Value { field: &'static str, value: String },
    #[error("the server sent what is no message: {0}")]
    Symbol(#[from] tickcast::tick::SymbolError),
}

/// The tick of a changed record, and its time of receipt by the server; `None` when it was recorded before.
///
/// # Errors
/// When it is none of the contract.
pub fn tick(change: &Change<'_>) -> Result<Option<(Tick, Nanos)>, NoMessage> {
    let message = &change.tick;
    let out_of_range = |field, value: i64| NoMessage::Value { field, value: value.to_string() };
    let rx = Nanos::from_micros(message.rx_us).ok_or_else(|| out_of_range("rx", message.rx_us))?;
    let values = message.values()?;
    let ts = values.ts_us.and_then(Nanos::from_micros);
    let mut fields = Fields::default();
    let withdrawn = values.withdrawn().chain(change.forgotten.iter().copied());
    withdrawn.filter_map(|field| Field::parse(field.name())).for_each(|field| fields.withdraw(field));
    for (field, text) in values.iter() {
        set(&mut fields, field, text)
            .ok_or_else(|| NoMessage::Value { field: field.name(), value: text.to_owned() })?;
    }
    if !change.is_snapshot && message.n > 1 && fields.mask.contains_all(FieldSet::TRADE) {
        keep_totals(&mut fields, &change.topic.record)?;
    }
    if change.is_snapshot {
        fields = fields.only(FieldSet::ALL.without(fields.mask.intersect(Field::LastSize.bit())));
        if change.had == message.seq {
            return Ok(None);
        }
    }
    let tick = Tick { symbol: Symbol::new(&message.symbol)?, ts, fields };
    Ok((!tick.fields.named().is_empty()).then_some((tick, rx)))
}

/// Names what a trade would move, as the record has it, where the update does not.
fn keep_totals(fields: &mut Fields, record: &tickcast_client::Record) -> Result<(), NoMessage> {
    let named = fields.named();
    for field in tickcast_client::Field::ALL {
        let Some(own) = Field::parse(field.name()).filter(|own| MOVED.contains(own)) else { continue };
        match record.text(field) {
            _ if named.contains(own) => {}
            Some(text) => set(fields, field, text)
                .ok_or_else(|| NoMessage::Value { field: field.name(), value: text.to_owned() })?,
            // Where the record has none, a trade takes none away.
            None if matches!(own, Field::Side | Field::TradeId) => {}
            None => fields.withdraw(own),
        }
    }
    Ok(())
}

/// What a trade moves beside its own fields.
const MOVED: [Field; 7] =
    [Field::Side, Field::TradeId, Field::Open, Field::High, Field::Low, Field::Volume, Field::Trades];

/// Takes a field's text in; `None` when it is no value of the field.
fn set(fields: &mut Fields, field: tickcast_client::Field, text: &str) -> Option<()> {
    let field = Field::parse(field.name())?;
    match field {
        Field::Side => fields.set_side(Side::parse(text)?),
        Field::Volume => fields.set_volume(Volume::parse(text).ok().filter(|volume| !volume.is_negative())?),
        Field::Trades => fields.set_trades(text.parse().ok()?),
        Field::TradeId => fields.set_trade_id(TradeId::new(text).ok()?),
        _ => fields.set_decimal(field, Decimal::parse(text).ok()?),
    }
    Some(())
}

/// The recording's line about a gap.
pub fn gap_note(loss: &Loss<'_>, now: Nanos) -> String {
    let gap = &loss.gap;
    let about = [
        ("symbol", json!(gap.symbol)),
        ("from", json!(gap.from)),
        ("to", json!(gap.to)),
        ("reason", json!(gap.reason)),
    ];
    note("gap", now, &about)
}

/// A line about the recording. Its kind comes first, by which readers distinguish it from a tick.
pub fn note(kind: &str, now: Nanos, about: &[(&str, serde_json::Value)]) -> String {
    let about: Vec<String> = about.iter().map(|(name, value)| format!(",\"{name}\":{value}")).collect();
    format!("{{\"tickcast\":\"{kind}\",\"rx\":{}{}}}", now.micros(), about.concat())
}

#[cfg(test)]
mod tests {
    use proptest::{array::uniform3, prelude::*};
    use tickcast_client::{Event, Mirror, Subscription};

    use super::*;
    use tickcast::{
        feed::ndjson::{NdjsonDecoder, write_line},
        topic::Record,
    };

    /// Ticks as lines, gaps as notes.
    fn take(mirror: &mut Mirror, frame: &str) -> Result<Vec<String>, NoMessage> {
        let mut lines = Vec::new();
        let mut events = mirror.receive(frame, 0);
        while let Some(event) = events.next_event()? {
            match event {
                Event::Record(change) => lines.extend(tick(&change)?.map(|(tick, rx)| {
                    let mut line = Vec::new();
                    write_line(&tick, Some(rx), &mut line);
                    String::from_utf8(line).unwrap().trim_end().to_owned()
                })),
                Event::Gap(loss) => lines.push(gap_note(&loss, Nanos(9_000))),
                _ => {}
            }
        }
        Ok(lines)
    }

    fn mirror() -> Mirror {
        Mirror::new(Subscription::every(["A"]))
    }

    #[test]
    fn updates_are_ticks_and_snapshots_no_trades() {
        let frame = r#"[{"type":"snapshot","symbol":"A","seq":5,"ts":1,"rx":2,"last":87000.123456789,"last_size":1,"side":"buy","volume":9,"trades":4},
            {"type":"update","symbol":"A","seq":6,"ts":3,"rx":4,"bid":"9223372036.854775807"}]"#;
        assert_eq!(
            take(&mut mirror(), frame).unwrap(),
            [
                r#"{"symbol":"A","ts":1,"rx":2,"last":87000.123456789,"side":"buy","volume":9,"trades":4}"#,
                r#"{"symbol":"A","ts":3,"rx":4,"bid":"9223372036.854775807"}"#,
            ]
        );
    }

    #[test]
    fn what_is_withdrawn_is_null_and_so_is_what_a_snapshot_no_longer_has() {
        let mut mirror = mirror();
        let frame = r#"[{"type":"snapshot","symbol":"A","seq":5,"rx":2,"bid":1,"ask":2,"last":3,"last_size":1},
            {"type":"update","symbol":"A","seq":6,"rx":4,"bid":null,"side":null}]"#;
        let lines = take(&mut mirror, frame).unwrap();
        assert_eq!(lines[1], r#"{"symbol":"A","rx":4,"bid":null,"side":null}"#);
        let frame = r#"[{"type":"gap","symbol":"A","from":7,"to":20,"reason":"slow"},
            {"type":"snapshot","symbol":"A","seq":20,"rx":9,"bid":5,"last":3,"last_size":1}]"#;
        let lines = take(&mut mirror, frame).unwrap();
        assert_eq!(lines[1], r#"{"symbol":"A","rx":9,"bid":5,"last":3,"ask":null}"#);
    }

    #[test]
    fn gaps_are_notes_and_a_known_record_is_no_tick() {
        let mut mirror = mirror();
        take(&mut mirror, r#"[{"type":"snapshot","symbol":"A","seq":8,"rx":1,"bid":1}]"#).unwrap();
        let gap = r#"[{"type":"gap","symbol":"A","from":9,"to":20,"reason":"resume"}]"#;
        let note = take(&mut mirror, gap).unwrap().remove(0);
        assert_eq!(note, r#"{"tickcast":"gap","rx":9,"symbol":"A","from":9,"to":20,"reason":"resume"}"#);
        let snapshot = r#"[{"type":"snapshot","symbol":"A","seq":20,"rx":1,"bid":1}]"#;
        assert_eq!(take(&mut mirror, snapshot).unwrap().len(), 1, "the record as of the gap's end");
        assert_eq!(take(&mut mirror, snapshot).unwrap().len(), 0, "known already");
    }

    #[test]
    fn a_merged_update_that_names_a_trade_keeps_the_totals() {
        let mut mirror = mirror();
        let frame = r#"[{"type":"snapshot","symbol":"A","seq":5,"rx":2,"last":9,"last_size":2,"high":10,"volume":9,"trades":4},
            {"type":"update","symbol":"A","seq":7,"rx":4,"last":20,"last_size":1,"n":2}]"#;
        assert_eq!(
            take(&mut mirror, frame).unwrap()[1],
            r#"{"symbol":"A","rx":4,"last":20,"last_size":1,"high":10,"volume":9,"trades":4,"open":null,"low":null}"#
        );
        let nothing = r#"[{"type":"update","symbol":"A","seq":9,"rx":4,"n":2}]"#;
        assert_eq!(take(&mut mirror, nothing).unwrap().len(), 0, "no field that is wanted has changed");
    }

    /// Quotes, trades, their fields alone, and withdrawals.
    fn any_fields() -> impl Strategy<Value = Fields> {
        let decimals = [Field::Bid, Field::Last, Field::LastSize, Field::High];
        let field = (prop::sample::select(decimals.to_vec()), 1i64..9);
        let kinds = prop_oneof![3 => Just(None), 1 => any::<u16>().prop_map(Some)];
        (prop::collection::vec(field, 1..4), any::<[bool; 2]>(), kinds).prop_map(
            |(values, [has_side, has_id], withdrawn)| {
                let mut fields = Fields::default();
                for (field, value) in values {
                    fields.set_decimal(field, Decimal::from_units(value));
                }
                if fields.mask.contains_all(FieldSet::TRADE) {
                    has_side.then(|| fields.set_side(Side::Buy));
                    has_id.then(|| fields.set_trade_id(TradeId::of_number(7)));
                }
                let gone = withdrawn.map_or(FieldSet::NONE, |bits| FieldSet(bits).intersect(FieldSet::ALL));
                fields.withdraw_all(gone.without(fields.mask));
                fields
            },
        )
    }

    proptest! {
        /// Whatever was merged into an update, its line makes the record that the server had.
        #[test]
        fn what_merged_updates_say_is_what_is_played(
            messages in prop::collection::vec(prop::collection::vec(any_fields(), 1..4), 1..8),
        ) {
            let (mut server, mut played, mut mirror) = (Record::default(), Record::default(), mirror());
            for ticks in messages {
                let cursor = server.seq;
                for tick in &ticks {
                    server.take(tick).unwrap();
                }
                let (fields, mut sent) = (server.changed_since(cursor).fields, Vec::new());
                server.fields.write_json(fields, &mut sent);
                server.fields.write_json_nulls(fields, &mut sent);
                let (seq, sent) = (server.seq, String::from_utf8(sent).unwrap());
                let update = format!(
                    r#"[{{"type":"update","symbol":"A","seq":{seq},"rx":1742860800000000{sent},"n":{}}}]"#,
                    seq - cursor,
                );
                let line = take(&mut mirror, &update).unwrap().remove(0);
                let tick = NdjsonDecoder::new(4_096).decode(&mut line.into_bytes()).unwrap().tick;
                played.take(&tick.fields).unwrap();
                let set = |record: &Record| record.fields.only(record.fields.mask);
                prop_assert_eq!(set(&played), set(&server), "{}", update);
            }
        }
    }

    /// Of every magnitude.
    fn any_decimal() -> impl Strategy<Value = Decimal> {
        (-999_999_999_999_999_999i64..=999_999_999_999_999_999, 0u32..18, 0u32..=18)
            .prop_map(|(digits, cut, places)| Decimal::with_places(digits / 10i64.pow(cut), places).unwrap())
    }

    proptest! {
        /// From a line through a topic, the wire, a client and a recording to the wire again.
        #[test]
        fn a_decimal_comes_back_digit_for_digit(prices in uniform3(any_decimal()), size in any_decimal()) {
            let [bid, ask, last] = prices;
            let size = Decimal::parse(size.to_string().trim_start_matches('-')).unwrap();
            let published = format!(r#"{{"symbol":"A","bid":"{bid}","ask":"{ask}","last":"{last}","last_size":"{size}"}}"#);
            let on_wire = |line: &str| {
                let tick = NdjsonDecoder::new(4_096).decode(&mut line.as_bytes().to_vec()).unwrap().tick;
                let mut record = Record::default();
                record.take(&tick.fields).unwrap();
                let mut out = Vec::new();
                record.last_change().write_json(tickcast::tick::WantedFields::ALL, &mut out);
                String::from_utf8(out).unwrap()
            };
            let sent = on_wire(&published);
            for (name, value) in [("bid", bid), ("ask", ask), ("last", last), ("high", last), ("low", last), ("volume", size)] {
                prop_assert!(format!("{sent},").contains(&format!(",\"{name}\":{value},")), "{}: {}", name, sent);
            }
            let update = format!(r#"[{{"type":"update","symbol":"A","seq":1,"rx":1742860800000000{sent}}}]"#);
            let recorded = take(&mut mirror(), &update).unwrap().remove(0);
            prop_assert_eq!(on_wire(&recorded), sent);
        }
    }

    #[test]
    fn what_is_no_tick_is_an_error() {
        let update = |pairs: &str| format!(r#"[{{"type":"update","symbol":"A","seq":1,"rx":1,{pairs}}}]"#);
        for pairs in
            [r#""bid":"ten""#, r#""side":"both""#, r#""volume":-1"#, r#""trades":1.5"#, r#""bid":[]"#]
        {
            let error = take(&mut mirror(), &update(pairs)).unwrap_err().to_string();
            assert!(error.starts_with("the server sent what is no message: "), "{error}");
        }
        let symbol = r#"[{"type":"update","symbol":"","seq":1,"rx":1}]"#;
        assert!(take(&mut mirror(), symbol).is_err());
    }
}
