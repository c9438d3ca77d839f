//! What clients ask by REST at their start: `/0/public/…`, pairs, the time and the state of the venue.
//!
//! Pairs are named as the market spells them, and `wsname` is what the WebSocket takes. The market knows no steps of prices and
//! sizes: every value of eight decimals is allowed.

use std::time::{Duration, SystemTime};

use crate::{
    tick::{Field, FieldSet, Symbol},
    topic::Record,
    wire::dialects::{
        assets,
        dialect::Moment,
        iso,
        rest::{RestAnswer, RestList, RestRefusal, RestRow, RestSymbols},
    },
};

/// The venue answers errors with success.
const NO_SYMBOL: RestRefusal =
    RestRefusal { status: 200, body: r#"{"error":["EQuery:Unknown asset pair"]}"# };
/// What needs an account: there is none.
const NO_KEY: RestRefusal = RestRefusal { status: 200, body: r#"{"error":["EAPI:Invalid key"]}"# };
const NOT_HERE: RestRefusal = RestRefusal { status: 200, body: r#"{"error":["EGeneral:Unknown method"]}"# };

const fn row(path: &'static str, answer: RestAnswer) -> RestRow {
    let kinds = &[("aclass_base", &["currency"] as &[&str])];
    let symbols = RestSymbols { one: "", some: "pair", is_spelled: true, by_form: true, kinds };
    RestRow { path, answer, symbols, no_symbol: NO_SYMBOL }
}

const RESULT: RestList = RestList {
    head: |_| r#"{"error":[],"result":"#.to_owned(),
    brackets: *b"{}",
    tail: "}",
    one_alone: false,
};

pub const REST: &[RestRow] = &[
    row("/0/public/Time", RestAnswer::Fixed(write_time)),
    row("/0/public/SystemStatus", RestAnswer::Fixed(write_status)),
    // The market knows no assets beside those of its pairs.
    row("/0/public/Assets", RestAnswer::Fixed(|_| r#"{"error":[],"result":{}}"#.to_owned())),
    row("/0/public/AssetPairs", RestAnswer::Listing { list: RESULT, row: write_pair }),
    row("/0/public/Ticker", RestAnswer::Records { list: RESULT, needs: FieldSet::ALL, row: write_ticker }),
];

/// Everything else that its clients ask for.
pub const REFUSALS: &[(&str, RestRefusal)] = &[("/0/", NOT_HERE), ("/0/private/", NO_KEY)];

fn write_time(at: Moment) -> String {
    let seconds = at.market.micros() / 1_000_000;
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    let date = httpdate::fmt_http_date(time).replace("GMT", "+0000");
    format!(r#"{{"error":[],"result":{{"unixtime":{seconds},"rfc1123":"{date}"}}}}"#)
}

fn write_status(at: Moment) -> String {
    let mut time = Vec::new();
    iso::write_shortest(at.market, &mut time);
    let time = String::from_utf8(time).unwrap_or_default();
    format!(r#"{{"error":[],"result":{{"status":"online","timestamp":"{time}"}}}}"#)
}

fn write_pair(symbol: &Symbol, out: &mut Vec<u8>) {
    let (base, quote) = assets::split(symbol.as_str());
    let text = format!(
        r#""{symbol}":{{"altname":"{base}{quote}","wsname":"{base}/{quote}","aclass_base":"currency","base":"{base}","aclass_quote":"currency","quote":"{quote}","lot":"unit","cost_decimals":8,"pair_decimals":8,"lot_decimals":8,"lot_multiplier":1,"leverage_buy":[],"leverage_sell":[],"fees":[[0,0]],"fees_maker":[[0,0]],"fee_volume_currency":"ZUSD","margin_call":80,"margin_stop":40,"ordermin":"0.00000001","costmin":"0","tick_size":"0.00000001","status":"online"}}"#
    );
    out.extend_from_slice(text.as_bytes());
}

/// Its two figures of each, of today and of 24 hours, are those since the market began. A whole lot is a size.
fn write_ticker(symbol: &Symbol, record: &Record, _: Moment, out: &mut Vec<u8>) {
    let fields = &record.fields;
    let value = |field| fields.get_decimal(field).unwrap_or_default();
    let [last, low, high] = [Field::Last, Field::Low, Field::High].map(value);
    let (volume, trades) = (fields.volume(), fields.trades);
    let text = format!(
        r#""{symbol}":{{"a":["{ask}","{ask_size}","{ask_size}"],"b":["{bid}","{bid_size}","{bid_size}"],"c":["{last}","{size}"],"v":["{volume}","{volume}"],"p":["{last}","{last}"],"t":[{trades},{trades}],"l":["{low}","{low}"],"h":["{high}","{high}"],"o":"{open}"}}"#,
        ask = value(Field::Ask),
        ask_size = value(Field::AskSize),
        bid = value(Field::Bid),
        bid_size = value(Field::BidSize),
        size = value(Field::LastSize),
        open = value(Field::Open),
    );
    out.extend_from_slice(text.as_bytes());
}
