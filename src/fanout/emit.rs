//! What the core says; how it is written is not its concern.

use super::{GapReason, LocalId};
use crate::{
    tick::{FieldSet, Symbol},
    topic::{Record, Stamped},
};

/// Takes the messages of one frame, in order. `wire` encodes them; tests keep values.
pub trait Emit {
    /// Stands for how the frame is written. Only frames that are written alike have the same bytes, and are repeated.
    fn encoding(&self) -> u8;

    /// Whether another message may follow in this frame.
    fn has_room(&self) -> bool;

    /// Keeps the frame at hand, in place of an earlier one of that number, to be repeated. Numbers are below
    /// [`FRAMES_KEPT`](super::FRAMES_KEPT).
    fn keep(&mut self, number: usize);

    /// Says all that the frame that was kept under this number said, in place of anything else. `false` when that cannot
    /// be, or when this frame would have held more: nothing is said then.
    fn repeat(&mut self, number: usize) -> bool;

    /// The whole record, as a new base.
    fn snapshot(&mut self, topic: LocalId, symbol: &Symbol, record: &Record, wanted: FieldSet);

    /// The whole record, in place of the `n` ticks since the last message.
    fn merged(&mut self, topic: LocalId, symbol: &Symbol, record: &Record, n: u64, wanted: FieldSet);

    /// The record's last tick: the fields that it changed.
    fn last_tick(&mut self, topic: LocalId, symbol: &Symbol, record: &Record, wanted: FieldSet);

    /// One tick: the wanted fields that it changed. `n` is above 1 when ticks without a wanted field came before it.
    fn tick(&mut self, symbol: &Symbol, tick: &Stamped, n: u64, wanted: FieldSet);

    /// Consecutive ticks with every field, as many as there is room for; says how many.
    fn run(&mut self, topic: LocalId, symbol: &Symbol, ticks: &[Stamped]) -> usize;

    /// Ticks `from..=to` are lost to this subscription.
    fn gap(&mut self, symbol: &Symbol, from: u64, to: u64, reason: GapReason);
}
