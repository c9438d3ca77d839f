//! Databento's DBN, from samples that its own package wrote.

use ::dbn::{
    CbboMsg, Cmbp1Msg, ConsolidatedBidAskPair, FlagSet, MboMsg, Metadata, RecordHeader, SType, Schema,
    SymbolMappingMsg, TradeMsg, UNDEF_PRICE,
    encode::{EncodeRecord, dbn::Encoder},
    rtype,
};

use super::*;

#[test]
fn records_of_databento() {
    check(
        "mbp-1.dbn",
        "dbn",
        0,
        &[
            r#"{"symbol":"AAPL","ts":1609160400000704,"rx":1609160400000869,"bid":133,"bid_size":10,"ask":133.01,"ask_size":20}"#,
            r#"{"symbol":"AAPL","ts":1609160400001704,"rx":1609160400001904,"bid":133,"bid_size":10,"ask":133.01,"ask_size":15,"last":133.01,"last_size":5,"side":"buy"}"#,
            r#"{"symbol":"AAPL","ts":1609160400002704,"rx":1609160400002904,"bid":133,"bid_size":10,"ask":null,"ask_size":null}"#,
            "byte 600, value: the symbol in the metadata's mapping, or in a record of one: missing",
        ],
    );
    check(
        "trades.dbn",
        "dbn",
        0,
        &[
            r#"{"symbol":"AAPL","ts":1609160400000704,"rx":1609160400000869,"last":133.000000123,"last_size":10,"side":"sell"}"#,
            r#"{"symbol":"AAPL","ts":1609160400000705,"rx":1609160400000870,"last":133,"last_size":3}"#,
        ],
    );
    let mut hostile = sample("trades.dbn");
    hostile[4..8].fill(0xff);
    let out = decode("trades.dbn", &hostile, &[3]);
    assert_eq!(lines(&out), ["byte 0, syntax: metadata of more than 256 MiB"]);
}

/// The parser would take the address of the record after it for a valid one.
#[test]
fn a_record_of_an_odd_length_is_left_out_alone() {
    let mut bytes = sample("trades.dbn");
    let first = bytes.len() - 2 * 48;
    let mut odd = bytes[first..first + 48].to_vec();
    odd.extend_from_slice(&[0; 4]);
    odd[0] = 13;
    bytes.splice(first..first, odd);
    for lengths in [&[usize::MAX][..], &[1], &[7, 50]] {
        let out = decode("trades.dbn", &bytes, lengths);
        assert_eq!(out.ticks, decode("trades.dbn", &sample("trades.dbn"), &[usize::MAX]).ticks);
        assert_eq!(
            lines(&out)[2..],
            [format!("byte {first}, syntax: a record whose length is not a multiple of 8")]
        );
    }
}

#[test]
fn damaged_metadata_is_told_alike_however_it_was_cut() {
    let sample = sample("mbp-1.dbn");
    for (at, byte) in (0..360).flat_map(|at| [(at, 0xff), (at, 0), (at, 1)]) {
        let mut damaged = sample.clone();
        damaged[at] = byte;
        let decode = |lengths: &[usize]| decode_as(Format::Databento, "x.dbn", &damaged, lengths);
        let whole = state(&decode(&[usize::MAX]));
        assert_eq!(state(&decode(&[1])), whole, "{byte} at {at}");
        assert_eq!(state(&decode(&[7, 60])), whole, "{byte} at {at}");
    }
}

/// Its metadata has no mappings, and one name is given again.
#[test]
fn a_live_session_tells_its_names_in_records() {
    let metadata = Metadata::builder()
        .dataset("GLBX.MDP3".to_owned())
        .schema(None)
        .start(1_609_160_400_000_000_000)
        .stype_in(None)
        .stype_out(SType::InstrumentId)
        .build();
    let mapping = |instrument, name| {
        SymbolMappingMsg::new(instrument, 1, SType::RawSymbol, "ask", SType::RawSymbol, name, 0, u64::MAX)
            .unwrap()
    };
    let trade = |instrument| TradeMsg {
        hd: RecordHeader::new::<TradeMsg>(rtype::MBP_0, 1, instrument, 1_609_160_400_000_704_000),
        price: 133_000_000_000,
        size: 10,
        action: b'T'.cast_signed(),
        side: b'A'.cast_signed(),
        flags: FlagSet::empty(),
        depth: 0,
        ts_recv: 1_609_160_400_000_869_000,
        ts_in_delta: 0,
        sequence: 1,
    };
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, &metadata).unwrap();
    encoder.encode_record(&trade(7)).unwrap();
    encoder.encode_record(&mapping(7, "ESH1")).unwrap();
    encoder.encode_record(&trade(7)).unwrap();
    encoder.encode_record(&mapping(7, "ESM1")).unwrap();
    encoder.encode_record(&trade(7)).unwrap();
    for lengths in [&[usize::MAX][..], &[1], &[7, 50]] {
        let out = decode("live.dbn", &bytes, lengths);
        let names: Vec<_> = out.ticks.iter().map(|(_, tick)| tick.symbol.as_str()).collect();
        assert_eq!(names, ["ESH1", "ESM1"]);
        assert_eq!((out.passed, out.tally.total()), (2, 1), "the first trade came before its name");
    }
}

/// Behind the metadata of a sample, which names instrument 1.
fn with_records(records: &[&[u8]]) -> Vec<u8> {
    let sample = sample("trades.dbn");
    [&sample[..sample.len() - 2 * 48], &records.concat()].concat()
}

fn header<T: ::dbn::HasRType>(rtype: u8) -> RecordHeader {
    let sample = sample("trades.dbn");
    let record = &sample[sample.len() - 48..];
    let instrument = u32::from_le_bytes(record[4..8].try_into().unwrap());
    RecordHeader::new::<T>(rtype, 1, instrument, 1_609_160_400_000_704_060)
}

fn order(action: u8, side: u8, order_id: u64, price: i64, size: u32) -> MboMsg {
    MboMsg {
        hd: header::<MboMsg>(rtype::MBO),
        order_id,
        price,
        size,
        flags: FlagSet::empty(),
        channel_id: 0,
        action: action.cast_signed(),
        side: side.cast_signed(),
        ts_recv: 1_609_160_400_000_869_000,
        ts_in_delta: 0,
        sequence: 0,
    }
}

#[test]
fn orders_become_best_prices_and_trades() {
    const ONE: i64 = 1_000_000_000;
    let records = [
        order(b'R', b'N', 0, UNDEF_PRICE, 0),
        order(b'A', b'B', 1, 100 * ONE, 10),
        order(b'A', b'A', 2, 101 * ONE, 5),
        order(b'A', b'B', 3, 99 * ONE, 7),
        order(b'T', b'A', 0, 100 * ONE, 4),
        order(b'F', b'B', 1, 100 * ONE, 4),
        order(b'C', b'B', 1, 100 * ONE, 4),
        order(b'M', b'B', 3, 100 * ONE, 8),
        order(b'M', b'A', 9, 100 * ONE + 1, 1),
        order(b'C', b'A', 77, 100 * ONE, 4),
        order(b'R', b'N', 0, UNDEF_PRICE, 0),
        order(b'A', b'B', 1, 98 * ONE, 2),
    ];
    let bytes = with_records(&records.each_ref().map(AsRef::as_ref));
    let at = bytes.len() - 3 * size_of::<MboMsg>();
    let start = r#"{"symbol":"AAPL","ts":1609160400000704,"rx":1609160400000869,"#;
    let expected = [
        r#""bid":100,"bid_size":10}"#,
        r#""ask":101,"ask_size":5}"#,
        r#""last":100,"last_size":4,"side":"sell"}"#,
        r#""bid":100,"bid_size":6}"#,
        r#""bid":100,"bid_size":14}"#,
        r#""ask":100.000000001,"ask_size":1}"#,
        r#""bid":null,"bid_size":null,"ask":null,"ask_size":null}"#,
        r#""bid":98,"bid_size":2}"#,
    ];
    let mut lines_expected: Vec<String> = expected.iter().map(|rest| format!("{start}{rest}")).collect();
    lines_expected.push(format!("byte {at}, syntax: the order was never added, or has ended"));
    for lengths in [&[usize::MAX][..], &[1], &[7, 50]] {
        assert_eq!(lines(&decode("x.mbo.dbn", &bytes, lengths)), lines_expected);
    }
}

#[test]
fn quotes_of_all_venues() {
    let level = ConsolidatedBidAskPair {
        bid_px: 133_000_000_000,
        ask_px: UNDEF_PRICE,
        bid_sz: 10,
        ask_sz: 0,
        bid_pb: 1,
        ask_pb: 1,
        ..Default::default()
    };
    let mut trade = Cmbp1Msg::default_for_schema(Schema::Cmbp1);
    trade.hd = header::<Cmbp1Msg>(rtype::CMBP_1);
    (trade.price, trade.size) = (133_010_000_000, 5);
    (trade.action, trade.side) = (b'T'.cast_signed(), b'B'.cast_signed());
    trade.ts_recv = 1_609_160_400_000_869_000;
    trade.levels = [level.clone()];
    let mut second = CbboMsg::default_for_schema(Schema::Cbbo1S);
    second.hd = header::<CbboMsg>(rtype::CBBO_1S);
    second.ts_recv = 1_609_160_400_000_869_000;
    second.levels = [level];
    let bytes = with_records(&[trade.as_ref(), second.as_ref()]);
    let start = r#"{"symbol":"AAPL","ts":1609160400000704,"rx":1609160400000869,"bid":133,"bid_size":10"#;
    let end = r#","ask":null,"ask_size":null}"#;
    let expected =
        [format!(r#"{start},"last":133.01,"last_size":5,"side":"buy"{end}"#), format!("{start}{end}")];
    assert_eq!(lines(&decode("x.dbn", &bytes, &[usize::MAX])), expected);
}
