//! What a server answers over HTTP: bodies, and the reasons that it gives for a refusal.
//!
//! Invariant: no body is taken in beyond a bound.

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::{Response, body::Incoming};

use crate::{error::EndpointError, printable::printable};

/// The largest body that is taken in: the whole symbol table of a full service is a tenth of it.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

pub(crate) async fn read_body(response: Response<Incoming>) -> Result<Bytes, EndpointError> {
    let body = Limited::new(response.into_body(), BODY_BYTES_MAX);
    Ok(body.collect().await.map_err(EndpointError::Body)?.to_bytes())
}

/// A status that was not wanted, with the reason that the server gives in its body.
pub(crate) async fn refusal(response: Response<Incoming>) -> EndpointError {
    let status = response.status();
    let body = read_body(response).await.unwrap_or_default();
    EndpointError::Status { status, reason: reason(&body) }
}

/// `: code: message` out of `{"error":{"code","message"}}`; of any other body its first line.
fn reason(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Body {
        error: Fault,
    }
    #[derive(serde::Deserialize)]
    struct Fault {
        code: String,
        message: String,
    }
    if let Ok(Body { error }) = serde_json::from_slice(body) {
        return format!(": {}: {}", printable(&error.code), printable(&error.message));
    }
    let text = String::from_utf8_lossy(body);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.map_or_else(String::new, |line| format!(": {}", printable(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_shows_the_servers_own_words_and_no_control_characters() {
        let body = br#"{"error":{"code":"not_found","message":"no such path"}}"#;
        assert_eq!(reason(body), ": not_found: no such path");
        assert_eq!(reason(b"\n  plain \x1b[31m words\nmore"), ": plain \\u{1b}[31m words");
        assert_eq!(reason(br#"{"error":{"code":"a\u001bb","message":"c\nd"}}"#), ": a\\u{1b}b: c\\u{a}d");
        assert_eq!(reason(b""), "");
    }
}
