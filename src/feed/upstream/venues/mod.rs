//! The venues, by name. Each file here is one venue, and knows no other.

mod bybit;
mod coinbase;
mod kraken;
mod okx;

use super::venue::Venue;

/// Every venue that `--feed` can name.
pub const VENUES: &[&dyn Venue] = &[&bybit::Bybit, &coinbase::Coinbase, &kraken::Kraken, &okx::Okx];

/// The venue of this name.
pub fn find(name: &str) -> Option<&'static dyn Venue> {
    VENUES.iter().copied().find(|venue| venue.name() == name)
}
