//! What a client of the simulation says of what it has read: `ack`, at intervals, as a page does whose main thread is
//! busy between them.

use std::time::Duration;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use tickcast::tick::Nanos;

use super::plan::{ClientKind, ClientPlan, Ms, chance, pick};

pub struct Acks {
    /// `None`: it answers pings alone.
    pub each_ms: Option<Ms>,
    /// Frames of data that were read on this connection, and that it has told of.
    pub read: u64,
    told: u64,
    next_at: Nanos,
}

impl Acks {
    /// Chosen apart from the plan, by random numbers of its own.
    pub fn of(seed: u64, client: &ClientPlan, now: Nanos) -> Acks {
        let mut random =
            Pcg64Mcg::seed_from_u64(seed ^ (client.number as u64 + 1).wrapping_mul(0xAC_C5_17_4B));
        let is_one = client.kind == ClientKind::WebSocket && chance(&mut random, 25);
        let each_ms = is_one.then(|| pick(&mut random, &[50, 100, 400]));
        Acks { each_ms, read: 0, told: 0, next_at: now }
    }

    /// Begins a connection.
    pub fn begin(&mut self) {
        (self.read, self.told) = (0, 0);
    }

    /// The count that is due now; or when it will be.
    pub fn due(&mut self, now: Nanos) -> Option<Result<u64, Nanos>> {
        let each_ms = self.each_ms.filter(|_| self.read > self.told)?;
        if now < self.next_at {
            return Some(Err(self.next_at));
        }
        self.told = self.read;
        self.next_at = now.plus(Duration::from_millis(each_ms));
        Some(Ok(self.read))
    }
}
