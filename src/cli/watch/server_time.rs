//! The server's time, by pings: ages are told by it, for this machine's clock may be another.
//!
//! Pure: times are handed in. Invariant: where it is not known well it is taken at its latest, so that no price looks younger
//! than it may be.

use std::collections::VecDeque;

use crate::tick::Nanos;

/// What is known of it.
#[derive(Default)]
pub struct ServerTime {
    /// Pings without an answer, by their numbers, oldest first, and when they were sent.
    sent: VecDeque<(u64, Nanos)>,
    pings: u64,
    known: Option<Known>,
}

#[derive(Clone, Copy)]
struct Known {
    /// To be added to this machine's time.
    offset_nanos: i64,
    /// How wrong that may be: half of a round trip, and what clocks have drifted since.
    error_nanos: u64,
    at: Nanos,
}

/// Clocks drift apart by this share of the time, at most.
const DRIFT: f64 = 50e-6;
/// A larger error is added to the time.
const ERROR_NANOS_MAX: u64 = 250_000_000;
/// Pings that may be on their way; a path that is slower than that is asked no more until one is back.
const SENT_MAX: usize = 16;

impl ServerTime {
    /// The number of a ping that is sent now; `None` while too many are on their way.
    pub fn ping(&mut self, now: Nanos) -> Option<u64> {
        if self.sent.len() >= SENT_MAX {
            return None;
        }
        self.pings += 1;
        self.sent.push_back((self.pings, now));
        Some(self.pings)
    }

    /// Its answer says that the server's time was `server` somewhere in between.
    pub fn pong(&mut self, number: u64, now: Nanos, server: Nanos) {
        let Some(at) = self.sent.iter().position(|(ping, _)| *ping == number) else { return };
        let Some((_, sent)) = self.sent.drain(..=at).next_back() else { return };
        let error_nanos = now.since(sent) / 2;
        if self.known.is_none_or(|known| error_nanos <= known.error_at(now)) {
            let middle = sent.0.midpoint(now.0);
            self.known = Some(Known { offset_nanos: server.0.saturating_sub(middle), error_nanos, at: now });
        }
    }

    /// The connection is gone, and what was on its way with it.
    pub fn disconnected(&mut self) {
        self.sent.clear();
    }

    /// The server's time when this machine's is `now`; that of this machine before the first answer.
    pub fn at(&self, now: Nanos) -> Nanos {
        let Some(known) = self.known else { return now };
        let error = known.error_at(now);
        let doubt = if error > ERROR_NANOS_MAX { i64::try_from(error).unwrap_or(i64::MAX) } else { 0 };
        Nanos(now.0.saturating_add(known.offset_nanos).saturating_add(doubt))
    }
}

impl Known {
    fn error_at(self, now: Nanos) -> u64 {
        self.error_nanos.saturating_add((now.since(self.at) as f64 * DRIFT) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn asked(time: &mut ServerTime, sent: i64, heard: i64, server: i64) {
        let number = time.ping(Nanos(sent)).unwrap();
        time.pong(number, Nanos(heard), Nanos(server));
    }

    #[test]
    fn the_quickest_answer_is_believed_and_a_slow_one_counts_as_late_as_it_may_be() {
        let mut time = ServerTime::default();
        assert_eq!(time.at(Nanos(5)), Nanos(5));
        // It took 30 s, and was written anywhere in between.
        asked(&mut time, 0, 30 * SECOND, 100 * SECOND);
        assert_eq!(
            time.at(Nanos(30 * SECOND)),
            Nanos(130 * SECOND - 30 * SECOND + 15 * SECOND + 15 * SECOND)
        );
        asked(&mut time, 30 * SECOND, 30 * SECOND + 2_000_000, 101 * SECOND);
        assert_eq!(time.at(Nanos(30 * SECOND + 1_000_000)), Nanos(101 * SECOND));
        asked(&mut time, 31 * SECOND, 41 * SECOND, 500 * SECOND);
        assert_eq!(time.at(Nanos(31 * SECOND + 1_000_000)), Nanos(102 * SECOND), "a slow one says less");
    }

    #[test]
    fn pings_on_their_way_are_few_and_forgotten_with_the_connection() {
        let mut time = ServerTime::default();
        let sent = (0..100).filter_map(|at| time.ping(Nanos(at))).count();
        assert_eq!(sent, SENT_MAX);
        time.pong(7, Nanos(200), Nanos(1_000));
        assert_eq!(
            time.ping(Nanos(201)),
            Some(17),
            "what was sent before the answered one is not waited for"
        );
        time.disconnected();
        time.pong(17, Nanos(300), Nanos(9_000));
        assert_eq!(time.at(Nanos(103)), Nanos(1_000));
    }
}
