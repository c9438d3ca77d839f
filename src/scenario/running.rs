//! [`RunningScenario`]: a scenario in a service. What its shards share: the seed, the connections of each dialect, what was
//! done.
//!
//! Its lock is taken for a fault that is done, for a connection, and for who reads the record: never for a message that is
//! sent as it is.

use std::{
    collections::HashMap,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    fault::{FaultKind, Scenario},
    read::{self, ScenarioError},
    record::{DoneFault, FaultRecord},
};
use crate::tick::Nanos;

/// The scenario of a replay, as its options name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScenarioConfig {
    /// The name of a ready one, or of a file.
    pub text: String,
    pub seed: u64,
}

/// A scenario, its seed, and what was done by it.
#[derive(Debug)]
pub struct RunningScenario {
    pub scenario: Scenario,
    pub seed: u64,
    /// The time of the replay's first tick.
    origin: OnceLock<Nanos>,
    /// Connections so far, by dialect.
    connections: Mutex<HashMap<&'static str, u64>>,
    record: Mutex<FaultRecord>,
    /// Faults done, by their kind.
    done: [AtomicU64; FaultKind::NAMES.len()],
    /// Messages that clients were not sent.
    withheld: AtomicU64,
}

impl RunningScenario {
    pub fn new(scenario: Scenario, seed: u64) -> Self {
        RunningScenario {
            scenario,
            seed,
            origin: OnceLock::new(),
            connections: Mutex::default(),
            record: Mutex::default(),
            done: Default::default(),
            withheld: AtomicU64::new(0),
        }
    }

    /// # Errors
    /// When there is no such scenario, or it is wrong.
    pub fn load(config: &ScenarioConfig) -> Result<Self, ScenarioError> {
        Ok(RunningScenario::new(read::load(&config.text)?, config.seed))
    }

    /// The replay begins with a tick of this time. The first call counts.
    pub fn begin(&self, at: Nanos) {
        self.origin.get_or_init(|| at);
    }

    pub fn origin(&self) -> Option<Nanos> {
        self.origin.get().copied()
    }

    /// The number of a new connection, from 1.
    pub(super) fn connect(&self, dialect: &'static str) -> u64 {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let number = connections.entry(dialect).or_default();
        *number += 1;
        *number
    }

    pub(super) fn note(&self, kind: usize, done: DoneFault) {
        self.done[kind].fetch_add(1, Ordering::Relaxed);
        self.record.lock().unwrap_or_else(PoisonError::into_inner).push(done);
    }

    /// A message was not sent.
    pub fn withhold(&self, messages: u64) {
        self.withheld.fetch_add(messages, Ordering::Relaxed);
    }

    /// How many faults of each kind were done.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        FaultKind::NAMES.into_iter().zip(self.done.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    /// How many messages clients were not sent.
    pub fn withheld(&self) -> u64 {
        self.withheld.load(Ordering::Relaxed)
    }

    /// How many faults were done.
    pub fn recorded(&self) -> u64 {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).count()
    }

    /// As [`FaultRecord::write`].
    pub fn write(&self, from: u64, most: usize, out: &mut Vec<u8>) -> u64 {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).write(from, most, out)
    }
}
