//! What happens to sessions besides messages: deadlines, their end, a drain, the end of a market, and reports.

pub mod admin;
pub mod audit;
mod close;
mod deadlines;
pub mod drain;
mod end;
mod log;
mod report;
pub(in crate::session) mod rights;
pub mod slow;
pub mod top;
