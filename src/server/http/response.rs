//! Responses: whole, generated piece by piece, or the start of an event stream.

use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::Full;
use httpdate::HttpDate;
use hyper::{
    Response, StatusCode,
    header::{self, HeaderValue},
    http::response,
};

use super::{
    coding::AnswerCoding, compressed_walk::CompressedWalk, replays::lines::ReplayBody, walk::WalkBody,
};
use crate::{
    server::{failure::Failure, handshake::Accepted, sse::AdmittedEvents},
    wire::{CloseReason, Control, Deflater, Encoding},
};

/// The body is whole, generated piece by piece (possibly compressed), or empty for an event stream, which takes over
/// the socket. Not `Send`: it stays on its shard's thread.
pub type HttpResponse = Response<ResponseBody>;

pub enum ResponseBody {
    Whole(Full<Bytes>),
    Walk(WalkBody),
    CompressedWalk(Box<CompressedWalk>),
    Events(AdmittedEvents),
    Replay(Box<ReplayBody>),
}

impl hyper::body::Body for ResponseBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            ResponseBody::Whole(body) => std::pin::Pin::new(body).poll_frame(context),
            ResponseBody::Walk(body) => std::pin::Pin::new(body).poll_frame(context),
            ResponseBody::CompressedWalk(body) => std::pin::Pin::new(body).poll_frame(context),
            ResponseBody::Events(_) => std::task::Poll::Ready(None),
            ResponseBody::Replay(body) => body.poll_frame(context).map(|frame| frame.map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ResponseBody::Whole(body) => body.is_end_stream(),
            ResponseBody::Walk(_) | ResponseBody::CompressedWalk(_) => false,
            ResponseBody::Events(_) => true,
            ResponseBody::Replay(body) => body.is_over(),
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            ResponseBody::Whole(body) => body.size_hint(),
            ResponseBody::Walk(_)
            | ResponseBody::CompressedWalk(_)
            | ResponseBody::Events(_)
            | ResponseBody::Replay(_) => hyper::body::SizeHint::default(),
        }
    }
}

pub fn json(text: String) -> HttpResponse {
    whole("application/json", text.into())
}

pub fn metrics(text: Bytes) -> HttpResponse {
    whole("text/plain; version=0.0.4; charset=utf-8", text)
}

pub fn walk(body: WalkBody) -> HttpResponse {
    let mut response = Response::new(ResponseBody::Walk(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Lines, sent as they are read.
pub fn lines(kind: HeaderValue, body: ReplayBody) -> HttpResponse {
    let mut response = Response::new(ResponseBody::Replay(Box::new(body)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Buffering proxies would read ahead of the client.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

pub fn events(stream: AdmittedEvents) -> HttpResponse {
    let coding = if stream.encoding.is_gzip() { AnswerCoding::Gzip } else { AnswerCoding::Identity };
    let mut response = event_stream(ResponseBody::Events(stream));
    coding.declare(response.headers_mut());
    response
}

/// The response for an event stream while the server stops: any status but 200 would stop an `EventSource` from
/// reconnecting.
pub fn no_events(retry_ms: u64) -> HttpResponse {
    let encoding = Encoding::EVENT_STREAM;
    let (mut text, mut drain) = (Vec::new(), Vec::new());
    encoding.write_retry(retry_ms, &mut text);
    encoding.write_control(&Control::Drain { retry_ms }, &mut drain);
    encoding.frame_control(&drain, &mut text, &mut Deflater::default());
    encoding.write_close(CloseReason::Drain, &mut text);
    event_stream(ResponseBody::Whole(Full::new(text.into())))
}

fn event_stream(body: ResponseBody) -> HttpResponse {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Buffering proxies would deliver prices late.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    // The end of the connection ends the body.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The head of a response, ready for the socket.
pub fn head(parts: &response::Parts) -> Vec<u8> {
    let date = HttpDate::from(SystemTime::now());
    let mut head = format!("HTTP/1.1 {}\r\ndate: {date}\r\n", parts.status).into_bytes();
    for (name, value) in &parts.headers {
        for piece in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(piece);
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

pub fn switching(accepted: &Accepted) -> HttpResponse {
    let mut response = Response::new(ResponseBody::Whole(Full::default()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.extend(accepted.headers());
    response
}

/// The response to `HEAD`: the headers of `GET`.
pub fn without_body(mut response: HttpResponse) -> HttpResponse {
    use hyper::body::Body;
    if let Some(bytes) = response.body().size_hint().exact() {
        response.headers_mut().insert(header::CONTENT_LENGTH, bytes.into());
    }
    *response.body_mut() = ResponseBody::Whole(Full::default());
    response
}

/// A response that no cache may keep, unless the caller says otherwise.
pub fn whole(kind: &'static str, bytes: Bytes) -> HttpResponse {
    let mut response = Response::new(ResponseBody::Whole(Full::new(bytes)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub fn failure(failure: Failure) -> HttpResponse {
    let mut response = json(failure.text());
    *response.status_mut() = failure.status;
    let headers = response.headers_mut();
    if failure.status == StatusCode::UPGRADE_REQUIRED {
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    for (name, value) in failure.headers {
        headers.insert(name, value);
    }
    response
}
