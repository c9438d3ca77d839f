//! Whether a client may have one more session, from its page and its address.

use std::sync::atomic::Ordering;

use hyper::Request;

use super::{addresses::AddressPermit, rejected::RejectedReason};
use crate::{
    access::{Refused, SharedRights},
    audit::{AuditLog, AuditUser},
    fanout::SessionKey,
    planted::{Fault, is_planted},
    proxies::ClientAddress,
    server::{
        access::{self, NoAccess},
        hosts::Hosts,
        pages,
        state::ServerState,
    },
    session::{
        core::Core,
        inbound::query,
        node::NodeState,
        socket::SessionSocket,
        users::{self, UserPermit},
    },
    wire::CloseReason,
};

/// What an admitted session begins with, or the reason for a refusal.
pub type Admission = Result<Admitted, (RejectedReason, CloseReason)>;

/// A session that was admitted.
pub struct Admitted {
    pub permit: AddressPermit,
    pub access: SessionAccess,
    /// The command in its request.
    pub command: Option<String>,
}

/// What a session may read at first.
pub enum SessionAccess {
    Granted {
        rights: SharedRights,
        user: Option<Box<UserPermit>>,
    },
    /// Its token is still to come.
    Awaited,
}

/// Whether this peer may have one more session from this origin, and what the request asks for.
///
/// # Errors
/// With the reason, as a metric label and as a close code.
pub fn admit<B>(server: &ServerState, request: &Request<B>, peer: ClientAddress) -> Admission {
    let permit = permit(server, request, peer)?;
    let access = match access(server, request) {
        Ok(access) => access,
        Err(NoAccess::Refused(Refused::Missing)) => SessionAccess::Awaited,
        Err(no_access) => {
            server.node.tell_refused(AuditUser::default(), peer.ip(), no_access.counted().label());
            let close = match no_access {
                NoAccess::TwoTokens => CloseReason::BadToken,
                NoAccess::Refused(refused) => CloseReason::of_refused(&refused),
            };
            return Err((RejectedReason::Token, close));
        }
    };
    let command = request.uri().query().and_then(|query| query::subscribe_command(query, None));
    Ok(Admitted { permit, access, command })
}

/// What the token of a request gives a session, which is counted among those of its user.
///
/// # Errors
/// When it gives nothing.
pub fn access<B>(server: &ServerState, request: &Request<B>) -> Result<SessionAccess, NoAccess> {
    let node = &server.node;
    let rights = access::rights_of(request, node, node.clock.now())?;
    let user = node.users.take(&rights, node.authority.sessions_over());
    let user = user.inspect_err(|refused| node.refused.count(refused.into()))?;
    Ok(SessionAccess::Granted { rights, user })
}

impl Admitted {
    /// The same, unless it has no token and its protocol no word for one.
    ///
    /// # Errors
    /// When its token would be awaited for ever.
    pub fn with_token(self, takes_keys: bool, node: &NodeState) -> Admission {
        if takes_keys || !matches!(self.access, SessionAccess::Awaited) {
            return Ok(self);
        }
        node.refused.count((&Refused::Missing).into());
        Err((RejectedReason::Token, CloseReason::BadToken))
    }

    /// Whether it still is when the session begins: an answer can wait for its client for long, and what is taken back
    /// meanwhile is not found by a look at the sessions that there are.
    ///
    /// # Errors
    /// When its token was revoked, or its place given to a newer session of its user.
    pub fn again(self, node: &NodeState) -> Admission {
        match self.access.taken_back(node) {
            Some(close) => Err((RejectedReason::Token, close)),
            None => Ok(self),
        }
    }
}

impl SessionAccess {
    /// Why it may not be given any more.
    pub fn taken_back(&self, node: &NodeState) -> Option<CloseReason> {
        let SessionAccess::Granted { rights, user } = self else { return None };
        let refused = users::taken_back(&node.authority, rights, user.as_deref())?;
        node.refused.count((&refused).into());
        Some(CloseReason::of_refused(&refused))
    }

    /// Gives it to a session that has just been opened.
    pub fn give<S: SessionSocket>(self, core: &mut Core<S>, key: SessionKey) {
        match self {
            SessionAccess::Granted { rights, user } => core.entitle(key, &rights, user),
            SessionAccess::Awaited => core.await_token(key),
        }
    }
}

/// Whether the client of an upgrade may publish, while no authentication is configured.
pub fn is_local<B>(server: &ServerState, request: &Request<B>, peer: ClientAddress) -> bool {
    let hosts = Hosts::of(request).unwrap_or_default();
    let page = pages::check(request, &hosts, &server.allowed_origins);
    page.is_ok_and(|page| pages::is_local(peer, &hosts, page))
}

/// A permit for one more session of this peer, from this origin.
///
/// # Errors
/// With the reason, as a metric label and as a close code.
pub fn permit<B>(
    server: &ServerState,
    request: &Request<B>,
    peer: ClientAddress,
) -> Result<AddressPermit, (RejectedReason, CloseReason)> {
    if server.node.audit.as_deref().is_some_and(AuditLog::refuses) {
        return Err((RejectedReason::Audit, CloseReason::Internal));
    }
    let permit = permit_unaudited(server, request, peer);
    permit
        .inspect_err(|(reason, _)| server.node.tell_refused(AuditUser::default(), peer.ip(), reason.label()))
}

fn permit_unaudited<B>(
    server: &ServerState,
    request: &Request<B>,
    peer: ClientAddress,
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
    let permit = server.session_addresses.take(peer, server.node.limits.sessions_per_address);
    permit.ok_or((RejectedReason::TooManyPerAddress, CloseReason::TooManySessions))
}
