//! What a venue is to the driver: facts, how connections to it are made, and what is said on one of them.
//!
//! A [`Conversation`] is one connection as a state machine: bytes in; ticks, messages to send and notes out. It does no
//! I/O and reads no clock. The driver has everything that venues have in common: connecting, pace, silence, rotation,
//! numbers of trades, staleness.
//!
//! Invariant: no bytes of a venue panic, and what a conversation keeps is bounded by its streams.

use std::{fmt, sync::Arc, time::Duration};

use compact_str::CompactString;

use crate::{
    feed::{RejectReason, SourceError, options::Options},
    tick::{CustomFields, Nanos, Tick},
};

/// A venue: its name in `--feed`, and how its options are read. One static value each, in [`super::venues::VENUES`].
pub trait Venue: Send + Sync {
    /// Such as `binance`: what is written before the `?` of `--feed`.
    fn name(&self) -> &'static str;

    /// The symbols of a feed that names none; `None` where it has to.
    fn default_symbols(&self) -> Option<&'static str> {
        None
    }

    /// Takes the venue's own options (a category, a source, files of keys) out of `options`; those of every venue
    /// (`symbols`, `url`, `prefix`, `name`) are taken already. Checks how `symbols` are spelt, without a connection.
    ///
    /// # Errors
    /// When an option, a symbol or a file of a key is wrong.
    fn configure(
        &self,
        options: &mut Options<'_>,
        symbols: &[CompactString],
    ) -> Result<Arc<dyn Dialer>, SourceError>;
}

/// Makes connections to a configured venue.
pub trait Dialer: Send + Sync {
    fn facts(&self) -> Facts;

    /// Scheme, host and port of production, such as `wss://stream.binance.com:9443`. `url=` takes its place.
    fn root(&self) -> &str;

    /// Which streams each symbol has.
    fn kinds(&self) -> &[StreamKind] {
        &[StreamKind::Trades, StreamKind::Quotes]
    }

    /// Streams of different channels need different connections, as with Binance's `/public` and `/market`.
    fn channel(&self, _kind: StreamKind) -> &'static str {
        ""
    }

    /// Path and query, which are appended to the root.
    fn path(&self, group: &StreamGroup) -> String;

    /// Headers of the handshake, beside those of WebSocket.
    fn headers(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// A new conversation for these streams. Ticks may fill these `fields` beside the fixed ones.
    fn connect(&self, group: &StreamGroup, fields: &Arc<CustomFields>) -> Box<dyn Conversation>;

    /// Whether the connections of all feeds to the same server count together, as those of one account do.
    fn counts_together(&self) -> bool {
        true
    }

    /// How the venue lists its symbols, for `symbols=*`; `None` when it does not, or takes `*` itself.
    fn listing(&self) -> Option<&dyn Listing> {
        None
    }

    /// Whether `*` is a symbol of its own to the venue, which then sends all symbols.
    fn takes_all(&self) -> bool {
        false
    }

    /// Whether the venue says itself which symbols are stale ([`Note::Stale`]), so that silence says nothing.
    fn tells_silence(&self) -> bool {
        false
    }
}

/// What a venue allows and demands, for each connection unless it says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    /// Streams of one connection.
    pub streams_max: usize,
    /// Connections at once; `usize::MAX` where none is told. A rotation needs one more than the streams do, so with 1
    /// there is none: the connection is closed, and made again.
    pub connections_max: usize,
    /// Streams of all connections of an address together; `usize::MAX` where no such limit is told.
    pub streams_together: usize,
    /// Messages that we send.
    pub sends: Rate,
    /// Attempts to connect, of all connections together.
    pub attempts: Rate,
    /// The longest message that the venue sends.
    pub message_bytes_max: usize,
    /// We send a WebSocket ping when nothing has come for so long. `None` where the venue does not answer them: the
    /// conversation then has pings of its own.
    pub ping: Option<Duration>,
    /// A connection on which no byte came for so long, no ping either, is dead.
    pub silence: Duration,
    /// The venue closes connections of this age. They are replaced before.
    pub age_max: Option<Duration>,
}

/// So many in each such span.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    pub count: u32,
    pub per: Duration,
}

/// One stream of one symbol.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Stream {
    /// As the venue spells it in its messages, so that ticks are known by it.
    pub symbol: CompactString,
    pub kind: StreamKind,
}

/// What a stream brings.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum StreamKind {
    Trades,
    /// The best bid and ask.
    Quotes,
}

/// The streams of one connection. All have the same channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamGroup {
    pub channel: &'static str,
    pub streams: Vec<Stream>,
}

/// One connection: what came, and what is to be sent. Each method appends to `out`.
pub trait Conversation: Send {
    /// The handshake is done. Subscribes, or authenticates first.
    fn opened(&mut self, now: Nanos, out: &mut Reaction);

    /// A whole text message. JSON that is parsed in place may change it.
    fn text(&mut self, now: Nanos, message: &mut [u8], out: &mut Reaction);

    /// A whole binary message. Servers that write text as one are known.
    fn binary(&mut self, now: Nanos, message: &mut [u8], out: &mut Reaction) {
        self.text(now, message, out);
    }

    /// Whether a binary message is of an encoding that is not text: a recording has it in base64 then.
    fn is_packed(&self, _message: &[u8]) -> bool {
        false
    }

    /// Whether a text message belongs into a recording of what came: a list of everything that the venue has does not.
    fn is_recorded(&self, _message: &[u8]) -> bool {
        true
    }

    /// When [`Self::wake`] is to be called: pings of the application, deadlines of answers.
    fn due(&self) -> Option<Nanos> {
        None
    }

    /// [`Self::due`] has passed.
    fn wake(&mut self, _now: Nanos, _out: &mut Reaction) {}

    /// Subscribes and unsubscribes on this connection.
    fn change(&mut self, now: Nanos, add: &[Stream], remove: &[Stream], out: &mut Reaction);
}

/// What came of a message or a deadline.
#[derive(Default, Debug)]
pub struct Reaction {
    /// In the venue's order, the oldest first.
    pub ticks: Vec<VenueTick>,
    /// To be sent in this order, at the venue's pace.
    pub sends: Vec<Outgoing>,
    pub notes: Vec<Note>,
}

/// A tick, with the venue's number of it. Its symbol is as the venue spells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VenueTick {
    pub tick: Tick,
    pub kind: StreamKind,
    pub number: Number,
}

/// By what a tick of a stream is known when it comes twice, over two connections or after a reconnect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Number {
    /// By nothing.
    None,
    /// It rises by exactly one with each trade of the symbol: a jump is a gap.
    Counted(u64),
    /// It is the last of the numbers from `first` on, of a tick that stands for several trades.
    Spanned { first: u64, number: u64 },
    /// It rises: what is not above the last one came before.
    Rising(u64),
    /// A name without an order, such as a UUID; its hash.
    Named(u64),
    /// A name, and a number that never falls and may jump, such as that of the venue's event or the time of its block.
    Placed { name: u64, place: u64 },
}

/// A message to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outgoing {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
}

/// What a conversation has to say beside ticks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Note {
    /// The venue acknowledged the stream.
    Subscribed(Stream),
    /// The venue refused the stream. It is not asked for again before the next reconnect.
    Refused { stream: Stream, why: String },
    /// Trading of the symbol is halted.
    Halted { symbol: CompactString, why: String },
    /// The venue says that what it sends of the symbol is stale.
    Stale { symbol: CompactString, why: String },
    /// It is traded again, or not stale any more.
    Trading { symbol: CompactString },
    /// The venue's own numbering has a hole, other than of [`Number::Counted`].
    Gap { why: String },
    /// A message or a part of it is not a tick and should have been one.
    Reject { reason: RejectReason, why: String },
    /// So many ticks were a history that the venue sends on subscribing, and are not news.
    History { ticks: usize },
    /// The venue will close this connection: it is replaced while it still lives.
    Leaving { why: String },
    /// This connection is of no use: it is closed, and made again after the back-off.
    Reconnect { why: String },
    /// Connecting again will not help, such as with a wrong key: it is tried seldom, and an operator is told.
    Fatal { why: String },
}

/// How a venue lists its symbols over HTTP.
pub trait Listing {
    /// Scheme, host and port, such as `https://api.binance.com`. Where `url=` is given, that host is asked instead.
    fn root(&self) -> &str;

    /// The first page.
    fn first(&self) -> ListingRequest;

    /// Reads a page, up to [`LISTING_BYTES_MAX`].
    ///
    /// # Errors
    /// Why it is not a list of symbols.
    fn read(&self, page: &[u8]) -> Result<ListedPage, String>;
}

/// How a page of a list is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListingRequest {
    /// Path and query.
    pub path: String,
    /// JSON that is posted; without it the page is got.
    pub body: Option<String>,
}

/// A page of a list of symbols.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ListedPage {
    /// Those that are traded.
    pub symbols: Vec<CompactString>,
    /// Those that are listed and not traded now, each with its state in the venue's words.
    pub halted: Vec<(CompactString, String)>,
    pub next: Option<ListingRequest>,
}

/// The longest list that is read.
pub const LISTING_BYTES_MAX: usize = 64 << 20;

// === impl ListingRequest ===

impl ListingRequest {
    pub fn get(path: impl Into<String>) -> Self {
        ListingRequest { path: path.into(), body: None }
    }
}

// === impl ListedPage ===

impl ListedPage {
    /// Takes a symbol in, by its state.
    pub fn push(&mut self, symbol: &str, state: &str, traded: &str) {
        if state == traded {
            self.symbols.push(CompactString::new(symbol));
        } else {
            self.halted.push((CompactString::new(symbol), format!("the venue lists it as {state}")));
        }
    }
}

// === impl Reaction ===

impl Reaction {
    pub fn send(&mut self, text: String) {
        self.sends.push(Outgoing::Text(text));
    }

    pub fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    pub fn reject(&mut self, reason: RejectReason, why: impl Into<String>) {
        self.notes.push(Note::Reject { reason, why: why.into() });
    }

    pub fn clear(&mut self) {
        self.ticks.clear();
        self.sends.clear();
        self.notes.clear();
    }
}

// === impl Stream ===

impl Stream {
    pub fn new(symbol: &str, kind: StreamKind) -> Self {
        Stream { symbol: CompactString::new(symbol), kind }
    }
}

/// For logs: `trades of BTCUSDT`.
impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.kind.as_str(), self.symbol)
    }
}

// === impl StreamKind ===

impl StreamKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            StreamKind::Trades => "trades",
            StreamKind::Quotes => "quotes",
        }
    }
}

// === impl Rate ===

impl Rate {
    pub const fn new(count: u32, per: Duration) -> Self {
        Rate { count, per }
    }
}
