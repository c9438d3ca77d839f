//! A WebSocket upgrade parsed by hyper: the session starts when its answer is out.

use std::rc::Rc;

use hyper::{Request, body::Incoming};

use super::error_body::ErrorBodySocket;
use crate::{
    proxies::ClientAddress,
    server::{
        admission::{balancer::Connection, sessions},
        handshake::user_agent,
        session_task::NewSession,
        shard::Shard,
    },
    session::{dialect::DialectSession, peer::Peer},
    spans,
    wire::Encoding,
};

/// Waits until hyper has answered the upgrade, then starts the session.
pub async fn upgrade(
    shard: Rc<Shard>,
    request: Request<Incoming>,
    encoding: Encoding,
    dialect: Option<Box<DialectSession>>,
    peer: ClientAddress,
    counted: Option<Connection>,
) {
    let span = spans::upgrade();
    let admission = sessions::admit(&shard.server, &request, peer);
    let agent = shard.core.borrow_mut().agents.of(user_agent(request.headers()));
    let is_local = sessions::is_local(&shard.server, &request, peer);
    let peer = Peer { address: peer.address, agent, is_local };
    let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
    let Ok(parts) = upgraded.downcast::<ErrorBodySocket>() else { return };
    let Some((unread, stream)) = parts.io.socket.into_parts() else { return };
    let read_ahead = &[&parts.read_buf, &unread[..]].concat();
    let new = NewSession { stream, encoding, dialect, peer, read_ahead, counted, span };
    tokio::task::spawn_local(new.begin(shard, admission, Vec::new()));
}
