//! Other delays, fields or notices of products while the service runs: what is shown delayed begins anew.
//!
//! Subscriptions to such symbols end for all sessions, and begin again on new topics: what was encoded or cached of the
//! old ones is not used for them, and batches that became due before are not taken in. All at once, for no message may
//! be made in between.
//!
//! Cost: a record's size for each symbol that was watched, kept until the process ends, since frames that are cached go
//! by topics.

use super::{
    Fanout, Moved, Name, Place, Restricted, SessionKey, Spec, SubscribeRequest, Subscribed, Subscriber,
    Withdrawn,
};
use crate::{
    tick::{Nanos, Symbol},
    topic::{DelayRules, Plane, Store},
};

/// A subscription that is to begin again.
struct BeginsAgain {
    session: SessionKey,
    symbol: Symbol,
    name: Option<Name>,
    spec: Spec,
}

impl Fanout {
    /// The number of the products by which symbols are shown delayed.
    pub fn delay_rule(&self) -> u32 {
        self.delayed.rule
    }

    /// Shows symbols delayed by these products; says what has become of each session's subscriptions.
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
            // It has room for it: one was removed.
            let request = SubscribeRequest::new(&symbol, &spec);
            if let Ok(Subscribed { outcome, state }) = self.subscribe(session, &request, now, store) {
                told.moved.push(Moved { symbol, name, plane, outcome, state });
            }
        }
        all
    }

    /// Ends those of a session's subscriptions that are shown delayed, and are changed.
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
