//! Carries out commands in steps: the answer first, on the control queue, then the data that it announces.
//!
//! A step does as much as its units allow. `schedule.rs` decides when steps run.

use super::{
    job::{AnswerProgress, Job, Step, SymbolsCommand, SymbolsJob},
    results::{is_state_sent, matched, not_subscribed, resume_of, status},
};
use crate::{
    fanout::{
        CHANGE_UNITS, Glob, Mode, Place, SUBSCRIBE_UNITS, SessionKey, Spec, SubscribeOutcome,
        SubscribeRequest, Subscribed, TooMany, Units,
    },
    session::{core::Core, socket::SessionSocket, stats::LimitHit},
    tick::{Nanos, Symbol},
    topic::Plane,
    wire::{
        Control, Encoding, ErrorCode, Target,
        control::{Entry, Status},
    },
};

/// Maximum number of delayed symbols, matched by globs, in one message.
const LATE_AT_ONCE: usize = 64;
/// Cost of writing one result, or one row of a list.
pub(super) const ENTRY_UNITS: usize = 8;

impl<S: SessionSocket> Core<S> {
    /// Continues a command; returns whether it has been answered. `now` is the machine's clock.
    pub(super) fn step(&mut self, key: SessionKey, job: &mut Job, now: Nanos, units: &mut Units) -> bool {
        match job {
            Job::Symbols(job) => self.step_symbols(key, job, self.node.market.at(now), units),
            Job::List(job) => self.step_list(key, job, units),
            Job::Auth(job) => self.step_auth(key, job, self.node.market.at(now), units),
            Job::Publish(job) => self.step_publish(key, job, now, units),
            Job::Dialect(job) => self.step_dialect(key, job, now, units),
        }
    }

    fn step_symbols(&mut self, key: SessionKey, job: &mut SymbolsJob, now: Nanos, units: &mut Units) -> bool {
        if !self.step_targets(key, job, now, units) || !self.answer(key, job, units) {
            return false;
        }
        // A client must be told that a symbol is delayed, also when a glob matched it.
        while !job.late.is_empty() {
            let count = job.late.len().min(LATE_AT_ONCE);
            let late: Vec<_> = job.late.drain(..count).collect();
            let results = late.into_iter().map(|(symbol, outcome)| {
                let entry = Entry::new(symbol.as_str(), status(outcome)).named(job.name.as_ref());
                self.with_delay(key, &symbol, entry)
            });
            let results = results.collect();
            self.control(key, &Control::Subscribed { id: None, results, fields: Vec::new() });
            units.spend(count * ENTRY_UNITS);
            if units.is_spent() && !job.late.is_empty() {
                return false;
            }
        }
        // A stale price must not look fresh, even if its topic went quiet before the client subscribed.
        while let Some((symbol, state)) = job.states.pop_first() {
            let name = job.name.clone();
            let plane = self.fanout.plane_of(key, &symbol).unwrap_or_default();
            let told = self.fanout.told(&symbol, plane, state);
            let (symbol, reason) = (symbol.as_str(), told.as_ref().map(|told| &*told.reason));
            self.control(key, &Control::SymbolStatus { name, symbol, state, reason });
            units.spend(ENTRY_UNITS);
            if units.is_spent() && !job.states.is_empty() {
                return false;
            }
        }
        true
    }

    /// Processes a command's targets, as far as the units last. Returns whether all are done and the answer is due.
    pub(in crate::session) fn step_targets(
        &mut self,
        key: SessionKey,
        job: &mut SymbolsJob,
        now: Nanos,
        units: &mut Units,
    ) -> bool {
        while job.results.len() < job.targets.len() {
            if units.is_spent() {
                return false;
            }
            match &mut job.step {
                Step::Next => self.begin_target(key, job, now, units),
                Step::Matching { .. } => self.match_glob(key, job, units),
                Step::Subscribing { .. } => self.subscribe_matches(key, job, now, units),
                Step::Own { .. } => self.walk_own(key, job, now, units),
            }
        }
        true
    }

    /// Writes the answer, as far as the units last: one message, however many results it has. Returns whether it is
    /// complete.
    fn answer(&mut self, key: SessionKey, job: &mut SymbolsJob, units: &mut Units) -> bool {
        loop {
            match &mut job.answer {
                AnswerProgress::Sent => return true,
                AnswerProgress::None => {
                    let (id, results) = (job.id.take(), Vec::new());
                    let encoding = self.session(key).map_or(Encoding::JSON, |session| session.encoding());
                    let fields = || encoding.field_table(&self.node.fields);
                    let empty = match job.command {
                        SymbolsCommand::Subscribe { .. } => {
                            Control::Subscribed { id, results, fields: fields() }
                        }
                        SymbolsCommand::Unsubscribe => Control::Unsubscribed { id, results },
                        SymbolsCommand::Set { .. } => Control::Set { id, results },
                    };
                    job.answer =
                        AnswerProgress::Growing { message: Box::new(empty.grow("results")), written: 0 };
                }
                AnswerProgress::Growing { message, written } => {
                    while let Some(entry) = job.results.get(*written) {
                        if units.is_spent() {
                            return false;
                        }
                        message.push_result(entry);
                        *written += 1;
                        units.spend(ENTRY_UNITS);
                    }
                    if self.command_span.is_collected() {
                        let refused = job.results.iter().filter(|entry| entry.status == Status::Error);
                        self.command_span.note_refused(refused.count());
                    }
                    // All targets are done.
                    (job.targets, job.results) = (Vec::new(), Vec::new());
                    if let AnswerProgress::Growing { message, .. } =
                        std::mem::replace(&mut job.answer, AnswerProgress::Sent)
                    {
                        self.control_payload(key, &message.finish());
                        self.note_telling(key);
                    }
                }
            }
        }
    }

    /// Starts the next target: a symbol is carried out, a glob begun.
    fn begin_target(&mut self, key: SessionKey, job: &mut SymbolsJob, now: Nanos, units: &mut Units) {
        units.spend(1);
        if !self.knows_topic(key, job, units) || job.repeat() {
            return;
        }
        let result = match &job.targets[job.results.len()] {
            Target::Bad { text, message } => {
                Entry::error(text, ErrorCode::BadSymbol, message).named(job.name.as_ref())
            }
            Target::Name(symbol) => {
                let symbol = symbol.clone();
                self.take_name(key, job, &symbol, now, units)
            }
            Target::Glob(glob) => {
                let glob = glob.clone();
                match self.begin_glob(key, job, &glob) {
                    Ok(step) => {
                        job.step = step;
                        return;
                    }
                    Err(result) => result,
                }
            }
        };
        job.results.push(result);
    }

    /// Whether the next target can be carried out yet. A resuming client may have seen ticks of a symbol that this
    /// shard is still to list, after many others.
    fn knows_topic(&mut self, key: SessionKey, job: &SymbolsJob, units: &mut Units) -> bool {
        let SymbolsCommand::Subscribe { resume: Some(resume), .. } = &job.command else { return true };
        let Target::Name(symbol) = &job.targets[job.results.len()] else { return true };
        if !self.fanout.may_read(key, symbol) {
            return true;
        }
        let node = &self.node;
        let has_seen =
            resume.epoch == node.epoch && resume.last.get(symbol.as_str()).is_some_and(|&last| last > 0);
        !has_seen || self.fanout.is_listed(symbol) || self.fanout.list_ahead_some(&*node.ingest, units)
    }

    fn take_name(
        &mut self,
        key: SessionKey,
        job: &mut SymbolsJob,
        symbol: &Symbol,
        now: Nanos,
        units: &mut Units,
    ) -> Entry {
        let name = job.name.clone();
        let was_subscribed = match &job.command {
            SymbolsCommand::Subscribe { .. } => {
                units.spend(SUBSCRIBE_UNITS);
                if let Some(refused) = self.refused(key, symbol, name.as_ref()) {
                    return refused;
                }
                if !self.may_have_of(key, symbol, job) {
                    return self.no_field(key, symbol.as_str(), name.as_ref());
                }
                return match self.subscribe(key, symbol, job, now, units) {
                    Ok(subscribed) => {
                        let waits = subscribed.outcome == SubscribeOutcome::Pending;
                        let known = (waits && !self.node.ingest.is_known(symbol)).then_some(false);
                        let entry = Entry::new(symbol.as_str(), status(subscribed.outcome));
                        self.with_delay(key, symbol, Entry { name, known, ..entry })
                    }
                    Err(TooMany) => self.too_many(key, symbol.as_str(), name),
                };
            }
            SymbolsCommand::Unsubscribe => self.fanout.unsubscribe(key, symbol, name.as_ref()),
            SymbolsCommand::Set { change } => {
                let Some(change) = self.fanout.allowed_change_of(key, symbol, change) else {
                    return self.no_field(key, symbol.as_str(), name.as_ref());
                };
                self.fanout.set(key, symbol, name.as_ref(), &change, now)
            }
        };
        units.spend(CHANGE_UNITS);
        if !was_subscribed {
            return not_subscribed(symbol.as_str(), name);
        }
        Entry { name, ..Entry::new(symbol.as_str(), Status::Ok) }
    }

    /// The caller has checked that the session may read the symbol, and any of the fields.
    fn subscribe(
        &mut self,
        key: SessionKey,
        symbol: &Symbol,
        job: &mut SymbolsJob,
        now: Nanos,
        units: &mut Units,
    ) -> Result<Subscribed, TooMany> {
        let SymbolsCommand::Subscribe { spec, resume } = &job.command else { return Err(TooMany) };
        let resume = resume_of(resume.as_ref(), symbol, &self.node.epoch);
        let allowed = self.fanout.allowed_of(key, symbol, spec).ok_or(TooMany)?;
        let request = SubscribeRequest { symbol, spec: &allowed, resume };
        let walked = self.fanout.walked();
        let subscribed = self.fanout.subscribe(key, &request, now, &*self.node.ingest)?;
        units.spend(self.fanout.walked() - walked);
        if is_state_sent(subscribed.state, resume.is_some()) {
            job.states.insert(symbol.clone(), subscribed.state);
        }
        Ok(subscribed)
    }

    /// The first step of a glob, or the result that refuses it.
    fn begin_glob(&mut self, key: SessionKey, job: &mut SymbolsJob, glob: &Glob) -> Result<Step, Entry> {
        let most = self.node.limits.globs;
        job.globs += 1;
        let is_kept = matches!(
            job.command,
            SymbolsCommand::Subscribe { spec: Spec { mode, .. }, .. } if mode != Mode::Once
        );
        let name = job.name.as_ref();
        if matches!(job.command, SymbolsCommand::Subscribe { .. }) && !self.fanout.may_read_any(key) {
            return Err(self.nothing_readable(key, glob.as_str(), name));
        }
        if !self.may_have(key, job) {
            return Err(self.no_field(key, glob.as_str(), name));
        }
        let message = if job.globs > most {
            format!("one command names at most {most} different globs (limits.globs)")
        } else if is_kept && !self.fanout.has_room_for_glob(key, glob.as_str(), name, most) {
            format!("a session holds at most {most} globs")
        } else {
            return Ok(match &job.command {
                SymbolsCommand::Subscribe { .. } => Step::Matching { at: 0, found: Vec::new(), new: 0 },
                SymbolsCommand::Unsubscribe => {
                    let held = self.fanout.remove_glob(key, glob.as_str(), name);
                    Step::Own { from: Place::default(), count: 0, held }
                }
                SymbolsCommand::Set { change } => {
                    let change = self.fanout.allowed_change(key, change).unwrap_or(*change);
                    let held = self.fanout.set_glob(key, glob.as_str(), name, &change);
                    Step::Own { from: Place::default(), count: 0, held }
                }
            });
        };
        self.stats.limits[LimitHit::Globs as usize] += 1;
        Err(Entry::error(glob.as_str(), ErrorCode::TooManyGlobs, message).named(name))
    }

    /// Matches a glob against the listed symbols, until the matches exceed the session's remaining subscriptions.
    fn match_glob(&mut self, key: SessionKey, job: &mut SymbolsJob, units: &mut Units) {
        let Target::Glob(glob) = &job.targets[job.results.len()] else { return };
        let Step::Matching { at, found, new } = &mut job.step else { return };
        let free = self.node.limits.subscriptions.saturating_sub(self.fanout.session_subscriptions(key));
        let free = free.min(self.fanout.user_room(key));
        let listed = self.fanout.listed_symbols();
        while *at < listed.len() && *new <= free {
            if units.is_spent() {
                return;
            }
            units.spend(1);
            if glob.matches(&listed[*at]) && self.fanout.may_read(key, &listed[*at]) {
                units.spend(2);
                found.push(u32::try_from(*at).unwrap_or(u32::MAX));
                *new += usize::from(!self.fanout.is_subscribed(key, &listed[*at], job.name.as_ref()));
            }
            *at += 1;
        }
        let SymbolsCommand::Subscribe { spec, .. } = &job.command else { return };
        let Some(spec) = self.fanout.allowed(key, spec) else { return };
        let failed = if *new > free {
            self.stats.limits[LimitHit::Subscriptions as usize] += 1;
            let message = format!(
                "matches more symbols than the {free} subscriptions that are left: nothing was subscribed"
            );
            Some((ErrorCode::TooManySubscriptions, message))
        } else if spec.mode != Mode::Once
            && self.fanout.add_glob(key, glob, &spec, self.node.limits.globs).is_err()
        {
            self.stats.limits[LimitHit::Globs as usize] += 1;
            Some((
                ErrorCode::TooManyGlobs,
                format!("a session holds at most {} globs", self.node.limits.globs),
            ))
        } else {
            None
        };
        match failed {
            Some((code, message)) => {
                job.results.push(Entry::error(glob.as_str(), code, message).named(job.name.as_ref()));
                job.step = Step::Next;
            }
            None => job.step = Step::Subscribing { found: std::mem::take(found), at: 0 },
        }
    }

    /// Subscribes to a glob's matches.
    fn subscribe_matches(&mut self, key: SessionKey, job: &mut SymbolsJob, now: Nanos, units: &mut Units) {
        let Step::Subscribing { found, mut at } = std::mem::replace(&mut job.step, Step::Next) else {
            return;
        };
        while let Some(&index) = found.get(at) {
            if units.is_spent() {
                job.step = Step::Subscribing { found, at };
                return;
            }
            units.spend(SUBSCRIBE_UNITS);
            at += 1;
            let symbol = self.fanout.listed_symbols()[index as usize].clone();
            if !self.may_have_of(key, &symbol, job) {
                continue;
            }
            // Symbols listed meanwhile may have used up the subscriptions.
            match self.subscribe(key, &symbol, job, now, units) {
                Ok(Subscribed { outcome, .. })
                    if self.fanout.plane_of(key, &symbol) == Some(Plane::Delayed) =>
                {
                    job.late.push((symbol, outcome));
                }
                Ok(_) => {}
                Err(TooMany) => self.report_full(key, &symbol, job.name.clone()),
            }
        }
        let status = if found.is_empty() { Status::Pending } else { Status::Ok };
        let text = job.targets[job.results.len()].text();
        let name = job.name.clone();
        job.results.push(Entry { name, matched: Some(found.len()), ..Entry::new(text, status) });
    }

    /// Ends, or changes, the session's subscriptions that match a glob.
    fn walk_own(&mut self, key: SessionKey, job: &mut SymbolsJob, now: Nanos, units: &mut Units) {
        let Target::Glob(glob) = &job.targets[job.results.len()] else { return };
        let Step::Own { from, count, held } = &mut job.step else { return };
        while let Some((next, held)) = self.fanout.subscribed_from(key, *from) {
            if units.is_spent() {
                return;
            }
            units.spend(1);
            *from = next;
            if held.name != job.name.as_ref() || !glob.matches(held.symbol) {
                continue;
            }
            let (symbol, name) = (held.symbol.clone(), job.name.as_ref());
            units.spend(CHANGE_UNITS);
            *count += 1;
            match &job.command {
                SymbolsCommand::Set { change } => {
                    // If it may read none of the fields of this symbol, leave it as it is.
                    let change = self.fanout.allowed_change_of(key, &symbol, change);
                    self.fanout.set(key, &symbol, name, &change.unwrap_or_default(), now)
                }
                _ => self.fanout.unsubscribe(key, &symbol, name),
            };
        }
        let result = matched(glob, job.name.as_ref(), *count, *held);
        job.results.push(result);
        job.step = Step::Next;
    }
}
