//! Requests: `auth`, `subscribe` and `unsubscribe`. What is none of them has invalid syntax.

use serde_json::{Map, Value};

use super::channels::CHANNELS;

/// A request that was checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AlpacaRequest {
    Auth { key: String },
    Subscribe(ChannelSymbols),
    Unsubscribe(ChannelSymbols),
}

/// The symbols of each channel that a request names, by the channel's index.
pub type ChannelSymbols = Vec<(usize, Vec<String>)>;

impl AlpacaRequest {
    /// `None` for what is no request.
    pub fn read(text: &str) -> Option<AlpacaRequest> {
        let request: Map<String, Value> = serde_json::from_str(text).ok()?;
        match request.get("action")?.as_str()? {
            "auth" => {
                // What a key allows is found by the key alone, but a client without a secret has forgotten it.
                request.get("secret")?.as_str()?;
                Some(AlpacaRequest::Auth { key: request.get("key")?.as_str()?.to_owned() })
            }
            "subscribe" => channels(&request).map(AlpacaRequest::Subscribe),
            "unsubscribe" => channels(&request).map(AlpacaRequest::Unsubscribe),
            _ => None,
        }
    }
}

/// Names that are no channel are passed over, as an older server does with newer ones.
fn channels(request: &Map<String, Value>) -> Option<ChannelSymbols> {
    let named = CHANNELS.iter().enumerate().filter_map(|(at, name)| Some((at, request.get(*name)?)));
    named.map(|(at, symbols)| Some((at, symbols_of(symbols)?))).collect()
}

fn symbols_of(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::Array(symbols) => {
            symbols.iter().map(|symbol| symbol.as_str().map(ToOwned::to_owned)).collect()
        }
        _ => None,
    }
}
