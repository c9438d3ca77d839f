//! Sessions that are open as of the last record: how many there are, of how many users, over all products and of each.
//!
//! A session counts for every product of which its token allows anything, whether it reads it or not.

use std::collections::{BTreeMap, HashMap};

use compact_str::CompactString;

use crate::audit::event::AuditUser;

/// A product, and a class of its readers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Licence {
    pub product: CompactString,
    pub class: Option<CompactString>,
}

/// How many were open at once.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct OpenAtOnce {
    pub devices: u64,
    pub users: u64,
}

/// Sessions that are open.
#[derive(Default, Debug)]
pub struct OpenSessions {
    sessions: HashMap<u64, AccountedSession>,
    all: OpenCounts,
    licences: BTreeMap<Licence, OpenCounts>,
}

#[derive(Debug)]
pub struct AccountedSession {
    pub who: AuditUser,
    pub products: Vec<CompactString>,
}

#[derive(Default, Debug)]
struct OpenCounts {
    devices: u64,
    /// How many of them each user has.
    users: HashMap<AuditUser, u64>,
}

// === impl Licence ===

impl Licence {
    pub fn of(product: &CompactString, who: &AuditUser) -> Self {
        Licence { product: product.clone(), class: who.class.clone() }
    }
}

// === impl OpenAtOnce ===

impl OpenAtOnce {
    /// The most of either.
    pub fn raise(&mut self, other: OpenAtOnce) {
        self.devices = self.devices.max(other.devices);
        self.users = self.users.max(other.users);
    }
}

// === impl OpenSessions ===

impl OpenSessions {
    pub fn begin(&mut self, number: u64, who: AuditUser, products: Vec<CompactString>) {
        self.all.begin(&who);
        for product in &products {
            self.licences.entry(Licence::of(product, &who)).or_default().begin(&who);
        }
        self.sessions.insert(number, AccountedSession { who, products });
    }

    pub fn end(&mut self, number: u64) {
        let Some(AccountedSession { who, products }) = self.sessions.remove(&number) else { return };
        self.all.end(&who);
        for product in &products {
            let licence = Licence::of(product, &who);
            if let Some(counted) = self.licences.get_mut(&licence) {
                counted.end(&who);
                if counted.devices == 0 {
                    self.licences.remove(&licence);
                }
            }
        }
    }

    pub fn clear(&mut self) {
        *self = OpenSessions::default();
    }

    pub fn sessions(&self) -> impl Iterator<Item = &AccountedSession> {
        self.sessions.values()
    }

    pub fn at_once(&self) -> OpenAtOnce {
        self.all.at_once()
    }

    pub fn of(&self, licence: &Licence) -> OpenAtOnce {
        self.licences.get(licence).map(OpenCounts::at_once).unwrap_or_default()
    }

    pub fn licences(&self) -> impl Iterator<Item = (&Licence, OpenAtOnce)> {
        self.licences.iter().map(|(licence, counted)| (licence, counted.at_once()))
    }
}

// === impl OpenCounts ===

impl OpenCounts {
    fn begin(&mut self, who: &AuditUser) {
        self.devices += 1;
        *self.users.entry(who.clone()).or_default() += 1;
    }

    fn end(&mut self, who: &AuditUser) {
        self.devices -= 1;
        if let Some(sessions) = self.users.get_mut(who) {
            *sessions -= 1;
            if *sessions == 0 {
                self.users.remove(who);
            }
        }
    }

    fn at_once(&self) -> OpenAtOnce {
        OpenAtOnce { devices: self.devices, users: self.users.len() as u64 }
    }
}
