//! [`FaultyMessages`]: the outgoing messages of one session with faults, between encoder and socket.

use std::{collections::VecDeque, sync::Arc};

use super::held::HeldMessages;
use crate::{
    scenario::{FaultEngine, LikeClose, RunningScenario},
    tick::Nanos,
};

/// A session's additional state when a scenario applies faults to it.
pub struct FaultyMessages {
    pub engine: FaultEngine,
    /// Whole frames ready to be sent, in order.
    ready: VecDeque<Vec<u8>>,
    pub(super) ready_bytes: usize,
    pub(super) held: HeldMessages,
    /// The last messages sent, for scenarios that repeat messages.
    pub(super) recent: VecDeque<Vec<u8>>,
    pub(super) remembers: usize,
    /// How the connection ends. Only the ready frames are still sent.
    pub(super) ended: Option<LikeClose>,
}

impl FaultyMessages {
    pub fn new(running: &Arc<RunningScenario>, dialect: &'static str) -> Self {
        let engine = FaultEngine::new(running, dialect);
        FaultyMessages {
            remembers: engine.remembers(),
            engine,
            ready: VecDeque::new(),
            ready_bytes: 0,
            held: HeldMessages::default(),
            recent: VecDeque::new(),
            ended: None,
        }
    }

    /// Bytes that are ready and were not taken yet.
    pub fn ready_bytes(&self) -> usize {
        self.ready_bytes
    }

    /// How the connection ends, once all ready frames were taken.
    pub fn ends(&self) -> Option<LikeClose> {
        self.ended.filter(|_| self.ready.is_empty())
    }

    /// Whether a fault acts, or a held message is due, by this market time.
    pub fn is_due(&self, by: Nanos) -> bool {
        self.ended.is_none() && (self.engine.is_due(by) || self.held.next_due().is_some_and(|due| due <= by))
    }

    /// Takes everything ready or held back, because the connection ends.
    pub fn take_rest(&mut self, out: &mut Vec<u8>) -> u32 {
        if self.ended.is_none() {
            for bytes in self.held.take_all() {
                self.put_ready(bytes);
            }
        }
        let frames = u32::try_from(self.ready.len()).unwrap_or(u32::MAX);
        for bytes in self.ready.drain(..) {
            out.extend_from_slice(&bytes);
        }
        self.ready_bytes = 0;
        frames
    }

    pub(super) fn put_ready(&mut self, bytes: Vec<u8>) {
        self.ready_bytes += bytes.len();
        self.ready.push_back(bytes);
    }

    /// Moves ready frames of up to `room` bytes, but at least one.
    pub(super) fn take_ready(&mut self, room: usize, out: &mut Vec<u8>) {
        let begin = out.len();
        let fits = |bytes: &Vec<u8>, used: usize| used == 0 || used + bytes.len() <= room;
        while self.ready.front().is_some_and(|bytes| fits(bytes, out.len() - begin)) {
            let Some(bytes) = self.ready.pop_front() else { break };
            self.ready_bytes -= bytes.len();
            out.extend_from_slice(&bytes);
        }
    }
}
