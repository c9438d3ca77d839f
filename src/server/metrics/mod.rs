//! Metrics: declared in one table, gathered from the shards for each scrape, so that the accounts balance exactly.
//!
//! Shards count in plain integers; nothing here is on the path of a tick. No label has values that clients can invent.

mod ages;
mod gather;
mod handles;
mod process;
mod table;

use std::sync::{Mutex, PoisonError};

use prometheus::{Encoder, Registry, TextEncoder};

use crate::session::stats::ShardReport;
use process::Process;
use table::Handles;

pub use gather::ScrapeInputs;
pub use handles::{Definition, MetricKind};
pub use process::{cpu_seconds, resident_bytes};
pub use table::ALL;

/// The registry, and the handles into it.
pub struct Metrics {
    registry: Registry,
    /// Locked during a scrape: two at once would add the same difference twice.
    handles: Mutex<Handles>,
}

impl Metrics {
    /// # Errors
    /// When the table declares a metric twice.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(Process::of_self()))?;
        let handles = Handles::register(&registry)?;
        Ok(Metrics { registry, handles: Mutex::new(handles) })
    }

    /// The text of one scrape.
    pub fn text(&self, report: &ShardReport, inputs: &ScrapeInputs<'_>) -> Vec<u8> {
        let handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        handles.set(report, inputs);
        let mut text = Vec::with_capacity(16 * 1024);
        let encoded = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        debug_assert!(encoded.is_ok(), "a vector takes every write");
        text
    }
}
