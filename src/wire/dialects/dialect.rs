//! [`Dialect`]: one session's conversation in a venue's protocol, and what it may wish for. `session/dialect/` carries the
//! wishes out.
//!
//! Pure: no I/O, no clock, no market. The time is an argument, and what became of wishes is told back.
//!
//! Invariants: for each message of the client the wishes are carried out in their order, and the next message is read when
//! that is done and [`Dialect::carried_out`] has answered.

use std::time::Duration;

use super::stream::{DialectStream, Whose};
use crate::{
    access::BearerToken,
    scenario::Announcement,
    tick::{Nanos, Symbol},
    wire::{CloseReason, encodings::Encoding},
};

/// Where a message has its number, which it is given when it is queued: a byte that no text has.
pub const NUMBER_PLACE: u8 = 0xFF;

/// One session's side of a venue's protocol.
pub trait Dialect {
    /// How the session's messages are written, as its request has it.
    fn encoding(&self) -> Encoding;

    /// What the headers of its request say, before everything else.
    fn asked(&mut self, _header: &dyn Fn(&str) -> Option<String>) {}

    /// When the venue pings and gives up, and what it allows.
    fn rules(&self) -> Rules;

    /// The number of the next message, in protocols that number all of a session's messages: data moves it on, and so do
    /// the dialect's own.
    fn sequence(&mut self) -> Option<&mut u64> {
        None
    }

    /// The session has begun: what it is sent unasked, and the subscriptions of its address.
    fn opened(&mut self, _at: Moment, _wishes: &mut Wishes) {}

    /// The client has sent text.
    fn text(&mut self, text: &str, at: Moment, wishes: &mut Wishes);

    /// The client has sent a binary message. Venues read a request whatever the kind of its frame, and some clients send
    /// their JSON as bytes.
    fn binary(&mut self, message: &[u8], at: Moment, wishes: &mut Wishes) {
        match str::from_utf8(message) {
            Ok(text) => self.text(text, at, wishes),
            Err(_) => wishes.close(CloseReason::UnsupportedData),
        }
    }

    /// The wishes of [`Self::opened`], [`Self::text`] or [`Self::binary`] are carried out: what became of each that asked for
    /// something, in order. Not called where none did. Wishes for more subscriptions are not taken here.
    fn carried_out(&mut self, _results: &[Carried], _at: Moment, _wishes: &mut Wishes) {}

    /// Some four times a second: heartbeats, and deadlines of the venue's own. `frames`: how many the session was sent so far.
    /// Wishes that ask for something are not taken.
    fn sweep(&mut self, _at: Moment, _frames: u64, _wishes: &mut Wishes) {}

    /// Says what the venue says by itself, where it has words for it. Wishes to send are taken, and no others.
    fn announce(&mut self, _what: &Announcement, _at: Moment, _wishes: &mut Wishes) {}

    /// The server stops, or the replay is over: said before what is due is sent, and the session closed.
    fn leaving(&mut self, _why: Leaving, _at: Moment, _wishes: &mut Wishes) {}
}

/// A moment, by both clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// The machine's, which deadlines are kept by.
    pub machine: Nanos,
    /// The market's, which messages show.
    pub market: Nanos,
}

/// Whether `every` has passed since `last`, which then goes on by it: sessions are swept a few times a second, and what comes
/// each second must not come later each time.
pub fn is_due(last: &mut Nanos, every: Duration, now: Nanos) -> bool {
    let due = last.plus(every);
    if now < due {
        return false;
    }
    *last = if now < due.plus(every) { due } else { now };
    true
}

/// Why a session will be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leaving {
    /// The server stops.
    Drain,
    /// Every feed is a replay that has ended.
    End,
}

/// What a venue does with its connections by the clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Between two pings of the server; `None` where the venue sends none.
    pub ping: Option<Duration>,
    /// A client that has not answered a ping for this long is closed.
    pub pong: Duration,
    /// A connection is closed when it is that old.
    pub age_max: Option<Duration>,
    /// Whether a client without a token may still send a key ([`Wish::Authenticate`]). Without, its session is refused.
    pub takes_keys: bool,
}

/// What a dialect wants done.
#[derive(Clone, Debug)]
pub enum Wish {
    Subscribe(&'static DialectStream, Whose),
    Unsubscribe(&'static DialectStream, Whose),
    /// The session gets what the token, or the venue's key, allows.
    Authenticate(BearerToken),
    /// A subscription that the session has is sent the record as it stands, whether it has changed or not.
    Repeat(&'static DialectStream, Whose),
    /// The payload of a message. In protocols that number messages [`NUMBER_PLACE`] stands for its number.
    Send(Vec<u8>),
    /// From now on messages are written so.
    Encode(Encoding),
    Close(CloseReason),
    /// Ends the session for this reason, with words of the venue's own behind 1008: for rules that only this venue has.
    CloseSaying(CloseReason, &'static str),
}

/// What a dialect wants done, in order.
#[derive(Clone, Debug, Default)]
pub struct Wishes(pub Vec<Wish>);

/// What became of a wish that asked for something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Carried {
    /// The symbol as the market spells it, and whether it has a tick or a feed declares it; `None` for every symbol.
    Subscribed(Option<(Symbol, bool)>),
    Unsubscribed,
    Authenticated,
    Refused(WishRefusal),
}

/// Why a wish was not carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WishRefusal {
    /// It is no symbol.
    BadSymbol,
    /// The market knows symbols, and this is none of them.
    Unknown,
    /// The session may not read it, or not all that the stream shows.
    NotEntitled,
    /// The session has as many subscriptions as it may have.
    TooMany,
    NotSubscribed,
    /// The key is refused: why the session of a client that has no other one ends.
    Key(CloseReason),
    /// No authentication is configured: whatever key there is, everything may be read.
    NoAuthentication,
}

// === impl Wishes ===

impl Wishes {
    pub fn subscribe(&mut self, kind: &'static DialectStream, whose: Whose) {
        self.0.push(Wish::Subscribe(kind, whose));
    }

    pub fn unsubscribe(&mut self, kind: &'static DialectStream, whose: Whose) {
        self.0.push(Wish::Unsubscribe(kind, whose));
    }

    pub fn repeat(&mut self, kind: &'static DialectStream, whose: Whose) {
        self.0.push(Wish::Repeat(kind, whose));
    }

    pub fn authenticate(&mut self, token: BearerToken) {
        self.0.push(Wish::Authenticate(token));
    }

    pub fn send(&mut self, payload: impl Into<Vec<u8>>) {
        self.0.push(Wish::Send(payload.into()));
    }

    pub fn encode(&mut self, encoding: Encoding) {
        self.0.push(Wish::Encode(encoding));
    }

    pub fn close_saying(&mut self, reason: CloseReason, words: &'static str) {
        self.0.push(Wish::CloseSaying(reason, words));
    }

    pub fn close(&mut self, reason: CloseReason) {
        self.0.push(Wish::Close(reason));
    }
}

impl Wish {
    /// Whether its result is told.
    pub fn asks(&self) -> bool {
        matches!(self, Wish::Subscribe(..) | Wish::Unsubscribe(..) | Wish::Authenticate(_))
    }
}
