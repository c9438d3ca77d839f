//! Binary messages in a capture, which is text: an object with the message in base64.
//!
//! ```text
//! 1617233403.123456789: {"binary":"kYOhVKd..."}
//! ```
//! What a message is inside is its venue's matter; those that are known are `MessagePack`.
//!
//! Invariant: what was written is read back as the same bytes.

use std::borrow::Cow;

use data_encoding::BASE64;
use serde_json::value::RawValue;

use super::{super::FormatFault, value::parse};
use crate::msgpack;

/// A message as a line of a capture, without a time.
pub fn write(message: &[u8]) -> Vec<u8> {
    format!(r#"{{"binary":"{}"}}"#, BASE64.encode(message)).into_bytes()
}

/// The message as JSON.
pub fn read(binary: &RawValue) -> Result<String, FormatFault> {
    let text: Cow<'_, str> = parse(binary.get())?;
    let message = BASE64
        .decode(text.as_bytes())
        .map_err(|_| FormatFault::Binary("a binary message that is not in base64"))?;
    let mut json = Vec::new();
    msgpack::to_json(&message, &mut json).map_err(|fault| FormatFault::Binary(fault.0))?;
    Ok(FormatFault::text(&json)?.to_owned())
}
