//! Where a connection goes: scheme, host and port, and what stands before a path. Pure.

use std::{fmt, str::FromStr};

use crate::web;

/// Scheme, host and port, such as `wss://stream.binance.com:9443`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VenueTarget {
    pub is_tls: bool,
    /// Without brackets.
    pub host: String,
    pub port: u16,
    /// Stands before the venue's path; without a slash at its end.
    pub base: String,
}

/// Why a text is not a target.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VenueTargetError {
    #[error("{0:?} is not a URL of a server, such as wss://example.com or ws://127.0.0.1:9000")]
    NoUrl(String),
    /// Of a WebSocket; the first is the scheme, the second what to write.
    #[error("{0}:// is not the address of a WebSocket: write {1}://")]
    Http(&'static str, &'static str),
}

// === impl VenueTarget ===

impl VenueTarget {
    /// The value of the header `Host`.
    pub fn authority(&self) -> String {
        web::authority(&self.host, self.port, if self.is_tls { 443 } else { 80 })
    }

    /// The URL of a WebSocket with this path.
    pub fn websocket(&self, path: &str) -> String {
        format!("{}://{}{}", if self.is_tls { "wss" } else { "ws" }, self.authority(), self.target(path))
    }

    /// Where a venue's interface over HTTP is, such as `https://api.binance.com`.
    ///
    /// # Errors
    /// When it is no such URL.
    pub fn of_http(text: &str) -> Result<Self, VenueTargetError> {
        VenueTarget::parse(text, [("https", true), ("http", false)])
    }

    fn parse(text: &str, schemes: [(&str, bool); 2]) -> Result<Self, VenueTargetError> {
        let wrong = || VenueTargetError::NoUrl(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let (_, is_tls) = schemes.into_iter().find(|(known, _)| *known == scheme).ok_or_else(wrong)?;
        let (authority, base) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let is_foreign = |char: char| char.is_whitespace() || matches!(char, '@' | '?' | '#' | '\\' | '"');
        if authority.is_empty() || text.contains(is_foreign) {
            return Err(wrong());
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or_else(wrong)?;
                (host, port.strip_prefix(':'))
            }
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let usual = if is_tls { 443 } else { 80 };
        let port = port.map_or(Ok(usual), |port| port.parse().map_err(|_| wrong()))?;
        if host.is_empty() || port == 0 {
            return Err(wrong());
        }
        Ok(VenueTarget { is_tls, host: host.to_owned(), port, base: base.trim_end_matches('/').to_owned() })
    }

    /// The path that is asked for.
    pub fn target(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// Of a WebSocket.
impl FromStr for VenueTarget {
    type Err = VenueTargetError;

    fn from_str(text: &str) -> Result<Self, VenueTargetError> {
        for (http, meant) in [("https", "wss"), ("http", "ws")] {
            if text.strip_prefix(http).is_some_and(|rest| rest.starts_with("://")) {
                return Err(VenueTargetError::Http(http, meant));
            }
        }
        VenueTarget::parse(text, [("wss", true), ("ws", false)])
    }
}

/// As it is written in `url=`.
impl fmt::Display for VenueTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.websocket(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_told_from_what_is_none() {
        let read = |text: &str| text.parse::<VenueTarget>().map(|target| target.websocket("/ws"));
        assert_eq!(read("wss://stream.binance.com:9443").unwrap(), "wss://stream.binance.com:9443/ws");
        assert_eq!(read("ws://[::1]:80/base/").unwrap(), "ws://[::1]/base/ws");
        assert_eq!(VenueTarget::of_http("https://host").unwrap().authority(), "host");
        assert!(VenueTarget::of_http("wss://host").is_err());
        let told = read("http://host").unwrap_err().to_string();
        assert_eq!(told, "http:// is not the address of a WebSocket: write ws://");
        assert!(read("https://host").unwrap_err().to_string().ends_with("write wss://"));
        for wrong in [
            "",
            "host:1",
            "ftp://host",
            "ws://",
            "ws://:1",
            "ws://h:x",
            "ws://h:0",
            "ws://a b",
            "ws://u@h",
            "ws://[::1",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
