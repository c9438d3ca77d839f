//! Admits sessions: checks the page, address and token of a request for one more session.

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

/// The start of an admitted session, or why it is refused.
pub type Admission = Result<Admitted, (RejectedReason, CloseReason)>;

/// A session that was admitted.
pub struct Admitted {
    pub permit: AddressPermit,
    pub access: SessionAccess,
    /// The command in the request's query.
    pub command: Option<String>,
}

/// What a session may read initially.
pub enum SessionAccess {
    Granted {
        rights: SharedRights,
        user: Option<Box<UserPermit>>,
    },
    /// Its token is still to come.
    Awaited,
}

/// Checks the limits and the origin of a peer that wants a session, and parses the request's options.
///
/// # Errors
/// The reason, as a metric label and as a close code.
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

/// The session's rights by the request's token; also counts it for the token's user.
///
/// # Errors
/// When the token gives no rights.
pub fn access<B>(server: &ServerState, request: &Request<B>) -> Result<SessionAccess, NoAccess> {
    let node = &server.node;
    let rights = access::rights_of(request, node, node.clock.now())?;
    let user = node.users.take(&rights, node.authority.sessions_over());
    let user = user.inspect_err(|refused| node.refused.count(refused.into()))?;
    Ok(SessionAccess::Granted { rights, user })
}

impl Admitted {
    /// Unchanged, or refused if there is no token and the protocol has no command to send one.
    ///
    /// # Errors
    /// When the token would be awaited for ever.
    pub fn with_token(self, takes_keys: bool, node: &NodeState) -> Admission {
        if takes_keys || !matches!(self.access, SessionAccess::Awaited) {
            return Ok(self);
        }
        node.refused.count((&Refused::Missing).into());
        Err((RejectedReason::Token, CloseReason::BadToken))
    }

    /// Rechecks the access when the session starts: its answer may have waited long, and a revocation meanwhile only
    /// reached existing sessions.
    ///
    /// # Errors
    /// When the token was revoked, or the slot was given to a newer session of the user.
    pub fn again(self, node: &NodeState) -> Admission {
        match self.access.taken_back(node) {
            Some(close) => Err((RejectedReason::Token, close)),
            None => Ok(self),
        }
    }
}

impl SessionAccess {
    /// Why the access can no longer be given.
    pub fn taken_back(&self, node: &NodeState) -> Option<CloseReason> {
        let SessionAccess::Granted { rights, user } = self else { return None };
        let refused = users::taken_back(&node.authority, rights, user.as_deref())?;
        node.refused.count((&refused).into());
        Some(CloseReason::of_refused(&refused))
    }

    /// Gives the access to a session that was just opened.
    pub fn give<S: SessionSocket>(self, core: &mut Core<S>, key: SessionKey) {
        match self {
            SessionAccess::Granted { rights, user } => core.entitle(key, &rights, user),
            SessionAccess::Awaited => core.await_token(key),
        }
    }
}

/// Whether an upgrade's client may publish while no authentication is configured.
pub fn is_local<B>(server: &ServerState, request: &Request<B>, peer: ClientAddress) -> bool {
    let hosts = Hosts::of(request).unwrap_or_default();
    let page = pages::check(request, &hosts, &server.allowed_origins);
    page.is_ok_and(|page| pages::is_local(peer, &hosts, page))
}

/// A permit for one more session of this peer, from this origin.
///
/// # Errors
/// The reason, as a metric label and as a close code.
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
