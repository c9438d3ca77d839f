//! Everything about sessions but messages: deadlines, closing, drains, the end of the market, and reports.

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
