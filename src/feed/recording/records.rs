//! [`RecordReader`]: the interface between reading a recording and playing it. [`super::Recording`] implements it for
//! files; a test may use a vector.

use crate::feed::{error::FeedError, record::Block};

/// Records in the order in which they are to be played.
pub trait RecordReader: Send {
    /// The name of the source, for messages: a file's name, or the first one's and how many more there are.
    fn name(&self) -> &str;

    /// Appends the next records to `block`, and what was rejected on the way; possibly none. `false` when there is no
    /// more: what this call appended is the last.
    ///
    /// # Errors
    /// When a source cannot be read on; with `on_error=stop`, at the first rejected record, once all before it have
    /// been handed out.
    fn next_block(&mut self, block: &mut Block) -> Result<bool, FeedError>;

    /// Starts again: the same records come, in the same order. Rejected ones are reported again.
    ///
    /// # Errors
    /// When a source cannot be opened again.
    fn rewind(&mut self) -> Result<(), FeedError>;
}
