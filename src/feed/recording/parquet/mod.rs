//! Parquet, in and out: a table of columns, whose list stands at its end.
//!
//! It is read as the text of a table, so that names of columns tell here what they tell there: a known table, a tick's own
//! names, or what `columns` says. It is written with a tick's own names, and nothing of a tick is lost.

mod bytes;
mod pages;
mod read;
mod write;

pub use bytes::Bytes;
pub use read::Text;
pub use write::ParquetWriter;

/// How a file begins, and ends.
pub const MAGIC: &[u8] = b"PAR1";

#[cfg(test)]
mod tests;
