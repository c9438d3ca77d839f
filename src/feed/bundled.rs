//! The recording that the program carries: what it plays when it is given nothing else.
//!
//! Three minutes of three symbols of Binance spot, 50,000 ticks in the order of receipt. Origin, licence and how the
//! file is made: `src/feed/bundled/README.md`.

use super::{FeedError, recording::Reader};

/// Stands for the bundled recording where a file's name is expected.
pub const NAME: &str = "bundled";

static BYTES: &[u8] = include_bytes!("bundled/binance-spot-2025-03-25.ndjson.zst");

/// Opens the bundled recording.
///
/// # Errors
/// When the program was built with a file that is no recording.
pub fn open(line_bytes_max: usize) -> Result<Reader, FeedError> {
    Reader::new(NAME.to_owned(), BYTES, line_bytes_max)
}
