//! How long what clients have sent may wait in a busy shard before it is read. A session's window takes that off the
//! delay of its client: it is the server's own, and a server that held its clients back for it would only send smaller
//! frames, and be busier.
//!
//! The driver asks behind everything that waits to be read, and is answered when all of that was read.
//!
//! Pure: times are arguments. Without a driver that asks there is no lag.

use crate::tick::Nanos;

#[derive(Clone, Copy, Debug, Default)]
pub struct ReadLag {
    asked_at: Option<Nanos>,
    last_nanos: u64,
}

impl ReadLag {
    /// Returns whether a question begins; not while the one before is unanswered.
    pub fn ask(&mut self, now: Nanos) -> bool {
        let begins = self.asked_at.is_none();
        self.asked_at.get_or_insert(now);
        begins
    }

    /// What had waited when it was asked has been read.
    pub fn answer(&mut self, now: Nanos) {
        if let Some(at) = self.asked_at.take() {
            self.last_nanos = now.since(at);
        }
    }

    /// The shard has nothing left to do.
    pub fn rest(&mut self) {
        self.last_nanos = 0;
    }

    /// How long something that is read now may have waited.
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
