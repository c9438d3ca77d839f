//! Bybit v5: `publicTrade` and `orderbook.1`, of one category.
//!
//! - Trades are named, and not numbered. There is no history.
//! - `orderbook.1` numbers its updates with `u`; a restart of the venue begins again with a snapshot at 1. What is below
//!   the last update and older is late, and is not handed out.
//! - A request is answered as a whole. When it is refused, the streams that the venue names are; the others are asked for
//!   again, each half by itself where no stream is named.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

use compact_str::CompactString;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::{
    feed::{
        SourceError,
        formats::streams::{FoundTicks, bybit, value::Raw},
        options::Options,
        upstream::{
            asked::Asked,
            decode,
            keepalive::{Keepalive, KeepaliveDue, PingWhen},
            quote_order::QuoteOrder,
            symbols,
            venue::{
                Conversation, Dialer, Facts, ListedPage, Listing, ListingRequest, Note, Rate, Reaction,
                Stream, StreamGroup, StreamKind, Venue,
            },
        },
    },
    tick::{CustomFields, Nanos},
};

/// `bybit`.
pub struct Bybit;

#[derive(Clone, Copy, PartialEq, Eq)]
enum BybitCategory {
    Spot,
    Linear,
}

struct BybitDialer {
    category: BybitCategory,
}

struct BybitConversation {
    category: BybitCategory,
    asked: Asked,
    /// To be asked for when the connection is open.
    streams: Vec<Stream>,
    /// The requests without an answer, by their numbers.
    requests: BTreeMap<u64, Vec<Stream>>,
    requested: u64,
    found: FoundTicks,
    order: QuoteOrder,
    pings: Keepalive,
}

/// Of data and of answers.
#[derive(Deserialize)]
#[serde(rename = "Message")]
struct BybitMessage<'a> {
    #[serde(borrow)]
    topic: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    ts: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    op: Option<Cow<'a, str>>,
    success: Option<bool>,
    #[serde(borrow)]
    ret_msg: Option<Cow<'a, str>>,
    #[serde(borrow)]
    req_id: Option<Raw<'a>>,
}

/// The number of an update of the book. Trades, which are an array, have none.
#[derive(Deserialize)]
#[serde(rename = "Book")]
struct BybitUpdate {
    u: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename = "Instruments")]
struct InstrumentsPage<'a> {
    #[serde(borrow)]
    result: InstrumentsResult<'a>,
}

#[derive(Deserialize)]
#[serde(rename = "Result", rename_all = "camelCase")]
struct InstrumentsResult<'a> {
    #[serde(borrow)]
    list: Vec<BybitInstrument<'a>>,
    #[serde(borrow, default)]
    next_page_cursor: Cow<'a, str>,
}

#[derive(Deserialize)]
struct BybitInstrument<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
}

// === impl Bybit ===

impl Venue for Bybit {
    fn name(&self) -> &'static str {
        "bybit"
    }

    fn configure(
        &self,
        options: &mut Options<'_>,
        symbols: &[CompactString],
    ) -> Result<Arc<dyn Dialer>, SourceError> {
        let category = options.take("category", "spot or linear", BybitCategory::parse);
        let is_spelt = |symbol: &str| symbols::is_plain(symbol, "-") && symbols::is_upper(symbol);
        symbols::check(self.name(), symbols, "a symbol such as BTCUSDT", is_spelt)?;
        Ok(Arc::new(BybitDialer { category: category.unwrap_or(BybitCategory::Spot) }))
    }
}

// === impl BybitCategory ===

impl BybitCategory {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "spot" => Some(BybitCategory::Spot),
            "linear" => Some(BybitCategory::Linear),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            BybitCategory::Spot => "spot",
            BybitCategory::Linear => "linear",
        }
    }

    /// Topics of one request. That of spot is the venue's; derivatives have none but in bytes.
    const fn topics_max(self) -> usize {
        match self {
            BybitCategory::Spot => 10,
            BybitCategory::Linear => 100,
        }
    }
}

// === impl BybitDialer ===

impl Dialer for BybitDialer {
    fn facts(&self) -> Facts {
        Facts {
            // The topics of a connection may have 21,000 characters.
            streams_max: 600,
            connections_max: usize::MAX,
            streams_together: usize::MAX,
            sends: Rate::new(10, Duration::from_secs(1)),
            attempts: Rate::new(500, Duration::from_secs(300)),
            message_bytes_max: 4 << 20,
            ping: None,
            silence: Duration::from_secs(40),
            age_max: None,
        }
    }

    fn root(&self) -> &'static str {
        "wss://stream.bybit.com"
    }

    fn path(&self, _group: &StreamGroup) -> String {
        format!("/v5/public/{}", self.category.as_str())
    }

    fn connect(&self, group: &StreamGroup, fields: &Arc<CustomFields>) -> Box<dyn Conversation> {
        Box::new(BybitConversation {
            category: self.category,
            asked: Asked::default(),
            streams: group.streams.clone(),
            requests: BTreeMap::new(),
            requested: 0,
            found: FoundTicks::new(Arc::clone(fields)),
            order: QuoteOrder::default(),
            pings: Keepalive::new(Duration::from_secs(20), PingWhen::Always),
        })
    }

    fn listing(&self) -> Option<&dyn Listing> {
        Some(self)
    }
}

impl Listing for BybitDialer {
    fn root(&self) -> &'static str {
        "https://api.bybit.com"
    }

    fn first(&self) -> ListingRequest {
        ListingRequest::get(self.instruments())
    }

    fn read(&self, page: &[u8]) -> Result<ListedPage, String> {
        let page: InstrumentsPage<'_> = serde_json::from_slice(page).map_err(|error| error.to_string())?;
        let cursor = page.result.next_page_cursor;
        let encoded = || form_urlencoded::byte_serialize(cursor.as_bytes()).collect::<String>();
        let next = (!cursor.is_empty())
            .then(|| ListingRequest::get(format!("{}&cursor={}", self.instruments(), encoded())));
        let mut listed = ListedPage { next, ..ListedPage::default() };
        page.result.list.iter().for_each(|one| listed.push(&one.symbol, &one.status, "Trading"));
        Ok(listed)
    }
}

impl BybitDialer {
    /// The path of the list.
    fn instruments(&self) -> String {
        format!("/v5/market/instruments-info?category={}&limit=1000", self.category.as_str())
    }
}

// === impl BybitConversation ===

impl Conversation for BybitConversation {
    fn opened(&mut self, now: Nanos, out: &mut Reaction) {
        self.pings.opened(now);
        let streams = std::mem::take(&mut self.streams);
        let new = self.asked.ask(&streams);
        self.subscribe(&new, out);
    }

    fn text(&mut self, now: Nanos, message: &mut [u8], out: &mut Reaction) {
        self.pings.heard(now);
        let Some(text) = decode::text(message, out) else { return };
        let Some(message) = decode::parse::<BybitMessage<'_>>(text, out) else { return };
        let (Some(topic), Some(data)) = (message.topic, message.data) else {
            return self.answered(&message, out);
        };
        let made = bybit::event(topic, message.kind, data, message.ts, &mut self.found);
        if let Ok(BybitUpdate { u: Some(number) }) = serde_json::from_str(data.get()) {
            self.order.retain_newer(number, &mut self.found.ticks);
        }
        decode::hand_out(made, &mut self.found, decode::named, out);
    }

    fn due(&self) -> Option<Nanos> {
        Some(self.pings.due())
    }

    fn wake(&mut self, now: Nanos, out: &mut Reaction) {
        match self.pings.wake(now) {
            KeepaliveDue::Nothing => {}
            KeepaliveDue::Ping => out.send(json!({"op": "ping"}).to_string()),
            KeepaliveDue::Dead => out.note(Note::Reconnect { why: "a ping was not answered".to_owned() }),
        }
    }

    fn change(&mut self, _now: Nanos, add: &[Stream], remove: &[Stream], out: &mut Reaction) {
        let gone = self.asked.forget(remove);
        for streams in gone.chunks(self.category.topics_max()) {
            let topics: Vec<String> = streams.iter().map(topic).collect();
            out.send(json!({"op": "unsubscribe", "args": topics}).to_string());
        }
        let new = self.asked.ask(add);
        self.subscribe(&new, out);
    }
}

impl BybitConversation {
    fn subscribe(&mut self, streams: &[Stream], out: &mut Reaction) {
        for streams in streams.chunks(self.category.topics_max()) {
            self.requested += 1;
            let topics: Vec<String> = streams.iter().map(topic).collect();
            let id = self.requested.to_string();
            out.send(json!({"op": "subscribe", "req_id": id, "args": topics}).to_string());
            self.requests.insert(self.requested, streams.to_vec());
        }
    }

    fn answered(&mut self, message: &BybitMessage<'_>, out: &mut Reaction) {
        if message.op.as_deref() != Some("subscribe") {
            return;
        }
        let id = message.req_id.and_then(Raw::number);
        // Without a number it answers the first one.
        let id = id.or_else(|| self.requests.keys().next().copied());
        let streams = id.and_then(|id| self.requests.remove(&id)).unwrap_or_default();
        let words = message.ret_msg.as_deref().unwrap_or_default();
        if message.success == Some(true) {
            for stream in &streams {
                self.asked.acknowledge(stream, out);
            }
            return;
        }
        let (named, others): (Vec<_>, Vec<_>) =
            streams.into_iter().partition(|stream| words.contains(&topic(stream)));
        let is_known = words.contains("already subscribed");
        match (&named[..], &others[..]) {
            ([], [only]) => self.asked.refuse(only, words, out),
            ([], []) => decode::unknown_answer(words, out),
            ([], others) => {
                let (one, other) = others.split_at(others.len() / 2);
                self.subscribe(one, out);
                self.subscribe(other, out);
            }
            (named, others) => {
                for stream in named {
                    if is_known {
                        self.asked.acknowledge(stream, out);
                    } else {
                        self.asked.refuse(stream, words, out);
                    }
                }
                self.subscribe(others, out);
            }
        }
    }
}

fn topic(stream: &Stream) -> String {
    match stream.kind {
        StreamKind::Trades => format!("publicTrade.{}", stream.symbol),
        StreamKind::Quotes => format!("orderbook.1.{}", stream.symbol),
    }
}

#[cfg(test)]
mod tests;
