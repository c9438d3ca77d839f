//! The protocols that we speak from both ends, and what each has no words for.

use std::path::PathBuf;

use crate::{
    feed::upstream::testing::key_file,
    tick::{Affects, Decimal, Nanos, Side, TradeId},
    wire::{
        dialects::{
            DialectStream, alpaca, binance, coinbase_advanced, kraken, massive,
            testing::{self, Sent},
            trade::number,
        },
        encodings::venue::Framed,
    },
};

/// One of a venue's ways to write its messages, and how our connector reads them.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and none rules out another")]
pub struct Venue {
    pub title: &'static str,
    /// As `--feed` names the connector.
    pub feed: fn() -> String,
    pub trades: Option<&'static DialectStream>,
    pub quotes: &'static DialectStream,
    pub write: fn(&[Sent<'_>], &mut u64) -> Vec<Vec<u8>>,
    pub is_binary: bool,
    /// Whether messages have the client's spelling of a symbol.
    pub spells: bool,
    /// The symbol as messages have it.
    pub shown: fn(&str) -> String,
    /// In the venue's unit.
    pub time: fn(Nanos) -> Nanos,
    pub price: fn(Decimal) -> Decimal,
    /// Of trades, and of quotes.
    pub size: fn(Decimal) -> Decimal,
    pub quote_size: fn(Decimal) -> Decimal,
    pub side: fn(Side) -> Side,
    /// The name that a trade of this name and seq has.
    pub name: fn(&TradeId, u64) -> Option<TradeId>,
    /// What a trade of this symbol affects.
    pub affects: fn(Affects, &str) -> Affects,
    pub tells_corrections: bool,
    /// Whether trades are numbered one after the other.
    pub counts: bool,
    pub quote_has_sizes: bool,
    pub quote_has_last: bool,
    /// Whether nothing is said of a quote before the first trade.
    pub quotes_need_trades: bool,
    /// Of the record's two times.
    pub quote_time: fn(Nanos, Nanos) -> Option<Nanos>,
}

const MILLI: i64 = 1_000_000;
const MICRO: i64 = 1_000;

fn in_units<const NANOS: i64>(time: Nanos) -> Nanos {
    Nanos(time.0 - time.0.rem_euclid(NANOS))
}

fn exact(value: Decimal) -> Decimal {
    value
}

/// As a number of JSON is read that a program may have made of a double.
fn as_double(value: Decimal) -> Decimal {
    Decimal::parse_double(&value.to_string()).expect("a decimal")
}

/// As a double of `MessagePack` is read.
fn packed(value: Decimal) -> Decimal {
    let double: f64 = value.to_string().parse().expect("a number");
    Decimal::parse_double(&serde_json::json!(double).to_string()).expect("a decimal")
}

/// Whole sizes are integers.
fn packed_size(value: Decimal) -> Decimal {
    if value.to_string().contains('.') { packed(value) } else { value }
}

fn as_told(side: Side) -> Side {
    side
}

fn or_buy(side: Side) -> Side {
    if side == Side::Sell { Side::Sell } else { Side::Buy }
}

fn unknown(_: Side) -> Side {
    Side::Unknown
}

/// A trade without a number has its seq.
fn numbered(name: &TradeId, seq: u64) -> TradeId {
    TradeId::of_number(number(name).unwrap_or(seq))
}

/// A trade has the name that it has, without blanks around it; one without a name has its seq.
fn named(name: &TradeId, seq: u64) -> Option<TradeId> {
    if name.is_empty() { Some(TradeId::of_number(seq)) } else { TradeId::of_venue(&name.text()) }
}

fn everything(_: Affects, _: &str) -> Affects {
    Affects::ALL
}

/// No condition says that a trade moves the last price, and not high and low.
fn by_conditions(affects: Affects, _: &str) -> Affects {
    if affects.contains(Affects::LAST) { affects.with(Affects::HIGH_LOW) } else { affects }
}

/// Other securities than stocks have a prefix, and no conditions.
fn by_conditions_of_stocks(affects: Affects, symbol: &str) -> Affects {
    if symbol.contains(':') { Affects::ALL } else { by_conditions(affects, symbol) }
}

fn keyed(venue: &str, more: &str) -> String {
    let key: PathBuf = key_file("a-key");
    format!("{venue}?{more}&key_file={}", key.display())
}

fn alpaca_feed(more: &str) -> String {
    format!("{}&secret_file={}", keyed("alpaca", more), key_file("a-key").display())
}

/// A venue whose symbols are spelled, with decimals.
const SPELLED: Venue = Venue {
    title: "kraken",
    feed: || "kraken?symbols=BTC/USD".to_owned(),
    trades: Some(&kraken::streams::TRADE),
    quotes: &kraken::streams::TICKER_BBO,
    write: testing::messages::<Framed<kraken::messages::KrakenMessages<0>>>,
    is_binary: false,
    spells: true,
    shown: str::to_owned,
    time: in_units::<MICRO>,
    price: exact,
    size: exact,
    quote_size: exact,
    side: or_buy,
    name: |name, seq| Some(numbered(name, seq)),
    affects: everything,
    tells_corrections: false,
    counts: true,
    quote_has_sizes: true,
    quote_has_last: true,
    quotes_need_trades: false,
    quote_time: |ts, _| Some(in_units::<MICRO>(ts)),
};

const BINANCE: Venue = Venue {
    title: "binance",
    feed: || "binance?symbols=BTCUSDT".to_owned(),
    trades: Some(&binance::streams::TRADE),
    quotes: &binance::streams::BOOK_TICKER,
    write: testing::messages::<Framed<binance::messages::BinanceMessages<0, false, false>>>,
    spells: false,
    shown: str::to_ascii_uppercase,
    time: in_units::<MILLI>,
    quote_has_last: false,
    quote_time: |_, _| None,
    ..SPELLED
};

const MASSIVE: Venue = Venue {
    title: "massive crypto",
    feed: || keyed("massive", "market=crypto&symbols=BTC-USD"),
    trades: Some(&massive::streams::CRYPTO_TRADES),
    quotes: &massive::streams::CRYPTO_QUOTES,
    write: testing::messages::<Framed<massive::messages::MassiveMessages<0>>>,
    time: in_units::<MILLI>,
    price: as_double,
    size: as_double,
    quote_size: as_double,
    side: as_told,
    name: named,
    counts: false,
    quote_has_last: false,
    quote_time: |ts, _| Some(in_units::<MILLI>(ts)),
    ..SPELLED
};

const ALPACA: Venue = Venue {
    title: "alpaca",
    feed: || alpaca_feed("symbols=AAPL"),
    trades: Some(&alpaca::streams::TRADES),
    quotes: &alpaca::streams::QUOTES,
    write: testing::messages::<Framed<alpaca::json::AlpacaJson<0>>>,
    spells: false,
    time: in_units::<1>,
    price: as_double,
    size: as_double,
    quote_size: as_double,
    side: unknown,
    affects: by_conditions,
    tells_corrections: true,
    counts: false,
    quote_has_last: false,
    quote_time: |ts, _| Some(in_units::<1>(ts)),
    ..SPELLED
};

const ALPACA_CRYPTO: Venue = Venue {
    title: "alpaca crypto",
    feed: || alpaca_feed("source=crypto&symbols=BTC/USD"),
    trades: Some(&alpaca::streams::CRYPTO_TRADES),
    quotes: &alpaca::streams::CRYPTO_QUOTES,
    spells: true,
    side: as_told,
    affects: everything,
    tells_corrections: false,
    ..ALPACA
};

pub const VENUES: [Venue; 12] = [
    BINANCE,
    Venue {
        title: "binance, combined, in microseconds",
        write: testing::messages::<Framed<binance::messages::BinanceMessages<0, true, true>>>,
        time: in_units::<MICRO>,
        ..BINANCE
    },
    Venue {
        title: "coinbase",
        feed: || "coinbase?symbols=BTC-USD".to_owned(),
        trades: Some(&coinbase_advanced::streams::MARKET_TRADES),
        quotes: &coinbase_advanced::streams::TICKER,
        write: testing::messages::<Framed<coinbase_advanced::messages::AdvancedMessages<0>>>,
        quotes_need_trades: true,
        quote_time: |_, rx| Some(rx),
        ..SPELLED
    },
    SPELLED,
    Venue { title: "kraken, after trades", quotes: &kraken::streams::TICKER, ..SPELLED },
    MASSIVE,
    Venue {
        title: "massive stocks",
        feed: || keyed("massive", "symbols=AAPL"),
        trades: Some(&massive::streams::TRADES),
        quotes: &massive::streams::QUOTES,
        spells: false,
        // There is a text beside the number.
        size: exact,
        side: unknown,
        affects: by_conditions_of_stocks,
        ..MASSIVE
    },
    Venue {
        title: "massive forex",
        feed: || keyed("massive", "market=forex&symbols=EUR/USD"),
        trades: None,
        quotes: &massive::streams::CURRENCIES,
        quote_has_sizes: false,
        ..MASSIVE
    },
    ALPACA,
    Venue {
        title: "alpaca, packed",
        write: testing::messages::<Framed<alpaca::packed::AlpacaPacked<0>>>,
        is_binary: true,
        price: packed,
        size: packed_size,
        quote_size: packed_size,
        ..ALPACA
    },
    ALPACA_CRYPTO,
    Venue {
        title: "alpaca crypto, packed",
        write: testing::messages::<Framed<alpaca::packed::AlpacaPacked<0>>>,
        is_binary: true,
        price: packed,
        size: packed,
        quote_size: packed,
        ..ALPACA_CRYPTO
    },
];
