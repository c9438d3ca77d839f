//! [`Backlog`]: work left for later turns: sessions with pending commands, and walks over all topics.
//!
//! Invariant: a session with pending commands is in one of the two lists, unless it is parked.

use std::{collections::VecDeque, sync::mpsc};

use crate::fanout::{SessionKey, Units};

/// Units for all sessions between two turns, for commands carried out as they are read.
pub const ALLOWANCE_UNITS: u32 = 8 * 1024;
/// Every so many quanta a long command goes first, so that short ones never starve it.
const LONG_EACH: u64 = 4;

/// Sessions with pending commands, and the units left before the next turn.
pub struct Backlog {
    pub allowance: Units,
    /// Sessions whose current command has had less than one quantum.
    pub short: VecDeque<SessionKey>,
    pub long: VecDeque<SessionKey>,
    /// Quanta granted so far.
    quanta: u64,
    /// Walks over all topics in progress, with the index at which each resumes.
    pub stale_from: Option<u32>,
    pub shrink_from: Option<u32>,
    pub shrunk: Vec<mpsc::Sender<()>>,
}

impl Backlog {
    /// The next session whose commands are to be carried out.
    pub fn take_next(&mut self) -> Option<SessionKey> {
        self.quanta += 1;
        let (first, then) = match self.quanta % LONG_EACH {
            0 => (&mut self.long, &mut self.short),
            _ => (&mut self.short, &mut self.long),
        };
        first.pop_front().or_else(|| then.pop_front())
    }

    /// Starts a walk for stale topics, unless one is in progress.
    pub fn find_stale(&mut self) {
        self.stale_from.get_or_insert(0);
    }

    /// Starts to free unused memory.
    pub fn shrink(&mut self, done: mpsc::Sender<()>) {
        self.shrink_from = Some(0);
        self.shrunk.push(done);
    }
}

impl Default for Backlog {
    fn default() -> Self {
        Backlog {
            allowance: Units::new(ALLOWANCE_UNITS),
            short: VecDeque::new(),
            long: VecDeque::new(),
            quanta: 0,
            stale_from: None,
            shrink_from: None,
            shrunk: Vec::new(),
        }
    }
}
