//! One client applies the messages that it is sent.
//!
//! The subscription's ledger checks each message before the client applies it.

use super::{
    law::{Coverage, Held, ensure},
    ledger::{Age, Base, Fate, Kind, Ledger},
    message::{Shown, What, shown_tick},
    naive::{Past, only},
};
use crate::{
    fanout::{FrameTally, GapReason, Mode},
    tick::{Fields, Nanos},
};

/// What the check of a message needs beside the ledger.
pub struct FrameContext<'a> {
    pub past: &'a Past,
    /// The newest seq that the shard has.
    pub head: u64,
    pub ring_ticks: usize,
    pub now: Nanos,
    pub frame: usize,
    pub tally: &'a mut FrameTally,
    pub coverage: &'a mut Coverage,
}

impl Ledger {
    /// Checks one message, records the fate of each of its ticks, and applies it.
    pub fn receive(&mut self, what: &What, context: &mut FrameContext<'_>) -> Held {
        if let Some(earliest) = self.earliest() {
            let now = context.now;
            ensure!(self.flushed || now >= earliest, TooSoon, "{what:?} at {now:?}, not before {earliest:?}");
            context.coverage.hit("message after an interval");
        }
        ensure!(!self.gap_promised || matches!(what, What::Gap(..)), Gaps, "promised a gap, got {what:?}");
        match what {
            What::Snapshot(shown) => self.receive_snapshot(shown, context)?,
            What::Merged(shown, n) => self.receive_merged(shown, *n, context)?,
            What::Tick(shown, n) => self.receive_tick(shown, *n, context)?,
            &What::Gap(from, to, reason) => self.receive_gap(from, to, reason, context)?,
        }
        self.gap_promised = false;
        self.resumed &= matches!(what, What::Gap(..));
        if self.pending().next().is_none() {
            self.caught_up_at = context.now;
        }
        if self.is_behind(context.head) {
            self.interval_from = None;
        } else {
            self.interval_from = Some(context.now);
            self.paced = true;
            (self.due, self.due_since, self.flushed, self.age) = (false, None, false, Age::Exact);
        }
        Ok(())
    }

    fn receive_snapshot(&mut self, shown: &Shown, context: &mut FrameContext<'_>) -> Held {
        let record = context.past.record(shown.seq);
        // It replaces what the client knows: nothing has to be withdrawn.
        Self::check_record(
            shown,
            only(&record, self.spec.view.wanted.fixed.intersect(record.mask)),
            context,
        )?;
        let seq = shown.seq;
        match self.base {
            Base::None => ensure!(false, Seqs, "a snapshot that nobody asked for: {shown:?}"),
            Base::Record => {
                ensure!(!self.other_epoch, Gaps, "no gap before a snapshot of another epoch");
                ensure!(seq == context.head, LatestWins, "snapshot of {seq}, the head is {}", context.head);
                self.record_merged(seq, context);
            }
            Base::Again => {
                ensure!(seq == self.cursor, Seqs, "snapshot of {seq} after {}", self.cursor);
                context.coverage.hit("snapshot after set");
            }
        }
        self.base = Base::None;
        self.cursor = seq;
        self.client.record = shown.fields.clone();
        self.client.has_base = true;
        Ok(())
    }

    fn receive_merged(&mut self, shown: &Shown, n: u64, context: &mut FrameContext<'_>) -> Held {
        let seq = shown.seq;
        ensure!(seq == context.head, LatestWins, "a record of {seq}, the head is {}", context.head);
        ensure!(n > 0 && seq == self.cursor + n, Seqs, "{seq} after {} with n {n}", self.cursor);
        let record = context.past.record(seq);
        let mut named = self.spec.view.wanted.fixed;
        match (self.base, self.spec.mode) {
            (Base::None, Mode::Latest) => {
                ensure!(self.pending().next().is_some(), Accounts, "{seq}: nothing was pending");
                named = named.intersect(context.past.changed(self.cursor, seq));
                context.coverage.hit_if(n > 1, "conflated");
                context.coverage.hit_if(
                    !record.named().intersect(self.spec.view.wanted.fixed).without(named).is_empty(),
                    "some fields of a record have changed",
                );
                context.coverage.hit_if(named.is_empty(), "no wanted field has changed");
            }
            (Base::Again, _) => {
                context.coverage.hit("whole record after set");
                self.client.has_base = true;
            }
            (base, mode) => ensure!(false, EveryTick, "merged in mode {mode:?}, base {base:?}: {shown:?}"),
        }
        Self::check_record(shown, only(&record, named), context)?;
        self.record_merged(seq, context);
        if self.spec.mode != Mode::Once {
            self.base = Base::None;
        }
        self.cursor = seq;
        self.client.record.merge(&shown.fields);
        Ok(())
    }

    fn receive_tick(&mut self, shown: &Shown, n: u64, context: &mut FrameContext<'_>) -> Held {
        let seq = shown.seq;
        ensure!(self.base == Base::None, Seqs, "a change where a base is due: {shown:?}");
        ensure!(self.spec.mode != Mode::Once, Seqs, "a change in mode once");
        ensure!(n > 0 && seq == self.cursor + n, Seqs, "{seq} after {} with n {n}", self.cursor);
        ensure!(seq <= context.head, Truth, "tick {seq} before the shard has it");
        let tick = context.past.tick(seq);
        let expected = shown_tick(tick, self.spec.view.wanted.fixed);
        ensure!(*shown == expected, Truth, "shown {shown:?}, was {expected:?}");
        if self.spec.mode == Mode::Latest {
            ensure!(
                seq == context.head && n == 1,
                LatestWins,
                "tick {seq} with n {n}, head {}",
                context.head
            );
        } else {
            let between = (self.cursor + 1..seq).map(|seq| (seq, *self.fate(seq)));
            let merged: Vec<_> = between.filter(|(_, fate)| *fate != Fate::Filtered).collect();
            ensure!(merged.is_empty(), EveryTick, "tick {seq} passes over {merged:?}");
            context.coverage.hit_if(n > 1, "passes over ticks without a wanted field");
            context
                .coverage
                .hit_if(n as usize > context.ring_ticks, "passes over more ticks than the ring holds");
        }
        context.coverage.hit_if(seq == 1 && self.is_every(), "mode every from the first tick on");
        self.record_fate(seq, Kind::Delivered, context)?;
        self.cursor = seq;
        self.client.record.merge(&shown.fields);
        Ok(())
    }

    fn receive_gap(&mut self, from: u64, to: u64, reason: GapReason, context: &mut FrameContext<'_>) -> Held {
        ensure!(from == self.cursor + 1, Gaps, "gap from {from} after {}", self.cursor);
        ensure!(to == context.head && to >= from, Gaps, "gap to {to}, the head is {}", context.head);
        let expected = match (self.other_epoch, self.resumed) {
            (true, _) => GapReason::Epoch,
            (_, true) => GapReason::Resume,
            _ => GapReason::Slow,
        };
        ensure!(reason == expected, Gaps, "the reason is {reason:?} and not {expected:?}");
        if reason != GapReason::Epoch {
            ensure!(self.is_every(), Gaps, "a gap in mode {:?}", self.spec.mode);
            let oldest = context.past.oldest_in_ring(context.ring_ticks);
            let first = self.pending().next();
            ensure!(
                first.is_some_and(|first| first < oldest),
                Gaps,
                "a gap, and the ring still has {first:?} (its oldest is {oldest})"
            );
        }
        context.coverage.hit(match reason {
            GapReason::Slow => "gap: slow",
            GapReason::Resume => "gap: resume",
            GapReason::Epoch => "gap: epoch",
        });
        for seq in self.pending().collect::<Vec<_>>() {
            self.record_fate(seq, Kind::Gapped(reason), context)?;
        }
        self.other_epoch = false;
        self.base = Base::Record;
        self.cursor = to;
        Ok(())
    }

    fn check_record(shown: &Shown, fields: Fields, context: &FrameContext<'_>) -> Held {
        let seq = shown.seq;
        ensure!(seq > 0 && seq <= context.head, Truth, "a record of {seq}, the head is {}", context.head);
        let tick = context.past.tick(seq);
        let expected = Shown { seq, ts: tick.ts, rx: tick.rx, fields };
        ensure!(*shown == expected, Truth, "shown {shown:?}, was {expected:?}");
        Ok(())
    }

    /// The newest pending tick is delivered, the others are conflated into it.
    fn record_merged(&mut self, seq: u64, context: &mut FrameContext<'_>) {
        let pending: Vec<u64> = self.pending().take_while(|&pending| pending <= seq).collect();
        for (index, seq) in pending.iter().rev().enumerate() {
            let kind = if index == 0 { Kind::Delivered } else { Kind::Conflated };
            *self.fate(*seq) = Fate::Sent(context.frame, kind);
            kind.count(context.tally);
        }
    }

    fn record_fate(&mut self, seq: u64, kind: Kind, context: &mut FrameContext<'_>) -> Held {
        let fate = self.fate(seq);
        ensure!(*fate == Fate::Pending, EveryTick, "tick {seq} is {kind:?} and was {fate:?}");
        *fate = Fate::Sent(context.frame, kind);
        kind.count(context.tally);
        Ok(())
    }
}
