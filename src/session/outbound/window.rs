//! [`ReadWindow`]: how far one session may be sent ahead of what its client has proved to have read.
//!
//! A ping travels in order behind data, through kernels, proxies and the client's buffers, so its pong proves that the
//! data was read. A client whose network stack answers pings itself (a browser) counts the frames that it has read, and
//! sends `ack`. Either way the session measures how long its bytes take. The window shrinks when that exceeds the
//! target, and grows when the window itself was the bottleneck.
//!
//! Pure: times, positions and proofs are arguments. No socket, no session.
//!
//! Invariants: bytes in flight never exceed the window plus one frame. A window grows by at most what the client has
//! just read; beyond [`UNPROVEN`] only while bytes in flight are read within the minimum delay plus the target. A held
//! session always has a mark whose proof will come.

mod adapt;
mod pace;
mod proof;
mod spacing;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

pub use self::proof::ReadProof;
use self::{pace::RecentReading, spacing::Spacing};
use crate::tick::Nanos;

/// How much a session was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// Bytes given to the socket.
    pub bytes: u64,
    /// Data frames among them.
    pub frames: u64,
}

/// A marked position, for which the client will send a proof.
#[derive(Clone, Copy, Debug)]
struct Mark {
    sent: Sent,
    at: Nanos,
    /// Receive time of the newest tick before it, by the market's clock.
    rx: Option<Nanos>,
    /// What was in flight when the mark was made, itself included.
    flight: u64,
}

/// When a proof was received.
#[derive(Clone, Copy, Debug)]
pub struct HeardAt {
    pub at: Nanos,
    /// How long it may have waited in the server, which is not the client's delay.
    pub late_nanos: u64,
}

/// Whether a frame may be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Send,
    /// Not before a proof arrives. `ping`: send one, because no proof is on its way.
    Full {
        ping: bool,
    },
    /// Not before this time.
    Until(Nanos),
}

/// Why a session with a writable socket is sent no data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DataHold {
    None,
    /// Its window is full.
    Window,
    /// Its client is sent spaced frames.
    Spacing,
    /// Its user's byte rate is used up for now.
    Share,
}

/// What a proof shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Proved {
    /// Receive time of the newest tick before the position.
    pub rx: Option<Nanos>,
}

/// An `ack` of more frames than were sent, or fewer than before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadAck {
    pub least: u64,
    pub most: u64,
}

pub struct ReadWindow {
    /// What the client has certainly read.
    read: Sent,
    /// The number of frames in the client's last `ack`.
    seen: u64,
    marks: VecDeque<Mark>,
    /// The next mark is due at this cost.
    mark_at: u64,
    /// The window's size, in [`Sent::cost`].
    size: u64,
    /// Maximum number of frames in flight.
    frames_max: u64,
    /// When the session was last refused.
    full_at: Option<Nanos>,
    /// Since when it has been refused without a break.
    full_since: Option<Nanos>,
    pub proof: ReadProof,
    /// Time from a mark to its proof: the last one, then the minimum so far.
    delay_nanos: u64,
    least_nanos: u64,
    /// When the last proof came.
    proved_at: Nanos,
    pace: RecentReading,
    /// What the client reads in a small part of the target, by the last proof.
    brief_bytes: u64,
    /// The part of the window left when the next mark is due: what a client that keeps up is sent until its proof
    /// comes.
    reserve: u64,
    /// Marks before this were made under a larger window.
    shrunk_at: Nanos,
    spacing: Spacing,
    /// When an acknowledging client was last probed for being alive.
    pub probed_at: Nanos,
}

/// The cost of a frame to its reader, beyond its bytes.
const FRAME_COST: u64 = 512;
/// The maximum without a measured rate that justifies more. One more frame is at most 64 KiB.
pub const UNPROVEN: u64 = 48 * 1024;
/// A new session's window: smaller bursts hold back no client that keeps up.
const INITIAL: u64 = UNPROVEN;
/// A smaller window means a slow client: all its frames are small.
const SLOW: u64 = 16 * 1024;
/// The minimum window: one small frame.
const FLOOR: u64 = 2 * 1024;
/// Where the first ping goes.
pub const FIRST_MARK: u64 = 4 * 1024;
/// A session without a window is sent small frames from here on.
pub const FIRST_SMALL: u64 = INITIAL / 2;
/// Minimum cost between two pings, and between two marks of an acknowledging client.
const BETWEEN_PINGS: u64 = 2 * 1024;
const BETWEEN_ACKS: u64 = 1024;
/// The same on a path that holds more than half of the window: several pings are in flight.
const BETWEEN_PINGS_LONG: u64 = 32 * 1024;
/// Between pings to a client that answers none.
const BETWEEN_UNANSWERED: u64 = 64 * 1024;
const MARKS_MAX: usize = 32;
/// After the first window was full for this long without an answer, the client counts as answering no pings.
const MISSING_AFTER_NANOS: u64 = 3_000_000_000;

// === impl Sent ===

impl Sent {
    pub fn cost(self) -> u64 {
        self.bytes + FRAME_COST * self.frames
    }
}

// === impl ReadWindow ===

impl ReadWindow {
    /// `sent`: the totals so far. What exceeds the first window was sent without one, and counts as read.
    pub fn new(sent: Sent, now: Nanos) -> Self {
        ReadWindow {
            read: if sent.cost() > INITIAL { sent } else { Sent::default() },
            seen: 0,
            marks: VecDeque::new(),
            mark_at: sent.cost().max(FIRST_MARK),
            size: INITIAL,
            frames_max: u64::MAX,
            full_at: None,
            full_since: None,
            proof: ReadProof::Awaited,
            delay_nanos: 0,
            least_nanos: u64::MAX,
            proved_at: now,
            pace: RecentReading::new(now),
            brief_bytes: 0,
            reserve: INITIAL / 2,
            shrunk_at: Nanos(i64::MIN),
            spacing: Spacing::new(now),
            probed_at: now,
        }
    }

    /// Whether a data frame may be sent.
    pub fn may_send(&mut self, sent: Sent, now: Nanos) -> Verdict {
        if self.proof == ReadProof::Missing {
            return Verdict::Send;
        }
        let frames = sent.frames.saturating_sub(self.read.frames);
        let is_full = self.flight(sent) >= self.size || frames >= self.frames_max;
        // An `ack` covers data frames: when all are acknowledged, only answers are in flight, which no proof would
        // cover.
        let is_all_seen = self.proof == ReadProof::Acks && self.seen >= sent.frames;
        if is_full && !is_all_seen {
            self.full_at = Some(now);
            self.full_since.get_or_insert(now);
            return Verdict::Full { ping: self.marks.is_empty() && self.proof != ReadProof::Acks };
        }
        self.full_since = None;
        match self.spacing.take_turn(now) {
            Some(next_at) => Verdict::Until(next_at),
            None => Verdict::Send,
        }
    }

    /// The cost from which on the window must be consulted before the next frame, or that frame marked.
    pub fn check_at(&self) -> u64 {
        match self.proof {
            ReadProof::Missing => self.mark_at,
            _ if self.spacing.is_on() => 0,
            // No more frames than that are in flight at this cost.
            _ => {
                let frames = self.frames_max.saturating_mul(FRAME_COST);
                self.mark_at.min(self.read.cost().saturating_add(self.size.min(frames)))
            }
        }
    }

    /// The cost from which on frames are small: one of full length would go far beyond the window.
    pub fn small_at(&self, frame_bytes: u64) -> u64 {
        let frame = frame_bytes + FRAME_COST;
        let kept = match self.size {
            ..SLOW => frame,
            // A smaller frame would hardly be fresher, at the same cost to the server.
            _ if frame <= self.brief_bytes => 0,
            _ => frame.min(self.size / 2),
        };
        match self.proof {
            ReadProof::Missing => u64::MAX,
            _ if self.spacing.is_on() => 0,
            _ => (self.read.cost() + self.size).saturating_sub(kept),
        }
    }

    /// Whether a mark is due at this point.
    pub fn wants_mark(&self, sent: Sent) -> bool {
        sent.cost() >= self.mark_at
    }

    /// Marks what was sent so far. Returns whether a ping is to follow it.
    pub fn mark(&mut self, sent: Sent, now: Nanos, rx: Option<Nanos>) -> bool {
        if self.marks.len() >= MARKS_MAX {
            // Thin out by half. Keep the oldest, which is answered first.
            let mut index = 0;
            self.marks.retain(|_| {
                index += 1;
                index % 2 == 1
            });
        }
        self.marks.push_back(Mark { sent, at: now, rx, flight: self.flight(sent) });
        self.mark_at = sent.cost() + self.mark_step();
        self.proof != ReadProof::Acks
    }

    /// The distance to the next mark, from the last mark or, without one, from what was read.
    fn mark_step(&self) -> u64 {
        match self.proof {
            ReadProof::Missing => BETWEEN_UNANSWERED,
            ReadProof::Acks => (self.size / 8).max(BETWEEN_ACKS),
            ReadProof::Pongs if self.spacing.is_on() => 0,
            ReadProof::Awaited | ReadProof::Pongs => {
                let least = (self.size / 2).min(BETWEEN_PINGS_LONG.max(self.size / 8));
                self.size.saturating_sub(self.reserve).max(least).max(BETWEEN_PINGS)
            }
        }
    }

    /// Handles a pong with this payload. `None` when it answers no ping in flight, or the client proves reading by
    /// `ack`.
    pub fn pong(&mut self, position: u64, heard: HeardAt, target_nanos: u64) -> Option<Proved> {
        if self.proof == ReadProof::Acks {
            return None;
        }
        let index = self.marks.iter().position(|mark| mark.sent.bytes == position)?;
        let mark = self.marks.drain(..=index).next_back()?;
        self.proof = ReadProof::Pongs;
        Some(self.proved(&mark, mark.sent, heard, target_nanos))
    }

    /// Handles an `ack`: the client has read this many data frames.
    ///
    /// # Errors
    /// When it cannot have read that many.
    pub fn ack(
        &mut self,
        seen: u64,
        sent: Sent,
        heard: HeardAt,
        target_nanos: u64,
    ) -> Result<Option<Proved>, BadAck> {
        if seen < self.seen || seen > sent.frames {
            return Err(BadAck { least: self.seen, most: sent.frames });
        }
        self.pace.note_frames(seen - self.seen, heard.at, target_nanos);
        self.seen = seen;
        self.proof = ReadProof::Acks;
        let passed = self.marks.iter().take_while(|mark| mark.sent.frames <= seen).count();
        let mark = self.marks.drain(..passed).next_back();
        let from = mark.map_or(self.read, |mark| mark.sent);
        let to = self.marks.front().map_or(sent, |mark| mark.sent);
        let read = between(from, to, seen);
        self.mark_at = self.mark_at.min(sent.cost() + BETWEEN_ACKS);
        if let Some(mark) = mark {
            return Ok(Some(self.proved(&mark, read, heard, target_nanos)));
        }
        if read.bytes > self.read.bytes {
            self.read = read;
        }
        self.renew_frames_max(target_nanos);
        Ok(None)
    }

    /// Gives up on the window of a client that left its first one full and unanswered. Returns whether it just did.
    pub fn give_up(&mut self, now: Nanos) -> bool {
        let is_missing = self.proof == ReadProof::Awaited
            && self.full_since.is_some_and(|since| now.since(since) >= MISSING_AFTER_NANOS);
        if is_missing {
            self.proof = ReadProof::Missing;
            self.full_since = None;
        }
        is_missing
    }

    /// Bytes in flight: sent, and not known to be read.
    pub fn under_way_bytes(&self, sent: Sent) -> u64 {
        sent.bytes.saturating_sub(self.read.bytes)
    }

    /// The window; `None` for a client served without one.
    pub fn size_bytes(&self) -> Option<u64> {
        (self.proof != ReadProof::Missing).then_some(self.size)
    }

    /// The last time from a mark to its proof.
    pub fn delay_nanos(&self) -> u64 {
        self.delay_nanos
    }

    /// Whether the client reads few frames per second: it is sent fewer, longer ones.
    pub fn is_spaced(&self) -> bool {
        self.spacing.is_on() && self.proof != ReadProof::Missing
    }

    /// How long the client needs, at its own rate, to prove what is in flight.
    pub fn drain_nanos(&self, sent: Sent) -> u64 {
        let flight = self.flight(sent) as f64;
        (flight / self.size as f64 * self.delay_nanos as f64) as u64
    }

    fn flight(&self, sent: Sent) -> u64 {
        sent.cost().saturating_sub(self.read.cost())
    }
}

/// Interpolates the position of a frame between two others, by frame numbers.
fn between(from: Sent, to: Sent, frames: u64) -> Sent {
    let (passed, all) = (frames.saturating_sub(from.frames), to.frames.saturating_sub(from.frames));
    let bytes = to.bytes.saturating_sub(from.bytes);
    let share = if all == 0 { 0 } else { u128::from(bytes) * u128::from(passed) / u128::from(all) };
    Sent { bytes: from.bytes + u64::try_from(share).unwrap_or(bytes), frames: frames.max(from.frames) }
}
