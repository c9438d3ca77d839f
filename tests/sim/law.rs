//! The laws that a run is held against, and what a breach looks like.
//!
//! Where each of the twelve laws of the service is checked, and after what:
//!
//! | law | variants of [`Law`] | checked |
//! |---|---|---|
//! | law 1 | `Ingest`, `Lossless` | `world.rs`, after each submission: the topic stands where the feed does, whatever its readers do; `witness.rs`: a feed that waits for its readers loses them nothing |
//! | law 2 | `Memory`, `FrameSize`, `Liveness` | `node.rs`, after each step: what waits for a session, and how many there are; `client.rs`, on each frame; `world.rs`: steps at one moment |
//! | law 3 | `LatestWins` | `witness.rs`, at rest and at the end of a market |
//! | law 4 | `Seqs` | the judge and `witness.rs`, on each message |
//! | law 5 | `Conservation`, `Accounts` | `node.rs`, after each step; `world.rs`, at rest, against what clients have counted |
//! | law 6 | `ControlFirst`, `Answers` | `witness.rs`, on each answer |
//! | law 7 | `Isolation`, `Truth`, `Heartbeat`, `Deadline` | `witness.rs`, on each message; `client.rs` and `world.rs`: that others are served in time |
//! | law 8 | `Panic`, `Deadline`, `Cause` | `world.rs`: nothing panics; `client.rs`: hostile clients are closed, by the right code |
//! | law 9 | | `main.rs`: the same seed is the same run, byte for byte |
//! | law 10 | `Ahead`, `Age` | `node.rs`, after each step: how far a client that proves what it reads is sent ahead of what it has read, through proxies too; `witness.rs`: on each update to a client that reads |
//! | law 11 | `Entitlement` | `entitled.rs`, on each byte that is written: the token that is in force then allows it; `scenes.rs`: a page of a foreign origin is closed and reads nothing |
//! | law 12 | `Numbering`, `Truth` | `witness.rs`: one epoch, and what is shown under a seq is what the feed gave under it, for every client, shard and connection |
//!
//! `Trades` is the law of clients of exchanges (`dialects.rs`). The other variants are promises of docs/PROTOCOL.md beside the laws.

use std::fmt;

use tickcast::tick::Nanos;

/// What must hold, whatever happens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Law {
    /// What a feed gives is taken in at once.
    Ingest,
    /// One epoch for all that a node numbers.
    Numbering,
    /// A dialect's client is told each trade once and in order, or its session ends as its venue's do.
    Trades,
    /// Seqs rise by `n`, or a gap says what is missing.
    Seqs,
    /// The values that a client gets are those of the feed.
    Truth,
    /// An update has the fields that its ticks have changed, and no others.
    Changes,
    /// What is a message of its own is merged into no other.
    Told,
    /// When the feed is quiet, the last record that a client holds is the topic's.
    LatestWins,
    /// Offered is delivered, conflated, filtered, gapped, discarded and pending.
    Conservation,
    /// What clients were sent is what the accounts say.
    Accounts,
    /// Control goes before data.
    ControlFirst,
    /// Every command is answered, once, in its turn, and by the right word.
    Answers,
    /// Nothing is written that the token in force does not allow at that moment.
    Entitlement,
    /// No message of a symbol to which the session is not subscribed.
    Isolation,
    /// What waits for a session is bounded.
    Memory,
    /// A session that was opened ends once, for one reason, and the count of sessions returns to what it was.
    OneEnd,
    /// No client is closed or refused without its cause.
    Cause,
    /// What must end at a time ends then.
    Deadline,
    /// A client that reads gets a message at least as often as `welcome` says.
    Heartbeat,
    /// A price that is old does not look new: `stale` is reported.
    Stale,
    /// A frame of data is no longer than its limit.
    FrameSize,
    /// What a client that reads is sent is new.
    Age,
    /// A client that proves what it reads is not sent much further.
    Ahead,
    /// A feed that waits for its readers loses them nothing.
    Lossless,
    /// The end of a market, or of the service, is announced.
    Farewell,
    /// Time goes on: no task works for ever at one moment.
    Liveness,
    /// Nothing panics.
    Panic,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Breach {
    pub law: Law,
    pub what: String,
    /// Since the run began.
    pub at: Nanos,
}

impl Law {
    /// The law that an assertion of the judge was about.
    pub fn of_panic(text: &str) -> Law {
        let words = [
            ("law 4", Law::Seqs),
            ("law 7", Law::Isolation),
            ("a snapshot that nothing called for", Law::Seqs),
            ("a snapshot follows a gap", Law::Seqs),
            ("went back", Law::Seqs),
            ("a frame is a JSON array", Law::Truth),
            ("a frame has bits", Law::Truth),
            ("sends no fragments", Law::Truth),
            ("masks nothing", Law::Truth),
        ];
        words.iter().find(|(word, _)| text.contains(word)).map_or(Law::Panic, |(_, law)| *law)
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {:.3} s: {}", self.law, self.at.0 as f64 / 1e9, self.what)
    }
}
