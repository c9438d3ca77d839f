//! The state of all connections to one venue, which the files beside this one change.

use std::{collections::BTreeMap, sync::Arc};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::{
    out::{LinkId, SlotId, UpstreamCounts},
    slot::{LinkSlot, VenueLink},
    streams::StreamBook,
};
use crate::{
    feed::upstream::{
        allowance::Allowance,
        rhythm::SilenceFloor,
        venue::{Dialer, Facts},
    },
    tick::Nanos,
};

/// The connections to one venue.
pub struct Upstream {
    pub(super) dialer: Arc<dyn Dialer>,
    pub(super) facts: Facts,
    pub(super) floor: SilenceFloor,
    pub(super) book: StreamBook,
    pub(super) slots: BTreeMap<SlotId, LinkSlot>,
    pub(super) links: BTreeMap<LinkId, VenueLink>,
    pub(super) ids: u32,
    pub(super) allowance: Allowance,
    pub(super) chance: Pcg64Mcg,
    /// When streams were looked at for silence.
    pub(super) swept: Nanos,
    /// No link is open; it was told.
    pub(super) is_dark: bool,
    /// Why no link is open, if one was tried.
    pub(super) why_dark: Option<Arc<str>>,
    /// That the venue allows fewer links, or streams, was told.
    pub(super) is_crowded: bool,
    pub(super) counts: UpstreamCounts,
}

// === impl Upstream ===

impl Upstream {
    /// `allowance` is that of all feeds of this server; `seed` decides the waits between them.
    pub fn new(
        dialer: Arc<dyn Dialer>,
        prefix: &str,
        floor: SilenceFloor,
        allowance: Allowance,
        seed: u64,
    ) -> Self {
        Upstream {
            allowance,
            facts: dialer.facts(),
            dialer,
            floor,
            book: StreamBook::new(prefix),
            slots: BTreeMap::new(),
            links: BTreeMap::new(),
            ids: 0,
            chance: Pcg64Mcg::seed_from_u64(seed),
            swept: Nanos(0),
            is_dark: false,
            why_dark: None,
            is_crowded: false,
            counts: UpstreamCounts::default(),
        }
    }

    pub fn counts(&self) -> UpstreamCounts {
        let open = self.slots.values().filter(|slot| slot.current.is_some()).count();
        UpstreamCounts { open, wanted: self.slots.len(), ..self.counts }
    }

    /// Why no link is open; `None` while one is, or the first is being made.
    pub fn why_dark(&self) -> Option<Arc<str>> {
        self.why_dark.clone()
    }

    /// Counts a message that came.
    pub fn count_message(&mut self) {
        self.counts.messages += 1;
    }

    pub(super) fn id(&mut self) -> u32 {
        self.ids += 1;
        self.ids
    }

    pub(super) fn draw(&mut self) -> f64 {
        self.chance.random::<f64>()
    }
}
