//! HTTP of the simulation: hyper on a simulated socket, with the service's own walks and its own publishing behind it.
//!
//! What is the service's around them (routes, deadlines of requests, taking a socket over) waits by tokio's timers and
//! threads, and is tested over real sockets.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    rt::{Read, ReadBufCursor, Write},
    server::conn::http1,
    service::service_fn,
};
use tickcast::{
    access::SharedRights,
    server::{
        access,
        http::{
            publish,
            walk::{self, RecordsWalk, SymbolsWalk},
        },
    },
    session::{node::NodeState, socket::SessionSocket},
    tick::{Glob, Numbers, Symbol},
};

use super::network::SimSocket;

/// What requests are answered from.
#[derive(Clone)]
pub struct Routes {
    pub node: Arc<NodeState>,
}

/// A socket as hyper wants it: first what has been read of it already.
struct HyperSocket {
    stream: SimSocket,
    read: Vec<u8>,
}

/// Serves one connection, request after request.
pub async fn serve(routes: Routes, stream: SimSocket, read: Vec<u8>) {
    let service = service_fn(|request| answer(routes.clone(), request));
    let mut builder = http1::Builder::new();
    // Without the date, which is the real one.
    builder.half_close(true).auto_date_header(false);
    // It ends when its client does, by whatever fault.
    let _ = builder.serve_connection(HyperSocket { stream, read }, service).await;
}

async fn answer(routes: Routes, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let Ok(rights) = access::rights_of(&request, &routes.node, routes.node.clock.now()) else {
        return Ok(failed(StatusCode::UNAUTHORIZED));
    };
    let (parts, body) = request.into_parts();
    let text = match (parts.method, parts.uri.path()) {
        (Method::GET, "/v1/symbols") => walk::whole(SymbolsWalk::new(&routes.node, &rights)),
        (Method::GET, "/v1/snapshot") => {
            walk::whole(records(&routes, parts.uri.query().unwrap_or_default(), &rights))
        }
        (Method::POST, "/v1/publish") => match body.collect().await {
            Ok(body) => publish_lines(&routes, &body.to_bytes(), &rights),
            Err(_) => return Ok(failed(StatusCode::BAD_REQUEST)),
        },
        _ => return Ok(failed(StatusCode::NOT_FOUND)),
    };
    Ok(Response::new(Full::new(text.into())))
}

fn failed(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn records(routes: &Routes, query: &str, rights: &SharedRights) -> RecordsWalk {
    let names = query.strip_prefix("symbols=").unwrap_or_default();
    let names = names.split('&').next().unwrap_or_default().split(',');
    let (globs, names): (Vec<&str>, Vec<&str>) = names.partition(|name| name.contains('*'));
    let symbols = names.into_iter().map(|name| Symbol::new(name).expect("a symbol")).collect();
    let globs = globs.into_iter().map(|glob| Glob::new(glob).expect("a glob")).collect();
    RecordsWalk::new(&routes.node, symbols, globs, Numbers::Number, rights)
}

fn publish_lines(routes: &Routes, body: &[u8], rights: &SharedRights) -> Vec<u8> {
    let outcome =
        publish::take_once(&routes.node, &mut body.to_vec(), None, rights).expect("it has no number");
    publish::to_json(&outcome, None).into_bytes()
}

impl Read for HyperSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.read.is_empty() {
            let taken = this.read.len().min(buffer.remaining());
            buffer.put_slice(&this.read[..taken]);
            this.read.drain(..taken);
            return Poll::Ready(Ok(()));
        }
        let mut bytes = vec![0; buffer.remaining().min(4_096)];
        let received = ready!(this.stream.poll_receive(context, &mut bytes))?;
        buffer.put_slice(&bytes[..received]);
        Poll::Ready(Ok(()))
    }
}

impl Write for HyperSocket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_writable(context))?;
            match self.stream.send(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                taken => return Poll::Ready(taken),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.end_writing();
        Poll::Ready(Ok(()))
    }
}
