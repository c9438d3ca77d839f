//! How long a recording is: it is read through once, when somebody asks, on a thread of its own.
//!
//! Not on the replay's way: that reads no further than it plays. Invariant: what is no file, and would be gone when read
//! twice, is not measured.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use serde::{Serialize, Serializer};

use super::Config;
use crate::{
    feed::recording::{self, Block, Records, Stats},
    tick::Nanos,
};

/// A recording from its earliest record to its latest, of those that are selected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Span {
    #[serde(serialize_with = "write_micros")]
    pub first: Nanos,
    #[serde(serialize_with = "write_micros")]
    pub last: Nanos,
    pub records: u64,
}

/// What is known of it.
pub struct Measure(Arc<Mutex<MeasureState>>);

enum MeasureState {
    NotAsked(Config, usize),
    /// It is being read, or was.
    Asked(Option<Span>),
}

/// So much less than feeds and shards this thread is given of the processor.
const NICE: i32 = 10;

// === impl Measure ===

impl Measure {
    pub fn new(config: &Config, line_bytes_max: usize) -> Self {
        Measure(Arc::new(Mutex::new(MeasureState::NotAsked(config.clone(), line_bytes_max))))
    }

    /// The span, once it is known. Who asks first has it found out.
    pub fn ask(&self) -> Option<Span> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            MeasureState::Asked(span) => *span,
            MeasureState::NotAsked(config, line_bytes_max) => {
                let (config, line_bytes_max) = (config.clone(), *line_bytes_max);
                let shared = Arc::clone(&self.0);
                let find = move || {
                    // Linux keeps it for each thread. Without it the answer is the same.
                    let _best_effort = rustix::process::nice(NICE);
                    let span = find(&config, line_bytes_max);
                    *shared.lock().unwrap_or_else(PoisonError::into_inner) = MeasureState::Asked(span);
                };
                *known = MeasureState::Asked(None);
                // Without a thread it stays unknown, which every reader must be ready for.
                let _best_effort = thread::Builder::new().name("span".to_owned()).spawn(find);
                None
            }
        }
    }
}

/// Reads it through; `None` when it cannot be read so, or has no record.
fn find(config: &Config, line_bytes_max: usize) -> Option<Span> {
    if config.reads_a_pipe() {
        return None;
    }
    let mut recording = recording::open(&config.inputs, &config.selection, line_bytes_max).ok()?;
    let (mut stats, mut block, mut more) = (Stats::default(), Block::default(), true);
    while more {
        more = recording.next_block(&mut block).ok()?;
        stats.take(&block);
        block.clear();
    }
    Some(Span { first: stats.first?, last: stats.last?, records: stats.records })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn write_micros<S: Serializer>(time: &Nanos, serializer: S) -> Result<S::Ok, S::Error> {
    time.micros().serialize(serializer)
}
