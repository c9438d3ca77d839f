//! Rate limits on a client's input: token buckets for commands, frames and bytes.
//!
//! Bytes and frames are counted as they arrive, so that input that never becomes a message (pings, empty fragments)
//! counts too.

use super::boundary::{Arrival, Boundary};
use crate::{
    limits::Limits,
    planted::{Fault, is_planted},
    session::stats::LimitHit,
    tick::Nanos,
};

/// A token bucket: `rate` tokens per second, up to `burst`.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    tokens: f32,
    filled: Nanos,
}

/// The buckets of one session.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    pub commands: Bucket,
    pub frames: Bucket,
    pub bytes: Bucket,
}

impl Bucket {
    pub fn full(burst: u32, now: Nanos) -> Self {
        Bucket { tokens: burst as f32, filled: now }
    }

    /// Takes `cost` tokens if there are enough; returns whether there were.
    pub fn take(&mut self, cost: u32, rate: u32, burst: u32, now: Nanos) -> bool {
        let earned = now.since(self.filled) as f32 / 1e9 * rate as f32;
        self.tokens = (self.tokens + earned).min(burst as f32);
        self.filled = now;
        let there = self.tokens >= cost as f32;
        if there {
            self.tokens -= cost as f32;
        }
        there
    }

    /// Returns tokens to the bucket.
    fn give(&mut self, tokens: f32, rate: u32, burst: u32, now: Nanos) {
        self.take(0, rate, burst, now);
        self.tokens = (self.tokens + tokens).min(burst as f32);
    }
}

impl Budget {
    pub fn new(limits: &Limits, now: Nanos) -> Self {
        Budget {
            commands: Bucket::full(limits.commands_burst, now),
            frames: Bucket::full(limits.frames_burst, now),
            bytes: Bucket::full(limits.inbound_bytes_burst, now),
        }
    }

    pub fn take_command(&mut self, limits: &Limits, now: Nanos) -> bool {
        self.commands.take(1, limits.commands_per_second, limits.commands_burst, now)
    }

    /// Counts received bytes and the frames that start in them. Returns the limit that they exceed.
    pub fn take_input(
        &mut self,
        boundary: &mut Boundary,
        bytes: &mut [u8],
        arrived: impl FnMut(Arrival),
        limits: &Limits,
        now: Nanos,
    ) -> Option<LimitHit> {
        let frames = boundary.pass(bytes, arrived);
        if !self.take_bytes(bytes.len(), limits, now) {
            return Some(LimitHit::InboundBytes);
        }
        let is_within = self.take_frames(frames, limits, now) || is_planted(Fault::CountsNoFrames);
        (!is_within).then_some(LimitHit::Frames)
    }

    /// Counts one complete frame. Returns the limit that it exceeds.
    pub fn take_frame(&mut self, bytes: usize, limits: &Limits, now: Nanos) -> Option<LimitHit> {
        if !self.take_bytes(bytes, limits, now) {
            return Some(LimitHit::InboundBytes);
        }
        let is_within = self.take_frames(1, limits, now) || is_planted(Fault::CountsNoFrames);
        (!is_within).then_some(LimitHit::Frames)
    }

    /// Returns the cost of a message that is exempt.
    pub fn give_back(&mut self, bytes: usize, limits: &Limits, now: Nanos) {
        self.bytes.give(bytes as f32, limits.inbound_bytes_per_second, limits.inbound_bytes_burst, now);
        self.frames.give(1.0, limits.frames_per_second, limits.frames_burst, now);
    }

    pub fn take_frames(&mut self, frames: u32, limits: &Limits, now: Nanos) -> bool {
        self.frames.take(frames, limits.frames_per_second, limits.frames_burst, now)
    }

    pub fn take_bytes(&mut self, bytes: usize, limits: &Limits, now: Nanos) -> bool {
        let cost = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.bytes.take(cost, limits.inbound_bytes_per_second, limits.inbound_bytes_burst, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let mut bucket = Bucket::full(3, Nanos(0));
        let mut take = |nanos: i64| bucket.take(1, 10, 3, Nanos(nanos));
        assert!(take(0) && take(0) && take(0));
        assert!(!take(0));
        assert!(!take(50_000_000));
        assert!(take(100_000_000));
        assert!(!take(100_000_000));
        assert!(take(10_000_000_000) && take(10_000_000_000) && take(10_000_000_000));
        assert!(!take(10_000_000_000));
    }
}
