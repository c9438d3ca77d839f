//! [`NodeState`]: what the shards of a process share: limits, clocks, ingest, and session counts.
//!
//! What accepting connections and HTTP share is in `server/state.rs`.
//!
//! Invariant: it is read-only, counted in atomics, or (the limits) replaced whole by a reload.

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
    /// The current limits. Shards copy those on the path of a tick, see `Core::reload`.
    pub limits: Live<Limits>,
    pub epoch: String,
    /// Encrypts the positions of event streams.
    pub position_key: PositionKey,
    /// The machine's clock, for sockets.
    pub clock: Clock,
    /// The market's clock, for ticks and everything derived from them.
    pub market: MarketClock,
    /// Market time at the start of the process: the origin of timestamps in binary data.
    pub origin: Nanos,
    pub ingest: Arc<Ingest>,
    /// The usage audit; `None` when none is kept.
    pub audit: Option<Arc<AuditLog>>,
    /// The products by which usage is counted.
    pub products: Arc<Products>,
    /// Where published ticks go; `None` if publishing is off.
    pub push: Option<Arc<dyn PublishSink>>,
    pub publishers: Publishers,
    /// The configured fields, beside the fixed ones.
    pub fields: Arc<CustomFields>,
    /// Decides who may read what.
    pub authority: Arc<Authority>,
    /// Sessions per user, for tokens that limit them.
    pub users: Arc<UserSessions>,
    /// Usage shared by all sessions of a user.
    pub shares: UserShares,
    /// Counts of refused access.
    pub refused: AccessRefusals,
    /// The number of open sessions.
    pub sessions: AtomicUsize,
    /// The number of the next session.
    pub session_numbers: AtomicU64,
    /// The running fault scenario for dialect sessions.
    pub faults: Option<Arc<RunningScenario>>,
    /// Throttles log lines about closed sessions, by reason.
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

    /// The market (real time or delayed) in which these rights may read a symbol; `None` when they may not.
    pub fn plane_of(&self, rights: &Rights, symbol: &Symbol) -> Option<Plane> {
        match rights.reading(symbol) {
            Entitlement::RealTime => Some(Plane::RealTime),
            Entitlement::Delayed => self.ingest.delayed().map(|_| Plane::Delayed),
            Entitlement::Refused => None,
        }
    }

    /// Sets the position key, for reproducible runs.
    pub fn with_position_key(self, position_key: PositionKey) -> Self {
        NodeState { position_key, ..self }
    }

    /// Adds configured fields.
    pub fn with_fields(self, fields: Arc<CustomFields>) -> Self {
        NodeState { fields, ..self }
    }

    /// Sets the authority that decides on access.
    pub fn with_authority(self, authority: Arc<Authority>) -> Self {
        NodeState { authority, ..self }
    }

    /// Reports to the usage audit that a client was refused.
    pub fn tell_refused(&self, who: AuditUser, address: IpAddr, code: &str) {
        if let Some(audit) = &self.audit {
            audit.tell_refused(self.clock.now(), who, address, code, None);
        }
    }

    /// Reports to the usage audit what a user was sent up to a time.
    pub fn tell_used_at(&self, at: Nanos, who: &AuditUser, via: AuditChannel, uses: &ProductCounts) {
        let Some(audit) = &self.audit else { return };
        for (product, messages) in uses.iter() {
            audit.tell_used(at, who.clone(), self.products.name(product).clone(), via, messages);
        }
    }

    /// Adds a usage audit, and the products by which usage is counted.
    pub fn with_audit(self, audit: Option<Arc<AuditLog>>, products: Arc<Products>) -> Self {
        NodeState { audit, products, ..self }
    }

    /// Adds a fault scenario.
    pub fn with_faults(self, faults: Option<Arc<RunningScenario>>) -> Self {
        if let Some(running) = &faults {
            // A replay with a scenario drives the market's clock from its first tick on.
            running.begin(self.origin);
        }
        NodeState { faults, ..self }
    }

    /// Adds a sink for published ticks.
    pub fn with_push(self, push: Arc<dyn PublishSink>) -> Self {
        NodeState { push: Some(push), ..self }
    }
}
