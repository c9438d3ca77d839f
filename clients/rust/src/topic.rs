//! A client's state of one symbol: its record, its cursor, counts of its ticks, and whether it is live.

use compact_str::CompactString;

use crate::{
    record::Record,
    seq::{Breach, Cursor},
    words::State,
};

/// One symbol.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Topic {
    pub symbol: CompactString,
    /// Of the subscription; `None`: the one without a name.
    pub name: Option<CompactString>,
    pub record: Record,
    /// The state that the server reported, or why there is none. [`standing_at`](Self::standing_at) also regards the age.
    pub standing: Standing,
    /// That it is shown later than in real time; `None` in real time.
    pub late: Option<Late>,
    /// Ticks that were merged into later ones.
    pub merged: u64,
    pub gaps: u64,
    /// Ticks that gaps announced as lost.
    pub lost: u64,
    /// Ticks that are missing though no gap was announced: a fault of the server.
    pub missing: u64,
    /// Why, of a standing that the server reported with a reason.
    pub(crate) why: Option<(Standing, Box<str>)>,
    pub(crate) cursor: Cursor,
    /// Subscribed by its name, so that it has a result of its own.
    pub(crate) is_named: bool,
    /// The age from which a price is not live, in microseconds.
    pub(crate) stale_us: i64,
}

/// How a symbol is shown that may be read delayed alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Late {
    /// How much later than in real time.
    pub delay_ms: u64,
    /// What must be shown beside it.
    pub notice: Option<Box<str>>,
}

/// The state of a symbol.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum Standing {
    /// The server has not answered yet.
    #[default]
    Asked,
    /// Subscribed; there is no tick yet.
    Pending,
    /// As `Pending`, and no feed lists the name: it may be misspelt.
    Unknown,
    Live,
    /// The server reported it live, but the record is too old for that.
    Old,
    /// No tick for longer than the server's limit.
    Stale,
    Halted,
    /// Its feed has ended and will send no more.
    Closed,
    /// A state that this version does not know.
    Other(CompactString),
    /// The server refused the subscription, with this code.
    Refused(CompactString),
    /// No longer subscribed.
    Left,
    /// There is no connection.
    Offline,
}

/// The age of a stale symbol, until the server announces its own limit.
pub(crate) const STALE_US: i64 = 5_000_000;

// === impl Topic ===

impl Topic {
    pub fn new(symbol: impl Into<CompactString>) -> Self {
        Topic {
            symbol: symbol.into(),
            name: None,
            record: Record::default(),
            standing: Standing::Asked,
            why: None,
            late: None,
            merged: 0,
            gaps: 0,
            lost: 0,
            missing: 0,
            cursor: Cursor::PENDING,
            is_named: false,
            stale_us: STALE_US,
        }
    }

    /// The last seq that is accounted for; 0 before the first.
    pub fn seq(&self) -> u64 {
        self.cursor.seq()
    }

    /// Why the symbol stands as it does, for a person, where its feed told: of a venue that cannot be reached, for example.
    pub fn reason(&self) -> Option<&str> {
        self.why.as_ref().filter(|(standing, _)| *standing == self.standing).map(|(_, reason)| &**reason)
    }

    /// Its state when the server's time is `server_us`, in microseconds since 1970. A price is live by its age, because the
    /// server's report of the state takes the same path and may be as late. What is shown delayed is older by that.
    pub fn standing_at(&self, server_us: i64) -> &Standing {
        let delay_us =
            self.late.as_ref().map_or(0, |late| i64::try_from(late.delay_ms * 1_000).unwrap_or(i64::MAX));
        let shown_us = self.record.rx_us.saturating_add(delay_us);
        let is_old = self.record.rx_us > 0 && server_us.saturating_sub(shown_us) > self.stale_us;
        if is_old && self.standing == Standing::Live { &Standing::Old } else { &self.standing }
    }

    /// A record shows that the symbol ticks; but `stale` and `halted` end only when the server reports so.
    pub(crate) fn shown(&mut self) {
        use Standing::{Asked, Left, Offline, Pending, Unknown};
        if matches!(self.standing, Asked | Left | Offline | Pending | Unknown) {
            self.standing = Standing::Live;
        }
    }

    pub(crate) fn judged(&mut self, kept: Result<(), Breach>) -> Option<Breach> {
        let breach = kept.err();
        self.missing += breach.as_ref().map_or(0, Breach::missing);
        breach
    }

    /// In another epoch the seqs of the last one have no meaning.
    pub(crate) fn restart(&mut self) {
        self.cursor = if self.is_named { Cursor::NEW } else { Cursor::PENDING };
        self.record.seq = 0;
    }
}

// === impl Standing ===

impl Standing {
    /// One word; for a refusal the server's code.
    pub fn as_str(&self) -> &str {
        match self {
            Standing::Asked => "asked",
            Standing::Pending => "pending",
            Standing::Unknown => "unknown",
            Standing::Live => "live",
            Standing::Old => "old",
            Standing::Stale => "stale",
            Standing::Halted => "halted",
            Standing::Closed => "closed",
            Standing::Other(word) | Standing::Refused(word) => word,
            Standing::Left => "left",
            Standing::Offline => "offline",
        }
    }
}

impl From<&State> for Standing {
    fn from(state: &State) -> Self {
        match state {
            State::Pending => Standing::Pending,
            State::Live => Standing::Live,
            State::Stale => Standing::Stale,
            State::Halted => Standing::Halted,
            State::Closed => Standing::Closed,
            State::Other(word) => Standing::Other((&**word).into()),
        }
    }
}
