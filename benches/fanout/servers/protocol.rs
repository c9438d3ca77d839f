//! Venues' protocols, as tickcast's clients can speak them: where they connect, what they say, and what marks a message.

use std::fmt::Write as _;

use crate::{frames, lines::Wrapping};

/// One stream of a venue, or the same in our own protocol.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Protocol {
    OwnTrades,
    BinanceTrades,
    ExchangeTrades,
    AdvancedTrades,
    KrakenTrades,
    AlpacaTrades,
    AlpacaPackedTrades,
    MassiveTrades,
    OwnQuotes,
    BinanceQuotes,
    KrakenQuotes,
    AlpacaQuotes,
    MassiveQuotes,
}

impl Protocol {
    pub const TRADES: [Protocol; 8] = [
        Protocol::OwnTrades,
        Protocol::BinanceTrades,
        Protocol::ExchangeTrades,
        Protocol::AdvancedTrades,
        Protocol::KrakenTrades,
        Protocol::AlpacaTrades,
        Protocol::AlpacaPackedTrades,
        Protocol::MassiveTrades,
    ];
    pub const QUOTES: [Protocol; 5] = [
        Protocol::OwnQuotes,
        Protocol::BinanceQuotes,
        Protocol::KrakenQuotes,
        Protocol::AlpacaQuotes,
        Protocol::MassiveQuotes,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Protocol::OwnTrades | Protocol::OwnQuotes => "native",
            Protocol::BinanceTrades | Protocol::BinanceQuotes => "binance",
            Protocol::ExchangeTrades => "coinbase exchange",
            Protocol::AdvancedTrades => "coinbase advanced",
            Protocol::KrakenTrades | Protocol::KrakenQuotes => "kraken",
            Protocol::AlpacaTrades | Protocol::AlpacaQuotes => "alpaca",
            Protocol::AlpacaPackedTrades => "alpaca msgpack",
            Protocol::MassiveTrades | Protocol::MassiveQuotes => "massive",
        }
    }

    fn is_of_trades(self) -> bool {
        Self::TRADES.contains(&self)
    }

    /// What is fed.
    pub fn wrapping(self) -> Wrapping {
        if self.is_of_trades() { Wrapping::TradeLine } else { Wrapping::Line }
    }

    /// What each message has once.
    pub fn mark(self) -> &'static [u8] {
        match self {
            Protocol::OwnTrades | Protocol::OwnQuotes => br#""type":"update""#,
            Protocol::BinanceTrades => br#""e":"trade""#,
            Protocol::BinanceQuotes => br#""u":"#,
            Protocol::ExchangeTrades => br#""type":"match""#,
            Protocol::AdvancedTrades | Protocol::KrakenTrades => br#""trade_id":"#,
            Protocol::KrakenQuotes => br#""bid_qty":"#,
            Protocol::AlpacaTrades => br#""T":"t""#,
            Protocol::AlpacaQuotes => br#""T":"q""#,
            Protocol::AlpacaPackedTrades => b"\xa1T\xa1t",
            Protocol::MassiveTrades => br#""ev":"T""#,
            Protocol::MassiveQuotes => br#""ev":"Q""#,
        }
    }

    /// Headers beside those of an upgrade.
    pub fn header(self) -> &'static str {
        if self == Protocol::AlpacaPackedTrades { "Content-Type: application/msgpack\r\n" } else { "" }
    }

    /// The path of a client that wants these symbols, and what it says when it is connected.
    pub fn ask(self, symbols: &[String]) -> (String, Vec<u8>) {
        let quoted = symbols.iter().map(|symbol| format!("\"{symbol}\"")).collect::<Vec<_>>().join(",");
        let (path, said) = match self {
            Protocol::OwnTrades => (own(symbols, "every"), vec![]),
            Protocol::OwnQuotes => (own(symbols, "latest"), vec![]),
            Protocol::BinanceTrades => (streams(symbols, "trade"), vec![]),
            Protocol::BinanceQuotes => (streams(symbols, "bookTicker"), vec![]),
            Protocol::ExchangeTrades => (
                "/coinbase".to_owned(),
                vec![format!(r#"{{"type":"subscribe","product_ids":[{quoted}],"channels":["matches"]}}"#)],
            ),
            Protocol::AdvancedTrades => (
                "/coinbase".to_owned(),
                vec![format!(r#"{{"type":"subscribe","product_ids":[{quoted}],"channel":"market_trades"}}"#)],
            ),
            Protocol::KrakenTrades => {
                kraken(&format!(r#""channel":"trade","symbol":[{quoted}],"snapshot":false"#))
            }
            Protocol::KrakenQuotes => {
                kraken(&format!(r#""channel":"ticker","symbol":[{quoted}],"event_trigger":"bbo""#))
            }
            Protocol::AlpacaTrades | Protocol::AlpacaPackedTrades => {
                alpaca(&format!(r#""trades":[{quoted}]"#))
            }
            Protocol::AlpacaQuotes => alpaca(&format!(r#""quotes":[{quoted}]"#)),
            Protocol::MassiveTrades => massive(symbols, "T"),
            Protocol::MassiveQuotes => massive(symbols, "Q"),
        };
        let said: Vec<Vec<u8>> =
            said.iter().map(|text| frames::masked(frames::TEXT, text.as_bytes())).collect();
        (path, said.concat())
    }
}

fn own(symbols: &[String], mode: &str) -> String {
    format!("/v1/stream?symbols={}&mode={mode}", symbols.join(","))
}

fn streams(symbols: &[String], kind: &str) -> String {
    let mut path = "/ws".to_owned();
    for symbol in symbols {
        // A string takes all that is written.
        let _ = write!(path, "/{}@{kind}", symbol.to_lowercase());
    }
    path
}

fn kraken(params: &str) -> (String, Vec<String>) {
    ("/kraken".to_owned(), vec![format!(r#"{{"method":"subscribe","params":{{{params}}}}}"#)])
}

fn alpaca(wanted: &str) -> (String, Vec<String>) {
    let login = r#"{"action":"auth","key":"CK","secret":"s"}"#.to_owned();
    ("/alpaca/v2/iex".to_owned(), vec![login, format!(r#"{{"action":"subscribe",{wanted}}}"#)])
}

fn massive(symbols: &[String], channel: &str) -> (String, Vec<String>) {
    let wanted: Vec<String> = symbols.iter().map(|symbol| format!("{channel}.{symbol}")).collect();
    let login = r#"{"action":"auth","params":"KEY"}"#.to_owned();
    let subscribe = format!(r#"{{"action":"subscribe","params":"{}"}}"#, wanted.join(","));
    ("/massive/stocks".to_owned(), vec![login, subscribe])
}
