//! The answer to a client that speaks plain HTTP on a TLS port: a redirect, or an error text. Pure.

use crate::{session::inbound::query::TOKEN, web::Host};

/// The answer to a request: a redirect where it is safe to follow, otherwise a text for people.
pub fn answer(head: &[u8]) -> Vec<u8> {
    const TEXT: &str = "this port speaks TLS: use https:// or wss:// in place of http:// or ws://\n";
    let (status, location) = match target(head) {
        // 307 keeps the method, and is not cached for ever.
        Some(target) => ("307 Temporary Redirect", format!("Location: {target}\r\n")),
        None => ("400 Bad Request", String::new()),
    };
    let length = TEXT.len();
    format!(
        "HTTP/1.1 {status}\r\n{location}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n{TEXT}"
    )
    .into_bytes()
}

/// The same URL over TLS. Not for upgrades, which follow no redirects, nor for posts or requests with a token: these
/// have sent secrets in the clear already, and the user should know.
fn target(head: &[u8]) -> Option<String> {
    const HEADERS_MAX: usize = 64;
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    request.parse(head).ok().filter(httparse::Status::is_complete)?;
    let path = request.path.filter(|path| path.starts_with('/'))?;
    let named = |wanted: &'static str| {
        request.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(wanted))
    };
    let mut hosts = named("host");
    let host = str::from_utf8(hosts.next()?.value).ok()?;
    let is_plain = hosts.next().is_none() && named("upgrade").next().is_none() && Host::parse(host).is_some();
    let is_read = matches!(request.method, Some("GET" | "HEAD"));
    let has_token = named("authorization").next().is_some() || query_has_token(path);
    (is_plain && is_read && !has_token).then(|| format!("https://{host}{path}"))
}

fn query_has_token(path: &str) -> bool {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == TOKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &str, expected: Option<&str>) {
        assert_eq!(target(head.as_bytes()).as_deref(), expected, "{head:?}");
        let answer = String::from_utf8(answer(head.as_bytes())).unwrap();
        let status = if expected.is_some() { "HTTP/1.1 307 " } else { "HTTP/1.1 400 " };
        assert!(answer.starts_with(status) && answer.contains("https://"), "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{answer}");
    }

    #[test]
    fn who_reads_is_sent_on_and_who_sends_is_told() {
        let at = Some("https://a.example:8443/v1/symbols?x=1");
        check("GET /v1/symbols?x=1 HTTP/1.1\r\nHost: a.example:8443\r\n\r\n", at);
        check("HEAD / HTTP/1.1\r\nhost: [::1]:8443\r\n\r\n", Some("https://[::1]:8443/"));
        for head in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /v1/stream HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
            "POST /v1/publish HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /v1/symbols?token=a.b.c HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /v1/symbols?x=1&tok%65n=a.b.c HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /v1/symbols HTTP/1.1\r\nHost: a\r\nauthorization: Bearer a.b.c\r\n\r\n",
            "SSH-2.0-x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n",
        ] {
            check(head, None);
        }
    }
}
