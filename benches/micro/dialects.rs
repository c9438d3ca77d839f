//! Sessions that speak venues' protocols, beside our own: dashboards with 20 of 500 symbols each, of trades alone in mode
//! `every`, and of quotes alone in mode `latest`. An item is a message. The kernel's part, which is most of a message, is
//! not in it: `benches/fanout` has that.

use crate::{
    dialect_client::DialectClient,
    inputs::Kind,
    session::Crowd,
    work::{Case, Scale, Work},
};
use tickcast::fanout::Mode;

pub const CASES: [Case; 14] = [
    Case::new("trades_native", |scale| native(Kind::Trades, Mode::Every, scale)),
    Case::new("trades_binance", |scale| of(Kind::Trades, &BINANCE_TRADE, scale)),
    Case::new("trades_coinbase_exchange", |scale| of(Kind::Trades, &EXCHANGE_MATCHES, scale)),
    Case::new("trades_coinbase_advanced", |scale| of(Kind::Trades, &ADVANCED_TRADES, scale)),
    Case::new("trades_kraken", |scale| of(Kind::Trades, &KRAKEN_TRADE, scale)),
    Case::new("trades_alpaca", |scale| of(Kind::Trades, &ALPACA_TRADES, scale)),
    Case::new("trades_massive", |scale| of(Kind::Trades, &MASSIVE_TRADES, scale)),
    Case::new("quotes_native", |scale| native(Kind::Quotes, Mode::Latest, scale)),
    Case::new("quotes_binance", |scale| of(Kind::Quotes, &BINANCE_QUOTE, scale)),
    Case::new("quotes_coinbase_exchange_ticker_of_trades", |scale| of(Kind::Trades, &EXCHANGE_TICKER, scale)),
    Case::new("quotes_coinbase_advanced_ticker_of_trades", |scale| of(Kind::Trades, &ADVANCED_TICKER, scale)),
    Case::new("quotes_kraken", |scale| of(Kind::Quotes, &KRAKEN_TICKER, scale)),
    Case::new("quotes_alpaca", |scale| of(Kind::Quotes, &ALPACA_QUOTES, scale)),
    Case::new("quotes_massive", |scale| of(Kind::Quotes, &MASSIVE_QUOTES, scale)),
];

const SESSIONS: usize = 250;

fn native(kind: Kind, mode: Mode, scale: Scale) -> Box<dyn Work> {
    Crowd::of_dashboards(SESSIONS, kind, mode, None).open(scale)
}

fn of(kind: Kind, client: &'static DialectClient, scale: Scale) -> Box<dyn Work> {
    // The mode is the stream's.
    Crowd::of_dashboards(SESSIONS, kind, Mode::Every, Some(client)).open(scale)
}

static BINANCE_TRADE: DialectClient = DialectClient {
    path: "/ws",
    query: "",
    login: "",
    subscribe: r#"{"method":"SUBSCRIBE","params":["SYMBOL@trade"],"id":1}"#,
};
static BINANCE_QUOTE: DialectClient = DialectClient {
    subscribe: r#"{"method":"SUBSCRIBE","params":["SYMBOL@bookTicker"],"id":1}"#,
    ..BINANCE_TRADE
};
static EXCHANGE_MATCHES: DialectClient = DialectClient {
    path: "/coinbase",
    query: "",
    login: "",
    subscribe: r#"{"type":"subscribe","product_ids":["SYMBOL"],"channels":["matches"]}"#,
};
static EXCHANGE_TICKER: DialectClient = DialectClient {
    subscribe: r#"{"type":"subscribe","product_ids":["SYMBOL"],"channels":["ticker"]}"#,
    ..EXCHANGE_MATCHES
};
static ADVANCED_TRADES: DialectClient = DialectClient {
    subscribe: r#"{"type":"subscribe","product_ids":["SYMBOL"],"channel":"market_trades"}"#,
    ..EXCHANGE_MATCHES
};
static ADVANCED_TICKER: DialectClient = DialectClient {
    subscribe: r#"{"type":"subscribe","product_ids":["SYMBOL"],"channel":"ticker"}"#,
    ..EXCHANGE_MATCHES
};
static KRAKEN_TRADE: DialectClient = DialectClient {
    path: "/kraken",
    query: "",
    login: "",
    subscribe: r#"{"method":"subscribe","params":{"channel":"trade","symbol":["SYMBOL"],"snapshot":false}}"#,
};
static KRAKEN_TICKER: DialectClient = DialectClient {
    subscribe: r#"{"method":"subscribe","params":{"channel":"ticker","symbol":["SYMBOL"],"event_trigger":"bbo"}}"#,
    ..KRAKEN_TRADE
};
static ALPACA_TRADES: DialectClient = DialectClient {
    path: "/alpaca/v2/iex",
    query: "",
    login: r#"{"action":"auth","key":"CK","secret":"s"}"#,
    subscribe: r#"{"action":"subscribe","trades":["SYMBOL"]}"#,
};
static ALPACA_QUOTES: DialectClient =
    DialectClient { subscribe: r#"{"action":"subscribe","quotes":["SYMBOL"]}"#, ..ALPACA_TRADES };
static MASSIVE_TRADES: DialectClient = DialectClient {
    path: "/massive/stocks",
    query: "",
    login: r#"{"action":"auth","params":"KEY"}"#,
    subscribe: r#"{"action":"subscribe","params":"T.SYMBOL"}"#,
};
static MASSIVE_QUOTES: DialectClient =
    DialectClient { subscribe: r#"{"action":"subscribe","params":"Q.SYMBOL"}"#, ..MASSIVE_TRADES };
