//! Accounting: what became of every tick that was offered to a subscription.
//!
//! Invariant (law 5): offered = delivered + conflated + filtered + gapped + discarded + pending, always. `offered` is
//! counted when ticks arrive, the others where they happen, `pending` is computed from the cursors. So the identity
//! checks the code, and is no definition.

use crate::topic::Plane;

/// Why a subscription in mode `every` or `trades`, or a resume, lost ticks: the `reason` of a `gap` message, and the
/// label of `tickcast_updates_gapped_total`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum GapReason {
    /// The client fell further behind than the topic's ring reaches back.
    Slow,
    /// The client resumed after the ring had dropped its next tick.
    Resume,
    /// The client resumed with another epoch, so its seqs mean nothing here.
    Epoch,
}

/// Totals since the shard started. A tick counts once per subscription that it was offered to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Accounts {
    pub offered: u64,
    /// Messages that the socket accepted, one tick each: the newest.
    pub delivered: u64,
    /// The other ticks that a delivered message stood for.
    pub conflated: u64,
    /// Ticks without any field that the subscription wants.
    pub filtered: u64,
    /// Ticks that a `gap` message reported as lost, by [`GapReason::ALL`].
    pub gapped: [u64; 3],
    /// Ticks still pending when the subscription or session ended.
    pub discarded: u64,
    /// Ticks not yet delivered: after a cursor, or in a frame that the socket has not accepted whole.
    pub pending: u64,
}

/// The accounts of the market that a topic's ticks belong to, real time or delayed.
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

/// The ticks that a frame accounts for, recorded when the socket has accepted the frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FrameTally {
    pub delivered: u64,
    pub conflated: u64,
    pub gapped: [u64; 3],
    /// Ticks of the delayed market, which has its own accounts.
    pub late: LateTally,
}

/// The ticks of the delayed market in a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LateTally {
    pub delivered: u64,
    pub conflated: u64,
    /// Always for [`GapReason::Epoch`], the only gap of the delayed market.
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
    /// The difference between both sides of law 5; always 0.
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

    /// As [`Self::record`], for the delayed market.
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

    /// The ticks in real time, without those of the delayed market.
    #[inline]
    pub fn in_real_time(&self) -> u64 {
        self.delivered + self.conflated + self.gapped.iter().sum::<u64>()
    }

    pub fn is_empty(&self) -> bool {
        self.ticks() == 0
    }

    /// Counts a message with the record, which stands for `pending` ticks; 0 when the client has seen them all.
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
