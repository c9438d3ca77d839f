//! Hosts and web origins: the names of servers, and of the pages that come from them. Pure values.
//!
//! Not here: the hosts that a request names (`server/hosts.rs`), and whether its page is allowed (`server/pages.rs`).

use std::net::{IpAddr, Ipv6Addr};

/// A host and its port.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    /// Without the brackets of an IPv6 address, and without the dot that may end a name.
    pub name: &'a str,
    pub port: Option<u16>,
}

/// An origin as a browser sends it.
#[derive(Clone, Copy, Debug)]
pub struct WebOrigin<'a> {
    scheme: &'a str,
    host: Host<'a>,
}

/// The origins that pages may come from, besides the server's own.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AllowedOrigins {
    entries: Vec<Allowed>,
    /// `*`.
    anyone: bool,
}

/// One entry of `allowed_origins`, except `*`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allowed {
    scheme: String,
    /// In `https://*.example.com`, the part after the star; such an entry matches names below it.
    name: String,
    below: bool,
    port: Option<u16>,
}

/// A host, without the brackets that an IPv6 address has here, and its port where that is not the `usual` one.
pub fn authority(host: &str, port: u16, usual: u16) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    if port == usual { host } else { format!("{host}:{port}") }
}

// === impl Host ===

impl<'a> Host<'a> {
    /// Reads `name`, `name:port`, `192.0.2.1:80` or `[::1]:80`.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (name, port) = if let Some(inner) = text.strip_prefix('[') {
            let (name, port) = inner.split_once(']')?;
            name.parse::<Ipv6Addr>().ok()?;
            (name, port)
        } else {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            if !name.bytes().all(plain) {
                return None;
            }
            (name.strip_suffix('.').unwrap_or(name), port)
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            Some("") => None,
            // Not only `parse`, which accepts a sign.
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
            _ => return None,
        };
        (!name.is_empty()).then_some(Host { name, port })
    }

    /// Localhost or an address: not a name that a foreign DNS could resolve to this machine.
    pub fn is_local(&self) -> bool {
        self.name.eq_ignore_ascii_case("localhost") || self.is_address()
    }

    pub fn is_address(&self) -> bool {
        self.name.parse::<IpAddr>().is_ok()
    }

    /// Whether both name the same host, whatever the port.
    pub fn is_named(&self, name: &str) -> bool {
        let address = |text: &str| text.parse::<IpAddr>().ok();
        self.name.eq_ignore_ascii_case(name)
            || address(self.name).is_some_and(|own| address(name) == Some(own))
    }
}

// === impl WebOrigin ===

impl<'a> WebOrigin<'a> {
    pub fn parse(text: &'a str) -> Option<Self> {
        let (scheme, host) = text.split_once("://")?;
        Self::parse_parts(scheme, host)
    }

    fn parse_parts(scheme: &'a str, host: &'a str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let begins = scheme.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
        let host = Host::parse(host).filter(|_| begins && scheme.bytes().all(plain))?;
        Some(WebOrigin { scheme, host })
    }

    pub fn is_https(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("https")
    }

    /// Whether this is the origin of a page that was served by that host. The scheme is ignored, because the proxy in
    /// front may use either.
    pub fn is_at(&self, host: &Host<'_>) -> bool {
        let Some(port) = default_port(self.scheme) else { return false };
        let port_of = |host: &Host<'_>| host.port.unwrap_or(port);
        host.is_named(self.host.name) && port_of(host) == port_of(&self.host)
    }
}

/// A port that an origin may omit without a change of meaning.
fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        _ if scheme.eq_ignore_ascii_case("http") => Some(80),
        _ if scheme.eq_ignore_ascii_case("https") => Some(443),
        _ => None,
    }
}

// === impl AllowedOrigins ===

impl AllowedOrigins {
    /// Of entries that [`Allowed::parse`] accepts, and `*`; others are left out.
    pub fn new<S: AsRef<str>>(texts: &[S]) -> Self {
        AllowedOrigins {
            entries: texts.iter().filter_map(|text| Allowed::parse(text.as_ref())).collect(),
            anyone: texts.iter().any(|text| text.as_ref() == "*"),
        }
    }

    /// Whether pages of all origins are allowed.
    pub fn anyone(&self) -> bool {
        self.anyone
    }

    /// Whether an entry names this origin.
    pub fn name(&self, origin: &WebOrigin<'_>) -> bool {
        self.entries.iter().any(|entry| entry.is_of(origin))
    }

    /// Whether an entry names this host, whatever the port, so that it is not a stranger's name.
    pub fn cover(&self, host: &Host<'_>) -> bool {
        self.entries.iter().any(|entry| entry.is_at(host))
    }
}

// === impl Allowed ===

impl Allowed {
    /// Scheme, host and port as browsers send them: no path, no user, and not `null`, which any sandboxed page can
    /// claim. A host may begin with `*.`.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, host) = text.split_once("://")?;
        let (below, host) = host.strip_prefix("*.").map_or((false, host), |host| (true, host));
        let WebOrigin { scheme, host } = WebOrigin::parse_parts(scheme, host)?;
        if below && host.is_address() {
            return None;
        }
        let (scheme, name) = (scheme.to_ascii_lowercase(), host.name.to_ascii_lowercase());
        let port = host.port.or_else(|| default_port(&scheme));
        Some(Allowed { scheme, name, below, port })
    }

    fn is_of(&self, origin: &WebOrigin<'_>) -> bool {
        let port = origin.host.port.or_else(|| default_port(origin.scheme));
        origin.scheme.eq_ignore_ascii_case(&self.scheme) && port == self.port && self.is_at(&origin.host)
    }

    /// Whether the host matches the entry's, whatever its port.
    fn is_at(&self, host: &Host<'_>) -> bool {
        if !self.below {
            return host.is_named(&self.name);
        }
        let above =
            host.name.len().checked_sub(self.name.len()).and_then(|at| host.name.split_at_checked(at));
        let is_below = |(labels, name): (&str, &str)| {
            name.eq_ignore_ascii_case(&self.name) && labels.len() > 1 && labels.ends_with('.')
        };
        !host.is_address() && above.is_some_and(is_below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_a_name_and_perhaps_a_port() {
        let check = |text: &str, name: &str, port: Option<u16>| {
            let host = Host::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((host.name, host.port), (name, port), "{text}");
        };
        check("a.example", "a.example", None);
        check("a.example.:80", "a.example", Some(80));
        check("tick_cast-1:8080", "tick_cast-1", Some(8080));
        check("a:", "a", None);
        check("127.0.0.1:1", "127.0.0.1", Some(1));
        check("[::1]:80", "::1", Some(80));
        for text in [
            "", ":80", ".", "a b", "a,b", "a@b", "a/b", "a:b", "a:+80", "a:99999", "[::1", "[a]", "[::1]x",
            "::1", "ä", "a%41",
        ] {
            assert!(Host::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn local_names_are_addresses_and_localhost() {
        for host in ["localhost", "LOCALHOST:80", "localhost.", "127.0.0.1:8080", "[::1]:8080", "10.0.0.7"] {
            assert!(Host::parse(host).unwrap().is_local(), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "tickcast",
        ] {
            assert!(!Host::parse(host).unwrap().is_local(), "{host}");
        }
    }

    #[test]
    fn one_address_has_many_spellings() {
        assert!(Host::parse("[0:0::1]").unwrap().is_named("::1"));
        assert!(Host::parse("A.Example").unwrap().is_named("a.example"));
        assert!(!Host::parse("a").unwrap().is_named("b"));
    }
}
