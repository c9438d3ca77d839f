//! HTTP on the sessions' port: routes, the dashboard, metrics, probes, publishing. hyper does the protocol.
//!
//! Every error is `{"error":{"code","message"}}` with the right status. Invariants: requests from pages of other
//! origins are refused. Requests that change or disclose anything are for loopback peers alone, while no authentication
//! is configured.

mod answer;
mod body;
mod bulk;
mod cors;
mod dashboard;
mod head;
mod life;
mod ops;
mod market;
mod named;
mod publish;
mod replay;
mod walk;

use std::{
    cell::Cell,
    future::poll_fn,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Frame, Incoming, SizeHint},
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
        balancer::{Connection, Role},
        events::Opening,
        explain::Explaining,
        handshake::{self, STREAM_PATH},
        host::Hosts,
        opening::{HEADERS_MAX, Unread},
        pages::{self, Page},
        rewound::Rewound,
        shard::{Shard, ToShard},
        stats::LimitHit,
        turns::Priority,
    },
    throttle::Throttle,
    tick::Nanos,
};
use answer::AnswerBody;
use bulk::Bulk;
use life::{End, Life};

/// The state that routes need besides their own shard.
pub struct App {
    pub metrics: Metrics,
    pub shards: Vec<UnboundedSender<ToShard>>,
    pub feeds: Vec<Arc<FeedStatus>>,
    /// Where published ticks go.
    pub push: FeedSink,
    pub clock: Clock,
    pub market: MarketClock,
    pub began: Nanos,
    /// Limits the warning that a shard has not answered.
    pub shard_silent: Throttle,
    /// Counted by the writer of the log.
    pub log_lines_dropped: Arc<AtomicU64>,
    pub scrapes: Scrapes,
    /// Long answers that are being read.
    pub bulk: Arc<Bulk>,
    /// Whether operators have a listener of their own.
    pub has_admin: bool,
}

/// The other end of a connection.
pub struct Caller {
    pub peer: SocketAddr,
    /// Notified when an event stream takes the socket over.
    taken_over: Notify,
    /// That event stream, and the head of its answer.
    stream: Cell<Option<(Opening, Vec<u8>)>>,
    /// The role of the listener that accepted it.
    role: Role,
    activity: Arc<Activity>,
    /// Moves with the socket, when a session takes it over.
    connection: Cell<Option<Connection>>,
}

/// The period of checks whether the answers before an event stream are out.
const FLUSHED_LOOK: Duration = Duration::from_millis(5);

/// The routes: path and methods.
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
    ("/v1/snapshot", &[Method::GET, Method::HEAD, Method::POST]),
    ("/v1/publish", &[Method::POST]),
    ("/v1/replay", &[Method::GET, Method::HEAD, Method::POST]),
    ("/debug/slow", &[Method::GET, Method::HEAD]),
];

/// Requests of operators. If operators have a listener of their own, these are served only there.
const ADMIN_PATHS: [&str; 5] = ["/healthz", "/readyz", "/metrics", "/debug/slow", "/v1/replay"];

/// A body, and the request that stays open as long as the body lasts.
struct Answering {
    body: AnswerBody,
    _asked: Asked,
}

/// A request that is being answered; ended by drop.
struct Asked(Arc<Activity>);

/// Serves one connection until it ends or becomes a session.
pub async fn serve(app: Arc<App>, shard: Rc<Shard>, unread: Unread) {
    let Unread { stream, read, peer, role, counted, deadline } = unread;
    let deadline = deadline.deadline();
    let activity = Arc::new(Activity::new(deadline, Instant::now()));
    let stream = Arc::new(stream);
    let held = Arc::downgrade(&stream);
    let socket = Rewound::new(read, stream, Arc::clone(&activity), shard.turns.clone());
    let (taken_over, events, connection) = (Notify::new(), Cell::new(None), Cell::new(Some(counted)));
    let caller = Rc::new(Caller { peer, taken_over, stream: events, role, activity, connection });
    let service = service_fn(|request| {
        let (app, shard, caller) = (Arc::clone(&app), Rc::clone(&shard), Rc::clone(&caller));
        async move { Ok::<_, std::convert::Infallible>(answer(app, shard, request, caller).await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .header_read_timeout(None)
        // A client that has closed its side still wants the answer.
        .half_close(true)
        .max_headers(HEADERS_MAX)
        .max_buf_size(head::HEAD_BYTES_MAX);
    let mut connection =
        Box::pin(builder.serve_connection(Explaining::new(socket, head::explain), service).with_upgrades());
    let mut life = Life::new(&shard, &caller, held.clone(), deadline);
    tokio::select! {
        end = poll_fn(|context| life.poll(context, connection.as_mut())) => match end {
            End::Overdue(Overdue::Request) => shard.shared.rejected.count(RejectedReason::Timeout),
            End::Overdue(Overdue::Progress) => {
                shard.core.borrow_mut().stats.limits[LimitHit::Progress as usize] += 1;
            }
            End::Overdue(Overdue::Idle) | End::Over => {}
        },
        () = caller.taken_over.notified() => {
            let stream = held.upgrade();
            // No other task holds it.
            drop(connection);
            let stream = stream.and_then(Arc::into_inner);
            if let Some(((opening, head), stream)) = caller.stream.take().zip(stream) {
                tokio::task::spawn_local(opening.begin(&shard, stream, head, caller.connection.take()));
            }
        }
    }
}

async fn answer(
    app: Arc<App>,
    shard: Rc<Shard>,
    request: Request<Incoming>,
    caller: Rc<Caller>,
) -> Response<Answering> {
    let priority = priority(request.uri().path());
    caller.activity.begins(!request.body().is_end_stream(), priority);
    let asked = Asked(Arc::clone(&caller.activity));
    shard.turns.slice(priority).await;
    let is_head = request.method() == Method::HEAD;
    let mut answer = judged(&app, &shard, request, &caller).await.unwrap_or_else(Failure::into_answer);
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        cors::vary(&mut answer);
    }
    let answer = if is_head { answer::without_body(answer) } else { answer };
    match answer.into_parts() {
        (parts, AnswerBody::Events(opening)) => hand_over(&caller, opening, answer::head(&parts)).await,
        (parts, body) => Response::from_parts(parts, Answering { body, _asked: asked }),
    }
}

/// Gives the socket to an event stream, once earlier answers on this connection are out. HTTP gets no answer: its
/// connection is dropped while it waits.
async fn hand_over(caller: &Caller, opening: Opening, head: Vec<u8>) -> ! {
    // HTTP flushes while this waits.
    tokio::task::yield_now().await;
    while !caller.activity.is_flushed() {
        tokio::time::sleep(FLUSHED_LOOK).await;
    }
    caller.stream.set(Some((opening, head)));
    caller.taken_over.notify_one();
    std::future::pending().await
}

fn priority(path: &str) -> Priority {
    if matches!(path, "/healthz" | "/readyz" | "/metrics") { Priority::Urgent } else { Priority::Common }
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

/// Answers a well-formed request that does not come from a forbidden page.
async fn judged(
    app: &Arc<App>,
    shard: &Rc<Shard>,
    request: Request<Incoming>,
    caller: &Caller,
) -> Result<Answer, Failure> {
    head::check(&request)?;
    let hosts = Hosts::of(&request)?;
    let page = match pages::judge(&request, &hosts, &shard.shared.allowed_origins) {
        Ok(page) => page,
        // A page learns nothing of an upgrade that fails, so it gets a close code.
        Err(_) if request.uri().path() == STREAM_PATH && request.method() == Method::GET => Page::None,
        Err(stranger) => return Err(Failure::origin(&stranger)),
    };
    let may_control = caller.peer.ip().to_canonical().is_loopback()
        && hosts.are_local()
        && !matches!(page, Page::Anyone(_));
    let shared_with = page.origin().cloned();
    let mut answer =
        route(app, shard, request, caller, may_control).await.unwrap_or_else(Failure::into_answer);
    if let Some(origin) = shared_with {
        cors::share(&mut answer, origin);
    }
    Ok(answer)
}

/// `may_control`: publishing, control and debug need a token that allows it, or, with no authentication configured, a
/// loopback peer that calls the server by an address or as localhost. That excludes a foreign page whose name was made
/// to resolve to this machine, and a proxy that serves a public name. A page that is allowed only because all are is
/// excluded as well.
async fn route(
    app: &Arc<App>,
    shard: &Rc<Shard>,
    request: Request<Incoming>,
    caller: &Caller,
    may_control: bool,
) -> Result<Answer, Failure> {
    let path = request.uri().path();
    if path == "*" && request.method() == Method::OPTIONS {
        // Of the server as a whole.
        return Ok(cors::options(request.headers(), &[Method::GET, Method::HEAD, Method::POST]));
    }
    let Some((path, methods)) = ROUTES.into_iter().find(|(known, _)| *known == path) else {
        return Err(Failure::not_found(path));
    };
    if app.has_admin && (caller.role == Role::Admin) != ADMIN_PATHS.contains(&path) {
        return Err(Failure::elsewhere(path, caller.role));
    }
    if request.method() == Method::OPTIONS {
        return Ok(cors::options(request.headers(), methods));
    }
    if !methods.contains(request.method()) {
        return Err(Failure::method_not_allowed(request.method(), path, methods));
    }
    if path == STREAM_PATH {
        return upgrade(shard, request, caller);
    }
    let query = request.uri().query().unwrap_or_default();
    match path {
        "/healthz" => Ok(answer::json("{\"status\":\"alive\"}".to_owned())),
        "/readyz" => ops::ready(app, shard).await,
        "/metrics" => ops::metrics(app, shard).await,
        "/v1/symbols" => market::symbols(app, shard, caller),
        "/v1/snapshot" => market::snapshot(app, shard, caller, request).await,
        "/v1/sse" => market::events(shard, &request, caller).await,
        "/v1/publish" => {
            only_control(may_control)?;
            publish::publish(app, shard, request).await
        }
        "/v1/replay" => {
            only_control(may_control)?;
            replay::replay(app, shard, request).await
        }
        "/debug/slow" => {
            only_control(may_control)?;
            ops::slow(app, shard, caller, query).await
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
        accepted.encoding,
        caller.peer,
        caller.connection.take(),
    ));
    Ok(answer::switching(&accepted))
}

fn only_control(may_control: bool) -> Result<(), Failure> {
    if may_control { Ok(()) } else { Err(Failure::not_loopback()) }
}
