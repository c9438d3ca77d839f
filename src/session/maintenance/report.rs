//! A shard's report: all of its counts at one moment, for scrapes.
//!
//! Invariant: taken between two turns, so that the accounts balance exactly.

use crate::{
    session::{
        core::Core,
        outbound::window::{DataHold, ReadProof},
        socket::SessionSocket,
        stats::{ShardReport, ShardStats},
    },
    wire::control::Pace,
};

impl<S: SessionSocket> Core<S> {
    pub fn report(&mut self) -> ShardReport {
        let now = self.node.clock.now();
        let behind = self.fanout.all_behind();
        let mut report = ShardReport {
            accounts: self.fanout.accounts_with(&behind),
            delayed: self.fanout.delayed_accounts_with(&behind),
            stats: ShardStats { deflate: self.framer.deflater.counts, ..self.stats.clone() },
            subscriptions: self.fanout.subscriptions(),
            subscriptions_behind: behind.dirty,
            oldest: behind.oldest,
            ..ShardReport::default()
        };
        for session in self.sessions.iter().flatten().filter(|session| session.is_open()) {
            match session.pace {
                Pace::Live => report.live += 1,
                Pace::Conflating => report.conflating += 1,
            }
            if let Some(dialect) = session.dialect.as_deref() {
                report.dialects[dialect.id.index()] += 1;
            }
            report.held += usize::from(session.hold == DataHold::Window);
            let is_missing =
                session.window.as_deref().is_some_and(|window| window.proof == ReadProof::Missing);
            let is_unanswered = !session.answers_pings && session.is_unanswered(&self.node.limits, now);
            report.unanswering += usize::from(is_missing || is_unanswered);
            report.waiting_bytes += session.waiting_bytes();
            report.control_bytes_max = report.control_bytes_max.max(session.control.len());
        }
        report
    }
}
