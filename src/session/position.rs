//! [`Position`]: the position of an event stream, as a short token in the `id` of events, which the client sends back.
//!
//! Mode `every` sends ticks in their global order, so the order of the last tick, with the epoch, describes the
//! position in every symbol: `EPOCH:ORDER`. The order is encrypted (`position_key.rs`), since it counts ticks that the
//! client may not read. A client far behind is sent each symbol's ticks separately; then no single order describes its
//! position, and the token is `EPOCH:`, meaning unknown.
//!
//! In mode `trades` the position is known when nothing is pending after the trades sent.
//!
//! A client that sends the token back resumes as with `resume`: exactly, or with a gap. In other modes it restarts with
//! snapshots.

use std::{io::Write, sync::Arc};

use serde_json::{Map, Value, json};

use super::{
    node::NodeState,
    position_key::{PositionKey, PositionNumber},
};
use crate::{
    access::Rights,
    tick::Symbol,
    topic::Plane,
    wire::{Command, Target, command::CommandReader},
};

/// The position that a client sent back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Position {
    epoch: String,
    /// The order of its last tick; `None` if unknown.
    order: Option<u64>,
}

/// Topics visited under one hold of the market's lock.
const TOPICS_AT_ONCE: usize = 1_024;
/// An epoch that no service has.
const EPOCH_OF_NOBODY: &str = "";

impl Position {
    /// Parses a `Last-Event-ID`. A foreign token is an unknown position; an empty one gives `None`.
    pub fn parse(key: &PositionKey, text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let (epoch, order) = text.rsplit_once(':').unwrap_or((EPOCH_OF_NOBODY, ""));
        Some(Position { epoch: epoch.to_owned(), order: key.open(order) })
    }

    /// Appends the `id` line of an event. `None` means an unknown position.
    pub fn write(node: &NodeState, order: Option<(u64, PositionNumber)>, out: &mut Vec<u8>) {
        let sealed = order.map(|(order, number)| node.position_key.seal(order, number));
        let written = writeln!(out, "id: {}:{}", node.epoch, sealed.as_deref().unwrap_or_default());
        debug_assert!(written.is_ok(), "memory takes every write");
    }

    /// The `resume` of a `subscribe` command that continues from this position; `None` where it restarts. Walks all
    /// topics if the command has globs. A delayed symbol restarts, because the order is that of real time.
    pub fn resume(&self, node: &NodeState, command: &str, rights: &Rights) -> Option<String> {
        let read = CommandReader::with_fields(Arc::clone(&node.fields))
            .read(&mut command.as_bytes().to_vec(), &node.limits);
        let Ok(Command::Subscribe { symbols, spec, .. }) = read else { return None };
        if !spec.mode.reads_history() {
            return None;
        }
        // With chosen fields, the last tick sent may not be the last that there was.
        let exact = self.epoch == node.epoch && spec.view.has_every_field();
        // An order beyond the newest tick is not of this market.
        let order = self.order.filter(|order| exact && *order <= node.ingest.order());
        let mut symbols = named(node, &symbols);
        symbols.retain(|symbol| node.plane_of(rights, symbol) != Some(Plane::Delayed));
        let last = symbols.into_iter().map(|symbol| {
            // If the position is unknown, the client is sent a gap over everything.
            let seq = order.map_or(0, |order| node.ingest.seq_at(&symbol, order).unwrap_or(0));
            (symbol.as_str().to_owned(), Value::from(seq))
        });
        let epoch = if order.is_some() { &node.epoch } else { EPOCH_OF_NOBODY };
        Some(json!({"epoch": epoch, "last": last.collect::<Map<_, _>>()}).to_string())
    }
}

/// The named symbols, and those that globs match now.
fn named(node: &NodeState, targets: &[Target]) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    let mut globs = Vec::new();
    for target in targets {
        match target {
            Target::Name(symbol) => symbols.push(symbol.clone()),
            Target::Glob(glob) => globs.push(glob),
            Target::Bad { .. } => {}
        }
    }
    if !globs.is_empty() {
        let mut from = 0;
        loop {
            let listed = node.ingest.symbols(from, TOPICS_AT_ONCE);
            let last = listed.len() < TOPICS_AT_ONCE;
            from += listed.len();
            symbols.extend(listed.into_iter().filter(|symbol| globs.iter().any(|glob| glob.matches(symbol))));
            if last {
                break;
            }
        }
    }
    symbols.sort_unstable();
    symbols.dedup();
    symbols
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let key = PositionKey::of(1);
        let read = |text: &str| Position::parse(&key, text).map(|position| (position.epoch, position.order));
        for order in [0, 4_711, u64::MAX] {
            let sealed = key.seal(order, PositionNumber { shard: 1, written: 2 });
            assert_eq!(read(&format!("e-1.x:{sealed}")), Some(("e-1.x".to_owned(), Some(order))));
        }
        assert_eq!(read("e-1.x:"), Some(("e-1.x".to_owned(), None)));
        assert_eq!(read(""), None);
        assert_eq!(read("42"), Some((String::new(), None)));
        assert_eq!(read("e:42"), Some(("e".to_owned(), None)));
    }
}
