//! The venues, by name. Each file here is one venue, and knows no other.

mod alpaca;
mod binance;
mod bybit;
mod coinbase;
mod hyperliquid;
mod kraken;
mod massive;
mod okx;
mod own;

use super::venue::Venue;

/// Every venue that `--feed` can name.
pub const VENUES: &[&dyn Venue] = &[
    &alpaca::Alpaca,
    &binance::BinanceSpot,
    &binance::BinanceUsdM,
    &bybit::Bybit,
    &coinbase::Coinbase,
    &hyperliquid::Hyperliquid,
    &kraken::Kraken,
    &massive::Massive,
    &okx::Okx,
    &own::Tickcast,
];

/// The venue of this name.
pub fn find(name: &str) -> Option<&'static dyn Venue> {
    VENUES.iter().copied().find(|venue| venue.name() == name)
}

#[cfg(test)]
mod tests;
