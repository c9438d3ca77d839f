//! What clients ask by REST at their start: products and the time, of Exchange (`/products`, `/time`) and of Advanced Trade
//! (`/api/v3/brokerage/…`).
//!
//! The market knows no steps of prices and sizes: every value of eight decimals is allowed. What it does not know of a product
//! is empty.

use crate::{
    tick::{Field, FieldSet, Symbol},
    topic::Record,
    wire::dialects::{
        assets,
        dialect::Moment,
        iso,
        rest::{ROWS, RestAnswer, RestList, RestRefusal, RestRow, RestSymbols},
    },
};

const NO_SYMBOL: RestRefusal = RestRefusal { status: 404, body: r#"{"message":"NotFound"}"# };
/// Of what needs an account: there is none.
const NO_KEY: RestRefusal = RestRefusal { status: 401, body: r#"{"message":"Invalid API Key"}"# };
const NO_ADVANCED: RestRefusal = RestRefusal {
    status: 404,
    body: r#"{"error":"NOT_FOUND","error_details":"valid product_id is required","message":"valid product_id is required"}"#,
};
const NOT_HERE: RestRefusal =
    RestRefusal { status: 404, body: r#"{"error":"NOT_FOUND","message":"not available here"}"# };
const SYMBOLS: RestSymbols = RestSymbols {
    one: "",
    some: "product_ids",
    is_spelled: true,
    by_form: false,
    // Clients that list all markets ask for those of futures by themselves.
    // The first page has all products: every other one is empty, where clients that ask page by page stop.
    kinds: &[("product_type", &["SPOT", "UNKNOWN_PRODUCT_TYPE"]), ("offset", &["0"])],
};

const fn row(path: &'static str, answer: RestAnswer) -> RestRow {
    RestRow { path, answer, symbols: SYMBOLS, no_symbol: NO_SYMBOL }
}

const fn advanced(path: &'static str, answer: RestAnswer) -> RestRow {
    RestRow { path, answer, symbols: SYMBOLS, no_symbol: NO_ADVANCED }
}

const PRODUCTS: RestAnswer = RestAnswer::Listing { list: ROWS, row: write_product };
const ADVANCED_PRODUCTS: RestAnswer = RestAnswer::Listing {
    list: RestList { head: |_| r#"{"products":"#.to_owned(), brackets: *b"[]", tail: "}", one_alone: false },
    row: write_advanced_product,
};

pub const REST: &[RestRow] = &[
    row("/time", RestAnswer::Fixed(write_time)),
    row("/products", PRODUCTS),
    row("/products/*", PRODUCTS),
    row("/products/*/ticker", RestAnswer::Records { list: ROWS, needs: FieldSet::ALL, row: write_ticker }),
    // The market knows no names of assets.
    row("/currencies", RestAnswer::Fixed(|_| "[]".to_owned())),
    advanced("/v2/currencies", RestAnswer::Fixed(|_| r#"{"data":[]}"#.to_owned())),
    advanced("/v2/currencies/crypto", RestAnswer::Fixed(|_| r#"{"data":[]}"#.to_owned())),
    advanced(
        "/v2/exchange-rates",
        RestAnswer::Fixed(|_| r#"{"data":{"currency":"USD","rates":{}}}"#.to_owned()),
    ),
    advanced("/v2/time", RestAnswer::Fixed(|at| format!(r#"{{"data":{}}}"#, write_time(at)))),
    // Clients with a key ask for its fees before they list markets.
    advanced("/api/v3/brokerage/transaction_summary", RestAnswer::Fixed(|_| "{}".to_owned())),
    advanced("/api/v3/brokerage/time", RestAnswer::Fixed(write_advanced_time)),
    advanced("/api/v3/brokerage/products", ADVANCED_PRODUCTS),
    advanced("/api/v3/brokerage/products/*", ADVANCED_PRODUCTS),
    advanced("/api/v3/brokerage/market/products", ADVANCED_PRODUCTS),
    advanced("/api/v3/brokerage/market/products/*", ADVANCED_PRODUCTS),
];

/// Everything else that its clients ask for.
pub const REFUSALS: &[(&str, RestRefusal)] = &[
    ("/api/v3/brokerage/", NOT_HERE),
    ("/products/", NO_SYMBOL),
    ("/currencies/", NO_SYMBOL),
    ("/accounts", NO_KEY),
    ("/coinbase-accounts", NO_KEY),
    ("/fees", NO_KEY),
    ("/fills", NO_KEY),
    ("/orders", NO_KEY),
    ("/payment-methods", NO_KEY),
    ("/profiles", NO_KEY),
    ("/users/self/", NO_KEY),
];

fn iso_millis(at: Moment) -> String {
    let mut out = Vec::new();
    iso::write_micros(at.market, &mut out);
    let text = String::from_utf8(out).unwrap_or_default();
    // Of microseconds, without their last three digits.
    format!("{}Z", &text[..text.len().saturating_sub("000Z".len())])
}

fn write_time(at: Moment) -> String {
    let millis = at.market.micros() / 1000;
    format!(r#"{{"iso":"{}","epoch":{}.{:03}}}"#, iso_millis(at), millis / 1000, millis % 1000)
}

fn write_advanced_time(at: Moment) -> String {
    let millis = at.market.micros() / 1000;
    format!(r#"{{"iso":"{}","epochSeconds":"{}","epochMillis":"{millis}"}}"#, iso_millis(at), millis / 1000)
}

fn write_product(symbol: &Symbol, out: &mut Vec<u8>) {
    let (base, quote) = assets::split(symbol.as_str());
    let text = format!(
        r#"{{"id":"{base}-{quote}","base_currency":"{base}","quote_currency":"{quote}","quote_increment":"0.00000001","base_increment":"0.00000001","display_name":"{base}-{quote}","min_market_funds":"0.00000001","margin_enabled":false,"post_only":false,"limit_only":false,"cancel_only":false,"status":"online","status_message":"","trading_disabled":false,"fx_stablecoin":false,"max_slippage_percentage":"1.00000000","auction_mode":false,"high_bid_limit_percentage":""}}"#
    );
    out.extend_from_slice(text.as_bytes());
}

fn write_advanced_product(symbol: &Symbol, out: &mut Vec<u8>) {
    let (base, quote) = assets::split(symbol.as_str());
    let text = format!(
        r#"{{"product_id":"{base}-{quote}","price":"","price_percentage_change_24h":"","volume_24h":"","volume_percentage_change_24h":"","base_increment":"0.00000001","quote_increment":"0.00000001","quote_min_size":"0.00000001","quote_max_size":"1000000000","base_min_size":"0.00000001","base_max_size":"1000000000","base_name":"{base}","quote_name":"{quote}","watched":false,"is_disabled":false,"new":false,"status":"online","cancel_only":false,"limit_only":false,"post_only":false,"trading_disabled":false,"auction_mode":false,"product_type":"SPOT","quote_currency_id":"{quote}","base_currency_id":"{base}","fcm_trading_session_details":null,"mid_market_price":"","alias":"","alias_to":[],"base_display_symbol":"{base}","quote_display_symbol":"{quote}","view_only":false,"price_increment":"0.00000001","display_name":"{base}-{quote}","product_venue":"CBE"}}"#
    );
    out.extend_from_slice(text.as_bytes());
}

fn write_ticker(_: &Symbol, record: &Record, _: Moment, out: &mut Vec<u8>) {
    let fields = &record.fields;
    let id = fields.trade_id().text().parse::<u64>().unwrap_or(record.seq);
    out.extend_from_slice(format!(r#"{{"trade_id":{id}"#).as_bytes());
    for (name, field) in
        [("price", Field::Last), ("size", Field::LastSize), ("bid", Field::Bid), ("ask", Field::Ask)]
    {
        let value = fields.get_decimal(field).unwrap_or_default();
        out.extend_from_slice(format!(r#","{name}":"{value}""#).as_bytes());
    }
    out.extend_from_slice(format!(r#","volume":"{}","time":""#, fields.volume()).as_bytes());
    iso::write_micros(record.ts, out);
    out.extend_from_slice(br#""}"#);
}
