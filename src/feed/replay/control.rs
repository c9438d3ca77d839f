//! What others may ask of a replay that runs on its thread, and what it shows of itself.
//!
//! Commands wait in order until the player has time for them: between two batches, at once when it sleeps. Each is
//! answered with the state as it left it. Invariant: a command is answered or refused, also when the feed has ended.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hdrhistogram::Histogram;
use serde::{Serialize, Serializer};

use super::span::{Measure, Span};
use crate::{feed::Speed, tick::Nanos, wakeup::Wakeup};

/// What a replay may be told.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Command {
    Pause,
    Resume,
    /// Pause, and play so many records.
    Step(u64),
    /// Go to the first record at this time of the recording, or after it.
    Seek(Nanos),
    Speed(Speed),
    /// Go to the first record.
    Restart,
    /// Nothing: it is answered when its turn comes, behind the steps before it.
    Sync,
}

/// How a replay stands.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct State {
    pub file: String,
    pub phase: Phase,
    pub paused: bool,
    /// So many clients must have subscribed before it begins; 0 when it waits for none.
    pub waiting_for_clients: usize,
    pub ended: bool,
    #[serde(serialize_with = "write_speed")]
    pub speed: Speed,
    /// Records of this round that lie behind.
    pub position: u64,
    /// The recording's time of the last record that was played since the last new beginning or seek.
    #[serde(rename = "time", serialize_with = "write_time")]
    pub time: Option<Nanos>,
    /// The recording's time of the record that comes next, when it has been read.
    #[serde(serialize_with = "write_time")]
    pub next: Option<Nanos>,
    /// From 1 on: a loop, a restart and a seek backwards begin another.
    pub round: u64,
    /// Records that were played since the start, over all rounds.
    pub records: u64,
    /// It waits until its readers have taken more: at speed `max`, in steps, and before it goes elsewhere.
    pub waiting_for_readers: bool,
    /// Records that were handed in later than they were due.
    pub pace_error_us: PaceError,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// For clients, before it begins.
    Waiting,
    #[default]
    Playing,
    Paused,
    Ended,
    /// It broke off; the log says why.
    Failed,
}

/// How late records were, in microseconds, since the start or the last change of speed.
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

pub type Reply = Box<dyn FnOnce(Result<State, Refusal>) + Send>;

/// The handle of a replay; the feed's thread and HTTP share it.
pub struct Control {
    inner: Mutex<Inner>,
    wakeup: Wakeup,
    measure: Measure,
}

struct Inner {
    state: State,
    lateness: Histogram<u64>,
    asked: VecDeque<(Command, Reply)>,
    /// The thread has ended, and why.
    gone: Option<String>,
}

/// The longest lateness that is told apart.
const LATENESS_MAX: Duration = Duration::from_secs(60);

// === impl Control ===

impl Control {
    pub(super) fn new(state: State, measure: Measure) -> Arc<Self> {
        let micros = u64::try_from(LATENESS_MAX.as_micros()).unwrap_or(u64::MAX);
        let lateness = Histogram::new_with_max(micros, 3).expect("three digits of a minute are a histogram");
        let inner = Inner { state, lateness, asked: VecDeque::new(), gone: None };
        Arc::new(Control { inner: Mutex::new(inner), wakeup: Wakeup::default(), measure })
    }

    /// Wakes the player.
    pub fn wakeup(&self) -> &Wakeup {
        &self.wakeup
    }

    /// As of now.
    pub fn state(&self) -> State {
        let inner = self.lock();
        inner.state()
    }

    /// How long the recording is, once that is known. Who asks first has it read through.
    pub fn span(&self) -> Option<Span> {
        self.measure.ask()
    }

    /// Asks for something; `reply` is called once it is done, or cannot be.
    pub fn ask(&self, command: Command, reply: Reply) {
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

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// When the replay is gone, or its file cannot be read again.
    pub fn tell(&self, command: Command) -> Result<State, Refusal> {
        let (answer, answered) = std::sync::mpsc::channel();
        self.ask(command, Box::new(move |result| drop(answer.send(result))));
        answered.recv().unwrap_or_else(|_| Err(Refusal::Gone("it did not answer".to_owned())))
    }

    /// The oldest command that waits, when it is its turn.
    pub(super) fn next(&self, steps_left: u64) -> Option<(Command, Reply)> {
        let mut inner = self.lock();
        if inner.is_asked(steps_left) { inner.asked.pop_front() } else { None }
    }

    /// Whether it is the turn of a command.
    pub(super) fn is_asked(&self, steps_left: u64) -> bool {
        self.lock().is_asked(steps_left)
    }

    /// Shows what has changed.
    pub(super) fn show(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock().state);
    }

    /// Notes that records were so late.
    pub(super) fn note_lateness(&self, late: &mut Vec<Duration>) {
        let mut inner = self.lock();
        for late in late.drain(..) {
            inner.lateness.saturating_record(u64::try_from(late.as_micros()).unwrap_or(u64::MAX));
        }
    }

    pub(super) fn forget_lateness(&self) {
        self.lock().lateness.reset();
    }

    /// The player has ended for good: nobody is left waiting. The first reason is the one that is told.
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

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Inner {
    /// Steps, and who asks how they went, wait until those before them have been made. A command of another kind ends what
    /// is left of them.
    fn is_asked(&self, steps_left: u64) -> bool {
        let cuts = |command: &Command| !matches!(command, Command::Step(_) | Command::Sync);
        self.asked.iter().any(|(command, _)| steps_left == 0 || cuts(command))
    }

    fn state(&self) -> State {
        let late = &self.lateness;
        let at = |quantile| late.value_at_quantile(quantile);
        let pace_error_us = PaceError { records: late.len(), p50: at(0.5), p99: at(0.99), max: late.max() };
        State { pace_error_us, ..self.state.clone() }
    }
}

fn write_speed<S: Serializer>(speed: &Speed, serializer: S) -> Result<S::Ok, S::Error> {
    match speed {
        Speed::Times(times) => serializer.serialize_f64(*times),
        Speed::Max => serializer.serialize_str("max"),
    }
}

#[expect(clippy::ref_option, reason = "serde hands out references")]
fn write_time<S: Serializer>(time: &Option<Nanos>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(Nanos::micros).serialize(serializer)
}
