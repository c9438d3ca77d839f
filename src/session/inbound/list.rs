//! The command `list`, in steps: collects the session's subscriptions, then writes them in the order of symbols and
//! names.

use super::{commands::ENTRY_UNITS, job::ListJob};
use crate::{
    fanout::{HeldGlob, SessionKey, Units},
    session::{core::Core, socket::SessionSocket},
    tick::{Numbers, WantedFields},
    wire::{
        Control, Id,
        assembled::Growing,
        control::{ListEntry, NamedGlob, millis},
    },
};

impl<S: SessionSocket> Core<S> {
    /// Continues a list; returns whether it has been answered.
    pub(super) fn step_list(&mut self, key: SessionKey, job: &mut ListJob, units: &mut Units) -> bool {
        let Some(answer) = &mut job.answer else {
            while let Some((next, held)) = self.fanout.subscribed_from(key, job.from) {
                if units.is_spent() {
                    return false;
                }
                units.spend(ENTRY_UNITS);
                job.subscriptions.insert((held.symbol.clone(), held.name.cloned()));
                job.from = next;
            }
            job.answer = Some(self.list_of_globs(key, job.id.take()).grow("subscriptions"));
            return self.step_list(key, job, units);
        };
        while let Some((symbol, name)) = job.subscriptions.pop_first() {
            if let Some(listed) = self.fanout.listed(key, &symbol, name.as_ref()) {
                answer.push(&ListEntry {
                    symbol: listed.symbol.as_str().to_owned(),
                    name: listed.name,
                    mode: listed.mode.as_str(),
                    delay_ms: listed.delay_ms,
                    interval_ms: millis(listed.interval),
                    fields: (listed.wanted != WantedFields::ALL)
                        .then(|| listed.wanted.names(&self.node.fields)),
                    numbers: (listed.numbers != Numbers::Number).then(|| listed.numbers.as_str()),
                    seq: listed.cursor,
                    state: listed.state,
                });
            }
            units.spend(ENTRY_UNITS);
            if units.is_spent() && !job.subscriptions.is_empty() {
                return false;
            }
        }
        let payload = job.answer.take().map(Growing::finish).unwrap_or_default();
        self.control_payload(key, &payload);
        self.note_telling(key);
        true
    }

    /// The answer without its subscriptions.
    fn list_of_globs(&self, key: SessionKey, id: Option<Id>) -> Control<'static> {
        let (mut globs, mut named_globs) = (Vec::new(), Vec::new());
        for HeldGlob { text, name } in self.fanout.globs(key).iter().cloned() {
            match name {
                None => globs.push(text),
                name => named_globs.push(NamedGlob { symbol: text, name }),
            }
        }
        Control::List { id, subscriptions: Vec::new(), globs, named_globs }
    }
}
