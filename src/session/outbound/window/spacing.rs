//! The least time between two frames, for a client that reads few frames a second, however large they are.
//!
//! Such a client hides a queue that no ping sees: a library that answers pings when it parses them, and queues frames
//! for its program. So frames must come more seldom than the program takes them. Whether the client takes more is tried
//! seldom, and ever more seldom when it did not.
//!
//! Pure, as the window.

use crate::tick::Nanos;

/// When the next frame may be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spacing {
    /// At most the target; 0: none.
    nanos: u64,
    /// When a frame was last allowed.
    frame_at: Nanos,
    changed_at: Nanos,
    /// When the delay was last far beyond the target.
    severe_at: Option<Nanos>,
    /// Since then there was a proof in time: what is late again is late by itself, and not what was under way.
    is_eased: bool,
    /// Proofs in time since the last change, and after how many frames are let come faster.
    proofs: u32,
    patience: u32,
    /// The last change was to less.
    is_tried: bool,
}

/// Two delays far beyond the target within this are no accident.
const SEVERE_WITHIN_NANOS: u64 = 10_000_000_000;
/// Doubled each time that the client could not take more, and divided by 8 when it could.
const PATIENCE_MIN: u32 = 16;
const PATIENCE_MAX: u32 = 1_024;
/// However often it could not, it is tried again after this long: a client that has become fast is soon sent
/// everything.
const PATIENCE_NANOS_MAX: u64 = 8_000_000_000;
/// In this time a client that is sent too much has filled its hidden queue.
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

    /// Lets a frame be sent now; or says when the next one may be.
    pub fn take_turn(&mut self, now: Nanos) -> Option<Nanos> {
        let next_at = Nanos(self.frame_at.0.saturating_add_unsigned(self.nanos));
        if self.is_on() && now < next_at {
            return Some(next_at);
        }
        self.frame_at = now;
        None
    }

    /// The delay of a position that was sent at this time was far beyond the target. `target_nanos`: or what one frame
    /// by itself takes, where that is more.
    pub fn too_many(&mut self, sent_at: Nanos, now: Nanos, target_nanos: u64) {
        if sent_at < self.changed_at || self.severe_at.is_some_and(|at| sent_at < at) {
            // It was under way before the last change.
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

    /// The client has proved in time that it reads. After a while it is tried whether it takes more. Returns whether
    /// that has gone so far that frames are not held apart any more.
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

    /// Frames that may be under way, for a client whose answers take this long at least.
    pub fn frames_max(&self, least_nanos: u64) -> u64 {
        if self.is_on() { FRAMES + least_nanos / self.nanos } else { u64::MAX }
    }

    /// Whether frames came more seldom a moment ago.
    pub fn is_trial(&self, now: Nanos) -> bool {
        self.is_tried && now.since(self.changed_at) < 3 * TRIAL_NANOS
    }
}
