//! Reads and writes Parquet: a table of columns, whose index is at its end.
//!
//! It is read as the text of a table, so that column names mean the same as in text: a known table, a tick's own names,
//! or what `columns` says. It is written with a tick's own names, and nothing of a tick is lost.

mod bytes;
mod pages;
mod read;
mod write;

pub use bytes::Bytes;
pub use read::Text;
pub use write::ParquetWriter;

/// The first and the last bytes of a file.
pub const MAGIC: &[u8] = b"PAR1";

#[cfg(test)]
mod tests;
