//! Requests: `subscribe` and `unsubscribe`. Products stand beside the channels, or within one of them.

use serde::Deserialize;

use super::streams;
use crate::wire::dialects::stream::DialectStream;

/// A request that was checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExchangeRequest {
    pub is_begin: bool,
    /// Each with its products: to end a channel without any is to end all of it.
    pub channels: Vec<(&'static DialectStream, Vec<String>)>,
}

/// Why a request is none, in the venue's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExchangeFault {
    pub message: &'static str,
    pub reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename = "Request")]
struct ExchangeText {
    r#type: Option<String>,
    #[serde(default)]
    product_ids: Vec<String>,
    #[serde(default)]
    channels: Vec<ChannelText>,
}

/// A channel by its name, with the products of the request, or with its own beside these.
#[derive(Deserialize)]
#[serde(untagged)]
enum ChannelText {
    Name(String),
    Object {
        name: String,
        #[serde(default)]
        product_ids: Vec<String>,
    },
}

pub const FAILED: &str = "Failed to subscribe";

impl ExchangeRequest {
    pub fn read(text: &str) -> Result<ExchangeRequest, ExchangeFault> {
        let fault = |message| ExchangeFault { message, reason: None };
        let read: ExchangeText = serde_json::from_str(text).map_err(|_| fault("Malformed JSON"))?;
        let is_begin = match read.r#type.as_deref() {
            Some("subscribe") => true,
            Some("unsubscribe") => false,
            _ => return Err(fault("Type has to be either subscribe or unsubscribe")),
        };
        let failed = |reason: String| ExchangeFault { message: FAILED, reason: Some(reason) };
        if read.channels.is_empty() {
            return Err(failed("no channels provided".to_owned()));
        }
        let mut channels = Vec::with_capacity(read.channels.len());
        for channel in read.channels {
            let (name, mut products) = match channel {
                ChannelText::Name(name) => (name, read.product_ids.clone()),
                ChannelText::Object { name, product_ids } if product_ids.is_empty() => {
                    (name, read.product_ids.clone())
                }
                ChannelText::Object { name, product_ids } => (name, product_ids),
            };
            let Some(kind) = streams::channel(&name) else {
                return Err(failed(format!("{name} is not a valid channel")));
            };
            if is_begin && products.is_empty() {
                let reason = format!("You need to specify at least one product ID for channel {name}");
                return Err(failed(reason));
            }
            let mut seen = std::collections::HashSet::new();
            products.retain(|product| seen.insert(product.clone()));
            channels.push((kind, products));
        }
        Ok(ExchangeRequest { is_begin, channels })
    }
}
