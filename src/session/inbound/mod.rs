//! What a client sends: reading within its budgets, and carrying out its commands in slices.

mod auth;
pub mod backlog;
pub mod boundary;
pub mod budget;
mod commands;
mod discard;
mod entitled;
pub mod job;
pub mod lag;
mod list;
mod publish;
pub mod query;
pub mod read;
mod refusals;
mod results;
pub mod schedule;
mod small;
mod too_many;
