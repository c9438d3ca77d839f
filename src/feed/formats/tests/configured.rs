//! Configured fields, from every format that can have them.

use std::sync::Arc;

use crate::{
    feed::formats::{self, Columns, DecoderOutput, Hints, RejectedRecord},
    tick::{
        CustomFields, CustomSet, Glob, Tick,
        custom::{CustomField, CustomKind, CustomMerge, CustomName},
    },
};

fn table() -> Arc<CustomFields> {
    let decimals = ["mark", "index", "open_interest", "funding", "predicted_funding"];
    let decimals = decimals.map(|name| (name, CustomKind::Decimal));
    let field = |(name, kind)| {
        let symbols = if name == "mark" { vec![Glob::new("*P").unwrap()] } else { Vec::new() };
        CustomField { name: CustomName::parse(name).unwrap(), kind, merge: CustomMerge::Last, symbols }
    };
    let more = [("funding_time", CustomKind::Integer), ("phase", CustomKind::Text)];
    CustomFields::new(decimals.into_iter().chain(more).map(field).collect())
}

fn decode(
    name: &str,
    columns: Option<&str>,
    text: &str,
    fields: Arc<CustomFields>,
) -> Result<DecoderOutput, String> {
    let columns = columns.map(|columns| columns.parse::<Columns>().unwrap());
    let hints = Hints { columns, fields, ..Hints::default() };
    let (format, mut decoder) = formats::open(name, text.as_bytes(), true, &hints, 4_096)?.unwrap();
    let mut out = DecoderOutput::default();
    out.fills_fields = format.fills_fields();
    decoder.feed(&mut text.as_bytes().to_vec(), &mut out);
    decoder.finish(&mut out);
    Ok(out)
}

/// The fixed and the configured fields of each tick.
fn shown(out: &DecoderOutput) -> Vec<String> {
    let text = |tick: &Tick| {
        let mut text = Vec::new();
        tick.fields.write_json(crate::tick::WantedFields::ALL, &mut text);
        if let Some(custom) = &tick.fields.custom {
            custom.write_json_nulls(CustomSet::ALL, &mut text);
        }
        format!("{}{}", tick.symbol, String::from_utf8(text).unwrap())
    };
    out.ticks.iter().map(|(_, tick)| text(tick)).collect()
}

fn reasons(out: &DecoderOutput) -> Vec<&str> {
    out.rejects.iter().map(|RejectedRecord { message, .. }| message.as_str()).collect()
}

#[track_caller]
fn check(name: &str, columns: Option<&str>, text: &str, expected: &[&str]) {
    let out = decode(name, columns, text, table()).unwrap();
    assert!(out.rejects.is_empty(), "{:?}", out.rejects);
    assert_eq!(shown(&out), expected, "{text}");
}

#[test]
fn our_own_lines_and_tables_have_columns_of_them() {
    check(
        "x",
        None,
        "{\"symbol\":\"AP\",\"mark\":1.5,\"phase\":null}\n",
        &["AP,\"mark\":1.5,\"phase\":null"],
    );
    let plain =
        "symbol,phase,mark,withdrawn\nAP,\"a, \"\"b\"\"\",0.000000000000000001,index ask\nBP,null,,\n";
    check(
        "x",
        None,
        plain,
        &["AP,\"mark\":0.000000000000000001,\"phase\":\"a, \\\"b\\\"\",\"index\":null", "BP,\"phase\":null"],
    );
    let mapped = "ticker;mark price;oi;px\nAP; 1.25 ;NaN;2\nBP;0.30000000000000004;7;\n";
    check(
        "x",
        Some("symbol:ticker,mark:mark price,open_interest:oi,last:px"),
        mapped,
        &["AP,\"last\":2,\"mark\":1.25", "BP,\"mark\":0.3,\"open_interest\":7"],
    );
    // A table of other names whose columns have the names of fields.
    let own =
        Hints { symbol: Some(crate::tick::Symbol::new("AP").unwrap()), fields: table(), ..Hints::default() };
    let text = "time,mark\n1735689600,5\n";
    let (_, mut decoder) = formats::open("x", text.as_bytes(), true, &own, 4_096).unwrap().unwrap();
    let mut out = DecoderOutput::default();
    decoder.feed(&mut text.as_bytes().to_vec(), &mut out);
    assert_eq!(shown(&out), ["AP,\"mark\":5"]);
}

#[test]
fn what_is_not_configured_is_told() {
    let error = decode("x", Some("symbol:s,nav:x"), "s,x\nA,1\n", table()).err().unwrap();
    assert!(error.contains("\"nav\" is nothing that a tick has; there are symbol, ts, rx, bid"), "{error}");
    assert!(error.contains("trades, mark, index"), "{error}");
    let out =
        decode("x", None, "{\"symbol\":\"A\",\"mark\":1}\n{\"symbol\":\"A\",\"index\":\"x\"}\n", table())
            .unwrap();
    assert_eq!(
        reasons(&out),
        ["mark: the symbol has no such field: it is configured for *P", "index: not a decimal number",]
    );
    let out = decode("x", None, "symbol,phase\nA,ok\nA,\u{1}\n", table()).unwrap();
    assert_eq!(
        (shown(&out), reasons(&out)),
        (vec!["A,\"phase\":\"ok\"".to_owned()], vec!["phase: has a control character"])
    );
}

const DERIVATIVES: &str = "exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,predicted_funding_rate,\
                           open_interest,last_price,index_price,mark_price\n\
                           bitmex,XBTP,1583020803145000,1583020803307160,1583049600000000,0.0001,0.00015,97545000,8540.5,\
                           8541.13,8541.2\n\
                           bitmex,XBT,1583020803145000,1583020803307160,,,,,,,8541.2\n\
                           bitmex,XBT,1583020803145000,1583020803307160,,,,,,8541.14,8541.2\n";

#[test]
fn tables_of_derivatives_fill_what_is_configured_for_the_symbol() {
    check(
        "derivative_ticker.csv",
        None,
        DERIVATIVES,
        &[
            "XBTP,\"last\":8540.5,\"mark\":8541.2,\"index\":8541.13,\"open_interest\":97545000,\"funding\":0.0001,\
         \"predicted_funding\":0.00015,\"funding_time\":1583049600000000",
            "XBT,\"index\":8541.14",
        ],
    );
    // As ever where nothing is configured.
    let none = decode("derivative_ticker.csv", None, DERIVATIVES, CustomFields::none()).unwrap();
    assert_eq!((shown(&none), none.tally.total()), (vec!["XBTP,\"last\":8540.5".to_owned()], 0));
}

#[test]
fn streams_of_exchanges_fill_them() {
    let mark = r#"{"e":"markPriceUpdate","E":1735689600000,"s":"BTCP","p":"1.5","i":"1.25","P":"9","r":"0.0001","T":1735718400000}"#;
    let filled = "BTCP,\"mark\":1.5,\"index\":1.25,\"funding\":0.0001,\"funding_time\":1735718400000000";
    check("x", None, &format!("{mark}\n"), &[filled]);
    check("x", None, &format!("{{\"stream\":\"btcp@markPrice@1s\",\"data\":{mark}}}\n"), &[filled]);
    check(
        "x",
        None,
        &format!("1735689600000000000 {{\"stream\":\"btcp@markPrice@1s\",\"data\":{mark}}}\n"),
        &[filled],
    );
    let bybit = r#"{"topic":"tickers.BTCP","type":"delta","data":{"symbol":"BTCP","markPrice":"2","openInterest":"70","fundingRate":"","nextFundingTime":"1735718400000"},"ts":1735689600000}"#;
    check(
        "x",
        None,
        &format!("{bybit}\n"),
        &["BTCP,\"mark\":2,\"open_interest\":70,\"funding_time\":1735718400000000"],
    );
    for (channel, data, expected) in [
        ("mark-price", r#""markPx":"3""#, "\"mark\":3"),
        ("index-tickers", r#""idxPx":"4""#, "\"index\":4"),
        ("open-interest", r#""oi":"5","oiCcy":"6""#, "\"open_interest\":5"),
        (
            "funding-rate",
            r#""fundingRate":"0.1","nextFundingRate":"","fundingTime":"1735718400000""#,
            "\"funding\":0.1,\"funding_time\":1735718400000000",
        ),
    ] {
        let line = format!(
            r#"{{"arg":{{"channel":"{channel}","instId":"BTCP"}},"data":[{{"instId":"BTCP",{data},"ts":"1735689600000"}}]}}"#
        );
        check("x", None, &format!("{line}\n"), &[&format!("BTCP,{expected}")]);
        let none = decode("x", None, &format!("{line}\n"), CustomFields::none()).unwrap();
        assert_eq!((none.ticks.len(), none.passed, none.tally.total()), (0, 1, 0), "{channel}");
    }
}
