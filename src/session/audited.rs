//! How far a shard has told the accounts of use; what it tells is `maintenance/audit.rs`.

use crate::{audit::Month, fanout::Place};

/// What a shard has told.
#[derive(Default)]
pub struct AuditState {
    pub month: Option<Month>,
    /// A month has begun, and the subscriptions from here on, of the session with this index, are not told for it yet.
    pub walk: Option<(usize, Place)>,
}
