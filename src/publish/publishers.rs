//! Publishers that number their messages: what was taken in, so that a retry never takes it in again.
//!
//! A publisher that was cut off does not know whether its last message arrived. It sends the same number again. The first
//! outcome of the last number of each publisher is kept for that. It is kept as long as the market: both begin anew with
//! the process, so what one process took in is never in another's market.
//!
//! Loss first: [`PUBLISHERS_MAX`] are known, [`PUBLISHERS_OF_USER_MAX`] of one user. When one more comes, the one that has been silent longest is forgotten if that
//! is longer than [`KEPT_NANOS`]; otherwise the new one is refused. A publisher that is not known begins at number 1, so
//! one that was forgotten is refused, and what it repeats is not taken in a second time.
//!
//! Invariants: numbers of one publisher are taken in order, without a gap; each is taken once; at most one of a
//! publisher's messages is being taken in at any time.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use compact_str::CompactString;

use super::outcome::Outcome;
use crate::tick::{Nanos, Symbol};

/// The name of a publisher: 1 to 64 bytes, with the characters of symbols.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PublisherName(CompactString);

/// A publisher: the name that it gives itself, among those of its user. Another user's publisher of the same name is
/// another one, so nobody uses up the numbers of somebody else.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Publisher {
    /// `None` for those without a token, or with one that names no user.
    pub user: Option<CompactString>,
    pub name: PublisherName,
}

/// A message's publisher, and its number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumberedMessage {
    pub publisher: Publisher,
    /// From 1, one more for each message.
    pub number: u64,
}

/// All publishers that number their messages.
#[derive(Default)]
pub struct Publishers {
    known: Mutex<HashMap<Publisher, KnownPublisher>>,
}

/// One publisher.
#[derive(Default)]
struct KnownPublisher {
    /// The last number that was taken in; 0 for none.
    last: u64,
    /// What became of it.
    outcome: Arc<Outcome>,
    /// The next one is being taken in.
    is_taking: bool,
    /// When it last sent a message, by the machine's clock.
    used_at: Nanos,
}

/// What is to be done with a message.
pub enum Begun<'a> {
    /// It is to be taken in.
    First(NumberTurn<'a>),
    /// It was taken in, and this became of it.
    Repeated(Arc<Outcome>),
}

/// A number that is being taken in. When it is dropped its outcome is kept, and the number is taken. When nothing has
/// begun by then, the number is free again.
pub struct NumberTurn<'a> {
    publishers: &'a Publishers,
    numbered: NumberedMessage,
    /// What has become of the message so far.
    pub outcome: Outcome,
    has_begun: bool,
}

/// Why a number is not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NumberFault {
    /// Numbers before it were never taken in.
    #[error("number {given} would leave a gap: the next of publisher {publisher:?} is {expected}")]
    Gap { publisher: String, given: u64, expected: u64 },
    /// It was taken in, and so were later ones: its outcome is no longer known.
    #[error("number {given} is old: the next of publisher {publisher:?} is {expected}")]
    Old { publisher: String, given: u64, expected: u64 },
    #[error(
        "number {given} of publisher {publisher:?} is being taken in, as it came by another connection: ask again"
    )]
    Busy { publisher: String, given: u64 },
    #[error(
        "{PUBLISHERS_MAX} publishers are known, or {PUBLISHERS_OF_USER_MAX} of this user, and each has sent something within the last hour"
    )]
    TooMany,
}

/// Publishers that are known at once.
pub const PUBLISHERS_MAX: usize = 1_024;
/// Of one user, so that nobody takes the place of all others.
pub const PUBLISHERS_OF_USER_MAX: usize = 128;
/// A publisher that has been silent for longer may be forgotten: an hour.
const KEPT_NANOS: u64 = 3_600_000_000_000;

// === impl PublisherName ===

impl PublisherName {
    pub const EXPECTED: &str = "1 to 64 bytes without control characters, quote, backslash and comma";

    pub fn new(text: &str) -> Option<Self> {
        Symbol::new(text).ok().map(|_| PublisherName(CompactString::new(text)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl Publishers ===

impl Publishers {
    /// Begins a message; `now` is by the machine's clock.
    ///
    /// # Errors
    /// When its number is not the next, nor the last, or is being taken in.
    pub fn begin(&self, numbered: &NumberedMessage, now: Nanos) -> Result<Begun<'_>, NumberFault> {
        let NumberedMessage { publisher, number: given } = numbered;
        let (name, given) = (publisher.name.as_str().to_owned(), *given);
        let mut known = self.lock();
        let entry = if let Some(entry) = known.get_mut(publisher) {
            entry
        } else if given != 1 {
            return Err(match given {
                0 => NumberFault::Old { publisher: name, given, expected: 1 },
                _ => NumberFault::Gap { publisher: name, given, expected: 1 },
            });
        } else {
            make_room(&mut known, publisher, now)?;
            known.entry(publisher.clone()).or_default()
        };
        entry.used_at = now;
        if entry.is_taking {
            return Err(NumberFault::Busy { publisher: name, given });
        }
        let expected = entry.last + 1;
        if given == entry.last && given > 0 {
            return Ok(Begun::Repeated(Arc::clone(&entry.outcome)));
        }
        if given != expected {
            return Err(if given < expected {
                NumberFault::Old { publisher: name, given, expected }
            } else {
                NumberFault::Gap { publisher: name, given, expected }
            });
        }
        entry.is_taking = true;
        let numbered = numbered.clone();
        Ok(Begun::First(NumberTurn {
            publishers: self,
            numbered,
            outcome: Outcome::default(),
            has_begun: false,
        }))
    }

    /// The last number of a publisher that was taken in; 0 for none.
    pub fn last(&self, publisher: &Publisher) -> u64 {
        self.lock().get(publisher).map_or(0, |known| known.last)
    }

    /// A panic elsewhere leaves the table consistent: a turn changes an entry at once.
    fn lock(&self) -> MutexGuard<'_, HashMap<Publisher, KnownPublisher>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the publisher that has been silent longest, when there are too many, in all or of the user of a new one.
fn make_room(
    known: &mut HashMap<Publisher, KnownPublisher>,
    new: &Publisher,
    now: Nanos,
) -> Result<(), NumberFault> {
    let is_of_user = |publisher: &Publisher| publisher.user == new.user;
    let of_user = || known.keys().filter(|publisher| is_of_user(publisher)).count();
    let is_user_full = new.user.is_some() && of_user() >= PUBLISHERS_OF_USER_MAX;
    if known.len() < PUBLISHERS_MAX && !is_user_full {
        return Ok(());
    }
    let idle = known.iter().filter(|(_, entry)| !entry.is_taking && now.since(entry.used_at) > KEPT_NANOS);
    let idle = idle.filter(|(publisher, _)| !is_user_full || is_of_user(publisher));
    let oldest = idle.min_by_key(|(_, entry)| entry.used_at).map(|(publisher, _)| publisher.clone());
    known.remove(&oldest.ok_or(NumberFault::TooMany)?);
    Ok(())
}

// === impl NumberTurn ===

impl NumberTurn<'_> {
    /// From here on ticks are taken in: the number is used up, whatever happens.
    pub fn begin_taking(&mut self) {
        self.has_begun = true;
    }

    /// Ends it, and returns what is kept.
    pub fn finish(self) -> Arc<Outcome> {
        let (publishers, publisher) = (self.publishers, self.numbered.publisher.clone());
        drop(self);
        publishers.lock().get(&publisher).map(|known| Arc::clone(&known.outcome)).unwrap_or_default()
    }
}

impl Drop for NumberTurn<'_> {
    fn drop(&mut self) {
        let mut known = self.publishers.lock();
        // One that is being taken in is not forgotten.
        let Some(entry) = known.get_mut(&self.numbered.publisher) else { return };
        entry.is_taking = false;
        if self.has_begun {
            entry.last = self.numbered.number;
            entry.outcome = Arc::new(mem::take(&mut self.outcome));
        }
    }
}
