//! The law of the writer: what a session is sent does not depend on where its frames were cut, nor on when the market's time was
//! looked at.

use std::sync::Arc;

use proptest::prelude::*;

use super::{FaultyMessages, FaultyWriter};
use crate::{
    fanout::{Emit, LocalId, TopicRef, View},
    scenario::{RunningScenario, read},
    tick::{Decimal, Field, Fields, Nanos, Symbol, TradeId},
    topic::{Record, Stamped, TopicId},
    wire::dialects::{DialectSet, binance, stream::DialectStream},
};

/// One trade or quote of a symbol, and whether its frame ends behind it.
#[derive(Clone, Copy, Debug)]
struct DrawnTick {
    symbol: usize,
    is_trade: bool,
    millis: i64,
    ends: bool,
}

const FAULTS: &str = "[[fault]]\nkind = \"lose\"\nchance = 0.1\n[[fault]]\nkind = \"reorder\"\nchance = 0.2\nbehind = 2\n\
    [[fault]]\nkind = \"duplicate\"\nchance = 0.2\n[[fault]]\nkind = \"again\"\nmessages = 5\nafter = \"1s\"\nevery = \"2s\"\n\
    [[fault]]\nkind = \"stale\"\nby = \"500ms\"\nafter = \"2s\"\nfor = \"1s\"\nevery = \"3s\"\n\
    [[fault]]\nkind = \"burst\"\ntimes = 3\nafter = \"4s\"\nfor = \"1s\"\n[[fault]]\nkind = \"restart\"\nafter = \"5s\"\n\
    [[fault]]\nkind = \"shutdown\"\nafter = \"8s\"\nnotice = \"700ms\"";

prop_compose! {
    fn drawn()(symbol in 0..2usize, is_trade in any::<bool>(), millis in 0i64..300, ends in any::<bool>()) -> DrawnTick {
        DrawnTick { symbol, is_trade, millis, ends }
    }
}

/// All that a session of Binance is sent of these ticks, in frames that end where they are told to. With `looks`, the
/// market's time is looked at behind each frame.
fn sent(drawn: &[DrawnTick], seed: u64, room: usize, looks: bool) -> Vec<u8> {
    let scenario = read::parse("test", &format!("name = \"t\"\nmodelled_on = \"t\"\n{FAULTS}")).unwrap();
    let running = Arc::new(RunningScenario::new(scenario, seed));
    running.begin(Nanos(0));
    let mut messages = FaultyMessages::new(&running, "binance");
    let (_, mut dialect) = DialectSet::ALL.begin("/stream", "streams=a@trade").expect("a session");
    let encoding = dialect.encoding();
    let symbols = ["AAAUSDT", "BBBUSDT"].map(|text| Symbol::new(text).unwrap());
    let (mut at, mut seqs, mut out) = (0, [0u64; 2], Vec::new());
    let mut rest = drawn;
    while !rest.is_empty() {
        let mut writer = FaultyWriter::new(&mut messages, &mut *dialect, encoding, Nanos(0), (room, 1_024));
        while let Some((tick, left)) = rest.split_first() {
            if !writer.has_room() {
                break;
            }
            rest = left;
            at += tick.millis * 1_000_000;
            seqs[tick.symbol] += 1;
            put(&mut writer, &symbols[tick.symbol], seqs[tick.symbol], Nanos(at), tick.is_trade);
            if tick.ends {
                break;
            }
        }
        if looks {
            writer.come_to(Nanos(at));
        }
        writer.finish(&mut out);
    }
    messages.take_rest(&mut out);
    out
}

fn put(writer: &mut FaultyWriter<'_>, symbol: &Symbol, seq: u64, at: Nanos, is_trade: bool) {
    let stream: &DialectStream =
        if is_trade { &binance::streams::TRADE } else { &binance::streams::BOOK_TICKER };
    let mut fields = Fields::default();
    let decimal = |units: u64| Decimal::from_units(1_000_000_000 * units.cast_signed());
    if is_trade {
        fields.set_decimal(Field::Last, decimal(seq));
        fields.set_decimal(Field::LastSize, decimal(7));
        fields.set_trade_id(TradeId::new(&(500 + seq).to_string()).unwrap());
    } else {
        fields.set_decimal(Field::Bid, decimal(seq));
    }
    let record = Record::default();
    let topic = TopicRef {
        local: LocalId(0),
        number: TopicId(0),
        symbol,
        product: crate::access::ProductId::REST,
        record: &record,
        is_first: false,
        delay_ms: None,
    };
    let tick = Stamped { topic: TopicId(0), seq, order: seq, ts: at, rx: at, fields };
    let view: View = stream.spec().view;
    writer.tick(&topic, &tick, 1, &view);
}

proptest! {
    #[test]
    fn what_is_sent_does_not_depend_on_where_frames_are_cut(
        drawn in prop::collection::vec(drawn(), 1..120),
        seed in any::<u64>(),
        room in 2_048usize..8_192,
    ) {
        let whole: Vec<DrawnTick> = drawn.iter().map(|tick| DrawnTick { ends: false, ..*tick }).collect();
        let expected = sent(&whole, seed, 1_000_000, false);
        for looks in [false, true] {
            let found = sent(&drawn, seed, room, looks);
            prop_assert_eq!(
                String::from_utf8_lossy(&found), String::from_utf8_lossy(&expected),
                "looks at the time: {}", looks
            );
        }
    }
}
