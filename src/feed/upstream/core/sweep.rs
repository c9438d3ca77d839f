//! Silence: which streams are mute though they are subscribed to, and what is done about it.
//!
//! A stream that alone is mute moves to another link, and the healthy ones are left alone. When nothing comes over a
//! link at all, the link is replaced. Each time that does not help, the next attempt waits twice as long.

use std::{sync::Arc, time::Duration};

use super::{
    out::{LinkAction, LinkId, LogLine, SlotId, UpstreamOut},
    state::Upstream,
    stream::{StreamFault, StreamFaultKind},
};
use crate::{feed::upstream::venue::Stream, tick::Nanos};

/// The first wait before a mute stream is moved again; it doubles.
const MOVE_AGAIN: Duration = Duration::from_secs(30);
const MOVES_MAX: u32 = 7;
/// Streams that a line of the log names.
const NAMED_MAX: usize = 5;

impl Upstream {
    pub(super) fn sweep(&mut self, now: Nanos, out: &mut UpstreamOut) {
        if self.dialer.tells_silence() {
            return;
        }
        let mut moving: Vec<Stream> = Vec::new();
        let mut told: Vec<Stream> = Vec::new();
        let slots: Vec<(SlotId, LinkId)> =
            self.slots.iter().filter_map(|(&id, slot)| Some((id, slot.current?))).collect();
        for (id, link) in slots {
            let Some(streams) = self.slots.get(&id).map(|slot| slot.streams.clone()) else { continue };
            let (mut mute, mut to_move) = (0, Vec::new());
            for stream in &streams {
                let Some(is_due) = self.look(stream, link, now, &mut told, out) else { continue };
                mute += 1;
                if is_due {
                    to_move.push(stream.clone());
                }
            }
            if to_move.is_empty() || self.slots.get(&id).is_none_or(|slot| slot.next.is_some()) {
                continue;
            }
            for stream in &to_move {
                self.count_move(stream, now);
            }
            if mute == streams.len() {
                self.replace(link, now, "nothing comes over it", out);
            } else {
                moving.extend(to_move);
            }
        }
        self.move_streams(now, moving, out);
        if !told.is_empty() {
            let names: Vec<String> = told.iter().take(NAMED_MAX).map(ToString::to_string).collect();
            let more = told.len().saturating_sub(names.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            out.told.push(LogLine::Warn(format!("subscribed to and silent: {}{more}", names.join(", "))));
        }
    }

    /// Whether a stream is mute, and if so whether it is time to subscribe to it anew.
    fn look(
        &mut self,
        stream: &Stream,
        link: LinkId,
        now: Nanos,
        told: &mut Vec<Stream>,
        out: &mut UpstreamOut,
    ) -> Option<bool> {
        let floor = self.floor;
        let state = self.book.find(stream)?;
        if state.owner != Some(link) {
            return None;
        }
        if state.fault.as_ref().is_some_and(|fault| fault.kind == StreamFaultKind::Refused) {
            return None;
        }
        let silent = state.rhythm.overdue(now, state.asked, stream.kind, floor);
        let Some(silent) = silent else {
            // It is well again for as long as it was before.
            if state.fault.is_none() && state.rhythm.is_known() {
                state.moves = 0;
            }
            return None;
        };
        let is_due = now >= state.move_at;
        if state.fault.as_ref().is_none_or(|fault| fault.kind != StreamFaultKind::Mute) {
            told.push(stream.clone());
            let reason =
                format!("the venue sends no {} for {} s", stream.kind.as_str(), silent.as_secs().max(1));
            let fault = StreamFault { kind: StreamFaultKind::Mute, reason: Arc::from(reason) };
            self.book.fail(stream, fault, out, &mut self.counts);
        }
        Some(is_due)
    }

    fn count_move(&mut self, stream: &Stream, now: Nanos) {
        self.counts.moved += 1;
        if let Some(state) = self.book.find(stream) {
            state.move_at = now.plus(MOVE_AGAIN.saturating_mul(1 << state.moves.min(MOVES_MAX)));
            state.moves += 1;
        }
    }

    /// Subscribes to streams on links of their own; where the venue allows no more links, again on the same.
    fn move_streams(&mut self, now: Nanos, streams: Vec<Stream>, out: &mut UpstreamOut) {
        if streams.is_empty() {
            return;
        }
        let is_full = self.slots.len() >= self.facts.connections_max;
        let mut groups: Vec<(&'static str, Vec<Stream>)> = Vec::new();
        for stream in streams {
            if is_full {
                self.subscribe_again(stream, out);
                continue;
            }
            self.leave_slot(&stream, out);
            let channel = self.dialer.channel(stream.kind);
            let room = |(name, group): &&mut (&'static str, Vec<Stream>)| {
                *name == channel && group.len() < self.facts.streams_max
            };
            match groups.iter_mut().find(room) {
                Some((_, group)) => group.push(stream),
                None => groups.push((channel, vec![stream])),
            }
        }
        for (channel, group) in groups {
            self.add_slot(now, channel, group);
        }
    }

    fn subscribe_again(&mut self, stream: Stream, out: &mut UpstreamOut) {
        let slot = self.slots.values().find(|slot| slot.streams.contains(&stream));
        if let Some(link) = slot.and_then(|slot| slot.current) {
            let (add, remove) = (vec![stream.clone()], vec![stream]);
            out.actions.push(LinkAction::Change { link, add, remove });
        }
    }
}
