//! Operations of feeds and sockets, and opening and closing sessions. Commands are in `commands.rs`, the shard's in
//! `shard.rs`.

use std::{cell::Cell, collections::BTreeMap};

use super::{
    law::{Held, ensure},
    ops::{Given, SYMBOLS, Slot},
    world::{ModelClient, World, symbol},
};
use crate::{
    tick::{Field, FieldSet, Fields, Nanos, Tick},
    topic::{Detail, FeedId, Stamped, TopicId},
};

impl World {
    pub fn ingest(&mut self, ticks: &[(usize, Given)], detail: Detail) -> Held {
        for feed in 0..2 {
            let of_feed = |&&(which, _): &&(usize, Given)| which % 2 == feed && !self.feed_ended[feed];
            let mine = ticks.iter().filter(of_feed).map(|(which, given)| (*which, given.0.clone()));
            let mine: Vec<(usize, Fields)> = mine.collect();
            let as_tick = |(which, fields): &(usize, Fields)| Tick {
                symbol: symbol(*which),
                ts: Some(Nanos(self.now.0 - 5)),
                fields: fields.clone(),
            };
            let mut given: Vec<Tick> = mine.iter().map(as_tick).collect();
            let mut refused = Vec::new();
            let market = &mut self.store.market;
            let mut batch = market.ingest(
                FeedId(feed as u16),
                &mut given,
                self.now,
                &mut refused,
                Detail::TicksAndTrades,
            );
            // Only corrections of unknown trades may be refused.
            let is_known = |&(at, _): &(usize, &(usize, Fields))| refused.iter().all(|one| one.index != at);
            let mine: Vec<(usize, Fields)> =
                mine.iter().enumerate().filter(is_known).map(|(_, tick)| tick.clone()).collect();
            let reasons = refused.iter().all(|one| format!("{:?}", one.reason) == "UnknownTrade");
            ensure!(reasons, Totals, "the market refuses {refused:?}");
            for new_topic in &batch.new_topics {
                let which = SYMBOLS.iter().position(|name| *name == new_topic.symbol.as_str());
                self.new_topics.extend(which);
            }
            ensure!(batch.ticks.len() == mine.len(), Totals, "{} of {} ticks", batch.ticks.len(), mine.len());
            for (stamped, (which, fields)) in batch.ticks.iter().zip(&mine) {
                self.check_stamped(*which, fields, stamped)?;
            }
            batch.detail = detail;
            if !detail.has_ticks() {
                batch.ticks.clear();
            }
            if !detail.has_trades() {
                batch.tape_events.clear();
            }
            if !batch.is_empty() {
                self.batches.push_back(batch);
            }
        }
        self.check_market()
    }

    /// A stamped tick has exactly the given fields and the totals that it changed.
    fn check_stamped(&mut self, which: usize, given: &Fields, stamped: &Stamped) -> Held {
        let past = &mut self.past[which];
        let before = past.record(past.head());
        past.take(given, stamped);
        let after = past.record(past.head());
        ensure!(stamped.seq == past.head(), Totals, "seq {} of {} ticks", stamped.seq, past.head());
        let (had, mut merged) = (before.mask, before);
        merged.merge(&stamped.fields);
        ensure!(merged == after, Totals, "tick {stamped:?} makes {merged:?}, the trades {after:?}");
        if past.is_told() {
            return Ok(());
        }
        let is_trade = given.mask.contains_all(FieldSet::TRADE);
        // A trade without an id does not keep the previous trade's.
        let unnamed = is_trade && had.contains(Field::TradeId) && !given.named().contains(Field::TradeId);
        let also = if unnamed { Field::TradeId.bit() } else { FieldSet::NONE };
        let withdrawn = (stamped.fields.withdrawn(), given.withdrawn().union(also));
        ensure!(
            withdrawn.0 == withdrawn.1,
            Totals,
            "the tick withdraws {:?}, was given {:?}",
            withdrawn.0,
            withdrawn.1
        );
        for field in stamped.fields.mask.iter().filter(|&field| !given.mask.contains(field)) {
            let moved = FieldSet::TRADE.union(field.bit());
            ensure!(is_trade, Totals, "{field:?} of {moved:?} changed without a trade");
        }
        Ok(())
    }

    fn check_market(&self) -> Held {
        for (id, &which) in self.new_topics.iter().enumerate() {
            let image = self.store.market.image(TopicId(id as u32));
            let past = &self.past[which];
            let expected = past.record(past.head());
            let record = image.record;
            ensure!(
                record.seq == past.head() && record.fields == expected,
                Totals,
                "the record is {record:?}, the sums are {expected:?}"
            );
        }
        Ok(())
    }

    pub fn open(&mut self) {
        let Some(client) = self.clients.iter().position(Option::is_none) else { return };
        self.clients[client] = Some(ModelClient {
            key: self.fanout.open(),
            ledgers: BTreeMap::new(),
            groups: BTreeMap::new(),
            globs: Vec::new(),
            named: false,
            in_order: Cell::new(true),
            last_order: (0, None),
            overtaken: Vec::new(),
        });
    }

    pub fn make_ready(&mut self, client: usize) -> Held {
        let Some(entry) = self.clients[client].as_ref() else { return Ok(()) };
        self.fanout.make_ready(entry.key);
        ensure!(self.fanout.has_ready(), Progress, "{client} was made ready, and nobody is");
        Ok(())
    }

    pub fn shrink(&mut self, client: usize) {
        if let Some(entry) = &self.clients[client] {
            self.fanout.shrink(entry.key, self.now);
        }
    }

    pub fn accept(&mut self, at: usize) {
        if self.flights.is_empty() {
            return;
        }
        let flight = self.flights.remove(at % self.flights.len());
        let tally = self.sabotage.tamper_recorded(flight.tally);
        self.fanout.accepted(&tally);
        self.frames[flight.frame] = Some(true);
    }

    pub fn abandon(&mut self, at: usize) {
        if let Some(client) = self.flights.get(at % self.flights.len().max(1)).map(|flight| flight.client) {
            self.coverage.hit("frame abandoned");
            self.close(client);
        }
    }

    pub fn close(&mut self, client: usize) {
        let Some(entry) = self.clients[client].as_ref() else { return };
        let key = entry.key;
        while let Some(at) = self.flights.iter().position(|flight| flight.client == client) {
            let flight = self.flights.remove(at);
            self.fanout.abandoned(&flight.tally);
            self.frames[flight.frame] = Some(false);
        }
        self.fanout.close(key);
        self.end_all(client);
        self.clients[client] = None;
    }

    pub fn clear(&mut self, client: usize) {
        let Some(entry) = self.clients[client].as_ref() else { return };
        let every_is_queued = self.fanout.schedule.sessions[entry.key.0 as usize].every_queued;
        self.coverage.hit_if(every_is_queued, "cleared with an every-mode queue");
        self.fanout.clear(entry.key);
        self.end_all(client);
    }

    fn end_all(&mut self, client: usize) {
        let Some(entry) = self.clients[client].as_mut() else { return };
        entry.globs.clear();
        let slots: Vec<Slot> = entry.ledgers.keys().copied().collect();
        for slot in slots {
            self.end(client, slot);
        }
    }

    pub fn flush_intervals(&mut self, client: usize) {
        let Some(entry) = self.clients[client].as_mut() else { return };
        self.fanout.flush_intervals(entry.key);
        for (slot, ledger) in &mut entry.ledgers {
            if ledger.is_behind(self.views[slot.which].head) && !ledger.due {
                (ledger.due, ledger.flushed) = (true, true);
                self.coverage.hit("interval cut short");
            }
        }
    }
}
