//! How a proof adapts the window: its size, the number of frames in flight, and the distance of marks.
//!
//! Delay beyond the minimum is queueing. If it exceeds the target, the window shrinks to what was read in time;
//! otherwise it grows, while the window was the bottleneck, or for what the client is sent within the target anyway.

use super::{FLOOR, HeardAt, Mark, Proved, ReadProof, ReadWindow, Sent, UNPROVEN};
use crate::tick::Nanos;

/// What a proof has gained.
#[derive(Clone, Copy)]
struct Gained {
    cost: u64,
    /// Average cost of a frame.
    frame_cost: u64,
    /// The previous proof is long ago.
    is_old: bool,
    at: Nanos,
}

/// A window may grow to cover the per-frame cost, but to no more than this multiple of the target's bytes.
const BYTES_SHARE: u64 = 2;
/// For this many targets after a delay that was too long, prompt proofs may come from a hidden queue that was just
/// read.
const WARY_TARGETS: u64 = 16;
/// While proofs are prompt, a frame read within this fraction of the target is no reason for smaller ones.
const BRIEF_SHARE: u64 = 4;
/// Allowance beyond what the path itself holds. It bounds the stale data when a link suddenly slows down, and how often
/// a fast client is pinged: once per three quarters of it.
pub(super) const BEYOND_PATH: u64 = 64 * 1024;
/// Initial and minimum number of frames in flight to an acknowledging client.
const FIRST_FRAMES: u64 = 8;
const FRAMES_MIN: u64 = 3;

impl ReadWindow {
    pub(super) fn renew_frames_max(&mut self, target_nanos: u64) {
        let spaced = self.spacing.frames_max(self.least_nanos);
        self.frames_max = match self.proof {
            ReadProof::Acks if self.least_nanos == u64::MAX => FIRST_FRAMES,
            // Its program may be slow per frame, however small the frames are.
            ReadProof::Acks => {
                let read = self.pace.frames_within(2 * (self.least_nanos + target_nanos));
                spaced.min(read.max(FRAMES_MIN))
            }
            _ => spaced,
        };
    }

    pub(super) fn proved(&mut self, mark: &Mark, read: Sent, heard: HeardAt, target_nanos: u64) -> Proved {
        let now = heard.at;
        let whole_nanos = now.since(mark.at).max(1);
        let delay_nanos = whole_nanos.saturating_sub(heard.late_nanos).max(1);
        let gained = read.cost().saturating_sub(self.read.cost());
        let bytes = read.bytes.saturating_sub(self.read.bytes);
        let frame_cost = gained / read.frames.saturating_sub(self.read.frames).max(1);
        let is_old = now.since(self.proved_at) > 4 * target_nanos;
        self.pace.note_read(gained, bytes, now, target_nanos);
        self.read = read;
        self.proved_at = now;
        self.full_since = None;
        self.delay_nanos = delay_nanos;
        // Use the whole delay: if the server's part was overestimated, the minimum must not become too small.
        self.least_nanos = self.least_nanos.min(whole_nanos);
        // The bytes in flight took this long to be read.
        let rate = mark.flight as f64 / delay_nanos as f64;
        let queued = delay_nanos.saturating_sub(self.least_nanos);
        let brief_nanos = if queued > target_nanos / BRIEF_SHARE { 0 } else { target_nanos / BRIEF_SHARE };
        self.brief_bytes = (rate * brief_nanos as f64) as u64;
        self.reserve = u64::MAX;
        if queued > target_nanos {
            // On a link that keeps slowing down, the last of the bytes in flight shows the current rate.
            let was_least = self.size == FLOOR;
            self.shrink(rate, target_nanos);
            if mark.at >= self.shrunk_at {
                self.shrunk_at = now;
                if was_least {
                    // No less can be in flight: the path itself has become longer, or so slow that one frame takes this
                    // long.
                    self.least_nanos = delay_nanos;
                }
            }
            let is_trial = self.spacing.is_trial(mark.at);
            if is_trial || queued > 2 * target_nanos {
                self.spacing.too_many(mark.at, now, target_nanos.max(self.least_nanos));
            }
        } else {
            self.grow(mark, rate, Gained { cost: gained, frame_cost, is_old, at: now }, target_nanos);
            if self.spacing.enough(now, target_nanos) {
                self.size = 2 * FLOOR;
            }
        }
        self.bound(heard.late_nanos, if queued > target_nanos / 8 { rate } else { f64::INFINITY });
        if self.marks.is_empty() && self.proof != ReadProof::Acks {
            self.mark_at = read.cost() + self.mark_step();
        }
        self.renew_frames_max(target_nanos);
        Proved { rx: mark.rx }
    }

    /// An upper bound however fast the client reads: what the path holds at this rate, what the client reads until a
    /// busy server notices, and a constant. `rate` is capped once a queue has formed, so that a slowing link is
    /// recognized at once.
    fn bound(&mut self, late_nanos: u64, rate: f64) {
        let nanos = self.least_nanos.saturating_add(2 * late_nanos);
        let on_its_way = self.pace.cost_within(nanos).min((rate * nanos as f64) as u64);
        self.size = self.size.min(BEYOND_PATH.saturating_add(on_its_way / 4 * 5));
    }

    /// Shrinks to what the client reads in less than the target, or to the minimum.
    fn shrink(&mut self, rate: f64, target_nanos: u64) {
        let within = (self.least_nanos + target_nanos / 10 * 7) as f64;
        self.size = ((rate * within) as u64).clamp(FLOOR, self.size);
    }

    /// Grows to at most what the client reads within the target.
    fn grow(&mut self, mark: &Mark, rate: f64, gained: Gained, target_nanos: u64) {
        let queued = self.delay_nanos.saturating_sub(self.least_nanos);
        let most = (rate * (self.least_nanos + target_nanos) as f64) as u64;
        let is_wary =
            self.spacing.is_trial(gained.at) || gained.at.since(self.shrunk_at) < WARY_TARGETS * target_nanos;
        let is_prompt = queued <= target_nanos / 8 && !is_wary;
        let was_refused = self.full_at.is_some_and(|at| gained.at.since(at) < WARY_TARGETS * target_nanos);
        let used =
            self.pace.cost_within(target_nanos).min(BYTES_SHARE * self.pace.bytes_within(target_nanos));
        if self.spacing.is_on() && !self.spacing.is_trial(gained.at) && queued <= target_nanos / 8 {
            // Such a client takes few frames, and read this one quickly: the next may be longer.
            self.size = self.size.max((self.size + gained.cost).min(most.min(UNPROVEN)));
        } else if self.full_at.is_some_and(|at| at >= mark.at) {
            // `most` bounds the delay. A delay below the target may be the server's own under load: growing slowly
            // would then hold back a client that keeps up, and slow the server further.
            let more = if is_wary { gained.cost / 8 } else { gained.cost };
            let most = if is_prompt { most.max(self.size + gained.cost / 2) } else { most };
            self.size = self.size.max((self.size + more).min(most));
        } else if is_prompt && self.size < UNPROVEN.max(used) {
            // A client that keeps up needs few pings: one per what it is sent within the target. An acknowledging one
            // needs none.
            let wanted = if self.proof == ReadProof::Pongs { UNPROVEN.max(used) } else { UNPROVEN };
            self.size = self.size.max((self.size + gained.cost / 2).min(most.min(wanted)));
        } else if self.size > UNPROVEN && gained.is_old {
            // Unused size does not stay proven for ever.
            self.size = (self.size / 2).max(UNPROVEN);
        } else if self.size > UNPROVEN && mark.flight < self.size / if was_refused { 4 } else { 2 } {
            self.size = (self.size - self.size / 16).max(UNPROVEN);
        }
        // If more was sent at once than the reserve, place marks closer, and do not enlarge the window.
        if is_prompt && !(was_refused && self.size > UNPROVEN) {
            let meanwhile = self.pace.cost_within(2 * self.delay_nanos);
            self.reserve = meanwhile.saturating_add(gained.frame_cost + self.size / 8);
        }
    }
}
