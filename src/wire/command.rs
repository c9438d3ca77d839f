//! Commands of clients. `command/reader.rs` parses them strictly from JSON, and checks them. No I/O, and no session.
//!
//! Invariants: an error carries the id of its command, if the id could be read. One bad symbol is an error of that symbol
//! alone. A field that the command does not have is an error, so that a client that sends `intervall_ms` learns of it.

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

/// A command that was checked.
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
    /// Ticks, which are not in it: they are read apart from the command.
    Publish(Publishing),
    /// The client has read so many frames of data.
    Ack {
        id: Option<Id>,
        seen: u64,
    },
}

impl Command {
    /// As `op` has it.
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

    /// How many symbols and globs it names.
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
    /// Neither: the text that the client sent, and its fault.
    Bad {
        text: String,
        message: String,
    },
}

/// What a client has received: the last seq of each symbol, within one epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResumeFrom {
    pub epoch: String,
    pub last: HashMap<String, u64>,
}

impl Target {
    /// A text with a star is a pattern. One that only has escaped stars names a symbol that has them.
    pub fn parse(text: &str) -> Target {
        let parsed = if text.contains('*') {
            Glob::new(text).map(|glob| glob.named().map_or_else(|| Target::Glob(glob), Target::Name))
        } else {
            Symbol::new(text).map(Target::Name)
        };
        parsed.unwrap_or_else(|error| Target::Bad { text: shortened(text), message: error.to_string() })
    }

    /// The symbol itself, or the pattern as it was given.
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
