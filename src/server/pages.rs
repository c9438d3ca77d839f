//! Which web pages may use the service, as judged by the browser's headers.
//!
//! A page cannot change what its browser sends: `Origin` names the page's origin, `Sec-Fetch-Site` its relation to the
//! server. But by DNS rebinding a page's name may resolve to this machine, which its browser then treats as the same
//! origin. So a name other than localhost or an IP address is the service's own only if `allowed_origins` lists it. A
//! request without any sign of a browser is not checked.
//!
//! Browsers omit `Sec-Fetch-Site` on connections that are neither encrypted nor local, and `Origin` on a plain `GET`.
//! There they are recognized only by the `Mozilla` in their `User-Agent`.

use std::fmt;

use hyper::{
    HeaderMap, Method, Request,
    header::{self, HeaderValue},
};

use super::{
    hosts::Hosts,
    routes::{EVENTS_PATH, PROBE_PATHS, STREAM_PATH},
};
use crate::{
    proxies::ClientAddress,
    web::{AllowedOrigins, Host, WebOrigin},
};

/// Marks a request received over TLS: the service's own pages are then `https` only.
#[derive(Clone, Copy, Debug)]
pub struct Encrypted;

/// The web page behind a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Page<'a> {
    /// No page, or one that the user navigated to.
    None,
    /// A page of this server.
    Own,
    /// A page whose origin is listed in `allowed_origins`.
    Named(&'a HeaderValue),
    /// A page whose origin only `*` allows.
    Anyone(&'a HeaderValue),
}

/// Why a page is refused. The text says how an operator can allow it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PageRefusal {
    Origin(String),
    /// Cross-site, without a named origin.
    CrossSite,
    /// It uses a name for this server that is not known to be its own.
    Host(String),
}

const SEC_FETCH_SITE: &str = "sec-fetch-site";
/// Maximum characters of an origin or host repeated in a message.
const SHOWN_CHARS: usize = 100;

/// Determines the page behind a request.
///
/// # Errors
/// When the page may not use this server.
pub fn check<'a, B>(
    request: &'a Request<B>,
    hosts: &Hosts<'_>,
    allowed: &AllowedOrigins,
) -> Result<Page<'a>, PageRefusal> {
    let headers = request.headers();
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let page = match (origins.next(), origins.next()) {
        (Some(origin), None) => of_origin(origin, hosts, allowed, request.extensions().get()),
        (Some(origin), Some(_)) => Err(PageRefusal::Origin(shown(origin.as_bytes()))),
        (None, _) => without_origin(request, hosts, allowed).map(|()| Page::None),
    };
    match page {
        Err(_) if allowed.anyone() => Ok(headers.get(header::ORIGIN).map_or(Page::None, Page::Anyone)),
        page => page,
    }
}

/// Whether a request may control the server and publish while no authentication is configured: from loopback, and to
/// localhost or an IP address. This excludes pages with a rebound name, proxies that serve a public name, pages allowed
/// only by `*`, and clients behind a trusted proxy.
pub fn is_local(peer: ClientAddress, hosts: &Hosts<'_>, page: Page<'_>) -> bool {
    peer.is_loopback() && hosts.are_local() && !matches!(page, Page::Anyone(_))
}

fn of_origin<'a>(
    origin: &'a HeaderValue,
    hosts: &Hosts<'_>,
    allowed: &AllowedOrigins,
    encrypted: Option<&Encrypted>,
) -> Result<Page<'a>, PageRefusal> {
    let refusal = || PageRefusal::Origin(shown(origin.as_bytes()));
    let parsed = origin.to_str().ok().and_then(WebOrigin::parse).ok_or_else(refusal)?;
    if allowed.name(&parsed) {
        return Ok(Page::Named(origin));
    }
    // Without TLS here, a proxy in front may use either scheme.
    let is_possible = encrypted.is_none() || parsed.is_https();
    hosts.requested().filter(|host| is_possible && parsed.is_at(host)).ok_or_else(refusal)?;
    check_names(hosts, allowed).map(|()| Page::Own)
}

/// A request without an origin: no page; a page's same-origin `GET`; or an embedding whose answer the page cannot read,
/// such as an image, frame or link.
fn without_origin<B>(
    request: &Request<B>,
    hosts: &Hosts<'_>,
    allowed: &AllowedOrigins,
) -> Result<(), PageRefusal> {
    let headers = request.headers();
    let path = request.uri().path();
    match only(headers, SEC_FETCH_SITE) {
        None if !calls_itself_a_browser(headers) || PROBE_PATHS.contains(&path) => return Ok(()),
        None | Some(b"same-origin" | b"none") => {}
        // A link to the dashboard is fine. A link to a stream might be opened without the user's knowledge.
        Some(_) => {
            let is_visit = only(headers, "sec-fetch-mode") == Some(b"navigate")
                && only(headers, "sec-fetch-dest") == Some(b"document")
                && [Method::GET, Method::HEAD].contains(request.method());
            if !is_visit || [STREAM_PATH, EVENTS_PATH].contains(&path) {
                return Err(PageRefusal::CrossSite);
            }
        }
    }
    check_names(hosts, allowed)
}

/// Whether all names of the server in the request are its own.
fn check_names(hosts: &Hosts<'_>, allowed: &AllowedOrigins) -> Result<(), PageRefusal> {
    let foreign = hosts.all().find(|host| !host.is_local() && !allowed.cover(host));
    foreign.map_or(Ok(()), |host| Err(PageRefusal::Host(whole(&host))))
}

/// A header's value; for a repeated header, a text that is never valid.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    Some(if values.next().is_none() { first.as_bytes() } else { b"twice" })
}

fn calls_itself_a_browser(headers: &HeaderMap) -> bool {
    headers.get(header::USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"))
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(SHOWN_CHARS).collect()
}

fn whole(host: &Host<'_>) -> String {
    let name = if host.name.contains(':') { format!("[{}]", host.name) } else { shown(host.name.as_bytes()) };
    host.port.map_or_else(|| name.clone(), |port| format!("{name}:{port}"))
}

// === impl Page ===

impl<'a> Page<'a> {
    /// The origin that needs permission to read the answer.
    pub fn origin(&self) -> Option<&'a HeaderValue> {
        match self {
            Page::Named(origin) | Page::Anyone(origin) => Some(origin),
            Page::None | Page::Own => None,
        }
    }
}

impl fmt::Display for PageRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PageRefusal::Origin(origin) => write!(
                f,
                "pages from {origin} may not use this server; to let them, start it with --allow-origin {origin}, or add \
                 \"{origin}\" to allowed_origins"
            ),
            PageRefusal::CrossSite => f.write_str(
                "a page of another site may not embed this; one that asks with its origin, by fetch or EventSource, may, when \
                 allowed_origins has that origin",
            ),
            PageRefusal::Host(host) => write!(
                f,
                "a browser reached this server as {host}, which is neither localhost nor an address, and might be anyone's \
                 name for it; if it is its own, start it with --allow-origin http://{host}, or add \"http://{host}\" to \
                 allowed_origins (https:// where a proxy speaks TLS)"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks whether the page of a request to `host` with these headers may use the server.
    fn check(host: &str, headers: &[(&str, &str)], allowed: &[&str], may: bool) {
        let mut request = Request::builder().uri("/v1/sse?symbols=A").header(header::HOST, host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        let hosts = Hosts::of(&request).unwrap();
        let result = super::check(&request, &hosts, &AllowedOrigins::new(allowed));
        assert_eq!(result.is_ok(), may, "{headers:?} at {host}, allowed {allowed:?}: {result:?}");
    }

    #[test]
    fn pages_come_from_here_or_from_where_they_may() {
        let at = |host: &str, origin: &str, allowed: &[&str], may: bool| {
            check(host, &[("origin", origin)], allowed, may);
        };
        at("127.0.0.1:8080", "http://127.0.0.1:8080", &[], true);
        at("localhost:8080", "http://LOCALHOST:8080", &[], true);
        at("localhost", "http://localhost:80", &[], true);
        at("[::1]:8080", "http://[::1]:8080", &[], true);
        for origin in [
            "http://localhost:8081",
            "http://evil.example",
            "http://localhost:8080.evil.example",
            "http://localhost:8080@evil.example",
            "null",
            "file://localhost:8080",
            "http://",
            "x",
        ] {
            at("localhost:8080", origin, &[], false);
            at("localhost:8080", origin, &["*"], true);
        }
    }

    #[test]
    fn over_tls_the_services_own_pages_are_those_of_https() {
        for (origin, allowed, may) in [
            ("https://localhost:8443", None, true),
            ("HTTPS://LOCALHOST:8443", None, true),
            ("http://localhost:8443", None, false),
            ("http://localhost:8443", Some("http://localhost:8443"), true),
            ("https://localhost:8444", None, false),
        ] {
            let request = Request::builder().uri("/v1/sse?symbols=A").header(header::HOST, "localhost:8443");
            let request = request.header(header::ORIGIN, origin).extension(Encrypted).body(()).unwrap();
            let hosts = Hosts::of(&request).unwrap();
            let allowed: Vec<&str> = allowed.into_iter().collect();
            let result = super::check(&request, &hosts, &AllowedOrigins::new(&allowed));
            assert_eq!(result.is_ok(), may, "{origin}, allowed {allowed:?}");
        }
    }

    #[test]
    fn an_origin_is_allowed_by_what_it_means() {
        let at = |origin: &str, allowed: &str, may: bool| {
            check("localhost:8080", &[("origin", origin)], &[allowed], may);
        };
        at("https://a.example", "https://a.example:443", true);
        at("https://a.example:443", "https://A.Example", true);
        at("http://a.example", "http://a.example:80", true);
        at("http://a.example", "https://a.example", false);
        at("https://a.example:8443", "https://a.example", false);
        at("https://x.example.com", "https://*.example.com", true);
        at("https://y.x.example.com", "https://*.example.com:443", true);
        at("https://example.com", "https://*.example.com", false);
        at("https://evil-example.com", "https://*.example.com", false);
        at("https://.example.com", "https://*.example.com", false);
        at("https://x.example.com.evil.example", "https://*.example.com", false);
        at("http://x.example.com", "https://*.example.com", false);
        at("https://x.example.com:8443", "https://*.example.com:8443", true);
        at("https://10.1.2.3", "https://*.2.3", false);
        at("app://x", "app://x", true);
    }

    #[test]
    fn a_name_that_is_not_known_to_be_its_own_is_nobodys() {
        let own = [("origin", "http://rebound.example:8080")];
        check("rebound.example:8080", &own, &[], false);
        check("rebound.example:8080", &own, &["http://rebound.example:8080"], true);
        check("rebound.example:8080", &own, &["https://rebound.example"], true);
        check("rebound.example:8080", &own, &["https://*.example"], true);
        check("rebound.example:8080", &own, &["https://app.example"], false);
        for site in ["same-origin", "none"] {
            check("rebound.example", &[("sec-fetch-site", site)], &[], false);
            check("rebound.example", &[("sec-fetch-site", site)], &["https://rebound.example:8443"], true);
            check("127.0.0.1", &[("sec-fetch-site", site)], &[], true);
        }
        check("rebound.example", &[("user-agent", "Mozilla/5.0 (X11)")], &[], false);
        // Not from a browser, whatever host name it uses.
        check("tickcast:8080", &[], &[], true);
        check("tickcast:8080", &[("user-agent", "Prometheus/3.5.0")], &[], true);
        // An allowed page stays allowed under any name of the service.
        check("rebound.example", &[("origin", "https://app.example")], &["https://app.example"], true);
    }

    #[test]
    fn what_another_site_embeds_is_refused() {
        for site in ["cross-site", "same-site", "odd"] {
            check("localhost", &[("sec-fetch-site", site), ("sec-fetch-dest", "image")], &[], false);
            check("localhost", &[("sec-fetch-site", site)], &["https://app.example"], false);
            check("localhost", &[("sec-fetch-site", site)], &["*"], true);
            // Another site's page may not navigate to a stream either.
            let visit =
                [("sec-fetch-site", site), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
            check("localhost", &visit, &[], false);
        }
        check("localhost", &[("sec-fetch-site", "none"), ("sec-fetch-site", "none")], &[], false);
        check("localhost", &[("origin", "http://localhost"), ("origin", "http://localhost")], &[], false);
    }
}
