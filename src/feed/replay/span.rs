//! The length of a recording: it is read through once, at the first request, on its own thread.
//!
//! Separate from the replay, which reads no further than it plays. Invariant: an input that is not a file can be read only
//! once, so it is not measured.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use serde::{Serialize, Serializer};

use super::ReplayConfig;
use crate::{
    feed::recording::{self, Block, RecordReader, RecordingStats},
    tick::Nanos,
};

/// From the earliest selected record of a recording to its latest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct ReplaySpan {
    #[serde(serialize_with = "write_micros")]
    pub first: Nanos,
    #[serde(serialize_with = "write_micros")]
    pub last: Nanos,
    pub records: u64,
}

/// The state of the measurement.
pub struct Measure(Arc<Mutex<MeasureState>>);

enum MeasureState {
    NotAsked(Box<ReplayConfig>, usize),
    /// It is being read, or was.
    Asked(Option<ReplaySpan>),
}

/// Niceness of this thread: feeds and shards get the processor first.
const NICE: i32 = 10;

// === impl Measure ===

impl Measure {
    pub fn new(config: &ReplayConfig, line_bytes_max: usize) -> Self {
        Measure(Arc::new(Mutex::new(MeasureState::NotAsked(Box::new(config.clone()), line_bytes_max))))
    }

    /// The span, once it is known. The first call starts the measurement.
    pub fn ask(&self) -> Option<ReplaySpan> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            MeasureState::Asked(span) => *span,
            MeasureState::NotAsked(config, line_bytes_max) => {
                let (config, line_bytes_max) = (config.clone(), *line_bytes_max);
                let shared = Arc::clone(&self.0);
                let find = move || {
                    // Linux keeps it for each thread. Where it fails the answer is the same.
                    let _best_effort = rustix::process::nice(NICE);
                    let span = find(&config, line_bytes_max);
                    *shared.lock().unwrap_or_else(PoisonError::into_inner) = MeasureState::Asked(span);
                };
                *known = MeasureState::Asked(None);
                // Without a thread the span stays unknown; every reader handles that.
                let _best_effort = thread::Builder::new().name("span".to_owned()).spawn(find);
                None
            }
        }
    }
}

/// Reads it through; `None` when that fails, or there is no record.
fn find(config: &ReplayConfig, line_bytes_max: usize) -> Option<ReplaySpan> {
    if config.reads_a_pipe() {
        return None;
    }
    let mut recording = recording::open(&config.inputs, &config.selection, line_bytes_max).ok()?;
    let (mut stats, mut block, mut more) = (RecordingStats::default(), Block::default(), true);
    while more {
        more = recording.next_block(&mut block).ok()?;
        stats.take(&block);
        block.clear();
    }
    Some(ReplaySpan { first: stats.first?, last: stats.last?, records: stats.records })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn write_micros<S: Serializer>(time: &Nanos, serializer: S) -> Result<S::Ok, S::Error> {
    time.micros().serialize(serializer)
}
