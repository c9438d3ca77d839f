//! What each of Kraken's channels is here.

use crate::{
    tick::{Field, FieldSet},
    wire::dialects::stream::DialectStream,
};

pub static TRADE: DialectStream = DialectStream::trades("trade", 1);
/// The same behind the last trades before the client came.
pub static TRADE_PAST: DialectStream = TRADE.behind_snapshot(PAST_TRADES);

/// As many as the venue tells of.
const PAST_TRADES: u16 = 50;

/// A ticker after trades, and one after changes of the best bid or ask.
pub static TICKER: DialectStream = TICKER_LATER.behind_snapshot(0);
pub static TICKER_BBO: DialectStream = TICKER_BBO_LATER.behind_snapshot(0);
/// The same, without what stands when the client subscribes.
pub static TICKER_LATER: DialectStream = ticker(TRADED);
pub static TICKER_BBO_LATER: DialectStream = ticker(FieldSet::QUOTE);

const TRADED: FieldSet = FieldSet::LAST_TRADE.with(Field::Trades);

const fn ticker(fields: FieldSet) -> DialectStream {
    DialectStream::conflated("ticker", 2, fields)
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
