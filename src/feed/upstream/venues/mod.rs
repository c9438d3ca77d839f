//! The venues, by name. Each file here is one venue, and knows no other.

use super::venue::Venue;

/// Every venue that `--feed` can name.
pub const VENUES: &[&dyn Venue] = &[];

/// The venue of this name.
pub fn find(name: &str) -> Option<&'static dyn Venue> {
    VENUES.iter().copied().find(|venue| venue.name() == name)
}
