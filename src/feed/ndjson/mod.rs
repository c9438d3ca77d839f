//! A tick as a line of JSON: the format of standard input, `POST /v1/publish` and recordings. No I/O here.
//!
//! ```text
//! chunks of bytes -> Lines (whole lines, numbered) -> Decoder (one line, one Tick) -> Decoded (a block's ticks)
//! ```
//! [`write_line`] is the inverse, and reads back exactly.
//!
//! Invariants: no input panics; a broken line costs at most its own bytes and one bounded message; how the bytes were
//! cut into chunks changes nothing; decoding a good line allocates nothing once the buffers have grown (`decode.rs`
//! lists the exceptions); a number's value is what its digits say, in quotes or not.

mod block;
mod decode;
mod digits;
mod encode;
mod error;
mod line;
mod lines;
pub(in crate::feed) mod report;
mod times;
mod values;

pub use block::{BlockDecoder, Decoded, REJECTED_LINES_KEPT, RejectedLine, decode_block};
pub use decode::NdjsonDecoder;
pub use encode::write_line;
pub use error::{LineError, ValueFault};
pub use line::Line;
pub use lines::{Chunk, LineSplitter, RawLine};
pub use times::time_of_any;

#[cfg(test)]
mod tests;
