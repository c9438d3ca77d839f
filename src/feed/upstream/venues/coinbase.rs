//! Coinbase Advanced Trade: `market_trades` and `ticker`, without a key.
//!
//! - The `snapshot` of `market_trades` is a history, which the venue sends on subscribing. After a reconnect its trades
//!   above the last number are what was missed.
//! - `sequence_num` counts the messages of a connection. A jump is told. Each trade has its own number, and each ticker
//!   the whole best bid and ask, so that nothing but the newest ticker is asked for again.
//! - `heartbeats` keeps quiet channels open, `status` says which product is not traded.

use std::{borrow::Cow, collections::HashMap, sync::Arc, time::Duration};

use compact_str::CompactString;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::{
    feed::{
        SourceError,
        formats::streams::{FoundTicks, coinbase, value::Raw},
        options::Options,
        upstream::{
            asked::{Asked, shown},
            decode,
            halts::Halts,
            last_trades::{ConnectionTrades, LastTrades},
            symbols,
            venue::{
                Conversation, Dialer, Facts, ListedPage, Listing, ListingRequest, Note, Rate, Reaction,
                Stream, StreamGroup, StreamKind, Venue,
            },
        },
    },
    tick::{CustomFields, Nanos},
};

/// `coinbase`.
pub struct Coinbase;

#[derive(Default)]
struct CoinbaseDialer {
    trades: Arc<LastTrades>,
}

struct CoinbaseConversation {
    asked: Asked,
    /// To be asked for when the connection is open.
    streams: Vec<Stream>,
    found: FoundTicks,
    trades: ConnectionTrades,
    halts: Halts,
    /// The number of the last message.
    sequence: Option<u64>,
    /// When the tickers may be asked for again after a jump.
    tickers_again: Nanos,
}

/// Of every message.
#[derive(Deserialize)]
#[serde(rename = "Message")]
struct CoinbaseMessage<'a> {
    #[serde(borrow)]
    channel: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    sequence_num: Option<Raw<'a>>,
    #[serde(borrow)]
    events: Option<&'a RawValue>,
    /// Only of an error.
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename = "Event")]
struct SubscriptionsEvent<'a> {
    #[serde(borrow)]
    subscriptions: HashMap<Cow<'a, str>, Vec<Cow<'a, str>>>,
}

#[derive(Deserialize)]
#[serde(rename = "Event")]
struct StatusEvent<'a> {
    #[serde(borrow, default)]
    products: Vec<StatusProduct<'a>>,
}

#[derive(Deserialize)]
#[serde(rename = "CoinbaseProduct")]
struct StatusProduct<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    status_message: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename = "Products")]
struct ProductPage<'a> {
    #[serde(borrow)]
    products: Vec<CoinbaseProduct<'a>>,
}

#[derive(Deserialize)]
struct CoinbaseProduct<'a> {
    #[serde(borrow)]
    #[serde(rename = "product_id")]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    status: Cow<'a, str>,
    #[serde(default)]
    is_disabled: bool,
}

/// Products of one request; the venue tells no limit.
const PRODUCTS_MAX: usize = 100;
/// How often tickers are asked for again.
const TICKERS_AGAIN: Duration = Duration::from_secs(10);
/// A message that is as far behind is of numbering that began again.
const LATE_MAX: u64 = 64;

// === impl Coinbase ===

impl Venue for Coinbase {
    fn name(&self) -> &'static str {
        "coinbase"
    }

    fn configure(
        &self,
        _options: &mut Options<'_>,
        symbols: &[CompactString],
    ) -> Result<Arc<dyn Dialer>, SourceError> {
        let is_product = |symbol: &str| symbols::is_pair(symbol, '-') && symbols::is_upper(symbol);
        symbols::check(self.name(), symbols, "a product such as BTC-USD", is_product)?;
        Ok(Arc::new(CoinbaseDialer::default()))
    }
}

// === impl CoinbaseDialer ===

impl Dialer for CoinbaseDialer {
    fn facts(&self) -> Facts {
        Facts {
            streams_max: 400,
            connections_max: usize::MAX,
            streams_together: usize::MAX,
            sends: Rate::new(8, Duration::from_secs(1)),
            attempts: Rate::new(8, Duration::from_secs(1)),
            message_bytes_max: 10 << 20,
            // There is a heartbeat each second; where there is none, a pong says as much.
            ping: Some(Duration::from_secs(5)),
            silence: Duration::from_secs(15),
            age_max: None,
        }
    }

    fn root(&self) -> &'static str {
        "wss://advanced-trade-ws.coinbase.com"
    }

    fn path(&self, _group: &StreamGroup) -> String {
        "/".to_owned()
    }

    fn connect(&self, group: &StreamGroup, fields: &Arc<CustomFields>) -> Box<dyn Conversation> {
        Box::new(CoinbaseConversation {
            asked: Asked::default(),
            streams: group.streams.clone(),
            found: FoundTicks::new(Arc::clone(fields)),
            trades: self.trades.begin(),
            halts: Halts::default(),
            sequence: None,
            tickers_again: Nanos(0),
        })
    }

    fn listing(&self) -> Option<&dyn Listing> {
        Some(self)
    }
}

impl Listing for CoinbaseDialer {
    fn root(&self) -> &'static str {
        "https://api.coinbase.com"
    }

    fn first(&self) -> ListingRequest {
        ListingRequest::get("/api/v3/brokerage/market/products?product_type=SPOT")
    }

    fn read(&self, page: &[u8]) -> Result<ListedPage, String> {
        let page: ProductPage<'_> = serde_json::from_slice(page).map_err(|error| error.to_string())?;
        let mut listed = ListedPage::default();
        for one in page.products.iter().filter(|one| one.status != "delisted") {
            listed.push(&one.id, if one.is_disabled { "disabled" } else { &one.status }, "online");
        }
        Ok(listed)
    }
}

// === impl CoinbaseConversation ===

impl Conversation for CoinbaseConversation {
    fn opened(&mut self, _now: Nanos, out: &mut Reaction) {
        let streams = std::mem::take(&mut self.streams);
        self.subscribe(&streams, out);
        out.send(json!({"type": "subscribe", "channel": "heartbeats"}).to_string());
    }

    fn text(&mut self, now: Nanos, message: &mut [u8], out: &mut Reaction) {
        let Some(text) = decode::text(message, out) else { return };
        let message: CoinbaseMessage<'_> = match decode::parse(text, out) {
            Some(message) => message,
            None => return,
        };
        let is_late = self.check_sequence(now, message.sequence_num.and_then(Raw::number), out);
        let (Some(channel), Some(events)) = (message.channel, message.events) else {
            if message.kind.as_deref() == Some("error") {
                self.refused(message.message.as_deref().unwrap_or("no reason"), out);
            }
            return;
        };
        match Raw(channel).text() {
            "market_trades" | "ticker" | "ticker_batch" => {
                let made = coinbase::advanced(channel, events, message.timestamp, &mut self.found);
                if is_late {
                    // Trades have numbers of their own. An older quote is not news.
                    self.found.ticks.retain(|tick| tick.fields.is_trade());
                }
                self.trades.hand_out(made, &mut self.found, out);
            }
            "subscriptions" => self.acknowledged(events, out),
            "status" => self.status(events, out),
            _ => {}
        }
    }

    fn change(&mut self, _now: Nanos, add: &[Stream], remove: &[Stream], out: &mut Reaction) {
        let gone = self.asked.forget(remove);
        request("unsubscribe", &gone, out);
        self.subscribe(add, out);
    }
}

impl CoinbaseConversation {
    fn subscribe(&mut self, streams: &[Stream], out: &mut Reaction) {
        let new = self.asked.ask(streams);
        request("subscribe", &new, out);
    }

    /// Whether a message is older than one that came before it.
    fn check_sequence(&mut self, now: Nanos, number: Option<u64>, out: &mut Reaction) -> bool {
        let Some(number) = number else { return false };
        let Some(last) = self.sequence else {
            self.sequence = Some(number);
            return false;
        };
        if number <= last && last - number < LATE_MAX {
            return true;
        }
        self.sequence = Some(number);
        // Numbering that began again is not a jump over messages.
        if number > last.saturating_add(1) {
            let why =
                format!("sequence_num {number} after {last}: {} messages are missing", number - last - 1);
            out.note(Note::Gap { why });
            self.ask_tickers_again(now, out);
        }
        false
    }

    /// Their snapshots are the newest quotes, whatever was missed.
    fn ask_tickers_again(&mut self, now: Nanos, out: &mut Reaction) {
        if now < self.tickers_again {
            return;
        }
        self.tickers_again = now.plus(TICKERS_AGAIN);
        let products: Vec<_> = self.asked.symbols(StreamKind::Quotes).cloned().collect();
        for products in products.chunks(PRODUCTS_MAX) {
            out.send(json!({"type": "subscribe", "product_ids": products, "channel": "ticker"}).to_string());
        }
    }

    fn acknowledged(&mut self, events: &RawValue, out: &mut Reaction) {
        let Some(events) = decode::parse::<Vec<SubscriptionsEvent<'_>>>(events.get(), out) else { return };
        for (channel, products) in events.iter().flat_map(|event| &event.subscriptions) {
            let kind = match channel.as_ref() {
                "market_trades" => StreamKind::Trades,
                "ticker" | "ticker_batch" => StreamKind::Quotes,
                _ => continue,
            };
            for product in products {
                self.asked.acknowledge(&Stream::new(product, kind), out);
            }
        }
    }

    fn status(&mut self, events: &RawValue, out: &mut Reaction) {
        let Some(events) = decode::parse::<Vec<StatusEvent<'_>>>(events.get(), out) else { return };
        for product in events.iter().flat_map(|event| &event.products) {
            match product.status.as_ref() {
                "online" => self.halts.trading(&product.id, out),
                status => {
                    let why = format!("{status} {}", product.status_message);
                    self.halts.halted(&product.id, why.trim(), out);
                }
            }
        }
    }

    fn refused(&mut self, words: &str, out: &mut Reaction) {
        let lower = words.to_ascii_lowercase();
        if lower.contains("rate limit") || lower.contains("too many") {
            out.note(Note::Reconnect { why: shown(words) });
            return;
        }
        let named = self.asked.named_in(words);
        for stream in &named {
            self.asked.refuse(stream, words, out);
        }
        if named.is_empty() {
            decode::unknown_answer(words, out);
        }
    }
}

/// One request for each channel.
fn request(kind: &str, streams: &[Stream], out: &mut Reaction) {
    let channels = [
        (StreamKind::Trades, "market_trades"),
        (StreamKind::Quotes, "ticker"),
        (StreamKind::Trades, "status"),
    ];
    for (stream, channel) in channels {
        for products in decode::runs_of(streams, stream, PRODUCTS_MAX) {
            out.send(json!({"type": kind, "product_ids": products, "channel": channel}).to_string());
        }
    }
}

#[cfg(test)]
mod tests;
