//! Kraken's requests: `subscribe`, `unsubscribe` and `ping`. A message that is none of them is malformed.

use serde::Deserialize;

use super::streams::{KrakenChannel, TickerTrigger};

/// A request that was checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KrakenRequest {
    Ping,
    Subscribe(KrakenSubscription),
    Unsubscribe(KrakenSubscription),
}

/// What a request to subscribe, or to end that, is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KrakenSubscription {
    pub channel: KrakenChannel,
    pub symbols: Vec<String>,
    pub trigger: TickerTrigger,
    pub snapshot: bool,
}

/// Why a request is none, in the venue's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KrakenFault {
    /// Its method, where it has one that there is.
    pub method: Option<&'static str>,
    pub error: String,
}

#[derive(Deserialize)]
#[serde(rename = "Request")]
struct KrakenText {
    method: String,
    params: Option<KrakenParams>,
    req_id: Option<i64>,
}

#[derive(Deserialize)]
struct KrakenParams {
    channel: Option<String>,
    symbol: Option<Vec<String>>,
    event_trigger: Option<String>,
    snapshot: Option<bool>,
}

impl KrakenRequest {
    /// The request, and what its answers are to carry.
    pub fn read(text: &str) -> (Result<KrakenRequest, KrakenFault>, Option<i64>) {
        let malformed = |method| KrakenFault { method, error: "Malformed request".to_owned() };
        let Ok(read) = serde_json::from_str::<KrakenText>(text) else { return (Err(malformed(None)), None) };
        let request = match &*read.method {
            "ping" => Ok(KrakenRequest::Ping),
            "subscribe" => KrakenSubscription::of(read.params, "subscribe").map(KrakenRequest::Subscribe),
            "unsubscribe" => {
                KrakenSubscription::of(read.params, "unsubscribe").map(KrakenRequest::Unsubscribe)
            }
            _ => Err(malformed(None)),
        };
        (request, read.req_id)
    }
}

impl KrakenSubscription {
    fn of(params: Option<KrakenParams>, method: &'static str) -> Result<KrakenSubscription, KrakenFault> {
        let fault = |error: String| KrakenFault { method: Some(method), error };
        let malformed = || fault("Malformed request".to_owned());
        let KrakenParams { channel, symbol, event_trigger, snapshot } = params.ok_or_else(malformed)?;
        let name = channel.ok_or_else(malformed)?;
        let channel =
            KrakenChannel::parse(&name).ok_or_else(|| fault(format!("Subscription name invalid {name}")))?;
        let symbols = symbol.filter(|symbols| !symbols.is_empty()).ok_or_else(malformed)?;
        let trigger = match event_trigger.as_deref() {
            None => TickerTrigger::default(),
            Some(name) => TickerTrigger::parse(name).ok_or_else(malformed)?,
        };
        let snapshot = snapshot.unwrap_or(channel.has_snapshot());
        Ok(KrakenSubscription { channel, symbols, trigger, snapshot })
    }
}
