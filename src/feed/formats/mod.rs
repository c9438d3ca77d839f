//! The formats of recordings: for each a decoder without I/O, and the rules that detect it.
//!
//! ```text
//! file's name, first bytes -> Format -> Decoder; chunks of bytes -> Decoder -> Output (ticks, rejects)
//! ```
//! `feed::recording` opens files, decompresses them and merges several.
//!
//! Invariants: no input panics; how the bytes were cut into chunks changes nothing; a broken record costs at most its
//! own bytes and one bounded message; a decimal that is text in the source never passes through a float.

mod binance;
mod book;
mod capture;
mod cells;
mod custom;
#[cfg(feature = "dbn")]
mod databento;
mod databento_csv;
mod decoder;
mod detect;
mod fault;
mod foreign;
mod format;
mod hints;
mod itch;
mod lean;
mod mapped;
mod moment;
mod new_york;
mod open;
mod own;
mod plain;
mod prefix;
mod preset;
mod report;
pub(crate) mod streams;
mod table;
mod tardis;
mod target;
pub(crate) mod trade_events;
mod write;

pub use decoder::{Decoder, DecoderOutput, Gap, HEAD_BYTES, JUMP_NANOS, Jump, RejectedRecord};
pub use detect::{Detection, is_cr_alone, without_mark};
pub use fault::FormatFault;
pub use format::Format;
pub use hints::{Columns, Hints};
pub use moment::Unit;
pub use open::{OpenedFormat, open};
pub use own::META;
#[cfg(feature = "parquet")]
pub use plain::{NULL, WITHDRAWN};
pub use prefix::Prefix;
#[cfg(feature = "parquet")]
pub use report::ReportColumn;
pub use write::{Kept, Rows, WholeQuotes};

#[cfg(test)]
mod tests;
