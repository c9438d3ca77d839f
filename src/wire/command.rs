//! [`Command`]: a client's command after validation. `command/reader.rs` parses it strictly from JSON. No I/O, no
//! session.
//!
//! Invariants: an error carries the command's id if it could be read. One invalid symbol fails alone. An unknown field
//! is an error, so that a client with a typo such as `intervall_ms` learns of it.

mod names;
mod publishing;
mod reader;
mod values;
mod wide;

use std::collections::HashMap;

use self::values::shortened;
use super::Id;
use crate::{
    access::BearerToken,
    fanout::{Change, Glob, Name, Spec},
    tick::Symbol,
};

pub use publishing::Publishing;
pub use reader::CommandReader;

/// A validated command.
#[derive(Clone, Debug)]
pub enum Command {
    Subscribe {
        id: Option<Id>,
        symbols: Vec<Target>,
        spec: Spec,
        resume: Option<ResumeFrom>,
    },
    Unsubscribe {
        id: Option<Id>,
        symbols: Vec<Target>,
        name: Option<Name>,
    },
    Set {
        id: Option<Id>,
        symbols: Vec<Target>,
        name: Option<Name>,
        change: Change,
    },
    List {
        id: Option<Id>,
    },
    Ping {
        id: Option<Id>,
    },
    Auth {
        id: Option<Id>,
        token: BearerToken,
    },
    /// Publishes ticks. The ticks are not in it: they are decoded separately.
    Publish(Publishing),
    /// The client has read this many data frames.
    Ack {
        id: Option<Id>,
        seen: u64,
    },
}

impl Command {
    /// The command's name, as in `op`.
    pub const fn op(&self) -> &'static str {
        match self {
            Command::Subscribe { .. } => "subscribe",
            Command::Unsubscribe { .. } => "unsubscribe",
            Command::Set { .. } => "set",
            Command::List { .. } => "list",
            Command::Ping { .. } => "ping",
            Command::Auth { .. } => "auth",
            Command::Publish(_) => "publish",
            Command::Ack { .. } => "ack",
        }
    }

    /// The number of symbols and globs it names.
    pub fn symbols(&self) -> usize {
        match self {
            Command::Subscribe { symbols, .. }
            | Command::Unsubscribe { symbols, .. }
            | Command::Set { symbols, .. } => symbols.len(),
            _ => 0,
        }
    }
}

/// One entry of `symbols`.
#[derive(Clone, Debug)]
pub enum Target {
    Name(Symbol),
    Glob(Glob),
    /// Invalid: the client's text, and what is wrong with it.
    Bad {
        text: String,
        message: String,
    },
}

/// What a resuming client has received: the last seq of each symbol, within one epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResumeFrom {
    pub epoch: String,
    pub last: HashMap<String, u64>,
}

impl Target {
    /// Text with a star is a glob. Text with only escaped stars is a symbol whose name contains them.
    pub fn parse(text: &str) -> Target {
        let parsed = if text.contains('*') {
            Glob::new(text).map(|glob| glob.named().map_or_else(|| Target::Glob(glob), Target::Name))
        } else {
            Symbol::new(text).map(Target::Name)
        };
        parsed.unwrap_or_else(|error| Target::Bad { text: shortened(text), message: error.to_string() })
    }

    /// The symbol, or the glob as it was given.
    pub fn text(&self) -> &str {
        match self {
            Target::Name(symbol) => symbol.as_str(),
            Target::Glob(glob) => glob.as_str(),
            Target::Bad { text, .. } => text,
        }
    }
}

#[cfg(test)]
mod tests;
