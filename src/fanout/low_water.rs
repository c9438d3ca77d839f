//! How far those have come that must miss nothing: what a replay at speed `max` waits for.

use super::{Fanout, Mode, SessionKey, apply::enqueue, fill::next_order, state::Place};

impl Fanout {
    /// The place among all ticks up to which every subscription in mode `every` was sent what it is due. `taken`: the
    /// place of the last tick that came. Sessions of which `is_waited_for` says no do not count.
    ///
    /// A subscription that waits for its interval with `held_max` ticks or more is made ready now: a market's time that
    /// waits for it would never end its interval. Walks every subscription.
    pub fn low_water(
        &mut self,
        taken: u64,
        held_max: u64,
        is_waited_for: impl Fn(SessionKey) -> bool,
    ) -> u64 {
        let mut mark = taken;
        let mut early = Vec::new();
        for (key, sub) in self.subs.iter().filter(|(_, sub)| sub.mode == Mode::Every) {
            match sub.place {
                Place::Idle => {}
                _ if !is_waited_for(SessionKey(sub.session)) => {}
                Place::Waiting if self.pending(sub) < held_max => {}
                place => {
                    mark = mark.min(next_order(sub, &self.topics).saturating_sub(1));
                    early.extend((place == Place::Waiting).then_some(key));
                }
            }
        }
        for key in early {
            let key = super::index::index32(key);
            enqueue(key, &mut self.subs[key as usize], &mut self.sessions, &mut self.ready);
        }
        mark
    }
}
