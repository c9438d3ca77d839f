//! What readers ask: symbols, snapshots, an event stream.

use std::rc::Rc;

use hyper::{Request, StatusCode, body::Incoming};

use super::{
    Answer, App, Caller, Failure, answer, bulk,
    walk::{self, Listing, Records, WalkBody},
};
use crate::{
    fanout::Glob,
    session::{
        accept::RejectedReason, agent::Peer, events::Opening, handshake, query::subscribe_command,
        shard::Shard,
    },
    tick::Symbol,
    wire::{CloseReason, Target},
};

/// Symbols that one request may name.
const SYMBOLS_MAX: usize = 10_000;
/// Globs that one request may name: each is looked at for every topic.
const GLOBS_MAX: usize = 512;
/// Symbols whose records are made in one go: as much as a piece of a long answer.
const SYMBOLS_AT_ONCE: usize = 64;

pub fn symbols(app: &App, shard: &Rc<Shard>, caller: &Caller) -> Result<Answer, Failure> {
    let place = bulk::place(app, shard, caller)?;
    let walk = Listing::new(&shard.shared);
    Ok(answer::walk(WalkBody::new(shard, Box::new(walk), place)))
}

/// The records of the symbols and globs in `symbols`; what has no tick yet has none.
pub fn snapshot(app: &App, shard: &Rc<Shard>, caller: &Caller, query: &str) -> Result<Answer, Failure> {
    let mut named = Vec::new();
    let mut asked = false;
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if key != "symbols" {
            let message = format!("/v1/snapshot has no parameter {key:?}: it has symbols");
            return Err(Failure::bad_request("unknown_parameter", message));
        }
        asked = true;
        for text in value.split(',').filter(|text| !text.is_empty()) {
            named.push(Target::parse(text));
        }
    }
    if !asked || named.is_empty() {
        let message = "symbols is missing: /v1/snapshot?symbols=BTC-USD,ETH-*";
        return Err(Failure::bad_request("missing_parameter", message));
    }
    records(app, shard, caller, named)
}

/// The records of what is named: at once when they are few, otherwise as they are read.
fn records(app: &App, shard: &Rc<Shard>, caller: &Caller, named: Vec<Target>) -> Result<Answer, Failure> {
    let (symbols, globs) = sort(named)?;
    if globs.is_empty() && symbols.len() <= SYMBOLS_AT_ONCE {
        let text = walk::whole(Records::new(&shard.shared, symbols, globs));
        return Ok(answer::whole("application/json", text.into()));
    }
    let place = bulk::place(app, shard, caller)?;
    let walk = Records::new(&shard.shared, symbols, globs);
    Ok(answer::walk(WalkBody::new(shard, Box::new(walk), place)))
}

/// Names, and globs.
fn sort(named: Vec<Target>) -> Result<(Vec<Symbol>, Vec<Glob>), Failure> {
    let (mut symbols, mut globs) = (Vec::new(), Vec::new());
    for target in named {
        match target {
            Target::Name(symbol) => symbols.push(symbol),
            Target::Glob(glob) => globs.push(glob),
            Target::Bad { text, message } => {
                return Err(Failure::bad_request("bad_symbol", format!("{text:?}: {message}")));
            }
        }
    }
    let too_many = |code, count: usize, what: &str, most: usize| {
        let message = format!("{count} {what} are asked for, one request may name {most}: send several");
        Err(Failure::bad_request(code, message))
    };
    if symbols.len() > SYMBOLS_MAX {
        return too_many("too_many_symbols", symbols.len(), "symbols", SYMBOLS_MAX);
    }
    if globs.len() > GLOBS_MAX {
        return too_many("too_many_globs", globs.len(), "globs", GLOBS_MAX);
    }
    Ok((symbols, globs))
}

/// The stream's messages as server-sent events.
pub fn events(shard: &Rc<Shard>, request: &Request<Incoming>, caller: &Caller) -> Result<Answer, Failure> {
    if shard.shared.draining.load(std::sync::atomic::Ordering::Relaxed) {
        shard.shared.rejected.count(RejectedReason::Draining);
        return Err(Failure::draining());
    }
    let Some(command) = request.uri().query().and_then(subscribe_command) else {
        let message = "symbols is missing: /v1/sse?symbols=BTC-USD,ETH-*";
        return Err(Failure::bad_request("missing_parameter", message));
    };
    let place = handshake::place(&shard.shared, request, caller.peer).map_err(|(reason, close)| {
        shard.shared.rejected.count(reason);
        let status = if close == CloseReason::Origin {
            StatusCode::FORBIDDEN
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        Failure::new(status, reason.label(), close.phrase())
    })?;
    let agent = shard.core.borrow_mut().agents.of(request.headers());
    let peer = Peer { address: caller.peer, agent };
    Ok(answer::events(Opening { peer, place, command }))
}
