//! What entitlement and accounts of use cost where they are asked: a check of a symbol when a subscription begins, and
//! the first receipt of a symbol by a user in a month. What they cost a message is in `session`.
//!
//! A list may have 64 globs, each of which is tried, and any number of names, which are sorted; so the last glob of 64 and
//! one of 10,000 names are the longest ways.

use std::{sync::Arc, time::Duration};

use tickcast::{
    access::{Entitlement, Rights, SymbolPatterns},
    audit::{AuditChannel, AuditLog, AuditUser},
    tick::{Nanos, Symbol},
};

use crate::{
    inputs::{START, symbol},
    session,
    work::{Case, Done, Scale, Work, fed, repeated},
};

pub const CASES: [Case; 6] = [
    Case::new("1000_checks_with_1_glob", |scale| checks(&globs(1), Entitlement::RealTime, scale)),
    Case::new("1000_checks_with_64_globs_of_which_the_last_matches", |scale| {
        checks(&globs(64), Entitlement::RealTime, scale)
    }),
    Case::new("1000_checks_with_64_globs_of_which_none_matches", |scale| {
        let globs: Vec<String> = (0..64).map(|number| format!("X{number}*-USD")).collect();
        checks(&globs, Entitlement::Refused, scale)
    }),
    Case::new("1000_checks_with_10000_names", |scale| {
        let names: Vec<String> = (0..10_000).map(|number| symbol(number).as_str().to_owned()).collect();
        checks(&names, Entitlement::RealTime, scale)
    }),
    Case::new("1000_first_receipts_of_a_symbol", |scale| receipts(scale, true)),
    Case::new("1000_receipts_that_were_told_before", |scale| receipts(scale, false)),
];

/// So many, of which the last matches.
fn globs(count: usize) -> Vec<String> {
    let others = (1..count).map(|number| format!("X{number}*-USD"));
    others.chain(["S*-USD".to_owned()]).collect()
}

fn checks(read: &[String], expected: Entitlement, scale: Scale) -> Box<dyn Work> {
    let read = SymbolPatterns::new(read.iter().map(String::as_str)).expect("patterns");
    let rights = Rights { read, ..Rights::default() };
    let symbols: Vec<Symbol> = (0..scale.of(1_000)).map(symbol).collect();
    repeated(move || {
        let found =
            symbols.iter().filter(|symbol| divan::black_box(&rights).reading(symbol) == expected).count();
        assert_eq!(found, symbols.len());
        Done { items: found as u64, bytes: 0 }
    })
}

const MONTH: Duration = Duration::from_secs(31 * 24 * 3600);

/// Of one symbol by each of a thousand users; each iteration is in another month, or all are in one.
fn receipts(scale: Scale, are_new: bool) -> Box<dyn Work> {
    let log: Arc<AuditLog> = session::accounts();
    let who =
        |number| AuditUser { user: Some(format!("user-{number}").into()), class: Some("display".into()) };
    let users: Vec<AuditUser> = (0..scale.of(1_000)).map(who).collect();
    let symbol = symbol(7);
    let mut now = START;
    let month = move |_: Option<Nanos>| {
        if are_new {
            now = now.plus(MONTH);
        }
        now
    };
    fed(month, move |now| {
        for who in &users {
            log.tell_received(*now, who, AuditChannel::Stream, false, std::iter::once(&symbol));
        }
        Done { items: users.len() as u64, bytes: 0 }
    })
}
