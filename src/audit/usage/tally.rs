//! What records add up to: who was shown what in each month, who could be, and how many at one moment.
//!
//! Invariant: memory is that of users and the symbols that they were shown, whatever the number of records.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use compact_str::CompactString;

use crate::audit::{
    event::{DEFAULT_PRODUCT, Event, Via, Who},
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
    /// Sessions that are open as of the last record.
    open: HashMap<u64, Who>,
    /// How many of them each user has.
    users: HashMap<Who, u64>,
    /// Of the last record.
    month: Option<Month>,
}

/// Who, of which product, in which month.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UsageKey {
    pub month: Month,
    pub product: CompactString,
    pub who: Who,
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

/// What is counted over all products.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct MonthTotals {
    /// Who could read at its first moment.
    pub held: BTreeSet<Who>,
    pub devices_max: u64,
    pub users_max: u64,
    pub refused: u64,
    pub revoked: u64,
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
            Event::Begin { started: true, .. } => {
                self.open.clear();
                self.users.clear();
            }
            Event::Begin { .. } | Event::Torn { .. } | Event::Closed { .. } => {}
            Event::Lost { events } => self.lost += events,
            Event::Opened { session, who, expires, .. } => self.opened(now, session, who, expires),
            Event::Renewed { session, who, expires } => {
                self.ended(session);
                self.opened(now, session, who, expires);
            }
            Event::Ended { session, .. } => self.ended(session),
            Event::Received { who, product, symbols, delayed, .. } => {
                let row = self.rows.entry(UsageKey { month, product, who }).or_default();
                if delayed { row.delayed.extend(symbols) } else { row.real_time.extend(symbols) }
            }
            Event::Used { who, product, messages, via } => {
                let row = self.rows.entry(UsageKey { month, product, who }).or_default();
                match via {
                    Via::Stream => row.messages += messages,
                    Via::Sse => row.events += messages,
                    Via::Rest => row.requests += messages,
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
            let (devices_max, users_max) = (self.open.len() as u64, self.users.len() as u64);
            let totals = self.months.entry(at).or_default();
            totals.held.extend(self.open.values().cloned());
            (totals.devices_max, totals.users_max) = (devices_max, users_max);
        }
        *self.month.insert(at)
    }

    fn opened(&mut self, month: Month, session: u64, who: Who, expires: Option<i64>) {
        // Months that begin while the token is good.
        let begins = std::iter::successors(Some(month.next()), |month| Some(month.next()));
        for at in begins
            .take(MONTHS_MAX)
            .take_while(|at| expires.is_some_and(|expires| at.begin_micros() < expires))
        {
            self.months.entry(at).or_default().held.insert(who.clone());
        }
        *self.users.entry(who.clone()).or_default() += 1;
        self.open.insert(session, who);
        let totals = self.months.entry(month).or_default();
        totals.devices_max = totals.devices_max.max(self.open.len() as u64);
        totals.users_max = totals.users_max.max(self.users.len() as u64);
    }

    fn ended(&mut self, session: u64) {
        let Some(who) = self.open.remove(&session) else { return };
        if let Some(sessions) = self.users.get_mut(&who) {
            *sessions -= 1;
            if *sessions == 0 {
                self.users.remove(&who);
            }
        }
    }

    /// Leaves one month.
    pub fn only(&mut self, month: Month) {
        self.rows.retain(|key, _| key.month == month);
        self.months.retain(|at, _| *at == month);
    }

    /// The products that there are in a month.
    pub(super) fn products(&self, month: Month) -> BTreeSet<&str> {
        let products = self.rows.keys().filter(|key| key.month == month).map(|key| key.product.as_str());
        let products: BTreeSet<&str> = products.collect();
        if products.is_empty() { BTreeSet::from([DEFAULT_PRODUCT]) } else { products }
    }
}
