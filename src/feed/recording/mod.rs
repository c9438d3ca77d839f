//! Our recording format: a line that says what the file is, then ticks as lines, with the time that each was received.
//!
//! ```text
//! {"tickcast":"recording","version":1,"origin":"...","licence":"..."}
//! {"symbol":"BTC-USD","ts":1742860800123456,"rx":1742860800123502,"bid":87000.1,"ask":87000.2}
//! ```
//! The file may be compressed: reading goes by the content, a [`Writer`] by the name's ending.
//! Keys of the first line that this version does not know are ignored.
//!
//! Invariant: neither reading nor writing holds more of a file than one chunk.

mod decompress;
mod found;
mod input;
mod open;
#[cfg(feature = "parquet")]
mod parquet;
mod records;
mod select;
mod stats;
mod track;
mod writer;

use super::ndjson::Tally;
use serde::{Deserialize, Serialize};

pub use found::{Each, open_each};
pub use input::Skipped;
pub use open::{Recording, open};
#[cfg(feature = "parquet")]
pub use parquet::Writer as ParquetWriter;
pub use records::{Block, Place, REJECTS_KEPT, Record, Records, Reject};
pub use select::{Input, OnError, Selection, TIME_EXPECTED, format_time, parse_symbols, parse_time};
pub use stats::{Stats, SymbolStats};
pub use writer::{Compression, Writer};

/// What the first line tells about the recording, for a person.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Header {
    /// Where the ticks come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Under which terms the ticks may be passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
}

/// The first line, whole.
#[derive(Serialize, Deserialize)]
struct FirstLine {
    tickcast: String,
    version: u32,
    #[serde(flatten)]
    header: Header,
}

const KIND: &str = "recording";
/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

// === impl Header ===

impl Header {
    /// Parses the first line; when it is no recording's, the error says why, for a person.
    pub(super) fn parse(line: &[u8]) -> Result<Self, String> {
        let expected = "its first line is not {\"tickcast\":\"recording\",\"version\":1}";
        let first: FirstLine =
            serde_json::from_slice(line).map_err(|error| format!("{expected}: {error}"))?;
        if first.tickcast != KIND {
            return Err(expected.to_owned());
        }
        if first.version != VERSION {
            return Err(format!("it has version {}, and only version {VERSION} can be read", first.version));
        }
        Ok(first.header)
    }

    /// The first line, with its line end.
    fn line(&self) -> Vec<u8> {
        let first = FirstLine { tickcast: KIND.to_owned(), version: VERSION, header: self.clone() };
        let mut line = serde_json::to_vec(&first).expect("a map of strings and a number is JSON");
        line.push(b'\n');
        line
    }
}

#[cfg(test)]
mod tests;
