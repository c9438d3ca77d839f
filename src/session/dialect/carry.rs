//! Wishes of a dialect, carried out in their order by the jobs of every session.

use std::collections::VecDeque;

use crate::{
    fanout::{CHANGE_UNITS, Name, SessionKey, Units},
    session::{
        core::Core,
        dialect::spoken::{Said, Spoken},
        inbound::job::{CurrentWish, DialectJob, Job, SymbolsCommand, SymbolsJob},
        socket::SessionSocket,
    },
    tick::{Nanos, Symbol},
    wire::{
        ErrorCode, Target,
        control::{Entry, Status},
        dialects::{Carried, Dialect, DialectStream, Moment, Whose, Wish, WishRefusal, Wishes},
    },
};

/// Bytes of a message that are read per unit.
const BYTES_A_UNIT: usize = 4;

impl<S: SessionSocket> Core<S> {
    /// Whether the session speaks a venue's protocol.
    pub fn speaks_dialect(&mut self, key: SessionKey) -> bool {
        self.session(key).is_some_and(|session| session.spoken.is_some())
    }

    pub(super) fn moment(&self, now: Nanos) -> Moment {
        Moment { machine: now, market: self.node.market.at(now) }
    }

    /// Tells the session's dialect something. Nothing in a session without one.
    pub(in crate::session) fn tell_dialect(
        &mut self,
        key: SessionKey,
        tell: impl FnOnce(&mut dyn Dialect, &mut Wishes),
    ) {
        let mut wishes = Wishes::default();
        let Some(spoken) = self.session(key).and_then(|session| session.spoken.as_deref_mut()) else {
            return;
        };
        tell(&mut *spoken.dialect, &mut wishes);
        for wish in wishes.0 {
            debug_assert!(!wish.asks(), "this is no place to ask for something");
            self.carry_out_now(key, wish);
        }
    }

    /// Lets the dialect hear a message. What it wishes for is carried out by the job.
    pub(in crate::session) fn begin_said(
        &mut self,
        key: SessionKey,
        said: Said<'_>,
        now: Nanos,
        units: &mut Units,
    ) -> Option<Box<Job>> {
        let bytes = match said {
            Said::Opened => 0,
            Said::Text(text) => text.len(),
            Said::Binary(message) => message.len(),
        };
        units.spend(1 + bytes / BYTES_A_UNIT);
        let at = self.moment(now);
        let spoken: &mut Spoken = self.session(key)?.spoken.as_deref_mut()?;
        let wishes = spoken.hear(said, at);
        (!wishes.0.is_empty()).then(|| Box::new(Job::Dialect(Box::new(DialectJob::new(wishes)))))
    }

    /// Continues with wishes; returns whether all are carried out and answered. `now` is by the machine's clock.
    pub(in crate::session) fn step_dialect(
        &mut self,
        key: SessionKey,
        job: &mut DialectJob,
        now: Nanos,
        units: &mut Units,
    ) -> bool {
        loop {
            let market = self.node.market.at(now);
            match &mut job.current {
                Some(CurrentWish::Symbols(symbols)) => {
                    if !self.step_targets(key, symbols, market, units) {
                        return false;
                    }
                    let is_end = matches!(symbols.command, SymbolsCommand::Unsubscribe);
                    let results = symbols.targets.iter().zip(&symbols.results);
                    job.results.extend(results.map(|(target, entry)| carried(is_end, target, entry)));
                }
                Some(CurrentWish::Auth(auth)) => {
                    if !self.step_auth(key, auth, market, units) {
                        return false;
                    }
                    let refused = Carried::Refused(WishRefusal::BadToken);
                    job.results.push(if auth.is_refused { refused } else { Carried::Authenticated });
                }
                None if units.is_spent() && !job.left.is_empty() => return false,
                None => {
                    let Some(wish) = job.left.pop_front() else { break };
                    units.spend(1);
                    job.current = self.begin_wish(key, wish, job, now, units);
                    continue;
                }
            }
            job.current = None;
        }
        if !job.results.is_empty() {
            let (at, results) = (self.moment(now), std::mem::take(&mut job.results));
            self.tell_dialect(key, |dialect, wishes| dialect.carried_out(&results, at, wishes));
        }
        true
    }

    /// Begins a wish, together with those of its kind that follow. `None` when it is carried out.
    fn begin_wish(
        &mut self,
        key: SessionKey,
        wish: Wish,
        job: &mut DialectJob,
        now: Nanos,
        units: &mut Units,
    ) -> Option<CurrentWish> {
        let (kind, whose, command) = match wish {
            Wish::Subscribe(kind, whose) => {
                (kind, whose, SymbolsCommand::Subscribe { spec: kind.spec(), resume: None })
            }
            Wish::Unsubscribe(kind, whose) => (kind, whose, SymbolsCommand::Unsubscribe),
            Wish::Authenticate(token) => {
                if self.node.authority.is_open() {
                    job.results.push(Carried::Refused(WishRefusal::NoAuthentication));
                    return None;
                }
                return match self.admit_token(key, None, &token, now) {
                    Ok(auth) => Some(CurrentWish::Auth(Box::new(auth))),
                    Err((id, refused)) => {
                        self.refuse_token(key, id, &refused);
                        job.results.push(Carried::Refused(WishRefusal::BadToken));
                        None
                    }
                };
            }
            now => {
                self.carry_out_now(key, now);
                return None;
            }
        };
        let (name, is_end) = (kind.name(), matches!(command, SymbolsCommand::Unsubscribe));
        let mut targets = vec![self.target(key, whose, name.as_ref(), is_end, units)];
        while let Some(whose) = take_like(&mut job.left, kind, is_end) {
            targets.push(self.target(key, whose, name.as_ref(), is_end, units));
        }
        Some(CurrentWish::Symbols(Box::new(SymbolsJob::new(None, command, name, targets))))
    }

    /// A wish that takes no time.
    fn carry_out_now(&mut self, key: SessionKey, wish: Wish) {
        match wish {
            Wish::Send(payload) => {
                self.control_payload(key, &payload);
                self.note_telling(key);
            }
            Wish::Encode(encoding) => {
                if let Some(session) = self.session(key) {
                    session.transport.encoding = encoding;
                }
            }
            Wish::Close(reason) => self.close(key, reason),
            Wish::Subscribe(..) | Wish::Unsubscribe(..) | Wish::Authenticate(_) => {}
        }
    }

    /// The symbol as the market spells it; in capitals when nobody knows it yet.
    fn target(
        &mut self,
        key: SessionKey,
        whose: Whose,
        name: Option<&Name>,
        is_end: bool,
        units: &mut Units,
    ) -> Target {
        let text = match whose {
            Whose::Symbol(text) => text,
            Whose::All => return Target::parse("*"),
        };
        units.spend(CHANGE_UNITS);
        let looked_at = self.spellings.catch_up(self.fanout.listed_symbols());
        units.spend(looked_at / BYTES_A_UNIT);
        let candidates = match self.spellings.candidates(&text) {
            Ok(candidates) => candidates,
            Err(fault) => return Target::Bad { text: text.into(), message: fault.to_string() },
        };
        let is_known = |symbol: &&Symbol| {
            if is_end {
                self.fanout.is_subscribed(key, symbol, name)
            } else {
                self.fanout.is_listed(symbol) || self.node.ingest.is_known(symbol)
            }
        };
        let found = candidates.iter().find(is_known).or(candidates.first());
        found.cloned().map_or_else(|| Target::parse(&text), Target::Name)
    }
}

/// Takes the next wish if it is of this kind, and says whose streams it is about.
fn take_like(left: &mut VecDeque<Wish>, kind: &'static DialectStream, is_end: bool) -> Option<Whose> {
    let is_like = match left.front()? {
        Wish::Subscribe(other, _) => !is_end && std::ptr::eq(*other, kind),
        Wish::Unsubscribe(other, _) => is_end && std::ptr::eq(*other, kind),
        _ => false,
    };
    match is_like.then(|| left.pop_front()).flatten()? {
        Wish::Subscribe(_, whose) | Wish::Unsubscribe(_, whose) => Some(whose),
        _ => None,
    }
}

/// What became of one symbol, or of all.
fn carried(is_end: bool, target: &Target, entry: &Entry) -> Carried {
    if entry.status != Status::Error {
        let symbol = match target {
            Target::Name(symbol) => Some((symbol.clone(), entry.known != Some(false))),
            Target::Glob(_) | Target::Bad { .. } => None,
        };
        return if is_end { Carried::Unsubscribed } else { Carried::Subscribed(symbol) };
    }
    Carried::Refused(match entry.code {
        Some(ErrorCode::BadSymbol) => WishRefusal::BadSymbol,
        Some(ErrorCode::NotEntitled) => WishRefusal::NotEntitled,
        Some(ErrorCode::NotSubscribed) => WishRefusal::NotSubscribed,
        _ => WishRefusal::TooMany,
    })
}
