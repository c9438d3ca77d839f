//! [`Failure`]: why an HTTP request is refused: status, code and message in one format.

use hyper::{
    Method, StatusCode,
    header::{self, HeaderValue},
};

use super::{admission::balancer::Role, routes::ROUTES};

/// Why a request is refused.
#[derive(Debug)]
pub struct Failure {
    pub status: StatusCode,
    pub code: &'static str,
    message: String,
    pub headers: Vec<(header::HeaderName, HeaderValue)>,
}

impl Failure {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Failure { status, code, message: message.into(), headers: Vec::new() }
    }

    pub fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Failure::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// A parameter that is not a list was given several times.
    pub fn given_twice(parameter: &str) -> Self {
        Failure::bad_request("bad_value", format!("{parameter:?} is given twice, with two values"))
    }

    pub fn not_found(path: &str) -> Self {
        let paths: Vec<&str> = ROUTES.iter().map(|(path, _)| *path).collect();
        Failure::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("there is no {path}: there are {}", paths.join(", ")),
        )
    }

    /// The path exists only on the other listener.
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

    pub fn origin(message: impl Into<String>) -> Self {
        Failure::new(StatusCode::FORBIDDEN, "origin", message)
    }

    pub fn not_loopback() -> Self {
        let message = "without authentication configured, this is for clients on the same machine alone, which call it localhost or by an address";
        Failure::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// The token gives no right to any of what was requested.
    pub fn not_entitled(message: impl Into<String>) -> Self {
        Failure::new(StatusCode::FORBIDDEN, "not_entitled", message)
    }

    pub fn no_keys(message: impl Into<String>) -> Self {
        let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "no_keys", message);
        failure.with(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    pub fn too_many_of_user(message: impl Into<String>) -> Self {
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_of_user", message)
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

    /// The usage audit cannot be written.
    pub fn unaudited() -> Self {
        let message = "the usage audit cannot be written, so new sessions and snapshots are refused (audit.on_failure): try again later";
        let mut failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "audit", message);
        failure.headers.push((header::RETRY_AFTER, HeaderValue::from_static("1")));
        failure
    }

    pub fn busy() -> Self {
        let message = "as many long answers are being read as may be at once (limits.bulk_requests): ask again in a moment";
        let mut failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
        failure.headers.push((header::RETRY_AFTER, HeaderValue::from_static("1")));
        failure
    }

    /// A usage report is already being made.
    pub fn busy_report() -> Self {
        let message = "a report of use is being made, one at a time: ask again in a moment";
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
}
