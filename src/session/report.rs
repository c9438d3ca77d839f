//! A shard's report: everything that it counts, at one moment.
//!
//! Invariant: taken between two turns, so that the accounts balance exactly.

use super::{core::Core, socket::SessionSocket, stats::Report};

impl<S: SessionSocket> Core<S> {
    pub fn report(&mut self) -> Report {
        let behind = self.fanout.all_behind();
        let mut report = Report {
            accounts: self.fanout.accounts_with(&behind),
            stats: self.stats.clone(),
            subscriptions: self.fanout.subscriptions(),
            subscriptions_behind: behind.dirty,
            oldest: behind.oldest,
            ..Report::default()
        };
        for session in self.sessions.iter().flatten().filter(|session| session.is_open()) {
            match session.pace {
                crate::wire::control::Pace::Live => report.live += 1,
                crate::wire::control::Pace::Conflating => report.conflating += 1,
            }
            report.waiting_bytes += session.waiting_bytes();
            report.control_bytes_max = report.control_bytes_max.max(session.control.len());
        }
        report
    }
}
