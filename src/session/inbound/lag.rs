//! [`ReadLag`]: how long input may wait in a busy shard before it is read. A session's window subtracts this from its
//! client's delay: it is the server's own, and holding clients back for it would only lead to smaller frames and more
//! load.
//!
//! The driver asks behind all input that waits to be read; the answer comes when all of that was read.
//!
//! Pure: times are arguments. Without a driver that asks, the lag is zero.

use crate::tick::Nanos;

#[derive(Clone, Copy, Debug, Default)]
pub struct ReadLag {
    asked_at: Option<Nanos>,
    last_nanos: u64,
}

impl ReadLag {
    /// Starts a measurement; `false` if the previous one is still open.
    pub fn ask(&mut self, now: Nanos) -> bool {
        let begins = self.asked_at.is_none();
        self.asked_at.get_or_insert(now);
        begins
    }

    /// Everything that waited at the start of the measurement has been read.
    pub fn answer(&mut self, now: Nanos) {
        if let Some(at) = self.asked_at.take() {
            self.last_nanos = now.since(at);
        }
    }

    /// The shard is idle.
    pub fn rest(&mut self) {
        self.last_nanos = 0;
    }

    /// How long input that is read now may have waited.
    pub fn nanos(&self, now: Nanos) -> u64 {
        self.asked_at.map_or(0, |at| now.since(at)).max(self.last_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_last_answer_or_the_question_that_has_waited_longer() {
        let mut lag = ReadLag::default();
        assert_eq!(lag.nanos(Nanos(5)), 0);
        assert!(lag.ask(Nanos(10)) && !lag.ask(Nanos(20)), "one question at a time");
        assert_eq!(lag.nanos(Nanos(40)), 30);
        lag.answer(Nanos(50));
        assert_eq!(lag.nanos(Nanos(1_000)), 40);
        assert!(lag.ask(Nanos(1_000)));
        assert_eq!((lag.nanos(Nanos(1_010)), lag.nanos(Nanos(1_100))), (40, 100));
        lag.answer(Nanos(1_003));
        lag.rest();
        assert_eq!(lag.nanos(Nanos(1_200)), 0);
    }
}
