//! Accounting: what happened to every tick that was offered to a subscription.
//!
//! Law 5: offered = delivered + conflated + filtered + gapped + discarded + pending, always. `offered` is counted when
//! ticks arrive, the others where they happen, and `pending` is computed from the cursors. So the identity is a check
//! of the machine, and not a definition.

use crate::topic::Plane;

/// Why ticks were lost to a subscription in mode `every` or to a resume: the `reason` of a `gap` message and the label
/// of `tickcast_updates_gapped_total`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum GapReason {
    /// The client was slower than the topic's ring is long.
    Slow,
    /// The client came back after the ring had moved on.
    Resume,
    /// The client came back with another epoch, so that its seqs mean nothing here.
    Epoch,
}

/// Totals since the shard began. Ticks are counted once for each subscription that they were offered to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Accounts {
    pub offered: u64,
    /// Messages that the socket accepted, each for its newest tick.
    pub delivered: u64,
    /// Ticks that a delivered message stood for, beside its newest.
    pub conflated: u64,
    /// Ticks without any field that the subscription asked for.
    pub filtered: u64,
    /// Ticks that a `gap` message announced as lost, by [`GapReason::ALL`].
    pub gapped: [u64; 3],
    /// Ticks that were pending when their subscription or session ended.
    pub discarded: u64,
    /// Ticks still to be delivered: after a cursor, or in a frame that the socket has not accepted whole.
    pub pending: u64,
}

/// Those that a topic's ticks are in.
pub(super) fn of_plane<'a>(
    plane: Plane,
    in_real_time: &'a mut Accounts,
    delayed: &'a mut Accounts,
) -> &'a mut Accounts {
    match plane {
        Plane::RealTime => in_real_time,
        Plane::Delayed => delayed,
    }
}

/// What a frame holds. It is recorded when the socket has accepted the frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FrameTally {
    pub delivered: u64,
    pub conflated: u64,
    pub gapped: [u64; 3],
    /// What it holds of the delayed market, which is counted by itself.
    pub late: LateTally,
}

/// What a frame holds of the delayed market.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LateTally {
    pub delivered: u64,
    pub conflated: u64,
    /// For the reason [`GapReason::Epoch`]: the delayed market has no other gap.
    pub gapped: u64,
}

impl GapReason {
    pub const ALL: [GapReason; 3] = [GapReason::Slow, GapReason::Resume, GapReason::Epoch];

    pub const fn label(self) -> &'static str {
        match self {
            GapReason::Slow => "slow",
            GapReason::Resume => "resume",
            GapReason::Epoch => "epoch",
        }
    }
}

impl Accounts {
    /// 0, by law 5.
    pub fn residual(&self) -> i128 {
        let gone = self.delivered + self.conflated + self.filtered + self.discarded + self.pending;
        i128::from(self.offered) - i128::from(gone) - i128::from(self.gapped.iter().sum::<u64>())
    }

    pub fn record(&mut self, tally: &FrameTally) {
        self.delivered += tally.delivered;
        self.conflated += tally.conflated;
        for (total, gapped) in self.gapped.iter_mut().zip(tally.gapped) {
            *total += gapped;
        }
    }

    /// As [`Self::record`], of the delayed market.
    pub fn record_late(&mut self, late: &LateTally) {
        self.delivered += late.delivered;
        self.conflated += late.conflated;
        self.gapped[GapReason::Epoch as usize] += late.gapped;
    }

    pub fn add(&mut self, other: &Accounts) {
        self.offered += other.offered;
        self.delivered += other.delivered;
        self.conflated += other.conflated;
        self.filtered += other.filtered;
        self.discarded += other.discarded;
        self.pending += other.pending;
        for (total, gapped) in self.gapped.iter_mut().zip(other.gapped) {
            *total += gapped;
        }
    }
}

impl FrameTally {
    pub fn ticks(&self) -> u64 {
        self.in_real_time() + self.late.ticks()
    }

    /// Those that are not of the delayed market.
    #[inline]
    pub fn in_real_time(&self) -> u64 {
        self.delivered + self.conflated + self.gapped.iter().sum::<u64>()
    }

    pub fn is_empty(&self) -> bool {
        self.ticks() == 0
    }

    /// A message with the record, which stands for `pending` ticks; for none when the client has seen them all.
    #[inline]
    pub(super) fn record(&mut self, plane: Plane, pending: u64) {
        if pending > 0 {
            let (delivered, conflated) = match plane {
                Plane::RealTime => (&mut self.delivered, &mut self.conflated),
                Plane::Delayed => (&mut self.late.delivered, &mut self.late.conflated),
            };
            *delivered += 1;
            *conflated += pending - 1;
        }
    }
}

impl LateTally {
    #[inline]
    pub fn ticks(&self) -> u64 {
        self.delivered + self.conflated + self.gapped
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ticks() == 0
    }
}
