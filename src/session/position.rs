//! The position of an event stream, in one short token that its client sends back: the `id` of an event.
//!
//! Mode `every` sends ticks in the order in which the market took them in. So the order of the last tick, with the
//! epoch, says for every symbol at once which ticks were sent: `EPOCH:ORDER`. A client that is far behind is sent each
//! symbol's ticks separately. Then no order describes it, and the token is `EPOCH:`, for a position that is not
//! known.
//!
//! In mode `trades` the token is known when nothing waits behind the trades that were sent.
//!
//! A client that sends it back resumes like one that sends `resume`: exactly, or with a gap. In the other modes it
//! begins anew, with snapshots.

use std::{fmt::Write, sync::Arc};

use serde_json::{Map, Value, json};

use super::node::NodeState;
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
    /// The order of its last tick; `None` where it is not known.
    order: Option<u64>,
}

/// Topics that are visited under one hold of the market's lock.
const TOPICS_AT_ONCE: usize = 1_024;
/// An epoch that no service has.
const EPOCH_OF_NOBODY: &str = "";

impl Position {
    /// Reads a `Last-Event-ID`. A token that is not ours is a position that is not known. `None` when it is empty.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let (epoch, order) = text.rsplit_once(':').unwrap_or((EPOCH_OF_NOBODY, ""));
        Some(Position { epoch: epoch.to_owned(), order: order.parse().ok() })
    }

    /// Appends the `id` line of an event.
    pub fn write(epoch: &str, order: Option<u64>, out: &mut Vec<u8>) {
        let mut line = String::with_capacity(epoch.len() + 32);
        let written = match order {
            Some(order) => writeln!(line, "id: {epoch}:{order}"),
            None => writeln!(line, "id: {epoch}:"),
        };
        debug_assert!(written.is_ok(), "a string takes every write");
        out.extend_from_slice(line.as_bytes());
    }

    /// The `resume` of a `subscribe` command that continues from this position; `None` where it begins anew. Walks all
    /// topics when the command has globs. A symbol that is shown delayed begins anew: the order is that of real time.
    pub fn resume(&self, node: &NodeState, command: &str, rights: &Rights) -> Option<String> {
        let read = CommandReader::with_fields(Arc::clone(&node.fields))
            .read(&mut command.as_bytes().to_vec(), &node.limits);
        let Ok(Command::Subscribe { symbols, spec, .. }) = read else { return None };
        if !spec.mode.reads_history() {
            return None;
        }
        // With only some fields, the last tick that the client was sent may not be the last that there was.
        let exact = self.epoch == node.epoch && spec.view.has_every_field();
        // An order beyond the newest tick is not one of this market.
        let order = self.order.filter(|order| exact && *order <= node.ingest.order());
        let mut symbols = named(node, &symbols);
        symbols.retain(|symbol| node.plane_of(rights, symbol) != Some(Plane::Delayed));
        let last = symbols.into_iter().map(|symbol| {
            // Where the order is not known, the client is sent a gap over everything.
            let seq = order.map_or(0, |order| node.ingest.seq_at(&symbol, order).unwrap_or(0));
            (symbol.as_str().to_owned(), Value::from(seq))
        });
        let epoch = if order.is_some() { &node.epoch } else { EPOCH_OF_NOBODY };
        Some(json!({"epoch": epoch, "last": last.collect::<Map<_, _>>()}).to_string())
    }
}

/// The symbols that are named, and those that globs match now.
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
        let read = |text: &str| Position::parse(text).map(|position| (position.epoch, position.order));
        for order in [None, Some(0), Some(u64::MAX)] {
            let mut line = Vec::new();
            Position::write("e-1.x", order, &mut line);
            let text = String::from_utf8(line).unwrap();
            let id = text.strip_prefix("id: ").unwrap().trim_end();
            assert_eq!(read(id), Some(("e-1.x".to_owned(), order)));
        }
        assert_eq!(read(""), None);
        assert_eq!(read("42"), Some((String::new(), None)));
        assert_eq!(read("e:-1"), Some(("e".to_owned(), None)));
    }
}
