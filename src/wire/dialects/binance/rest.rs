//! What clients ask by REST at their start: `/api/v3/…`, and the empty lists of futures, for which some ask too.
//!
//! The market knows no steps of prices and sizes: filters allow every value of eight decimals.

use super::messages::{DayPrices, write_percent, write_upper};
use crate::{
    tick::{Decimal, Field, FieldSet, Symbol},
    topic::Record,
    wire::{
        dialects::{
            assets,
            dialect::Moment,
            numbers::{write_padded, write_padded_volume, write_smallest},
            rest::{ROWS, RestAnswer, RestList, RestRefusal, RestRow, RestSymbols},
        },
        encodings::encoder::Shown,
    },
};

const NO_SYMBOL: RestRefusal = RestRefusal { status: 400, body: r#"{"code":-1121,"msg":"Invalid symbol."}"# };
/// Of what the venue has and is not here, the venue's own code for what it cannot do.
const NOT_HERE: RestRefusal =
    RestRefusal { status: 404, body: r#"{"code":-1000,"msg":"This endpoint is not available here."}"# };
/// Of what needs an account: there is none.
const NO_KEY: RestRefusal = RestRefusal {
    status: 401,
    body: r#"{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}"#,
};
const SYMBOLS: RestSymbols = RestSymbols {
    one: "symbol",
    some: "symbols",
    is_spelled: false,
    by_form: false,
    kinds: &[("permissions", &["SPOT"]), ("symbolStatus", &["TRADING"])],
};

const fn row(path: &'static str, answer: RestAnswer) -> RestRow {
    RestRow { path, answer, symbols: SYMBOLS, no_symbol: NO_SYMBOL }
}

const NO_FUTURES: RestAnswer = RestAnswer::Fixed(|at| format!("{}[]}}", info_head(at)));

const INFO: RestList = RestList { head: info_head, brackets: *b"[]", tail: "}", one_alone: false };

pub const REST: &[RestRow] = &[
    row("/api/v3/ping", RestAnswer::Fixed(|_| "{}".to_owned())),
    row("/api/v3/time", RestAnswer::Fixed(|at| format!(r#"{{"serverTime":{}}}"#, millis(at)))),
    row("/api/v3/exchangeInfo", RestAnswer::Listing { list: INFO, row: write_info }),
    row(
        "/api/v3/ticker/price",
        RestAnswer::Records { list: ROWS, needs: Field::Last.bit(), row: write_price },
    ),
    row(
        "/api/v3/ticker/bookTicker",
        RestAnswer::Records { list: ROWS, needs: FieldSet::QUOTE, row: write_book },
    ),
    row("/api/v3/ticker/24hr", RestAnswer::Records { list: ROWS, needs: FieldSet::ALL, row: write_day }),
    row("/sapi/v1/system/status", RestAnswer::Fixed(|_| r#"{"status":0,"msg":"normal"}"#.to_owned())),
    // The market knows no fees. Clients that look for them list no market without an answer.
    // Clients with a key ask for its coins and what it may borrow before they list markets.
    row("/sapi/v1/capital/config/getall", RestAnswer::Fixed(|_| "[]".to_owned())),
    row("/sapi/v1/margin/allPairs", RestAnswer::Fixed(|_| "[]".to_owned())),
    row("/sapi/v1/margin/isolated/allPairs", RestAnswer::Fixed(|_| "[]".to_owned())),
    row("/sapi/v1/asset/tradeFee", RestAnswer::Fixed(|_| "[]".to_owned())),
    row("/fapi/v1/exchangeInfo", NO_FUTURES),
    row("/dapi/v1/exchangeInfo", NO_FUTURES),
];

/// Everything else that its clients ask for.
pub const REFUSALS: &[(&str, RestRefusal)] = &[
    ("/api/v1/", NOT_HERE),
    ("/api/v3/", NOT_HERE),
    ("/api/v3/account", NO_KEY),
    ("/api/v3/allOrders", NO_KEY),
    ("/api/v3/myTrades", NO_KEY),
    ("/api/v3/openOrders", NO_KEY),
    ("/api/v3/order", NO_KEY),
    ("/api/v3/userDataStream", NO_KEY),
    ("/sapi/", NO_KEY),
    ("/fapi/", NOT_HERE),
    ("/dapi/", NOT_HERE),
];

fn millis(at: Moment) -> i64 {
    at.market.micros() / 1000
}

fn info_head(at: Moment) -> String {
    format!(
        r#"{{"timezone":"UTC","serverTime":{},"rateLimits":[],"exchangeFilters":[],"symbols":"#,
        millis(at)
    )
}

fn write_info(symbol: &Symbol, out: &mut Vec<u8>) {
    let (base, quote) = assets::split(symbol.as_str());
    out.extend_from_slice(br#"{"symbol":""#);
    write_upper(symbol, out);
    let rest = format!(
        r#"","status":"TRADING","baseAsset":"{base}","baseAssetPrecision":8,"quoteAsset":"{quote}","quotePrecision":8,"quoteAssetPrecision":8,"baseCommissionPrecision":8,"quoteCommissionPrecision":8,"orderTypes":["LIMIT","LIMIT_MAKER","MARKET"],"icebergAllowed":false,"ocoAllowed":false,"otoAllowed":false,"quoteOrderQtyMarketAllowed":false,"allowTrailingStop":false,"cancelReplaceAllowed":false,"isSpotTradingAllowed":true,"isMarginTradingAllowed":false,"filters":[{{"filterType":"PRICE_FILTER","minPrice":"0.00000001","maxPrice":"1000000000.00000000","tickSize":"0.00000001"}},{{"filterType":"LOT_SIZE","minQty":"0.00000001","maxQty":"1000000000.00000000","stepSize":"0.00000001"}},{{"filterType":"NOTIONAL","minNotional":"0.00000000","applyMinToMarket":true,"maxNotional":"1000000000.00000000","applyMaxToMarket":false,"avgPriceMins":5}}],"permissions":[],"permissionSets":[["SPOT"]],"defaultSelfTradePreventionMode":"NONE","allowedSelfTradePreventionModes":["NONE"]}}"#
    );
    out.extend_from_slice(rest.as_bytes());
}

fn begin(symbol: &Symbol, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"symbol":""#);
    write_upper(symbol, out);
    out.push(b'"');
}

fn put(name: &str, record: &Record, field: Field, out: &mut Vec<u8>) {
    put_text(name, out, |out| write_padded(record.fields.get_decimal(field).unwrap_or_default(), 8, out));
}

fn put_text(name: &str, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(format!(r#","{name}":""#).as_bytes());
    write(out);
    out.push(b'"');
}

fn write_price(symbol: &Symbol, record: &Record, _: Moment, out: &mut Vec<u8>) {
    begin(symbol, out);
    put("price", record, Field::Last, out);
    out.push(b'}');
}

fn put_quote(record: &Record, out: &mut Vec<u8>) {
    for (name, field) in [
        ("bidPrice", Field::Bid),
        ("bidQty", Field::BidSize),
        ("askPrice", Field::Ask),
        ("askQty", Field::AskSize),
    ] {
        put(name, record, field, out);
    }
}

fn write_book(symbol: &Symbol, record: &Record, _: Moment, out: &mut Vec<u8>) {
    begin(symbol, out);
    put_quote(record, out);
    out.push(b'}');
}

fn write_day(symbol: &Symbol, record: &Record, at: Moment, out: &mut Vec<u8>) {
    let day = DayPrices::of(&Shown::from(record)).unwrap_or_default();
    let open = day.open.smallest_units();
    let change = day.last.smallest_units() - open;
    begin(symbol, out);
    put_text("priceChange", out, |out| write_smallest(change, 8, out));
    put_text("priceChangePercent", out, |out| write_percent(change, open, out));
    put_text("weightedAvgPrice", out, |out| write_padded(Decimal::ZERO, 8, out));
    put_text("prevClosePrice", out, |out| write_padded(day.open, 8, out));
    put("lastPrice", record, Field::Last, out);
    put("lastQty", record, Field::LastSize, out);
    put_quote(record, out);
    for (name, value) in [("openPrice", day.open), ("highPrice", day.high), ("lowPrice", day.low)] {
        put_text(name, out, |out| write_padded(value, 8, out));
    }
    put_text("volume", out, |out| write_padded_volume(record.fields.volume(), 8, out));
    put_text("quoteVolume", out, |out| write_padded(Decimal::ZERO, 8, out));
    let (close, trades) = (millis(at), record.fields.trades);
    let last_id = record.fields.trade_id().text().parse::<u64>().unwrap_or(trades);
    let first_id = last_id.saturating_sub(trades.saturating_sub(1));
    let rest = format!(
        r#","openTime":{},"closeTime":{close},"firstId":{first_id},"lastId":{last_id},"count":{trades}}}"#,
        close - 86_400_000
    );
    out.extend_from_slice(rest.as_bytes());
}
