//! Lean's ticks, of equities and of other securities.

use super::{check, lean};

#[test]
fn ticks_of_lean() {
    check(
        "20131009_ibm_trade_tick.csv",
        "lean-trade",
        0,
        &[
            r#"{"symbol":"IBM","ts":1381325400123000,"last":185.34,"last_size":100}"#,
            r#"{"symbol":"IBM","ts":1381325400456500,"last":185.3455,"last_size":200}"#,
            r#"{"symbol":"IBM","ts":1381325400457000,"last":185.34555,"last_size":200}"#,
            "line 4, value: last: not a decimal number",
        ],
    );
    check(
        "20131009_ibm_quote_tick.csv",
        "lean-quote",
        0,
        &[
            r#"{"symbol":"IBM","ts":1381325400123000,"bid":185.34,"bid_size":3}"#,
            r#"{"symbol":"IBM","ts":1381325400124000,"ask":185.35,"ask_size":2}"#,
        ],
    );
}

#[test]
fn trades_of_lean_affect_what_their_conditions_say() {
    let table = "34200123,1853400,100,NASDAQ,80000020,0\n34200124,1853400,100,NASDAQ,21,0\n34200125,1853400,1,NYSE,T,1\n";
    let out = super::decode("20131009_ibm_trade_tick.csv", table.as_bytes(), &[usize::MAX]);
    let line = |millis: u32, size: u32, affects: &str| {
        format!(r#"{{"symbol":"IBM","ts":1381325400{millis}000,"last":185.34,"last_size":{size}{affects}}}"#)
    };
    let expected = [line(123, 100, r#","affects":["volume"]"#), line(124, 100, ""), line(125, 1, "")];
    assert_eq!(super::lines(&out), expected);
}

#[test]
fn ticks_of_lean_that_are_no_equities() {
    check(
        "20140501_eurusd_tick_quote.csv",
        "lean-tick-quote",
        0,
        &[
            r#"{"symbol":"EURUSD","ts":1398902400123000,"bid":1.38656,"ask":1.38663}"#,
            r#"{"symbol":"EURUSD","ts":1398902400456500,"bid":1.38657,"ask":1.38664}"#,
            "line 3, value: bid: not a decimal number",
        ],
    );
    check(
        "20180816_btcusd_tick_quote.csv",
        "lean-tick-quote",
        0,
        &[
            r#"{"symbol":"BTCUSD","ts":1534377600001000,"bid":6271.34,"bid_size":2.5,"ask":6271.35,"ask_size":0.00012}"#,
            r#"{"symbol":"BTCUSD","ts":1534377600002000,"ask":6271.36,"ask_size":1}"#,
        ],
    );
    check(
        "20180816_btcusd_tick_trade.csv",
        "lean-tick-trade",
        0,
        &[r#"{"symbol":"BTCUSD","ts":1534377600005000,"last":6271.35,"last_size":0.00012}"#],
    );
    check(
        "20131007_es_tick_trade_201312_20131220.csv",
        "lean-tick-trade",
        0,
        &[r#"{"symbol":"ES-201312","ts":1381104000033000,"last":1672.25,"last_size":3}"#],
    );
    let symbol = |name: &str| lean::LeanTable::of_name(name).map(|(_, symbol, _)| symbol);
    assert_eq!(symbol("20240101_btcusdt_tick_trade_perp.csv").as_deref(), Some("BTCUSDT-PERP"));
    assert_eq!(symbol("20131007_goog_tick_quote_american_call_8000000_20131220.csv"), None);
}
