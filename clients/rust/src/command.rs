//! Commands of a client, and the options of a subscription.
//!
//! Pure. Invariant: no command is longer than [`COMMAND_BYTES_MAX`]; many symbols make several commands.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{message::Id, words::Mode};

/// A subscription, which is sent on each new connection.
///
/// ```
/// use tickcast_client::{Field, Subscription};
/// let subscription = Subscription::latest(["BTCUSDT", "ETH*"]).interval_ms(250).fields([Field::Bid, Field::Ask]);
/// assert_eq!(subscription.symbols.len(), 2);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Subscription {
    /// Names, and patterns with `*`.
    pub symbols: Vec<String>,
    pub mode: Mode,
    /// The least time between two messages of a symbol, in milliseconds; `None`: no interval.
    pub interval_ms: Option<u32>,
    /// Whether it begins with a snapshot; `None`: it does.
    pub snapshot: Option<bool>,
    /// The fields that are sent, those of the server's configuration too; `None`: all.
    pub fields: Option<Vec<Cow<'static, str>>>,
    /// Tells it apart from other subscriptions to the same symbols: 1 to 32 bytes, with the characters of symbols.
    pub name: Option<String>,
    /// Whether the server writes decimals as JSON text; a record has their exact digits either way.
    pub has_texts: bool,
}

/// A command. Options that are `None` are not sent.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
#[serde(tag = "op", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Command<'a> {
    Subscribe(Subscribe<'a>),
    Unsubscribe {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
        symbols: &'a [String],
        #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
    },
    /// Changes subscriptions in place.
    Set {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
        symbols: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        mode: Option<Mode>,
        #[serde(skip_serializing_if = "Option::is_none")]
        interval_ms: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        fields: Option<&'a [Cow<'static, str>]>,
        #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
    },
    List {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
    },
    Ping {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
    },
    Auth {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
        token: &'a str,
    },
    /// Publishes ticks; [`Publish::pieces`] makes messages of them.
    Publish(Publish<'a>),
    /// So many frames with data were read on this connection. It is not answered.
    Ack {
        seen: u64,
    },
}

/// The command that publishes: ticks as the lines of `POST /v1/publish` are.
#[derive(Clone, Serialize, Debug)]
pub struct Publish<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// A name under which messages are numbered: one that is sent again is then not taken in again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<&'a str>,
    /// From 1, one more for each message. `None` with a publisher and without ticks asks for the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    pub ticks: Vec<&'a RawValue>,
}

/// Two are equal when they are written alike.
impl PartialEq for Publish<'_> {
    fn eq(&self, other: &Self) -> bool {
        let text = |ticks: &[&RawValue]| ticks.iter().map(|tick| tick.get().to_owned()).collect::<Vec<_>>();
        (&self.id, self.publisher, self.number) == (&other.id, other.publisher, other.number)
            && text(&self.ticks) == text(&other.ticks)
    }
}

impl Eq for Publish<'_> {}

/// The command that subscribes.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Subscribe<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    pub symbols: Vec<&'a str>,
    pub mode: &'a Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<&'a [Cow<'static, str>]>,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// `string`: decimals are JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume<'a>>,
}

/// The position from which a client resumes.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Resume<'a> {
    pub epoch: &'a str,
    /// The last seq of each symbol.
    pub last: BTreeMap<&'a str, u64>,
}

/// A longer message is closed with 1009 by a server with its default limits.
pub const COMMAND_BYTES_MAX: usize = 64 * 1024;
/// The most ticks of a command that publishes.
pub const TICKS_A_COMMAND: usize = 1_000;
/// The most bytes of a command beside its symbols.
const FRAMING_BYTES: usize = 1024;
/// Bytes that a seq adds to its symbol: 20 digits, quotes, a colon and a comma.
const SEQ_BYTES: usize = 24;

// === impl Subscription ===

impl Subscription {
    /// Mode `latest`: the newest record of each symbol; ticks in between are merged and counted.
    pub fn latest<S: Into<String>>(symbols: impl IntoIterator<Item = S>) -> Self {
        Subscription::new(Mode::Latest, symbols)
    }

    /// Mode `every`: each tick, one by one.
    pub fn every<S: Into<String>>(symbols: impl IntoIterator<Item = S>) -> Self {
        Subscription::new(Mode::Every, symbols)
    }

    /// Mode `trades`: each trade, one by one, with the quote as it stood; quotes in between are merged and counted.
    pub fn trades<S: Into<String>>(symbols: impl IntoIterator<Item = S>) -> Self {
        Subscription::new(Mode::Trades, symbols)
    }

    pub fn new<S: Into<String>>(mode: Mode, symbols: impl IntoIterator<Item = S>) -> Self {
        let symbols = symbols.into_iter().map(Into::into).collect();
        Subscription {
            symbols,
            mode,
            interval_ms: None,
            snapshot: None,
            fields: None,
            name: None,
            has_texts: false,
        }
    }

    /// The least time between two messages of a symbol, in milliseconds.
    pub fn interval_ms(mut self, interval_ms: u32) -> Self {
        self.interval_ms = Some(interval_ms);
        self
    }

    /// Begins with the next tick, without a snapshot.
    pub fn without_snapshot(mut self) -> Self {
        self.snapshot = Some(false);
        self
    }

    /// Requests only these fields: by name, or as [`Field`](crate::Field)s.
    pub fn fields(mut self, fields: impl IntoIterator<Item = impl Into<Cow<'static, str>>>) -> Self {
        self.fields = Some(fields.into_iter().map(Into::into).collect());
        self
    }

    /// Tells it apart from other subscriptions to the same symbols: each name has its own topics.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Decimals as JSON text.
    pub fn with_texts(mut self) -> Self {
        self.has_texts = true;
        self
    }

    /// The command for some of the symbols.
    pub fn command<'a>(&'a self, id: Id, symbols: Vec<&'a str>, resume: Option<Resume<'a>>) -> Command<'a> {
        Command::Subscribe(Subscribe {
            id: Some(id),
            symbols,
            mode: &self.mode,
            interval_ms: self.interval_ms,
            snapshot: self.snapshot,
            fields: self.fields.as_deref(),
            name: self.name.as_deref(),
            numbers: self.has_texts.then_some("string"),
            resume,
        })
    }
}

// === impl Publish ===

impl<'a> Publish<'a> {
    /// Cuts ticks into pieces that each fit into a command.
    pub fn pieces(ticks: &[&'a RawValue]) -> Vec<Vec<&'a RawValue>> {
        let mut pieces: Vec<Vec<&RawValue>> = Vec::new();
        let mut left = 0;
        for &tick in ticks {
            let cost = tick.get().len() + 1;
            let is_full = pieces.last().is_none_or(|piece| piece.len() == TICKS_A_COMMAND);
            if is_full || cost > left {
                pieces.push(Vec::new());
                left = COMMAND_BYTES_MAX - FRAMING_BYTES;
            }
            left = left.saturating_sub(cost);
            if let Some(piece) = pieces.last_mut() {
                piece.push(tick);
            }
        }
        pieces
    }
}

// === impl Command ===

impl Command<'_> {
    /// The command as it is sent.
    ///
    /// ```
    /// use tickcast_client::{Command, Id};
    /// let ping = Command::Ping { id: Some(Id::Number(5)) };
    /// assert_eq!(ping.to_json(), r#"{"op":"ping","id":5}"#);
    /// ```
    pub fn to_json(&self) -> String {
        // Serializing maps with text keys into memory cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Cuts a list of symbols into pieces that each fit into a command, with a seq for each of them.
pub fn batches<'a>(symbols: impl IntoIterator<Item = &'a str>) -> Vec<Vec<&'a str>> {
    let mut batches: Vec<Vec<&str>> = Vec::new();
    let mut left = 0;
    for symbol in symbols {
        // Twice, because it may also be in `resume`.
        let cost = 2 * json_bytes(symbol) + SEQ_BYTES;
        if batches.is_empty() || cost > left {
            batches.push(Vec::new());
            left = COMMAND_BYTES_MAX - FRAMING_BYTES;
        }
        left = left.saturating_sub(cost);
        if let Some(batch) = batches.last_mut() {
            batch.push(symbol);
        }
    }
    batches
}

/// As many seqs as fit into one command beside its own symbols.
pub(crate) fn fitting<'a>(
    symbols: &[&str],
    last: impl IntoIterator<Item = (&'a str, u64)>,
) -> BTreeMap<&'a str, u64> {
    let own: usize = symbols.iter().map(|symbol| json_bytes(symbol)).sum();
    let mut left = (COMMAND_BYTES_MAX - FRAMING_BYTES).saturating_sub(own);
    let fits = |(symbol, _): &(&str, u64)| match left.checked_sub(json_bytes(symbol) + SEQ_BYTES) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    last.into_iter().take_while(fits).collect()
}

/// The most bytes of a text in JSON: quotes, a comma, and an escape for each byte that needs one.
fn json_bytes(text: &str) -> usize {
    3 + text
        .bytes()
        .map(|byte| if byte < b' ' || byte == b'"' || byte == b'\\' { 6 } else { 1 })
        .sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Field;

    #[test]
    fn commands_are_as_the_protocol_shows_them() {
        let symbols = ["BTCUSDT".to_owned(), "ETH*".to_owned()];
        let subscription =
            Subscription::latest(symbols.clone()).interval_ms(250).fields([Field::Bid, Field::Ask]);
        let names = symbols.iter().map(String::as_str).collect();
        assert_eq!(
            subscription.command(Id::Number(1), names, None).to_json(),
            r#"{"op":"subscribe","id":1,"symbols":["BTCUSDT","ETH*"],"mode":"latest","interval_ms":250,"fields":["bid","ask"]}"#
        );
        let set = Command::Set {
            id: Some(Id::Number(3)),
            symbols: &symbols[..1],
            mode: Some(Mode::Every),
            interval_ms: Some(0),
            fields: None,
            name: None,
        };
        assert_eq!(
            set.to_json(),
            r#"{"op":"set","id":3,"symbols":["BTCUSDT"],"mode":"every","interval_ms":0}"#
        );
        assert_eq!(
            Command::List { id: Some(Id::Text("mine".into())) }.to_json(),
            r#"{"op":"list","id":"mine"}"#
        );
    }

    #[test]
    fn ticks_are_published_in_pieces_that_fit() {
        let texts: Vec<_> =
            (0..5_000).map(|bid| format!(r#"{{"symbol":"ACME","bid":"{bid}.25"}}"#)).collect();
        let ticks: Vec<Box<RawValue>> =
            texts.iter().map(|text| RawValue::from_string(text.clone()).unwrap()).collect();
        let ticks: Vec<&RawValue> = ticks.iter().map(AsRef::as_ref).collect();
        let pieces = Publish::pieces(&ticks);
        assert!(pieces.len() >= 5 && pieces.iter().all(|piece| piece.len() <= TICKS_A_COMMAND));
        let mut published = Vec::new();
        for (number, ticks) in (1..).zip(pieces) {
            published.extend(ticks.iter().map(|tick| tick.get().to_owned()));
            let id = Some(Id::Number(u64::MAX));
            let command =
                Command::Publish(Publish { id, publisher: Some("p1"), number: Some(number), ticks });
            assert!(command.to_json().len() <= COMMAND_BYTES_MAX);
        }
        assert_eq!(published, texts);
        let publish =
            Publish { id: Some(Id::Number(7)), publisher: None, number: None, ticks: ticks[..1].to_vec() };
        assert_eq!(
            Command::Publish(publish).to_json(),
            r#"{"op":"publish","id":7,"ticks":[{"symbol":"ACME","bid":"0.25"}]}"#
        );
    }

    #[test]
    fn no_command_is_longer_than_a_message_may_be() {
        let symbols: Vec<String> = (0..4_000).map(|at| format!("{at:064}")).collect();
        let subscription = Subscription::every(symbols);
        let mut all = 0;
        for batch in batches(subscription.symbols.iter().map(String::as_str)) {
            all += batch.len();
            let last: BTreeMap<&str, u64> = batch.iter().map(|name| (*name, u64::MAX)).collect();
            let resume = Some(Resume { epoch: "epoch", last });
            assert!(
                subscription.command(Id::Number(u64::MAX), batch, resume).to_json().len()
                    <= COMMAND_BYTES_MAX
            );
        }
        assert_eq!(all, 4_000);
        let many = subscription.symbols.iter().map(|name| (name.as_str(), u64::MAX));
        let last = fitting(&["*"], many);
        assert!(last.len() > 500 && last.len() < 4_000);
        let resume = Some(Resume { epoch: "epoch", last });
        assert!(subscription.command(Id::Number(1), vec!["*"], resume).to_json().len() <= COMMAND_BYTES_MAX);
    }
}
