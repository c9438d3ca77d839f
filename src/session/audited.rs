//! How far a shard has reported to the usage audit; `maintenance/audit.rs` does the reporting.

use crate::{audit::Month, fanout::Place};

/// A shard's progress in reporting.
#[derive(Default)]
pub struct AuditState {
    pub month: Option<Month>,
    /// A month has started: the session index and subscription from which subscriptions are still to be reported for
    /// it.
    pub walk: Option<(usize, Place)>,
}
