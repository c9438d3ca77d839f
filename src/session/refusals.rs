//! Counts of refused access, by reason.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::access::Refused;

/// Why access was refused: the label of `tickcast_access_refused_total`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum RefusedAccess {
    /// A token is required, and none was sent.
    Missing,
    BadToken,
    Expired,
    Revoked,
    TooManyOfUser,
    NoKeys,
    /// The token does not allow the symbol or path.
    NotEntitled,
}

/// Counts, by [`RefusedAccess`].
#[derive(Debug, Default)]
pub struct AccessRefusals([AtomicU64; RefusedAccess::ALL.len()]);

impl RefusedAccess {
    pub const ALL: [RefusedAccess; 7] = [
        RefusedAccess::Missing,
        RefusedAccess::BadToken,
        RefusedAccess::Expired,
        RefusedAccess::Revoked,
        RefusedAccess::TooManyOfUser,
        RefusedAccess::NoKeys,
        RefusedAccess::NotEntitled,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            RefusedAccess::Missing => "missing",
            RefusedAccess::BadToken => "bad_token",
            RefusedAccess::Expired => "expired",
            RefusedAccess::Revoked => "revoked",
            RefusedAccess::TooManyOfUser => "too_many_of_user",
            RefusedAccess::NoKeys => "no_keys",
            RefusedAccess::NotEntitled => "not_entitled",
        }
    }
}

impl From<&Refused> for RefusedAccess {
    fn from(refused: &Refused) -> Self {
        match refused {
            Refused::Missing => RefusedAccess::Missing,
            Refused::Bad(_) => RefusedAccess::BadToken,
            Refused::Expired => RefusedAccess::Expired,
            Refused::Revoked => RefusedAccess::Revoked,
            Refused::TooManyOfUser => RefusedAccess::TooManyOfUser,
            Refused::NoKeys => RefusedAccess::NoKeys,
        }
    }
}

impl AccessRefusals {
    pub fn count(&self, reason: RefusedAccess) {
        self.0[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub fn get(&self, reason: RefusedAccess) -> u64 {
        self.0[reason as usize].load(Ordering::Relaxed)
    }
}
