//! Small requests to the server that an [`Endpoint`] names: symbols, snapshots, a replay's state, metrics.
//!
//! Each over a connection of its own.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;

use crate::{
    endpoint::Endpoint,
    error::{EndpointError, within},
    response::{read_body, refusal},
};

// === impl Endpoint ===

impl Endpoint {
    /// GETs a path of the same server, over a connection of its own.
    ///
    /// # Errors
    /// When the server cannot be reached or the status is not 200.
    pub async fn get(&self, address: SocketAddr, path: &str) -> Result<Bytes, EndpointError> {
        let request = Request::get(path).body(Full::default())?;
        within("a request", self.authority(), self.ask(address, request)).await
    }

    /// POSTs to a path of the same server, as [`Self::get`], but without a timeout: how long the answer takes depends
    /// on the request, so the caller sets the limit.
    ///
    /// # Errors
    /// When the server cannot be reached or the status is not 200.
    pub async fn post(&self, address: SocketAddr, path: &str, body: String) -> Result<Bytes, EndpointError> {
        let request = Request::post(path).body(Full::from(body))?;
        self.ask(address, request).await
    }

    async fn ask(
        &self,
        address: SocketAddr,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Bytes, EndpointError> {
        let host = header::HeaderValue::from_str(self.authority()).map_err(hyper::http::Error::from)?;
        request.headers_mut().insert(header::HOST, host);
        request.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
        let authorization = self.authorization()?;
        request.headers_mut().extend(authorization.map(|(_, value)| (header::AUTHORIZATION, value)));
        let stream = self.connect(address, None).await?;
        let broken = |error| self.broken(error);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(broken)?;
            if response.status() != StatusCode::OK {
                return Err(refusal(response).await);
            }
            read_body(response).await
        };
        // The connection has to be driven while the answer is awaited; its own error shows in the exchange.
        let (answer, _driven) = tokio::join!(exchange, connection);
        answer
    }
}
