//! Answers, with their names in the venue's order.

use serde::Serialize;

use super::{request::KrakenSubscription, streams::KrakenChannel};
use crate::{tick::Nanos, wire::dialects::iso};

/// A `status` of this connection: the engine's state is `online`, `maintenance`, `cancel_only` or `post_only`.
pub fn status(system: &str, connection: u64) -> String {
    let system = serde_json::to_string(system).unwrap_or_default();
    format!(
        r#"{{"channel":"status","type":"update","data":[{{"version":"2.0.10","system":{system},"api_version":"v2","connection_id":{connection}}}]}}"#
    )
}

/// An answer to a request. What is `None` is not written.
#[derive(Serialize, Default)]
pub struct KrakenAnswer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
    pub method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<AnsweredChannel<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<&'a str>,
    /// The number of the request, where it does not come last.
    #[serde(rename = "req_id", skip_serializing_if = "Option::is_none")]
    pub early_id: Option<i64>,
    pub time_in: String,
    pub time_out: String,
    #[serde(rename = "req_id", skip_serializing_if = "Option::is_none")]
    pub late_id: Option<i64>,
}

/// What was subscribed to, or ended.
#[derive(Serialize)]
pub struct AnsweredChannel<'a> {
    channel: &'a str,
    symbol: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_trigger: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<bool>,
}

impl KrakenAnswer<'_> {
    /// With the times at which its request came, and at which it goes.
    pub fn new(req_id: Option<i64>, came: Nanos, goes: Nanos) -> Self {
        KrakenAnswer {
            time_in: text_of(came),
            time_out: text_of(goes),
            early_id: req_id,
            ..KrakenAnswer::default()
        }
    }

    /// What succeeds has the number of its request last.
    pub fn into_json(mut self) -> String {
        if self.success == Some(true) {
            self.late_id = self.early_id.take();
        }
        serde_json::to_string(&self).unwrap_or_default()
    }
}

impl<'a> AnsweredChannel<'a> {
    pub fn of(request: &KrakenSubscription, symbol: &'a str, is_begun: bool) -> Self {
        AnsweredChannel {
            channel: request.channel.as_str(),
            symbol,
            event_trigger: (request.channel == KrakenChannel::Ticker).then_some(request.trigger.as_str()),
            snapshot: is_begun.then_some(request.snapshot),
        }
    }
}

fn text_of(time: Nanos) -> String {
    let mut out = Vec::new();
    iso::write_micros(time, &mut out);
    String::from_utf8(out).unwrap_or_default()
}
