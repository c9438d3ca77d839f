//! When commands run: short ones at once, long ones in slices across the shard's turns.
//!
//! Between two turns, sessions share an allowance for commands as they are read. Work beyond it waits. Each turn gives
//! a slice to the waiting sessions: a quantum each, mostly short commands first. So a long command costs other sessions
//! one slice per turn, whatever its length, and half a slice while there is something to write.
//!
//! Invariants: a session's commands are answered in order, and its data waits for the current command's answer.

use std::{mem, sync::Arc};

use super::{
    backlog::{ALLOWANCE_UNITS, Backlog},
    job::{Job, Jobs, ListJob, PublishJob, SymbolsCommand, SymbolsJob, WaitingMessage},
    small::Ack,
};
use crate::{
    fanout::{SessionKey, Units},
    memory,
    publish::TickMessage,
    session::{
        core::Core, dialect::DialectInput, outbound::window::BadAck, socket::SessionSocket,
        stats::thread_nanos,
    },
    spans,
    tick::Nanos,
    wire::{Command, CommandError, Control, ErrorCode},
};

/// Units per turn, about half a millisecond.
const SLICE_UNITS: u32 = 16 * 1024;
/// Units per session, before the next session's turn.
const QUANTUM_UNITS: usize = 4 * 1024;
/// A message up to this length is handled on arrival, whatever the load, so that a ping does not wait; and this much of
/// its command is done at once.
pub(in crate::session) const OF_MESSAGE: AtOnce = AtOnce { bytes: 512, units: 64 };
/// The same for the command in a request's query. Accepting a client costs as much as about forty subscriptions, and a
/// command that is split costs one more write: the answer to the request is then sent alone.
pub(in crate::session) const OF_REQUEST: AtOnce = AtOnce { bytes: 2 * 1024, units: 2 * 1024 };
/// Bytes of a message parsed per unit.
const BYTES_A_UNIT: usize = 4;
/// Walks over all topics get one part in this many of a slice; commands get the rest.
const WALKS_SHARE: u32 = 4;
/// A slice of fewer units is not counted.
const COUNTED_UNITS: usize = 256;
/// A longer `ack` is treated like other commands.
const ACK_BYTES_MAX: usize = 256;
/// A longer message is timed from its first byte, a shorter one once it needs many units: reading the thread's clock is
/// a system call.
const TIMED_BYTES: usize = 4 * 1024;

/// How much of a command is done on arrival, even when the allowance is spent.
#[derive(Clone, Copy)]
pub(in crate::session) struct AtOnce {
    /// A longer command waits.
    pub bytes: usize,
    units: usize,
}

impl<S: SessionSocket> Core<S> {
    /// Handles a client's message: now if it is short and none of this client's commands waits.
    pub fn command(&mut self, key: SessionKey, text: &str, now: Nanos) {
        self.take_command(key, text, now, OF_MESSAGE);
    }

    /// As [`Self::command`], for the query of the request that opened the session.
    pub fn command_of_request(&mut self, key: SessionKey, text: &str, now: Nanos) {
        self.take_command(key, text, now, OF_REQUEST);
    }

    fn take_command(&mut self, key: SessionKey, text: &str, now: Nanos, at_once: AtOnce) {
        if self.session(key).is_some_and(|session| session.dialect.is_some()) {
            return self.take_dialect_input(key, DialectInput::Text(text), now, at_once);
        }
        if text.len() <= ACK_BYTES_MAX && self.is_taken_ack(key, text, now) {
            return;
        }
        let limits: &crate::limits::Limits = &Arc::clone(&self.node).limits;
        let is_free = self.may_be_free(key, text);
        let Some(session) = self.session(key) else { return };
        let taken = if is_free { Ok(()) } else { session.take_command(limits, now) };
        let waits = session.jobs.is_some();
        let is_within_rate = taken.is_ok();
        match taken {
            Ok(()) => self.stats.commands += 1,
            Err(limit) => self.stats.limits[limit as usize] += 1,
        }
        if waits || (self.backlog.allowance.is_spent() && text.len() > at_once.bytes) {
            let waiting =
                if is_within_rate { WaitingMessage::Text(text.into()) } else { WaitingMessage::RateLimited };
            return self.wait(key, |jobs| jobs.wait(waiting));
        }
        if !is_within_rate {
            return self.answer_rate_limited(key);
        }
        self.carry_out(key, now, at_once, text.len(), |core, units| core.begin(key, text, now, units));
    }

    /// Starts a message's command, and does what can be done at once.
    pub(in crate::session) fn carry_out(
        &mut self,
        key: SessionKey,
        now: Nanos,
        at_once: AtOnce,
        bytes: usize,
        begin: impl FnOnce(&mut Self, &mut Units) -> Option<Box<Job>>,
    ) {
        let before = self.backlog.allowance.left().max(at_once.units);
        let mut units = Units::new(u32::try_from(before).unwrap_or(u32::MAX));
        let mut begun = (bytes > TIMED_BYTES).then(thread_nanos);
        if let Some(mut job) = begin(self, &mut units) {
            begun = begun.or_else(|| job.may_be_long().then(thread_nanos));
            if self.step(key, &mut job, now, &mut units) {
                self.finish(key);
            } else {
                let span = mem::take(&mut self.command_span);
                self.wait(key, |jobs| (jobs.running, jobs.span) = (Some(job), span));
            }
        }
        mem::take(&mut self.command_span).end();
        self.backlog.allowance.spend(units.spent());
        self.note_slice(units.spent(), begun);
    }

    /// Handles a valid `ack`, which is no command: it waits for none and counts as none.
    fn is_taken_ack(&mut self, key: SessionKey, text: &str, now: Nanos) -> bool {
        let node = Arc::clone(&self.node);
        let Some(seen) = Ack::parse(text.as_bytes()).or_else(|| {
            memchr::memmem::find(text.as_bytes(), b"\"ack\"")?;
            match self.reader.read(&mut text.as_bytes().to_vec(), &node.limits) {
                Ok(Command::Ack { seen, .. }) => Some(seen),
                _ => None,
            }
        }) else {
            return false;
        };
        self.take_ack(key, seen, now).is_ok()
    }

    /// Does a turn's share of the pending work.
    pub(in crate::session) fn work(&mut self, now: Nanos) {
        self.backlog.allowance = Units::new(ALLOWANCE_UNITS);
        if !self.has_work() {
            return;
        }
        let share = if self.fanout.has_ready() { SLICE_UNITS / 2 } else { SLICE_UNITS };
        let mut units = Units::new(share);
        let begun = thread_nanos();
        self.fanout.end_leaving(&mut units);
        let mut walk = Units::new(share / WALKS_SHARE);
        self.walk_topics(now, &mut walk);
        units.spend(walk.spent());
        while !units.is_spent() {
            let Some(key) = self.backlog.take_next() else { break };
            let quantum = units.left().min(QUANTUM_UNITS);
            let mut left = Units::new(u32::try_from(quantum).unwrap_or(u32::MAX));
            self.carry_on(key, now, &mut left);
            units.spend(left.spent().max(1));
            self.flush(key);
        }
        self.publish_interest();
        self.stats.work_units += (units.spent() - walk.spent()) as u64;
        self.time_slice(units.spent(), Some(begun));
    }

    /// Whether a turn has work other than ticks.
    pub fn has_work(&self) -> bool {
        let Backlog { short, long, stale_from, shrink_from, .. } = &self.backlog;
        let walks = stale_from.is_some() || shrink_from.is_some();
        walks || self.fanout.has_leaving() || !short.is_empty() || !long.is_empty()
    }

    /// Continues the walks over all topics.
    pub(in crate::session) fn walk_topics(&mut self, now: Nanos, units: &mut Units) {
        if let Some(from) = self.backlog.stale_from {
            self.backlog.stale_from = self.fanout.find_stale_from(from, self.node.market.at(now), units);
            self.send_notices(units);
        }
        if let Some(from) = self.backlog.shrink_from {
            self.backlog.shrink_from = self.fanout.shrink_from(from, units);
            if self.backlog.shrink_from.is_none() {
                memory::renew_thread_cache();
                // The requester may have timed out.
                for done in self.backlog.shrunk.drain(..) {
                    let _ = done.send(());
                }
            }
        }
    }

    /// Continues a session's commands, as far as the units last.
    fn carry_on(&mut self, key: SessionKey, now: Nanos, units: &mut Units) {
        let Some(jobs) = self.jobs(key) else { return };
        jobs.is_listed = false;
        let mut is_long = false;
        while !units.is_spent() {
            let Some(jobs) = self.jobs(key) else { return };
            let job = if let Some(job) = jobs.running.take() {
                let span = mem::take(&mut jobs.span);
                self.command_span = span;
                Some(job)
            } else {
                match jobs.take_next() {
                    Some(WaitingMessage::Text(text)) => self.begin(key, &text, now, units),
                    Some(WaitingMessage::Binary(message)) => {
                        self.begin_dialect_input(key, DialectInput::Binary(&message), now, units)
                    }
                    Some(WaitingMessage::RateLimited) => {
                        units.spend(1);
                        self.answer_rate_limited(key);
                        None
                    }
                    None => break,
                }
            };
            let Some(mut job) = job else {
                mem::take(&mut self.command_span).end();
                continue;
            };
            let is_answered = self.step(key, &mut job, now, units);
            let span = mem::take(&mut self.command_span);
            if is_answered {
                self.finish(key);
                span.end();
            } else if let Some(jobs) = self.jobs(key) {
                jobs.is_parked = job.waits_for_writing();
                (jobs.running, jobs.span) = (Some(job), span);
                is_long = true;
                if jobs.is_parked {
                    break;
                }
            }
        }
        self.put_back(key, is_long);
    }

    fn put_back(&mut self, key: SessionKey, is_long: bool) {
        let Some(session) = self.session(key) else { return };
        let Some(jobs) = session.jobs.as_deref_mut() else { return };
        let is_full = jobs.is_full();
        if jobs.is_empty() {
            session.jobs = None;
        } else if !jobs.is_parked {
            jobs.is_listed = true;
            let list = if is_long { &mut self.backlog.long } else { &mut self.backlog.short };
            list.push_back(key);
        }
        // Resume reading from the session.
        if let Some(session) = self.session(key)
            && !is_full
            && mem::take(&mut session.reading_held)
        {
            session.wake();
        }
    }

    /// Continues a command that waited until all written bytes were out.
    pub(in crate::session) fn unpark(&mut self, key: SessionKey) {
        let Some(session) = self.session(key).filter(|session| !session.owes_what_rights_allow()) else {
            return;
        };
        let Some(jobs) = session.jobs.as_deref_mut().filter(|jobs| jobs.is_parked) else { return };
        jobs.is_parked = false;
        jobs.is_listed = true;
        self.backlog.short.push_back(key);
    }

    fn jobs(&mut self, key: SessionKey) -> Option<&mut Jobs> {
        self.session(key)?.jobs.as_deref_mut()
    }

    /// Leaves work for a later turn.
    pub(in crate::session) fn wait(&mut self, key: SessionKey, how: impl FnOnce(&mut Jobs)) {
        let Some(session) = self.session(key).filter(|session| session.is_open()) else { return };
        let jobs = session.jobs.get_or_insert_default();
        how(jobs);
        if jobs.is_parked {
            return;
        }
        if !mem::replace(&mut jobs.is_listed, true) {
            self.backlog.short.push_back(key);
        }
    }

    /// Parses a message. A command that can be answered at once is; an error is reported, and the session goes on.
    fn begin(&mut self, key: SessionKey, text: &str, now: Nanos, units: &mut Units) -> Option<Box<Job>> {
        if self.session(key).is_some_and(|session| session.dialect.is_some()) {
            return self.begin_dialect_input(key, DialectInput::Text(text), now, units);
        }
        let node = Arc::clone(&self.node);
        match self.begin_publish(key, text, now, units) {
            Some(begun) => {
                self.command_span = spans::command("publish", self.number_of(key), 0);
                let job = begun.inspect_err(|error| self.refuse_command(key, error)).ok()?;
                return Some(Box::new(Job::Publish(Box::new(job))));
            }
            // It contains the word `publish`, but publishes nothing.
            None if self.may_be_free(key, text) => {
                let session = self.session(key)?;
                if let Err(limit) = session.take_command(&node.limits, now) {
                    self.stats.limits[limit as usize] += 1;
                    self.answer_rate_limited(key);
                    return None;
                }
            }
            None => {}
        }
        units.spend(1 + text.len() / BYTES_A_UNIT);
        let mut bytes = text.as_bytes().to_vec();
        let read = self.reader.read(&mut bytes, &node.limits);
        let (op, symbols) = read.as_ref().map_or(("unread", 0), |command| (command.op(), command.symbols()));
        self.command_span = spans::command(op, self.number_of(key), symbols);
        let command = read.inspect_err(|error| self.refuse_command(key, error)).ok()?;
        let job = match command {
            Command::Subscribe { id, symbols, spec, resume } => {
                let name = spec.view.name.clone();
                Job::Symbols(Box::new(SymbolsJob::new(
                    id,
                    SymbolsCommand::Subscribe { spec, resume },
                    name,
                    symbols,
                )))
            }
            Command::Unsubscribe { id, symbols, name } => {
                Job::Symbols(Box::new(SymbolsJob::new(id, SymbolsCommand::Unsubscribe, name, symbols)))
            }
            Command::Set { id, symbols, name, change } => {
                Job::Symbols(Box::new(SymbolsJob::new(id, SymbolsCommand::Set { change }, name, symbols)))
            }
            // A message without ticks, whose `op` is written with escapes.
            Command::Publish(publishing) => {
                Job::Publish(Box::new(PublishJob { publishing, message: TickMessage::default() }))
            }
            Command::List { id } => {
                Job::List(ListJob { id, from: <_>::default(), subscriptions: <_>::default(), answer: None })
            }
            Command::Ping { id } => {
                self.control(key, &Control::Pong { id, ts: node.market.at(now) });
                return None;
            }
            Command::Ack { id, seen } => {
                if let Err(BadAck { least, most }) = self.take_ack(key, seen, now) {
                    let message = format!(
                        "seen must be from {least} to {most}, the frames of data that were sent, got {seen}"
                    );
                    let error = CommandError { id, code: ErrorCode::BadValue, message };
                    self.refuse_command(key, &error);
                }
                return None;
            }
            Command::Auth { id, token } => self.begin_auth(key, id, &token, now)?,
        };
        Some(Box::new(job))
    }

    /// Ends the current command, which was answered.
    fn finish(&mut self, key: SessionKey) {
        // Publish before the answer is sent: later ticks then come in the requested detail.
        self.publish_interest();
        self.join(key);
        // Its data was waiting for the answer.
        if !self.fanout.is_drained(key) {
            self.fanout.make_ready(key);
        }
    }

    /// Counts the session as a reader from its first subscription on. Ingest must know its detail first: a replay that
    /// waited for the session starts at once.
    fn join(&mut self, key: SessionKey) {
        let any = self.fanout.session_subscriptions(key) > 0 || !self.fanout.globs(key).is_empty();
        let node = Arc::clone(&self.node);
        if any && let Some(session) = self.session(key) {
            session.joined.get_or_insert_with(|| node.ingest.readers.join());
        }
    }

    /// Counts uninterrupted work, and its thread time if it was measured.
    pub(in crate::session) fn note_slice(&mut self, units: usize, begun: Option<u64>) {
        self.stats.work_units += units as u64;
        self.time_slice(units, begun);
    }

    /// Counts a slice, and its thread time if it was measured.
    pub(in crate::session) fn time_slice(&mut self, units: usize, begun: Option<u64>) {
        if units < COUNTED_UNITS {
            return;
        }
        self.stats.slices += 1;
        if let Some(begun) = begun {
            self.stats.slice_nanos_max = self.stats.slice_nanos_max.max(thread_nanos() - begun);
        }
    }
}
