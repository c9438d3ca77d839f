//! The channels of a client's lists, in the venue's order, and which of them are served.

use super::streams::{CRYPTO_QUOTES, CRYPTO_TRADES, QUOTES, TRADES};
use crate::wire::dialects::stream::DialectStream;

/// Every channel, as requests and lists name it.
pub const CHANNELS: [&str; 11] = [
    "trades",
    "quotes",
    "bars",
    "updatedBars",
    "dailyBars",
    "statuses",
    "lulds",
    "corrections",
    "cancelErrors",
    "orderbooks",
    "imbalances",
];

/// The place of the channel of halts.
pub const STATUSES: usize = 5;

/// The channels that stand in every list. The others do once the client has named them.
pub const ALWAYS_LISTED: usize = 3;

/// What a symbol of a list stands for when it is every one.
pub const EVERY: &str = "*";

/// The subscription that a channel is, by its index; `None` for one that nothing is sent of.
pub fn served(channel: usize, is_crypto: bool) -> Option<&'static DialectStream> {
    match (channel, is_crypto) {
        (0, false) => Some(&TRADES),
        (0, true) => Some(&CRYPTO_TRADES),
        (1, false) => Some(&QUOTES),
        (1, true) => Some(&CRYPTO_QUOTES),
        _ => None,
    }
}
