//! [`Ledger`]: one subscription in the naive model: the fate of each tick that was ever offered to it.

use std::time::Duration;

use super::naive::Past;
use crate::{
    fanout::{Accounts, FrameTally, GapReason, Mode, Spec, View},
    tick::{FieldSet, Fields, Nanos, ReportKind, TradeReport, WantedFields},
    topic::Stamped,
};

/// The fate of one tick for one subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    Pending,
    Filtered,
    /// Sent in the frame of this index.
    Sent(usize, Kind),
    Discarded,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Delivered,
    Conflated,
    Gapped(GapReason),
}

/// What the next message to a subscription may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Base {
    None,
    /// A snapshot of the record as it is.
    Record,
    /// The whole record with `n`, or a snapshot if a snapshot was pending.
    Again,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Age {
    Exact,
    /// Some ticks were missed, or were sent meanwhile: the reported time may be too early, but not too late.
    Early,
    /// The ring has dropped the oldest.
    Rough,
}

/// One subscription's ledger.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug)]
pub struct Ledger {
    pub symbol: usize,
    pub spec: Spec,
    /// The seq before the first offered one.
    pub start: u64,
    /// The fates of `start + 1` and so on.
    pub fates: Vec<Fate>,
    /// The last seq that a message to the client covered.
    pub cursor: u64,
    pub base: Base,
    pub other_epoch: bool,
    /// It resumed, and nothing was sent yet.
    pub resumed: bool,
    /// A message introduced the symbol.
    pub introduced: bool,
    /// The answer announced that a gap comes next.
    pub gap_promised: bool,
    /// When a message last left nothing pending: its interval starts here.
    pub interval_from: Option<Nanos>,
    /// Something was sent under this interval.
    pub paced: bool,
    /// When a subscription of the session with the same interval last caught up.
    pub group: Option<Nanos>,
    /// Behind, and not waiting for an interval: to be sent with the next frame that has room.
    pub due: bool,
    /// When it became due, in the model's count of batches and commands.
    pub due_since: Option<u64>,
    /// The interval was ended early by `flush_intervals`.
    pub flushed: bool,
    /// How precisely the receive time of its oldest pending tick is known.
    pub age: Age,
    /// When nothing was last pending.
    pub caught_up_at: Nanos,
    pub client: Client,
}

/// What one client knows of one symbol, from messages alone.
#[derive(Clone, Debug, Default)]
pub struct Client {
    pub record: Fields,
    /// It had, or was promised, a whole record as its base.
    pub has_base: bool,
    /// Fields that changed since it started.
    pub touched: FieldSet,
}

// === impl Ledger ===

impl Ledger {
    /// A subscription at a seq, without a claim.
    pub fn new(symbol: usize, spec: &Spec, head: u64, now: Nanos) -> Self {
        let has_base = spec.snapshot || spec.mode == Mode::Once;
        // Mode `every` begins with the first tick, when that is still to come.
        let begins = has_base && (head > 0 || !spec.mode.reads_history());
        Ledger {
            symbol,
            spec: spec.clone(),
            start: head,
            fates: Vec::new(),
            cursor: head,
            base: if begins { Base::Record } else { Base::None },
            other_epoch: false,
            resumed: false,
            introduced: false,
            gap_promised: false,
            interval_from: None,
            paced: false,
            group: None,
            due: false,
            due_since: None,
            flushed: false,
            age: Age::Exact,
            caught_up_at: now,
            client: Client { has_base, touched: FieldSet::NONE, ..Default::default() },
        }
    }

    pub fn fate(&mut self, seq: u64) -> &mut Fate {
        &mut self.fates[(seq - self.start - 1) as usize]
    }

    /// The seqs of the ticks that no message to the client covered.
    pub fn pending(&self) -> impl Iterator<Item = u64> + '_ {
        let seqs = self.fates.iter().zip(self.start + 1..);
        seqs.filter(|(fate, _)| **fate == Fate::Pending).map(|(_, seq)| seq)
    }

    pub fn is_behind(&self, head: u64) -> bool {
        self.pending().next().is_some() || (self.base != Base::None && head > 0)
    }

    pub fn wants(&self, tick: &Stamped) -> bool {
        let names = !tick.fields.all_named().intersect(self.spec.view.wanted).is_empty();
        names || self.report_of(tick).is_some() || self.spec.view.wanted == WantedFields::ALL
    }

    /// The trade report that it must be sent for a tick: a correction whatever its fields, others with fields of a
    /// trade.
    pub fn report_of<'a>(&self, tick: &'a Stamped) -> Option<&'a TradeReport> {
        let View { wanted, reports, .. } = &self.spec.view;
        let has_trade = !wanted.fixed.intersect(FieldSet::LAST_TRADE).is_empty();
        let report = tick.fields.report().map(|report| &**report);
        report.filter(|report| *reports && (report.kind != ReportKind::Trade || has_trade))
    }

    /// Adds a tick; `known` says whether the fan-out can look at it.
    pub fn offer(&mut self, tick: &Stamped, known: bool) {
        let begins = self.base != Base::None && tick.seq == 1;
        let filtered = known && !begins && self.spec.view.wanted != WantedFields::ALL && !self.wants(tick);
        self.fates.push(if filtered { Fate::Filtered } else { Fate::Pending });
        self.client.touched = self.client.touched.union(tick.fields.mask).without(tick.fields.withdrawn());
    }

    /// The earliest time of the next message, if nothing has been pending since `interval_from`.
    pub fn earliest(&self) -> Option<Nanos> {
        self.interval_from.filter(|_| !self.spec.interval.is_zero()).map(|from| from.plus(self.spec.interval))
    }

    /// The time by which it must be due.
    pub fn latest(&self) -> Option<Nanos> {
        let grain = (self.spec.interval / 8).max(Duration::from_millis(1));
        let group = self.group.filter(|_| self.paced);
        let from = self.interval_from.max(group).filter(|_| !self.spec.interval.is_zero());
        from.map(|from| from.plus(self.spec.interval).plus(grain))
    }

    /// Marks it as due once its interval has certainly ended.
    pub fn become_due(&mut self, now: Nanos, stamp: Option<u64>) {
        if !self.due && self.latest().is_none_or(|latest| now >= latest) {
            self.due = true;
            self.due_since = stamp;
        }
    }

    pub fn discard(&mut self) {
        for fate in self.fates.iter_mut().filter(|fate| **fate == Fate::Pending) {
            *fate = Fate::Discarded;
        }
    }

    /// Counts the fates, given whether each frame was accepted (`None` while it is in flight).
    pub fn count(&self, frames: &[Option<bool>], accounts: &mut Accounts) {
        accounts.offered += self.fates.len() as u64;
        for fate in &self.fates {
            match *fate {
                Fate::Pending => accounts.pending += 1,
                Fate::Filtered => accounts.filtered += 1,
                Fate::Discarded => accounts.discarded += 1,
                Fate::Sent(frame, kind) => match (frames[frame], kind) {
                    (None, _) => accounts.pending += 1,
                    (Some(false), _) => accounts.discarded += 1,
                    (Some(true), Kind::Delivered) => accounts.delivered += 1,
                    (Some(true), Kind::Conflated) => accounts.conflated += 1,
                    (Some(true), Kind::Gapped(reason)) => accounts.gapped[reason as usize] += 1,
                },
            }
        }
    }

    pub fn is_every(&self) -> bool {
        self.spec.mode == Mode::Every
    }

    pub fn is_trades(&self) -> bool {
        self.spec.mode == Mode::Trades
    }

    /// Mode `trades`, with nothing due before the next trade.
    pub fn sends_trades(&self) -> bool {
        self.is_trades() && self.base == Base::None
    }

    /// Whether ticks that it misses are reported.
    pub fn reads_history(&self) -> bool {
        self.is_every() || self.is_trades()
    }

    /// Mode `trades`: the oldest pending trade, which must be a message of its own.
    pub fn next_trade(&self, past: &Past) -> Option<u64> {
        self.is_trades().then(|| self.pending().find(|&seq| self.wants_trade(seq, past))).flatten()
    }

    /// Mode `trades`: whether a trade at or after a seq is pending.
    pub fn has_trade_from(&self, from: u64, past: &Past) -> bool {
        self.pending().any(|seq| seq >= from && self.wants_trade(seq, past))
    }

    fn wants_trade(&self, seq: u64, past: &Past) -> bool {
        past.is_tape_event(seq) && self.wants(past.tick(seq))
    }

    /// The oldest pending cancel or correction before a seq that must be a message of its own.
    pub fn due_correction(&self, before: u64, past: &Past) -> Option<u64> {
        let mut due = self.pending().take_while(|&seq| seq < before);
        due.find(|&seq| self.spec.view.reports && past.is_correction(seq))
    }

    /// Estimates the filtered ticks in a correction's message: the split is uncertain if the fields have changed, or
    /// ticks were missed by the shard. The total over all pending ticks is exact.
    pub fn estimate_filtered(&mut self, seq: u64, head: u64, past: &Past) {
        let is_filtered = |fate: &Fate| *fate == Fate::Filtered;
        let open: Vec<u64> = (self.cursor + 1..=head)
            .filter(|&seq| matches!(*self.fate(seq), Fate::Pending | Fate::Filtered))
            .collect();
        let all = open.iter().filter(|&&seq| is_filtered(self.fate(seq))).count();
        let unwanted = (self.cursor + 1..=seq).filter(|&seq| !self.wants(past.tick(seq))).count();
        let before = unwanted.min(all).max(all.saturating_sub((head - seq) as usize));
        let counted = open.iter().filter(|&&at| at <= seq && is_filtered(self.fate(at))).count();
        if before == counted {
            return;
        }
        // Ticks that the current fields want are filtered last.
        for (part, filtered) in [(self.cursor + 1..=seq, before), (seq + 1..=head, all - before)] {
            let mut part: Vec<u64> = part.collect();
            part.sort_by_key(|&seq| self.wants(past.tick(seq)));
            for (index, seq) in part.into_iter().enumerate() {
                *self.fate(seq) = if index < filtered { Fate::Filtered } else { Fate::Pending };
            }
        }
    }
}

impl Kind {
    pub fn count(self, tally: &mut FrameTally) {
        match self {
            Kind::Delivered => tally.delivered += 1,
            Kind::Conflated => tally.conflated += 1,
            Kind::Gapped(reason) => tally.gapped[reason as usize] += 1,
        }
    }
}
