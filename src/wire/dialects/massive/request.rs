//! Requests: `auth`, `subscribe` and `unsubscribe`, with their parameters in one string.

use serde::Deserialize;

use crate::access::BearerToken;

/// A request that could be read.
#[derive(Debug)]
pub enum MassiveRequest {
    Auth(BearerToken),
    /// The channels, as the client has them.
    Subscribe(Vec<String>),
    Unsubscribe(Vec<String>),
}

#[derive(Deserialize)]
#[serde(rename = "Request")]
struct MassiveText {
    action: String,
    #[serde(default)]
    params: String,
}

impl MassiveRequest {
    /// `None` when it is no request.
    pub fn read(text: &str) -> Option<MassiveRequest> {
        let MassiveText { action, params } = serde_json::from_str(text).ok()?;
        let channels = || {
            let channels = params.split(',').map(str::trim).filter(|channel| !channel.is_empty());
            let channels: Vec<String> = channels.map(str::to_owned).collect();
            (!channels.is_empty()).then_some(channels)
        };
        match action.as_str() {
            "auth" => Some(MassiveRequest::Auth(BearerToken::new(params.trim()))),
            "subscribe" => channels().map(MassiveRequest::Subscribe),
            "unsubscribe" => channels().map(MassiveRequest::Unsubscribe),
            _ => None,
        }
    }
}
