//! Answers with a body for oversized or malformed request heads, in place of hyper's own.
//!
//! A head is its request line and headers. hyper refuses heads somewhat beyond the limit; those that it accepts and
//! that are still too large are refused here.

use hyper::{Request, StatusCode};

use crate::server::{failure::Failure, routes::HEADERS_MAX};

/// Enough for 2,000 symbols in a query.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;

/// # Errors
/// When the head is too large.
pub fn check<B>(request: &Request<B>) -> Result<(), Failure> {
    // The spaces, the version and the line ends.
    const LINE_BYTES: usize = "  HTTP/1.1\r\n\r\n".len();
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    let uri = request.uri();
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len())
        + uri.authority().map_or(0, |authority| authority.as_str().len());
    let bytes = request.method().as_str().len() + target + LINE_BYTES + headers.sum::<usize>();
    if bytes > HEAD_BYTES_MAX { Err(too_large()) } else { Ok(()) }
}

fn too_large() -> Failure {
    let message = format!(
        "the head of a request may have {HEAD_BYTES_MAX} bytes and {HEADERS_MAX} headers: POST /v1/snapshot takes names in \
         its body, and a stream by commands"
    );
    Failure::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", message)
}

/// The body for an answer of hyper's own.
pub fn error_body(head: &[u8]) -> Option<Vec<u8>> {
    const BODILESS: &str = "content-length: 0\r\n";
    let status = head.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(1..5))?;
    let failure = match status {
        b" 431" | b" 414" => too_large(),
        b" 400" => Failure::bad_request("bad_request", "this is not a request of HTTP/1.1 or HTTP/1.0"),
        _ => return None,
    };
    let head = std::str::from_utf8(head).ok().filter(|head| head.ends_with("\r\n\r\n"))?;
    if !head.contains(BODILESS) {
        return None;
    }
    let body = failure.text();
    let headers = format!(
        "content-type: application/json\r\ncache-control: no-store\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    let head = head.replacen("414 URI Too Long", "431 Request Header Fields Too Large", 1);
    let head = head.replacen("connection: close\r\n", "", 1).replacen(BODILESS, &headers, 1);
    Some([head, body].concat().into_bytes())
}
