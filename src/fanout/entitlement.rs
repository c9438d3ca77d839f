//! What each session may read. Checked when a subscription starts, when a glob matches a new symbol, and when a
//! session's rights shrink; never when a message is delivered.
//!
//! Invariant: after [`Fanout::restrict_some`] has finished, every subscription of the session is within its rights, in
//! symbol, fields and pace.

use super::{
    CHANGE_UNITS, Change, Fanout, Name, Place, SUBSCRIBE_UNITS, SessionKey, Spec, SubscribeOutcome,
    SubscribeRequest, Subscribed, Subscriber, Units, View, state::Entitled,
};
use crate::{
    access::{Entitlement, Product, SharedRights},
    planted::{Fault, is_planted},
    tick::{CustomFields, Nanos, State, Symbol, WantedFields},
    topic::{Plane, Store},
};

/// A subscription that ended because the session may no longer read it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Withdrawn {
    pub symbol: Symbol,
    pub name: Option<Name>,
}

/// A subscription that moved between the real-time and the delayed market; it restarts with a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    pub symbol: Symbol,
    pub name: Option<Name>,
    pub plane: Plane,
    pub outcome: SubscribeOutcome,
    pub state: State,
}

/// How changed rights have affected a session's subscriptions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Restricted {
    pub ended: Vec<Withdrawn>,
    pub moved: Vec<Moved>,
}

impl Fanout {
    /// Sets a session's rights. Existing subscriptions beyond them are cut by [`Self::restrict_some`].
    pub fn entitle(&mut self, session: SessionKey, rights: &SharedRights, table: &CustomFields) {
        let Some(entry) = self.schedule.sessions.get_mut(session.0 as usize) else { return };
        entry.entitled = (!rights.is_everything()).then(|| {
            let (fields, reports) = (rights.readable_fields(table), rights.may_read_reports());
            Box::new(Entitled { rights: SharedRights::clone(rights), fields, reports })
        });
    }

    /// The market (real time or delayed) in which the session may read a symbol; `None` when it may not read it.
    pub fn plane_of(&self, session: SessionKey, symbol: &Symbol) -> Option<Plane> {
        match self.reading(session, symbol) {
            Entitlement::RealTime => Some(Plane::RealTime),
            Entitlement::Delayed => self.delayed.products.is_some().then_some(Plane::Delayed),
            Entitlement::Refused => None,
        }
    }

    /// Whether the session may read a symbol at all, in real time or delayed.
    pub fn may_read(&self, session: SessionKey, symbol: &Symbol) -> bool {
        self.plane_of(session, symbol).is_some()
    }

    /// Whether the session may read any symbol at all, in real time or delayed.
    pub fn may_read_any(&self, session: SessionKey) -> bool {
        self.entitled(session).is_none_or(|entitled| entitled.rights.may_read_any())
    }

    /// The product whose delay a symbol has; `None` when no product is delayed.
    pub fn product_of(&self, symbol: &Symbol) -> Option<&Product> {
        self.delayed.products.as_ref().map(|products| products.of(symbol))
    }

    pub fn reading(&self, session: SessionKey, symbol: &Symbol) -> Entitlement {
        self.entitled(session).map_or(Entitlement::RealTime, |entitled| entitled.rights.reading(symbol))
    }

    /// The spec cut to the session's rights: its fields and its pace. `None` when the session may read none of the
    /// fields.
    pub fn allowed(&self, session: SessionKey, spec: &Spec) -> Option<Spec> {
        let Some(entitled) = self.entitled(session) else { return Some(spec.clone()) };
        let wanted = entitled.fields_of(spec.view.wanted)?;
        if !spec.view.form.is_native() && wanted != spec.view.wanted {
            // A venue's message always has all its fields.
            return None;
        }
        let view = View { wanted, reports: spec.view.reports && entitled.reports, ..spec.view.clone() };
        Some(Spec { interval: spec.interval.max(entitled.rights.min_interval), view, ..spec.clone() })
    }

    /// As [`Self::allowed`], for one symbol, which may have fewer fields when it is delayed.
    pub fn allowed_of(&self, session: SessionKey, symbol: &Symbol, spec: &Spec) -> Option<Spec> {
        let allowed = self.allowed(session, spec)?;
        let Some(wanted) = self.fields_of(session, symbol, allowed.view.wanted) else { return Some(allowed) };
        (!wanted.is_empty()).then(|| Spec { view: View { wanted, ..allowed.view.clone() }, ..allowed })
    }

    /// Those of the fields that the session may read delayed; `None` when the symbol is not delayed for it.
    fn fields_of(&self, session: SessionKey, symbol: &Symbol, wanted: WantedFields) -> Option<WantedFields> {
        let is_delayed = self.plane_of(session, symbol) == Some(Plane::Delayed);
        let product = self.product_of(symbol).filter(|product| is_delayed && product.fields.is_some())?;
        Some(product.delayed_fields(&self.delayed.table).intersect(wanted))
    }

    /// As [`Self::allowed_change`], for a subscription to one symbol.
    pub fn allowed_change_of(&self, session: SessionKey, symbol: &Symbol, change: &Change) -> Option<Change> {
        let allowed = self.allowed_change(session, change)?;
        let Some(wanted) = allowed.wanted else { return Some(allowed) };
        let Some(wanted) = self.fields_of(session, symbol, wanted) else { return Some(allowed) };
        (!wanted.is_empty()).then_some(Change { wanted: Some(wanted), ..allowed })
    }

    /// A change cut to the session's rights. `None` when it asks only for fields that the session may not read.
    pub fn allowed_change(&self, session: SessionKey, change: &Change) -> Option<Change> {
        let Some(entitled) = self.entitled(session) else { return Some(*change) };
        let wanted = match change.wanted {
            Some(wanted) => Some(entitled.fields_of(wanted)?),
            None => None,
        };
        let interval = change.interval.map(|interval| interval.max(entitled.rights.min_interval));
        Some(Change { interval, wanted, ..*change })
    }

    /// Brings a session's subscriptions within its rights, from `from` on, as far as the units last: ends, moves to the
    /// other market, or cuts. Returns whether it has finished; until then nothing may be sent to the session.
    pub fn restrict_some(
        &mut self,
        session: SessionKey,
        from: &mut Place,
        now: Nanos,
        store: &impl Store,
        changed: &mut Restricted,
        units: &mut Units,
    ) -> bool {
        while let Some((next, Subscriber { symbol, name, plane, .. })) = self.subscribed_from(session, *from)
        {
            if units.is_spent() {
                return false;
            }
            units.spend(CHANGE_UNITS);
            *from = next;
            let (symbol, name) = (symbol.clone(), name.cloned());
            let readable = self.plane_of(session, &symbol);
            let cut = readable.and_then(|_| self.cut_of(session, &symbol, name.as_ref()));
            let (Some(readable), Some((spec, change))) = (readable, cut) else {
                self.unsubscribe(session, &symbol, name.as_ref());
                changed.ended.push(Withdrawn { symbol, name });
                continue;
            };
            if readable != plane {
                units.spend(SUBSCRIBE_UNITS);
                self.unsubscribe(session, &symbol, name.as_ref());
                let request = SubscribeRequest::new(&symbol, &spec);
                // There is room: a subscription was just removed.
                if let Ok(Subscribed { outcome, state }) = self.subscribe(session, &request, now, store) {
                    changed.moved.push(Moved { symbol, name, plane: readable, outcome, state });
                }
            } else if change != Change::default() {
                self.set(session, &symbol, name.as_ref(), &change, now);
            }
        }
        true
    }

    /// Cuts a session's globs to its rights; one with nothing left is removed.
    pub fn restrict_globs(&mut self, session: SessionKey) {
        if is_planted(Fault::RenewalForgetsGlobs) {
            return;
        }
        for glob in self.globs(session).to_vec() {
            let Some(spec) = self.pattern_spec(session, &glob) else { continue };
            match self.allowed(session, &spec) {
                Some(allowed) => {
                    let change = change_to(&spec, &allowed);
                    self.set_glob(session, &glob.text, glob.name.as_ref(), &change);
                }
                None => drop(self.remove_glob(session, &glob.text, glob.name.as_ref())),
            }
        }
    }

    /// The spec of a subscription within the session's rights, and the change that leads to it; `None` when it may read
    /// none of the fields.
    fn cut_of(&self, session: SessionKey, symbol: &Symbol, name: Option<&Name>) -> Option<(Spec, Change)> {
        let spec = self.spec_of(session, symbol, name)?;
        let allowed = self.allowed_of(session, symbol, &spec)?;
        let change = change_to(&spec, &allowed);
        Some((allowed, change))
    }

    /// The spec of a subscription as requested, cut to the rights at that time.
    pub(super) fn spec_of(&self, session: SessionKey, symbol: &Symbol, name: Option<&Name>) -> Option<Spec> {
        let key = self.find(session, symbol, name)?;
        let sub = &self.subs[key as usize];
        let view = self.views.get(sub.view).clone();
        let interval = sub.pace.interval();
        Some(Spec { mode: self.asked_mode(key), interval, view, snapshot: true })
    }

    pub(super) fn entitled(&self, session: SessionKey) -> Option<&Entitled> {
        self.schedule.sessions.get(session.0 as usize)?.entitled.as_deref()
    }
}

/// The change from one spec to another with other fields, reports and pace.
fn change_to(spec: &Spec, allowed: &Spec) -> Change {
    Change {
        interval: (allowed.interval != spec.interval).then_some(allowed.interval),
        wanted: (allowed.view.wanted != spec.view.wanted).then_some(allowed.view.wanted),
        reports: (allowed.view.reports != spec.view.reports).then_some(allowed.view.reports),
        ..Change::default()
    }
}
