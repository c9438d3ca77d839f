//! A socket takes a frame: checks its content, its order, and what must be absent.

use super::{
    client::FrameContext,
    law::{Held, ensure},
    ledger::{Base, Ledger},
    message::{Message, Recorder, What},
    ops::{NAMES, SYMBOLS, Slot},
    world::{Flight, World},
};
use crate::fanout::{FrameTally, Mode, Name};

impl World {
    /// Fills a frame for a session and checks it.
    pub fn fill(&mut self, client: usize, room: usize) -> Held {
        let Some(entry) = self.clients[client].as_mut() else { return Ok(()) };
        let key = entry.key;
        let owed = entry.ledgers.values().any(|ledger| ledger.due);
        // Every second session has another encoding.
        let encoding = u8::from(client % 2 == 1);
        let mut recorder = Recorder::new(encoding, room, std::mem::take(&mut self.kept_frames));
        let reads = self.store.reads.get();
        let tally = self.fanout.fill(key, self.now, &self.store, &mut recorder);
        entry.named &= !self.fanout.is_drained(key);
        self.coverage.hit_if(self.store.reads.get() > reads, "ticks out of the ring");
        self.coverage.hit_if(recorder.repeated, "one frame for two");
        let leaves = recorder.repeated && !self.fanout.is_drained(key);
        self.coverage.hit_if(leaves, "one frame for two, and more to come");
        self.kept_frames = recorder.take_kept();
        self.sabotage.spoil_frame(&mut recorder.messages);
        let tally = self.sabotage.tamper_tally(tally);
        let messages = recorder.messages;
        self.record_line(|| format!("{key:?} {messages:?} {tally:?}"));
        ensure!(!owed || !messages.is_empty(), Progress, "session {client} is due, and its frame is empty");
        let frame = self.frames.len();
        let mut counted = FrameTally::default();
        self.check_frame(client, &messages, frame, room, &mut counted)?;
        ensure!(tally == counted, Accounts, "the frame's tally is {tally:?} and not {counted:?}");
        if messages.len() < room {
            self.check_nothing_left(client)?;
        } else {
            self.coverage.hit("frame is full");
        }
        self.note_order(client);
        if !messages.is_empty() {
            self.frames.push(None);
            self.flights.push(Flight { frame, client, tally });
            self.coverage.hit_if(self.flights.len() > 1, "several frames under way");
        }
        Ok(())
    }

    fn check_frame(
        &mut self,
        client: usize,
        messages: &[Message],
        frame: usize,
        room: usize,
        counted: &mut FrameTally,
    ) -> Held {
        let mut lost: Option<(Slot, u64)> = None;
        let mut of_every_queue: Vec<Slot> = Vec::new();
        let mut every_queue_had_turn = false;
        let mut run = (None, 0);
        for (index, message) in messages.iter().enumerate() {
            let slot = slot_of(message).filter(|&slot| self.holds(client, slot));
            let Some(slot) = slot else {
                ensure!(false, Isolation, "session {client} did not ask for {message:?}");
                return Ok(());
            };
            if let Some((before, to)) = lost.take() {
                let follows = matches!(&message.what, What::Snapshot(shown) if shown.seq >= to);
                ensure!(slot == before && follows, Gaps, "after the gap to {to}: {message:?}");
            }
            if let What::Gap(_, to, _) = message.what {
                lost = Some((slot, to));
            }
            self.sent.extend(self.keeps_sent.then(|| message.to_string()));
            self.check_numbers(client, slot, message)?;
            self.check_turn(client, slot)?;
            self.check_every_queue_turn(client, slot)?;
            self.check_order(client, slot, message)?;
            self.check_message(client, slot, message, frame, counted)?;
            self.end_run(client, slot, message, &mut run, index + 1 < room);
            if let Some(entry) = self.clients[client].as_mut() {
                entry.overtaken.retain(|&(served, _)| served != slot);
            }
            if self.is_every(client, slot) {
                every_queue_had_turn = true;
                of_every_queue.extend(matches!(message.what, What::Tick(..)).then_some(slot));
            }
            self.end_once(client, slot, message);
        }
        ensure!(lost.is_none(), Gaps, "no snapshot after a gap");
        self.note_overtaken(client, every_queue_had_turn);
        of_every_queue.dedup();
        self.coverage.hit_if(of_every_queue.len() > 1, "ticks of several symbols in turn");
        Ok(())
    }

    fn check_message(
        &mut self,
        client: usize,
        slot: Slot,
        message: &Message,
        frame: usize,
        counted: &mut FrameTally,
    ) -> Held {
        let head = self.views[slot.which].head;
        let local = self.fanout.by_symbol.get(&message.symbol).copied();
        let topic = local.and_then(|local| self.fanout.topics.get(local as usize));
        let mut context = FrameContext {
            past: &self.past[slot.which],
            head,
            tape_events_from: topic.map_or(0, |topic| topic.tape_events.floor()),
            ring_ticks: self.ring_ticks,
            now: self.now,
            frame,
            tally: counted,
            coverage: &mut self.coverage,
        };
        let Some(entry) = self.clients[client].as_mut() else { return Ok(()) };
        let Some(ledger) = entry.ledgers.get_mut(&slot) else { return Ok(()) };
        let is_trade = matches!(message.what, What::TapeEvent(..)) && ledger.sends_trades();
        ledger.receive(&message.what, &mut context)?;
        ensure!(
            ledger.introduced || message.introduces,
            Introduces,
            "the first message does not introduce its symbol: {message}"
        );
        ensure!(
            topic.is_none_or(|topic| topic.market == Some(message.number)),
            Introduces,
            "{message} has the number {:?}",
            message.number
        );
        context.coverage.hit_if(ledger.introduced && message.introduces, "introduced again");
        ledger.introduced = true;
        // A trade restarts only its own subscription's interval.
        if ledger.interval_from == Some(self.now) && !ledger.spec.interval.is_zero() && !is_trade {
            let interval = ledger.spec.interval;
            entry.keep_time(interval, self.now);
        }
        Ok(())
    }

    /// Mode `trades`: after a run of trades, or when the frame is full, a subscription with more to send goes to the
    /// end of the queue.
    fn end_run(
        &mut self,
        client: usize,
        slot: Slot,
        message: &Message,
        run: &mut (Option<Slot>, usize),
        has_room: bool,
    ) {
        if !matches!(message.what, What::TapeEvent(..)) {
            return;
        }
        *run = if run.0 == Some(slot) { (run.0, run.1 + 1) } else { (Some(slot), 1) };
        let Some(ledger) = self.clients[client].as_mut().and_then(|entry| entry.ledgers.get_mut(&slot))
        else {
            return;
        };
        // Corrections before the whole record keep their turn.
        if !ledger.sends_trades() {
            return;
        }
        let has_more = ledger.next_trade(&self.past[slot.which]).is_some();
        let ends = run.1 == self.fanout.bounds.tape_events_at_once && has_more;
        if ledger.due && (ends || !has_room) {
            self.stamp += 1;
            ledger.due_since = Some(self.stamp);
            run.1 = 0;
            self.coverage.hit_if(ends && has_room, "a run of trades ends");
        }
    }

    fn check_numbers(&self, client: usize, slot: Slot, message: &Message) -> Held {
        let Some(entry) = &self.clients[client] else { return Ok(()) };
        let numbers = entry.ledgers[&slot].spec.view.numbers;
        ensure!(message.numbers == numbers, Truth, "{message} has {:?}s, not {numbers:?}s", message.numbers);
        Ok(())
    }

    fn is_every(&self, client: usize, slot: Slot) -> bool {
        let ledger = self.clients[client].as_ref().and_then(|entry| entry.ledgers.get(&slot));
        ledger.is_some_and(Ledger::is_every)
    }

    /// Mode `once` ends with its snapshot.
    fn end_once(&mut self, client: usize, slot: Slot, message: &Message) {
        let ledger = self.clients[client].as_ref().and_then(|entry| entry.ledgers.get(&slot));
        let over = ledger.is_some_and(|ledger| ledger.spec.mode == Mode::Once && ledger.base == Base::None);
        if over && matches!(message.what, What::Snapshot(_)) {
            self.coverage.hit("once is over");
            self.end(client, slot);
        }
    }

    /// No subscription that was due earlier may wait while this one is served. (The every-mode queue counts as one
    /// entry.)
    fn check_turn(&self, client: usize, slot: Slot) -> Held {
        let Some(entry) = &self.clients[client] else { return Ok(()) };
        let in_list = |slot: &Slot| !entry.ledgers[slot].is_every();
        let Some(since) = entry.ledgers[&slot].due_since.filter(|_| in_list(&slot)) else { return Ok(()) };
        for (other, ledger) in entry.ledgers.iter().filter(|(other, _)| in_list(other)) {
            let longer = ledger.due && ledger.due_since.is_some_and(|longer| longer < since);
            ensure!(!longer, Fairness, "{} is served before {}", SYMBOLS[slot.which], SYMBOLS[other.which]);
        }
        Ok(())
    }

    /// After its turn the every-mode queue goes to the end of the send queue: subscriptions that waited during that
    /// turn are served before its next one.
    fn check_every_queue_turn(&self, client: usize, slot: Slot) -> Held {
        let Some(entry) = self.clients[client].as_ref().filter(|entry| entry.ledgers[&slot].is_every())
        else {
            return Ok(());
        };
        for &(other, since) in &entry.overtaken {
            let waits =
                entry.ledgers.get(&other).is_some_and(|l| l.due && !l.is_every() && l.due_since == since);
            ensure!(
                !waits,
                Fairness,
                "the every-mode queue has a second turn before {}",
                SYMBOLS[other.which]
            );
        }
        Ok(())
    }

    fn note_overtaken(&mut self, client: usize, every_queue_had_turn: bool) {
        let Some(entry) = self.clients[client].as_mut().filter(|_| every_queue_had_turn) else { return };
        let waiting = entry.ledgers.iter().filter(|(_, ledger)| ledger.due && !ledger.is_every());
        entry.overtaken = waiting.map(|(&slot, ledger)| (slot, ledger.due_since)).collect();
        self.coverage.hit_if(!entry.overtaken.is_empty(), "the every-mode queue goes first");
    }

    fn check_order(&mut self, client: usize, slot: Slot, message: &Message) -> Held {
        let What::Tick(shown, _) = &message.what else { return Ok(()) };
        let Some(entry) = self.clients[client].as_mut() else { return Ok(()) };
        let ledger = &entry.ledgers[&slot];
        let past = &self.past[slot.which];
        if !ledger.is_every()
            || !ledger.spec.interval.is_zero()
            || !entry.in_order.get()
            || shown.seq > past.head()
        {
            return Ok(());
        }
        let order = past.tick(shown.seq).order;
        let (last, last_slot) = entry.last_order;
        // Several subscriptions may be sent the same tick.
        let follows = order > last || (order == last && last_slot != Some(slot));
        ensure!(follows, IngestOrder, "tick {order} after {last}");
        self.coverage.hit_if(last > 0, "held to the order of arrival");
        entry.last_order = (order, Some(slot));
        Ok(())
    }

    /// A frame with room left may leave only what waits for an interval.
    fn check_nothing_left(&self, client: usize) -> Held {
        let Some(entry) = &self.clients[client] else { return Ok(()) };
        for (slot, ledger) in &entry.ledgers {
            let late = ledger.due && ledger.is_behind(self.views[slot.which].head);
            if late && ledger.latest().is_some() {
                ensure!(
                    false,
                    TooLate,
                    "{} was due by {:?}, now {:?}",
                    SYMBOLS[slot.which],
                    ledger.latest(),
                    self.now
                );
            }
            ensure!(!late, Progress, "{} is due, and the frame has room left", SYMBOLS[slot.which]);
        }
        ensure!(
            self.fanout.is_drained(entry.key),
            Progress,
            "the frame has room left, and the session is not drained"
        );
        Ok(())
    }
}

/// The subscription of a message; `None` when no subscription can have caused it.
fn slot_of(message: &Message) -> Option<Slot> {
    let name = message.name.as_ref().map(Name::as_str);
    Some(Slot {
        which: SYMBOLS.iter().position(|known| *known == message.symbol.as_str())?,
        name: NAMES.iter().position(|known| *known == name)?,
    })
}
