//! The access token of a request, and the rights that it gives.
//!
//! A token comes in `Authorization: Bearer`, in a venue's API key header, in the query as `token`, or, for a web page's
//! WebSocket, which cannot set headers, as the subprotocol `bearer.TOKEN`.
//!
//! Invariant: no error, log line or metric contains a token or a part of one.

use hyper::{
    HeaderMap, Request,
    header::{self, HeaderValue},
};

use super::failure::Failure;
use crate::{
    access::{BearerToken, Refused, SharedRights},
    session::{inbound::query::TOKEN, node::NodeState, refusals::RefusedAccess},
    tick::Nanos,
};

/// The prefix of a token in an entry of `Sec-WebSocket-Protocol`.
pub const SUBPROTOCOL: &str = "bearer.";
const SCHEME: &str = "bearer";
/// The headers of venues' API keys: Binance's and Alpaca's.
const VENUE_HEADERS: [&str; 2] = ["x-mbx-apikey", "apca-api-key-id"];

/// Why a request gets no rights.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoAccess {
    #[error("two different tokens are given")]
    TwoTokens,
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// The rights of a request's token; without one, those of anonymous clients.
///
/// # Errors
/// Why the request gets no rights; this is counted.
pub fn rights_of<B>(request: &Request<B>, node: &NodeState, now: Nanos) -> Result<SharedRights, NoAccess> {
    let authority = &node.authority;
    let rights = if authority.is_open() {
        authority.admit(None, now).map_err(NoAccess::from)
    } else {
        let token = token(request);
        token.and_then(|token| {
            let rights = authority.admit(token.as_ref().map(BearerToken::as_str), now)?;
            // The leeway is for clocks that differ; data is sent only up to the exact expiry.
            if rights.is_expired(now) { Err(Refused::Expired.into()) } else { Ok(rights) }
        })
    };
    rights.inspect_err(|no_access| node.refused.count(no_access.counted()))
}

/// The single token of a request.
fn token<B>(request: &Request<B>) -> Result<Option<BearerToken>, NoAccess> {
    let query = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    let in_query = query.filter(|(name, _)| name == TOKEN).map(|(_, token)| BearerToken::new(&token));
    let headers = request.headers();
    let mut all =
        in_headers(headers).chain(in_venue_headers(headers)).chain(in_query).chain(in_subprotocols(headers));
    let Some(first) = all.next() else { return Ok(None) };
    if all.all(|other| other == first) { Ok(Some(first)) } else { Err(NoAccess::TwoTokens) }
}

/// Other schemes are meant for a proxy.
fn in_headers(headers: &HeaderMap) -> impl Iterator<Item = BearerToken> {
    headers.get_all(header::AUTHORIZATION).iter().filter_map(|value| {
        // Refuse what is not a valid token, rather than treat it as absent.
        let text = String::from_utf8_lossy(value.as_bytes());
        let (scheme, token) = text.split_once([' ', '\t']).unwrap_or((&text, ""));
        scheme.eq_ignore_ascii_case(SCHEME).then(|| BearerToken::new(token.trim()))
    })
}

/// Tokens in venues' API key headers.
fn in_venue_headers(headers: &HeaderMap) -> impl Iterator<Item = BearerToken> {
    let keys = VENUE_HEADERS.into_iter().flat_map(|name| headers.get_all(name));
    keys.map(|key| BearerToken::new(String::from_utf8_lossy(key.as_bytes()).trim()))
}

fn in_subprotocols(headers: &HeaderMap) -> impl Iterator<Item = BearerToken> {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let entries = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    entries.filter_map(|entry| entry.trim().strip_prefix(SUBPROTOCOL).map(BearerToken::new))
}

// === impl NoAccess ===

impl NoAccess {
    pub fn counted(&self) -> RefusedAccess {
        match self {
            NoAccess::TwoTokens => RefusedAccess::BadToken,
            NoAccess::Refused(refused) => refused.into(),
        }
    }
}

/// The answer to a request that is not a WebSocket.
impl From<NoAccess> for Failure {
    fn from(no_access: NoAccess) -> Self {
        let message = no_access.to_string();
        let (code, challenge) = match no_access {
            NoAccess::TwoTokens => return Failure::bad_request("two_tokens", message),
            NoAccess::Refused(Refused::NoKeys) => return Failure::no_keys(message),
            NoAccess::Refused(Refused::Missing) => ("missing_token", "Bearer realm=\"tickcast\""),
            NoAccess::Refused(refused) => {
                let code = match refused {
                    Refused::Expired => "expired",
                    Refused::Revoked => "revoked",
                    Refused::TooManyOfUser => return Failure::too_many_of_user(message),
                    Refused::Bad(_) | Refused::Missing | Refused::NoKeys => "bad_token",
                };
                (code, "Bearer realm=\"tickcast\", error=\"invalid_token\"")
            }
        };
        let failure = Failure::new(hyper::StatusCode::UNAUTHORIZED, code, message);
        failure.with(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The token of a request with this query and these headers.
    fn check(query: &str, headers: &[(&str, &str)], expected: Option<&str>) {
        let mut request = Request::builder().uri(format!("/v1/stream{query}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let found = token(&request.body(()).unwrap()).expect("one token at most");
        assert_eq!(found.as_ref().map(BearerToken::as_str), expected, "{query} {headers:?}");
    }

    #[test]
    fn a_token_is_found_wherever_it_may_be() {
        check("", &[], None);
        check("?symbols=A", &[("authorization", "Basic eDp5")], None);
        check("?token=a.b-c_d", &[], Some("a.b-c_d"));
        check("", &[("authorization", "bearer  a.b ")], Some("a.b"));
        check("", &[("authorization", "Bearer")], Some(""));
        check("", &[("authorization", "Bearer\ta.b")], Some("a.b"));
        check("", &[("authorization", "Bearer \u{e9}")], Some("\u{e9}"));
        check("", &[("x-mbx-apikey", "a.b")], Some("a.b"));
        check("", &[("apca-api-key-id", "a.b"), ("apca-api-secret-key", "c")], Some("a.b"));
        check("", &[("sec-websocket-protocol", "tickcast.v1.json, bearer.a.b")], Some("a.b"));
        check(
            "?token=a",
            &[("authorization", "Bearer a"), ("sec-websocket-protocol", "bearer.a")],
            Some("a"),
        );
    }

    #[test]
    fn two_different_ones_are_refused() {
        let check = |query: &str, name: &str, value: &str| {
            let request = Request::builder().uri(format!("/{query}")).header(name, value).body(()).unwrap();
            assert_eq!(token(&request), Err(NoAccess::TwoTokens), "{query} {name}: {value}");
        };
        check("?token=a&token=b", "accept", "*/*");
        check("?token=a", "authorization", "Bearer b");
        check("?token=", "sec-websocket-protocol", "bearer.a");
        check("", "sec-websocket-protocol", "bearer.a,bearer.b");
    }

    #[test]
    fn an_answer_says_how_to_ask_and_never_what_was_sent() {
        let failure = Failure::from(NoAccess::from(Refused::Missing));
        assert_eq!((failure.status.as_u16(), failure.code), (401, "missing_token"));
        assert!(failure.headers.iter().any(|(name, _)| *name == header::WWW_AUTHENTICATE));
        assert_eq!(Failure::from(NoAccess::from(Refused::NoKeys)).status.as_u16(), 503);
        assert_eq!(Failure::from(NoAccess::TwoTokens).status.as_u16(), 400);
    }
}
