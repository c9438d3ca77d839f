//! (being written)
pub enum Source {}
pub enum SourceError {}
