//! [`HeldMessages`]: messages that a fault sends late: at a given time, or after a number of others.
//!
//! Invariants: of messages that are due, the earliest is sent first, and equal ones in order of arrival; timed messages
//! of one stream never overtake each other.

use crate::tick::Nanos;

/// Maximum bytes held back for one client.
const HELD_BYTES_MAX: usize = 4 * 1024 * 1024;

#[derive(Default)]
pub struct HeldMessages {
    held: Vec<HeldMessage>,
    bytes: usize,
    /// The sequence number of the next held message.
    order: u64,
}

struct HeldMessage {
    until: HeldUntil,
    stream: u64,
    order: u64,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeldUntil {
    Time(Nanos),
    /// After this many other messages.
    Others(u32),
}

impl HeldMessages {
    pub fn hold(&mut self, until: HeldUntil, stream: u64, bytes: Vec<u8>) {
        self.bytes += bytes.len();
        self.held.push(HeldMessage { until, stream, order: self.order, bytes });
        self.order += 1;
    }

    /// Takes the messages that are due, and the oldest while too much is held.
    pub fn take_due(&mut self, now: Nanos) -> Vec<Vec<u8>> {
        let mut due = self.take_if(|held| matches!(held.until, HeldUntil::Time(at) if at <= now));
        while self.bytes > HELD_BYTES_MAX {
            let Some(oldest) = self.held.first().map(|held| held.order) else { break };
            due.extend(self.take_if(|held| held.order == oldest));
        }
        due
    }

    /// Takes a stream's timed messages, ahead of an untimed one of the same stream.
    pub fn take_of(&mut self, stream: u64) -> Vec<Vec<u8>> {
        self.take_if(|held| held.stream == stream && matches!(held.until, HeldUntil::Time(_)))
    }

    /// Counts one other message as sent; takes the messages that were waiting for it.
    pub fn sent_other(&mut self) -> Vec<Vec<u8>> {
        for held in &mut self.held {
            if let HeldUntil::Others(left) = &mut held.until {
                *left = left.saturating_sub(1);
            }
        }
        self.take_if(|held| held.until == HeldUntil::Others(0))
    }

    pub fn take_all(&mut self) -> Vec<Vec<u8>> {
        self.take_if(|_| true)
    }

    /// When the next message is due.
    pub fn next_due(&self) -> Option<Nanos> {
        let times = self.held.iter().filter_map(|held| match held.until {
            HeldUntil::Time(at) => Some(at),
            HeldUntil::Others(_) => None,
        });
        times.min()
    }

    fn take_if(&mut self, is_taken: impl Fn(&HeldMessage) -> bool) -> Vec<Vec<u8>> {
        let mut taken: Vec<HeldMessage> = self.held.extract_if(.., |held| is_taken(held)).collect();
        taken.sort_by_key(|held| match held.until {
            HeldUntil::Time(at) => (at, held.order),
            HeldUntil::Others(_) => (Nanos(i64::MIN), held.order),
        });
        let bytes: usize = taken.iter().map(|held| held.bytes.len()).sum();
        self.bytes -= bytes;
        taken.into_iter().map(|held| held.bytes).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_at_their_times_and_behind_others() {
        let mut held = HeldMessages::default();
        held.hold(HeldUntil::Time(Nanos(9)), 1, vec![1]);
        held.hold(HeldUntil::Others(2), 1, vec![2]);
        held.hold(HeldUntil::Time(Nanos(5)), 2, vec![3]);
        held.hold(HeldUntil::Time(Nanos(9)), 2, vec![4]);
        assert_eq!(held.next_due(), Some(Nanos(5)));
        assert!(held.take_due(Nanos(4)).is_empty());
        assert!(held.sent_other().is_empty());
        assert_eq!(held.take_due(Nanos(9)), [vec![3], vec![1], vec![4]]);
        assert_eq!(held.sent_other(), [vec![2]]);
        assert_eq!((held.next_due(), held.bytes), (None, 0));
    }

    #[test]
    fn a_stream_does_not_overtake_itself_and_too_much_is_sent() {
        let mut held = HeldMessages::default();
        held.hold(HeldUntil::Time(Nanos(9)), 1, vec![1]);
        held.hold(HeldUntil::Time(Nanos(9)), 2, vec![2]);
        held.hold(HeldUntil::Others(5), 1, vec![3]);
        assert_eq!(held.take_of(1), [vec![1]]);
        held.hold(HeldUntil::Time(Nanos(9)), 3, vec![0; HELD_BYTES_MAX]);
        assert_eq!(held.take_due(Nanos(0)), [vec![2], vec![3]]);
        assert_eq!(held.take_all().len(), 1);
    }
}
