//! Answers the routes of tardis-machine.

use std::{rc::Rc, sync::atomic::Ordering};

use hyper::{
    Request, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
};

use super::{begin::begin, lines, recipient::Recipient, socket::ReplaySocket};
use crate::{
    audit::AuditChannel,
    proxies::ClientAddress,
    replays::replay::Framing,
    server::{
        admission::rejected::RejectedReason,
        failure::Failure,
        handshake,
        http::{
            app::App,
            caller::Caller,
            error_body::ErrorBodySocket,
            response::{self, HttpResponse},
        },
        metrics::resident_bytes,
        shard::Shard,
    },
};

/// The content type of the lines, as in tardis-machine.
const LINES: HeaderValue = HeaderValue::from_static("application/x-json-stream");

/// Answers `/replay-normalized` and `/health-check`.
///
/// # Errors
/// When the client may not have replays.
pub async fn answer(
    app: &App,
    shard: &Rc<Shard>,
    caller: &Caller,
    request: &Request<Incoming>,
    path: &str,
) -> Result<HttpResponse, Failure> {
    if path.ends_with("/health-check") {
        return Ok(response::json(lines::health(app.clock.now(), app.began, resident_bytes())));
    }
    let recipient = Recipient::admit(shard, request, caller.client.get(), AuditChannel::Rest)?;
    caller.answers_under(&recipient.rights);
    let query = request.uri().query().unwrap_or_default();
    Ok(match lines::replay(shard, query, recipient, caller.client.get()).await {
        Ok(body) => response::lines(LINES, body),
        Err((status, text)) => {
            let mut response = response::json(text);
            *response.status_mut() = status;
            response
        }
    })
}

/// Answers the upgrade to `/ws-replay-normalized`; the replay starts when the answer is out.
///
/// # Errors
/// When it is not an upgrade, or the client may not have replays.
pub fn upgrade(
    shard: &Rc<Shard>,
    request: Request<Incoming>,
    caller: &Caller,
) -> Result<HttpResponse, Failure> {
    let server = &shard.server;
    if server.draining.load(Ordering::Relaxed) {
        server.rejected.count(RejectedReason::Draining);
        return Err(Failure::draining());
    }
    let accepted = handshake::check_plain(&request)
        .inspect_err(|_| server.rejected.count(RejectedReason::BadRequest))?;
    let recipient = Recipient::admit(shard, &request, caller.client.get(), AuditChannel::Stream)?;
    tokio::task::spawn_local(begin_socket(
        Rc::clone(shard),
        request,
        recipient,
        caller.client.get(),
        caller.connection.take(),
    ));
    let mut response = response::switching(&accepted);
    debug_assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    response.headers_mut().remove(header::SEC_WEBSOCKET_PROTOCOL);
    Ok(response)
}

async fn begin_socket(
    shard: Rc<Shard>,
    request: Request<Incoming>,
    recipient: Recipient,
    peer: ClientAddress,
    connection: Option<crate::server::admission::balancer::Connection>,
) {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
    let Ok(parts) = upgraded.downcast::<ErrorBodySocket>() else { return };
    let Some((unread, stream)) = parts.io.socket.into_parts() else { return };
    let read_ahead = &[&parts.read_buf, &unread[..]].concat();
    let (of, rights) = (Rc::clone(&shard), recipient.rights.clone());
    let beginning = async move { begin(&of, &query, &rights, Framing::Frames).await };
    ReplaySocket::new(&shard, stream, peer, recipient, beginning, read_ahead, connection).await;
}
