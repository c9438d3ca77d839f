//! Market data over HTTP: symbols, snapshots, event streams.

use std::{
    rc::Rc,
    sync::{Arc, atomic::Ordering},
};

use hyper::{Method, Request, StatusCode, body::Incoming};
use tokio::sync::Semaphore;

use super::{
    app::App,
    body, bulk,
    caller::Caller,
    coding,
    named::{self, Named},
    response::{self, HttpResponse},
    walk::{self, RecordsWalk, SymbolsWalk, WalkBody},
};
use crate::{
    access::{Refused, Rights, SharedRights},
    audit::AuditLog,
    fanout::Glob,
    server::{
        access::NoAccess,
        admission::{rejected::RejectedReason, sessions},
        failure::Failure,
        handshake::user_agent,
        shard::Shard,
        sse::AdmittedEvents,
    },
    session::{
        inbound::query::subscribe_command, maintenance::drain::retry_ms, peer::Peer, position::Position,
        refusals::RefusedAccess,
    },
    tick::Symbol,
    wire::{CloseReason, Command, Encoding, Target, command::CommandReader},
};

/// Maximum number of symbols in one request.
const SYMBOLS_MAX: usize = 10_000;
/// Maximum number of globs in one request: each is matched against every topic.
const GLOBS_MAX: usize = 512;
/// Records written at once: as many as in one piece of a long answer.
const SYMBOLS_AT_ONCE: usize = 64;

pub fn symbols(
    app: &App,
    shard: &Rc<Shard>,
    caller: &Caller,
    rights: SharedRights,
) -> Result<HttpResponse, Failure> {
    let permit = bulk::permit(&app.bulk, shard, &caller.activity)?;
    let walk = SymbolsWalk::new(&shard.node, &rights);
    Ok(response::walk(WalkBody::new(shard, Box::new(walk), permit).under(rights)))
}

/// The records of the symbols and globs in `symbols`; a symbol without a tick has none.
pub async fn snapshot(
    app: &App,
    shard: &Rc<Shard>,
    caller: &Caller,
    request: Request<Incoming>,
    rights: SharedRights,
) -> Result<HttpResponse, Failure> {
    let named = named_targets(shard, request).await?;
    allow_any(shard, caller, &named.targets, &rights)?;
    // The token may have expired while the body arrived.
    if rights.is_expired(shard.node.clock.now()) {
        return Err(NoAccess::from(Refused::Expired).into());
    }
    records(app, shard, caller, named, rights)
}

/// The names in the query, or in the body of a POST.
async fn named_targets(shard: &Rc<Shard>, request: Request<Incoming>) -> Result<Named, Failure> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    if request.method() != Method::POST {
        return named::all(&query, None);
    }
    let body = body::receive(request, named::BODY_BYTES_MAX, shard.node.limits.handshake).await?;
    named::all(&query, Some(&body.text()?))
}

/// The records of the named symbols: at once when few, otherwise as the client reads.
fn records(
    app: &App,
    shard: &Rc<Shard>,
    caller: &Caller,
    Named { targets, numbers }: Named,
    rights: SharedRights,
) -> Result<HttpResponse, Failure> {
    let (symbols, globs) = sort(targets)?;
    if shard.node.audit.as_deref().is_some_and(AuditLog::refuses) {
        return Err(Failure::unaudited());
    }
    if globs.is_empty() && symbols.len() <= SYMBOLS_AT_ONCE {
        let text = walk::whole(RecordsWalk::new(&shard.node, symbols, globs, numbers, &rights));
        return Ok(response::whole("application/json", text.into()));
    }
    let permit = bulk::permit(&app.bulk, shard, &caller.activity)?;
    let walk = RecordsWalk::new(&shard.node, symbols, globs, numbers, &rights);
    Ok(response::walk(WalkBody::new(shard, Box::new(walk), permit).under(rights)))
}

/// Refuses a request if none of it may be read, whether the symbols exist or not.
fn allow_any(shard: &Shard, caller: &Caller, targets: &[Target], rights: &Rights) -> Result<(), Failure> {
    let may_read = |symbol: &Symbol| shard.node.plane_of(rights, symbol).is_some();
    let may_have = |target: &Target| !matches!(target, Target::Name(symbol) if !may_read(symbol));
    if targets.iter().any(may_have) {
        return Ok(());
    }
    let reason = RefusedAccess::NotEntitled;
    shard.node.refused.count(reason);
    shard.node.tell_refused(rights.who(), caller.client.get().ip(), reason.label());
    Err(Failure::not_entitled("the request's token may read none of these symbols, if they exist"))
}

/// Separates symbols and globs.
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
pub async fn events(
    shard: &Rc<Shard>,
    request: &Request<Incoming>,
    caller: &Caller,
    rights: &Rights,
) -> Result<HttpResponse, Failure> {
    if shard.server.draining.load(Ordering::Relaxed) {
        shard.server.rejected.count(RejectedReason::Draining);
        let number = shard.node.session_numbers.fetch_add(1, Ordering::Relaxed);
        return Ok(response::no_events(retry_ms(&shard.node, number)));
    }
    let query = request.uri().query().unwrap_or_default();
    let Some(mut command) = subscribe_command(query, None) else {
        let message = "symbols is missing: /v1/sse?symbols=BTC-USD,ETH-*";
        return Err(Failure::bad_request("missing_parameter", message));
    };
    let read = CommandReader::with_fields(Arc::clone(&shard.node.fields))
        .read(&mut command.as_bytes().to_vec(), &shard.node.limits);
    if let Ok(Command::Subscribe { symbols, .. }) = &read {
        allow_any(shard, caller, symbols, rights)?;
    }
    let client = caller.client.get();
    let permit = sessions::permit(&shard.server, request, client).map_err(|(reason, close)| {
        shard.server.rejected.count(reason);
        let status = if close == CloseReason::Origin {
            StatusCode::FORBIDDEN
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        Failure::new(status, reason.label(), close.phrase())
    })?;
    let access = sessions::access(&shard.server, request).inspect_err(|no_access| {
        shard.node.tell_refused(rights.who(), client.ip(), no_access.counted().label());
    })?;
    let left_at = request.headers().get("last-event-id").map(|id| String::from_utf8_lossy(id.as_bytes()));
    if let Some(position) = left_at.and_then(|id| Position::parse(&shard.node.position_key, &id))
        && let Some(resume) = resume(shard, position, command.clone(), rights.clone()).await?
    {
        command = subscribe_command(query, Some(&resume)).unwrap_or(command);
    }
    let takes_gzip = shard.node.limits.deflate_bytes > 0 && coding::takes_gzip(request.headers());
    let encoding = if takes_gzip { Encoding::EVENT_STREAM_GZIP } else { Encoding::EVENT_STREAM };
    let agent = shard.core.borrow_mut().agents.of(user_agent(request.headers()));
    // An event stream has no commands.
    let peer = Peer { address: client.address, agent, is_local: false };
    Ok(response::events(AdmittedEvents { peer, permit, access, command, encoding }))
}

/// Where a returning event-stream client continues. With globs this walks all topics: at most two at once, off the
/// shard's thread.
async fn resume(
    shard: &Rc<Shard>,
    position: Position,
    command: String,
    rights: Rights,
) -> Result<Option<String>, Failure> {
    static WALKS: Semaphore = Semaphore::const_new(2);
    let node = Arc::clone(&shard.node);
    let _walk = WALKS.acquire().await;
    let resume = tokio::task::spawn_blocking(move || position.resume(&node, &command, &rights)).await;
    resume.map_err(|error| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))
}
