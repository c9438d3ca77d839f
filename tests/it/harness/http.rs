//! HTTP requests with hyper's client: one connection each, so that no test leans on another's.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Response, StatusCode, body::Incoming, client::conn::http1, header::HeaderMap};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use serde_json::Value;

use super::{Socket, message::check_error, within};

/// A request in the making.
pub struct Request {
    address: SocketAddr,
    builder: hyper::http::request::Builder,
    body: Bytes,
    tls: Option<Arc<ClientConfig>>,
}

/// A response, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

// === impl Request ===

impl Request {
    pub fn new(address: SocketAddr, method: &str, path: &str) -> Self {
        let method: Method = method.parse().expect("a method");
        let builder = hyper::Request::builder().method(method).uri(path).header("host", address.to_string());
        Request { address, builder, body: Bytes::new(), tls: None }
    }

    pub fn over(mut self, tls: Option<&Arc<ClientConfig>>) -> Self {
        self.tls = tls.cloned();
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Everything that an upgrade to WebSocket needs.
    pub fn upgrade(self) -> Self {
        self.header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    /// Sends it; the response with its body still to come, or why there is none.
    pub async fn start(self) -> Result<Response<Incoming>, Box<dyn std::error::Error>> {
        let stream = Socket::connect(self.address, self.tls.as_ref()).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection.with_upgrades());
        Ok(sender.send_request(self.builder.body(Full::new(self.body))?).await?)
    }

    /// Sends it and reads the whole answer; `Err` when the server is not there or hangs up.
    pub async fn attempt(self) -> Result<Reply, Box<dyn std::error::Error>> {
        let response = within("an HTTP response", self.start()).await?;
        let (parts, body) = response.into_parts();
        // An upgrade has no body that would end.
        let bytes = if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            Bytes::new()
        } else {
            within("an HTTP body", body.collect()).await?.to_bytes()
        };
        Ok(Reply { status: parts.status, headers: parts.headers, body: String::from_utf8(bytes.to_vec())? })
    }

    pub async fn send(self) -> Reply {
        self.attempt().await.expect("an HTTP answer")
    }
}

// === impl Reply ===

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    pub fn json(&self) -> Value {
        let kind = self.header("content-type");
        assert!(kind.starts_with("application/json"), "JSON says that it is JSON, not `{kind}`: {self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {:.300}", self.body))
    }

    /// Checks that this is the refusal `status`, in the one form that errors have.
    pub fn expect_error(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        let body = self.json();
        assert_eq!(
            body.as_object().map(serde_json::Map::len),
            Some(1),
            "an error's body is {{\"error\":…}}: {body}"
        );
        check_error(&body["error"]["code"], &body["error"]["message"])
    }
}
