//! [`Spacing`]: the minimum time between frames, for a client that reads few frames a second, however small.
//!
//! Such a client hides a queue that pings do not measure: its library answers pings when parsing, and queues frames for
//! the program. So frames must come more slowly than the program reads them. Whether it can take more is tried rarely,
//! and ever more rarely after failures.
//!
//! Pure, as the window.

use crate::tick::Nanos;

/// When the next frame may be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spacing {
    /// The current spacing, at most the target; 0 means none.
    nanos: u64,
    /// When a frame was last allowed.
    frame_at: Nanos,
    changed_at: Nanos,
    /// When the delay was last far beyond the target.
    severe_at: Option<Nanos>,
    /// There was a timely proof since: a new delay is then new, and not left over from earlier frames.
    is_eased: bool,
    /// Timely proofs since the last change, and how many are needed before trying shorter spacing.
    proofs: u32,
    patience: u32,
    /// The last change was to shorter spacing.
    is_tried: bool,
}

/// Two delays far beyond the target within this time are no accident.
const SEVERE_WITHIN_NANOS: u64 = 10_000_000_000;
/// Doubled whenever the client could not take more, divided by 8 when it could.
const PATIENCE_MIN: u32 = 16;
const PATIENCE_MAX: u32 = 1_024;
/// After this long it is tried again regardless of failures: a client that has become fast soon gets everything.
const PATIENCE_NANOS_MAX: u64 = 8_000_000_000;
/// Within this time, a client that is sent too much has filled its hidden queue.
const TRIAL_NANOS: u64 = 3_000_000_000;
const FRAMES: u64 = 3;

impl Spacing {
    pub fn new(now: Nanos) -> Self {
        Spacing {
            nanos: 0,
            frame_at: now,
            changed_at: now,
            severe_at: None,
            is_eased: false,
            proofs: 0,
            patience: PATIENCE_MIN,
            is_tried: false,
        }
    }

    pub fn is_on(&self) -> bool {
        self.nanos > 0
    }

    /// Allows a frame now, or returns when the next one may be sent.
    pub fn take_turn(&mut self, now: Nanos) -> Option<Nanos> {
        let next_at = Nanos(self.frame_at.0.saturating_add_unsigned(self.nanos));
        if self.is_on() && now < next_at {
            return Some(next_at);
        }
        self.frame_at = now;
        None
    }

    /// Notes that a mark sent at `sent_at` was delayed far beyond the target. `target_nanos`: the target, or the time
    /// for one frame alone if that is longer.
    pub fn too_many(&mut self, sent_at: Nanos, now: Nanos, target_nanos: u64) {
        if sent_at < self.changed_at || self.severe_at.is_some_and(|at| sent_at < at) {
            // Sent before the last change.
            return;
        }
        let is_eased = std::mem::take(&mut self.is_eased);
        let again = is_eased && self.severe_at.is_some_and(|at| now.since(at) <= SEVERE_WITHIN_NANOS);
        self.severe_at = Some(now);
        if self.nanos > 0 {
            self.nanos = (2 * self.nanos).min(target_nanos.max(1));
        } else if again {
            let several = now.since(sent_at) / 4;
            self.nanos = several.clamp(target_nanos / 2, target_nanos).max(1);
        } else {
            return;
        }
        if std::mem::take(&mut self.is_tried) {
            self.patience = (self.patience * 2).min(PATIENCE_MAX);
        }
        (self.changed_at, self.proofs) = (now, 0);
    }

    /// Notes a timely proof. After enough of them a shorter spacing is tried. Returns whether spacing has ended.
    pub fn enough(&mut self, now: Nanos, target_nanos: u64) -> bool {
        self.is_eased = true;
        if !self.is_on() {
            return false;
        }
        self.proofs += 1;
        let nanos = now.since(self.changed_at);
        let is_patient = self.proofs < self.patience && nanos < PATIENCE_NANOS_MAX;
        if is_patient || nanos < TRIAL_NANOS {
            return false;
        }
        if std::mem::replace(&mut self.is_tried, true) {
            self.patience = (self.patience / 8).max(PATIENCE_MIN);
        }
        self.nanos /= 2;
        if self.nanos < target_nanos / 8 {
            self.nanos = 0;
        }
        (self.changed_at, self.proofs) = (now, 0);
        self.nanos == 0
    }

    /// The number of frames that may be in flight, for a client whose minimum delay is this.
    pub fn frames_max(&self, least_nanos: u64) -> u64 {
        if self.is_on() { FRAMES + least_nanos / self.nanos } else { u64::MAX }
    }

    /// Whether spacing was shortened a moment ago.
    pub fn is_trial(&self, now: Nanos) -> bool {
        self.is_tried && now.since(self.changed_at) < 3 * TRIAL_NANOS
    }
}
