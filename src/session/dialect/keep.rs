//! A venue's rules of time: pings and their deadline, message rate, maximum age, and the dialect's own timers.

use std::time::Duration;

use crate::{
    fanout::SessionKey,
    session::{core::Core, inbound::budget::Bucket, socket::SessionSocket, state::Session, stats::LimitHit},
    tick::Nanos,
    wire::{CloseReason, control::millis, dialects::Leaving},
};

impl<S: SessionSocket> Core<S> {
    /// Sends pings when due, and runs the dialect's timers. Returns whether there is something to write.
    pub(in crate::session) fn keep_dialect(&mut self, key: SessionKey, now: Nanos) -> bool {
        let Some(session) = self.session(key) else { return false };
        if !session.ping_as_venue(now) && session.dialect.is_none() {
            return false;
        }
        self.keep_faults(key);
        let at = self.moment(now);
        let frames = self.session(key).map_or(0, |session| session.frames_sent);
        self.tell_dialect(key, |dialect, wishes| dialect.sweep(at, frames, wishes));
        self.session(key).is_some_and(|session| !session.control.is_empty())
    }

    /// Counts a client's message of any kind. Exceeding the venue's rate limit closes the session.
    pub(in crate::session) fn may_say_more(&mut self, key: SessionKey, now: Nanos) -> bool {
        let most = self.node.limits.dialect_messages_per_second;
        let dialect = self.session(key).and_then(|session| session.dialect.as_deref_mut());
        let Some(dialect) = dialect.filter(|_| most > 0) else { return true };
        let bucket = dialect.messages.get_or_insert_with(|| Bucket::full(most, now));
        if bucket.take(1, most, most, now) {
            return true;
        }
        self.stats.limits[LimitHit::Commands as usize] += 1;
        self.close(key, CloseReason::Policy);
        false
    }

    /// Tells a dialect that its session is about to be closed, before pending data is sent.
    pub(in crate::session) fn tell_leaving(&mut self, key: SessionKey, why: Leaving) {
        self.flush_faults(key);
        let at = self.moment(self.node.clock.now());
        self.tell_dialect(key, |dialect, wishes| dialect.leaving(why, at, wishes));
    }
}

impl<S> Session<S> {
    /// Queues a ping when the venue's schedule says so; returns whether it did.
    fn ping_as_venue(&mut self, now: Nanos) -> bool {
        let Some(dialect) = self.dialect.as_deref_mut() else { return false };
        let Some(every) = dialect.conversation.rules().ping else { return false };
        if self.blocked || now.since(self.pinged_at) < nanos(every) {
            return false;
        }
        self.pinged_at = now;
        // Anything received after a ping shows that the client is there.
        let is_answered = dialect.unanswered_since.is_none_or(|since| self.heard_at > since);
        if is_answered {
            dialect.unanswered_since = Some(now);
        }
        self.encoding().write_ping(&mut self.control);
        self.control_frames += 1;
        true
    }

    /// The close reason if the venue's rules end the session now.
    pub(in crate::session) fn ended_by_venue(&self, now: Nanos) -> Option<CloseReason> {
        let dialect = self.dialect.as_deref()?;
        let rules = dialect.conversation.rules();
        let is_old = rules.age_max.is_some_and(|age| now.since(self.opened_at) >= nanos(age));
        if is_old {
            return Some(CloseReason::Normal);
        }
        let since = dialect.unanswered_since.filter(|since| self.heard_at <= *since)?;
        (now.since(since) >= nanos(rules.pong)).then_some(CloseReason::PongTimeout)
    }
}

fn nanos(duration: Duration) -> u64 {
    millis(duration).saturating_mul(1_000_000)
}
