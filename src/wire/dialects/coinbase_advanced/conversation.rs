//! A session's side: one channel a request, the list of all of them after each change, and heartbeats of the connection.
//!
//! Every message has a number of its connection, which is written where it is queued: [`NUMBER_PLACE`] stands for it here.

use std::time::Duration;

use compact_str::CompactString;
use serde_json::{Map, Value, json};

use super::{messages::NO_CLIENT, request::AdvancedRequest, streams::AdvancedChannel};
use crate::{
    scenario::Announcement,
    tick::Nanos,
    wire::{
        dialects::{
            dialect::{Carried, Dialect, Moment, NUMBER_PLACE, Rules, WishRefusal, Wishes, is_due},
            iso,
            stream::{DialectStream, Whose},
        },
        encodings::Encoding,
    },
};

/// A session of Advanced Trade's.
pub struct AdvancedDialect {
    opened: Nanos,
    /// In the order in which they were subscribed to.
    held: Vec<(&'static DialectStream, CompactString)>,
    /// What the request under way asks for, in the order of its wishes; `None` when it ends something.
    pending: Option<Vec<(&'static DialectStream, CompactString)>>,
    has_subscribed: bool,
    sequence: u64,
    heartbeats: Option<AdvancedHeartbeats>,
}

struct AdvancedHeartbeats {
    count: u64,
    last: Nanos,
}

const HEARTBEATS_EVERY: Duration = Duration::from_secs(1);
const NANOS_A_SECOND: u64 = 1_000_000_000;

impl AdvancedDialect {
    pub fn new(at: Moment) -> Self {
        AdvancedDialect {
            opened: at.machine,
            held: Vec::new(),
            pending: None,
            has_subscribed: false,
            sequence: 0,
            heartbeats: None,
        }
    }

    pub fn has_subscribed(&self) -> bool {
        self.has_subscribed
    }

    fn take(&mut self, request: AdvancedRequest, at: Moment, wishes: &mut Wishes) {
        let AdvancedRequest { is_begin, channel, products } = request;
        let is_waiting = match channel {
            AdvancedChannel::AdvancedHeartbeats => self.take_heartbeats(is_begin, at),
            AdvancedChannel::Of(kind) if is_begin => self.begin(kind, products, wishes),
            AdvancedChannel::Of(kind) => self.end(kind, &products, wishes),
        };
        if !is_waiting {
            wishes.send(self.list(at));
        }
    }

    fn take_heartbeats(&mut self, is_begin: bool, at: Moment) -> bool {
        self.has_subscribed |= is_begin;
        let before = self.heartbeats.take();
        if is_begin {
            let fresh = AdvancedHeartbeats { count: 0, last: at.machine };
            self.heartbeats = Some(before.unwrap_or(fresh));
        }
        false
    }

    fn begin(&mut self, kind: &'static DialectStream, products: Vec<String>, wishes: &mut Wishes) -> bool {
        let asked: Vec<_> = products
            .into_iter()
            .map(|product| (kind, CompactString::from(product)))
            .filter(|one| !self.held.contains(one))
            .collect();
        for (kind, product) in &asked {
            wishes.subscribe(kind, Whose::Spelled(product.clone()));
        }
        let is_waiting = !asked.is_empty();
        if is_waiting {
            self.pending = Some(asked);
        }
        is_waiting
    }

    fn end(&mut self, kind: &'static DialectStream, products: &[String], wishes: &mut Wishes) -> bool {
        let mut is_waiting = false;
        self.held.retain(|(held, product)| {
            let is_named = products.is_empty() || products.iter().any(|named| *product == *named);
            let ends = *held == kind && is_named;
            if ends {
                wishes.unsubscribe(kind, Whose::Spelled(product.clone()));
                is_waiting = true;
            }
            !ends
        });
        is_waiting
    }

    /// The channels with their products, all of them.
    fn list(&self, at: Moment) -> Vec<u8> {
        let mut channels = Map::new();
        for (kind, product) in &self.held {
            let products = channels.entry(kind.name).or_insert_with(|| json!([]));
            if let Value::Array(products) = products {
                products.push(json!(product.as_str()));
            }
        }
        if self.heartbeats.is_some() {
            // The venue names the channel in place of its products.
            let name = AdvancedChannel::AdvancedHeartbeats.as_str();
            channels.insert(name.to_owned(), json!([name]));
        }
        message("subscriptions", at, &json!([{ "subscriptions": channels }]).to_string())
    }
}

impl Dialect for AdvancedDialect {
    fn encoding(&self) -> Encoding {
        Encoding::COINBASE_ADVANCED
    }

    fn rules(&self) -> Rules {
        Rules { ping: None, pong: Duration::MAX, age_max: None, takes_keys: false }
    }

    fn sequence(&mut self) -> Option<&mut u64> {
        Some(&mut self.sequence)
    }

    fn text(&mut self, text: &str, at: Moment, wishes: &mut Wishes) {
        match AdvancedRequest::read(text) {
            Ok(request) => self.take(request, at, wishes),
            Err(fault) => wishes.send(error(&fault)),
        }
    }

    fn carried_out(&mut self, results: &[Carried], at: Moment, wishes: &mut Wishes) {
        let asked = self.pending.take().unwrap_or_default();
        let is_failed =
            !results.is_empty() && results.iter().all(|result| matches!(result, Carried::Refused(_)));
        for (one, result) in asked.into_iter().zip(results) {
            match result {
                Carried::Refused(WishRefusal::TooMany) => wishes.send(error("too many subscriptions")),
                // The venue has no word for a right to a product: what may not be read is not there.
                Carried::Refused(_) => wishes.send(error(&format!("invalid product_id: {}", one.1))),
                _ => {
                    self.has_subscribed = true;
                    self.held.push(one);
                }
            }
        }
        if !is_failed {
            wishes.send(self.list(at));
        }
    }

    /// The words are ours: the venue's documents say that it refuses, and not how.
    fn announce(&mut self, what: &Announcement, _: Moment, wishes: &mut Wishes) {
        if *what == Announcement::TooMany {
            wishes.send(error("rate limit exceeded"));
        }
    }

    fn sweep(&mut self, at: Moment, _: u64, wishes: &mut Wishes) {
        let Some(heartbeats) = &mut self.heartbeats else { return };
        if !is_due(&mut heartbeats.last, HEARTBEATS_EVERY, at.machine) {
            return;
        }
        heartbeats.count += 1;
        let mut time = Vec::new();
        iso::write_go(at.market, &mut time);
        let time = String::from_utf8(time).unwrap_or_default();
        let open = at.machine.since(self.opened);
        let (seconds, nanos) = (open / NANOS_A_SECOND, open % NANOS_A_SECOND);
        let events = format!(
            r#"[{{"current_time":"{time} m=+{seconds}.{nanos:09}","heartbeat_counter":{}}}]"#,
            heartbeats.count
        );
        wishes.send(message(AdvancedChannel::AdvancedHeartbeats.as_str(), at, &events));
    }
}

/// A message with a number of its connection.
fn message(channel: &str, at: Moment, events: &str) -> Vec<u8> {
    let mut out = format!(r#"{{"channel":"{channel}"#).into_bytes();
    out.extend_from_slice(NO_CLIENT);
    iso::write_nanos(at.market, &mut out);
    out.extend_from_slice(br#"","sequence_num":"#);
    out.push(NUMBER_PLACE);
    out.extend_from_slice(format!(r#","events":{events}}}"#).as_bytes());
    out
}

/// An error has no number.
fn error(message: &str) -> String {
    json!({ "type": "error", "message": message }).to_string()
}
