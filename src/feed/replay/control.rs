//! The commands that others give a running replay, and the status that it shows.
//!
//! Commands wait in order until the player handles them: between two batches, or at once when it sleeps. Each is
//! answered with the status after it. Invariant: a command is answered or refused, also when the feed has ended.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hdrhistogram::Histogram;
use serde::{Serialize, Serializer};

use super::span::{Measure, ReplaySpan};
use crate::{feed::ReplaySpeed, tick::Nanos, wakeup::Wakeup};

/// A command to a replay.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ReplayCommand {
    Pause,
    Resume,
    /// Pause, and play this many records.
    Step(u64),
    /// Go to the first record at this time of the recording, or after it.
    Seek(Nanos),
    Speed(ReplaySpeed),
    /// Go to the first record.
    Restart,
    /// No change: it is answered in its turn, after the steps before it.
    Sync,
}

/// The status of a replay.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct ReplayState {
    pub file: String,
    pub phase: Phase,
    pub paused: bool,
    /// This many clients must have subscribed before it begins; 0 when it waits for none.
    pub waiting_for_clients: usize,
    pub ended: bool,
    #[serde(serialize_with = "write_speed")]
    pub speed: ReplaySpeed,
    /// Records of this round that were played or passed over.
    pub position: u64,
    /// The recording's time of the last record that was played since the last new beginning or seek.
    #[serde(rename = "time", serialize_with = "write_time")]
    pub time: Option<Nanos>,
    /// The recording's time of the next record, if it has been read.
    #[serde(serialize_with = "write_time")]
    pub next: Option<Nanos>,
    /// From 1 on: a loop, a restart and a seek backwards each begin another.
    pub round: u64,
    /// Records played since the start, over all rounds.
    pub records: u64,
    /// It waits until its readers have taken more: at speed `max`, in steps, and before a seek or restart.
    pub waiting_for_readers: bool,
    /// Records that were submitted later than they were due.
    pub pace_error_us: PaceError,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It waits for clients before it begins.
    Waiting,
    #[default]
    Playing,
    Paused,
    Ended,
    /// It failed; the log gives the reason.
    Failed,
}

/// Lateness of records, in microseconds, since the start or the last change of speed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct PaceError {
    pub records: u64,
    pub p50: u64,
    pub p99: u64,
    pub max: u64,
}

/// Why a command was not carried out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("the replay has ended for good: {0}")]
    Gone(String),
    #[error("the recording cannot be read again: {0}")]
    Failed(String),
}

pub type Reply = Box<dyn FnOnce(Result<ReplayState, Refusal>) + Send>;

/// The handle of a replay, shared by the feed's thread and HTTP.
pub struct ReplayControl {
    inner: Mutex<ControlInner>,
    wakeup: Wakeup,
    measure: Measure,
}

struct ControlInner {
    state: ReplayState,
    lateness: Histogram<u64>,
    asked: VecDeque<(ReplayCommand, Reply)>,
    /// The reason why the thread has ended.
    gone: Option<String>,
}

/// The longest lateness that is distinguished.
const LATENESS_MAX: Duration = Duration::from_secs(60);

// === impl ReplayControl ===

impl ReplayControl {
    pub(super) fn new(state: ReplayState, measure: Measure) -> Arc<Self> {
        let micros = u64::try_from(LATENESS_MAX.as_micros()).unwrap_or(u64::MAX);
        let lateness = Histogram::new_with_max(micros, 3).expect("three digits of a minute are a histogram");
        let inner = ControlInner { state, lateness, asked: VecDeque::new(), gone: None };
        Arc::new(ReplayControl { inner: Mutex::new(inner), wakeup: Wakeup::default(), measure })
    }

    /// Wakes the player.
    pub fn wakeup(&self) -> &Wakeup {
        &self.wakeup
    }

    /// The current status.
    pub fn state(&self) -> ReplayState {
        let inner = self.lock();
        inner.state()
    }

    /// The length of the recording, once it is known. The first call starts to read it through.
    pub fn span(&self) -> Option<ReplaySpan> {
        self.measure.ask()
    }

    /// Gives a command; `reply` is called once it was carried out or refused.
    pub fn ask(&self, command: ReplayCommand, reply: Reply) {
        let mut inner = self.lock();
        match inner.gone.clone() {
            None => inner.asked.push_back((command, reply)),
            Some(why) => {
                drop(inner);
                reply(Err(Refusal::Gone(why)));
            }
        }
        self.wakeup.notify();
    }

    /// Gives a command and waits for the answer.
    ///
    /// # Errors
    /// When the replay is gone, or its file cannot be read again.
    pub fn tell(&self, command: ReplayCommand) -> Result<ReplayState, Refusal> {
        let (answer, answered) = std::sync::mpsc::channel();
        self.ask(command, Box::new(move |result| drop(answer.send(result))));
        answered.recv().unwrap_or_else(|_| Err(Refusal::Gone("it did not answer".to_owned())))
    }

    /// The oldest waiting command, when it is its turn.
    pub(super) fn next(&self, steps_left: u64) -> Option<(ReplayCommand, Reply)> {
        let mut inner = self.lock();
        if inner.is_asked(steps_left) { inner.asked.pop_front() } else { None }
    }

    /// Whether a command has its turn.
    pub(super) fn is_asked(&self, steps_left: u64) -> bool {
        self.lock().is_asked(steps_left)
    }

    /// Publishes the new status.
    pub(super) fn show(&self, change: impl FnOnce(&mut ReplayState)) {
        change(&mut self.lock().state);
    }

    /// Records how late records were.
    pub(super) fn note_lateness(&self, late: &mut Vec<Duration>) {
        let mut inner = self.lock();
        for late in late.drain(..) {
            inner.lateness.saturating_record(u64::try_from(late.as_micros()).unwrap_or(u64::MAX));
        }
    }

    pub(super) fn forget_lateness(&self) {
        self.lock().lateness.reset();
    }

    /// The player has ended for good: every waiting command is refused. The first reason is the one reported.
    pub(super) fn leave(&self, why: &str) {
        let (why, left) = {
            let mut inner = self.lock();
            let why = inner.gone.get_or_insert_with(|| why.to_owned()).clone();
            (why, std::mem::take(&mut inner.asked))
        };
        for (_, reply) in left {
            reply(Err(Refusal::Gone(why.clone())));
        }
    }

    fn lock(&self) -> MutexGuard<'_, ControlInner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ReplayControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl ControlInner {
    /// Steps, and queries behind them, wait until the steps before them were made. Any other command ends the remaining
    /// steps.
    fn is_asked(&self, steps_left: u64) -> bool {
        let cuts = |command: &ReplayCommand| !matches!(command, ReplayCommand::Step(_) | ReplayCommand::Sync);
        self.asked.iter().any(|(command, _)| steps_left == 0 || cuts(command))
    }

    fn state(&self) -> ReplayState {
        let late = &self.lateness;
        let at = |quantile| late.value_at_quantile(quantile);
        let pace_error_us = PaceError { records: late.len(), p50: at(0.5), p99: at(0.99), max: late.max() };
        ReplayState { pace_error_us, ..self.state.clone() }
    }
}

fn write_speed<S: Serializer>(speed: &ReplaySpeed, serializer: S) -> Result<S::Ok, S::Error> {
    match speed {
        ReplaySpeed::Times(times) => serializer.serialize_f64(*times),
        ReplaySpeed::Max => serializer.serialize_str("max"),
    }
}

#[expect(clippy::ref_option, reason = "serde hands out references")]
fn write_time<S: Serializer>(time: &Option<Nanos>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(Nanos::micros).serialize(serializer)
}
