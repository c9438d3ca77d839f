//! CORS: headers that let pages of allowed origins read answers, including refusals, and preflight answers.
//!
//! No credentials are used. Every answer varies by `Origin`, because refusals depend on it.

use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    header::{self, HeaderName, HeaderValue},
};

use super::response::{HttpResponse, ResponseBody};

/// Readable in addition to the headers that CORS exposes by default.
const EXPOSED: &str = "Retry-After, ETag, Allow";
/// How long a browser may cache the answer to a preflight, in seconds: the most that Chromium accepts.
const PREFLIGHT_SECONDS: &str = "7200";
const ASKS_METHOD: HeaderName = header::ACCESS_CONTROL_REQUEST_METHOD;
const ASKS_HEADERS: HeaderName = header::ACCESS_CONTROL_REQUEST_HEADERS;
const ASKS_NETWORK: &str = "access-control-request-private-network";

/// Lets the requesting page read the response.
pub fn share(response: &mut HttpResponse, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
}

/// Tells caches what the response depends on.
pub fn vary(response: &mut HttpResponse) {
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
}

/// The answer to `OPTIONS`: the methods of a path, also for pages of other origins.
pub fn options(request: &HeaderMap, methods: &[Method]) -> HttpResponse {
    let mut response = Response::new(ResponseBody::Whole(Full::default()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let mut methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
    if request.contains_key(header::ORIGIN) && request.contains_key(ASKS_METHOD) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, listed(&methods));
        // No request header gives a page more rights here.
        if let Some(names) = request.get(ASKS_HEADERS) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
        }
        if request.get(ASKS_NETWORK).is_some_and(|value| value == "true") {
            headers.insert("access-control-allow-private-network", HeaderValue::from_static("true"));
        }
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_SECONDS));
        headers.append(header::VARY, ASKS_METHOD.into());
        headers.append(header::VARY, ASKS_HEADERS.into());
    }
    methods.push(Method::OPTIONS.as_str());
    headers.insert(header::ALLOW, listed(&methods));
    response
}

fn listed(methods: &[&str]) -> HeaderValue {
    HeaderValue::from_str(&methods.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"))
}
