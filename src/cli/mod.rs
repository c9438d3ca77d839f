//! The command line: one module for each command.
//!
//! `load` and `watch` are clients of the public contract alone: they import nothing of the server's.

mod endpoint;
pub mod load;
pub mod watch;

#[cfg(test)]
mod mock;
