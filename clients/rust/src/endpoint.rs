//! Where a server is, as its URL names it, whom to trust there, and the token that it is sent.
//!
//! Not how it is connected to: `dial.rs`. Invariant: a token is in no text of an endpoint.

#[cfg(feature = "tls")]
use std::sync::{Arc, OnceLock};
use std::{fmt, str::FromStr};

use bytes::Bytes;
use hyper::Uri;

#[cfg(feature = "tls")]
use crate::tls::Tls;
use crate::{
    encoding::Encoding,
    token::{Secret, Token, without_token},
};
pub use crate::{
    error::{EndpointError, TIMEOUT},
    transport::Transport,
};

/// The path of a server's stream.
const STREAM_PATH: &str = "/v1/stream";

/// The parameter that asks for the time at which each frame is sent.
const TX: &str = "tx=true";

/// The URL of a server's stream, and the encoding that is preferred there.
///
/// ```
/// use tickcast_client::Endpoint;
/// let endpoint = Endpoint::parse("ws://127.0.0.1:8080")?;
/// assert_eq!(endpoint.to_string(), "ws://127.0.0.1:8080/v1/stream");
/// assert!(Endpoint::parse("127.0.0.1:8080").is_err());
/// # Ok::<(), tickcast_client::EndpointError>(())
/// ```
#[derive(Clone)]
pub struct Endpoint {
    /// Whether it is spoken to over TLS.
    pub(crate) is_tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The `Host` header.
    pub(crate) authority: String,
    /// Path and query of the stream.
    pub(crate) path: String,
    /// The encoding that is preferred.
    pub(crate) encoding: Encoding,
    pub(crate) token: Option<Token>,
    /// Whether the token may go unencrypted to another machine.
    pub(crate) token_in_clear: bool,
    /// What is trusted: given, or the system's at the first connection. Clones share it, and with it the sessions that are
    /// resumed.
    #[cfg(feature = "tls")]
    pub(crate) tls: Arc<OnceLock<Tls>>,
}

/// The result of [`Endpoint::upgrade`]: the socket, and the bytes that the server has sent after its answer.
#[derive(Debug)]
pub struct Upgraded<S = Transport> {
    pub stream: S,
    pub read: Bytes,
    /// What the server has agreed to.
    pub encoding: Encoding,
    /// The token that was sent.
    pub token: Option<Secret>,
}

// === impl Endpoint ===

impl Endpoint {
    /// Takes `ws://host[:port][/path][?query]` or `wss://…`; without a path `/v1/stream`, without a port 80 or 443.
    ///
    /// # Errors
    /// When the text is not such a URL, and for `wss://` without the feature `tls`.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        let shown = || without_token(url);
        let fault = |why: &str| EndpointError::Url { url: shown(), why: why.to_owned() };
        let uri: Uri =
            url.parse().map_err(|error: hyper::http::uri::InvalidUri| fault(&error.to_string()))?;
        let is_tls = match uri.scheme_str() {
            Some("ws" | "http") => false,
            Some("wss" | "https") if cfg!(feature = "tls") => true,
            Some("wss" | "https") => return Err(EndpointError::NoTls { url: shown() }),
            Some(scheme) => return Err(EndpointError::Scheme { url: shown(), scheme: scheme.to_owned() }),
            None => return Err(fault("it has to begin with ws:// or wss://")),
        };
        let authority = uri.authority().ok_or_else(|| fault("it names no host"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(fault("it names no host"));
        }
        let path = match uri.path_and_query().map_or("/", |path| path.as_str()) {
            "/" => STREAM_PATH.to_owned(),
            query if query.starts_with("/?") => format!("{STREAM_PATH}{}", &query[1..]),
            path => path.to_owned(),
        };
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        Ok(Endpoint {
            is_tls,
            host,
            port,
            authority: authority.to_string(),
            path,
            encoding: Encoding::default(),
            token: None,
            token_in_clear: false,
            #[cfg(feature = "tls")]
            tls: Arc::default(),
        })
    }

    /// Sends this token with each handshake and each request, as `Authorization: Bearer`.
    pub fn with_token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// Sends the token unencrypted to any machine, and not only to this one: everyone on the way can read it.
    pub fn with_token_in_clear(mut self) -> Self {
        self.token_in_clear = true;
        self
    }

    /// Trusts what `tls` does, in place of the authorities that the system trusts.
    #[cfg(feature = "tls")]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = Arc::new(tls.into());
        self
    }

    /// The same endpoint, for a client that shares no TLS sessions with others: its first handshake is a full one.
    ///
    /// # Errors
    /// When the system's authorities are needed, and it has none.
    pub fn apart(&self) -> Result<Self, EndpointError> {
        #[cfg(feature = "tls")]
        if self.is_tls {
            let tls = self.trust()?.apart();
            return Ok(self.clone().with_tls(tls));
        }
        Ok(self.clone())
    }

    /// Whether it is spoken to over TLS.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Where its token comes from.
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// The address of the server for HTTP, without a path.
    pub fn http_url(&self) -> String {
        format!("http{}://{}", if self.is_tls { "s" } else { "" }, self.authority)
    }

    /// Prefers this encoding. [`Encoding::Binary`], the default, leaves the choice to the server: one that does not know
    /// it speaks JSON.
    pub fn with_encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// Asks for the time at which each frame of data is sent: see [`Message::Sent`](crate::Message::Sent).
    ///
    /// ```
    /// use tickcast_client::Endpoint;
    /// let endpoint = Endpoint::parse("ws://127.0.0.1:8080/v1/stream?a=b")?.with_tx();
    /// assert_eq!(endpoint.to_string(), "ws://127.0.0.1:8080/v1/stream?a=b&tx=true");
    /// # Ok::<(), tickcast_client::EndpointError>(())
    /// ```
    pub fn with_tx(mut self) -> Self {
        if !self.has_tx() {
            self.path.push(if self.path.contains('?') { '&' } else { '?' });
            self.path.push_str(TX);
        }
        self
    }

    /// Whether it asks for the time at which each frame of data is sent.
    pub fn has_tx(&self) -> bool {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        query.split('&').any(|parameter| parameter == TX)
    }

    pub fn authority(&self) -> &str {
        &self.authority
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority, without_token(&self.path))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(url: &str) -> Result<Self, EndpointError> {
        Endpoint::parse(url)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn check(url: &str, expected: Result<(&str, u16, &str), &str>) {
        let found = Endpoint::parse(url);
        match (&found, expected) {
            (Ok(endpoint), Ok((host, port, path))) => {
                assert_eq!(
                    (endpoint.host.as_str(), endpoint.port, endpoint.path.as_str()),
                    (host, port, path),
                    "{url}"
                );
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{url}: {error}"),
            _ => panic!("{url}: {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn the_time_of_sending_is_asked_for_once() {
        let endpoint_of = |url: &str| Endpoint::parse(url).unwrap();
        let check = |url: &str, has: bool| {
            let endpoint = endpoint_of(url);
            assert_eq!(endpoint.has_tx(), has, "{url}");
            let asked = endpoint.with_tx();
            assert!(asked.has_tx() && (!has || asked.path == endpoint_of(url).path), "{url}: {asked}");
        };
        check("ws://host", false);
        check("ws://host/?tx=true", true);
        check("ws://host/?a=tx=true", false);
        check("ws://host/v1/stream?a=1&tx=true&b=2", true);
    }

    #[test]
    fn urls_are_taken_apart_or_refused_with_the_reason() {
        check("ws://127.0.0.1:8080/v1/stream", Ok(("127.0.0.1", 8080, "/v1/stream")));
        check("ws://example.org", Ok(("example.org", 80, "/v1/stream")));
        check("http://[::1]:9000/", Ok(("::1", 9000, "/v1/stream")));
        check("ws://host:1/?token=a", Ok(("host", 1, "/v1/stream?token=a")));
        check("ws://host:1/other?x=1", Ok(("host", 1, "/other?x=1")));
        check("ftp://host", Err("not ftp://"));
        check("127.0.0.1:8080", Err("it has to begin with ws:// or wss://"));
        check("ws://", Err("ws:// is not a URL"));
        check("ws://:80/", Err("is not a URL"));
        check("ws://a b", Err("is not a URL"));
        for url in ["wss://host", "https://host/"] {
            #[cfg(feature = "tls")]
            check(url, Ok(("host", 443, "/v1/stream")));
            #[cfg(not(feature = "tls"))]
            check(url, Err("feature `tls`"));
        }
    }

    #[test]
    fn a_token_is_in_no_text_of_an_endpoint() {
        for url in ["ws://host/?token=s3cret", "http://h/v1/stream?tx=true&token=s3cret"] {
            let endpoint = Endpoint::parse(url).unwrap().with_token(Token::text("s3cret").unwrap());
            let shown = format!("{endpoint} {endpoint:?} {}", endpoint.http_url());
            assert!(shown.contains("token=...") && !shown.contains("s3cret"), "{shown}");
        }
        for url in ["ws://a b/?token=s3cret", "gopher://host/?token=s3cret", "host/?token=s3cret"] {
            let error = Endpoint::parse(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_token_leaves_this_machine_encrypted_or_not_at_all() {
        // Nobody listens at these: what is refused is refused before the first packet.
        let away = SocketAddr::from(([192, 0, 2, 1], 9));
        let endpoint = Endpoint::parse("ws://quotes.example.com").unwrap();
        for endpoint in [
            endpoint.clone().with_token(Token::text("a").unwrap()),
            Endpoint::parse("ws://quotes.example.com/?token=a").unwrap(),
        ] {
            let error = endpoint.connect(away, None).await.unwrap_err();
            assert!(error.is_final());
            assert!(error.to_string().contains("not sent unencrypted to 192.0.2.1:9"), "{error}");
        }
        let unbound = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let here = endpoint.with_token(Token::text("a").unwrap());
        for address in [unbound, format!("[::ffff:127.0.0.1]:{}", unbound.port()).parse().unwrap()] {
            let error = here.connect(address, None).await.unwrap_err();
            assert!(matches!(error, EndpointError::Connect { .. }), "{error}");
        }
    }
}
