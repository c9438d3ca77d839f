//! The WebSocket handshake: checks an upgrade request and builds its answer.
//!
//! A request arrives either parsed by `connection.rs`, or from hyper (`http/upgrade.rs`). Checks, admission
//! (`admission/sessions.rs`) and the start of a session (`session_task.rs`) are common to both.

use hyper::{
    HeaderMap, Method, Request, StatusCode, Version,
    header::{self, HeaderName, HeaderValue},
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{extensions::Deflate, failure::Failure, hosts::Hosts};
use crate::{limits::Limits, wire::Encoding};

/// What the answer `101` contains.
#[derive(Debug)]
pub struct Accepted {
    pub accept_key: HeaderValue,
    pub encoding: Encoding,
    /// The selected subprotocol, among those offered.
    pub subprotocol: Option<&'static str>,
    /// The accepted extension, among those offered.
    pub deflate: Option<Deflate>,
}

/// Checks an upgrade request.
///
/// # Errors
/// When it is not a valid upgrade; the message names the missing or wrong header.
pub fn check<B>(request: &Request<B>, limits: &Limits) -> Result<Accepted, Failure> {
    let accept_key = check_key(request)?;
    let headers = request.headers();
    let (encoding, subprotocol) = choose_encoding(headers)?;
    let deflate = Deflate::of(headers).filter(|_| limits.deflate_bytes > 0);
    // An encoding without a compressed form declines the offer.
    let deflated = deflate.and_then(|deflate| Some((deflate, encoding.deflated(deflate.window)?)));
    let (deflate, encoding) =
        deflated.map_or((None, encoding), |(deflate, deflated)| (Some(deflate), deflated));
    let encoding = if wants_tx(request.uri().query())? { encoding.telling_sent() } else { encoding };
    Ok(Accepted { accept_key, encoding, subprotocol, deflate })
}

/// Checks an upgrade to a protocol without subprotocols and extensions; offers of them are ignored.
///
/// # Errors
/// As [`check`].
pub fn check_plain<B>(request: &Request<B>) -> Result<Accepted, Failure> {
    let accept_key = check_key(request)?;
    Ok(Accepted { accept_key, encoding: Encoding::JSON, subprotocol: None, deflate: None })
}

/// Checks an upgrade for a dialect session, whose path has selected the encoding. Subprotocols and extensions are not
/// accepted.
/// extension.
///
/// # Errors
/// As [`check`].
pub fn check_dialect<B>(request: &Request<B>, encoding: Encoding) -> Result<Accepted, Failure> {
    let accept_key = check_key(request)?;
    Ok(Accepted { accept_key, encoding, subprotocol: None, deflate: None })
}

/// Whether a request asks for a WebSocket.
pub fn is_upgrade(headers: &HeaderMap) -> bool {
    has_token(headers, header::UPGRADE, "websocket")
}

/// Checks the headers common to all upgrades, and answers the key.
fn check_key<B>(request: &Request<B>) -> Result<HeaderValue, Failure> {
    let headers = request.headers();
    debug_assert_eq!(request.method(), Method::GET, "the route has checked the method");
    Hosts::of(request)?;
    if request.version() < Version::HTTP_11 {
        let message = "a WebSocket needs HTTP/1.1, and this came as HTTP/1.0: a proxy in front is to be told so \
                       (nginx: proxy_http_version 1.1)";
        return Err(Failure::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", message));
    }
    if !has_token(headers, header::UPGRADE, "websocket") || !has_token(headers, header::CONNECTION, "upgrade")
    {
        let message = "this is a WebSocket endpoint: send Upgrade: websocket and Connection: Upgrade";
        return Err(Failure::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", message));
    }
    let is_empty = |length: &HeaderValue| length.as_bytes().iter().all(|byte| *byte == b'0');
    if headers.contains_key(header::TRANSFER_ENCODING)
        || !headers.get_all(header::CONTENT_LENGTH).iter().all(is_empty)
    {
        // Proxies on the way might disagree whether it is a body or frames.
        let message = "a request for an upgrade has no body";
        return Err(Failure::new(StatusCode::BAD_REQUEST, "bad_request", message));
    }
    let once = |name: HeaderName| headers.get_all(name).iter().count() < 2;
    if !once(header::SEC_WEBSOCKET_VERSION) {
        let message = "Sec-WebSocket-Version is given twice";
        return Err(Failure::new(StatusCode::BAD_REQUEST, "bad_version", message));
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let message = "only Sec-WebSocket-Version: 13 is spoken here";
        return Err(Failure::new(StatusCode::UPGRADE_REQUIRED, "unsupported_version", message));
    }
    let bad_key = || {
        let message = "Sec-WebSocket-Key is missing, given twice, or not 16 bytes in base64";
        Failure::new(StatusCode::BAD_REQUEST, "bad_key", message)
    };
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|key| is_key(key.as_bytes()));
    let key = key.filter(|_| once(header::SEC_WEBSOCKET_KEY)).ok_or_else(bad_key)?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).map_err(|_| bad_key())
}

/// Whether each data frame is to carry its send time. This determines the encoding, so an invalid value fails the
/// handshake.
fn wants_tx(query: Option<&str>) -> Result<bool, Failure> {
    let parameters = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut wants = None;
    for (_, value) in parameters.filter(|(name, _)| name == "tx") {
        let value = match value.trim() {
            "true" => true,
            "false" => false,
            _ => return Err(Failure::bad_request("bad_value", "tx: true or false")),
        };
        if *wants.get_or_insert(value) != value {
            return Err(Failure::bad_request("bad_value", "tx is given twice, with different values"));
        }
    }
    Ok(wants.unwrap_or(false))
}

/// The encoding of the first known subprotocol offered; JSON when none is offered.
fn choose_encoding(headers: &HeaderMap) -> Result<(Encoding, Option<&'static str>), Failure> {
    if !headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL) {
        return Ok((Encoding::JSON, None));
    }
    match tokens(headers, header::SEC_WEBSOCKET_PROTOCOL).find_map(Encoding::by_subprotocol) {
        Some(encoding) => Ok((encoding, encoding.subprotocol())),
        None => {
            let known = Encoding::subprotocols().collect::<Vec<_>>().join(" or ");
            let message = format!("none of the subprotocols offered is spoken here: offer {known}, or none");
            Err(Failure::bad_request("unsupported_subprotocol", message))
        }
    }
}

/// 16 bytes in base64: 22 digits, the last of which has spare bits, and two padding characters.
fn is_key(key: &[u8]) -> bool {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.strip_suffix(b"==").is_some_and(|digits| digits.len() == 22 && digits.iter().all(digit))
}

impl Accepted {
    /// The headers of the answer.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let subprotocol =
            self.subprotocol.map(|name| (header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name)));
        let always = [
            (header::CONNECTION, HeaderValue::from_static("Upgrade")),
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            (header::SEC_WEBSOCKET_ACCEPT, self.accept_key.clone()),
        ];
        let extensions = self.deflate.map(|deflate| (header::SEC_WEBSOCKET_EXTENSIONS, deflate.answer()));
        always.into_iter().chain(subprotocol).chain(extensions)
    }

    /// The answer, ready for the socket.
    pub fn head(&self) -> Vec<u8> {
        let mut head = Vec::with_capacity(FIRST_WRITE_BYTES);
        head.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
        for (name, value) in self.headers() {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

/// Room for the answer, a welcome, and the answer to a subscription to a few symbols.
const FIRST_WRITE_BYTES: usize = 2 * 1024;

/// The value of `User-Agent`; empty when there is none.
pub fn user_agent(headers: &HeaderMap) -> &[u8] {
    headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default()
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|part| part.eq_ignore_ascii_case(token))
}

fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_16_bytes_in_base64() {
        for key in ["dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAAAA==", "++++++++++/////////+/+=="] {
            assert!(is_key(key.as_bytes()), "{key}");
        }
        for key in [
            "",
            "==",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZWE=",
            "dGhlIHNhbXBsZSBub25jZWFi",
            "dGhlIHNhbXBsZSBub25jZ===",
            "dGhlIHNhbXBsZS-ub25jZQ==",
            "dGhlIHNhbXBsZS ub25jZQ==",
            "########################",
        ] {
            assert!(!is_key(key.as_bytes()), "{key}");
        }
    }

    fn check_choice(offered: &[&str], expected: Result<(Option<&str>, Option<&str>), &str>) {
        let mut headers = HeaderMap::new();
        for value in offered {
            headers.append(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(value).unwrap());
        }
        match (choose_encoding(&headers), expected) {
            (Ok((encoding, chosen)), Ok((asked, answered))) => {
                assert_eq!(encoding, asked.and_then(Encoding::by_subprotocol).unwrap_or(Encoding::JSON));
                assert_eq!(chosen, answered);
            }
            (Err(refused), Err(code)) => assert_eq!(refused.code, code),
            (choice, _) => panic!("{offered:?} gives {choice:?}"),
        }
    }

    #[test]
    fn tx_is_true_or_false() {
        for (query, wants) in [
            (None, false),
            (Some("symbols=A&txs=true"), false),
            (Some("tx=false"), false),
            (Some("symbols=A&tx=true"), true),
            (Some("tx=+true&tx=true"), true),
        ] {
            assert_eq!(wants_tx(query).ok(), Some(wants), "{query:?}");
        }
        for query in ["tx", "tx=", "tx=1", "tx=yes", "tx=true&tx=false"] {
            let fault = wants_tx(Some(query)).map_err(|refused| refused.code);
            assert_eq!(fault, Err("bad_value"), "{query}");
        }
    }

    #[test]
    fn the_first_subprotocol_offered_that_is_known_is_chosen() {
        const JSON: &str = "tickcast.v1.json";
        const TABBED: &str = "tickcast.test.tabbed";
        check_choice(&[], Ok((None, None)));
        check_choice(&[JSON], Ok((Some(JSON), Some(JSON))));
        // The name must match exactly: clients accept only what they offered.
        check_choice(&["TickCast.V1.Json"], Err("unsupported_subprotocol"));
        check_choice(&["TickCast.V1.Json, tickcast.v1.json"], Ok((Some(JSON), Some(JSON))));
        check_choice(&["mqtt, tickcast.test.tabbed , tickcast.v1.json"], Ok((Some(TABBED), Some(TABBED))));
        check_choice(&["mqtt", JSON, TABBED], Ok((Some(JSON), Some(JSON))));
        check_choice(&["mqtt"], Err("unsupported_subprotocol"));
        check_choice(&[""], Err("unsupported_subprotocol"));
    }
}
