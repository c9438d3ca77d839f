//! One stream: the link that it comes over, its order, and its way from one link to the next.

use std::sync::Arc;

use super::out::{LinkId, UpstreamCounts, UpstreamOut};
use crate::{
    feed::upstream::{rhythm::StreamRhythm, sequence::Sequence, venue::VenueTick},
    tick::Nanos,
};

/// One stream.
#[derive(Default)]
pub struct StreamState {
    /// The link that counts.
    pub owner: Option<LinkId>,
    /// Since when the owner is subscribed to it.
    pub asked: Nanos,
    pub rhythm: StreamRhythm,
    pub fault: Option<StreamFault>,
    /// When it may be subscribed to anew, once it is mute, and how often it was.
    pub move_at: Nanos,
    pub moves: u32,
    pub sequence: Sequence,
    pub handover: Option<Box<Handover>>,
}

/// What is wrong with a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamFault {
    pub kind: StreamFaultKind,
    pub reason: Arc<str>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamFaultKind {
    /// There is no link.
    Down,
    /// It is subscribed to and silent.
    Mute,
    /// The venue refused it.
    Refused,
}

/// A second link that brings the stream too.
pub struct Handover {
    pub next: LinkId,
    /// What it brought, until it counts.
    pub buffer: Vec<VenueTick>,
}

/// The most ticks that wait for the old link.
const BUFFER_MAX: usize = 4_096;
// === impl StreamState ===

impl StreamState {
    pub fn offer(
        &mut self,
        link: LinkId,
        now: Nanos,
        tick: VenueTick,
        out: &mut UpstreamOut,
        counts: &mut UpstreamCounts,
    ) {
        let is_broken = self.owner.is_none() || self.fault.is_some();
        match &mut self.handover {
            Some(handover) if handover.next == link => {
                handover.buffer.push(tick);
                if is_broken || handover.buffer.len() >= BUFFER_MAX {
                    self.switch(now, out, counts);
                }
            }
            _ if self.owner == Some(link) => {
                self.sequence.offer(now, tick, &mut out.ticks, &mut counts.sequences);
                let began = self.handover.as_ref().and_then(|handover| handover.buffer.first());
                if began.is_some_and(|first| self.sequence.has_reached(first.number)) {
                    self.switch(now, out, counts);
                }
            }
            // What the old link repeats after it was replaced.
            _ => counts.sequences.duplicates += 1,
        }
    }

    pub fn switch(&mut self, now: Nanos, out: &mut UpstreamOut, counts: &mut UpstreamCounts) {
        let Some(handover) = self.handover.take() else { return };
        let Handover { next, buffer } = *handover;
        if self.owner.is_none() || self.fault.is_some() {
            self.sequence.renewed();
        }
        (self.owner, self.asked) = (Some(next), now);
        for tick in buffer {
            self.sequence.offer(now, tick, &mut out.ticks, &mut counts.sequences);
        }
    }
}
