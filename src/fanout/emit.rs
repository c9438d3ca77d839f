//! The messages of a frame, as the fan-out writes them. Their encoding is not its concern.

use std::time::Duration;

use super::{GapReason, LocalId, View};
use crate::{
    access::ProductId,
    tick::{Nanos, Symbol, WantedFields},
    topic::{Record, Stamped, TopicId},
};

/// What a message knows of its topic.
#[derive(Clone, Copy, Debug)]
pub struct TopicRef<'a> {
    pub local: LocalId,
    /// Its number in the market: the same on every shard.
    pub number: TopicId,
    pub symbol: &'a Symbol,
    /// By which its messages are counted.
    pub product: ProductId,
    /// The topic's record as it stands.
    pub record: &'a Record,
    /// Whether its subscription was sent nothing yet: the message introduces the symbol, for encodings with numbers in
    /// place of symbols.
    pub is_first: bool,
    /// How much later than in real time it is shown; `None` in real time.
    pub delay_ms: Option<u32>,
}

impl TopicRef<'_> {
    /// When what was received then could first be shown: ages count from it.
    #[inline]
    pub fn due(&self, rx: Nanos) -> Nanos {
        match self.delay_ms {
            None => rx,
            Some(millis) => rx.plus(Duration::from_millis(u64::from(millis))),
        }
    }
}

/// Writes the messages of one frame, in order. `wire` encodes them; tests keep values.
pub trait Emit {
    /// A number for the encoding of the frame. A frame is repeated only in the encoding that it was written in.
    fn encoding(&self) -> u8;

    /// Whether another message may follow in this frame.
    fn has_room(&self) -> bool;

    /// Keeps this frame under a number, so that it can be repeated. It replaces an earlier frame of that number.
    /// Numbers are below [`FRAMES_KEPT`](super::FRAMES_KEPT).
    fn keep(&mut self, number: usize);

    /// Writes the frame that was kept under this number again, as the whole of this one. `false`, and nothing is
    /// written, when it is not there or when this frame has room for more than it held.
    fn repeat(&mut self, number: usize) -> bool;

    /// Whether [`Self::gather`] means something in this encoding.
    fn gathers(&self) -> bool {
        false
    }

    /// The next message is gathered with those of its form that go out at this time, whatever frame they are in.
    fn gather(&mut self, _at: Nanos) {}

    /// The whole record, as a new base.
    fn snapshot(&mut self, topic: &TopicRef<'_>, view: &View);

    /// The newest trades before the subscription, oldest first: what it begins with in place of the record.
    fn past_trades(&mut self, topic: &TopicRef<'_>, trades: &[Stamped], view: &View);

    /// The record in place of the `n` ticks since the last message: what they have changed, and the fields of `always`
    /// whether they have or not.
    fn merged(&mut self, topic: &TopicRef<'_>, n: u64, always: WantedFields, view: &View);

    /// The record's last tick: the fields that it changed.
    fn last_tick(&mut self, topic: &TopicRef<'_>, view: &View);

    /// One tick: the wanted fields that it changed. `n` is above 1 when ticks without a wanted field came before it.
    fn tick(&mut self, topic: &TopicRef<'_>, tick: &Stamped, n: u64, view: &View);

    /// Consecutive ticks with every field, which the view has, as many as there is room for. Says how many.
    fn run(&mut self, topic: &TopicRef<'_>, ticks: &[Stamped], view: &View) -> usize;

    /// As [`Self::merged`], of `record`, as it stood at a tick that is not merged away.
    fn tape_event(
        &mut self,
        topic: &TopicRef<'_>,
        record: &Record,
        n: u64,
        always: WantedFields,
        view: &View,
    );

    /// Ticks `from..=to` are lost to this subscription.
    fn gap(&mut self, topic: &TopicRef<'_>, from: u64, to: u64, reason: GapReason, view: &View);
}
