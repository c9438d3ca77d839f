//! The server's time, measured by pings. Ages are computed with it, since this machine's clock may differ.
//!
//! Pure: the caller passes times in, in nanoseconds since 1970 by this machine's clock. Invariant: of all times that the
//! server's clock may have, the latest is assumed, so that no price looks younger than it is.

use std::collections::VecDeque;

/// The estimate of the server's time.
#[derive(Default, Debug)]
pub struct ServerTime {
    /// Pings without an answer, by their numbers, oldest first, and when they were sent.
    sent: VecDeque<(u64, i64)>,
    pings: u64,
    known: Option<Known>,
}

#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "a unit is the last part of a name")]
struct Known {
    /// To be added to this machine's time.
    offset_nanos: i64,
    /// The largest error of that: half of a round trip, and the drift of the clocks since.
    error_nanos: u64,
    at_nanos: i64,
}

/// Clocks drift apart by this share of the time, at most.
const DRIFT: f64 = 50e-6;
/// A larger error is added to the time.
const ERROR_NANOS_MAX: u64 = 250_000_000;
/// The most pings in flight. When the path is slower, no ping is sent until one is answered.
const SENT_MAX: usize = 16;

// === impl ServerTime ===

impl ServerTime {
    /// The number of a ping that is sent now; `None` while too many are in flight.
    pub fn ping(&mut self, now_nanos: i64) -> Option<u64> {
        if self.sent.len() >= SENT_MAX {
            return None;
        }
        self.pings += 1;
        self.sent.push_back((self.pings, now_nanos));
        Some(self.pings)
    }

    /// Takes an answer: the server's time was `server_nanos` at some moment between ping and answer.
    pub fn pong(&mut self, number: u64, now_nanos: i64, server_nanos: i64) {
        let Some(at) = self.sent.iter().position(|(ping, _)| *ping == number) else { return };
        let Some((_, sent_nanos)) = self.sent.drain(..=at).next_back() else { return };
        let error_nanos = since(now_nanos, sent_nanos) / 2;
        if self.known.is_none_or(|known| error_nanos <= known.error_at(now_nanos)) {
            let middle = sent_nanos.midpoint(now_nanos);
            let offset_nanos = server_nanos.saturating_sub(middle);
            self.known = Some(Known { offset_nanos, error_nanos, at_nanos: now_nanos });
        }
    }

    /// The connection is lost, and the pings in flight with it.
    pub fn disconnect(&mut self) {
        self.sent.clear();
    }

    /// The server's time when this machine's is `now_nanos`; that of this machine before the first answer.
    pub fn at(&self, now_nanos: i64) -> i64 {
        let Some(known) = self.known else { return now_nanos };
        let error = known.error_at(now_nanos);
        let doubt = if error > ERROR_NANOS_MAX { i64::try_from(error).unwrap_or(i64::MAX) } else { 0 };
        now_nanos.saturating_add(known.offset_nanos).saturating_add(doubt)
    }
}

impl Known {
    fn error_at(self, now_nanos: i64) -> u64 {
        self.error_nanos.saturating_add((since(now_nanos, self.at_nanos) as f64 * DRIFT) as u64)
    }
}

/// From the earlier to the later; 0 when they are the other way round.
fn since(later_nanos: i64, earlier_nanos: i64) -> u64 {
    u64::try_from(later_nanos.saturating_sub(earlier_nanos)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn asked(time: &mut ServerTime, sent: i64, heard: i64, server: i64) {
        let number = time.ping(sent).unwrap();
        time.pong(number, heard, server);
    }

    #[test]
    fn the_quickest_answer_is_believed_and_a_slow_one_counts_as_late_as_it_may_be() {
        let mut time = ServerTime::default();
        assert_eq!(time.at(5), 5);
        // It took 30 s, and was written anywhere in between.
        asked(&mut time, 0, 30 * SECOND, 100 * SECOND);
        assert_eq!(time.at(30 * SECOND), 130 * SECOND - 30 * SECOND + 15 * SECOND + 15 * SECOND);
        asked(&mut time, 30 * SECOND, 30 * SECOND + 2_000_000, 101 * SECOND);
        assert_eq!(time.at(30 * SECOND + 1_000_000), 101 * SECOND);
        asked(&mut time, 31 * SECOND, 41 * SECOND, 500 * SECOND);
        assert_eq!(time.at(31 * SECOND + 1_000_000), 102 * SECOND, "a slow one says less");
    }

    #[test]
    fn pings_on_their_way_are_few_and_forgotten_with_the_connection() {
        let mut time = ServerTime::default();
        let sent = (0..100).filter_map(|at| time.ping(at)).count();
        assert_eq!(sent, SENT_MAX);
        time.pong(7, 200, 1_000);
        assert_eq!(time.ping(201), Some(17), "what was sent before the answered one is not waited for");
        time.disconnect();
        time.pong(17, 300, 9_000);
        assert_eq!(time.at(103), 1_000);
    }
}
