//! What the binary encoding writes is what JSON says, whatever is sent; and no message is longer than its bound.

mod decoder;
mod reader;
mod sizes;
mod vectors;

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;

pub use self::{
    decoder::{Decoder, with_numbers},
    reader::Fault,
};
use super::Binary;
use crate::{
    access::ProductId,
    fanout::{Emit, GapReason, LocalId, Name, TopicRef, View},
    tick::{
        Affects, CustomFields, CustomValue, Decimal, Field, FieldSet, Fields, Nanos, Numbers, ReportKind,
        Side, Symbol, TradeReport, UNITS_PER_ONE, WantedFields,
        custom::{CustomField, CustomKind, CustomMerge, CustomName},
        testing::{ANY_SYMBOL, any_decimal, any_size, any_trade_id, any_volume},
    },
    topic::{Record, Stamped, TopicId},
    wire::{
        FrameSize, FrameWriter, Framer,
        encodings::{
            encoder::{Encoder, message_bytes_max},
            json::Json,
        },
    },
};

const ORIGIN: Nanos = Nanos(1_742_860_800_000_000_000);

/// One field of each kind; one of them is summed.
pub fn table() -> Arc<CustomFields> {
    let field = |(name, kind, merge)| CustomField {
        name: CustomName::parse(name).unwrap(),
        kind,
        merge,
        symbols: Vec::new(),
    };
    let fields = [
        ("mark", CustomKind::Decimal, CustomMerge::Last),
        ("turnover", CustomKind::Decimal, CustomMerge::Sum),
        ("open_interest", CustomKind::Integer, CustomMerge::Last),
        ("phase", CustomKind::Text, CustomMerge::Last),
    ];
    CustomFields::new(fields.map(field).into())
}

/// What is sent of a topic next.
#[derive(Clone, Debug)]
enum Sent {
    Snapshot,
    Merged {
        n: u64,
        everything: bool,
    },
    LastTick,
    /// The last ticks, one by one.
    Run(usize),
    Tick {
        n: u64,
    },
    TapeEvent {
        n: u64,
    },
    Gap(u64, GapReason),
}

/// A tick of one of the topics, and what of it is sent how.
#[derive(Clone, Debug)]
struct Step {
    topic: usize,
    fields: Fields,
    ts: i64,
    rx: i64,
    sent: Sent,
    view: View,
    is_first: bool,
}

/// What was sent of a topic, beside what it is.
struct Topic {
    symbol: Symbol,
    record: Record,
    ticks: Vec<Stamped>,
    is_known: bool,
}

/// The same messages in one frame of each encoding.
struct Both {
    binary: Framer,
    json: Framer,
    longest: usize,
    decoder: Decoder,
}

impl Both {
    fn new(table: &CustomFields) -> Self {
        let framer = || Framer::with_message_bytes(1 << 20, message_bytes_max(table)).with_origin(ORIGIN);
        let mut both =
            Both { binary: framer(), json: framer(), longest: 0, decoder: Decoder::new(ORIGIN, table) };
        both.begin();
        both
    }

    fn begin(&mut self) {
        self.binary.begin::<Binary>(FrameSize::Full);
        self.json.begin::<Json>(FrameSize::Full);
    }

    /// The messages of both frames, which then begin anew.
    fn end(&mut self) -> (Result<Vec<Value>, Fault>, Vec<Value>) {
        let binary = self.binary.writer::<Binary>().finish().map(|frame| frame.bytes.to_vec());
        let json = self.json.writer::<Json>().finish().map(|frame| frame.bytes.to_vec());
        self.begin();
        let (Some(binary), Some(json)) = (binary, json) else { return (Ok(Vec::new()), Vec::new()) };
        (self.decoder.frame(payload(&binary)), serde_json::from_slice(payload(&json)).unwrap())
    }
}

/// Without the header of the WebSocket frame.
pub fn payload(frame: &[u8]) -> &[u8] {
    let head_bytes = match frame[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    &frame[head_bytes..]
}

fn emit<E: Encoder>(mut writer: FrameWriter<'_, E>, topic: &Topic, at: usize, step: &Step) -> usize {
    let (record, view) = (&topic.record, &step.view);
    let topic_ref = TopicRef {
        local: LocalId(at as u32),
        number: TopicId(at as u32 * 100),
        symbol: &topic.symbol,
        product: ProductId::REST,
        record,
        is_first: step.is_first || !topic.is_known,
        delay_ms: None,
    };
    let tick = topic.ticks.last().unwrap();
    match step.sent {
        Sent::Snapshot => writer.snapshot(&topic_ref, view),
        Sent::Merged { n, everything } => {
            let always = if everything { WantedFields::ALL } else { WantedFields::NONE };
            writer.merged(&topic_ref, n.min(record.seq), always, view);
        }
        Sent::LastTick => writer.last_tick(&topic_ref, view),
        Sent::Tick { n } => writer.tick(&topic_ref, tick, n.min(record.seq), view),
        Sent::Run(count) => {
            let ticks = &topic.ticks[topic.ticks.len().saturating_sub(count)..];
            let whole = View { wanted: WantedFields::ALL, ..view.clone() };
            return writer.run(&topic_ref, ticks, &whole);
        }
        Sent::TapeEvent { n } => {
            let quote = FieldSet::QUOTE.intersect(record.fields.mask).into();
            writer.tape_event(&topic_ref, record, n.min(record.seq), quote, view);
        }
        Sent::Gap(from, reason) => writer.gap(&topic_ref, from.min(record.seq), record.seq, reason, view),
    }
    1
}

/// Sends all steps in both encodings, as frames of so many messages.
fn check(symbols: &[Symbol], steps: &[Step], frame: usize) -> Result<(), TestCaseError> {
    let table = table();
    let mut both = Both::new(&table);
    let mut topics: Vec<Topic> = (symbols.iter())
        .map(|symbol| Topic {
            symbol: symbol.clone(),
            record: Record::default(),
            ticks: Vec::new(),
            is_known: false,
        })
        .collect();
    for (index, step) in steps.iter().enumerate() {
        let at = step.topic % topics.len();
        let topic = &mut topics[at];
        let Record { seq, order, ts, rx, .. } = &mut topic.record;
        (*seq, *order, *ts, *rx) = (*seq + 1, index as u64, Nanos(step.ts), Nanos(step.rx));
        topic.record.note(step.fields.named());
        topic.record.fields.merge(&step.fields);
        topic.record.fields.set_report(step.fields.report().cloned());
        let (ts, rx, seq) = (Nanos(step.ts), Nanos(step.rx), topic.record.seq);
        let fields = step.fields.clone();
        topic.ticks.push(Stamped { topic: TopicId(at as u32), seq, order: index as u64, ts, rx, fields });
        let before = both.binary.writer::<Binary>().written();
        let binary = emit::<Binary>(both.binary.writer(), topic, at, step);
        let json = emit::<Json>(both.json.writer(), topic, at, step);
        prop_assert_eq!(binary, json);
        topic.is_known = true;
        if !matches!(step.sent, Sent::Run(_)) {
            both.longest = both.longest.max(both.binary.writer::<Binary>().written() - before);
        }
        if index % frame == frame - 1 || index + 1 == steps.len() {
            let (binary, json) = both.end();
            prop_assert_eq!(binary.map_err(|fault| TestCaseError::fail(format!("{fault:?}")))?, json);
        }
    }
    // A gap and a snapshot are within it together.
    prop_assert!(both.longest < message_bytes_max(&table) - 200, "{}", both.longest);
    Ok(())
}

/// Prices of a market: near one another, with few places.
fn price() -> impl Strategy<Value = Decimal> {
    let near = (59_900i64..60_100, 0i64..100, 0u32..=3);
    let near = near.prop_map(|(whole, part, _)| {
        Decimal::from_units(whole * UNITS_PER_ONE + part * (UNITS_PER_ONE / 100))
    });
    prop_oneof![6 => near, 1 => any_decimal()]
}

fn size() -> impl Strategy<Value = Decimal> {
    let small = (0i64..5_000).prop_map(|units| Decimal::from_units(units * (UNITS_PER_ONE / 1_000)));
    prop_oneof![6 => small, 1 => any_size()]
}

fn report() -> impl Strategy<Value = Option<TradeReport>> {
    let kinds = prop::sample::select(vec![ReportKind::Trade, ReportKind::Cancel, ReportKind::Correct]);
    let affects = prop::sample::select(vec![
        Affects::ALL,
        Affects::NONE,
        Affects::VOLUME,
        Affects::LAST.with(Affects::HIGH_LOW),
    ]);
    let values = (prop::option::of(price()), prop::option::of(size()), prop::option::of(side()));
    let report = (kinds, any_trade_id(), affects, values);
    let report = report.prop_map(|(kind, id, affects, (last, last_size, side))| {
        if kind == ReportKind::Cancel {
            return TradeReport::of(kind, id);
        }
        TradeReport { kind, id, affects, last, last_size, side }
    });
    prop::option::weighted(0.15, report)
}

fn side() -> impl Strategy<Value = Side> {
    prop::sample::select(vec![Side::Buy, Side::Sell, Side::Unknown])
}

fn custom() -> impl Strategy<Value = Vec<(usize, Option<CustomValue>)>> {
    let value = (0usize..4).prop_flat_map(|id| {
        let value = match id {
            0 => any_decimal().prop_map(CustomValue::Decimal).boxed(),
            1 => (any_volume(), any::<bool>())
                .prop_map(|(total, is_negative)| {
                    CustomValue::Total(if is_negative { total.negated() } else { total })
                })
                .boxed(),
            2 => any::<i64>().prop_map(CustomValue::Integer).boxed(),
            _ => "[ -~é]{0,32}".prop_map(|text| CustomValue::Text(text.into())).boxed(),
        };
        prop::option::weighted(0.8, value).prop_map(move |value| (id, value))
    });
    prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(value, 1..4)]
}

fn fields() -> impl Strategy<Value = Fields> {
    let masks = prop_oneof![
        3 => Just((FieldSet::QUOTE.0, 0)),
        1 => (0..=FieldSet::ALL.0, 0..=FieldSet::ALL.0),
        1 => (0..=FieldSet::ALL.0, Just(0)),
    ];
    let values = (
        prop::collection::vec(price(), 6),
        prop::collection::vec(size(), 3),
        side(),
        prop_oneof![
            any_volume(),
            size().prop_map(|size| crate::tick::Volume::ZERO.checked_add(size).unwrap())
        ],
        any::<(u64, u32)>(),
        any_trade_id(),
    );
    (masks, values, custom(), report()).prop_map(|((mask, withdrawn), values, custom, report)| {
        let (prices, sizes, side, volume, (trades, shift), trade_id) = values;
        let (mut prices, mut sizes) = (prices.into_iter(), sizes.into_iter());
        let mut fields = Fields::default();
        for field in FieldSet(mask & !withdrawn).iter() {
            match field {
                Field::Side => fields.set_side(side),
                Field::Volume => fields.set_volume(volume),
                Field::Trades => fields.set_trades(trades >> (shift % 64)),
                Field::TradeId => fields.set_trade_id(trade_id),
                Field::BidSize | Field::AskSize | Field::LastSize => {
                    fields.set_decimal(field, sizes.next().unwrap_or_default());
                }
                price => fields.set_decimal(price, prices.next().unwrap_or_default()),
            }
        }
        fields.withdraw_all(FieldSet(withdrawn));
        let table = table();
        let ids: Vec<_> = table.iter().map(|(id, _)| id).collect();
        for (id, value) in custom {
            match value {
                Some(value) => fields.set_custom(&table, ids[id], value),
                None => fields.withdraw_custom(&table, ids[id]),
            }
        }
        fields.set_report(report.map(Arc::new));
        fields
    })
}

fn view() -> impl Strategy<Value = View> {
    let wanted = prop_oneof![
        3 => Just(WantedFields::ALL),
        1 => (0..=FieldSet::ALL.0, any::<u64>()).prop_map(|(fixed, custom)| WantedFields {
            fixed: FieldSet(fixed),
            custom: crate::tick::CustomSet(custom),
        }),
    ];
    let name = prop::option::weighted(0.2, "[a-zé]{1,16}".prop_map(|name| Name::new(&name).unwrap()));
    (wanted, name).prop_map(|(wanted, name)| View { wanted, name, numbers: Numbers::Text, ..View::WHOLE })
}

fn step() -> impl Strategy<Value = Step> {
    let n = || prop_oneof![Just(1u64), 1u64..5, any::<u64>().prop_map(|n| n.max(1))];
    let reasons = prop::sample::select(vec![GapReason::Slow, GapReason::Resume, GapReason::Epoch]);
    let sent = prop_oneof![
        1 => Just(Sent::Snapshot),
        2 => (n(), any::<bool>()).prop_map(|(n, everything)| Sent::Merged { n, everything }),
        2 => Just(Sent::LastTick),
        2 => (1usize..6).prop_map(Sent::Run),
        1 => n().prop_map(|n| Sent::Tick { n }),
        1 => n().prop_map(|n| Sent::TapeEvent { n }),
        1 => (any::<u64>(), reasons).prop_map(|(from, reason)| Sent::Gap(from, reason)),
    ];
    let near = |spread: i64| (-spread..spread).prop_map(|nanos| ORIGIN.0 + nanos);
    let time = || prop_oneof![4 => near(1_000_000), 2 => near(3_600_000_000_000), 1 => any::<i64>()];
    (any::<usize>(), fields(), time(), time(), sent, view(), prop::bool::weighted(0.1)).prop_map(
        |(topic, fields, ts, rx, sent, view, is_first)| Step { topic, fields, ts, rx, sent, view, is_first },
    )
}

proptest! {
    /// Every kind of message, of records and ticks with every field; from the cache and beside it.
    #[test]
    fn a_frame_says_what_the_same_frame_in_json_says(
        symbols in prop::collection::vec(ANY_SYMBOL, 1..4),
        steps in prop::collection::vec(step(), 1..24),
        frame in 1usize..8,
    ) {
        let symbols: Vec<Symbol> = symbols.iter().map(|symbol| Symbol::new(symbol).unwrap()).collect();
        check(&symbols, &steps, frame)?;
    }

    /// Whatever a decoder is given, it neither panics nor reads beyond.
    #[test]
    fn any_bytes_are_messages_or_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = Decoder::new(ORIGIN, &table()).frame(&bytes);
    }
}
