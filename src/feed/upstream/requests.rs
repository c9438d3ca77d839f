//! Requests on one connection that the venue answers by their number: what was asked, and until when an answer is due.
//!
//! A helper of conversations. Pure. Invariant: what it keeps is bounded by what was asked.

use std::{collections::BTreeMap, time::Duration};

use super::venue::{Rate, Stream};
use crate::tick::Nanos;

/// Requests without an answer.
#[derive(Default, Debug)]
pub struct Requests {
    next: u64,
    open: BTreeMap<u64, PendingRequest>,
}

/// A request that was sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PendingRequest {
    /// What it subscribes to; empty when it is another request.
    pub streams: Vec<Stream>,
    pub due: Nanos,
}

/// How long an answer may take, from when the request may be sent.
pub const ANSWER: Duration = Duration::from_secs(15);

// === impl Requests ===

impl Requests {
    /// The number of a new request. `sends` is the pace at which requests leave.
    pub fn ask(&mut self, now: Nanos, streams: Vec<Stream>, sends: Rate) -> u64 {
        self.next += 1;
        let waits = u32::try_from(self.open.len()).unwrap_or(u32::MAX) / sends.count.max(1);
        let due = now.plus(ANSWER.saturating_add(sends.per.saturating_mul(waits)));
        self.open.insert(self.next, PendingRequest { streams, due });
        self.next
    }

    /// Takes the request out that was answered.
    pub fn answered(&mut self, number: u64) -> Option<PendingRequest> {
        self.open.remove(&number)
    }

    /// When the first answer is late.
    pub fn due(&self) -> Option<Nanos> {
        self.open.values().map(|request| request.due).min()
    }

    /// Takes those out whose answer is late.
    pub fn late(&mut self, now: Nanos) -> Vec<PendingRequest> {
        let late = self.open.iter().filter(|(_, request)| request.due <= now);
        let late: Vec<u64> = late.map(|(&number, _)| number).collect();
        late.iter().filter_map(|number| self.open.remove(number)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::upstream::venue::StreamKind;

    #[test]
    fn answers_are_late_by_the_pace_at_which_requests_leave() {
        let (mut requests, rate) = (Requests::default(), Rate::new(2, Duration::from_secs(1)));
        let stream = |symbol| vec![Stream::new(symbol, StreamKind::Trades)];
        let numbers: Vec<u64> =
            ["A", "B", "C"].map(|symbol| requests.ask(Nanos(0), stream(symbol), rate)).into();
        assert_eq!(numbers, [1, 2, 3]);
        assert_eq!(requests.answered(1).unwrap().streams, stream("A"));
        assert_eq!(requests.answered(1), None);
        assert_eq!(requests.due(), Some(Nanos(0).plus(ANSWER)));
        assert_eq!(requests.late(Nanos(0).plus(ANSWER)).len(), 1);
        assert_eq!(requests.due(), Some(Nanos(0).plus(ANSWER + Duration::from_secs(1))));
    }
}
