//! What each of Kraken's channels is here.

use std::time::Duration;

use crate::{
    fanout::{Form, Mode},
    tick::{Field, FieldSet},
    wire::dialects::stream::DialectStream,
};

pub static TRADE: DialectStream = trade(false);
/// The same behind the last trades before the client came.
pub static TRADE_PAST: DialectStream = trade(true);

/// As many as the venue tells of.
const PAST_TRADES: u16 = 50;

const fn trade(snapshot: bool) -> DialectStream {
    DialectStream {
        name: "trade",
        form: Form::lossless(1),
        mode: Mode::Every,
        fields: FieldSet::LAST_TRADE,
        interval: Duration::ZERO,
        snapshot,
        past_trades: if snapshot { PAST_TRADES } else { 0 },
        reports: true,
    }
}

/// A ticker after trades, and one after changes of the best bid or ask.
pub static TICKER: DialectStream = ticker(TRADED, true);
pub static TICKER_BBO: DialectStream = ticker(FieldSet::QUOTE, true);
/// The same, without what stands when the client subscribes.
pub static TICKER_LATER: DialectStream = ticker(TRADED, false);
pub static TICKER_BBO_LATER: DialectStream = ticker(FieldSet::QUOTE, false);

const TRADED: FieldSet = FieldSet::LAST_TRADE.with(Field::Trades);

const fn ticker(fields: FieldSet, snapshot: bool) -> DialectStream {
    DialectStream {
        name: "ticker",
        form: Form::conflated(2),
        mode: Mode::Latest,
        fields,
        interval: Duration::ZERO,
        snapshot,
        past_trades: 0,
        reports: false,
    }
}

/// A channel that is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KrakenChannel {
    Trade,
    Ticker,
}

/// When a ticker comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TickerTrigger {
    #[default]
    Trades,
    Bbo,
}

impl KrakenChannel {
    pub fn parse(name: &str) -> Option<KrakenChannel> {
        match name {
            "trade" => Some(KrakenChannel::Trade),
            "ticker" => Some(KrakenChannel::Ticker),
            _ => None,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            KrakenChannel::Trade => "trade",
            KrakenChannel::Ticker => "ticker",
        }
    }

    /// Whether it begins with what there is, where the client does not say.
    pub const fn has_snapshot(self) -> bool {
        matches!(self, KrakenChannel::Ticker)
    }

    /// The subscription that it is.
    pub fn kind(self, trigger: TickerTrigger, snapshot: bool) -> &'static DialectStream {
        match (self, trigger, snapshot) {
            (KrakenChannel::Trade, _, true) => &TRADE_PAST,
            (KrakenChannel::Trade, _, false) => &TRADE,
            (KrakenChannel::Ticker, TickerTrigger::Trades, true) => &TICKER,
            (KrakenChannel::Ticker, TickerTrigger::Trades, false) => &TICKER_LATER,
            (KrakenChannel::Ticker, TickerTrigger::Bbo, true) => &TICKER_BBO,
            (KrakenChannel::Ticker, TickerTrigger::Bbo, false) => &TICKER_BBO_LATER,
        }
    }
}

impl TickerTrigger {
    pub fn parse(name: &str) -> Option<TickerTrigger> {
        match name {
            "trades" => Some(TickerTrigger::Trades),
            "bbo" => Some(TickerTrigger::Bbo),
            _ => None,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            TickerTrigger::Trades => "trades",
            TickerTrigger::Bbo => "bbo",
        }
    }
}
