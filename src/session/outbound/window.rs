//! The window of one session: how far it may be sent ahead of what its client has proved to have read.
//!
//! A ping passes in order behind data, through kernels, proxies and the client's own buffers, so its pong says what has
//! been read. A client whose network stack answers pings by itself (a browser's) counts the frames that it has read,
//! and says so by `ack`. Either way the session learns how long its bytes were under way. The window shrinks when that
//! is longer than the target, and grows when it was the window that held the session back.
//!
//! Pure: times, positions and proofs are arguments. No socket, no session.
//!
//! Invariants: what is under way is at most the window and one frame. A window grows by no more than the client has
//! just read; one beyond [`UNPROVEN`] grows only while what is under way is read within the least delay and the target.
//! A session that was refused has a mark to wait for.

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
    /// Given to the socket.
    pub bytes: u64,
    /// Frames of data among them.
    pub frames: u64,
}

/// A position up to which the client will say that it has read.
#[derive(Clone, Copy, Debug)]
struct Mark {
    sent: Sent,
    at: Nanos,
    /// When the newest tick before it was taken in, by the market's clock.
    rx: Option<Nanos>,
    /// What was under way when it was made, itself included.
    flight: u64,
}

/// When a proof was heard.
#[derive(Clone, Copy, Debug)]
pub struct HeardAt {
    pub at: Nanos,
    /// It may have waited as long in the server, which had other things to do. That is not a delay of the client.
    pub late_nanos: u64,
}

/// Whether a frame may be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Send,
    /// Not before a proof arrives. With `ping`, nothing that could prove it is under way.
    Full {
        ping: bool,
    },
    /// Not before this time.
    Until(Nanos),
}

/// Why a session is sent no data, although its socket may take some.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DataHold {
    None,
    /// As much is under way as its window allows.
    Window,
    /// Its client takes frames at intervals only.
    Spacing,
    /// Its user was sent as much as one may be for now.
    Share,
}

/// What a proof has told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Proved {
    /// When the newest tick before the position was taken in.
    pub rx: Option<Nanos>,
}

/// An `ack` of more frames than were sent, or of fewer than before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadAck {
    pub least: u64,
    pub most: u64,
}

pub struct ReadWindow {
    /// What the client has read for certain.
    read: Sent,
    /// Of frames, as the client has last said.
    seen: u64,
    marks: VecDeque<Mark>,
    /// The next mark is due from here on.
    mark_at: u64,
    /// In [`Sent::cost`].
    size: u64,
    /// Frames that may be under way.
    frames_max: u64,
    /// When the session was last refused.
    full_at: Option<Nanos>,
    /// Since when it has been refused without a break.
    full_since: Option<Nanos>,
    pub proof: ReadProof,
    /// From a mark to its proof, the last one and the least so far.
    delay_nanos: u64,
    least_nanos: u64,
    /// When the last proof came.
    proved_at: Nanos,
    pace: RecentReading,
    /// What the client reads in a small part of the target, by the last proof.
    brief_bytes: u64,
    /// What is left of the window when the next mark is due: with a client in step, what it is sent until the proof
    /// comes.
    reserve: u64,
    /// Marks before this were sent under a larger window.
    shrunk_at: Nanos,
    spacing: Spacing,
    /// When a client that acknowledges was last asked whether it is there.
    pub probed_at: Nanos,
}

/// What a frame costs its reader beside its bytes.
const FRAME_COST: u64 = 512;
/// The most without a rate that proves the need of more. One frame more is at most 64 KiB.
pub const UNPROVEN: u64 = 48 * 1024;
/// A new session's window: a burst of less than that holds no client in step back.
const INITIAL: u64 = UNPROVEN;
/// A window below this is of a slow client: all its frames are small.
const SLOW: u64 = 16 * 1024;
/// The least window: one small frame.
const FLOOR: u64 = 2 * 1024;
/// Where the first ping goes.
pub const FIRST_MARK: u64 = 4 * 1024;
/// A session that has no window yet is sent small frames from here on.
pub const FIRST_SMALL: u64 = INITIAL / 2;
/// The least cost between two pings, and between two marks of a client that acknowledges.
const BETWEEN_PINGS: u64 = 2 * 1024;
const BETWEEN_ACKS: u64 = 1024;
/// The same where a long path holds more than half of the window: several are under way.
const BETWEEN_PINGS_LONG: u64 = 32 * 1024;
/// Between the pings to a client that answers none.
const BETWEEN_UNANSWERED: u64 = 64 * 1024;
const MARKS_MAX: usize = 32;
/// A full first window without an answer for this long: the client answers no pings.
const MISSING_AFTER_NANOS: u64 = 3_000_000_000;

// === impl Sent ===

impl Sent {
    pub fn cost(self) -> u64 {
        self.bytes + FRAME_COST * self.frames
    }
}

// === impl ReadWindow ===

impl ReadWindow {
    /// `sent`: so far. More than the first window was sent while there was none, and counts as read.
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

    /// Whether a frame of data may follow.
    pub fn may_send(&mut self, sent: Sent, now: Nanos) -> Verdict {
        if self.proof == ReadProof::Missing {
            return Verdict::Send;
        }
        let frames = sent.frames.saturating_sub(self.read.frames);
        let is_full = self.flight(sent) >= self.size || frames >= self.frames_max;
        // Acknowledgements are of frames: when all are, only answers are under way, and no proof of those would come.
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

    /// Whether the session has to ask before its next frame, or to mark it, from this cost on.
    pub fn check_at(&self) -> u64 {
        match self.proof {
            ReadProof::Missing => self.mark_at,
            _ if self.spacing.is_on() => 0,
            // No more frames than that are under way at this cost.
            _ => {
                let frames = self.frames_max.saturating_mul(FRAME_COST);
                self.mark_at.min(self.read.cost().saturating_add(self.size.min(frames)))
            }
        }
    }

    /// From this cost on, frames are small: a frame of this length would go far beyond the window.
    pub fn small_at(&self, frame_bytes: u64) -> u64 {
        let frame = frame_bytes + FRAME_COST;
        let kept = match self.size {
            ..SLOW => frame,
            // A smaller one would be hardly newer, and cost the server as much.
            _ if frame <= self.brief_bytes => 0,
            _ => frame.min(self.size / 2),
        };
        match self.proof {
            ReadProof::Missing => u64::MAX,
            _ if self.spacing.is_on() => 0,
            _ => (self.read.cost() + self.size).saturating_sub(kept),
        }
    }

    /// Whether what is sent up to here is to be marked.
    pub fn wants_mark(&self, sent: Sent) -> bool {
        sent.cost() >= self.mark_at
    }

    /// Marks what has been sent up to here. Returns whether a ping goes behind it.
    pub fn mark(&mut self, sent: Sent, now: Nanos, rx: Option<Nanos>) -> bool {
        if self.marks.len() >= MARKS_MAX {
            // Every second one is enough. The oldest stays, which is answered first.
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

    /// From a mark, or from what is read when there is none, to the next mark.
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

    /// A pong with this payload has arrived. `None` when it answers none of the pings that are under way, or the client
    /// proves by `ack` what it has read.
    pub fn pong(&mut self, position: u64, heard: HeardAt, target_nanos: u64) -> Option<Proved> {
        if self.proof == ReadProof::Acks {
            return None;
        }
        let index = self.marks.iter().position(|mark| mark.sent.bytes == position)?;
        let mark = self.marks.drain(..=index).next_back()?;
        self.proof = ReadProof::Pongs;
        Some(self.proved(&mark, mark.sent, heard, target_nanos))
    }

    /// The client has read so many frames of data.
    ///
    /// # Errors
    /// When it cannot have.
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

    /// A client that has left its first window full and unanswered is served without one. Returns whether that begins.
    pub fn give_up(&mut self, now: Nanos) -> bool {
        let is_missing = self.proof == ReadProof::Awaited
            && self.full_since.is_some_and(|since| now.since(since) >= MISSING_AFTER_NANOS);
        if is_missing {
            self.proof = ReadProof::Missing;
            self.full_since = None;
        }
        is_missing
    }

    /// What was sent and is not known to be read, in bytes.
    pub fn under_way_bytes(&self, sent: Sent) -> u64 {
        sent.bytes.saturating_sub(self.read.bytes)
    }

    /// The window; `None` for a client that is served without.
    pub fn size_bytes(&self) -> Option<u64> {
        (self.proof != ReadProof::Missing).then_some(self.size)
    }

    /// From a position to its proof, the last time.
    pub fn delay_nanos(&self) -> u64 {
        self.delay_nanos
    }

    /// The client reads few frames a second: it is sent fewer, and longer ones.
    pub fn is_spaced(&self) -> bool {
        self.spacing.is_on() && self.proof != ReadProof::Missing
    }

    /// How long the client needs, at its own rate, to prove what is under way.
    pub fn drain_nanos(&self, sent: Sent) -> u64 {
        let flight = self.flight(sent) as f64;
        (flight / self.size as f64 * self.delay_nanos as f64) as u64
    }

    fn flight(&self, sent: Sent) -> u64 {
        sent.cost().saturating_sub(self.read.cost())
    }
}

/// The position of a frame between two, by their numbers.
fn between(from: Sent, to: Sent, frames: u64) -> Sent {
    let (passed, all) = (frames.saturating_sub(from.frames), to.frames.saturating_sub(from.frames));
    let bytes = to.bytes.saturating_sub(from.bytes);
    let share = if all == 0 { 0 } else { u128::from(bytes) * u128::from(passed) / u128::from(all) };
    Sent { bytes: from.bytes + u64::try_from(share).unwrap_or(bytes), frames: frames.max(from.frames) }
}
