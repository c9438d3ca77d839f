//! Writes an event stream's position before each of its frames.

use crate::{
    fanout::{Fanout, SessionKey},
    planted::{Fault, is_planted},
    session::{core::Core, position::Position, position_key::PositionNumber, socket::SessionSocket},
};

/// The order up to which a session was sent all due ticks and none beyond; `None` when there is no such order.
/// `newest`: order of the newest tick sent; `taken`: of the last one that arrived here.
fn position(fanout: &Fanout, key: SessionKey, newest: u64, taken: u64) -> Option<u64> {
    let unsent = fanout.first_unsent(key);
    let order = unsent.map_or(taken, |order| order.saturating_sub(1).min(taken));
    (newest <= order).then_some(order)
}

impl<S: SessionSocket> Core<S> {
    /// Appends the `id` line with the position after a frame whose newest tick has this order.
    pub(in crate::session) fn write_position(
        &mut self,
        key: SessionKey,
        newest_order: u64,
        out: &mut Vec<u8>,
    ) {
        let taken = self.taken();
        let Some(session) = self.session(key) else { return };
        session.newest_order = session.newest_order.max(newest_order);
        let (newest, begins) = (session.newest_order, session.jobs.is_some());
        // A long command that has not started yet was sent nothing.
        let order = position(&self.fanout, key, newest, taken).filter(|_| !begins);
        let order = order.map(|order| order + u64::from(is_planted(Fault::WrongPosition)));
        self.positions_written += 1;
        let number = PositionNumber { shard: self.number, written: self.positions_written };
        Position::write(&self.node, order.map(|order| (order, number)), out);
        if let Some(session) = self.session(key) {
            session.make_part(out);
        }
    }
}
