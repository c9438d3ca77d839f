//! What a scenario says: faults, each with its kind, its time, and the streams that it strikes. Reading is `read.rs`.

use std::time::Duration;

use crate::tick::{Glob, Nanos, Symbol};

/// A scenario, read.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: String,
    /// What happened in public, for people.
    pub modelled_on: String,
    /// Where that can be read.
    pub sources: Vec<String>,
    pub faults: Vec<VenueFault>,
}

/// One thing that goes wrong.
#[derive(Clone, Debug)]
pub struct VenueFault {
    pub kind: FaultKind,
    pub begins: Begin,
    /// `None`: until the connection ends.
    pub lasts: Option<Duration>,
    /// From one beginning to the next; `None` when there is one.
    pub every: Option<Duration>,
    pub connections: StruckConnections,
    /// Classes of streams, or the venue's own names of kinds.
    pub streams: Vec<Glob>,
    pub symbols: Vec<Glob>,
    /// Of the streams that these match, so many are struck.
    pub share: f64,
    /// Of the messages of these, so many are struck, in kinds that strike single messages.
    pub chance: f64,
}

/// When a fault begins. Times are the market's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begin {
    /// So long after the first tick of the replay.
    Replay(Duration),
    /// At this time.
    Market(Nanos),
    /// So long after the first message of the connection.
    Connection(Duration),
    /// With the message behind so many of the connection.
    Messages(u64),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum StruckConnections {
    #[default]
    All,
    /// The first of its dialect.
    First,
    /// Every other.
    Later,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// Streams are acknowledged, and send nothing.
    Mute,
    /// Single messages are missing.
    Lose,
    /// Messages come later, in their order.
    Delay {
        by: Duration,
    },
    /// Single messages come behind the next ones.
    Reorder {
        behind: u32,
    },
    /// Single messages come again at once.
    Duplicate {
        copies: u32,
    },
    /// The last messages of the connection come again.
    Again {
        messages: usize,
    },
    /// Numbers begin again.
    Restart {
        to: u64,
    },
    /// Numbers go on further ahead, and nothing is missing.
    Jump {
        by: u64,
    },
    /// Messages come later, and say that they are new.
    Stale {
        by: Duration,
    },
    /// Each message comes as many: a trade as many that add up to it.
    Burst {
        times: u32,
    },
    /// The venue says that it stops, and closes.
    Shutdown {
        notice: Duration,
    },
    Close {
        like: LikeClose,
    },
    /// Symbols do not trade, and the venue says so where it has a word for it.
    Halt,
    /// The venue's engine is in this state, where it has a word for it, and sends nothing.
    Maintenance {
        state: String,
    },
    /// Requests beyond so many are refused, and the connection is closed.
    Refuse {
        after: u32,
    },
}

/// As what a venue closes a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LikeClose {
    /// It is as old as any may be.
    Age,
    /// It asks too much.
    Limit,
    /// The server stops.
    Restart,
    /// Its client reads too slowly.
    Slow,
    /// Without a word: the connection breaks.
    Cut,
}

/// What a venue says by itself, beside data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Announcement {
    /// It will stop.
    Shutdown,
    Halted(Symbol),
    Resumed(Symbol),
    /// Of its engine: `online` when that is over.
    State(String),
    /// A request was one too many.
    TooMany,
}

impl FaultKind {
    /// Every kind, by the names that files and metrics have.
    pub const NAMES: [&str; 15] = [
        "mute",
        "lose",
        "delay",
        "reorder",
        "duplicate",
        "again",
        "restart",
        "jump",
        "stale",
        "burst",
        "shutdown",
        "close",
        "halt",
        "maintenance",
        "refuse",
    ];

    /// Its place in [`Self::NAMES`].
    pub const fn index(&self) -> usize {
        match self {
            FaultKind::Mute => 0,
            FaultKind::Lose => 1,
            FaultKind::Delay { .. } => 2,
            FaultKind::Reorder { .. } => 3,
            FaultKind::Duplicate { .. } => 4,
            FaultKind::Again { .. } => 5,
            FaultKind::Restart { .. } => 6,
            FaultKind::Jump { .. } => 7,
            FaultKind::Stale { .. } => 8,
            FaultKind::Burst { .. } => 9,
            FaultKind::Shutdown { .. } => 10,
            FaultKind::Close { .. } => 11,
            FaultKind::Halt => 12,
            FaultKind::Maintenance { .. } => 13,
            FaultKind::Refuse { .. } => 14,
        }
    }

    pub const fn name(&self) -> &'static str {
        FaultKind::NAMES[self.index()]
    }

    /// Whether it strikes single messages, by chance.
    pub const fn is_by_chance(&self) -> bool {
        matches!(self, FaultKind::Lose | FaultKind::Reorder { .. } | FaultKind::Duplicate { .. })
    }
}

impl StruckConnections {
    /// Whether it strikes the connection of this number, from 1.
    pub const fn has(self, number: u64) -> bool {
        match self {
            StruckConnections::All => true,
            StruckConnections::First => number == 1,
            StruckConnections::Later => number > 1,
        }
    }
}

impl VenueFault {
    /// Whether it can strike such streams: of this class, or of this name of the venue's.
    pub fn may_strike(&self, class: &str, stream: &str, symbol: &Symbol) -> bool {
        let matches = |globs: &[Glob], text: &str| {
            Symbol::new(text).is_ok_and(|text| globs.iter().any(|glob| glob.matches(&text)))
        };
        (matches(&self.streams, class) || matches(&self.streams, stream))
            && self.symbols.iter().any(|glob| glob.matches(symbol))
    }
}
