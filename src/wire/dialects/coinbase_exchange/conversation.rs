//! A session's side: the channels and products that it has, the list of all of them after each change, and heartbeats.

use std::time::Duration;

use compact_str::CompactString;
use serde::Serialize;

use super::{
    request::{ExchangeFault, ExchangeRequest, FAILED},
    streams::HEARTBEAT,
};
use crate::{
    scenario::Announcement,
    tick::Nanos,
    wire::{
        dialects::{
            dialect::{Carried, Dialect, Moment, Rules, WishRefusal, Wishes, is_due},
            stream::{DialectStream, Whose},
        },
        encodings::Encoding,
    },
};

/// A session of Exchange's.
#[derive(Default)]
pub struct ExchangeDialect {
    /// In the order in which they were subscribed to.
    held: Vec<(&'static DialectStream, CompactString)>,
    /// What the request under way asks for, in the order of its wishes; `None` when it ends something.
    pending: Option<Vec<(&'static DialectStream, CompactString)>>,
    has_subscribed: bool,
    /// Of the heartbeats.
    beaten: Nanos,
}

const HEARTBEATS_EVERY: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct SubscriptionList<'a> {
    r#type: &'a str,
    channels: Vec<ListedChannel<'a>>,
}

#[derive(Serialize)]
struct ListedChannel<'a> {
    name: &'a str,
    product_ids: Vec<&'a str>,
}

#[derive(Serialize)]
struct ExchangeError<'a> {
    r#type: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl ExchangeDialect {
    pub fn has_subscribed(&self) -> bool {
        self.has_subscribed
    }

    fn begin(&mut self, channels: Vec<(&'static DialectStream, Vec<String>)>, wishes: &mut Wishes) {
        let mut asked = Vec::new();
        for (kind, products) in channels {
            for product in products {
                let one = (kind, CompactString::from(product));
                // What it has it goes on with.
                if !self.held.contains(&one) && !asked.contains(&one) {
                    wishes.subscribe(kind, Whose::Spelled(one.1.clone()));
                    asked.push(one);
                }
            }
        }
        if asked.is_empty() {
            wishes.send(self.list());
        } else {
            self.pending = Some(asked);
        }
    }

    fn end(&mut self, channels: &[(&'static DialectStream, Vec<String>)], wishes: &mut Wishes) {
        let (mut kept, mut ended) = (Vec::new(), Vec::new());
        for one in self.held.drain(..) {
            let is_named = |(kind, products): &(&'static DialectStream, Vec<String>)| {
                *kind == one.0 && (products.is_empty() || products.iter().any(|product| *product == *one.1))
            };
            if channels.iter().any(is_named) { ended.push(one) } else { kept.push(one) }
        }
        self.held = kept;
        for (kind, product) in &ended {
            wishes.unsubscribe(kind, Whose::Spelled(product.clone()));
        }
        if ended.is_empty() {
            wishes.send(self.list());
        }
    }

    /// The channels with their products, all of them.
    fn list(&self) -> String {
        let mut channels: Vec<ListedChannel<'_>> = Vec::new();
        for (kind, product) in &self.held {
            match channels.iter_mut().find(|listed| listed.name == kind.name) {
                Some(listed) => listed.product_ids.push(product),
                None => channels.push(ListedChannel { name: kind.name, product_ids: vec![product] }),
            }
        }
        json(&SubscriptionList { r#type: "subscriptions", channels })
    }
}

impl Dialect for ExchangeDialect {
    fn encoding(&self) -> Encoding {
        Encoding::COINBASE_EXCHANGE
    }

    fn rules(&self) -> Rules {
        Rules { ping: None, pong: Duration::MAX, age_max: None, takes_keys: false }
    }

    fn text(&mut self, text: &str, _: Moment, wishes: &mut Wishes) {
        match ExchangeRequest::read(text) {
            Ok(ExchangeRequest { is_begin: true, channels }) => self.begin(channels, wishes),
            Ok(ExchangeRequest { is_begin: false, channels }) => self.end(&channels, wishes),
            Err(ExchangeFault { message, reason }) => wishes.send(error(message, reason.as_deref())),
        }
    }

    fn carried_out(&mut self, results: &[Carried], _: Moment, wishes: &mut Wishes) {
        let asked = self.pending.take().unwrap_or_default();
        for (one, result) in asked.into_iter().zip(results) {
            match result {
                Carried::Refused(WishRefusal::TooMany) => {
                    wishes.send(error(FAILED, Some("too many subscriptions")));
                }
                // The venue has no word for a right to a product: what may not be read is not there.
                Carried::Refused(_) => {
                    wishes.send(error(FAILED, Some(&format!("{} is not a valid product", one.1))));
                }
                _ => {
                    self.has_subscribed = true;
                    self.held.push(one);
                }
            }
        }
        let is_failed =
            !results.is_empty() && results.iter().all(|result| matches!(result, Carried::Refused(_)));
        if !is_failed {
            wishes.send(self.list());
        }
    }

    /// The words are ours: the venue's documents say that it refuses, and not how.
    fn announce(&mut self, what: &Announcement, _: Moment, wishes: &mut Wishes) {
        if *what == Announcement::TooMany {
            wishes.send(error("rate limit exceeded", None));
        }
    }

    fn sweep(&mut self, at: Moment, _: u64, wishes: &mut Wishes) {
        if !self.held.iter().any(|(kind, _)| **kind == HEARTBEAT) {
            // The first comes with the subscription.
            self.beaten = at.machine;
        }
        if !is_due(&mut self.beaten, HEARTBEATS_EVERY, at.machine) {
            return;
        }
        for (kind, product) in self.held.iter().filter(|(kind, _)| **kind == HEARTBEAT) {
            wishes.repeat(kind, Whose::Spelled(product.clone()));
        }
    }
}

fn error(message: &str, reason: Option<&str>) -> String {
    json(&ExchangeError { r#type: "error", message, reason })
}

fn json(message: &impl Serialize) -> String {
    serde_json::to_string(message).unwrap_or_default()
}
