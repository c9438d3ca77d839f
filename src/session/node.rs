//! What the shards of one node share: limits, clocks, ingest, and the counts of its sessions.
//!
//! Not what accepting connections and HTTP share, which is `server/state.rs`.
//!
//! Invariant: it is read only, counted in atomics, or (the limits) replaced whole by a reload.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize},
    },
};

use super::{
    position_key::PositionKey, refusals::AccessRefusals, user_shares::UserShares, users::UserSessions,
};
use crate::{
    access::{Authority, Entitlement, ProductCounts, Products, Rights},
    audit::{AuditChannel, AuditLog, AuditUser},
    clock::{Clock, MarketClock},
    limits::Limits,
    live::Live,
    publish::{PublishSink, Publishers},
    scenario::RunningScenario,
    throttle::Throttle,
    tick::{CustomFields, Nanos, Symbol},
    topic::{Ingest, Plane},
    wire::CloseReason,
};

pub struct NodeState {
    /// The present limits. A shard copies those that are on the path of a tick, see `Core::reload`.
    pub limits: Live<Limits>,
    pub epoch: String,
    /// What the positions of event streams are sealed with.
    pub position_key: PositionKey,
    /// The machine's clock, for sockets.
    pub clock: Clock,
    /// The market's clock, for ticks and everything that follows from them.
    pub market: MarketClock,
    /// The market's time when the node began, from which the times of binary data count.
    pub origin: Nanos,
    pub ingest: Arc<Ingest>,
    /// Where accounts of use are kept; `None` where none are.
    pub audit: Option<Arc<AuditLog>>,
    /// By which use is counted.
    pub products: Arc<Products>,
    /// Where published ticks go; `None` where nothing may be published.
    pub push: Option<Arc<dyn PublishSink>>,
    pub publishers: Publishers,
    /// The fields that the configuration adds to the fixed ones.
    pub fields: Arc<CustomFields>,
    /// Says who may read what.
    pub authority: Arc<Authority>,
    /// The sessions of each user whose token limits them.
    pub users: Arc<UserSessions>,
    /// What the sessions of each user have together.
    pub shares: UserShares,
    /// What was refused for want of a right.
    pub refused: AccessRefusals,
    /// Sessions that are open.
    pub sessions: AtomicUsize,
    /// The number of the next session.
    pub session_numbers: AtomicU64,
    /// The faults that are done to sessions of dialects.
    pub faults: Option<Arc<RunningScenario>>,
    /// Limits the log lines about closed sessions, by reason.
    pub closed_throttles: [Throttle; CloseReason::ALL.len()],
}

impl NodeState {
    pub fn new(
        epoch: String,
        limits: Limits,
        clock: Clock,
        market: MarketClock,
        ingest: Arc<Ingest>,
    ) -> Self {
        NodeState {
            limits: Live::new(limits),
            epoch,
            position_key: PositionKey::random(),
            clock,
            origin: market.now(),
            market,
            ingest,
            audit: None,
            products: Arc::default(),
            push: None,
            publishers: Publishers::default(),
            fields: CustomFields::none(),
            authority: Arc::new(Authority::open()),
            users: Arc::default(),
            shares: UserShares::default(),
            refused: AccessRefusals::default(),
            sessions: AtomicUsize::new(0),
            session_numbers: AtomicU64::new(1),
            faults: None,
            closed_throttles: Default::default(),
        }
    }

    /// In which market a symbol may be read with these rights; `None` for none.
    pub fn plane_of(&self, rights: &Rights, symbol: &Symbol) -> Option<Plane> {
        match rights.reading(symbol) {
            Entitlement::RealTime => Some(Plane::RealTime),
            Entitlement::Delayed => self.ingest.delayed().map(|_| Plane::Delayed),
            Entitlement::Refused => None,
        }
    }

    /// With positions that are the same each time, for runs that must be.
    pub fn with_position_key(self, position_key: PositionKey) -> Self {
        NodeState { position_key, ..self }
    }

    /// With fields beside the fixed ones.
    pub fn with_fields(self, fields: Arc<CustomFields>) -> Self {
        NodeState { fields, ..self }
    }

    /// With somebody who says who may read what.
    pub fn with_authority(self, authority: Arc<Authority>) -> Self {
        NodeState { authority, ..self }
    }

    /// Tells the accounts of use that a client was refused.
    pub fn tell_refused(&self, who: AuditUser, address: IpAddr, code: &str) {
        if let Some(audit) = &self.audit {
            audit.tell_refused(self.clock.now(), who, address, code, None);
        }
    }

    /// Tells the accounts of use what a user was sent by then.
    pub fn tell_used_at(&self, at: Nanos, who: &AuditUser, via: AuditChannel, uses: &ProductCounts) {
        let Some(audit) = &self.audit else { return };
        for (product, messages) in uses.iter() {
            audit.tell_used(at, who.clone(), self.products.name(product).clone(), via, messages);
        }
    }

    /// With accounts of use, by these products.
    pub fn with_audit(self, audit: Option<Arc<AuditLog>>, products: Arc<Products>) -> Self {
        NodeState { audit, products, ..self }
    }

    /// With the faults of a scenario.
    pub fn with_faults(self, faults: Option<Arc<RunningScenario>>) -> Self {
        if let Some(running) = &faults {
            // A replay with a scenario drives the market's clock from its first tick on.
            running.begin(self.origin);
        }
        NodeState { faults, ..self }
    }

    /// With a way for published ticks.
    pub fn with_push(self, push: Arc<dyn PublishSink>) -> Self {
        NodeState { push: Some(push), ..self }
    }
}
