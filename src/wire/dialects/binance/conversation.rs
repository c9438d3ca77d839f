//! A session's side: its streams by the names that its client gave them, its property, and its answers.

use std::{collections::HashSet, time::Duration};

use super::{
    address::Address,
    request::{BinanceFault, Request, RequestId},
    streams::StreamName,
};
use crate::scenario::Announcement;
use crate::wire::{
    CloseReason,
    dialects::{
        dialect::{Carried, Dialect, Leaving, Moment, Rules, WishRefusal, Wishes},
        stream::{DialectStream, Whose},
    },
    encodings::Encoding,
};

/// A session of Binance.
pub struct BinanceSession {
    combined: bool,
    micros: bool,
    /// In the order in which they were subscribed to.
    streams: Vec<NamedStream>,
    /// Their names, [folded].
    known: HashSet<String>,
    /// Of its address, until it begins.
    address: Vec<String>,
    /// The request that is being carried out.
    pending: Option<Pending>,
}

/// A stream that the client has subscribed to.
struct NamedStream {
    name: String,
    /// What it is here; `None` when it is mute.
    served: Option<(&'static DialectStream, Whose)>,
}

/// An answer that waits until its request is carried out.
struct Pending {
    id: Option<RequestId>,
    /// The names that the request has added, in the order of its wishes.
    added: Vec<String>,
}

const STREAMS_MAX: usize = 1024;
const TOO_MANY: &str = "too many parameters";
const TOO_MANY_CLOSE: &str = "Invalid request: too many parameters";
const MISSING_CLOSE: &str = "Invalid request: stream is not available";
const RULES: Rules = Rules {
    ping: Some(Duration::from_secs(20)),
    pong: Duration::from_secs(60),
    age_max: Some(Duration::from_secs(24 * 60 * 60)),
    takes_keys: false,
};

impl BinanceSession {
    pub fn new(address: Address) -> Self {
        let Address { combined, micros, streams } = address;
        BinanceSession {
            combined,
            micros,
            streams: Vec::new(),
            known: HashSet::new(),
            address: streams,
            pending: None,
        }
    }

    fn take(&mut self, text: &str, wishes: &mut Wishes) -> Result<(), BinanceFault> {
        let (request, id) = Request::read(text)?;
        match request {
            Request::Subscribe(names) => {
                let names = self.new_names(names);
                if self.streams.len() + names.len() > STREAMS_MAX {
                    return Err(BinanceFault::invalid(TOO_MANY));
                }
                // None is begun when one of them is missing: a client must not wait for what never comes.
                if let Some(missing) = names.iter().find(|name| StreamName::of(name) == StreamName::Missing) {
                    return Err(BinanceFault::of_missing(missing));
                }
                self.subscribe(names, Some(id), wishes);
            }
            Request::Unsubscribe(names) => {
                for name in &names {
                    self.unsubscribe(name, wishes);
                }
                self.answer_when_done(id, wishes);
            }
            Request::List => {
                let names: Vec<&str> = self.streams.iter().map(|stream| &*stream.name).collect();
                let names = serde_json::to_string(&names).unwrap_or_default();
                wishes.send(answer(&names, &id));
            }
            Request::SetCombined(combined) => {
                self.combined = combined;
                wishes.send(answer("null", &id));
                wishes.encode(self.encoding());
            }
            Request::GetCombined => wishes.send(answer(if self.combined { "true" } else { "false" }, &id)),
        }
        Ok(())
    }

    /// Those that it has not yet, each once.
    fn new_names(&self, names: Vec<String>) -> Vec<String> {
        let mut seen = HashSet::new();
        let is_new = |name: &String| {
            let folded = folded(name);
            !self.known.contains(&folded) && seen.insert(folded)
        };
        names.into_iter().filter(is_new).collect()
    }

    fn subscribe(&mut self, names: Vec<String>, id: Option<RequestId>, wishes: &mut Wishes) {
        let mut added = Vec::new();
        for name in names {
            let served = match StreamName::of(&name) {
                StreamName::Served(kind, whose) => {
                    wishes.subscribe(kind, whose.clone());
                    added.push(name.clone());
                    Some((kind, whose))
                }
                StreamName::Missing | StreamName::Unknown => None,
            };
            self.known.insert(folded(&name));
            self.streams.push(NamedStream { name, served });
        }
        match id {
            Some(id) if added.is_empty() => wishes.send(answer("null", &id)),
            id => self.pending = Some(Pending { id, added }),
        }
    }

    fn unsubscribe(&mut self, name: &str, wishes: &mut Wishes) {
        let name = folded(name);
        if !self.known.remove(&name) {
            return;
        }
        let Some(at) = self.streams.iter().position(|stream| folded(&stream.name) == name) else { return };
        if let Some((kind, whose)) = self.streams.remove(at).served {
            wishes.unsubscribe(kind, whose);
        }
    }

    fn answer_when_done(&mut self, id: RequestId, wishes: &mut Wishes) {
        if wishes.0.is_empty() {
            wishes.send(answer("null", &id));
        } else {
            self.pending = Some(Pending { id: Some(id), added: Vec::new() });
        }
    }
}

impl Dialect for BinanceSession {
    fn encoding(&self) -> Encoding {
        Encoding::binance(self.combined, self.micros)
    }

    fn rules(&self) -> Rules {
        RULES
    }

    fn opened(&mut self, _: Moment, wishes: &mut Wishes) {
        let address = std::mem::take(&mut self.address);
        let names = self.new_names(address);
        if names.len() > STREAMS_MAX {
            return refuse_address(wishes);
        }
        // They would be mute for ever, and an address has no answer: it is told of what is not served.
        let (missing, names): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|name| StreamName::of(name) == StreamName::Missing);
        for name in &missing {
            wishes.send(BinanceFault::of_missing(name).to_message());
        }
        if !missing.is_empty() && names.is_empty() {
            return wishes.close_saying(CloseReason::Policy, MISSING_CLOSE);
        }
        self.subscribe(names, None, wishes);
    }

    fn text(&mut self, text: &str, _: Moment, wishes: &mut Wishes) {
        if let Err(fault) = self.take(text, wishes) {
            wishes.send(fault.to_message());
        }
    }

    fn carried_out(&mut self, results: &[Carried], _: Moment, wishes: &mut Wishes) {
        let Some(Pending { id, added }) = self.pending.take() else { return };
        // What is no symbol, or may not be read, is acknowledged and mute, as what there is not.
        let is_full = |result: &Carried| *result == Carried::Refused(WishRefusal::TooMany);
        let refused: HashSet<String> = added
            .into_iter()
            .zip(results)
            .filter(|(_, result)| is_full(result))
            .map(|(name, _)| name)
            .collect();
        self.streams.retain(|stream| !refused.contains(&stream.name));
        for name in &refused {
            self.known.remove(&folded(name));
        }
        let is_whole = refused.is_empty();
        let Some(id) = id else {
            if !is_whole {
                refuse_address(wishes);
            }
            return;
        };
        wishes.send(if is_whole {
            answer("null", &id)
        } else {
            BinanceFault::invalid(TOO_MANY).to_message()
        });
    }

    /// Its streams tell of a shutdown, and of nothing else: who asks too much is closed without a word.
    fn announce(&mut self, what: &Announcement, at: Moment, wishes: &mut Wishes) {
        if *what != Announcement::Shutdown {
            return;
        }
        let micros = at.market.micros();
        let time = if self.micros { micros } else { micros / 1000 };
        let raw = format!(r#"{{"e":"serverShutdown","E":{time}}}"#);
        wishes.send(if self.combined {
            format!(r#"{{"stream":"!serverShutdown","data":{raw}}}"#)
        } else {
            raw
        });
    }

    fn leaving(&mut self, why: Leaving, at: Moment, wishes: &mut Wishes) {
        if why == Leaving::Drain {
            self.announce(&Announcement::Shutdown, at, wishes);
        }
    }
}

/// Ends a session whose address names more streams than it may have: some would be mute, and it would not learn of it.
fn refuse_address(wishes: &mut Wishes) {
    wishes.send(BinanceFault::invalid(TOO_MANY).to_message());
    wishes.close_saying(CloseReason::Policy, TOO_MANY_CLOSE);
}

/// Never wrapped, also where data is.
fn answer(result: &str, id: &RequestId) -> Vec<u8> {
    format!(r#"{{"result":{result},"id":{}}}"#, id.as_json()).into_bytes()
}

/// The symbol counts whatever the case of its letters, the kind as it is written.
fn folded(name: &str) -> String {
    let (symbol, kind) = name.split_once('@').unwrap_or(("", name));
    format!("{}@{kind}", symbol.to_ascii_lowercase())
}
