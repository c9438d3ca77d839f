//! Law: what the dialect of a venue writes of any market, our connector to that venue reads back as the same ticks, one for
//! one, as far as the venue's protocol has words for them.
//!
//! One harness for all: `venues.rs` says what each protocol cannot say. It is here because dialects and connectors know
//! nothing of each other.

mod events;
mod venues;

use proptest::prelude::*;

use self::{
    events::{Script, scripts},
    venues::{VENUES, Venue},
};
use crate::{
    feed::{
        Source,
        source::SourceKind,
        upstream::venue::{Conversation, Number, Reaction, Stream, StreamGroup, StreamKind, VenueTick},
    },
    tick::{Affects, CustomFields, Field, FieldSet, Fields, Nanos, ReportKind, Symbol, Tick, TradeReport},
    topic::{Detail, FeedId, Market, Record, Stamped},
    wire::dialects::{testing::Sent, trade::number},
};

/// A tick as the market has it, with the record that it left.
struct Taken {
    tick: Stamped,
    record: Record,
}

/// What the events are to the market. It refuses what nobody could mean: the cancel of a trade that there is not.
fn taken(symbol: &Symbol, script: &Script) -> Vec<Taken> {
    let mut market = Market::new(vec!["feed".to_owned()], 1, 1);
    market.set_tape_limits(&crate::limits::DEFAULT);
    let mut rx = Nanos(1_700_000_000_000_000_001);
    let each = script.events.iter().filter_map(|event| {
        rx = Nanos(rx.0 + 1_000_001);
        let fields = event.fields(&script.names);
        let mut ticks = vec![Tick { symbol: symbol.clone(), ts: Some(Nanos(event.at)), fields }];
        let batch = market.ingest(FeedId(0), &mut ticks, rx, &mut Vec::new(), Detail::Ticks);
        let tick = batch.ticks.into_iter().next()?;
        Some(Taken { tick, record: batch.touched[0].record.clone() })
    });
    each.collect()
}

/// The connector to this venue, on a connection that is open.
fn connected(venue: &Venue, symbol: &str) -> Box<dyn Conversation> {
    let source = Source::parse(&(venue.feed)()).expect("a source");
    let SourceKind::Upstream(config) = source.kind else { panic!("a venue") };
    let streams = [StreamKind::Trades, StreamKind::Quotes].map(|kind| Stream::new(symbol, kind)).to_vec();
    let mut conversation =
        config.dialer.connect(&StreamGroup { channel: "", streams }, &CustomFields::none());
    conversation.opened(Nanos(1), &mut Reaction::default());
    conversation
}

/// The trade, cancel or correction that a tick is, as its venue says it.
fn expected_trade(venue: &Venue, shown: &str, tick: &Stamped) -> Option<Tick> {
    let ts = Some((venue.time)(tick.ts));
    let mut fields = Fields::default();
    if let Some(report) = tick.fields.correction() {
        let id = number(&report.id).filter(|_| venue.tells_corrections)?;
        let mut told = TradeReport::of(report.kind, crate::tick::TradeId::of_number(id));
        if report.kind == ReportKind::Correct {
            told.last = Some((venue.price)(report.last?));
            told.last_size = Some((venue.size)(report.last_size?));
        }
        fields.set_report(Some(std::sync::Arc::new(told)));
    } else {
        let (price, size, side, affects) = tick.fields.trade()?;
        fields.set_decimal(Field::Last, (venue.price)(price));
        fields.set_decimal(Field::LastSize, (venue.size)(size));
        let side = (venue.side)(side.unwrap_or_default());
        if side != crate::tick::Side::Unknown {
            fields.set_side(side);
        }
        if let Some(id) = (venue.name)(tick.fields.name_of_trade(), tick.seq) {
            fields.set_trade_id(id);
        }
        fields.limit_trade((venue.affects)(affects, shown));
    }
    Some(Tick { symbol: Symbol::new(shown).expect("a symbol"), ts, fields })
}

/// The quote that a record has, as its venue says it.
fn expected_quote(venue: &Venue, shown: &str, record: &Record) -> Option<Tick> {
    let of = |field| record.fields.get_decimal(field);
    let has_quote = !record.fields.named().intersect(FieldSet::QUOTE).is_empty();
    let last = of(Field::Last).filter(|_| venue.quote_has_last);
    let is_told = if venue.quotes_need_trades {
        last.and(of(Field::LastSize)).is_some()
    } else {
        has_quote || last.is_some()
    };
    if !is_told {
        return None;
    }
    let mut fields = Fields::default();
    for (price, size) in [(Field::Bid, Field::BidSize), (Field::Ask, Field::AskSize)] {
        match of(price) {
            Some(value) => {
                fields.set_decimal(price, (venue.price)(value));
                if venue.quote_has_sizes {
                    fields.set_decimal(size, (venue.quote_size)(of(size).unwrap_or_default()));
                }
            }
            None => fields.withdraw_all(price.bit().with(size)),
        }
    }
    if let Some(last) = last {
        fields.set_decimal(Field::Last, (venue.price)(last));
    }
    let ts = (venue.quote_time)(record.ts, record.rx);
    Some(Tick { symbol: Symbol::new(shown).expect("a symbol"), ts, fields })
}

/// What is written of some ticks, and what is to be read.
fn told<'a>(
    venue: &Venue,
    shown: &str,
    symbol: &'a Symbol,
    spelled: Option<&'a str>,
    taken: &'a [Taken],
) -> (Vec<Sent<'a>>, Vec<Tick>) {
    let (mut sent, mut expected) = (Vec::new(), Vec::new());
    for Taken { tick, record } in taken {
        for (stream, tick_or_record) in [(venue.trades, Some(tick)), (Some(venue.quotes), None)] {
            let Some(stream) = stream.filter(|stream| stream.spec().view.wants(tick)) else { continue };
            sent.push(Sent { stream, symbol, spelled, record, tick: tick_or_record });
            expected.extend(match tick_or_record {
                Some(tick) => expected_trade(venue, shown, tick),
                None => expected_quote(venue, shown, record),
            });
        }
    }
    (sent, expected)
}

/// Whether the connector knows the tick by the number that the venue gave it.
fn is_numbered(venue: &Venue, read: &VenueTick) -> bool {
    let name = read.tick.fields.name_of_trade();
    match read.number {
        Number::Counted(counted) => venue.counts && number(name) == Some(counted),
        Number::Named(_) | Number::Placed { .. } => !venue.counts && !name.is_empty(),
        Number::Spanned { .. } => false,
        Number::Rising(_) | Number::None => read.kind == StreamKind::Quotes || name.is_empty(),
    }
}

fn check(venue: &Venue, script: &Script) {
    let symbol = Symbol::new(&script.symbol).expect("a symbol");
    let shown = (venue.shown)(&script.symbol);
    let spelled = venue.spells.then_some(&*shown);
    let mut conversation = connected(venue, &shown);
    let (mut sequence, mut reaction) = (0, Reaction::default());
    let all = taken(&symbol, script);
    // Some ticks are due together, and in one frame.
    for taken in all.chunks(script.together) {
        let (sent, expected) = told(venue, &shown, &symbol, spelled, taken);
        let messages = (venue.write)(&sent, &mut sequence);
        for message in &messages {
            let mut bytes = message.clone();
            if venue.is_binary {
                conversation.binary(Nanos(2), &mut bytes, &mut reaction);
            } else {
                conversation.text(Nanos(2), &mut bytes, &mut reaction);
            }
        }
        let shown: Vec<_> = messages.iter().map(|message| String::from_utf8_lossy(message)).collect();
        assert_eq!(reaction.notes, [], "{}: {shown:?}", venue.title);
        let read: Vec<&Tick> = reaction.ticks.iter().map(|read| &read.tick).collect();
        assert_eq!(read, expected.iter().collect::<Vec<_>>(), "{}: {shown:?}", venue.title);
        for read in &reaction.ticks {
            assert!(is_numbered(venue, read), "{}: {read:?}", venue.title);
        }
        reaction.clear();
    }
}

proptest! {
    #[test]
    fn a_connector_reads_back_what_the_dialect_writes(script in scripts()) {
        for venue in &VENUES {
            check(venue, &script);
        }
    }
}

/// What a script is, so that the law is about something: trades of every kind, and quotes of one side and of none.
#[test]
fn the_law_is_about_every_kind_of_tick() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};

    let mut runner = TestRunner::deterministic();
    let (mut trades, mut limited, mut corrections, mut empty) = (0, 0, 0, 0);
    for _ in 0..200 {
        let script = scripts().new_tree(&mut runner).expect("a script").current();
        let symbol = Symbol::new(&script.symbol).expect("a symbol");
        for Taken { tick, record } in taken(&symbol, &script) {
            trades += usize::from(tick.fields.is_trade());
            limited += usize::from(tick.fields.trade().is_some_and(|(.., affects)| affects != Affects::ALL));
            corrections += usize::from(tick.fields.correction().is_some());
            let has = |field| record.fields.get_decimal(field).is_some();
            empty += usize::from(
                !has(Field::Bid) && !has(Field::Ask) && tick.fields.withdrawn().contains(Field::Bid),
            );
        }
    }
    assert!(
        trades > 500 && limited > 100 && corrections > 50 && empty > 20,
        "{trades} {limited} {corrections} {empty}"
    );
}
