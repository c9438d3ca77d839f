//! What was recorded as received in this month, so that it is recorded once.
//!
//! Loss: at most [`SEEN_MAX`] are remembered. Then all are forgotten, and recorded again as they come: a report counts them
//! once all the same.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::{
    event::{AuditChannel, AuditUser},
    month::Month,
};
use crate::tick::Symbol;

#[derive(Default)]
pub struct Seen {
    month: Option<Month>,
    /// A number for each user and class.
    users: HashMap<AuditUser, u32, RandomState>,
    symbols: HashSet<(u32, Symbol, bool, AuditChannel), RandomState>,
}

/// Some 60 bytes each.
const SEEN_MAX: usize = 4_000_000;

impl Seen {
    /// Those of the symbols that this user was not sent before in this month, in this way.
    pub fn news<'a>(
        &mut self,
        month: Month,
        who: &AuditUser,
        delayed: bool,
        via: AuditChannel,
        symbols: impl Iterator<Item = &'a Symbol>,
    ) -> Vec<&'a Symbol> {
        if self.month.replace(month) != Some(month) || self.symbols.len() > SEEN_MAX {
            self.symbols.clear();
            self.users.clear();
        }
        let next = u32::try_from(self.users.len()).unwrap_or(u32::MAX);
        let user = match self.users.get(who) {
            Some(&user) => user,
            None => *self.users.entry(who.clone()).or_insert(next),
        };
        symbols.filter(|symbol| self.symbols.insert((user, (*symbol).clone(), delayed, via))).collect()
    }
}
