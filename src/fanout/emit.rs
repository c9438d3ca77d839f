//! The messages of a frame, as the fan-out writes them. Their encoding is not its concern.

use super::{GapReason, LocalId, View};
use crate::{
    tick::{Symbol, WantedFields},
    topic::{Record, Stamped},
};

/// Writes the messages of one frame, in order. `wire` encodes them; tests keep values.
pub trait Emit {
    /// A number for the encoding of the frame. A frame is repeated only in the encoding that it was written in.
    fn encoding(&self) -> u8;

    /// Whether another message may follow in this frame.
    fn has_room(&self) -> bool;

    /// Keeps this frame under a number, so that it can be repeated. It replaces an earlier frame of that number.
    /// Numbers are below [`FRAMES_KEPT`](super::FRAMES_KEPT).
    fn keep(&mut self, number: usize);

    /// Writes the frame that was kept under this number again, as the whole of this one. `false`, and nothing is written,
    /// when it is not there or when this frame has room for more than it held.
    fn repeat(&mut self, number: usize) -> bool;

    /// The whole record, as a new base.
    fn snapshot(&mut self, topic: LocalId, symbol: &Symbol, record: &Record, view: &View);

    /// The record in place of the `n` ticks since the last message: what they have changed, and the fields of `always`
    /// whether they have or not.
    fn merged(
        &mut self,
        topic: LocalId,
        symbol: &Symbol,
        record: &Record,
        n: u64,
        always: WantedFields,
        view: &View,
    );

    /// The record's last tick: the fields that it changed.
    fn last_tick(&mut self, topic: LocalId, symbol: &Symbol, record: &Record, view: &View);

    /// One tick: the wanted fields that it changed. `n` is above 1 when ticks without a wanted field came before it.
    fn tick(&mut self, symbol: &Symbol, tick: &Stamped, n: u64, view: &View);

    /// Consecutive ticks with every field, which the view has, as many as there is room for. Says how many.
    fn run(&mut self, topic: LocalId, symbol: &Symbol, ticks: &[Stamped], view: &View) -> usize;

    /// As [`Self::merged`], of the record as it stood at a tick that is not merged away.
    fn stop(
        &mut self,
        topic: LocalId,
        symbol: &Symbol,
        record: &Record,
        n: u64,
        always: WantedFields,
        view: &View,
    );

    /// Ticks `from..=to` are lost to this subscription.
    fn gap(&mut self, symbol: &Symbol, from: u64, to: u64, reason: GapReason, view: &View);
}
