//! Compression: permessage-deflate in both directions, and the gzip stream around compressed events.

mod deflater;
pub mod gzip;
mod inflater;

pub use deflater::{DeflateCounts, DeflateWindow, Deflater};
pub use inflater::{InflateFault, Inflater};
