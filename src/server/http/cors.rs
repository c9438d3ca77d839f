//! Headers that let a page of an allowed origin read answers, including refusals, and ask what it may do.
//!
//! There are no credentials. Every answer varies by `Origin`, because refusals depend on it.

use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    header::{self, HeaderName, HeaderValue},
};

use super::response::{HttpResponse, ResponseBody};

/// In addition to the headers that any page may read.
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

/// Declares to caches what the response depends on.
pub fn vary(response: &mut HttpResponse) {
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
}

/// The answer to `OPTIONS`: the methods that a path allows, to pages of other origins as well.
pub fn options(request: &HeaderMap, methods: &[Method]) -> HttpResponse {
    let mut response = Response::new(ResponseBody::Whole(Full::default()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let mut methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
    if request.contains_key(header::ORIGIN) && request.contains_key(ASKS_METHOD) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, listed(&methods));
        // No header that a page may add changes what it may do here.
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
