//! Answers, and errors in one format.

use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::Full;
use httpdate::HttpDate;
use hyper::{
    Method, Response, StatusCode,
    header::{self, HeaderValue},
    http::response,
};

use super::walk::WalkBody;
use crate::{
    session::{
        balancer::Role,
        events::Opening,
        handshake::{Accepted, Refused},
        pages::Stranger,
    },
    wire::{CloseReason, Control, Encoding},
};

/// The body is whole, made piece by piece, or empty for an event stream, which takes the socket over. Not `Send`: it
/// stays on its shard's thread.
pub type Answer = Response<AnswerBody>;

pub enum AnswerBody {
    Whole(Full<Bytes>),
    Walk(WalkBody),
    Events(Opening),
}

/// Why a request is refused.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    code: &'static str,
    message: String,
    headers: Vec<(header::HeaderName, HeaderValue)>,
}

impl hyper::body::Body for AnswerBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            AnswerBody::Whole(body) => std::pin::Pin::new(body).poll_frame(context),
            AnswerBody::Walk(body) => std::pin::Pin::new(body).poll_frame(context),
            AnswerBody::Events(_) => std::task::Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            AnswerBody::Whole(body) => body.is_end_stream(),
            AnswerBody::Walk(_) => false,
            AnswerBody::Events(_) => true,
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            AnswerBody::Whole(body) => body.size_hint(),
            AnswerBody::Walk(_) | AnswerBody::Events(_) => hyper::body::SizeHint::default(),
        }
    }
}

pub fn json(text: String) -> Answer {
    whole("application/json", text.into())
}

pub fn metrics(text: Bytes) -> Answer {
    whole("text/plain; version=0.0.4; charset=utf-8", text)
}

pub fn walk(body: WalkBody) -> Answer {
    let mut answer = Response::new(AnswerBody::Walk(body));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

pub fn events(opening: Opening) -> Answer {
    event_stream(AnswerBody::Events(opening))
}

/// The answer for an event stream while the server stops: any status but 200 would stop an `EventSource` from
/// reconnecting.
pub fn no_events(retry_ms: u64) -> Answer {
    let encoding = Encoding::EVENT_STREAM;
    let (mut text, mut drain) = (Vec::new(), Vec::new());
    encoding.write_retry(retry_ms, &mut text);
    encoding.write_control(&Control::Drain { retry_ms }, &mut drain);
    encoding.frame_control(&drain, &mut text);
    encoding.write_close(CloseReason::Drain, &mut text);
    event_stream(AnswerBody::Whole(Full::new(text.into())))
}

fn event_stream(body: AnswerBody) -> Answer {
    let mut answer = Response::new(body);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that buffer would deliver prices late.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    // The close ends the body.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// The head of an answer, ready for the socket.
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

pub fn switching(accepted: &Accepted) -> Answer {
    let mut answer = Response::new(AnswerBody::Whole(Full::default()));
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.extend(accepted.headers());
    answer
}

/// The answer to `HEAD`: the headers of `GET`.
pub fn without_body(mut answer: Answer) -> Answer {
    use hyper::body::Body;
    if let Some(bytes) = answer.body().size_hint().exact() {
        answer.headers_mut().insert(header::CONTENT_LENGTH, bytes.into());
    }
    *answer.body_mut() = AnswerBody::Whole(Full::default());
    answer
}

/// An answer that no cache may keep, unless the caller says otherwise.
pub fn whole(kind: &'static str, bytes: Bytes) -> Answer {
    let mut answer = Response::new(AnswerBody::Whole(Full::new(bytes)));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

impl Failure {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Failure { status, code, message: message.into(), headers: Vec::new() }
    }

    pub fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Failure::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// For a parameter that is not a list.
    pub fn given_twice(parameter: &str) -> Self {
        Failure::bad_request("bad_value", format!("{parameter:?} is given twice, with two values"))
    }

    pub fn not_found(path: &str) -> Self {
        let paths: Vec<&str> = super::ROUTES.iter().map(|(path, _)| *path).collect();
        Failure::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("there is no {path}: there are {}", paths.join(", ")),
        )
    }

    /// The path is on the other listener.
    pub fn elsewhere(path: &str, here: Role) -> Self {
        let message = match here {
            Role::Clients => {
                format!("{path} is not here: this server has a listener for operators (admin_listen)")
            }
            Role::Admin => format!("{path} is not here: clients are served on another port (listen)"),
        };
        Failure::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub fn method_not_allowed(method: &Method, path: &str, allowed: &[Method]) -> Self {
        let allowed: Vec<&str> = allowed.iter().chain([&Method::OPTIONS]).map(Method::as_str).collect();
        let allowed = allowed.join(", ");
        let message = format!("{method} is not for {path}: use {allowed}");
        let mut failure = Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
        if let Ok(value) = HeaderValue::from_str(&allowed) {
            failure.headers.push((header::ALLOW, value));
        }
        failure
    }

    pub fn origin(stranger: &Stranger) -> Self {
        Failure::new(StatusCode::FORBIDDEN, "origin", stranger.to_string())
    }

    pub fn not_loopback() -> Self {
        let message = "without authentication configured, this is for clients on the same machine alone, which call it localhost or by an address";
        Failure::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// The connection ends with it, because the rest of the request may still come.
    pub fn timeout(message: String) -> Self {
        let mut failure = Failure::new(StatusCode::REQUEST_TIMEOUT, "timeout", message);
        failure.headers.push((header::CONNECTION, HeaderValue::from_static("close")));
        failure
    }

    pub fn draining() -> Self {
        let message = "the server is stopping: come back in a moment, or go to another";
        let mut failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "draining", message);
        failure.headers.push((header::RETRY_AFTER, HeaderValue::from_static("1")));
        failure
    }

    pub fn busy() -> Self {
        let message = "as many long answers are being read as may be at once (limits.bulk_requests): ask again in a moment";
        let mut failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
        failure.headers.push((header::RETRY_AFTER, HeaderValue::from_static("1")));
        failure
    }

    pub fn with(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The body of the error.
    pub fn text(&self) -> String {
        serde_json::json!({"error": {"code": self.code, "message": self.message}}).to_string()
    }

    pub fn into_answer(self) -> Answer {
        let mut answer = json(self.text());
        *answer.status_mut() = self.status;
        let headers = answer.headers_mut();
        if self.status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        answer
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Failure::new(refused.status, refused.code, refused.message)
    }
}
