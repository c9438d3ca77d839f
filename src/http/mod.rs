//! HTTP on the sessions' port: routes, the dashboard, metrics, probes, publishing. hyper does the protocol.
//!
//! Every error is `{"error":{"code","message"}}` with the right status. Invariants: what a page of another origin sends
//! is refused; what changes or discloses anything is for loopback peers alone, while no authentication is configured.

mod answer;
mod dashboard;
mod ops;
mod market;
mod publish;
mod replay;

use std::{
    cell::Cell,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
};

use hyper::{HeaderMap, Method, Request, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioTimer;
use tokio::{
    sync::{Notify, mpsc::UnboundedSender},
    time::sleep_until,
};

pub use answer::{Answer, Failure};

use crate::{
    clock::{Clock, MarketClock},
    intake::{FeedSink, FeedStatus},
    metrics::Metrics,
    session::{
        accept::{Connection, RejectedReason},
        handshake::{self, STREAM_PATH},
        opening::{HEADERS_MAX, Unread},
        rewound::Rewound,
        shard::{Shard, ToShard},
    },
    throttle::Throttle,
    tick::Nanos,
};

/// What routes need beside their own shard.
pub struct App {
    pub metrics: Metrics,
    pub shards: Vec<UnboundedSender<ToShard>>,
    pub feeds: Vec<Arc<FeedStatus>>,
    /// Where published ticks go.
    pub push: FeedSink,
    pub clock: Clock,
    pub market: MarketClock,
    pub began: Nanos,
    /// Of the warning that a shard has not answered.
    pub shard_silent: Throttle,
    /// Counted by whoever writes the log.
    pub log_lines_dropped: Arc<AtomicU64>,
}

/// Who is at the other end of a connection.
pub struct Caller {
    pub peer: SocketAddr,
    /// Ends the connection from outside.
    pub kill: Rc<Notify>,
    /// Whether its first request has come.
    has_asked: Cell<bool>,
    /// Goes with the socket, when a session takes it over.
    connection: Cell<Option<Connection>>,
}

/// Requests have small heads; what is larger is refused by hyper.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The routes: path, and what may be done to it.
const ROUTES: [(&str, &[Method]); 15] = [
    ("/", &[Method::GET, Method::HEAD]),
    ("/assets/app.css", &[Method::GET, Method::HEAD]),
    ("/assets/app.js", &[Method::GET, Method::HEAD]),
    ("/assets/chart.js", &[Method::GET, Method::HEAD]),
    ("/assets/licences.txt", &[Method::GET, Method::HEAD]),
    ("/metrics", &[Method::GET, Method::HEAD]),
    ("/healthz", &[Method::GET, Method::HEAD]),
    ("/readyz", &[Method::GET, Method::HEAD]),
    ("/v1/stream", &[Method::GET]),
    ("/v1/sse", &[Method::GET]),
    ("/v1/symbols", &[Method::GET, Method::HEAD]),
    ("/v1/snapshot", &[Method::GET, Method::HEAD]),
    ("/v1/publish", &[Method::POST]),
    ("/v1/replay", &[Method::GET, Method::HEAD, Method::POST]),
    ("/debug/slow", &[Method::GET, Method::HEAD]),
];

/// Serves one connection until it ends or becomes a session.
pub async fn serve(app: Arc<App>, shard: Rc<Shard>, unread: Unread) {
    let Unread { stream, read, peer, counted, deadline } = unread;
    let (has_asked, connection) = (Cell::new(false), Cell::new(Some(counted)));
    let caller = Rc::new(Caller { peer, kill: Rc::default(), has_asked, connection });
    let service = service_fn(|request| {
        let (app, shard, caller) = (Arc::clone(&app), Rc::clone(&shard), Rc::clone(&caller));
        async move { Ok::<_, std::convert::Infallible>(answer(app, shard, request, caller).await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(shard.shared.limits.handshake)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    let connection = builder.serve_connection(Rewound::new(read, stream), service).with_upgrades();
    // hyper begins to count at the first byte that it reads, which is not the first of the connection.
    let overdue = async {
        sleep_until(deadline).await;
        if caller.has_asked.get() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        result = connection => {
            if result.is_err_and(|error| error.is_timeout()) {
                shard.shared.rejected.count(RejectedReason::Timeout);
            }
        }
        () = overdue => shard.shared.rejected.count(RejectedReason::Timeout),
        // A session that took nothing for too long; its connection goes with it.
        () = caller.kill.notified() => {}
    }
}

async fn answer(app: Arc<App>, shard: Rc<Shard>, request: Request<Incoming>, caller: Rc<Caller>) -> Answer {
    caller.has_asked.set(true);
    let head = request.method() == Method::HEAD;
    let answer = route(&app, &shard, request, &caller).await.unwrap_or_else(Failure::into_answer);
    if head { answer::without_body(answer) } else { answer }
}

async fn route(
    app: &Arc<App>,
    shard: &Rc<Shard>,
    request: Request<Incoming>,
    caller: &Caller,
) -> Result<Answer, Failure> {
    let path = request.uri().path();
    let Some((path, methods)) = ROUTES.into_iter().find(|(known, _)| *known == path) else {
        return Err(Failure::not_found(path));
    };
    if !methods.contains(request.method()) {
        return Err(Failure::method_not_allowed(request.method(), path, methods));
    }
    if path == STREAM_PATH {
        return upgrade(shard, request, caller);
    }
    if !handshake::origin_allowed(request.headers(), &shard.shared.allowed_origins) {
        return Err(Failure::origin(request.headers().get(header::ORIGIN)));
    }
    let query = request.uri().query().unwrap_or_default();
    match path {
        "/healthz" => Ok(answer::json("{\"status\":\"alive\"}".to_owned())),
        "/readyz" => ops::ready(app, shard),
        "/metrics" => Ok(ops::metrics(app, shard).await),
        "/v1/symbols" => market::symbols(shard).await,
        "/v1/snapshot" => market::snapshot(shard, query).await,
        "/v1/sse" => market::events(shard, &request, caller),
        "/v1/publish" => {
            only_loopback(caller.peer, request.headers())?;
            publish::publish(app, shard, request).await
        }
        "/v1/replay" => {
            only_loopback(caller.peer, request.headers())?;
            replay::replay(app, shard, request).await
        }
        "/debug/slow" => {
            only_loopback(caller.peer, request.headers())?;
            ops::slow(app, query).await
        }
        _ => {
            let asset = dashboard::asset(path).ok_or_else(|| Failure::not_found(path))?;
            Ok(asset.answer(request.headers()))
        }
    }
}

/// Answers an upgrade; the session begins when the answer is out.
fn upgrade(shard: &Rc<Shard>, request: Request<Incoming>, caller: &Caller) -> Result<Answer, Failure> {
    let shared = &shard.shared;
    if shared.draining.load(Ordering::Relaxed) {
        shared.rejected.count(RejectedReason::Draining);
        return Err(Failure::draining());
    }
    let accepted = handshake::check(&request).map_err(|refused| {
        shared.rejected.count(RejectedReason::BadRequest);
        Failure::from(refused)
    })?;
    tokio::task::spawn_local(handshake::upgrade(
        Rc::clone(shard),
        request,
        caller.peer,
        caller.connection.take(),
    ));
    Ok(answer::switching(&accepted))
}

/// Publishing, control and debug need a token that allows it, or, with no authentication configured, a loopback peer
/// that calls the server by an address or as localhost: a page of elsewhere whose name was made to resolve to this
/// machine, and a proxy that serves a public name, are no such peers.
fn only_loopback(peer: SocketAddr, headers: &HeaderMap) -> Result<(), Failure> {
    let named = headers.get(header::HOST).is_none_or(|host| host.to_str().is_ok_and(is_local_name));
    if peer.ip().to_canonical().is_loopback() && named { Ok(()) } else { Err(Failure::not_loopback()) }
}

/// Whether a `Host` is localhost or an address, with or without a port.
fn is_local_name(host: &str) -> bool {
    let Ok(authority) = host.parse::<hyper::http::uri::Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_names_are_addresses_and_localhost() {
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:8080", "10.0.0.7"] {
            assert!(is_local_name(host), "{host}");
        }
        for host in
            ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", ""]
        {
            assert!(!is_local_name(host), "{host}");
        }
    }
}
