//! [`Emit`]: the messages of a frame, as the fan-out writes them. How they are encoded is up to `wire`.

use std::time::Duration;

use super::{GapReason, LocalId, View};
use crate::{
    access::ProductId,
    tick::{Nanos, Symbol, WantedFields},
    topic::{Record, Stamped, TopicId},
};

/// What a message needs to know of its topic.
#[derive(Clone, Copy, Debug)]
pub struct TopicRef<'a> {
    pub local: LocalId,
    /// The topic's number in the market, the same on every shard.
    pub number: TopicId,
    pub symbol: &'a Symbol,
    /// The product whose messages are counted.
    pub product: ProductId,
    /// The topic's current record.
    pub record: &'a Record,
    /// The subscription's first message: encodings with numbers for symbols introduce the symbol with it.
    pub is_first: bool,
    /// The delay in milliseconds; `None` in real time.
    pub delay_ms: Option<u32>,
}

impl TopicRef<'_> {
    /// The earliest time at which a tick with this receive time could be shown: message age counts from it.
    #[inline]
    pub fn due(&self, rx: Nanos) -> Nanos {
        match self.delay_ms {
            None => rx,
            Some(millis) => rx.plus(Duration::from_millis(u64::from(millis))),
        }
    }
}

/// Writes the messages of one frame, in order. Implemented by `wire`, and by tests that keep values.
pub trait Emit {
    /// The id of the frame's encoding. A frame is repeated only in its own encoding.
    fn encoding(&self) -> u8;

    /// Whether another message may follow in this frame.
    fn has_room(&self) -> bool;

    /// Keeps this frame under a number below [`FRAMES_KEPT`](super::FRAMES_KEPT), for repetition. Replaces the frame
    /// that had the number.
    fn keep(&mut self, number: usize);

    /// Writes the frame kept under this number as the whole of this one. `false`, with nothing written, when there is
    /// none or when this frame has room for more messages.
    fn repeat(&mut self, number: usize) -> bool;

    /// Whether this encoding supports [`Self::gather`].
    fn gathers(&self) -> bool {
        false
    }

    /// The next message joins the array of its form that is sent for time `at`, which may span frames.
    fn gather(&mut self, _at: Nanos) {}

    /// The whole record, as the client's new base.
    fn snapshot(&mut self, topic: &TopicRef<'_>, view: &View);

    /// The newest trades before the subscription, oldest first: sent in place of a snapshot.
    fn past_trades(&mut self, topic: &TopicRef<'_>, trades: &[Stamped], view: &View);

    /// The record in place of the `n` ticks since the last message: the fields that they changed, and those in
    /// `always`.
    fn merged(&mut self, topic: &TopicRef<'_>, n: u64, always: WantedFields, view: &View);

    /// The fields that the record's last tick changed.
    fn last_tick(&mut self, topic: &TopicRef<'_>, view: &View);

    /// One tick: the wanted fields that it changed. `n` is above 1 when filtered ticks came before it.
    fn tick(&mut self, topic: &TopicRef<'_>, tick: &Stamped, n: u64, view: &View);

    /// Consecutive ticks for a view with every field, as many as fit. Returns how many were written.
    fn run(&mut self, topic: &TopicRef<'_>, ticks: &[Stamped], view: &View) -> usize;

    /// As [`Self::merged`], with `record` as it stood at a tape event.
    fn tape_event(
        &mut self,
        topic: &TopicRef<'_>,
        record: &Record,
        n: u64,
        always: WantedFields,
        view: &View,
    );

    /// A gap: ticks `from..=to` are lost to this subscription.
    fn gap(&mut self, topic: &TopicRef<'_>, from: u64, to: u64, reason: GapReason, view: &View);
}
