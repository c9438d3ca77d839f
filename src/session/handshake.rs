//! From an HTTP request to a session: what a WebSocket upgrade must have, and who may have one.
//!
//! hyper has read the request; the raw socket, and what came behind the request, are taken over from it. Refusals that a
//! browser could not see as HTTP (its page is told nothing of a failed handshake) are said as close codes instead.

use std::{net::SocketAddr, rc::Rc, sync::atomic::Ordering};

use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{
    accept::{Connection, Place, RejectedReason},
    budget::Budget,
    query,
    read::{Inbound, SessionTask},
    shard::{Shard, Shared},
    state::{Session, Transport},
};
use crate::wire::{CloseReason, SUBPROTOCOL};

/// What the answer `101` needs.
#[derive(Debug)]
pub struct Accepted {
    pub accept_key: HeaderValue,
    /// Whether the client offered our subprotocol, and is told that it was chosen.
    pub subprotocol: bool,
}

/// Why a request is no upgrade that we take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
}

/// Checks an upgrade request.
///
/// # Errors
/// When it is none; says which header is missing or wrong.
pub fn check(request: &Request<Incoming>) -> Result<Accepted, Refused> {
    let headers = request.headers();
    debug_assert_eq!(request.method(), Method::GET, "the route has checked the method");
    if !has_token(headers, header::UPGRADE, "websocket") || !has_token(headers, header::CONNECTION, "upgrade")
    {
        let message =
            "this is a WebSocket endpoint: send Upgrade: websocket and Connection: Upgrade".to_owned();
        return Err(Refused { status: StatusCode::UPGRADE_REQUIRED, code: "upgrade_required", message });
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let message = "only Sec-WebSocket-Version: 13 is spoken here".to_owned();
        return Err(Refused { status: StatusCode::UPGRADE_REQUIRED, code: "unsupported_version", message });
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24);
    let Some(key) = key else {
        let message = "Sec-WebSocket-Key is missing, or not 16 bytes in base64".to_owned();
        return Err(Refused { status: StatusCode::BAD_REQUEST, code: "bad_key", message });
    };
    let offers_any = headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL);
    let subprotocol = has_token(headers, header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
    if offers_any && !subprotocol {
        let message =
            format!("none of the subprotocols offered is spoken here: offer {SUBPROTOCOL}, or none");
        return Err(Refused { status: StatusCode::BAD_REQUEST, code: "unsupported_subprotocol", message });
    }
    let accept_key = HeaderValue::from_str(&derive_accept_key(key.as_bytes()));
    accept_key.map(|accept_key| Accepted { accept_key, subprotocol }).map_err(|_| Refused {
        status: StatusCode::BAD_REQUEST,
        code: "bad_key",
        message: "Sec-WebSocket-Key is not base64".to_owned(),
    })
}

/// Waits for the upgrade and begins the session, or says why there is none.
pub async fn upgrade(
    shard: Rc<Shard>,
    request: Request<Incoming>,
    peer: SocketAddr,
    connection: Option<Connection>,
) {
    let shared = &shard.shared;
    let verdict = admit(shared, &request, peer);
    let command = request.uri().query().and_then(query::subscribe_command);
    let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
    let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else { return };
    let stream = Rc::new(parts.io.into_inner());
    let inbound = Inbound::new(&parts.read_buf, &shared.limits);
    let now = shared.clock.now();
    let number = shared.session_numbers.fetch_add(1, Ordering::Relaxed);
    let transport = Transport::Socket { stream: Rc::clone(&stream), waker: None };
    let session = Session::new(
        transport,
        peer.ip(),
        number,
        Budget::new(&shared.limits, now),
        now,
        shared.market.at(now),
    );
    let key = shard.core.borrow_mut().open(session);
    let place = match verdict {
        Ok(place) => {
            if let Some(command) = command {
                shard.core.borrow_mut().command(key, &command, now);
            }
            Some(place)
        }
        Err((reason, close)) => {
            shared.rejected.count(reason);
            shard.core.borrow_mut().refuse(key, close);
            None
        }
    };
    tokio::task::spawn_local(SessionTask { shard, key, stream, inbound, held: (place, connection) });
}

/// Whether one more session of this peer, from this origin, may be.
///
/// # Errors
/// With the reason, as a metric label and as a close code.
pub fn admit(
    shared: &Shared,
    request: &Request<Incoming>,
    peer: SocketAddr,
) -> Result<Place, (RejectedReason, CloseReason)> {
    if !origin_allowed(request.headers(), &shared.allowed_origins) {
        return Err((RejectedReason::Origin, CloseReason::Origin));
    }
    if shared.sessions.load(Ordering::Relaxed) >= shared.limits.sessions {
        return Err((RejectedReason::TooManySessions, CloseReason::TooManySessions));
    }
    let place = shared.places.take(peer.ip(), shared.limits.sessions_per_address);
    place.ok_or((RejectedReason::TooManyPerAddress, CloseReason::TooManySessions))
}

/// A page may connect from the server's own origin, or from one that is allowed. What is no page sends no origin.
pub fn origin_allowed(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if allowed.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let Ok(origin) = origin.parse::<hyper::Uri>() else { return false };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match (origin.scheme_str(), origin.authority(), host) {
        (Some("http" | "https"), Some(authority), Some(host)) => {
            authority.as_str().eq_ignore_ascii_case(host)
        }
        _ => false,
    }
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_origin(origin: Option<&str>, host: &str, allowed: &[&str], expected: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        let allowed: Vec<String> = allowed.iter().map(|&text| text.to_owned()).collect();
        assert_eq!(origin_allowed(&headers, &allowed), expected, "{origin:?} at {host}, allowed {allowed:?}");
    }

    #[test]
    fn pages_come_from_here_or_from_where_they_may() {
        check_origin(None, "a:80", &[], true);
        check_origin(Some("http://a:8080"), "a:8080", &[], true);
        check_origin(Some("http://a:8081"), "a:8080", &[], false);
        check_origin(Some("http://evil.example"), "a:8080", &[], false);
        check_origin(Some("http://a:8080.evil.example"), "a:8080", &[], false);
        check_origin(Some("http://evil.example"), "a", &["http://evil.example"], true);
        check_origin(Some("http://evil.example"), "a", &["*"], true);
        check_origin(Some("null"), "a", &[], false);
        check_origin(Some("file://a"), "a", &[], false);
    }
}
