//! A session's side: `connected`, a key, and then a status for each channel of a request.
//!
//! Invariants: nothing is subscribed to before a key was accepted; a channel that is subscribed to twice is so once, and
//! what `*` brings is not brought by a pair beside it. Bounds: what is held is what the session has subscriptions for.

use std::{collections::BTreeMap, time::Duration};

use compact_str::CompactString;

use super::{
    request::MassiveRequest,
    status::{self, MassiveStatus},
    streams::MassiveCluster,
};
use crate::{
    scenario::Announcement,
    tick::Nanos,
    wire::{
        CloseReason,
        dialects::{
            dialect::{Carried, Dialect, Moment, Rules, WishRefusal, Wishes},
            stream::{DialectStream, Whose},
        },
        encodings::Encoding,
    },
};

/// A session of Massive's.
pub struct MassiveDialect {
    market: MassiveCluster,
    opened: Nanos,
    is_authenticated: bool,
    /// What was subscribed to, by its channel in capitals; in order, so that the same requests have the same wishes.
    held: BTreeMap<String, MassiveHeld>,
    /// What the request under way is answered, in order.
    pending: Vec<PendingAnswer>,
}

struct MassiveHeld {
    /// As the client spells it.
    symbol: CompactString,
    /// A pair of which `*` brings everything: it has no subscription of its own.
    is_covered: bool,
}

enum PendingAnswer {
    /// Nothing was asked for.
    Known(String),
    /// What was asked for is not answered.
    Quiet,
    /// By what becomes of the next wish.
    Auth,
    Begun(String),
    Ended(String),
}

/// A channel of one symbol, or of all.
struct NamedChannel<'a> {
    kind: &'static DialectStream,
    symbol: &'a str,
}

/// Stands for all symbols.
const ALL: &str = "*";
/// A client that has sent no key within this is closed.
const KEY_WITHIN: Duration = Duration::from_secs(10);
/// The venue sends no messages to show that it is there, and its clients ping.
const RULES: Rules = Rules { ping: None, pong: Duration::MAX, age_max: None, takes_keys: true };

impl MassiveDialect {
    pub fn new(market: MassiveCluster) -> Self {
        MassiveDialect {
            market,
            opened: Nanos(0),
            is_authenticated: false,
            held: BTreeMap::new(),
            pending: Vec::new(),
        }
    }

    fn begin(&mut self, text: String, wishes: &mut Wishes) {
        let Some(channel) = self.channel(&text) else {
            return self.pending.push(PendingAnswer::Known(status::NOT_AUTHORIZED.to_json()));
        };
        let (kind, key, symbol) = (channel.kind, channel.key(), CompactString::from(channel.symbol));
        if self.held.contains_key(&key) {
            return self.pending.push(PendingAnswer::Known(begun(&text)));
        }
        let is_covered = self.market.has_pairs() && self.held.contains_key(&key_of(kind, ALL));
        self.pending.push(if is_covered {
            PendingAnswer::Known(begun(&text))
        } else {
            wishes.subscribe(kind, self.whose(symbol.clone()));
            PendingAnswer::Begun(text)
        });
        if symbol == ALL {
            for pair in self.pairs(kind, false) {
                wishes.unsubscribe(kind, self.whose(pair));
                self.pending.push(PendingAnswer::Quiet);
            }
        }
        self.held.insert(key, MassiveHeld { symbol, is_covered });
    }

    fn end(&mut self, text: String, wishes: &mut Wishes) {
        let Some(channel) = self.channel(&text) else {
            return self.pending.push(PendingAnswer::Known(status::NOT_AUTHORIZED.to_json()));
        };
        let kind = channel.kind;
        match self.held.remove(&channel.key()) {
            Some(MassiveHeld { symbol, is_covered: false }) => {
                if symbol == ALL {
                    for pair in self.pairs(kind, true) {
                        wishes.subscribe(kind, self.whose(pair));
                        self.pending.push(PendingAnswer::Quiet);
                    }
                }
                wishes.unsubscribe(kind, self.whose(symbol));
                self.pending.push(PendingAnswer::Ended(text));
            }
            // What was not known when it was subscribed to is not held.
            Some(_) | None => self.pending.push(PendingAnswer::Known(ended(&text))),
        }
    }

    /// The pairs of a channel that `*` covers, or that it does not; from now on it is the other way round.
    fn pairs(&mut self, kind: &DialectStream, are_covered: bool) -> Vec<CompactString> {
        if !self.market.has_pairs() {
            return Vec::new();
        }
        let prefix = key_of(kind, "");
        let of_kind =
            self.held.iter_mut().filter(|(key, held)| key.starts_with(&prefix) && held.symbol != ALL);
        let wanted = of_kind.filter(|(_, held)| held.is_covered == are_covered);
        let changed = wanted.map(|(_, held)| {
            held.is_covered = !are_covered;
            held.symbol.clone()
        });
        changed.collect()
    }

    fn channel<'a>(&self, text: &'a str) -> Option<NamedChannel<'a>> {
        let (name, symbol) = text.split_once('.')?;
        let kind = self.market.channel(name)?;
        (!symbol.is_empty()).then_some(NamedChannel { kind, symbol })
    }

    fn whose(&self, symbol: CompactString) -> Whose {
        match symbol.as_str() {
            ALL => Whose::All,
            _ if self.market.has_pairs() => Whose::Spelled(symbol),
            _ => Whose::Symbol(symbol),
        }
    }

    fn authenticated(&mut self, result: &Carried, wishes: &mut Wishes) {
        match result {
            // Whatever key there is.
            Carried::Authenticated | Carried::Refused(WishRefusal::NoAuthentication) => {
                self.is_authenticated = true;
                wishes.send(status::AUTHENTICATED.to_json());
            }
            // The close says why, before its frame.
            Carried::Refused(WishRefusal::Key(reason)) => wishes.close(*reason),
            _ => wishes.close(CloseReason::BadToken),
        }
    }

    fn answer(&mut self, results: &[Carried], wishes: &mut Wishes) {
        let mut results = results.iter();
        for answer in std::mem::take(&mut self.pending) {
            let text = match answer {
                PendingAnswer::Known(text) => text,
                PendingAnswer::Quiet => {
                    results.next();
                    continue;
                }
                PendingAnswer::Auth => {
                    if let Some(result) = results.next() {
                        self.authenticated(result, wishes);
                    }
                    continue;
                }
                PendingAnswer::Begun(channel) => match results.next() {
                    Some(result) => self.subscribed(&channel, result),
                    None => continue,
                },
                PendingAnswer::Ended(channel) => {
                    results.next();
                    ended(&channel)
                }
            };
            wishes.send(text);
        }
    }

    /// The venue acknowledges a symbol that there is not, and sends nothing of it.
    fn subscribed(&mut self, text: &str, result: &Carried) -> String {
        let Carried::Refused(why) = result else { return begun(text) };
        if let Some(NamedChannel { kind, symbol }) = self.channel(text) {
            self.held.remove(&key_of(kind, symbol));
            // They have no subscriptions of their own any more.
            let prefix = key_of(kind, "");
            self.held.retain(|key, held| !(symbol == ALL && held.is_covered && key.starts_with(&prefix)));
        }
        match why {
            WishRefusal::TooMany => status::TOO_MANY.to_json(),
            WishRefusal::Unknown => begun(text),
            WishRefusal::BadSymbol => MassiveStatus::error("invalid symbol").to_json(),
            _ => status::NOT_AUTHORIZED.to_json(),
        }
    }
}

impl NamedChannel<'_> {
    /// Symbols are found whatever the case of their letters.
    fn key(&self) -> String {
        key_of(self.kind, self.symbol)
    }
}

fn key_of(kind: &DialectStream, symbol: &str) -> String {
    format!("{}.{}", kind.name, symbol.to_ascii_uppercase())
}

impl Dialect for MassiveDialect {
    fn encoding(&self) -> Encoding {
        Encoding::MASSIVE
    }

    fn rules(&self) -> Rules {
        RULES
    }

    fn opened(&mut self, at: Moment, wishes: &mut Wishes) {
        self.opened = at.machine;
        wishes.send(status::CONNECTED.to_json());
    }

    fn text(&mut self, text: &str, _: Moment, wishes: &mut Wishes) {
        let request = match MassiveRequest::read(text) {
            None => return wishes.send(status::MALFORMED.to_json()),
            Some(MassiveRequest::Auth(key)) => {
                self.pending.push(PendingAnswer::Auth);
                return wishes.authenticate(key);
            }
            Some(_) if !self.is_authenticated => return wishes.send(status::NOT_AUTHORIZED.to_json()),
            Some(request) => request,
        };
        match request {
            MassiveRequest::Auth(_) => return,
            MassiveRequest::Subscribe(channels) => {
                for channel in channels {
                    self.begin(channel, wishes);
                }
            }
            MassiveRequest::Unsubscribe(channels) => {
                for channel in channels {
                    self.end(channel, wishes);
                }
            }
        }
        if wishes.0.is_empty() {
            self.answer(&[], wishes);
        }
    }

    fn carried_out(&mut self, results: &[Carried], _: Moment, wishes: &mut Wishes) {
        self.answer(results, wishes);
    }

    /// The venue has its limit of subscriptions alone.
    fn announce(&mut self, what: &Announcement, _: Moment, wishes: &mut Wishes) {
        if *what == Announcement::TooMany {
            wishes.send(status::TOO_MANY.to_json());
        }
    }

    fn sweep(&mut self, at: Moment, _: u64, wishes: &mut Wishes) {
        if !self.is_authenticated && self.pending.is_empty() && at.machine >= self.opened.plus(KEY_WITHIN) {
            wishes.send(status::AUTH_TIMEOUT.to_json());
            // The close of a bad key would say `auth_failed` too.
            wishes.close_saying(CloseReason::BadToken, "");
        }
    }
}

fn begun(channel: &str) -> String {
    MassiveStatus::success(&format!("subscribed to: {channel}")).to_json()
}

fn ended(channel: &str) -> String {
    MassiveStatus::success(&format!("unsubscribed to: {channel}")).to_json()
}
