//! Our recording format: a line that identifies the file, then ticks as lines, each with its receive time.
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
mod file_pool;
mod found;
mod input;
mod open;
mod open_file;
#[cfg(feature = "parquet")]
mod parquet;
mod records;
mod select;
mod skips;
mod stats;
mod track;
mod writer;

pub use super::{
    header::Header,
    record::{Block, REJECTS_KEPT, RecordPosition, RecordedTick, Reject},
    time::{TIME_EXPECTED, format_time, parse_time},
};
pub use found::{RecordingFiles, open_each};
pub use input::Skipped;
pub use open::{Recording, open};
#[cfg(feature = "parquet")]
pub use parquet::ParquetWriter;
pub use records::RecordReader;
pub use select::{NameSet, OnError, ReadSizes, RecordingInput, Selection, parse_symbols};
pub use stats::{RecordingStats, SymbolStats};
pub use writer::{Compression, Writer};

#[cfg(test)]
mod tests;
