//! What readers ask: symbols, snapshots, an event stream.
//!
//! Walks over all topics are made off the shard's thread, so that no session waits for them.

use std::{rc::Rc, sync::Arc};

use hyper::{Request, StatusCode, body::Incoming};

use super::{Answer, Caller, Failure, answer};
use crate::{
    fanout::Glob,
    session::{
        accept::RejectedReason,
        events::EventBody,
        handshake,
        query::subscribe_command,
        shard::{Shard, Shared},
    },
    tick::Symbol,
    wire::{CloseReason, Target, message},
};

/// Symbols that one request may name.
const SYMBOLS_MAX: usize = 10_000;

pub async fn symbols(shard: &Rc<Shard>) -> Result<Answer, Failure> {
    let shared = Arc::clone(&shard.shared);
    off_thread(move || listing(&shared)).await.map(answer::json)
}

fn listing(shared: &Shared) -> String {
    let stale_nanos = u64::try_from(shared.limits.stale.as_nanos()).unwrap_or(u64::MAX);
    let listing = shared.ingest.listing(shared.market.now(), stale_nanos);
    let mut text = String::with_capacity(2 + listing.len() * 56);
    text.push('[');
    for (at, row) in listing.iter().enumerate() {
        use std::fmt::Write;
        let comma = if at == 0 { "" } else { "," };
        // Neither symbols nor states have characters that JSON would escape.
        let written = write!(
            text,
            "{comma}{{\"symbol\":\"{}\",\"seq\":{},\"state\":\"{}\"}}",
            row.symbol,
            row.seq,
            row.state.as_str()
        );
        debug_assert!(written.is_ok(), "a string takes every write");
    }
    text.push(']');
    text
}

/// # Errors
/// When the work has panicked.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| internal(&error))
}

fn internal(error: &dyn std::error::Error) -> Failure {
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
}

/// The records of the symbols and globs in `symbols`; what has no tick yet has none.
pub async fn snapshot(shard: &Rc<Shard>, query: &str) -> Result<Answer, Failure> {
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
    let shared = Arc::clone(&shard.shared);
    off_thread(move || snapshots(&shared, named)).await?.map(answer::json)
}

fn snapshots(shared: &Shared, named: Vec<Target>) -> Result<String, Failure> {
    let symbols = resolve(shared, named)?;
    let records = shared.ingest.records(&symbols);
    let mut text = Vec::with_capacity(2 + symbols.len() * 256);
    text.push(b'[');
    for (symbol, image) in symbols.iter().zip(records) {
        if let Some(image) = image.filter(|image| image.record.seq > 0) {
            message::write_snapshot(symbol, &image.record, &mut text);
            text.push(b',');
        }
    }
    if text.last() == Some(&b',') {
        text.pop();
    }
    text.push(b']');
    String::from_utf8(text).map_err(|error| internal(&error))
}

fn resolve(shared: &Shared, named: Vec<Target>) -> Result<Vec<Symbol>, Failure> {
    let mut symbols: Vec<Symbol> = Vec::new();
    let mut globs: Vec<Glob> = Vec::new();
    for target in named {
        match target {
            Target::Name(symbol) => symbols.push(symbol),
            Target::Glob(glob) => globs.push(glob),
            Target::Bad { text, message } => {
                return Err(Failure::bad_request("bad_symbol", format!("{text:?}: {message}")));
            }
        }
    }
    if !globs.is_empty() {
        let listing = shared.ingest.listing(shared.market.now(), 0);
        let matching = listing.into_iter().map(|row| row.symbol);
        symbols.extend(matching.filter(|symbol| globs.iter().any(|glob| glob.matches(symbol))));
    }
    let mut seen = std::collections::HashSet::new();
    symbols.retain(|symbol| seen.insert(symbol.clone()));
    if symbols.len() > SYMBOLS_MAX {
        let message =
            format!("{} symbols are asked for, one request gets at most {SYMBOLS_MAX}", symbols.len());
        return Err(Failure::bad_request("too_many_symbols", message));
    }
    Ok(symbols)
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
    Ok(answer::events(EventBody::open(shard, caller.peer.ip(), place, &command, Rc::clone(&caller.kill))))
}
