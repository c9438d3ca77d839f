//! One HTTP connection: its requests, until it ends, becomes a session, or is taken over by an event stream.

use std::{
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    sync::Arc,
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
use tokio::time::Instant;

use super::{
    activity::{HttpActivity, Overdue},
    app::App,
    caller::Caller,
    coding::AnswerCoding,
    compress::compress,
    cors,
    deadlines::{ConnectionDeadlines, ConnectionEnd},
    error_body::ErrorBodySocket,
    head,
    preread::PrereadSocket,
    response::{self, ResponseBody},
    router,
    shared_socket::SharedSocket,
};
use crate::{
    server::{
        admission::rejected::RejectedReason, http_connection::HttpConnection, pages::Encrypted,
        routes::HEADERS_MAX, shard::Shard, slices::Priority, sse::AdmittedEvents,
    },
    session::{socket::SessionSocket, stats::LimitHit},
};

/// How often to check whether the answers before an event stream are out.
const FLUSH_CHECK_PERIOD: Duration = Duration::from_millis(5);

/// A body, with its request, which stays open as long as the body.
struct AnsweredBody {
    body: ResponseBody,
    _request: OpenRequest,
}

/// A request in progress; ended by drop.
struct OpenRequest(Arc<HttpActivity>);

/// Serves one connection until it ends or becomes a session.
pub async fn serve(app: Arc<App>, shard: Rc<Shard>, connection: HttpConnection) {
    let HttpConnection { stream, read, peer, role, counted, deadline } = connection;
    let deadline = deadline.deadline();
    let activity = Arc::new(HttpActivity::new(deadline, Instant::now()));
    let is_encrypted = stream.is_encrypted();
    let stream = SharedSocket::new(stream);
    let held = stream.downgrade();
    let socket = PrereadSocket::new(read, stream, Arc::clone(&activity), shard.slices.clone());
    let caller = Rc::new(Caller::new(peer, role, activity, Some(counted)));
    let service = service_fn(|mut request: Request<Incoming>| {
        if is_encrypted {
            request.extensions_mut().insert(Encrypted);
        }
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
    let mut connection = Box::pin(
        builder.serve_connection(ErrorBodySocket::new(socket, head::error_body), service).with_upgrades(),
    );
    let mut deadlines = ConnectionDeadlines::new(&shard, &caller, held.clone(), deadline);
    tokio::select! {
        end = poll_fn(|context| deadlines.poll(context, connection.as_mut())) => match end {
            ConnectionEnd::Overdue(Overdue::Request) => shard.server.rejected.count(RejectedReason::Timeout),
            ConnectionEnd::Overdue(Overdue::Progress) => {
                shard.core.borrow_mut().stats.limits[LimitHit::Progress as usize] += 1;
            }
            ConnectionEnd::Overdue(Overdue::Idle) | ConnectionEnd::Over => {}
        },
        () = caller.taken_over.notified() => {
            let stream = held.upgrade();
            // No other task holds it now.
            drop(connection);
            let stream = stream.and_then(SharedSocket::into_inner);
            if let Some(((events, head), stream)) = caller.stream.take().zip(stream) {
                tokio::task::spawn_local(events.begin(&shard, stream, head, caller.connection.take()));
            }
        }
    }
}

async fn answer(
    app: Arc<App>,
    shard: Rc<Shard>,
    request: Request<Incoming>,
    caller: Rc<Caller>,
) -> Response<AnsweredBody> {
    let priority = priority(request.uri().path());
    caller.activity.begins(!request.body().is_end_stream(), priority);
    let open = OpenRequest(Arc::clone(&caller.activity));
    shard.slices.slice(priority).await;
    let is_head = request.method() == Method::HEAD;
    let coding = AnswerCoding::of(request.headers());
    let mut response = router::answer(&app, &shard, request, &caller).await.unwrap_or_else(response::failure);
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        cors::vary(&mut response);
        response = compress(response, coding, shard.node.limits.deflate_bytes);
    }
    let response = if is_head { response::without_body(response) } else { response };
    match response.into_parts() {
        (parts, ResponseBody::Events(stream)) => hand_over(&caller, stream, response::head(&parts)).await,
        (parts, body) => Response::from_parts(parts, AnsweredBody { body, _request: open }),
    }
}

/// Hands the socket to an event stream once earlier answers on this connection are out. hyper gets no answer: its
/// connection is dropped while this waits.
async fn hand_over(caller: &Caller, stream: AdmittedEvents, head: Vec<u8>) -> ! {
    // hyper flushes while this yields.
    tokio::task::yield_now().await;
    while !caller.activity.is_flushed() {
        tokio::time::sleep(FLUSH_CHECK_PERIOD).await;
    }
    caller.stream.set(Some((stream, head)));
    caller.taken_over.notify_one();
    std::future::pending().await
}

fn priority(path: &str) -> Priority {
    if matches!(path, "/healthz" | "/readyz" | "/metrics") { Priority::Urgent } else { Priority::Common }
}

impl Body for AnsweredBody {
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

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.ends(Instant::now());
    }
}
