//! Links and their slots: dialling, breaking, and replacing a link while it still lives.
//!
//! Invariants: a slot has at most one link that counts and one that is to replace it; a slot without a link has a time
//! to dial at.

use std::{mem, sync::Arc, time::Duration};

use super::{
    out::{LinkAction, LinkEnd, LinkId, LogLine, SlotId, UpstreamOut},
    slot::{LinkSlot, VenueLink},
    state::Upstream,
    stream::{StreamFault, StreamFaultKind},
};
use crate::{
    feed::upstream::{
        allowance::StreamGrant,
        backoff::RetryDelay,
        venue::{Stream, StreamGroup},
    },
    tick::Nanos,
};

/// How long two links bring the same, at most.
const OVERLAP: Duration = Duration::from_secs(10);
/// A link of this age was of use: the next failure is the first again.
const OF_USE: Duration = Duration::from_secs(30);
/// Links are replaced at this part of the age at which the venue closes them, less up to a tenth by chance.
const AGE: f64 = 0.95;

// === impl Upstream ===

impl Upstream {
    /// Puts streams of one kind where there is room: on links that are, and then on new ones.
    pub(super) fn place(&mut self, now: Nanos, mut streams: Vec<Stream>, out: &mut UpstreamOut) {
        let Some(kind) = streams.first().map(|stream| stream.kind) else { return };
        let channel = self.dialer.channel(kind);
        let streams_max = self.facts.streams_max.max(1);
        for slot in self.slots.values_mut().filter(|slot| slot.channel == channel) {
            let mut room = streams_max.saturating_sub(slot.streams.len()).min(streams.len());
            for link in [slot.current, slot.next].into_iter().flatten() {
                if let Some(link) = self.links.get_mut(&link) {
                    room = link.grant.grow(room);
                }
            }
            let add: Vec<Stream> = streams.drain(..room).collect();
            if add.is_empty() {
                continue;
            }
            slot.streams.extend(add.iter().cloned());
            for link in [slot.current, slot.next].into_iter().flatten() {
                out.actions.push(LinkAction::Change { link, add: add.clone(), remove: Vec::new() });
            }
            if let Some(link) = slot.current {
                for stream in &add {
                    self.book.own(stream, link, now);
                }
            }
        }
        while !streams.is_empty() {
            let rest = streams.split_off(streams.len().min(streams_max));
            self.add_slot(now, channel, mem::replace(&mut streams, rest));
        }
    }

    /// Says, once, that the venue allows fewer links than the streams need.
    pub(super) fn tell_crowded(&mut self, out: &mut UpstreamOut) {
        let (needed, allowed) = (self.slots.len(), self.facts.connections_max);
        if needed > allowed && !mem::replace(&mut self.is_crowded, true) {
            let without = self.slots.values().skip(allowed).map(|slot| slot.streams.len()).sum::<usize>();
            out.told.push(LogLine::Alert(format!(
                "{needed} connections are needed and the venue allows {allowed}: {without} streams have none. Name fewer symbols"
            )));
        }
    }

    pub(super) fn add_slot(&mut self, now: Nanos, channel: &'static str, streams: Vec<Stream>) -> SlotId {
        let id = SlotId(self.id());
        let (due, delay) = (Some(now), RetryDelay::default());
        self.slots.insert(
            id,
            LinkSlot { channel, streams, current: None, next: None, due, delay, is_told_full: false },
        );
        id
    }

    /// Unsubscribes; a slot without streams is closed.
    pub(super) fn unplace(&mut self, streams: &[Stream], out: &mut UpstreamOut) {
        for stream in streams {
            self.leave_slot(stream, out);
            self.book.remove(stream, out);
        }
    }

    pub(super) fn leave_slot(&mut self, stream: &Stream, out: &mut UpstreamOut) {
        let found = self.slots.iter_mut().find(|(_, slot)| slot.streams.contains(stream));
        let Some((&id, slot)) = found else { return };
        slot.streams.retain(|other| other != stream);
        let links: Vec<LinkId> = [slot.current, slot.next].into_iter().flatten().collect();
        for link in &links {
            if let Some(link) = self.links.get_mut(link) {
                link.grant.shrink(1);
            }
        }
        if slot.streams.is_empty() {
            self.slots.remove(&id);
            for link in links {
                self.links.remove(&link);
                out.actions.push(LinkAction::Close { link });
            }
        } else {
            for link in links {
                let remove = vec![stream.clone()];
                out.actions.push(LinkAction::Change { link, add: Vec::new(), remove });
            }
        }
    }

    /// Dials for the slots that are due, as far as the venue allows.
    pub(super) fn dial_due(&mut self, now: Nanos, out: &mut UpstreamOut) {
        let due = self.slots.iter().filter(|(_, slot)| slot.next.is_none());
        let due: Vec<SlotId> =
            due.filter(|(_, slot)| slot.due.is_some_and(|due| due <= now)).map(|(&id, _)| id).collect();
        for id in due {
            if self.links.len() >= self.facts.connections_max {
                return;
            }
            let Some(grant) = self.grant(id, now, out) else { continue };
            if !self.allowance.attempts.take(now) {
                return;
            }
            let link = LinkId(self.id());
            let Some(slot) = self.slots.get_mut(&id) else { continue };
            (slot.next, slot.due) = (Some(link), None);
            let group = StreamGroup { channel: slot.channel, streams: slot.streams.clone() };
            self.links.insert(link, VenueLink::new(id, grant));
            out.actions.push(LinkAction::Dial { link, group });
        }
    }

    /// What a slot's next link may subscribe to, of the streams that the venue allows together. Those for which there is
    /// no room become a slot of their own, which waits.
    fn grant(&mut self, id: SlotId, now: Nanos, out: &mut UpstreamOut) -> Option<StreamGrant> {
        let slot = self.slots.get_mut(&id)?;
        let grant = self.allowance.streams.grant(slot.streams.len());
        if grant.count() == slot.streams.len() {
            return Some(grant);
        }
        if slot.current.is_some() {
            // A replacement takes over all of them, or none.
            return None;
        }
        if grant.count() == 0 {
            self.tell_full(id, out);
            return None;
        }
        let (channel, rest) = (slot.channel, slot.streams.split_off(grant.count()));
        let rest = self.add_slot(now, channel, rest);
        self.tell_full(rest, out);
        Some(grant)
    }

    /// Says, once, that there is no room for the streams of a slot.
    fn tell_full(&mut self, id: SlotId, out: &mut UpstreamOut) {
        let all: usize = self.slots.values().map(|slot| slot.streams.len()).sum();
        let Some(slot) = self.slots.get_mut(&id).filter(|slot| !slot.is_told_full) else { return };
        slot.is_told_full = true;
        let allowed = self.facts.streams_together;
        let reason: Arc<str> =
            Arc::from(format!("the venue allows {allowed} streams of an address, and they are taken"));
        for stream in &slot.streams {
            let fault = StreamFault { kind: StreamFaultKind::Down, reason: Arc::clone(&reason) };
            self.book.fail(stream, fault, out, &mut self.counts);
        }
        if !mem::replace(&mut self.is_crowded, true) {
            out.told.push(LogLine::Alert(format!(
                "the venue allows {allowed} streams of an address, which all feeds of it share: {} of the {all} streams of this feed have no room. Name fewer symbols",
                slot.streams.len()
            )));
        }
    }

    pub(super) fn link_opened(&mut self, id: LinkId, now: Nanos) {
        let rotate = self.facts.age_max.map(|age| now.plus(age.mul_f64(AGE - 0.1 * self.draw())));
        let Some(link) = self.links.get_mut(&id) else { return };
        (link.opened, link.heard, link.rotate) = (Some(now), now, rotate);
        let Some(slot) = self.slots.get_mut(&link.slot) else { return };
        match slot.current {
            None => {
                (slot.current, slot.next) = (Some(id), None);
                slot.streams.iter().for_each(|stream| self.book.own(stream, id, now));
            }
            Some(old) => {
                link.finish = Some(now.plus(OVERLAP));
                slot.streams.iter().for_each(|stream| self.book.second(stream, id));
                if let Some(old) = self.links.get_mut(&old) {
                    (old.ticks_before, old.rotate) = (old.ticks, None);
                }
            }
        }
    }

    /// A link has ended, or could not be made.
    pub fn closed(&mut self, id: LinkId, now: Nanos, end: &LinkEnd, out: &mut UpstreamOut) {
        let Some(link) = self.links.remove(&id) else { return };
        let chance = self.draw();
        let Some(slot) = self.slots.get_mut(&link.slot) else { return };
        if link.opened.is_some_and(|opened| now.since(opened) > OF_USE.as_nanos() as u64) {
            slot.delay.reset();
        }
        let delay = slot.wait_after(end, chance);
        if let LinkEnd::Refused { wait, .. } = end {
            self.allowance.attempts.pause(now.plus(*wait));
        }
        if slot.next == Some(id) {
            // What it was to replace goes on.
            (slot.next, slot.due) = (None, Some(now.plus(delay)));
            slot.streams.iter().for_each(|stream| self.book.give_up(stream));
        } else if slot.current == Some(id) {
            slot.current = None;
            self.counts.reconnects += 1;
            let next =
                slot.next.filter(|next| self.links.get(next).is_some_and(|next| next.opened.is_some()));
            match next {
                Some(next) => return self.finish(link.slot, next, now, out),
                None if slot.next.is_none() => slot.due = Some(now.plus(delay)),
                None => {}
            }
        }
        self.link_lost(link.slot, id, end, delay, out);
    }

    /// Says what is down, once.
    fn link_lost(&mut self, id: SlotId, link: LinkId, end: &LinkEnd, delay: Duration, out: &mut UpstreamOut) {
        let Some(slot) = self.slots.get(&id) else { return };
        let failures = slot.delay.failures();
        if slot.current.is_none() {
            let reason: Arc<str> = Arc::from(format!("no connection to the venue: {}", end.why()));
            for stream in &slot.streams {
                let fault = StreamFault { kind: StreamFaultKind::Down, reason: Arc::clone(&reason) };
                self.book.fail(stream, fault, out, &mut self.counts);
            }
            if self.dialer.takes_all() {
                let fault = StreamFault { kind: StreamFaultKind::Down, reason };
                self.book.fail_all_of(link, &fault, out, &mut self.counts);
            }
        }
        let streams = slot.streams.len();
        let wait = delay.as_millis();
        let line =
            format!("connection of {streams} streams: {}; the next attempt is in {wait} ms", end.why());
        let all_down = self.slots.values().all(|slot| slot.current.is_none());
        if all_down {
            self.why_dark = Some(Arc::from(end.why()));
        }
        match end {
            LinkEnd::Fatal(_) => out.told.push(LogLine::Alert(line)),
            _ if all_down && !mem::replace(&mut self.is_dark, true) => {
                out.told.push(LogLine::Alert(format!("the venue is dark: {line}")));
            }
            // Of a venue that stays dark for hours nothing is told again.
            _ if !all_down && failures <= 1 => out.told.push(LogLine::Warn(line)),
            _ => {}
        }
    }

    /// Makes a link that is to replace this one, while it still lives.
    pub(super) fn replace(&mut self, id: LinkId, now: Nanos, why: &str, out: &mut UpstreamOut) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.rotate = None;
        let slot = link.slot;
        let Some(slot) = self.slots.get_mut(&slot).filter(|slot| slot.current == Some(id)) else { return };
        if slot.next.is_some() || slot.due.is_some() {
            return;
        }
        self.counts.rotations += 1;
        out.told.push(LogLine::Info(format!("a connection is replaced: {why}")));
        let has_room = self.allowance.streams.room() >= slot.streams.len();
        if self.links.len() >= self.facts.connections_max || !has_room {
            self.drop_link(id, now, &LinkEnd::Broken(why.to_owned()), out);
        } else if let Some(slot) = self.links.get(&id).and_then(|link| self.slots.get_mut(&link.slot)) {
            slot.due = Some(now);
        }
    }

    /// Replaces links because of their age, and ends overlaps.
    pub(super) fn replace_due(&mut self, now: Nanos, out: &mut UpstreamOut) {
        let old = self.links.iter().filter(|(_, link)| link.rotate.is_some_and(|rotate| rotate <= now));
        for id in old.map(|(&id, _)| id).collect::<Vec<_>>() {
            self.replace(id, now, "the venue closes connections of its age", out);
        }
        let seconds = self.links.iter().filter(|(_, link)| link.finish.is_some());
        let seconds: Vec<(LinkId, SlotId, bool)> = seconds
            .map(|(&id, link)| (id, link.slot, link.finish.is_some_and(|finish| finish <= now)))
            .collect();
        for (id, slot, is_time) in seconds {
            let Some(streams) = self.slots.get(&slot).map(|slot| &slot.streams) else { continue };
            if streams.iter().all(|stream| self.book.is_owned(stream, id)) {
                self.finish(slot, id, now, out);
            } else if is_time {
                self.finish_late(slot, id, now, out);
            }
        }
    }

    /// The overlap is over. A link that brought nothing where the old one brought ticks is not a replacement.
    fn finish_late(&mut self, slot: SlotId, next: LinkId, now: Nanos, out: &mut UpstreamOut) {
        let old = self.slots.get(&slot).and_then(|slot| slot.current);
        let old = old.and_then(|old| self.links.get(&old)).is_some_and(|old| old.ticks > old.ticks_before);
        let is_mute = self.links.get(&next).is_some_and(|next| next.ticks == 0);
        if old && is_mute {
            self.drop_link(next, now, &LinkEnd::Broken("the new connection brings nothing".to_owned()), out);
        } else {
            self.finish(slot, next, now, out);
        }
    }

    /// The second link is the only one from now on.
    fn finish(&mut self, id: SlotId, next: LinkId, now: Nanos, out: &mut UpstreamOut) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let old = slot.current.replace(next);
        slot.next = None;
        for stream in &slot.streams {
            if !self.book.is_owned(stream, next) {
                self.book.hand_over(stream, next, now, out, &mut self.counts);
            }
        }
        if let Some(link) = self.links.get_mut(&next) {
            link.finish = None;
        }
        if let Some(old) = old.filter(|old| self.links.remove(old).is_some()) {
            out.actions.push(LinkAction::Close { link: old });
        }
    }
}
