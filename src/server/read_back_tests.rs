//! Law: what the dialect of Binance writes, the connector to Binance reads back as the same trades and quotes, one for one.
//!
//! It is here because the dialect and the connector know nothing of each other.

use proptest::prelude::*;

use crate::{
    feed::{
        Source,
        source::SourceKind,
        upstream::venue::{Number, Reaction, Stream, StreamGroup, StreamKind, VenueTick},
    },
    tick::{CustomFields, Decimal, Field, Fields, Nanos, Side, Symbol, TradeId},
    topic::{Record, Stamped, TopicId},
    wire::dialects::binance::{
        streams::{BOOK_TICKER, TRADE},
        tests::{Messages, frames},
    },
};

/// What happened on a market.
#[derive(Clone, Debug)]
enum Event {
    Trade {
        price: Decimal,
        size: Decimal,
        side: Side,
        id: u64,
        millis: i64,
    },
    /// Price and size of each side; `None`: nobody is there.
    Quote {
        bid: Option<(Decimal, Decimal)>,
        ask: Option<(Decimal, Decimal)>,
    },
}

const SYMBOL: &str = "BTCUSDT";
/// From 2001 to 2096: the decoder tells the unit of a time by its size.
const MILLIS: std::ops::Range<i64> = 1_000_000_000_000..4_000_000_000_000;

/// Above zero, of every scale.
fn decimals() -> impl Strategy<Value = Decimal> {
    let digits = || 1_i64..1_000_000_000_000_000_000;
    let units = digits().prop_map(Decimal::from_units);
    let scaled = (digits(), 0_u32..=18);
    prop_oneof![
        units,
        scaled.prop_map(|(digits, places)| Decimal::with_places(digits, places).expect("a decimal"))
    ]
}

fn events() -> impl Strategy<Value = Event> {
    let trades = (decimals(), decimals(), any::<bool>(), any::<u32>(), MILLIS);
    let trades = trades.prop_map(|(price, size, is_sell, id, millis)| {
        let side = if is_sell { Side::Sell } else { Side::Buy };
        Event::Trade { price, size, side, id: u64::from(id), millis }
    });
    let side = || proptest::option::of((decimals(), decimals()));
    let quotes =
        (side(), side()).prop_filter("a quote has a side", |(bid, ask)| bid.is_some() || ask.is_some());
    prop_oneof![trades, quotes.prop_map(|(bid, ask)| Event::Quote { bid, ask })]
}

fn fields(values: &[(Field, Decimal)]) -> Fields {
    let mut fields = Fields::default();
    for &(field, value) in values {
        fields.set_decimal(field, value);
    }
    fields
}

/// The event as a message of the venue.
fn written<const COMBINED: bool>(event: &Event, seq: u64) -> Vec<String> {
    let symbol = Symbol::new(SYMBOL).expect("a symbol");
    let rx = Nanos(1_700_000_000_000_000_000);
    match event {
        Event::Trade { price, size, side, id, millis } => {
            let mut fields = fields(&[(Field::Last, *price), (Field::LastSize, *size)]);
            fields.set_side(*side);
            fields.set_trade_id(TradeId::of_number(*id));
            let ts = Nanos(millis * 1_000_000);
            let tick = Stamped { topic: TopicId(0), seq, order: seq, ts, rx, fields };
            let record = Record::default();
            frames::<Messages<COMBINED, false>>(|write| write(&TRADE, &symbol, &record, Some(&tick)))
        }
        Event::Quote { bid, ask } => {
            let sides = [(Field::Bid, Field::BidSize, bid), (Field::Ask, Field::AskSize, ask)];
            let values: Vec<(Field, Decimal)> = sides
                .iter()
                .filter_map(|(price, size, side)| Some((price, size, (*side).as_ref()?)))
                .flat_map(|(price, size, side)| [(*price, side.0), (*size, side.1)])
                .collect();
            let record = Record { seq, ts: rx, rx, fields: fields(&values), ..Record::default() };
            frames::<Messages<COMBINED, false>>(|write| write(&BOOK_TICKER, &symbol, &record, None))
        }
    }
}

#[track_caller]
fn check_same(event: &Event, seq: u64, read: &VenueTick) {
    let of = |field| read.tick.fields.get_decimal(field);
    assert_eq!(read.tick.symbol.as_str(), SYMBOL);
    match event {
        Event::Trade { price, size, side, id, millis } => {
            assert_eq!((read.kind, read.number), (StreamKind::Trades, Number::Counted(*id)));
            assert_eq!((of(Field::Last), of(Field::LastSize)), (Some(*price), Some(*size)));
            assert_eq!(read.tick.fields.side, *side);
            assert_eq!(read.tick.fields.trade_id(), &TradeId::of_number(*id));
            assert_eq!(read.tick.ts, Some(Nanos(millis * 1_000_000)));
        }
        Event::Quote { bid, ask } => {
            assert_eq!((read.kind, read.number), (StreamKind::Quotes, Number::Rising(seq)));
            let side = |price, size| of(price).zip(of(size));
            assert_eq!((side(Field::Bid, Field::BidSize), side(Field::Ask, Field::AskSize)), (*bid, *ask));
        }
    }
}

fn check<const COMBINED: bool>(events: &[Event]) {
    let source = Source::parse(&format!("binance?symbols={SYMBOL}")).expect("a source");
    let SourceKind::Upstream(config) = source.kind else { panic!("a venue") };
    let streams = [StreamKind::Trades, StreamKind::Quotes].map(|kind| Stream::new(SYMBOL, kind)).to_vec();
    let mut conversation =
        config.dialer.connect(&StreamGroup { channel: "", streams }, &CustomFields::none());
    let mut reaction = Reaction::default();
    conversation.opened(Nanos(1), &mut reaction);
    reaction.clear();
    for (seq, event) in (100..).zip(events) {
        let messages = written::<COMBINED>(event, seq);
        assert_eq!(messages.len(), 1, "{event:?}: {messages:?}");
        conversation.text(Nanos(2), &mut messages[0].clone().into_bytes(), &mut reaction);
        assert_eq!((reaction.ticks.len(), &reaction.notes), (1, &Vec::new()), "{messages:?}");
        check_same(event, seq, &reaction.ticks[0]);
        reaction.clear();
    }
}

proptest! {
    #[test]
    fn the_connector_reads_back_what_the_dialect_writes(events in proptest::collection::vec(events(), 1..40)) {
        check::<true>(&events);
        check::<false>(&events);
    }
}
