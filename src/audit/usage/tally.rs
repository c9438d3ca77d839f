//! What records add up to: who was shown what in each month, who could be, and how many at one moment.
//!
//! Invariant: memory is that of users and the symbols that they were shown, whatever the number of records.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;

use super::open::{Licence, OpenAtOnce, OpenSessions};
use crate::audit::{
    event::{AuditChannel, AuditUser, Event},
    month::Month,
    read::AuditRecord,
};

/// What the records add up to.
#[derive(Default, Debug)]
pub struct Usage {
    pub rows: BTreeMap<UsageKey, UsageRow>,
    pub months: BTreeMap<Month, MonthTotals>,
    /// Events that were not recorded.
    pub lost: u64,
    open: OpenSessions,
    /// Of the last record.
    month: Option<Month>,
}

/// Who, of which product, in which month.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UsageKey {
    pub month: Month,
    pub product: CompactString,
    pub who: AuditUser,
}

/// One user's use of a product, in a class, within a month.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct UsageRow {
    pub real_time: BTreeSet<CompactString>,
    pub delayed: BTreeSet<CompactString>,
    pub messages: u64,
    pub events: u64,
    pub requests: u64,
}

/// What is counted beside the use of each user.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct MonthTotals {
    /// Who could read at its first moment.
    pub held: BTreeSet<AuditUser>,
    /// The most that were open at once.
    pub at_once: OpenAtOnce,
    /// The same of each product and class.
    pub licences: BTreeMap<Licence, LicenceTotals>,
    pub refused: u64,
    pub revoked: u64,
}

/// Who could read anything of a product, in a class.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct LicenceTotals {
    pub held: BTreeSet<AuditUser>,
    pub at_once: OpenAtOnce,
}

/// A token that ends later than this many months after it was seen holds no access beyond them.
const MONTHS_MAX: usize = 120;

impl Usage {
    pub fn take(&mut self, record: AuditRecord) {
        let AuditRecord { ts, event, .. } = record;
        // Records of several threads may be a little out of order, also about the turn of a month.
        let month = Month::of_micros(ts);
        let now = self.turn(month);
        match event {
            Event::Begin { started: true, .. } => self.open.clear(),
            Event::Begin { .. } | Event::Torn { .. } | Event::Closed { .. } => {}
            Event::Lost { events } => self.lost += events,
            Event::Opened { session, who, expires, products, .. } => {
                self.opened(now, session, who, expires, products);
            }
            Event::Renewed { session, who, expires, products } => {
                self.open.end(session);
                self.opened(now, session, who, expires, products);
            }
            Event::Ended { session, .. } => self.open.end(session),
            Event::Received { who, product, symbols, delayed, .. } => {
                let row = self.rows.entry(UsageKey { month, product, who }).or_default();
                if delayed { row.delayed.extend(symbols) } else { row.real_time.extend(symbols) }
            }
            Event::Used { who, product, messages, via } => {
                let row = self.rows.entry(UsageKey { month, product, who }).or_default();
                match via {
                    AuditChannel::Stream => row.messages += messages,
                    AuditChannel::Sse => row.events += messages,
                    AuditChannel::Rest => row.requests += messages,
                }
            }
            Event::Refused { .. } => self.months.entry(month).or_default().refused += 1,
            Event::RefusedMore { count } => self.months.entry(month).or_default().refused += count,
            Event::Revoked { .. } => self.months.entry(month).or_default().revoked += 1,
        }
    }

    /// Moves on to a month; returns the newest so far.
    fn turn(&mut self, month: Month) -> Month {
        let Some(before) = self.month else {
            self.months.entry(month).or_default();
            return *self.month.insert(month);
        };
        let mut at = before;
        while at < month {
            at = at.next();
            let totals = self.months.entry(at).or_default();
            totals.at_once = self.open.at_once();
            for (licence, at_once) in self.open.licences() {
                totals.licences.entry(licence.clone()).or_default().at_once = at_once;
            }
            for session in self.open.sessions() {
                totals.hold(&session.who, &session.products);
            }
        }
        *self.month.insert(at)
    }

    fn opened(
        &mut self,
        month: Month,
        session: u64,
        who: AuditUser,
        expires: Option<i64>,
        products: Vec<CompactString>,
    ) {
        // Months that begin while the token is good.
        let begins = std::iter::successors(Some(month.next()), |month| Some(month.next()));
        for at in begins
            .take(MONTHS_MAX)
            .take_while(|at| expires.is_some_and(|expires| at.begin_micros() < expires))
        {
            self.months.entry(at).or_default().hold(&who, &products);
        }
        let licences: Vec<Licence> = products.iter().map(|product| Licence::of(product, &who)).collect();
        self.open.begin(session, who, products);
        let totals = self.months.entry(month).or_default();
        totals.at_once.raise(self.open.at_once());
        for licence in licences {
            let at_once = self.open.of(&licence);
            totals.licences.entry(licence).or_default().at_once.raise(at_once);
        }
    }

    /// Leaves one month.
    pub fn only(&mut self, month: Month) {
        self.rows.retain(|key, _| key.month == month);
        self.months.retain(|at, _| *at == month);
    }

    /// The products and classes that there are in a month: used, or held.
    pub(super) fn licences(&self, month: Month) -> BTreeSet<Licence> {
        let rows = self.rows.keys().filter(|key| key.month == month);
        let used = rows.map(|key| Licence::of(&key.product, &key.who));
        let held = self.months.get(&month).into_iter().flat_map(|totals| totals.licences.keys().cloned());
        used.chain(held).collect()
    }
}

impl MonthTotals {
    /// This user could read at the month's first moment.
    fn hold(&mut self, who: &AuditUser, products: &[CompactString]) {
        self.held.insert(who.clone());
        for product in products {
            self.licences.entry(Licence::of(product, who)).or_default().held.insert(who.clone());
        }
    }
}
