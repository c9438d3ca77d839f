//! A session's side: its status when it begins, an answer for each symbol, and a heartbeat when nothing else is sent.

use std::time::Duration;

use compact_str::CompactString;

use super::{
    answer::{AnsweredChannel, KrakenAnswer, status},
    request::{KrakenFault, KrakenRequest, KrakenSubscription},
    streams::KrakenChannel,
};
use crate::{
    scenario::Announcement,
    tick::Nanos,
    wire::{
        dialects::{
            dialect::{Carried, Dialect, Moment, Rules, WishRefusal, Wishes},
            stream::{DialectStream, Whose},
        },
        encodings::Encoding,
    },
};

/// A session of Kraken's.
#[derive(Default)]
pub struct KrakenDialect {
    /// Its number, as its statuses tell it.
    connection: u64,
    held: Vec<HeldChannel>,
    /// The request that is being carried out.
    pending: Option<UnansweredRequest>,
    /// Heartbeats begin with the first subscription, and stay.
    has_subscribed: bool,
    quiet: QuietSince,
}

/// A channel of one symbol that the client has subscribed to.
struct HeldChannel {
    channel: KrakenChannel,
    symbol: CompactString,
    kind: &'static DialectStream,
}

struct UnansweredRequest {
    method: KrakenMethod,
    request: KrakenSubscription,
    id: Option<i64>,
    came: Nanos,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum KrakenMethod {
    Subscribe,
    Unsubscribe,
}

/// Since when nothing was sent.
#[derive(Default)]
struct QuietSince {
    frames: u64,
    since: Nanos,
}

/// Without anything else for this long, a heartbeat is sent.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// The venue sends no pings: its clients do, and its heartbeats show them that it is there.
const RULES: Rules = Rules { ping: None, pong: Duration::MAX, age_max: None, takes_keys: false };

impl KrakenDialect {
    fn take(&mut self, text: &str, at: Moment, wishes: &mut Wishes) {
        let (request, id) = KrakenRequest::read(text);
        let answer = KrakenAnswer::new(id, at.market, at.market);
        match request {
            Ok(KrakenRequest::Ping) => wishes.send(KrakenAnswer { method: "pong", ..answer }.into_json()),
            Ok(KrakenRequest::Subscribe(request)) => {
                self.begin(KrakenMethod::Subscribe, request, id, at, wishes);
            }
            Ok(KrakenRequest::Unsubscribe(request)) => {
                self.begin(KrakenMethod::Unsubscribe, request, id, at, wishes);
            }
            Err(KrakenFault { method, error }) => {
                let method = method.unwrap_or("error");
                wishes.send(
                    KrakenAnswer { method, error: Some(&error), success: Some(false), ..answer }.into_json(),
                );
            }
        }
    }

    /// What is held already, or is not held, is answered without a wish.
    fn begin(
        &mut self,
        method: KrakenMethod,
        request: KrakenSubscription,
        id: Option<i64>,
        at: Moment,
        wishes: &mut Wishes,
    ) {
        let mut request = request;
        let mut seen = std::collections::HashSet::new();
        let (asked, others): (Vec<String>, Vec<String>) = request.symbols.drain(..).partition(|symbol| {
            let is_held = self.holds(request.channel, symbol).is_some();
            is_held == (method == KrakenMethod::Unsubscribe) && seen.insert(symbol.clone())
        });
        let error = match method {
            KrakenMethod::Subscribe => "Already subscribed",
            KrakenMethod::Unsubscribe => "Subscription Not Found",
        };
        for symbol in others {
            wishes.send(refusal(method, error, &symbol, KrakenAnswer::new(id, at.market, at.market)));
        }
        if asked.is_empty() {
            return;
        }
        for symbol in &asked {
            let whose = Whose::Spelled(symbol.as_str().into());
            match (method, self.holds(request.channel, symbol)) {
                (KrakenMethod::Unsubscribe, Some(place)) => {
                    wishes.unsubscribe(self.held.remove(place).kind, whose);
                }
                _ => wishes.subscribe(request.channel.kind(request.trigger, request.snapshot), whose),
            }
        }
        request.symbols = asked;
        self.pending = Some(UnansweredRequest { method, request, id, came: at.market });
    }

    fn holds(&self, channel: KrakenChannel, symbol: &str) -> Option<usize> {
        self.held.iter().position(|held| held.channel == channel && held.symbol == symbol)
    }
}

impl Dialect for KrakenDialect {
    fn encoding(&self) -> Encoding {
        Encoding::KRAKEN
    }

    fn rules(&self) -> Rules {
        RULES
    }

    fn opened(&mut self, at: Moment, wishes: &mut Wishes) {
        self.quiet.since = at.machine;
        self.connection = at.machine.0.unsigned_abs();
        wishes.send(status("online", self.connection));
    }

    fn text(&mut self, text: &str, at: Moment, wishes: &mut Wishes) {
        self.take(text, at, wishes);
    }

    fn carried_out(&mut self, results: &[Carried], at: Moment, wishes: &mut Wishes) {
        let Some(UnansweredRequest { method, request, id, came }) = self.pending.take() else { return };
        for (symbol, result) in request.symbols.iter().zip(results) {
            let answer = KrakenAnswer::new(id, came, at.market);
            if let (KrakenMethod::Subscribe, Carried::Refused(why)) = (method, result) {
                wishes.send(refusal(method, &words_of(*why, symbol), symbol, answer));
                continue;
            }
            if method == KrakenMethod::Subscribe {
                self.has_subscribed = true;
                let (channel, kind) =
                    (request.channel, request.channel.kind(request.trigger, request.snapshot));
                self.held.push(HeldChannel { channel, symbol: symbol.as_str().into(), kind });
            }
            let result = Some(AnsweredChannel::of(&request, symbol, method == KrakenMethod::Subscribe));
            wishes.send(
                KrakenAnswer { method: method.as_str(), result, success: Some(true), ..answer }.into_json(),
            );
        }
    }

    /// The venue has a word for its engine's state. A server that stops is in maintenance.
    fn announce(&mut self, what: &Announcement, at: Moment, wishes: &mut Wishes) {
        match what {
            Announcement::Shutdown => wishes.send(status("maintenance", self.connection)),
            Announcement::State(state) => wishes.send(status(state, self.connection)),
            Announcement::TooMany => {
                let answer = KrakenAnswer::new(None, at.market, at.market);
                let (error, success) = (Some("Exceeded msg rate"), Some(false));
                wishes.send(KrakenAnswer { method: "subscribe", error, success, ..answer }.into_json());
            }
            Announcement::Halted(_) | Announcement::Resumed(_) => {}
        }
    }

    fn sweep(&mut self, at: Moment, frames: u64, wishes: &mut Wishes) {
        if frames != self.quiet.frames {
            self.quiet = QuietSince { frames, since: at.machine };
        } else if self.has_subscribed && at.machine >= self.quiet.since.plus(HEARTBEAT) {
            wishes.send(r#"{"channel":"heartbeat"}"#);
        }
    }
}

impl KrakenMethod {
    const fn as_str(self) -> &'static str {
        match self {
            KrakenMethod::Subscribe => "subscribe",
            KrakenMethod::Unsubscribe => "unsubscribe",
        }
    }
}

fn refusal(method: KrakenMethod, error: &str, symbol: &str, answer: KrakenAnswer<'_>) -> String {
    let (method, symbol) = (method.as_str(), Some(symbol));
    KrakenAnswer { method, error: Some(error), success: Some(false), symbol, ..answer }.into_json()
}

/// The venue has no word for a right to a symbol: what may not be read is not there.
fn words_of(why: WishRefusal, symbol: &str) -> String {
    match why {
        WishRefusal::TooMany => "Exceeded subscription limit".to_owned(),
        _ => format!("Currency pair not supported {symbol}"),
    }
}
