//! The thread that writes accounts: what the disk does not take waits, and what the queue has lost is told behind it.
//!
//! Invariant: events are written in the order in which they were told; how many are missing stands behind those that are not.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use super::{event::Event, file::AuditFile};
use crate::tick::Nanos;

/// What both sides of the queue count.
#[derive(Default)]
pub(super) struct AuditCounts {
    /// Events that were lost and are not recorded as lost yet.
    pub unrecorded: AtomicU64,
    pub lost: AtomicU64,
    pub written: AtomicU64,
    pub has_failed: AtomicBool,
}

/// Events that are written at once.
const BATCH_EVENTS: usize = 1_024;
/// The pause before the disk is asked again, and the time after which what was written is on it.
const PAUSE: Duration = Duration::from_secs(1);

impl AuditCounts {
    pub fn lose(&self, events: u64) {
        self.lost.fetch_add(events, Ordering::Relaxed);
        self.unrecorded.fetch_add(events, Ordering::Relaxed);
        self.has_failed.store(true, Ordering::Relaxed);
    }
}

/// Writes what comes out of the queue.
pub(super) struct AuditWriter {
    file: AuditFile,
    events: Receiver<Option<(Nanos, Event)>>,
    shared: Arc<AuditCounts>,
    /// What the disk has not taken yet.
    batch: Vec<(Nanos, Event)>,
    /// The time of the newest event.
    last: Nanos,
    is_over: bool,
}

impl AuditWriter {
    /// `now`: no event is older.
    pub fn new(
        file: AuditFile,
        events: Receiver<Option<(Nanos, Event)>>,
        shared: Arc<AuditCounts>,
        now: Nanos,
    ) -> Self {
        AuditWriter { file, events, shared, batch: Vec::new(), last: now, is_over: false }
    }

    pub fn run(mut self) {
        let mut is_synced = true;
        while !self.is_over {
            self.gather();
            let is_idle = self.batch.is_empty() && self.shared.unrecorded.load(Ordering::Relaxed) == 0;
            let result = match is_idle {
                true if is_synced => Ok(()),
                true => self.file.sync(),
                false => self.write(),
            };
            is_synced = is_idle && result.is_ok();
            self.note(&result);
        }
        let result = self.write().and_then(|()| self.file.sync());
        self.note(&result);
    }

    /// Waits for events, and takes those that there are.
    fn gather(&mut self) {
        if self.batch.len() >= BATCH_EVENTS {
            // The disk takes nothing. What comes meanwhile waits in the queue.
            return thread::sleep(PAUSE);
        }
        match self.events.recv_timeout(PAUSE) {
            Ok(message) => self.take(message),
            Err(RecvTimeoutError::Timeout) => return,
            Err(RecvTimeoutError::Disconnected) => self.is_over = true,
        }
        while self.batch.len() < BATCH_EVENTS && !self.is_over {
            let Ok(message) = self.events.try_recv() else { break };
            self.take(message);
        }
    }

    fn take(&mut self, message: Option<(Nanos, Event)>) {
        match message {
            Some((at, event)) => {
                self.last = self.last.max(at);
                self.batch.push((at, event));
            }
            None => self.is_over = true,
        }
    }

    /// Writes the batch, and how many events are missing behind it.
    fn write(&mut self) -> io::Result<()> {
        let missing = self.shared.unrecorded.load(Ordering::Relaxed);
        while !self.batch.is_empty() {
            let count = self.file.append(&self.batch)?;
            let lines: usize = self.batch.drain(..count).map(|(_, event)| event.line_count()).sum();
            self.shared.written.fetch_add(lines as u64, Ordering::Relaxed);
        }
        if missing > 0 {
            self.file.append(&[(self.last, Event::Lost { events: missing })])?;
            self.shared.unrecorded.fetch_sub(missing, Ordering::Relaxed);
        }
        Ok(())
    }

    fn note(&self, result: &io::Result<()>) {
        match result {
            Ok(()) if self.shared.unrecorded.load(Ordering::Relaxed) == 0 => {
                if self.shared.has_failed.swap(false, Ordering::Relaxed) {
                    tracing::info!("the audit is written again");
                }
            }
            Ok(()) => {}
            Err(error) => {
                if !self.shared.has_failed.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "the audit cannot be written");
                }
            }
        }
    }
}
