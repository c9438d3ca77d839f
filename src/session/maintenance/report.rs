//! A shard's report: everything that it counts, at one moment.
//!
//! Invariant: taken between two turns, so that the accounts balance exactly.

use crate::{
    session::{
        core::Core,
        socket::SessionSocket,
        stats::{ShardReport, ShardStats},
    },
    wire::control::Pace,
};

impl<S: SessionSocket> Core<S> {
    pub fn report(&mut self) -> ShardReport {
        let behind = self.fanout.all_behind();
        let mut report = ShardReport {
            accounts: self.fanout.accounts_with(&behind),
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
            report.waiting_bytes += session.waiting_bytes();
            report.control_bytes_max = report.control_bytes_max.max(session.control.len());
        }
        report
    }
}
