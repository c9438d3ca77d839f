//! What is written is read back, by a reader that is not told how it was written; what is left out is told.

use proptest::prelude::*;

use super::*;
use crate::{
    feed::{
        formats::{self, DecoderOutput, Hints},
        testing::report_some,
    },
    tick::{
        Decimal, Fields, Symbol, Volume,
        custom::{CustomField, CustomKind, CustomMerge, CustomName},
        testing::{ANY_SYMBOL, any_decimal, any_size, any_trade_id, any_volume},
    },
};

/// A tick with some of `columns`, at least one of `needed`, and its receive time.
fn tick(columns: FieldSet, needed: FieldSet) -> impl Strategy<Value = (Tick, Nanos)> {
    // Earlier times are so small that a reader would take them for another unit.
    let micros = || (100_000_000_000_000i64..4_000_000_000_000_000).prop_map(|micros| Nanos(micros * 1_000));
    let values = (
        proptest::array::uniform9(any_decimal()),
        any_size(),
        any_size(),
        any_size(),
        prop_oneof![Just(Side::Buy), Just(Side::Sell), Just(Side::Unknown)],
        any_volume(),
        (any::<u64>(), any_trade_id()),
    );
    (ANY_SYMBOL, micros(), micros(), any::<u16>(), values).prop_map(
        move |(symbol, ts, rx, bits, (prices, bid_size, ask_size, last_size, side, volume, (trades, id)))| {
            let mut mask = FieldSet(bits).intersect(columns);
            if mask.intersect(needed).is_empty() || needed != FieldSet::ALL {
                mask = mask.union(needed);
            }
            let mut fields = Fields::default();
            for field in mask.iter() {
                match field {
                    Field::Side => fields.set_side(side),
                    Field::Volume => fields.set_volume(volume),
                    Field::Trades => fields.set_trades(trades),
                    Field::TradeId => fields.set_trade_id(id),
                    Field::BidSize => fields.set_decimal(field, bid_size),
                    Field::AskSize => fields.set_decimal(field, ask_size),
                    Field::LastSize => fields.set_decimal(field, last_size),
                    _ => fields.set_decimal(field, prices[field as usize]),
                }
            }
            (Tick { symbol: Symbol::new(&symbol).unwrap(), ts: Some(ts), fields }, rx)
        },
    )
}

/// A field of each kind, of every symbol.
fn configured() -> Arc<CustomFields> {
    let field = |(name, kind, merge)| {
        let name = CustomName::parse(name).unwrap();
        CustomField { name, kind, merge, symbols: Vec::new() }
    };
    CustomFields::new(
        [
            ("mark", CustomKind::Decimal, CustomMerge::Last),
            ("paid", CustomKind::Decimal, CustomMerge::Sum),
            ("oi", CustomKind::Integer, CustomMerge::Max),
            ("phase", CustomKind::Text, CustomMerge::First),
        ]
        .map(field)
        .into(),
    )
}

/// Values of some configured fields, and which of all are withdrawn.
type Configured = (Option<Decimal>, Option<Volume>, Option<i64>, Option<String>, u64);

fn any_configured() -> impl Strategy<Value = Configured> {
    use proptest::option::of;
    let text = "[ -~é,\"]{0,9}[!-~,\"]".prop_filter("it would read as a withdrawal", |text| text != NULL);
    let withdrawn = prop_oneof![2 => Just(0), 1 => 0u64..16];
    (of(any_decimal()), of(any_volume()), of(any::<i64>()), of(text), withdrawn)
}

fn configure(tick: &mut Tick, table: &Arc<CustomFields>, configured: Configured) {
    let (mark, paid, oi, phase, withdrawn) = configured;
    let mut set = |name: &str, value: Option<CustomValue>| {
        if let Some(value) = value {
            tick.fields.set_custom(table, table.find(name).unwrap(), value);
        }
    };
    set("mark", mark.map(CustomValue::Decimal));
    set("paid", paid.map(CustomValue::Total));
    set("oi", oi.map(CustomValue::Integer));
    set("phase", phase.map(|text| CustomValue::text(&text).unwrap()));
    for (id, _) in table.iter().filter(|(id, _)| withdrawn & id.bit().0 != 0) {
        tick.fields.withdraw_custom(table, id);
    }
}

/// A tick, and what is made of it.
type Any = ((Tick, Nanos), FieldSet, Configured, (u64, TradeId));

/// Writes ticks, and reads them without knowing how they were written.
fn there_and_back(rows: &Rows, ticks: &[(Tick, Nanos)]) -> Vec<(Tick, Nanos)> {
    let header = || "{\"tickcast\":\"recording\",\"version\":1}\n".to_owned();
    let mut bytes = rows.names().unwrap_or_else(header).into_bytes();
    for (tick, rx) in ticks {
        assert_eq!(rows.write(tick, *rx, &mut bytes), Kept::All);
    }
    let hints = Hints { fields: configured(), ..Hints::default() };
    let (_, mut decoder) = formats::open("table", &bytes, true, &hints, 4_096).unwrap().unwrap();
    let mut out = DecoderOutput::default();
    decoder.feed(&mut bytes, &mut out);
    decoder.finish(&mut out);
    assert!(out.rejects.is_empty(), "{:?}", out.rejects);
    out.ticks.into_iter().map(|(rx, tick)| (tick, rx.unwrap())).collect()
}

proptest! {
    #[test]
    fn ours_and_plain_tables_carry_every_tick(
        ticks in proptest::collection::vec(
            (
                tick(FieldSet::ALL, FieldSet::ALL),
                prop_oneof![Just(FieldSet::NONE), any::<u16>().prop_map(FieldSet)],
                any_configured(),
                (any::<u64>(), any_trade_id()),
            ),
            1..20,
        ),
    ) {
        let table = configured();
        let withdraw = |((mut tick, rx), withdrawn, more, (seed, id)): Any| {
            tick.fields.withdraw_all(withdrawn);
            report_some(&mut tick.fields, seed, id);
            configure(&mut tick, &table, more);
            (tick, rx)
        };
        let ticks: Vec<_> = ticks.into_iter().map(withdraw).collect();
        let own = there_and_back(&Rows::Own, &ticks);
        prop_assert_eq!(&own, &ticks);
        let plain = there_and_back(&Rows::Plain { fields: table }, &own);
        prop_assert_eq!(&plain, &ticks);
    }

    #[test]
    fn tables_of_tardis_carry_trades_and_quotes(
        trades in proptest::collection::vec(tick(TRADE, TRADE), 1..20),
        quotes in proptest::collection::vec((tick(QUOTE, QUOTE), 0usize..8), 1..20),
    ) {
        let sides = [Field::Bid.bit().with(Field::BidSize), Field::Ask.bit().with(Field::AskSize), QUOTE];
        let empty = |((mut tick, rx), side): ((Tick, Nanos), usize)| {
            tick.fields.withdraw_all(sides.get(side).copied().unwrap_or_default());
            (tick, rx)
        };
        let quotes: Vec<_> = quotes.into_iter().map(empty).collect();
        let plain = Rows::Plain { fields: CustomFields::none() };
        let exchange = "binance".to_owned();
        let table = Rows::TardisTrades { exchange: exchange.clone() };
        prop_assert_eq!(there_and_back(&plain, &there_and_back(&table, &trades)), trades);
        let table = Rows::TardisQuotes { exchange };
        prop_assert_eq!(there_and_back(&Rows::Own, &there_and_back(&table, &quotes)), quotes);
    }
}

#[test]
fn a_side_that_a_tick_does_not_name_stands_in_its_row_as_before() {
    let mut quotes = WholeQuotes::default();
    let mut tick = Tick { symbol: Symbol::new("A").unwrap(), ts: None, fields: Fields::default() };
    let mut complete = |fields: Fields| {
        tick.fields = fields;
        let mut out = Vec::new();
        Rows::TardisQuotes { exchange: "x".to_owned() }.write(&quotes.complete(&tick), Nanos(0), &mut out);
        String::from_utf8(out).unwrap()
    };
    let with = |field: Field, units: i64| {
        let mut fields = Fields::default();
        fields.set_decimal(field, Decimal::from_units(units * 1_000_000_000));
        fields
    };
    let mut gone = Fields::default();
    gone.withdraw_all(Field::Bid.bit().with(Field::BidSize));
    assert_eq!(complete(with(Field::Bid, 1)), "x,A,0,0,,,1,\n");
    assert_eq!(complete(with(Field::Ask, 2)), "x,A,0,0,,2,1,\n");
    assert_eq!(complete(with(Field::Last, 3)), "", "no quote");
    assert_eq!(complete(gone), "x,A,0,0,,2,,\n");
}

#[test]
fn what_is_left_out_is_told() {
    let mut fields = Fields::default();
    fields.set_decimal(Field::Bid, Decimal::from_units(1));
    let mut tick = Tick { symbol: Symbol::new("A").unwrap(), ts: None, fields };
    let (exchange, none) = ("x".to_owned(), CustomFields::none());
    let (trades, quotes) =
        (Rows::parse("tardis-trades", "x", &none).unwrap(), Rows::TardisQuotes { exchange });
    let plain = Rows::Plain { fields: Arc::clone(&none) };
    let kept = |rows: &Rows, tick: &Tick| rows.write(tick, Nanos(0), &mut Vec::new());
    assert_eq!((kept(&trades, &tick), kept(&quotes, &tick)), (Kept::Nothing, Kept::All));
    tick.fields.set_decimal(Field::Last, Decimal::from_units(2));
    assert_eq!((kept(&trades, &tick), kept(&quotes, &tick)), (Kept::Nothing, Kept::Part));
    tick.fields.set_decimal(Field::LastSize, Decimal::from_units(2));
    assert_eq!((kept(&trades, &tick), kept(&quotes, &tick)), (Kept::Part, Kept::Part));
    assert_eq!((kept(&Rows::Own, &tick), kept(&plain, &tick)), (Kept::All, Kept::All));
    assert_eq!(Rows::parse("parquet", "x", &none).is_some(), cfg!(feature = "parquet"));
    assert_eq!(Rows::parse("arrow", "x", &none), None);
}

#[test]
fn what_is_said_of_a_trade_stands_in_plain_tables_and_is_left_out_of_those_of_tardis() {
    let plain = Rows::Plain { fields: Arc::default() };
    assert_eq!(
        plain.names().unwrap(),
        "symbol,ts,rx,bid,bid_size,ask,ask_size,last,last_size,side,trade_id,open,high,low,volume,trades,\
         affects,cancel,correct\n"
    );
    let check = |fields: &str, cells: &str, trades: (Kept, &str)| {
        let own = format!(r#"{{"symbol":"A","rx":1742860800000000,{fields}}}"#);
        let decoded = crate::feed::ndjson::NdjsonDecoder::new(4_096).decode(&mut own.clone().into_bytes());
        let (tick, rx) = (decoded.unwrap().tick, Nanos(1_742_860_800_000_000_000));
        let write = |rows: &Rows| {
            let mut out = Vec::new();
            let kept = rows.write(&tick, rx, &mut out);
            (kept, String::from_utf8(out).unwrap().trim_end().to_owned())
        };
        assert_eq!(write(&Rows::Own), (Kept::All, own.clone()));
        assert_eq!(write(&plain), (Kept::All, format!("A,,1742860800000000,{cells}")), "{fields}");
        let (kept, row) = write(&Rows::TardisTrades { exchange: String::new() });
        assert_eq!((kept, row.as_str()), trades, "{fields}");
    };
    let nothing = (Kept::Nothing, "");
    check(r#""cancel":"a""#, ",,,,,,,,,,,,,,a,", nothing);
    check(r#""cancel":"a,b","volume":7"#, ",,,,,,,,,,,7,,,\"a,b\",", nothing);
    check(r#""correct":"a","last":5,"high":6"#, ",,,,5,,,,,6,,,,,,a", nothing);
    let limited = r#""last":5,"last_size":1,"trade_id":"a","affects":["high_low","volume"]"#;
    check(limited, ",,,,5,1,,a,,,,,,high_low volume,,", nothing);
    check(r#""bid":4,"last":5,"last_size":1,"affects":[]"#, "4,,,,5,1,,,,,,,,none,,", nothing);
    let trade = (Kept::All, ",A,1742860800000000,1742860800000000,,unknown,5,1");
    check(r#""last":5,"last_size":1"#, ",,,,5,1,,,,,,,,,,", trade);
    let quotes = Rows::TardisQuotes { exchange: String::new() };
    let mut fields = Fields::default();
    for field in [Field::Bid, Field::Last, Field::LastSize] {
        fields.set_decimal(field, Decimal::from_units(1_000_000_000));
    }
    fields.limit_trade(crate::tick::Affects::NONE);
    let tick = Tick { symbol: Symbol::new("A").unwrap(), ts: None, fields };
    assert_eq!(quotes.write(&tick, Nanos(0), &mut Vec::new()), Kept::Part);
}
