//! Applies changed delays, fields or notices of products at run time: restarts the delayed subscriptions.
//!
//! Subscriptions to the changed symbols end in all sessions and restart on new local topics, so that no cached frame of
//! the old topics and no batch that became due under the old rules is used for them. Invariant: all in one call, so no
//! message can be sent in between.
//!
//! Cost: one record for each watched symbol stays until the process ends, because cached frames are keyed by topic.

use super::{
    Fanout, Moved, Name, Place, Restricted, SessionKey, Spec, SubscribeRequest, Subscribed, Subscriber,
    Withdrawn,
};
use crate::{
    tick::{Nanos, Symbol},
    topic::{DelayRules, Plane, Store},
};

/// A subscription that is to be restarted.
struct BeginsAgain {
    session: SessionKey,
    symbol: Symbol,
    name: Option<Name>,
    spec: Spec,
}

impl Fanout {
    /// The version of the delay rules in force.
    pub fn delay_rule(&self) -> u32 {
        self.delayed.rule
    }

    /// Switches to the delays of these products; returns what became of each session's subscriptions.
    pub fn change_delays(
        &mut self,
        rules: &DelayRules,
        sessions: impl Iterator<Item = SessionKey>,
        now: Nanos,
        store: &impl Store,
    ) -> Vec<(SessionKey, Restricted)> {
        let (Some(before), products) = (self.delayed.products.clone(), &rules.products) else {
            return Vec::new();
        };
        let changed: Vec<bool> = before.all().zip(products.all()).map(|(old, new)| old != new).collect();
        let is_changed = |symbol: &Symbol| changed.get(products.place(symbol)).copied().unwrap_or(true);
        let mut again = Vec::new();
        for session in sessions {
            self.end_delayed(session, &is_changed, &mut again);
        }
        let delayed = self.topics.iter().map(|(_, topic)| topic).filter(|topic| topic.is_delayed());
        let changed: Vec<Symbol> =
            delayed.map(|topic| &topic.symbol).filter(|symbol| is_changed(symbol)).cloned().collect();
        for symbol in changed {
            self.delayed.by_symbol.remove(&symbol);
        }
        (self.delayed.rule, self.delayed.products) = (rules.number, Some(products.clone()));
        let mut all: Vec<(SessionKey, Restricted)> = Vec::new();
        for BeginsAgain { session, symbol, name, spec } in again {
            if all.last().is_none_or(|(last, _)| *last != session) {
                all.push((session, Restricted::default()));
            }
            let Some((_, told)) = all.last_mut() else { continue };
            let plane = self.plane_of(session, &symbol);
            let allowed = self.allowed_of(session, &symbol, &spec);
            let (Some(plane), Some(spec)) = (plane, allowed) else {
                told.ended.push(Withdrawn { symbol, name });
                continue;
            };
            // There is room: a subscription was just removed.
            let request = SubscribeRequest::new(&symbol, &spec);
            if let Ok(Subscribed { outcome, state }) = self.subscribe(session, &request, now, store) {
                told.moved.push(Moved { symbol, name, plane, outcome, state });
            }
        }
        all
    }

    /// Ends a session's delayed subscriptions whose product has changed.
    fn end_delayed(
        &mut self,
        session: SessionKey,
        is_changed: &impl Fn(&Symbol) -> bool,
        again: &mut Vec<BeginsAgain>,
    ) {
        let mut from = Place::default();
        while let Some((next, Subscriber { symbol, name, plane, .. })) = self.subscribed_from(session, from) {
            from = next;
            if plane != Plane::Delayed || !is_changed(symbol) {
                continue;
            }
            let (symbol, name) = (symbol.clone(), name.cloned());
            let Some(spec) = self.spec_of(session, &symbol, name.as_ref()) else { continue };
            self.unsubscribe(session, &symbol, name.as_ref());
            again.push(BeginsAgain { session, symbol, name, spec });
        }
    }
}
