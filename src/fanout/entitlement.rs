//! What each session may read: asked when a subscription begins and when a glob matches a new symbol, and applied to what a
//! session has when its rights become less. A message that is delivered asks nothing.
//!
//! Invariant: once [`Fanout::restrict_some`] has finished, every subscription of a session is one that its rights allow, and
//! shows no more than they allow.

use std::time::Duration;

use super::{
    CHANGE_UNITS, Change, Fanout, Name, Place, SessionKey, Spec, Subscriber, Units, View, state::Entitled,
};
use crate::{
    access::{Entitlement, SharedRights},
    planted::{Fault, is_planted},
    tick::{CustomFields, Nanos, Symbol},
};

/// A subscription that ended because it is no longer allowed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Withdrawn {
    pub symbol: Symbol,
    pub name: Option<Name>,
}

impl Fanout {
    /// Says what a session may read from now on. What it has beyond that is for [`Self::restrict_some`].
    pub fn entitle(&mut self, session: SessionKey, rights: &SharedRights, table: &CustomFields) {
        let Some(entry) = self.schedule.sessions.get_mut(session.0 as usize) else { return };
        entry.entitled = (!rights.is_everything()).then(|| {
            let (fields, reports) = (rights.readable_fields(table), rights.may_read_reports());
            Box::new(Entitled { rights: SharedRights::clone(rights), fields, reports })
        });
    }

    pub fn may_read(&self, session: SessionKey, symbol: &Symbol) -> bool {
        self.entitled(session).is_none_or(|entitled| entitled.rights.may_read(symbol))
    }

    pub fn reading(&self, session: SessionKey, symbol: &Symbol) -> Entitlement {
        self.entitled(session).map_or(Entitlement::RealTime, |entitled| entitled.rights.reading(symbol))
    }

    /// A spec as the session may have it: with the fields and the pace that its rights allow. `None` when it may read none
    /// of the fields.
    pub fn allowed(&self, session: SessionKey, spec: &Spec) -> Option<Spec> {
        let Some(entitled) = self.entitled(session) else { return Some(spec.clone()) };
        let wanted = entitled.fields_of(spec.view.wanted)?;
        let view = View { wanted, reports: entitled.reports, ..spec.view.clone() };
        Some(Spec { interval: spec.interval.max(entitled.rights.min_interval), view, ..spec.clone() })
    }

    /// The same for a change. `None` when it asks for fields of which none may be read.
    pub fn allowed_change(&self, session: SessionKey, change: &Change) -> Option<Change> {
        let Some(entitled) = self.entitled(session) else { return Some(*change) };
        let wanted = match change.wanted {
            Some(wanted) => Some(entitled.fields_of(wanted)?),
            None => None,
        };
        let interval = change.interval.map(|interval| interval.max(entitled.rights.min_interval));
        Some(Change { interval, wanted, ..*change })
    }

    /// Ends those of a session's subscriptions that it may not read, and cuts the others to what it may, from a place on, as
    /// far as the units last. Returns whether it has finished. The session must be sent nothing before it has.
    pub fn restrict_some(
        &mut self,
        session: SessionKey,
        from: &mut Place,
        now: Nanos,
        ended: &mut Vec<Withdrawn>,
        units: &mut Units,
    ) -> bool {
        while let Some((next, Subscriber { symbol, name, .. })) = self.subscribed_from(session, *from) {
            if units.is_spent() {
                return false;
            }
            units.spend(CHANGE_UNITS);
            *from = next;
            let (symbol, name) = (symbol.clone(), name.cloned());
            let cut = if self.may_read(session, &symbol) {
                self.cut_of(session, &symbol, name.as_ref())
            } else {
                None
            };
            match cut {
                Some(change) if change == Change::default() => {}
                Some(change) => drop(self.set(session, &symbol, name.as_ref(), &change, now)),
                None => {
                    self.unsubscribe(session, &symbol, name.as_ref());
                    ended.push(Withdrawn { symbol, name });
                }
            }
        }
        true
    }

    /// Cuts a session's patterns to what it may read; a pattern of which nothing is left is removed.
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

    /// What has to change of a subscription that the session may read; `None` when it may read none of its fields.
    fn cut_of(&self, session: SessionKey, symbol: &Symbol, name: Option<&Name>) -> Option<Change> {
        let key = self.find(session, symbol, name)?;
        let sub = &self.subs[key as usize];
        let view = self.views.get(sub.view).clone();
        let interval = Duration::from_millis(u64::from(sub.interval_ms));
        let spec = Spec { mode: sub.mode, interval, view, snapshot: true };
        Some(change_to(&spec, &self.allowed(session, &spec)?))
    }

    pub(super) fn entitled(&self, session: SessionKey) -> Option<&Entitled> {
        self.schedule.sessions.get(session.0 as usize)?.entitled.as_deref()
    }
}

/// The change that makes one spec of another that differs in fields, reports and pace.
fn change_to(spec: &Spec, allowed: &Spec) -> Change {
    Change {
        interval: (allowed.interval != spec.interval).then_some(allowed.interval),
        wanted: (allowed.view.wanted != spec.view.wanted).then_some(allowed.view.wanted),
        reports: (allowed.view.reports != spec.view.reports).then_some(allowed.view.reports),
        ..Change::default()
    }
}
