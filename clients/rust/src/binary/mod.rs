//! The encoding `tickcast.v1.binary`: data in binary frames. Control messages are the text frames of
//! [`json`](crate::json).
//!
//! docs/PROTOCOL.md of the service has the layout. A [`Decoder`] holds what outlives a frame: which number stands for
//! which symbol, the table of fields, and the origin of times. A [`Frame`] is one frame under way. Both together give the
//! same messages as the JSON decoder.
//!
//! Invariants: nothing is read beyond the frame, and no bytes cause a panic; a symbol is kept only for a number that a
//! frame has told, so the table is never larger than what was received; nothing carries over to another connection
//! ([`Decoder::reset`]).

mod bytes;
mod decimals;
mod report;
mod symbols;
mod table;
#[cfg(test)]
mod tests;
mod values;
mod walk;

use std::borrow::Cow;

pub(crate) use values::Body;

use self::{
    symbols::{AnyNumber, Symbols},
    table::FieldTable,
    walk::{Address, Item, Terms, Walk},
};
use crate::{
    message::{Answer, Gap, Message, Sent, Tick, Welcome},
    tick,
};

/// What a connection has told: numbers of symbols, fields, and the origin of times.
///
/// ```
/// use tickcast_client::{Message, Messages, binary::Decoder};
///
/// let mut decoder = Decoder::new();
/// for control in Messages::new(r#"[{"type":"welcome","epoch":"e","origin":1000,"heartbeat_ms":5000}]"#) {
///     decoder.learn(&control?);
/// }
/// // An update that introduces its symbol: number 7, "A", prices with one place, counted from 1.4. Then seq 5, received
/// // 200 us behind the origin of times, and the bid.
/// let mut frame = decoder.begin(&[0x90, 7, 1, b'A', 0x01, 28, 0, 5, 1, 0x90, 0x03, 0x01, 2]);
/// let Some(Message::Update(tick)) = decoder.next_message(&mut frame)? else { panic!() };
/// assert_eq!((&*tick.symbol, tick.seq, tick.rx_us), ("A", 5, 1200));
/// assert_eq!(tick.values()?.text(tickcast_client::Field::Bid), Some("1.5"));
/// assert_eq!(decoder.next_message(&mut frame)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, Debug)]
pub struct Decoder {
    origin_us: Option<i64>,
    fields: FieldTable,
    symbols: Symbols,
    /// Each frame begins with the time at which it was sent.
    has_tx: bool,
}

/// One frame, read up to a message.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    walk: Walk<'a>,
    /// The bytes at the begin that say when it was sent are still to be read.
    expects_tx: bool,
    is_over: bool,
}

/// Why a binary frame cannot be read. Offsets count from the begin of the frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BinaryError {
    #[error("it ends at byte {at}, within a message")]
    Truncated { at: usize },
    #[error("a number that has no room, at byte {at}")]
    Overflow { at: usize },
    #[error("a text that is not UTF-8, at byte {at}")]
    Text { at: usize },
    #[error("flags that this version does not know, at byte {at}")]
    Flags { at: usize },
    #[error("a byte that stands for no value, at byte {at}")]
    Value { at: usize },
    #[error("a field that no table has: {id}")]
    Field { id: usize },
    #[error("a number that was never introduced: {number}")]
    Symbol { number: u64 },
    #[error("no welcome has told the origin of its times")]
    Origin,
}

/// Bytes at the begin of a frame that say when it was sent.
const TX_BYTES: usize = 3;
/// That much later than the newest tick, or more.
const TX_US_MAX: i64 = 0xFF_FFFF;

// === impl Decoder ===

impl Decoder {
    pub fn new() -> Self {
        Decoder::default()
    }

    /// For a connection that has asked for the time at which each frame is sent.
    pub fn with_tx(mut self) -> Self {
        self.has_tx = true;
        self
    }

    /// Learns from a control message: the origin of times from `welcome`, fields from `subscribed`.
    pub fn learn(&mut self, message: &Message<'_>) {
        match message {
            Message::Welcome(welcome) => self.learn_origin(welcome),
            Message::Subscribed(answer) => self.learn_fields(answer),
            _ => {}
        }
    }

    pub(crate) fn learn_origin(&mut self, welcome: &Welcome<'_>) {
        self.origin_us = welcome.origin_us;
    }

    pub(crate) fn learn_fields(&mut self, answer: &Answer<'_>) {
        if !answer.fields.is_empty() {
            self.fields.set(&answer.fields);
        }
    }

    /// Forgets everything: a new connection begins.
    pub fn reset(&mut self) {
        *self = Decoder { has_tx: self.has_tx, ..Decoder::default() };
    }

    /// A frame, to be read from its begin.
    pub fn begin<'a>(&self, frame: &'a [u8]) -> Frame<'a> {
        Frame { walk: Walk::new(frame), expects_tx: self.has_tx, is_over: false }
    }

    /// The next message of the frame; `None` after the last one. After an error there are no more.
    ///
    /// # Errors
    /// When the frame is not what the protocol allows. What is read of it before that is right.
    pub fn next_message<'d, 'f: 'd>(
        &'d mut self,
        frame: &mut Frame<'f>,
    ) -> Result<Option<Message<'d>>, BinaryError> {
        if frame.is_over {
            return Ok(None);
        }
        let found = self.step(frame);
        frame.is_over = !matches!(found, Ok(Some(_)));
        found
    }

    fn step<'d, 'f: 'd>(&'d mut self, frame: &mut Frame<'f>) -> Result<Option<Message<'d>>, BinaryError> {
        let Decoder { origin_us, fields, symbols, .. } = self;
        let terms = Terms { origin_us: origin_us.ok_or(BinaryError::Origin)?, fields };
        if std::mem::take(&mut frame.expects_tx)
            && let Some(sent) = frame.sent(terms)?
        {
            return Ok(Some(Message::Sent(sent)));
        }
        let Some(item) = frame.walk.next(symbols, terms)? else { return Ok(None) };
        let of = |to: Address<'d>| (symbols.symbol(to.known).into(), to.name.map(Cow::Borrowed));
        Ok(Some(match item {
            Item::Tick(to, walk::Tick { is_snapshot, seq, n, rx_us, body }) => {
                let (symbol, name) = of(to);
                let tick = Tick { symbol, name, seq, n, rx_us, body: tick::Body::Binary(body) };
                if is_snapshot { Message::Snapshot(tick) } else { Message::Update(tick) }
            }
            Item::Gap { to, first, last, reason } => {
                let (symbol, name) = of(to);
                Message::Gap(Gap { symbol, name, from: first, to: last, reason })
            }
        }))
    }
}

// === impl Frame ===

impl Frame<'_> {
    /// When it was sent: so long after the newest time of receipt in it, for which it is walked over once. `None` when
    /// nothing in it has a time.
    fn sent(&mut self, terms: Terms<'_>) -> Result<Option<Sent>, BinaryError> {
        let bytes = self.walk.cursor().take(TX_BYTES)?;
        let after_us = bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | i64::from(byte));
        let mut ahead = self.walk.clone();
        let mut newest: Option<i64> = None;
        // A fault is reported where the messages before it have been read.
        while let Ok(Some(item)) = ahead.next(&mut AnyNumber, terms) {
            if let Item::Tick(_, tick) = item {
                newest = newest.max(Some(tick.rx_us));
            }
        }
        let or_later = after_us == TX_US_MAX;
        Ok(newest.map(|rx_us| Sent { ts_us: rx_us.saturating_add(after_us), or_later }))
    }
}

/// What holds for any bytes, for the property test and for the fuzz target: frames are read to their end or to a fault,
/// and the table of symbols takes no more than they had.
///
/// # Panics
/// When it does not hold.
#[cfg(any(test, feature = "testing"))]
pub fn check_bytes<B: AsRef<[u8]>>(frames: &[B], has_tx: bool) {
    let control = r#"[{"type":"welcome","epoch":"e","origin":1000,"heartbeat_ms":1},{"type":"subscribed","results":[],"fields":[
        {"id":14,"name":"mark","kind":"decimal"},{"id":15,"name":"funding","kind":"decimal"},
        {"id":16,"name":"open_interest","kind":"integer"},{"id":17,"name":"phase","kind":"text"}]}]"#;
    let mut decoder = Decoder { has_tx, ..Decoder::new() };
    crate::Messages::new(control).flatten().for_each(|message| decoder.learn(&message));
    let mut received = 0;
    for bytes in frames.iter().map(AsRef::as_ref) {
        let mut frame = decoder.begin(bytes);
        let mut messages = 0;
        while let Ok(Some(message)) = decoder.next_message(&mut frame) {
            messages += 1;
            if let Message::Update(tick) | Message::Snapshot(tick) = message {
                // What could be walked over can be read.
                assert!(tick.values().is_ok() && tick.report().is_ok(), "{tick:?} of {bytes:?}");
            }
        }
        assert!(messages <= bytes.len(), "{messages} messages of {} bytes", bytes.len());
        received += bytes.len();
        let told = decoder.symbols.paid_bytes();
        assert!(told <= received, "{told} bytes of introductions in {received}");
        assert!(matches!(decoder.next_message(&mut frame), Ok(None)), "more behind the end of {bytes:?}");
    }
}
