//! Hyperliquid: `trades` and `bbo`, of perpetuals and spot, in the venue's own names of coins.
//!
//! - The first message of trades of a coin has those of the last blocks: a history. Nothing marks it, so it is told by its
//!   times: it spans several blocks, or is of one long before the newest that the connection has shown. What is live is of
//!   one block. Trades that happened while the connection was down are in it, as far as it goes back: those of a later block
//!   than the last known one, and those of that block whose names are not known. When it does not go back so far, more may
//!   be missing, and that is told, but not of coins that were added to an open connection: what came of them over another
//!   one meanwhile is not known there.
//! - Each stream is a message of its own, and is acknowledged by itself.

use std::{borrow::Cow, collections::HashSet, sync::Arc, time::Duration};

use compact_str::CompactString;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::{
    feed::{
        SourceError,
        formats::streams::{FoundTicks, TradesOf, hyperliquid, value::Raw},
        options::Options,
        upstream::{
            asked::Asked,
            decode,
            keepalive::{Keepalive, KeepaliveDue, PingWhen},
            last_trades::{ConnectionTrades, LastTrades, TradeBlock},
            symbols,
            venue::{
                Conversation, Dialer, Facts, ListedPage, Listing, ListingRequest, Note, Rate, Reaction,
                Stream, StreamGroup, StreamKind, Venue,
            },
        },
    },
    tick::{CustomFields, Nanos},
};

/// `hyperliquid`.
pub struct Hyperliquid;

#[derive(Default)]
struct HyperliquidDialer {
    trades: Arc<LastTrades<TradeBlock>>,
}

struct HyperliquidConversation {
    asked: Asked,
    /// To be asked for when the connection is open.
    streams: Vec<Stream>,
    found: FoundTicks,
    trades: ConnectionTrades<TradeBlock>,
    /// The coins of which a message of trades has come.
    begun: HashSet<CompactString>,
    /// The coins that were added since the connection is open.
    added: HashSet<CompactString>,
    /// The newest time of the venue's on this connection, in milliseconds.
    newest: u64,
    pings: Keepalive,
}

#[derive(Deserialize)]
#[serde(rename = "Message")]
struct HyperliquidMessage<'a> {
    #[serde(borrow)]
    channel: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(rename = "isSnapshot", default)]
    is_snapshot: bool,
}

/// Coin and time of a trade or a quote.
#[derive(Deserialize)]
#[serde(rename = "Trade")]
struct TimedCoin<'a> {
    #[serde(borrow)]
    coin: Cow<'a, str>,
    time: u64,
}

#[derive(Deserialize)]
#[serde(rename = "Response")]
struct SubscriptionResponse<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    subscription: HyperliquidSubscription<'a>,
}

#[derive(Deserialize)]
#[serde(rename = "Subscription")]
struct HyperliquidSubscription<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    coin: Option<Cow<'a, str>>,
}

/// The answer to `meta`: the perpetuals.
#[derive(Deserialize)]
#[serde(rename = "Meta")]
struct HyperliquidMeta<'a> {
    #[serde(borrow)]
    universe: Vec<HyperliquidAsset<'a>>,
}

#[derive(Deserialize)]
#[serde(rename = "Asset", rename_all = "camelCase")]
struct HyperliquidAsset<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default)]
    is_delisted: bool,
}

/// A first message of trades that is so far behind the venue's time is a history.
const HISTORY_MS: u64 = 5_000;

// === impl Hyperliquid ===

impl Venue for Hyperliquid {
    fn name(&self) -> &'static str {
        "hyperliquid"
    }

    fn configure(
        &self,
        _options: &mut Options<'_>,
        symbols: &[CompactString],
    ) -> Result<Arc<dyn Dialer>, SourceError> {
        // A coin has capitals (kPEPE), and spot's have numbers. Before a colon is who has listed it.
        let is_name = |name: &str| name.contains(|char: char| char.is_uppercase() || char.is_numeric());
        let is_coin = |symbol: &str| {
            symbols::is_plain(symbol, "@/:#-_.") && is_name(symbol.rsplit(':').next().unwrap_or_default())
        };
        symbols::check(self.name(), symbols, "a coin such as BTC, PURR/USDC or @107", is_coin)?;
        Ok(Arc::new(HyperliquidDialer::default()))
    }
}

// === impl HyperliquidDialer ===

impl Dialer for HyperliquidDialer {
    fn facts(&self) -> Facts {
        Facts {
            streams_max: 1_000,
            connections_max: 10,
            streams_together: 1_000,
            sends: Rate::new(1_500, Duration::from_secs(60)),
            attempts: Rate::new(30, Duration::from_secs(60)),
            message_bytes_max: 4 << 20,
            ping: None,
            silence: Duration::from_secs(90),
            age_max: None,
        }
    }

    fn root(&self) -> &'static str {
        "wss://api.hyperliquid.xyz"
    }

    fn kinds(&self) -> &[StreamKind] {
        // Quotes first, so that the venue's time is known before a history comes.
        &[StreamKind::Quotes, StreamKind::Trades]
    }

    fn path(&self, _group: &StreamGroup) -> String {
        "/ws".to_owned()
    }

    fn connect(&self, group: &StreamGroup, fields: &Arc<CustomFields>) -> Box<dyn Conversation> {
        Box::new(HyperliquidConversation {
            asked: Asked::default(),
            streams: group.streams.clone(),
            found: FoundTicks::new(Arc::clone(fields)),
            trades: self.trades.begin(),
            begun: HashSet::new(),
            added: HashSet::new(),
            newest: 0,
            pings: Keepalive::new(Duration::from_secs(50), PingWhen::Quiet),
        })
    }

    fn listing(&self) -> Option<&dyn Listing> {
        Some(self)
    }
}

/// The perpetuals. With the pairs of spot they are more than an address may subscribe to.
impl Listing for HyperliquidDialer {
    fn root(&self) -> &'static str {
        "https://api.hyperliquid.xyz"
    }

    fn first(&self) -> ListingRequest {
        ListingRequest { path: "/info".to_owned(), body: Some(json!({"type": "meta"}).to_string()) }
    }

    fn read(&self, page: &[u8]) -> Result<ListedPage, String> {
        let meta: HyperliquidMeta<'_> = serde_json::from_slice(page).map_err(|error| error.to_string())?;
        let listed = meta.universe.iter().filter(|asset| !asset.is_delisted);
        let symbols = listed.map(|asset| CompactString::new(&asset.name)).collect();
        Ok(ListedPage { symbols, ..ListedPage::default() })
    }
}

// === impl HyperliquidConversation ===

impl Conversation for HyperliquidConversation {
    fn opened(&mut self, now: Nanos, out: &mut Reaction) {
        self.pings.opened(now);
        let streams = std::mem::take(&mut self.streams);
        self.subscribe(&streams, out);
    }

    fn text(&mut self, now: Nanos, message: &mut [u8], out: &mut Reaction) {
        self.pings.heard(now);
        let Some(text) = decode::text(message, out) else { return };
        let Some(message) = decode::parse::<HyperliquidMessage<'_>>(text, out) else { return };
        let (Some(channel), Some(data)) = (message.channel, message.data) else { return };
        match Raw(channel).text() {
            "trades" => {
                let told = self.told(message.is_snapshot, data);
                let made = hyperliquid::event(channel, told, data, &mut self.found);
                self.look_for_a_gap(out);
                self.trades.hand_out(made, &mut self.found, out);
            }
            "bbo" => {
                if let Ok(quote) = serde_json::from_str::<TimedCoin<'_>>(data.get()) {
                    self.newest = self.newest.max(quote.time);
                }
                let made = hyperliquid::event(channel, TradesOf::Now, data, &mut self.found);
                decode::hand_out(made, &mut self.found, decode::named, out);
            }
            "subscriptionResponse" => self.answered(data, out),
            "error" => self.refused(data, out),
            _ => {}
        }
    }

    fn due(&self) -> Option<Nanos> {
        Some(self.pings.due())
    }

    fn wake(&mut self, now: Nanos, out: &mut Reaction) {
        match self.pings.wake(now) {
            KeepaliveDue::Nothing => {}
            KeepaliveDue::Ping => out.send(json!({"method": "ping"}).to_string()),
            KeepaliveDue::Dead => out.note(Note::Reconnect { why: "a ping was not answered".to_owned() }),
        }
    }

    fn change(&mut self, _now: Nanos, add: &[Stream], remove: &[Stream], out: &mut Reaction) {
        for stream in self.asked.forget(remove) {
            if stream.kind == StreamKind::Trades {
                self.begun.remove(&stream.symbol);
            }
            out.send(request("unsubscribe", &stream));
        }
        self.added.extend(add.iter().map(|stream| stream.symbol.clone()));
        self.subscribe(add, out);
    }
}

impl HyperliquidConversation {
    fn subscribe(&mut self, streams: &[Stream], out: &mut Reaction) {
        for stream in self.asked.ask(streams) {
            out.send(request("subscribe", &stream));
        }
    }

    /// Of when the trades of a message are.
    fn told(&mut self, is_snapshot: bool, data: &RawValue) -> TradesOf {
        let Ok(trades) = serde_json::from_str::<Vec<TimedCoin<'_>>>(data.get()) else { return TradesOf::Now };
        let times = trades.iter().map(|trade| trade.time);
        let (Some(oldest), Some(newest), Some(first)) = (times.clone().min(), times.max(), trades.first())
        else {
            return TradesOf::Now;
        };
        let is_first = self.begun.insert(CompactString::new(&first.coin));
        let is_old = oldest < newest || newest.saturating_add(HISTORY_MS) < self.newest;
        self.newest = self.newest.max(newest);
        if is_snapshot || (is_first && is_old) { TradesOf::History } else { TradesOf::Now }
    }

    /// A history of which every trade was missed may have begun after others.
    fn look_for_a_gap(&self, out: &mut Reaction) {
        let history = &self.found.history;
        if let Some(first) = history.first()
            && !self.added.contains(first.symbol.as_str())
            && history.iter().all(|tick| self.trades.is_missed(tick))
        {
            let why = format!(
                "trades of {} may be missing: what is sent again does not reach back to the last one known",
                first.symbol
            );
            out.note(Note::Gap { why });
        }
    }

    fn answered(&mut self, data: &RawValue, out: &mut Reaction) {
        let Some(response) = decode::parse::<SubscriptionResponse<'_>>(data.get(), out) else { return };
        if let ("subscribe", Some(coin)) = (response.method.as_ref(), &response.subscription.coin) {
            let kind = match response.subscription.kind.as_ref() {
                "trades" => StreamKind::Trades,
                _ => StreamKind::Quotes,
            };
            self.asked.acknowledge(&Stream::new(coin, kind), out);
        }
    }

    /// The venue repeats the subscription in its words.
    fn refused(&mut self, data: &RawValue, out: &mut Reaction) {
        let words = serde_json::from_str::<String>(data.get()).unwrap_or_else(|_| data.get().to_owned());
        let is_meant = |stream: &Stream| words.contains(&format!("\"{}\"", type_of(stream.kind)));
        let named: Vec<Stream> = self.asked.named_in(&words).into_iter().filter(is_meant).collect();
        for stream in &named {
            if words.starts_with("Already subscribed") {
                self.asked.acknowledge(stream, out);
            } else {
                self.asked.refuse(stream, &words, out);
            }
        }
        if named.is_empty() {
            decode::unknown_answer(&words, out);
        }
    }
}

fn request(method: &str, stream: &Stream) -> String {
    let subscription = json!({"type": type_of(stream.kind), "coin": stream.symbol});
    json!({"method": method, "subscription": subscription}).to_string()
}

const fn type_of(kind: StreamKind) -> &'static str {
    match kind {
        StreamKind::Trades => "trades",
        StreamKind::Quotes => "bbo",
    }
}

#[cfg(test)]
mod tests;
