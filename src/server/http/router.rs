//! Dispatches requests to routes, and checks their permissions.
//!
//! Invariants: requests from pages of other origins are refused. While no authentication is configured, requests that
//! change or reveal anything are for loopback peers only.

use std::{
    rc::Rc,
    sync::{Arc, atomic::Ordering},
};

use hyper::{Method, Request, body::Incoming};

use super::{
    admin,
    app::App,
    caller::Caller,
    coding::AnswerCoding,
    cors, dashboard, faults, feeds, head, market, ops, publish, replay, replays,
    response::{self, HttpResponse},
    upgrade, venue,
};
use crate::{
    access::{Rights, SharedRights},
    audit::AuditUser,
    server::{
        access,
        admission::{balancer::Role, rejected::RejectedReason},
        dialects,
        failure::Failure,
        handshake::{self, Accepted},
        hosts::Hosts,
        pages::{self, Page},
        routes::{ADMIN_PATHS, REPLAY_PATHS, REPLAY_SOCKET_PATHS, ROUTES, STREAM_PATH},
        shard::Shard,
    },
    session::{dialect::DialectSession, refusals::RefusedAccess},
    wire::dialects::rest::{NamedSymbols, RestAnswer, RestRow},
};

/// The methods of venue REST routes.
const VENUE_METHODS: &[Method] = &[Method::GET, Method::HEAD];
/// The methods of those whose symbols may be in a form body.
const VENUE_FORM_METHODS: &[Method] = &[Method::GET, Method::HEAD, Method::POST];

/// Answers a well-formed request, unless its page may not use the server.
pub async fn answer(
    app: &Arc<App>,
    shard: &Rc<Shard>,
    request: Request<Incoming>,
    caller: &Caller,
) -> Result<HttpResponse, Failure> {
    head::check(&request)?;
    let client = shard.server.client(caller.peer, request.headers());
    let client = client.map_err(|fault| Failure::bad_request("bad_forwarded", fault.to_string()))?;
    caller.client.set(client);
    let hosts = Hosts::of(&request)?;
    let page = match pages::check(&request, &hosts, &shard.server.allowed_origins) {
        Ok(page) => page,
        // A page cannot see why an upgrade fails, so it gets a close code instead.
        Err(_) if is_stream(shard, &request) => Page::None,
        Err(refusal) => return Err(Failure::origin(refusal.to_string())),
    };
    let may_control = pages::is_local(client, &hosts, page);
    let shared_with = page.origin().cloned();
    let mut response =
        route(app, shard, request, caller, may_control).await.unwrap_or_else(response::failure);
    if let Some(origin) = shared_with {
        cors::share(&mut response, origin);
    }
    Ok(response)
}

const fn venue_methods(row: &RestRow) -> &'static [Method] {
    if row.symbols.by_form { VENUE_FORM_METHODS } else { VENUE_METHODS }
}

/// `may_control`: publishing, control and debug are for clients that may control the server ([`pages::is_local`]).
async fn route(
    app: &Arc<App>,
    shard: &Rc<Shard>,
    request: Request<Incoming>,
    caller: &Caller,
    may_control: bool,
) -> Result<HttpResponse, Failure> {
    let path = request.uri().path();
    if path == "*" && request.method() == Method::OPTIONS {
        // `OPTIONS *` asks about the server as a whole.
        return Ok(cors::options(request.headers(), &[Method::GET, Method::HEAD, Method::POST]));
    }
    if let Some(mut dialect) = dialects::begin(shard.server.dialects, &request) {
        if app.has_admin && caller.role == Role::Admin {
            return Err(Failure::elsewhere(path, caller.role));
        }
        let accepted = dialects::check(&request, &mut dialect);
        return upgrade(shard, request, caller, accepted, Some(dialect));
    }
    let venue = shard.server.dialects.rest(path);
    let known = ROUTES.into_iter().find(|(known, _)| *known == trimmed(path));
    let known = known.filter(|(path, _)| shard.server.dialects.has_replays() || !is_of_replays(path));
    let Some((path, methods)) = known.or(venue.map(|(row, _)| (row.path, venue_methods(row)))) else {
        let refusal = shard.server.dialects.refusal(path).filter(|_| caller.role == Role::Clients);
        return refusal.map(venue::refuse).ok_or_else(|| Failure::not_found(path));
    };
    if app.has_admin && (caller.role == Role::Admin) != ADMIN_PATHS.contains(&path) {
        return Err(Failure::elsewhere(path, caller.role));
    }
    if request.method() == Method::OPTIONS {
        return Ok(cors::options(request.headers(), methods));
    }
    if !methods.contains(request.method()) {
        return Err(Failure::method_not_allowed(request.method(), path, methods));
    }
    if path == STREAM_PATH {
        let accepted = handshake::check(&request, &shard.node.limits);
        return upgrade(shard, request, caller, accepted, None);
    }
    if REPLAY_SOCKET_PATHS.contains(&path) {
        return replays::upgrade(shard, request, caller);
    }
    if REPLAY_PATHS.contains(&path) {
        return replays::answer(app, shard, caller, &request, path).await;
    }
    let needed = venue.map_or_else(|| Needed::of(path), |(row, _)| Needed::of_venue(row));
    let access = RouteAccess::of(app, shard, &request, caller, may_control, needed)?;
    if needed == Needed::Read && !shard.node.authority.is_open() {
        caller.answers_under(&access.rights);
    }
    let query = request.uri().query().unwrap_or_default();
    if let Some((row, symbol)) = venue {
        let mut named = symbol.map_or_else(|| NamedSymbols::of(query, row.symbols), NamedSymbols::in_path);
        if request.method() == Method::POST && named == NamedSymbols::All {
            named = venue::named_by_form(request, row, shard.node.limits.handshake).await?;
        }
        return venue::answer(app, shard, caller, row, named, access.rights);
    }
    match path {
        "/healthz" => Ok(response::json("{\"status\":\"alive\"}".to_owned())),
        "/readyz" => ops::ready(app, shard).await,
        "/metrics" => ops::metrics(app, shard).await,
        "/v1/feeds" => feeds::feeds(app, shard, &access.rights),
        "/v1/symbols" => market::symbols(app, shard, caller, access.rights),
        "/v1/snapshot" => market::snapshot(app, shard, caller, request, access.rights).await,
        "/v1/sse" => market::events(shard, &request, caller, &access.rights).await,
        "/v1/publish" => publish::publish(shard, request, access.rights).await,
        "/v1/replay" => replay::replay(app, shard, request).await,
        "/v1/faults" => faults::faults(shard, query),
        "/v1/admin/sessions" => admin::sessions(app, shard, caller, query).await,
        "/v1/admin/close" => admin::close(app, shard, caller, request, &access.rights).await,
        "/v1/admin/usage" => admin::usage(app, shard, query).await,
        "/debug/users" => ops::users(app, query).await,
        "/debug/slow" => ops::slow(app, shard, caller, query).await,
        _ => {
            let asset = dashboard::asset(path).ok_or_else(|| Failure::not_found(path))?;
            let is_compressed = shard.node.limits.deflate_bytes > 0;
            let coding =
                if is_compressed { AnswerCoding::of(request.headers()) } else { AnswerCoding::Identity };
            asset.prepare(coding).await;
            Ok(asset.answer(request.headers(), coding))
        }
    }
}

/// tardis-machine's paths may end with a slash.
fn trimmed(path: &str) -> &str {
    path.strip_suffix('/')
        .filter(|path| path.ends_with("-normalized") || path.ends_with("/health-check"))
        .unwrap_or(path)
}

/// Whether a route is one of tardis-machine's.
fn is_of_replays(path: &str) -> bool {
    REPLAY_SOCKET_PATHS.contains(&path) || REPLAY_PATHS.contains(&path)
}

/// Whether a request is for a session over WebSocket.
fn is_stream(shard: &Shard, request: &Request<Incoming>) -> bool {
    let is_ours = request.uri().path() == STREAM_PATH && request.method() == Method::GET;
    is_ours || dialects::begin(shard.server.dialects, request).is_some()
}

/// Answers an upgrade; the session starts when the answer is out.
fn upgrade(
    shard: &Rc<Shard>,
    request: Request<Incoming>,
    caller: &Caller,
    accepted: Result<Accepted, Failure>,
    dialect: Option<Box<DialectSession>>,
) -> Result<HttpResponse, Failure> {
    let server = &shard.server;
    if server.draining.load(Ordering::Relaxed) {
        server.rejected.count(RejectedReason::Draining);
        return Err(Failure::draining());
    }
    let accepted = accepted.inspect_err(|_| server.rejected.count(RejectedReason::BadRequest))?;
    tokio::task::spawn_local(upgrade::upgrade(
        Rc::clone(shard),
        request,
        accepted.encoding,
        dialect,
        caller.client.get(),
        caller.connection.take(),
    ));
    Ok(response::switching(&accepted))
}

/// Proof that a request may use its path.
struct RouteAccess {
    rights: SharedRights,
}

impl RouteAccess {
    /// # Errors
    /// When the request's token or sender has no right to this path.
    fn of(
        app: &App,
        shard: &Shard,
        request: &Request<Incoming>,
        caller: &Caller,
        may_control: bool,
        needed: Needed,
    ) -> Result<Self, Failure> {
        let node = &shard.node;
        if needed == Needed::Nothing {
            return Ok(RouteAccess { rights: Rights::nothing() });
        }
        if node.authority.is_open() {
            if !may_control && !matches!(needed, Needed::Read | Needed::Metrics) {
                return Err(Failure::not_loopback());
            }
            return Ok(RouteAccess { rights: Rights::everything() });
        }
        // Clients of the operators' listener may read its status; more requires control without tokens, or, for other
        // machines and pages, a token.
        if app.has_admin && caller.role == Role::Admin && (may_control || needed == Needed::Metrics) {
            return Ok(RouteAccess { rights: Rights::everything() });
        }
        let rights = access::rights_of(request, node, node.clock.now()).inspect_err(|no_access| {
            node.tell_refused(AuditUser::default(), caller.client.get().ip(), no_access.counted().label());
        })?;
        let (is_allowed, what) = match needed {
            Needed::Nothing => (true, ""),
            Needed::Read => (rights.may_read_any(), "read any symbol"),
            Needed::Publish => (rights.may_publish_any(), "publish any symbol"),
            Needed::Control => (rights.may_control_replay(), "control replays: that needs replay or admin"),
            Needed::Metrics | Needed::Debug => (rights.admin, "have this: it needs admin"),
        };
        if !is_allowed {
            let reason = RefusedAccess::NotEntitled;
            node.refused.count(reason);
            node.tell_refused(rights.who(), caller.client.get().ip(), reason.label());
            return Err(Failure::not_entitled(format!("the request's token may not {what}")));
        }
        Ok(RouteAccess { rights })
    }
}

/// The right that a path needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needed {
    Nothing,
    Read,
    Publish,
    /// Replays.
    Control,
    Metrics,
    Debug,
}

impl Needed {
    /// The right for a venue's REST route; its time is public.
    fn of_venue(row: &RestRow) -> Self {
        if matches!(row.answer, RestAnswer::Fixed(_)) { Needed::Nothing } else { Needed::Read }
    }

    /// Unknown paths need an operator's right.
    fn of(path: &str) -> Self {
        match path {
            "/healthz" | "/readyz" => Needed::Nothing,
            "/v1/feeds" | "/v1/symbols" | "/v1/snapshot" | "/v1/sse" => Needed::Read,
            "/v1/publish" => Needed::Publish,
            "/v1/replay" | "/v1/faults" => Needed::Control,
            "/metrics" => Needed::Metrics,
            _ if dashboard::asset(path).is_some() => Needed::Nothing,
            _ => Needed::Debug,
        }
    }
}
