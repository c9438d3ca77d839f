//! [`FaultEngine`]: the faults of one connection. It is asked about each message that its client should be sent, and says
//! what becomes of it, and what happens before.
//!
//! Invariants: time goes by messages, and by what it is told; it never goes back. Steps are done in the order of their times,
//! and before the first message that is not older.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    course::{self, FaultCourse},
    deal::Deal,
    fault::{Announcement, Begin, FaultKind, LikeClose, VenueFault},
    numbering::{MessageNumbers, SymbolNumbers},
    record::DoneFault,
    running::RunningScenario,
};
use crate::tick::{Nanos, Symbol};

/// The faults of one connection.
pub struct FaultEngine {
    pub(super) running: Arc<RunningScenario>,
    pub(super) dialect: &'static str,
    /// Of the dialect's connections, from 1.
    pub(super) connection: u64,
    /// When its first message came.
    first: Option<Nanos>,
    now: Nanos,
    messages: u64,
    requests: u32,
    /// By the index of the fault.
    courses: Vec<FaultCourse>,
    pub(super) streams: BTreeMap<(Symbol, Box<str>), StreamCourse>,
    pub(super) symbols: BTreeMap<Symbol, SymbolCourse>,
}

/// A message that a client should be sent.
#[derive(Clone, Copy, Debug)]
pub struct Offered<'a> {
    /// `trades` or `quotes`.
    pub class: &'static str,
    /// The venue's name of its kind.
    pub stream: &'a str,
    pub symbol: &'a Symbol,
    pub numbers: MessageNumbers,
    /// When the market knew it.
    pub at: Nanos,
}

/// What becomes of a message, and what happens before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ruling {
    /// Each with its time, in order.
    pub acts: Vec<(Nanos, FaultAct)>,
    pub deal: Deal,
}

/// Something that happens once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FaultAct {
    Say(Announcement),
    /// The last messages come again.
    Again(usize),
    /// The number of the connection's next message, in protocols that number these.
    RestartSequence(u64),
    JumpSequence(u64),
    /// The connection ends.
    End(LikeClose),
}

/// One stream of the connection.
pub(super) struct StreamCourse {
    /// By the index of the fault: whether it strikes the stream while it is on.
    pub(super) struck: Box<[bool]>,
    pub(super) numbers: SymbolNumbers,
}

#[derive(Default)]
pub(super) struct SymbolCourse {
    pub(super) numbers: SymbolNumbers,
    /// By the index of the fault: of how many occurrences its numbers were moved.
    pub(super) moved: BTreeMap<usize, u64>,
    /// The faults by which it was told as halted.
    halted: Vec<usize>,
}

impl FaultEngine {
    pub fn new(running: &Arc<RunningScenario>, dialect: &'static str) -> Self {
        FaultEngine {
            dialect,
            connection: running.connect(dialect),
            first: None,
            now: Nanos(i64::MIN),
            messages: 0,
            requests: 0,
            courses: vec![FaultCourse::default(); running.scenario.faults.len()],
            streams: BTreeMap::new(),
            symbols: BTreeMap::new(),
            running: Arc::clone(running),
        }
    }

    pub fn running(&self) -> &Arc<RunningScenario> {
        &self.running
    }

    /// How many of the last messages may come again.
    pub fn remembers(&self) -> usize {
        let again = |fault: &VenueFault| match fault.kind {
            FaultKind::Again { messages } => messages,
            _ => 0,
        };
        self.running.scenario.faults.iter().map(again).max().unwrap_or(0)
    }

    /// Asks about the next message.
    pub fn offer(&mut self, offered: &Offered<'_>) -> Ruling {
        self.messages += 1;
        self.first.get_or_insert(offered.at);
        let running = Arc::clone(&self.running);
        for (course, fault) in self.courses.iter_mut().zip(&running.scenario.faults) {
            if let Begin::Messages(before) = fault.begins
                && self.messages > before
            {
                course.begun_by_message.get_or_insert(offered.at);
            }
        }
        self.symbols.entry(offered.symbol.clone()).or_default();
        let mut acts = self.advance(offered.at);
        self.note_late_halts(offered, &mut acts);
        let is_over = acts.iter().any(|act| matches!(act, (_, FaultAct::End(_))));
        let deal = if is_over {
            // It is not sent, and no fault's doing.
            Deal::fair(offered.numbers)
        } else {
            self.deal(&running.scenario.faults, offered)
        };
        Ruling { acts, deal }
    }

    /// The market's time has come to this, and every message before it was offered. What happens by then.
    pub fn advance(&mut self, to: Nanos) -> Vec<(Nanos, FaultAct)> {
        self.now = self.now.max(to);
        let Some(first) = self.first else { return Vec::new() };
        let running = Arc::clone(&self.running);
        let mut due: Vec<(Nanos, usize, u64)> = Vec::new();
        for (index, fault) in running.scenario.faults.iter().enumerate() {
            let Some(begin) = self.begin_of(index, fault) else { continue };
            while let Some(step) = self.courses[index].take_due(fault, begin, first, self.now) {
                due.push((step.at, index, step.step));
            }
        }
        due.sort_unstable();
        let mut acts = Vec::new();
        for (at, index, step) in due {
            let mut done = Vec::new();
            self.act(index, &running.scenario.faults[index], at, step, &mut done);
            acts.extend(done.into_iter().map(|act| (at, act)));
        }
        acts
    }

    /// Whether something happens by this time.
    pub fn is_due(&self, by: Nanos) -> bool {
        self.first.is_some()
            && self.running.scenario.faults.iter().enumerate().any(|(index, fault)| {
                let begin = self.begin_of(index, fault);
                let next = begin.and_then(|begin| self.courses[index].next_at(fault, begin));
                next.is_some_and(|next| next <= by)
            })
    }

    /// Whether a request of its client, which has come at this time, is refused.
    pub fn refuses_request(&mut self, at: Nanos) -> bool {
        self.requests += 1;
        let (running, requests) = (Arc::clone(&self.running), self.requests);
        let refusing = running.scenario.faults.iter().enumerate().find(|(index, fault)| {
            let FaultKind::Refuse { after } = fault.kind else { return false };
            // Of a connection without a message the beginning is the request.
            let begin = match fault.begins {
                Begin::Connection(offset) => Some(self.first.unwrap_or(at).plus(offset)),
                Begin::Replay(offset) => Some(self.running.origin().unwrap_or(at).plus(offset)),
                _ => self.begin_of(*index, fault),
            };
            requests > after && begin.is_some_and(|begin| course::occurrence(fault, begin, at).is_some())
        });
        let Some((index, fault)) = refusing else { return false };
        self.note(index, fault, at, None, &format!("request {requests}"));
        true
    }

    /// When the first occurrence of a fault begins here; `None` when it does not, or that is not known yet.
    pub(super) fn begin_of(&self, index: usize, fault: &VenueFault) -> Option<Nanos> {
        if !fault.connections.has(self.connection) {
            return None;
        }
        match fault.begins {
            Begin::Replay(offset) => Some(self.running.origin()?.plus(offset)),
            Begin::Market(at) => Some(at),
            Begin::Connection(offset) => Some(self.first?.plus(offset)),
            Begin::Messages(_) => self.courses[index].begun_by_message,
        }
    }

    /// Does a step.
    fn act(&mut self, index: usize, fault: &VenueFault, at: Nanos, step: u64, acts: &mut Vec<FaultAct>) {
        match (&fault.kind, step) {
            (FaultKind::Shutdown { .. }, 0) => acts.push(FaultAct::Say(Announcement::Shutdown)),
            (FaultKind::Shutdown { .. }, _) => acts.push(FaultAct::End(LikeClose::Restart)),
            (FaultKind::Close { like }, _) => acts.push(FaultAct::End(*like)),
            (FaultKind::Again { messages }, _) => acts.push(FaultAct::Again(*messages)),
            (FaultKind::Restart { to }, _) => acts.push(FaultAct::RestartSequence(*to)),
            (FaultKind::Jump { by }, _) => acts.push(FaultAct::JumpSequence(*by)),
            (FaultKind::Maintenance { state }, 0) => {
                acts.push(FaultAct::Say(Announcement::State(state.clone())));
            }
            (FaultKind::Maintenance { .. }, _) => {
                acts.push(FaultAct::Say(Announcement::State("online".to_owned())));
            }
            (FaultKind::Halt, 0) => {
                let is_struck = |symbol: &Symbol| fault.symbols.iter().any(|glob| glob.matches(symbol));
                for (symbol, course) in self.symbols.iter_mut().filter(|(symbol, _)| is_struck(symbol)) {
                    course.halted.push(index);
                    acts.push(FaultAct::Say(Announcement::Halted(symbol.clone())));
                }
            }
            (FaultKind::Halt, _) => {
                for (symbol, course) in &mut self.symbols {
                    if let Some(place) = course.halted.iter().position(|halted| *halted == index) {
                        course.halted.remove(place);
                        acts.push(FaultAct::Say(Announcement::Resumed(symbol.clone())));
                    }
                }
            }
            _ => return,
        }
        let words = match (&fault.kind, step) {
            (FaultKind::Shutdown { .. }, 0) => "notice",
            (FaultKind::Shutdown { .. }, _) => "close",
            (FaultKind::Halt | FaultKind::Maintenance { .. }, 0) => "begins",
            (FaultKind::Halt | FaultKind::Maintenance { .. }, _) => "ends",
            (FaultKind::Close { like }, _) => like.name(),
            _ => "",
        };
        self.note(index, fault, at, None, words);
    }

    /// Symbols whose first message comes while they are halted.
    fn note_late_halts(&mut self, offered: &Offered<'_>, acts: &mut Vec<(Nanos, FaultAct)>) {
        let running = Arc::clone(&self.running);
        for (index, fault) in running.scenario.faults.iter().enumerate() {
            if fault.kind != FaultKind::Halt || !fault.symbols.iter().any(|glob| glob.matches(offered.symbol))
            {
                continue;
            }
            let begin = self.begin_of(index, fault);
            let is_on = begin.is_some_and(|begin| course::occurrence(fault, begin, self.now).is_some());
            let course = self.symbols.entry(offered.symbol.clone()).or_default();
            if is_on && !course.halted.contains(&index) {
                course.halted.push(index);
                let halted = Announcement::Halted(offered.symbol.clone());
                acts.push((self.now, FaultAct::Say(halted)));
            }
        }
    }

    pub(super) fn note(
        &self,
        index: usize,
        fault: &VenueFault,
        at: Nanos,
        offered: Option<&Offered<'_>>,
        detail: &str,
    ) {
        let done = DoneFault {
            kind: fault.kind.name(),
            fault: index + 1,
            at,
            dialect: self.dialect,
            connection: self.connection,
            stream: offered.map(|offered| (offered.stream.into(), offered.symbol.clone())),
            number: offered.map(|offered| offered.numbers[0]),
            detail: detail.into(),
        };
        self.running.note(fault.kind.index(), done);
    }
}

impl LikeClose {
    pub const fn name(self) -> &'static str {
        match self {
            LikeClose::Age => "age",
            LikeClose::Limit => "limit",
            LikeClose::Restart => "restart",
            LikeClose::Slow => "slow",
            LikeClose::Cut => "cut",
        }
    }
}
