//! Databento's DBN, from samples that its own package wrote.

use ::dbn::{
    FlagSet, Metadata, RecordHeader, SType, SymbolMappingMsg, TradeMsg,
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
            r#"{"symbol":"AAPL","ts":1609160400002704,"rx":1609160400002904,"bid":133,"bid_size":10,"ask_size":0}"#,
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

/// The parser would take the address of the record behind it for one that a record may have.
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
            [format!("byte {first}, syntax: a record whose length is no multiple of 8")]
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

/// Its metadata maps nothing, and one name is given anew.
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
