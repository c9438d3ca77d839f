//! Whether a client may have one more session, from its page and its address.

use std::{net::SocketAddr, sync::atomic::Ordering};

use hyper::Request;

use super::{addresses::AddressPermit, rejected::RejectedReason};
use crate::{
    planted::{Fault, is_planted},
    server::{hosts::Hosts, pages, state::ServerState},
    session::inbound::query,
    wire::CloseReason,
};

/// A session's permit, and the command in its request; or the reason for a refusal.
pub type Admission = Result<(AddressPermit, Option<String>), (RejectedReason, CloseReason)>;

/// Whether this peer may have one more session from this origin, and what the request asks for.
///
/// # Errors
/// With the reason, as a metric label and as a close code.
pub fn admit<B>(server: &ServerState, request: &Request<B>, peer: SocketAddr) -> Admission {
    let permit = permit(server, request, peer)?;
    Ok((permit, request.uri().query().and_then(|query| query::subscribe_command(query, None))))
}

/// A permit for one more session of this peer, from this origin.
///
/// # Errors
/// With the reason, as a metric label and as a close code.
pub fn permit<B>(
    server: &ServerState,
    request: &Request<B>,
    peer: SocketAddr,
) -> Result<AddressPermit, (RejectedReason, CloseReason)> {
    let hosts = Hosts::of(request).unwrap_or_default();
    if let Err(refusal) = pages::check(request, &hosts, &server.allowed_origins) {
        tracing::debug!(%peer, "{refusal}");
        return Err((RejectedReason::Origin, CloseReason::Origin));
    }
    if server.node.sessions.load(Ordering::Relaxed) >= server.node.limits.sessions
        && !is_planted(Fault::AdmitsTooMany)
    {
        return Err((RejectedReason::TooManySessions, CloseReason::TooManySessions));
    }
    let permit = server.session_addresses.take(peer.ip(), server.node.limits.sessions_per_address);
    permit.ok_or((RejectedReason::TooManyPerAddress, CloseReason::TooManySessions))
}
