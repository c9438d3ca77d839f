//! Carries out the wishes of a dialect (subscribe, answer, close, ...) in order, through the same jobs as commands.

use std::collections::VecDeque;

use crate::{
    access::Refused,
    fanout::{CHANGE_UNITS, Name, SessionKey, Units},
    session::{
        core::Core,
        dialect::{DialectInput, DialectSession},
        inbound::job::{CurrentWish, DialectJob, Job, SymbolsCommand, SymbolsJob},
        socket::SessionSocket,
    },
    spans,
    tick::{Nanos, Symbol},
    wire::{
        CloseReason, ErrorCode, Target,
        control::{Entry, Status},
        dialects::{
            Carried, Dialect, DialectStream, Moment, NUMBER_PLACE, Whose, Wish, WishRefusal, Wishes, spelling,
        },
        websocket,
    },
};

/// Bytes of a message parsed per work unit.
const BYTES_A_UNIT: usize = 4;
/// The close code when a venue's rule is broken.
const POLICY_CODE: u16 = 1008;

impl<S: SessionSocket> Core<S> {
    /// Whether the session speaks a venue's protocol.
    pub fn speaks_dialect(&mut self, key: SessionKey) -> bool {
        self.session(key).is_some_and(|session| session.dialect.is_some())
    }

    pub(super) fn moment(&self, now: Nanos) -> Moment {
        Moment { machine: now, market: self.node.market.at(now) }
    }

    /// Passes an event to the session's dialect; nothing in a session without one.
    pub(in crate::session) fn tell_dialect(
        &mut self,
        key: SessionKey,
        tell: impl FnOnce(&mut dyn Dialect, &mut Wishes),
    ) {
        let mut wishes = Wishes::default();
        let Some(dialect) = self.session(key).and_then(|session| session.dialect.as_deref_mut()) else {
            return;
        };
        tell(&mut *dialect.conversation, &mut wishes);
        for wish in wishes.0 {
            debug_assert!(!wish.asks(), "this is no place to ask for something");
            self.carry_out_now(key, wish);
        }
    }

    /// Passes a message to the dialect. A job carries out the resulting wishes.
    pub(in crate::session) fn begin_dialect_input(
        &mut self,
        key: SessionKey,
        input: DialectInput<'_>,
        now: Nanos,
        units: &mut Units,
    ) -> Option<Box<Job>> {
        let bytes = match input {
            DialectInput::Opened => 0,
            DialectInput::Text(text) => text.len(),
            DialectInput::Binary(message) => message.len(),
        };
        units.spend(1 + bytes / BYTES_A_UNIT);
        self.command_span = spans::command("venue", self.number_of(key), 0);
        let at = self.moment(now);
        let dialect: &mut DialectSession = self.session(key)?.dialect.as_deref_mut()?;
        let wishes = dialect.hear(input, at);
        (!wishes.0.is_empty()).then(|| Box::new(Job::Dialect(Box::new(DialectJob::new(wishes)))))
    }

    /// Continues the wishes; returns whether all are carried out and answered. `now` is the machine's clock.
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
                    job.results.push(match &auth.refused {
                        Some(refused) => key_refused(refused),
                        None => Carried::Authenticated,
                    });
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

    /// Starts a wish, merged with following ones of the same kind. `None` if it is done already.
    fn begin_wish(
        &mut self,
        key: SessionKey,
        wish: Wish,
        job: &mut DialectJob,
        now: Nanos,
        units: &mut Units,
    ) -> Option<CurrentWish> {
        let (kind, whose, is_end) = match wish {
            Wish::Subscribe(kind, whose) => (kind, whose, false),
            Wish::Unsubscribe(kind, whose) => (kind, whose, true),
            Wish::Authenticate(token) => {
                if self.node.authority.is_open() {
                    job.results.push(Carried::Refused(WishRefusal::NoAuthentication));
                    return None;
                }
                return match self.admit_token(key, None, &token, now) {
                    Ok(auth) => Some(CurrentWish::Auth(Box::new(auth))),
                    Err((id, refused)) => {
                        self.refuse_token(key, id, &refused);
                        job.results.push(key_refused(&refused));
                        None
                    }
                };
            }
            now => {
                self.carry_out_now(key, now);
                return None;
            }
        };
        // Subscriptions by spelling have distinct names.
        let is_alone = matches!(whose, Whose::Spelled(_));
        let Some(name) = name_of(kind, &whose) else {
            job.results.push(Carried::Refused(WishRefusal::Unknown));
            return None;
        };
        let Some(target) = self.target(key, whose, &name, is_end, units) else {
            job.results.push(Carried::Refused(WishRefusal::Unknown));
            return None;
        };
        let mut targets = vec![target];
        while let Some(whose) = if is_alone { None } else { take_like(&mut job.left, kind, is_end) } {
            targets.extend(self.target(key, whose, &name, is_end, units));
        }
        let mut spec = kind.spec();
        spec.view.name = Some(name.clone());
        let command = if is_end {
            SymbolsCommand::Unsubscribe
        } else {
            SymbolsCommand::Subscribe { spec, resume: None }
        };
        Some(CurrentWish::Symbols(Box::new(SymbolsJob::new(None, command, Some(name), targets))))
    }

    /// Carries out a wish that takes no time.
    fn carry_out_now(&mut self, key: SessionKey, wish: Wish) {
        match wish {
            Wish::Send(mut payload) => {
                self.number(key, &mut payload);
                self.control_payload(key, &payload);
                self.note_telling(key);
            }
            Wish::Encode(encoding) => {
                if let Some(session) = self.session(key) {
                    session.transport.encoding = encoding;
                }
            }
            Wish::Close(reason) => self.close(key, reason),
            Wish::CloseSaying(reason, words) => {
                self.close_with(key, reason, |out| websocket::write_close_of(POLICY_CODE, words, out));
            }
            Wish::Repeat(kind, whose) => self.send_again(key, kind, &whose),
            Wish::Subscribe(..) | Wish::Unsubscribe(..) | Wish::Authenticate(_) => {}
        }
    }

    /// Inserts the message's sequence number, in protocols that number messages.
    fn number(&mut self, key: SessionKey, payload: &mut Vec<u8>) {
        let Some(at) = memchr::memchr(NUMBER_PLACE, payload) else { return };
        let dialect = self.session(key).and_then(|session| session.dialect.as_deref_mut());
        let Some(sequence) = dialect.and_then(|dialect| dialect.conversation.sequence()) else { return };
        payload.splice(at..=at, sequence.to_string().into_bytes());
        *sequence += 1;
    }

    /// Schedules the current record for a subscription.
    fn send_again(&mut self, key: SessionKey, kind: &'static DialectStream, whose: &Whose) {
        let Some(name) = name_of(kind, whose) else { return };
        let (text, is_spelling) = match whose {
            Whose::Spelled(text) => (text, true),
            Whose::Symbol(text) => (text, false),
            Whose::All => return,
        };
        let market = self.node.market.now();
        let candidates = self.spellings.of(text, is_spelling).unwrap_or_default();
        for symbol in &candidates {
            if self.fanout.send_again(key, symbol, Some(&name), market) {
                return;
            }
        }
    }

    /// The symbol in the market's spelling; in capitals when it is unknown. `None` when the market knows symbols and
    /// the spelling matches none.
    fn target(
        &mut self,
        key: SessionKey,
        whose: Whose,
        name: &Name,
        is_end: bool,
        units: &mut Units,
    ) -> Option<Target> {
        let (text, is_spelling) = match whose {
            Whose::Symbol(text) => (text, false),
            Whose::Spelled(text) => (text, true),
            Whose::All => return Some(Target::parse("*")),
        };
        units.spend(CHANGE_UNITS);
        let looked_at = self.spellings.catch_up(self.fanout.listed_symbols());
        units.spend(looked_at / BYTES_A_UNIT);
        let candidates = match self.spellings.of(&text, is_spelling) {
            Ok(candidates) => candidates,
            Err(fault) => return Some(Target::Bad { text: text.into(), message: fault.to_string() }),
        };
        let is_known = |symbol: &&Symbol| {
            if is_end {
                self.fanout.is_subscribed(key, symbol, Some(name))
            } else {
                self.fanout.is_listed(symbol) || self.node.ingest.is_known(symbol)
            }
        };
        let mut found = candidates.iter().find(is_known).cloned();
        if found.is_none() && is_spelling {
            let declared = self.node.ingest.declared();
            let knows_some = !declared.is_empty() || !self.fanout.listed_symbols().is_empty();
            found = declared.into_iter().find(|symbol| spelling::means(&text, symbol.as_str()));
            if found.is_none() && knows_some && !is_end {
                return None;
            }
        }
        let found = found.or_else(|| candidates.first().cloned());
        Some(found.map_or_else(|| Target::parse(&text), Target::Name))
    }
}

/// The name of the subscription that a wish is about; `None` when the spelling cannot be a symbol.
fn name_of(kind: &DialectStream, whose: &Whose) -> Option<Name> {
    match whose {
        Whose::Spelled(text) => spelling::named(kind, text),
        Whose::Symbol(_) | Whose::All => kind.name(),
    }
}

/// Takes the next wish if it is of the same kind; returns whose streams it is about.
fn take_like(left: &mut VecDeque<Wish>, kind: &'static DialectStream, is_end: bool) -> Option<Whose> {
    let is_like = match left.front()? {
        Wish::Subscribe(_, Whose::Spelled(_)) | Wish::Unsubscribe(_, Whose::Spelled(_)) => false,
        Wish::Subscribe(other, _) => !is_end && std::ptr::eq(*other, kind),
        Wish::Unsubscribe(other, _) => is_end && std::ptr::eq(*other, kind),
        _ => false,
    };
    match is_like.then(|| left.pop_front()).flatten()? {
        Wish::Subscribe(_, whose) | Wish::Unsubscribe(_, whose) => Some(whose),
        _ => None,
    }
}

fn key_refused(refused: &Refused) -> Carried {
    Carried::Refused(WishRefusal::Key(CloseReason::of_refused(refused)))
}

/// The outcome for one symbol, or for all.
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
