//! Requests: `subscribe` and `unsubscribe`, of one channel each. Signatures are not looked at: what is served is public.

use serde::Deserialize;

use super::streams::AdvancedChannel;

/// A request that was checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdvancedRequest {
    pub is_begin: bool,
    pub channel: AdvancedChannel,
    /// None means all that the session has, of a request that ends something.
    pub products: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename = "Request")]
struct AdvancedText {
    r#type: Option<String>,
    channel: Option<String>,
    product_ids: Option<Vec<String>>,
}

impl AdvancedRequest {
    /// # Errors
    /// With the venue's words.
    pub fn read(text: &str) -> Result<AdvancedRequest, String> {
        let read: AdvancedText =
            serde_json::from_str(text).map_err(|_| "failure to parse message".to_owned())?;
        let is_begin = match read.r#type.as_deref() {
            Some("subscribe") => true,
            Some("unsubscribe") => false,
            None | Some("") => return Err("type is required".to_owned()),
            Some(other) => return Err(format!("invalid type: {other}")),
        };
        let name = read.channel.filter(|name| !name.is_empty()).ok_or("channel is required")?;
        let channel =
            AdvancedChannel::parse(&name).ok_or_else(|| format!("channel {name} is not supported"))?;
        let mut products = read.product_ids.unwrap_or_default();
        if is_begin && products.is_empty() && channel != AdvancedChannel::AdvancedHeartbeats {
            return Err(format!("product_ids are required for channel {name}"));
        }
        let mut seen = std::collections::HashSet::new();
        products.retain(|product| seen.insert(product.clone()));
        Ok(AdvancedRequest { is_begin, channel, products })
    }
}
