//! Commands carried out: the ack first, on the control lane; then what it changes.

use std::sync::Arc;

use super::{core::Core, stats::LimitHit};
use crate::{
    fanout::{Change, Glob, Mode, Outcome, Resume, SessionKey, Spec, Subscribed, TooMany},
    tick::{Nanos, State, Symbol},
    wire::{
        Command, CommandError, Control, ErrorCode, Target,
        command::ResumeFrom,
        control::{Entry, ListEntry, Status, millis},
    },
};

impl Core {
    /// Carries out one message of a client; a fault is answered and the session goes on.
    pub fn command(&mut self, key: SessionKey, text: &str, now: Nanos) {
        let shared = Arc::clone(&self.shared);
        let Some(session) = self.session(key) else { return };
        if !session.budget.take_command(&shared.limits, now) {
            self.stats.limits[LimitHit::Commands as usize] += 1;
            let message = format!(
                "more than {} commands a second (burst {}): this one was not carried out, slow down",
                shared.limits.commands_per_second, shared.limits.commands_burst
            );
            let error = CommandError { id: None, code: ErrorCode::RateLimited, message };
            return self.control(key, &Control::error(&error));
        }
        self.stats.commands += 1;
        let mut bytes = text.as_bytes().to_vec();
        match self.reader.read(&mut bytes, &shared.limits) {
            Err(error) => self.control(key, &Control::error(&error)),
            Ok(command) => {
                self.carry_out(key, command, shared.market.at(now));
                // Before the answer is out: what is published behind it comes as it was asked for.
                self.wish();
                self.join(key);
            }
        }
    }

    /// Counts the session among the readers from its first subscription on. Only now, when ingest knows what it wishes:
    /// a replay that waited for it begins at once.
    fn join(&mut self, key: SessionKey) {
        let any = self.fanout.session_subscriptions(key) > 0 || !self.fanout.globs(key).is_empty();
        let shared = Arc::clone(&self.shared);
        if any && let Some(session) = self.session(key) {
            session.joined.get_or_insert_with(|| shared.ingest.readers.join());
        }
    }

    fn carry_out(&mut self, key: SessionKey, command: Command, now: Nanos) {
        match command {
            Command::Subscribe { id, symbols, spec, resume } => {
                let mut told = Vec::new();
                let mut results = Vec::with_capacity(symbols.len());
                for target in &symbols {
                    results.push(self.subscribe(key, target, &spec, resume.as_ref(), now, &mut told));
                }
                self.control(key, &Control::Subscribed { id, results });
                told.sort_unstable_by(|a, b| a.0.cmp(&b.0));
                told.dedup_by(|a, b| a.0 == b.0);
                // A price that is old must not look new, even when its topic was quiet before anyone asked.
                for (symbol, state) in told {
                    self.control(key, &Control::SymbolStatus { symbol: symbol.as_str(), state });
                }
            }
            Command::Unsubscribe { id, symbols } => {
                let results = symbols.iter().map(|target| self.unsubscribe(key, target)).collect();
                self.control(key, &Control::Unsubscribed { id, results });
            }
            Command::Set { id, symbols, change } => {
                let results = symbols.iter().map(|target| self.set(key, target, &change, now)).collect();
                self.control(key, &Control::Set { id, results });
            }
            Command::List { id } => {
                let message = self.list(key, id);
                self.control(key, &message);
            }
            Command::Ping { id } => self.control(key, &Control::Pong { id, ts: now }),
            Command::Auth { id } => {
                let message =
                    "this server has no authentication configured: every symbol may be read without"
                        .to_owned();
                let error = CommandError { id, code: ErrorCode::AuthNotConfigured, message };
                self.control(key, &Control::error(&error));
            }
        }
    }

    fn subscribe(
        &mut self,
        key: SessionKey,
        target: &Target,
        spec: &Spec,
        resume: Option<&ResumeFrom>,
        now: Nanos,
        told: &mut Vec<(Symbol, State)>,
    ) -> Entry {
        let resume_of = |symbol: &Symbol, epoch: &str| {
            let from = resume?;
            let last = *from.last.get(symbol.as_str())?;
            Some(Resume { same_epoch: from.epoch == epoch, last })
        };
        let shared = Arc::clone(&self.shared);
        match target {
            Target::Bad { text, message } => Entry::error(text, ErrorCode::BadSymbol, message),
            Target::Name(symbol) => {
                let resume = resume_of(symbol, &shared.epoch);
                match self.fanout.subscribe(key, symbol, spec, resume, now, &*shared.ingest) {
                    Ok(subscribed) => {
                        note_state(symbol, subscribed, resume.is_some(), told);
                        let waits = subscribed.outcome == Outcome::Pending;
                        let known = (waits && !shared.ingest.is_known(symbol)).then_some(false);
                        Entry { known, ..Entry::new(symbol.as_str(), status(subscribed.outcome)) }
                    }
                    Err(TooMany) => self.too_many(symbol.as_str()),
                }
            }
            Target::Glob(glob) => {
                let matching = self.fanout.matching(glob);
                let held = |symbol: &Symbol| self.fanout.is_subscribed(key, symbol);
                let new = matching.iter().filter(|symbol| !held(symbol)).count();
                let free = shared.limits.subscriptions.saturating_sub(self.fanout.session_subscriptions(key));
                if new > free {
                    self.stats.limits[LimitHit::Subscriptions as usize] += 1;
                    let message = format!(
                        "matches {} symbols, {new} of them new, and {free} subscriptions are left: nothing was subscribed",
                        matching.len()
                    );
                    return Entry::error(glob.as_str(), ErrorCode::TooManySubscriptions, message);
                }
                if spec.mode != Mode::Once
                    && self.fanout.add_glob(key, glob, spec, shared.limits.globs).is_err()
                {
                    self.stats.limits[LimitHit::Globs as usize] += 1;
                    let message = format!("a session holds at most {} globs", shared.limits.globs);
                    return Entry::error(glob.as_str(), ErrorCode::TooManyGlobs, message);
                }
                for symbol in &matching {
                    let resume = resume_of(symbol, &shared.epoch);
                    if let Ok(subscribed) =
                        self.fanout.subscribe(key, symbol, spec, resume, now, &*shared.ingest)
                    {
                        note_state(symbol, subscribed, resume.is_some(), told);
                    }
                }
                let status = if matching.is_empty() { Status::Pending } else { Status::Ok };
                Entry { matched: Some(matching.len()), ..Entry::new(glob.as_str(), status) }
            }
        }
    }

    fn too_many(&mut self, symbol: &str) -> Entry {
        self.stats.limits[LimitHit::Subscriptions as usize] += 1;
        let message = format!(
            "a session has at most {} subscriptions: unsubscribe some, or open another session",
            self.shared.limits.subscriptions
        );
        Entry::error(symbol, ErrorCode::TooManySubscriptions, message)
    }

    /// A glob caught a symbol that was born, and there was no subscription left for it.
    pub fn tell_full(&mut self, key: SessionKey, symbol: &Symbol) {
        let entry = self.too_many(symbol.as_str());
        let message =
            format!("{symbol} was born and matches a glob of yours; {}", entry.message.unwrap_or_default());
        let error = CommandError { id: None, code: ErrorCode::TooManySubscriptions, message };
        self.control(key, &Control::error(&error));
    }

    fn unsubscribe(&mut self, key: SessionKey, target: &Target) -> Entry {
        match target {
            Target::Bad { text, message } => Entry::error(text, ErrorCode::BadSymbol, message),
            Target::Name(symbol) if self.fanout.unsubscribe(key, symbol) => {
                Entry::new(symbol.as_str(), Status::Ok)
            }
            Target::Name(symbol) => not_subscribed(symbol.as_str()),
            Target::Glob(glob) => {
                let held = self.fanout.remove_glob(key, glob.as_str());
                let matching = self.fanout.subscribed_matching(key, glob);
                for symbol in &matching {
                    self.fanout.unsubscribe(key, symbol);
                }
                matched(glob, matching.len(), held)
            }
        }
    }

    fn set(&mut self, key: SessionKey, target: &Target, change: &Change, now: Nanos) -> Entry {
        match target {
            Target::Bad { text, message } => Entry::error(text, ErrorCode::BadSymbol, message),
            Target::Name(symbol) if self.fanout.set(key, symbol, change, now) => {
                Entry::new(symbol.as_str(), Status::Ok)
            }
            Target::Name(symbol) => not_subscribed(symbol.as_str()),
            Target::Glob(glob) => {
                let held = self.fanout.set_glob(key, glob.as_str(), change);
                let matching = self.fanout.subscribed_matching(key, glob);
                for symbol in &matching {
                    self.fanout.set(key, symbol, change, now);
                }
                matched(glob, matching.len(), held)
            }
        }
    }

    fn list(&self, key: SessionKey, id: Option<crate::wire::Id>) -> Control<'static> {
        let subscriptions = self.fanout.list(key).into_iter().map(|listed| ListEntry {
            symbol: listed.symbol.as_str().to_owned(),
            mode: listed.mode.as_str(),
            interval_ms: millis(listed.interval),
            fields: (listed.wanted != crate::tick::FieldSet::ALL)
                .then(|| listed.wanted.iter().map(crate::tick::Field::name).collect()),
            seq: listed.cursor,
            state: listed.state,
        });
        let globs = self.fanout.globs(key).iter().map(ToString::to_string).collect();
        Control::List { id, subscriptions: subscriptions.collect(), globs }
    }
}

/// Who begins anew takes a symbol for live unless told otherwise. Who comes back was told something before the
/// connection ended, which may be so no longer: it is told the state whatever it is.
fn note_state(symbol: &Symbol, subscribed: Subscribed, comes_back: bool, told: &mut Vec<(Symbol, State)>) {
    let is_news = match subscribed.state {
        State::Stale | State::Halted | State::Closed => true,
        State::Live => comes_back,
        State::Pending => false,
    };
    if is_news {
        told.push((symbol.clone(), subscribed.state));
    }
}

fn status(outcome: Outcome) -> Status {
    match outcome {
        Outcome::Ok => Status::Ok,
        Outcome::Pending => Status::Pending,
        Outcome::Resumed => Status::Resumed,
        Outcome::Gap => Status::Gap,
    }
}

fn not_subscribed(symbol: &str) -> Entry {
    Entry::error(symbol, ErrorCode::NotSubscribed, "this session is not subscribed to it")
}

fn matched(glob: &Glob, count: usize, held: bool) -> Entry {
    if count == 0 && !held {
        return not_subscribed(glob.as_str());
    }
    Entry { matched: Some(count), ..Entry::new(glob.as_str(), Status::Ok) }
}
