//! [`Recipient`]: the client of a replay: its rights while they last, its slots in the limits, and its usage audit.
//!
//! Invariant: nothing is sent once [`Recipient::ended`] has a reason; a recipient is counted, and reported to the
//! audit, once.

use std::{
    mem,
    rc::Rc,
    sync::{Arc, atomic::Ordering},
};

use hyper::{Request, StatusCode};

use compact_str::CompactString;

use crate::{
    access::{ProductCounts, Rights, SharedRights},
    audit::{AuditChannel, AuditLog, AuditUser, Event},
    proxies::ClientAddress,
    server::{
        access::NoAccess,
        admission::{
            addresses::AddressPermit,
            sessions::{self, SessionAccess},
        },
        failure::Failure,
        handshake::user_agent,
        replays::{driver::MessagesPart, stats::ReplayEnd},
        shard::Shard,
        state::ServerState,
    },
    session::refusals::RefusedAccess,
    tick::Nanos,
    wire::CloseReason,
};

/// The client of a replay.
pub struct Recipient {
    server: Arc<ServerState>,
    access: SessionAccess,
    pub rights: SharedRights,
    via: AuditChannel,
    /// Its number among sessions, for the usage audit.
    number: u64,
    /// Messages not yet reported to the audit.
    unreported_uses: ProductCounts,
    /// How it ended, if known; if it is dropped without, the client has left.
    end: Option<ReplayEnd>,
    _permit: AddressPermit,
}

impl Recipient {
    /// Admits the sender of this request, if it may have replays.
    ///
    /// # Errors
    /// Its token, address or page does not allow it.
    pub fn admit<B>(
        shard: &Rc<Shard>,
        request: &Request<B>,
        peer: ClientAddress,
        via: AuditChannel,
    ) -> Result<Self, Failure> {
        let (server, node) = (&shard.server, &shard.node);
        if server.draining.load(Ordering::Relaxed) {
            return Err(Failure::draining());
        }
        let permit = sessions::permit(server, request, peer).map_err(|(reason, close)| {
            server.rejected.count(reason);
            let status = match close {
                CloseReason::Origin => StatusCode::FORBIDDEN,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            };
            Failure::new(status, reason.label(), close.phrase())
        })?;
        let access = sessions::access(server, request).inspect_err(|no_access: &NoAccess| {
            node.tell_refused(AuditUser::default(), peer.ip(), no_access.counted().label());
        })?;
        let SessionAccess::Granted { rights, .. } = &access else {
            return Err(Failure::not_entitled("the request has no token"));
        };
        let rights = SharedRights::clone(rights);
        if !rights.may_read_any() && !rights.may_control_replay() {
            node.refused.count(RefusedAccess::NotEntitled);
            node.tell_refused(rights.who(), peer.ip(), RefusedAccess::NotEntitled.label());
            return Err(Failure::not_entitled(
                "the request's token may neither read any symbol nor have replays",
            ));
        }
        let number = node.session_numbers.fetch_add(1, Ordering::Relaxed);
        let recipient = Recipient {
            server: Arc::clone(server),
            access,
            rights,
            via,
            number,
            unreported_uses: ProductCounts::default(),
            end: None,
            _permit: permit,
        };
        recipient.tell(|recipient| Event::Opened {
            session: recipient.number,
            who: recipient.rights.who(),
            address: peer.ip().to_canonical(),
            agent: String::from_utf8_lossy(user_agent(request.headers())).into_owned(),
            via,
            expires: recipient.rights.expires.map(Nanos::micros),
            products: recipient.products_held(),
        });
        Ok(recipient)
    }

    /// Why nothing more may be sent.
    pub fn ended(&self) -> Option<CloseReason> {
        let node = &self.server.node;
        if self.server.draining.load(Ordering::Relaxed) {
            return Some(CloseReason::Drain);
        }
        if self.rights.is_expired(node.clock.now()) {
            return Some(CloseReason::Expired);
        }
        self.access.taken_back(node)
    }

    /// Accounts for a part that is about to be sent.
    pub fn takes(&mut self, part: &MessagesPart) {
        self.server.replays.stats.sent(part.messages, part.bytes.len());
        self.unreported_uses.add_all(&part.uses);
        if let Some(audit) = &self.server.node.audit
            && !part.symbols.is_empty()
        {
            let now = self.server.node.clock.now();
            audit.tell_received(now, &self.rights.who(), self.via, false, part.symbols.iter());
        }
    }

    /// Reports that its request was refused by its token's rights.
    pub fn refused(&mut self, peer: ClientAddress) {
        self.server.node.refused.count(RefusedAccess::NotEntitled);
        self.server.node.tell_refused(self.rights.who(), peer.ip(), RefusedAccess::NotEntitled.label());
    }

    /// Sets how it ended; the first call counts.
    pub fn end(&mut self, end: ReplayEnd) {
        if self.end.replace(self.end.unwrap_or(end)).is_some() {
            return;
        }
        self.server.replays.stats.count(end);
        let unreported_uses = mem::take(&mut self.unreported_uses);
        let node = &self.server.node;
        node.tell_used_at(node.clock.now(), &self.rights.who(), self.via, &unreported_uses);
        self.tell(|recipient| Event::Ended { session: recipient.number, reason: end.label().into() });
    }

    /// The products that it may be sent: with the right to replays, all.
    fn products_held(&self) -> Vec<CompactString> {
        let products = &self.server.node.products;
        if self.rights.may_control_replay() {
            products.held(&Rights::everything())
        } else {
            products.held(&self.rights)
        }
    }

    fn audit(&self) -> Option<&Arc<AuditLog>> {
        self.server.node.audit.as_ref()
    }

    fn tell(&self, event: impl FnOnce(&Self) -> Event) {
        if let Some(audit) = self.audit() {
            audit.tell(self.server.node.clock.now(), event(self));
        }
    }
}

impl Drop for Recipient {
    fn drop(&mut self) {
        self.end(ReplayEnd::Left);
    }
}
