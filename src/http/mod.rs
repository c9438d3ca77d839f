//! HTTP on the sessions' port: routes, the dashboard, metrics, probes, publishing. hyper does the protocol.
//!
//! Every error is `{"error":{"code","message"}}` with the right status. Invariants: what a page of another origin sends
//! is refused; what changes or discloses anything is for loopback peers alone, while no authentication is configured.

mod answer;
mod dashboard;
mod life;
mod ops;
mod market;
mod publish;
mod replay;
mod walk;

use std::{
    cell::Cell,
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::{
    HeaderMap, Method, Request, Response,
    body::{Body, Frame, Incoming, SizeHint},
    header,
    server::conn::http1,
    service::service_fn,
};
use tokio::{
    sync::{Notify, mpsc::UnboundedSender},
    time::Instant,
};

pub use answer::{Answer, Failure};
pub use ops::Scrapes;

use crate::{
    clock::{Clock, MarketClock},
    intake::{FeedSink, FeedStatus},
    metrics::Metrics,
    session::{
        accept::RejectedReason,
        activity::{Activity, Overdue},
        doors::{Connection, Role},
        handshake::{self, STREAM_PATH},
        opening::{HEADERS_MAX, Unread},
        rewound::Rewound,
        shard::{Shard, ToShard},
        stats::LimitHit,
        turns::Lane,
    },
    throttle::Throttle,
    tick::Nanos,
};
use answer::AnswerBody;
use life::{End, Life};

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
    pub scrapes: Scrapes,
    /// Long answers that are being read.
    pub bulk: Arc<AtomicUsize>,
    /// Operators have a listener of their own.
    pub has_admin: bool,
}

/// Who is at the other end of a connection.
pub struct Caller {
    pub peer: SocketAddr,
    /// Ends the connection from outside.
    pub kill: Rc<Notify>,
    /// Whose listener it came by.
    role: Role,
    activity: Arc<Activity>,
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

/// What operators ask. With a listener of their own they ask there, and nobody else does.
const ADMIN_PATHS: [&str; 5] = ["/healthz", "/readyz", "/metrics", "/debug/slow", "/v1/replay"];

/// A body, and the request that it answers for as long as it lasts.
struct Answering {
    body: AnswerBody,
    _asked: Asked,
}

/// A request that is being answered; ended by drop.
struct Asked(Arc<Activity>);

/// Serves one connection until it ends or becomes a session.
pub async fn serve(app: Arc<App>, shard: Rc<Shard>, unread: Unread) {
    let Unread { stream, read, peer, role, counted, deadline } = unread;
    let activity = Arc::new(Activity::new(deadline, Instant::now()));
    let stream = Arc::new(stream);
    let (socket, stream) =
        (Rewound::new(read, Arc::clone(&stream), Arc::clone(&activity)), Arc::downgrade(&stream));
    let connection = Cell::new(Some(counted));
    let caller = Rc::new(Caller { peer, kill: Rc::default(), role, activity, connection });
    let service = service_fn(|request| {
        let (app, shard, caller) = (Arc::clone(&app), Rc::clone(&shard), Rc::clone(&caller));
        async move { Ok::<_, std::convert::Infallible>(answer(app, shard, request, caller).await) }
    });
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).max_headers(HEADERS_MAX).max_buf_size(HEAD_BYTES_MAX);
    let mut connection = pin!(builder.serve_connection(socket, service).with_upgrades());
    let mut life = Life::new(&shard, &caller, stream, deadline);
    tokio::select! {
        end = poll_fn(|context| life.poll(context, connection.as_mut())) => match end {
            End::Overdue(Overdue::Request) => shard.shared.rejected.count(RejectedReason::Timeout),
            End::Overdue(Overdue::Progress) => {
                shard.core.borrow_mut().stats.limits[LimitHit::Progress as usize] += 1;
            }
            End::Overdue(Overdue::Idle) | End::Over => {}
        },
        // A session that took nothing for too long; its connection goes with it.
        () = caller.kill.notified() => {}
    }
}

async fn answer(
    app: Arc<App>,
    shard: Rc<Shard>,
    request: Request<Incoming>,
    caller: Rc<Caller>,
) -> Response<Answering> {
    caller.activity.begins(!request.body().is_end_stream());
    let asked = Asked(Arc::clone(&caller.activity));
    shard.turns.slice(lane(request.uri().path())).await;
    let head = request.method() == Method::HEAD;
    let answer = route(&app, &shard, request, &caller).await.unwrap_or_else(Failure::into_answer);
    let answer = if head { answer::without_body(answer) } else { answer };
    answer.map(|body| Answering { body, _asked: asked })
}

fn lane(path: &str) -> Lane {
    if matches!(path, "/healthz" | "/readyz" | "/metrics") { Lane::Urgent } else { Lane::Common }
}

impl Body for Answering {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.ends(Instant::now());
    }
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
    if app.has_admin && (caller.role == Role::Admin) != ADMIN_PATHS.contains(&path) {
        return Err(Failure::elsewhere(path, caller.role));
    }
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
        "/metrics" => ops::metrics(app, shard).await,
        "/v1/symbols" => market::symbols(app, shard),
        "/v1/snapshot" => market::snapshot(app, shard, query),
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
