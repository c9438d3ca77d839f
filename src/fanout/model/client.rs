//! One client of the model: applies the messages that it is sent.
//!
//! The subscription's ledger checks each message before the client applies it.

use super::{
    law::{Coverage, Held, ensure},
    ledger::{Age, Base, Fate, Kind, Ledger},
    message::{Shown, What},
    naive::{Past, only, set_in},
};
use crate::{
    fanout::{FrameTally, GapReason, Mode},
    tick::{FieldSet, Fields, Nanos, TradeReport},
};

/// The inputs of a message's checks besides the ledger.
pub struct FrameContext<'a> {
    pub past: &'a Past,
    /// The newest seq that the shard has.
    pub head: u64,
    /// The fan-out keeps the records at all trades after this seq.
    pub tape_events_from: u64,
    pub ring_ticks: usize,
    pub now: Nanos,
    pub frame: usize,
    pub tally: &'a mut FrameTally,
    pub coverage: &'a mut Coverage,
}

impl Ledger {
    /// Checks one message, records the fate of each of its ticks, and applies it.
    pub fn receive(&mut self, what: &What, context: &mut FrameContext<'_>) -> Held {
        let is_trade = matches!(what, What::TapeEvent(..)) && self.sends_trades();
        if let Some(earliest) = self.earliest().filter(|_| !is_trade) {
            let now = context.now;
            ensure!(self.flushed || now >= earliest, TooSoon, "{what:?} at {now:?}, not before {earliest:?}");
            context.coverage.hit("message after an interval");
        }
        ensure!(!self.gap_promised || matches!(what, What::Gap(..)), Gaps, "promised a gap, got {what:?}");
        match what {
            What::Snapshot(shown) => self.receive_snapshot(shown, context)?,
            What::Merged(shown, n) => self.receive_merged(shown, *n, context)?,
            What::Tick(shown, n) => self.receive_tick(shown, *n, context)?,
            What::TapeEvent(shown, n) => self.receive_tape_event(shown, *n, context)?,
            &What::Gap(from, to, reason) => self.receive_gap(from, to, reason, context)?,
        }
        self.gap_promised = false;
        self.resumed &= matches!(what, What::Gap(..));
        if self.pending().next().is_none() {
            self.caught_up_at = context.now;
        }
        let is_behind = self.is_behind(context.head);
        let has_trades = self.next_trade(context.past).is_some();
        let quotes_wait = is_trade && !has_trades && !self.spec.interval.is_zero();
        if is_behind && !quotes_wait {
            self.interval_from = None;
            return Ok(());
        }
        context.coverage.hit_if(is_behind, "quotes behind a trade wait");
        self.interval_from = Some(context.now);
        self.paced = true;
        (self.due, self.due_since, self.flushed) = (false, None, false);
        if !is_behind {
            self.age = Age::Exact;
        }
        Ok(())
    }

    fn receive_snapshot(&mut self, shown: &Shown, context: &mut FrameContext<'_>) -> Held {
        let record = context.past.record(shown.seq);
        // A snapshot replaces what the client knows, so nothing has to be withdrawn.
        let fields = only(&record, self.spec.view.wanted.intersect(set_in(&record)));
        ensure!(shown.report.is_none(), Truth, "a snapshot that says something of a trade: {shown:?}");
        Self::check_record(shown, fields, None, context)?;
        let seq = shown.seq;
        match self.base {
            Base::None => ensure!(false, Seqs, "a snapshot that nobody asked for: {shown:?}"),
            Base::Record => {
                ensure!(!self.other_epoch, Gaps, "no gap before a snapshot of another epoch");
                if self.waits_for_first() && self.spec.mode != Mode::Once {
                    self.check_correction(seq, context)?;
                }
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
        self.check_correction(seq, context)?;
        let record = context.past.record(seq);
        let mut named = self.spec.view.wanted;
        match (self.base, self.spec.mode) {
            (Base::None, Mode::Latest | Mode::Trades) => {
                let trade = self.next_trade(context.past);
                ensure!(trade.is_none(), EveryTrade, "{seq} with n {n} merges the trade {trade:?}");
                ensure!(self.pending().next().is_some(), Accounts, "{seq}: nothing was pending");
                named = named.intersect(context.past.all_changed(self.cursor, seq));
                context.coverage.hit_if(n > 1, "conflated");
                context.coverage.hit_if(
                    !record.named().intersect(self.spec.view.wanted.fixed).without(named.fixed).is_empty(),
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
        let report = self.report_of(context.past.tick(seq)).cloned();
        Self::check_record(shown, only(&record, named), report, context)?;
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
        let report = self.report_of(tick).cloned();
        let fields = only(&tick.fields, self.spec.view.wanted);
        let expected = Shown { seq, ts: tick.ts, rx: tick.rx, fields, report };
        ensure!(*shown == expected, Truth, "shown {shown:?}, was {expected:?}");
        if self.is_every() {
            let between = (self.cursor + 1..seq).map(|seq| (seq, *self.fate(seq)));
            let merged: Vec<_> = between.filter(|(_, fate)| *fate != Fate::Filtered).collect();
            ensure!(merged.is_empty(), EveryTick, "tick {seq} passes over {merged:?}");
            context.coverage.hit_if(n > 1, "passes over ticks without a wanted field");
            context
                .coverage
                .hit_if(n as usize > context.ring_ticks, "passes over more ticks than the ring holds");
        } else {
            ensure!(self.next_trade(context.past).is_none(), EveryTrade, "{seq} is sent as any other tick");
            ensure!(
                seq == context.head && n == 1,
                LatestWins,
                "tick {seq} with n {n}, head {}",
                context.head
            );
        }
        context.coverage.hit_if(seq == 1 && self.is_every(), "mode every from the first tick on");
        self.record_fate(seq, Kind::Delivered, context)?;
        self.cursor = seq;
        self.client.record.merge(&shown.fields);
        Ok(())
    }

    /// Checks the next trade's message: all changes since the last message, and the quote. In conflating modes, the
    /// next cancel or correction, without the quote.
    fn receive_tape_event(&mut self, shown: &Shown, n: u64, context: &mut FrameContext<'_>) -> Held {
        let (seq, past) = (shown.seq, context.past);
        ensure!(n > 0 && seq == self.cursor + n, Seqs, "{seq} after {} with n {n}", self.cursor);
        ensure!(seq <= context.head, Truth, "{seq} before the shard has it");
        let is_trade = self.sends_trades();
        if is_trade {
            let next = self.next_trade(past);
            ensure!(next == Some(seq), EveryTrade, "{seq} is sent, the next trade is {next:?}");
        } else {
            let begins = self.waits_for_first() && self.spec.mode != Mode::Once;
            let merges = begins || self.base == Base::Again || self.spec.mode == Mode::Latest;
            ensure!(merges && past.is_correction(seq), Seqs, "a trade that was not asked for: {shown:?}");
            ensure!(self.base != Base::Record || begins, Seqs, "a change where a base is due: {shown:?}");
            self.check_correction(seq, context)?;
            self.estimate_filtered(seq, context.head, past);
        }
        self.check_tape_event(shown, is_trade, context)?;
        if !is_trade {
            context.coverage.hit("a correction by itself");
            context.coverage.hit_if(n > 1, "a correction stands for the ticks before it");
            let again = self.base == Base::Again;
            context.coverage.hit_if(again, "a correction before the whole record");
            context.coverage.hit_if(again && self.is_trades(), "a correction after set to trades");
            context.coverage.hit_if(self.base == Base::Record, "a correction begins a subscription");
        }
        self.record_merged(seq, context);
        if self.base == Base::Record {
            self.base = Base::None;
        }
        self.cursor = seq;
        self.client.record.merge(&shown.fields);
        Ok(())
    }

    /// Checks the fields of a tape event: all changes, and the provable part of the quote.
    fn check_tape_event(&self, shown: &Shown, is_trade: bool, context: &mut FrameContext<'_>) -> Held {
        let (seq, past) = (shown.seq, context.past);
        let named = shown.fields.named();
        let report = self.report_of(past.tick(seq)).cloned();
        Self::check_record(shown, only(&past.record(seq), shown.fields.all_named()), report, context)?;
        let configured = past.all_changed(self.cursor, seq).intersect(self.spec.view.wanted).custom;
        ensure!(
            shown.fields.all_named().custom == configured,
            EveryTrade,
            "{seq} names other configured fields than have changed: {shown:?}"
        );
        let wanted = self.spec.view.wanted.fixed;
        let must = past.changed(self.cursor, seq).intersect(wanted);
        ensure!(named.contains_all(must), EveryTrade, "{seq} names {named:?}, changed is {must:?}");
        // For a trade that is no longer kept, the part of the quote that the ring cannot prove is omitted.
        let is_kept = seq > context.tape_events_from;
        let oldest = past.oldest_in_ring(context.ring_ticks);
        let proven = past
            .changed((oldest - 1).min(seq), seq)
            .union(FieldSet::ALL.without(past.changed(seq, context.head)));
        let has = past.record(seq).mask.intersect(FieldSet::QUOTE).intersect(wanted);
        let has = if is_trade { has } else { FieldSet::NONE };
        let quote = if is_kept { has } else { has.intersect(proven) };
        ensure!(named.contains_all(quote), EveryTrade, "{seq} names {named:?}, the quote is {quote:?}");
        let most = must.union(has);
        ensure!(
            most.contains_all(named),
            EveryTrade,
            "{seq} names {named:?}, of which only {most:?} belong there"
        );
        if is_trade {
            context.coverage.hit("a trade with its quote");
            context.coverage.hit_if(seq > self.cursor + 1, "a trade carries quotes");
            context.coverage.hit_if(!is_kept, "a trade out of the ring");
            context.coverage.hit_if(!named.contains_all(has), "a quote that nothing proves");
            context.coverage.hit_if(past.is_correction(seq), "a correction among trades");
        }
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
            let hides = (from..=to).any(|seq| context.past.is_correction(seq));
            ensure!(self.reads_history() || hides, Gaps, "a gap in mode {:?}", self.spec.mode);
            context.coverage.hit_if(self.is_trades(), "a gap in mode trades");
            context.coverage.hit_if(!self.reads_history(), "a gap for a correction");
            let oldest = context.past.oldest_in_ring(context.ring_ticks);
            let reads_all = self.reads_history() && self.base == Base::None;
            let first = if reads_all { self.pending().next() } else { Some(from) };
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

    fn check_record(
        shown: &Shown,
        fields: Fields,
        report: Option<TradeReport>,
        context: &FrameContext<'_>,
    ) -> Held {
        let seq = shown.seq;
        ensure!(seq > 0 && seq <= context.head, Truth, "a record of {seq}, the head is {}", context.head);
        let tick = context.past.tick(seq);
        let expected = Shown { seq, ts: tick.ts, rx: tick.rx, fields, report };
        ensure!(*shown == expected, Truth, "shown {shown:?}, was {expected:?}");
        Ok(())
    }

    /// Whether it has waited since before the first tick, without a claim.
    pub fn waits_for_first(&self) -> bool {
        let is_first = self.cursor == 0 && self.start == 0 && !self.other_epoch && !self.resumed;
        self.base == Base::Record && is_first
    }

    /// Checks that a message up to `seq` does not conflate a cancel or correction with later ticks.
    fn check_correction(&self, seq: u64, context: &mut FrameContext<'_>) -> Held {
        let due = self.due_correction(seq, context.past);
        ensure!(due.is_none(), EveryCorrection, "{seq} merges the correction {due:?} after {}", self.cursor);
        Ok(())
    }

    /// Records the newest pending tick as delivered, and the others as conflated into it.
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
