//! Limits for all sessions of a user together: commands and bytes. The fan-out counts subscriptions.

use super::{state::Session, stats::LimitHit};
use crate::{access::user_share::BucketSize, limits::Limits, tick::Nanos};

/// Bursts after a quiet time, as the time in which they are earned: for commands as for one session, for bytes so short
/// that no second has much more than others.
const COMMANDS_NANOS: i64 = 4_000_000_000;
const BYTES_NANOS: i64 = 250_000_000;

impl<S> Session<S> {
    /// Counts a command.
    ///
    /// # Errors
    /// With the limit that it exceeds: the session's, or its user's.
    pub(super) fn take_command(&mut self, limits: &Limits, now: Nanos) -> Result<(), LimitHit> {
        if !self.budget.take_command(limits, now) {
            return Err(LimitHit::Commands);
        }
        self.take_of_user(limits, now)
    }

    /// Counts a command for the user alone: a dialect's client has its venue's limit in place of the session's.
    ///
    /// # Errors
    /// When the user's limit is exceeded.
    pub(super) fn take_of_user(&self, limits: &Limits, now: Nanos) -> Result<(), LimitHit> {
        let size = BucketSize { rate: limits.user_commands_per_second, nanos: COMMANDS_NANOS };
        match &self.share {
            Some(share) if size.rate > 0 && !share.commands.take(size, now) => Err(LimitHit::UserCommands),
            _ => Ok(()),
        }
    }

    /// Counts data bytes given to the socket. If the user's rate is exceeded, returns until when this session must
    /// wait.
    pub(super) fn charge_user(&self, bytes: usize, limits: &Limits, now: Nanos) -> Option<Nanos> {
        let share = self.share.as_ref()?;
        let size = BucketSize { rate: limits.user_bytes_per_second, nanos: BYTES_NANOS };
        if size.rate == 0 { None } else { share.bytes.charge(bytes, size, now) }
    }
}
