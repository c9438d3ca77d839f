//! What is revoked: by the list in a file, and by requests while the service runs.
//!
//! A line of the list is `user:NAME` (`sub`) or `token:ID` (`jti`, or the `sha256:…` that a token without one goes by); a
//! name alone is both. `#` at the beginning of a line, or behind a blank, begins a comment; empty lines say nothing. The
//! list bars its users and tokens for as long as they are in it. A request bars tokens that exist: a user's later tokens
//! are good again, if they say by `iat` that they are later.
//!
//! Invariants: what requests have revoked is bounded: a token until it expires, and of users the last
//! [`USERS_MAX`]. A restart forgets requests, and reads the list.

use std::collections::{HashMap, HashSet, VecDeque};

use compact_str::CompactString;

use super::{claim::NAME_BYTES_MAX, rights::Rights};
use crate::{text::without_bom, tick::Nanos};

/// The list of a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RevokedList {
    users: HashSet<CompactString>,
    tokens: HashSet<CompactString>,
}

/// What requests have revoked.
#[derive(Debug, Default)]
pub struct RevokedHere {
    /// Tokens, and when they expire by themselves.
    tokens: HashMap<CompactString, Nanos>,
    /// Users, and the time up to which their tokens are barred.
    users: HashMap<CompactString, Nanos>,
    /// The users in the order of their requests; one may be there twice.
    order: VecDeque<CompactString>,
    /// With so many tokens, those that have expired are dropped.
    sweep_at: usize,
}

/// A line that says nothing that is understood. The line itself is not shown: it may hold a whole token.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RevokedFault {
    #[error(
        "line {line} is neither user:NAME nor token:ID, nor a name without a colon, nor a comment with #"
    )]
    Line { line: usize },
    #[error("line {line} is a whole token; write token: and its `jti`, or user: and its `sub`")]
    WholeToken { line: usize },
    #[error("line {line} has a name of more than {NAME_BYTES_MAX} bytes")]
    TooLong { line: usize },
    #[error("line {line} is not UTF-8")]
    Encoding { line: usize },
}

/// Users that requests have revoked; with more, the oldest is forgotten.
pub const USERS_MAX: usize = 65_536;
/// Tokens that requests have revoked; with more, those that expire first are forgotten.
pub const TOKENS_MAX: usize = 65_536;
const SWEEP_MIN: usize = 64;

// === impl RevokedList ===

impl RevokedList {
    /// # Errors
    /// Every line with a fault.
    pub fn parse(text: &[u8]) -> Result<Self, Vec<RevokedFault>> {
        let (mut list, mut faults) = (RevokedList::default(), Vec::new());
        for (at, line) in without_bom(text).split(|byte| *byte == b'\n').enumerate() {
            if let Err(fault) = list.take(line, at + 1) {
                faults.push(fault);
            }
        }
        if faults.is_empty() { Ok(list) } else { Err(faults) }
    }

    pub fn len(&self) -> usize {
        self.users.len() + self.tokens.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn bars(&self, rights: &Rights) -> bool {
        rights.user.as_ref().is_some_and(|user| self.users.contains(user))
            || rights.token.as_ref().is_some_and(|token| self.tokens.contains(token))
    }

    fn take(&mut self, line: &[u8], number: usize) -> Result<(), RevokedFault> {
        let text = std::str::from_utf8(line).map_err(|_| RevokedFault::Encoding { line: number })?;
        let text = without_comment(text).trim();
        if text.is_empty() {
            return Ok(());
        }
        let (sets, name) = match text.split_once(':') {
            Some(("user", name)) => (vec![&mut self.users], name.trim()),
            Some(("token", name)) => (vec![&mut self.tokens], name.trim()),
            Some(("sha256", _)) => (vec![&mut self.tokens], text),
            None => (vec![&mut self.users, &mut self.tokens], text),
            _ if is_whole_token(text) => return Err(RevokedFault::WholeToken { line: number }),
            // Such as `usr:NAME`, which is not a name of a user.
            _ => return Err(RevokedFault::Line { line: number }),
        };
        if is_whole_token(name) {
            return Err(RevokedFault::WholeToken { line: number });
        }
        match name.len() {
            0 => Err(RevokedFault::Line { line: number }),
            1..=NAME_BYTES_MAX => {
                for set in sets {
                    set.insert(CompactString::new(name));
                }
                Ok(())
            }
            _ => Err(RevokedFault::TooLong { line: number }),
        }
    }
}

/// A line without its comment. A `#` within a name is a part of it.
fn without_comment(line: &str) -> &str {
    let starts = line.char_indices().filter(|(_, character)| *character == '#');
    let begins = |at: usize| line[..at].chars().next_back().is_none_or(char::is_whitespace);
    starts.map(|(at, _)| at).find(|&at| begins(at)).map_or(line, |at| &line[..at])
}

/// Whether a text is a token and not the name of one. Each begins so: `{"` in base64.
pub fn is_whole_token(text: &str) -> bool {
    text.starts_with("eyJ") && text.matches('.').count() == 2
}

// === impl RevokedHere ===

impl RevokedHere {
    /// Bars the user's tokens that were made up to `now`, and those that do not say when.
    pub(super) fn revoke_user(&mut self, user: &str, now: Nanos) {
        let user = CompactString::new(user);
        self.order.push_back(user.clone());
        self.users.insert(user, now);
        // A user who is there twice goes with the first of both only if the second one is as old.
        while self.users.len() > USERS_MAX || self.order.len() > 2 * USERS_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            if !self.order.contains(&oldest) {
                self.users.remove(&oldest);
            }
        }
    }

    /// Bars a token until it expires.
    pub(super) fn revoke_token(&mut self, token: &str, expires: Nanos, now: Nanos) {
        if self.tokens.len() >= self.sweep_at {
            self.tokens.retain(|_, expires| expires.0 > now.0);
            self.sweep_at = (2 * self.tokens.len()).clamp(SWEEP_MIN, TOKENS_MAX);
        }
        if self.tokens.len() >= TOKENS_MAX
            && let Some(first) =
                self.tokens.iter().min_by_key(|(_, expires)| expires.0).map(|(token, _)| token.clone())
        {
            self.tokens.remove(&first);
        }
        self.tokens.insert(CompactString::new(token), expires);
    }

    pub(super) fn bars(&self, rights: &Rights) -> bool {
        let is_barred = |until: &Nanos| rights.issued.is_none_or(|issued| issued.0 <= until.0);
        let user = rights.user.as_ref().and_then(|user| self.users.get(user));
        user.is_some_and(is_barred)
            || rights.token.as_ref().is_some_and(|token| self.tokens.contains_key(token))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.users.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(user: &str, token: &str, issued: Option<i64>) -> Rights {
        Rights {
            user: Some(user.into()),
            token: Some(token.into()),
            issued: issued.map(Nanos),
            ..Rights::default()
        }
    }

    #[test]
    fn a_list_bars_its_users_and_its_tokens() {
        let text = "\u{feff}# who left\nuser:alice\r\n\n token: a1 # stolen\nuser:#1:b c\n";
        let list = RevokedList::parse(text.as_bytes()).unwrap();
        assert_eq!(list.len(), 3);
        let bars = |user, token| list.bars(&of(user, token, Some(i64::MAX)));
        assert!(bars("alice", "x") && bars("bob", "a1") && bars("#1:b c", "x"));
        assert!(!bars("a1", "alice") && !list.bars(&Rights::default()));
        assert!(RevokedList::parse(b"").unwrap().is_empty());
    }

    #[test]
    fn a_name_alone_bars_the_user_and_the_token() {
        let list = RevokedList::parse(b"mallory\n  t-7 #x\nsha256:0f\n").unwrap();
        let bars = |user, token| list.bars(&of(user, token, None));
        assert!(bars("mallory", "x") && bars("x", "mallory") && bars("x", "t-7") && bars("x", "sha256:0f"));
        assert!(!bars("x", "x") && !bars("sha256:0f", "x"));
    }

    #[test]
    fn every_faulty_line_is_named_and_none_is_shown() {
        let long = format!("user:{}", "x".repeat(NAME_BYTES_MAX + 1));
        let text = format!("usr:alice\nuser:\n{long}\ntoken:eyJh.eyJz.c2ln\neyJh.eyJz.c2ln\nrole:x\n");
        let mut bytes = text.into_bytes();
        bytes.extend(b"user:\xff");
        let faults = RevokedList::parse(&bytes).unwrap_err();
        assert_eq!(
            faults,
            [
                RevokedFault::Line { line: 1 },
                RevokedFault::Line { line: 2 },
                RevokedFault::TooLong { line: 3 },
                RevokedFault::WholeToken { line: 4 },
                RevokedFault::WholeToken { line: 5 },
                RevokedFault::Line { line: 6 },
                RevokedFault::Encoding { line: 7 },
            ]
        );
        assert!(!format!("{faults:?}").contains("c2ln"));
    }

    #[test]
    fn a_request_bars_the_tokens_that_exist_and_no_later_ones() {
        let mut here = RevokedHere::default();
        here.revoke_user("alice", Nanos(100));
        assert!(here.bars(&of("alice", "a", None)) && here.bars(&of("alice", "a", Some(100))));
        assert!(!here.bars(&of("alice", "a", Some(101))) && !here.bars(&of("bob", "a", None)));
        here.revoke_token("a", Nanos(200), Nanos(100));
        assert!(here.bars(&of("bob", "a", Some(101))));
        // What has expired needs no bar, and is dropped in time.
        for number in 0..=SWEEP_MIN {
            here.revoke_token(&number.to_string(), Nanos(400), Nanos(300));
        }
        assert!(!here.tokens.contains_key("a") && here.tokens.contains_key("0"));
    }

    #[test]
    fn what_requests_revoke_is_bounded() {
        let mut here = RevokedHere::default();
        for number in 0..TOKENS_MAX + 2 {
            here.revoke_token(&number.to_string(), Nanos(1_000 + number as i64), Nanos(0));
        }
        assert_eq!(here.tokens.len(), TOKENS_MAX);
        assert!(!here.tokens.contains_key("0") && here.tokens.contains_key("2"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = RevokedList::parse(&bytes);
        }

        /// The last ones stay, whoever is revoked how often.
        #[test]
        fn the_users_that_were_revoked_last_are_barred(users in prop::collection::vec(0u8..20, 1..60)) {
            let mut here = RevokedHere::default();
            for (at, user) in users.iter().enumerate() {
                here.revoke_user(&user.to_string(), Nanos(at as i64));
            }
            for user in &users {
                let last = users.iter().rposition(|one| one == user).unwrap() as i64;
                prop_assert!(here.bars(&of(&user.to_string(), "t", Some(last))));
                prop_assert!(!here.bars(&of(&user.to_string(), "t", Some(last + 1))));
            }
        }
    }
}
