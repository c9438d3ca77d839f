//! `/v1/admin`: lists and closes sessions, and reports usage.
//!
//! Invariants: the caller has the right `admin` (`router.rs`); a token is never shown, only its name; reports are made
//! one at a time, on a thread without sessions.

use std::{rc::Rc, sync::Arc};

use compact_str::CompactString;
use hyper::{Request, StatusCode, body::Incoming};
use serde::Deserialize;

use super::{
    app::App,
    body, bulk,
    caller::Caller,
    ops,
    response::{self, HttpResponse},
    walk::{self, SessionsWalk, WalkBody},
};
use crate::{
    access::{Rights, claim::NAME_BYTES_MAX, revoked::is_whole_token},
    audit::{
        Event, Month,
        usage::{ReportFormat, usage_of},
    },
    server::{failure::Failure, message::ToShard, shard::Shard},
    session::{
        inbound::query,
        maintenance::admin::{CloseTarget, SessionsQuery},
        node::NodeState,
    },
};

const LISTED_DEFAULT: usize = 20;
/// Maximum number of sessions in a list: a shard describes them, with symbols, in one go.
const LISTED_MAX: usize = 256;
/// A request for more sessions than this counts as a long answer.
const LISTED_AT_ONCE: usize = 64;
/// Enough for a name and the JSON around it.
const BODY_BYTES_MAX: usize = 4 * 1024;

/// The body of a request to close sessions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CloseRequest {
    user: Option<String>,
    session: Option<SessionNumber>,
    token: Option<String>,
}

/// As in `welcome`, or as a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum SessionNumber {
    Text(String),
    Number(u64),
}

/// Lists sessions: `user`, `after` and `k`.
pub async fn sessions(
    app: &App,
    shard: &Rc<Shard>,
    caller: &Caller,
    query: &str,
) -> Result<HttpResponse, Failure> {
    let asked = sessions_query(query)?;
    let count = asked.count;
    let answers = ops::ask_all(app, |reply| ToShard::Sessions(asked.clone(), reply)).await;
    let mut listed: Vec<_> = answers.into_iter().flatten().flatten().collect();
    listed.sort_by_key(|session| session.session.parse::<u64>().unwrap_or(u64::MAX));
    listed.truncate(count);
    let is_short = listed.len() <= LISTED_AT_ONCE;
    let rows = SessionsWalk::new(listed);
    if is_short {
        return Ok(response::whole("application/json", walk::whole(rows).into()));
    }
    let permit = bulk::permit(&app.bulk, shard, &caller.activity)?;
    Ok(response::walk(WalkBody::new(shard, Box::new(rows), permit)))
}

/// Closes all sessions of a user or a token, which are barred from then on, or one session.
pub async fn close(
    app: &App,
    shard: &Rc<Shard>,
    caller: &Caller,
    request: Request<Incoming>,
    rights: &Rights,
) -> Result<HttpResponse, Failure> {
    let body = body::receive(request, BODY_BYTES_MAX, shard.node.limits.handshake).await?;
    let target = close_target(&body.text()?)?;
    let node = &shard.node;
    // The body may have taken long.
    let now = node.clock.now();
    if rights.is_expired(now) || node.authority.is_revoked(rights) {
        return Err(Failure::not_entitled("the request's token has ended, or was revoked"));
    }
    match &target {
        CloseTarget::User(user) => node.authority.bar_user(user, now),
        CloseTarget::Token(token) => node.authority.bar_token(token, None, now),
        CloseTarget::Session(_) => {}
    }
    // After the shards' own check, which counts: sessions that start meanwhile are found by the next one. By drop,
    // since the client may hang up before the shards have answered.
    let raised = Raise(node);
    let answers = ops::ask_all(app, |reply| ToShard::Close(target.clone(), reply)).await;
    drop(raised);
    let closed: u64 = answers.into_iter().flatten().sum();
    if let Some(audit) = &node.audit {
        let (mut user, mut token, mut session) = (None, None, None);
        match &target {
            CloseTarget::User(name) => user = Some(name.clone()),
            CloseTarget::Token(name) => token = Some(name.clone()),
            CloseTarget::Session(number) => session = Some(*number),
        }
        let (by, address) = (rights.user.clone(), caller.client.get().ip().to_canonical());
        audit.tell(now, Event::Closed { by, address, user, token, session, sessions: closed });
    }
    tracing::info!(?target, closed, by = rights.user.as_deref(), peer = %caller.client.get(), "sessions closed on request");
    Ok(response::json(format!("{{\"closed\":{closed}}}")))
}

/// When dropped, makes all shards check their sessions.
struct Raise<'a>(&'a NodeState);

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        self.0.authority.raise();
    }
}

/// Reports usage, as `tickcast usage` does: `month` and `format`.
pub async fn usage(app: &App, shard: &Rc<Shard>, query: &str) -> Result<HttpResponse, Failure> {
    let (month, format) = usage_query(query)?;
    let Some(audit) = &shard.node.audit else {
        let message = "this server keeps no usage audit: start it with audit.file";
        return Err(Failure::new(StatusCode::NOT_FOUND, "no_audit", message));
    };
    let Ok(permit) = Arc::clone(&app.reports).try_acquire_owned() else {
        return Err(Failure::busy_report());
    };
    let path = audit.path().to_owned();
    // May read gigabytes, so off the threads with sessions. The permit is held to the end, even if nobody waits.
    let report = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let mut usage = usage_of(&path)?;
        if let Some(month) = month {
            usage.only(month);
        }
        Ok(usage.write(format))
    });
    let internal = |message: String| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message);
    let report = report.await.map_err(|error| internal(error.to_string()))?;
    let report = report.map_err(|fault: crate::audit::AuditFault| {
        tracing::error!(%fault, "the files of the usage audit were altered");
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "audit_fault", fault.to_string())
    })?;
    let kind = match format {
        ReportFormat::Json => "application/json",
        ReportFormat::Csv => "text/csv; charset=utf-8",
        ReportFormat::Table => "text/plain; charset=utf-8",
    };
    Ok(response::whole(kind, report.into()))
}

fn sessions_query(query: &str) -> Result<SessionsQuery, Failure> {
    let mut asked = SessionsQuery { user: None, after: 0, count: LISTED_DEFAULT };
    for (key, value) in query::singles(query).map_err(|name| Failure::given_twice(&name))? {
        let bad = |expected: String| {
            Failure::bad_request("bad_value", format!("{key} must be {expected}, got {value:?}"))
        };
        match &*key {
            "user" => asked.user = Some(CompactString::new(&value)),
            "after" => {
                asked.after = value.parse().map_err(|_| bad("the number of a session".to_owned()))?;
            }
            "k" => {
                let count = value.parse().ok().filter(|&count| count <= LISTED_MAX);
                asked.count = count.ok_or_else(|| bad(format!("a whole number from 0 to {LISTED_MAX}")))?;
            }
            _ => {
                let message =
                    format!("/v1/admin/sessions has no parameter {key:?}: it has user, after and k");
                return Err(Failure::bad_request("unknown_parameter", message));
            }
        }
    }
    Ok(asked)
}

fn usage_query(query: &str) -> Result<(Option<Month>, ReportFormat), Failure> {
    let (mut month, mut format) = (None, ReportFormat::Json);
    for (key, value) in query::singles(query).map_err(|name| Failure::given_twice(&name))? {
        let bad =
            |expected| Failure::bad_request("bad_value", format!("{key} must be {expected}, got {value:?}"));
        match (&*key, &*value) {
            ("month", month_text) => {
                month = Some(month_text.parse().map_err(|_| bad("a month, as 2026-11"))?);
            }
            ("format", "json") => format = ReportFormat::Json,
            ("format", "csv") => format = ReportFormat::Csv,
            ("format", "table") => format = ReportFormat::Table,
            ("format", _) => return Err(bad("json, csv or table")),
            _ => {
                let message = format!("/v1/admin/usage has no parameter {key:?}: it has month and format");
                return Err(Failure::bad_request("unknown_parameter", message));
            }
        }
    }
    Ok((month, format))
}

fn close_target(body: &[u8]) -> Result<CloseTarget, Failure> {
    let bad = |message: String| Failure::bad_request("bad_body", message);
    let request: CloseRequest = serde_json::from_slice(body).map_err(|error| {
        bad(format!("one of {{\"user\":…}}, {{\"session\":…}} and {{\"token\":…}} is due: {error}"))
    })?;
    let name = |name: &str, text: &str| {
        if is_whole_token(text) {
            return Err(bad(format!("{name} is a whole token: its `jti`, or `sha256:…`, is due")));
        }
        match text.len() {
            1..=NAME_BYTES_MAX => Ok(CompactString::new(text)),
            length => Err(bad(format!("{name} has 1 to {NAME_BYTES_MAX} bytes, this has {length}"))),
        }
    };
    match (request.user, request.session, request.token) {
        (Some(user), None, None) => name("user", &user).map(CloseTarget::User),
        (None, None, Some(token)) => name("token", &token).map(CloseTarget::Token),
        (None, Some(session), None) => {
            let number = match session {
                SessionNumber::Number(number) => Some(number),
                SessionNumber::Text(text) => {
                    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
                }
            };
            number.map(CloseTarget::Session).ok_or_else(|| {
                bad("session is not a session's name, as its `welcome` and /v1/admin/sessions have it"
                    .to_owned())
            })
        }
        _ => Err(bad("give exactly one of user, session and token".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: Result<CloseTarget, &str>) {
        match (close_target(body.as_bytes()), expected) {
            (Ok(target), Ok(wanted)) => assert_eq!(target, wanted, "{body}"),
            (Err(failure), Err(part)) => {
                assert!(failure.code == "bad_body" && failure.text().contains(part), "{body}: {failure:?}");
            }
            (got, wanted) => panic!("{body}: {:?}, and not {wanted:?}", got.map_err(|got| got.text())),
        }
    }

    #[test]
    fn exactly_one_is_meant_and_faults_are_named() {
        check("{\"user\":\"alice\"}", Ok(CloseTarget::User("alice".into())));
        check(" {\"session\":\"17\"} ", Ok(CloseTarget::Session(17)));
        check("{\"token\":\"sha256:00\"}", Ok(CloseTarget::Token("sha256:00".into())));
        check("{\"user\":null,\"token\":\"t\"}", Ok(CloseTarget::Token("t".into())));
        check("{}", Err("exactly one"));
        check("{\"user\":\"a\",\"token\":\"t\"}", Err("exactly one"));
        check("{\"user\":\"a\",\"user\":\"b\"}", Err("duplicate field"));
        check("{\"user\":\"\"}", Err("1 to"));
        check("{\"users\":\"a\"}", Err("unknown field"));
        check("{\"session\":17}", Ok(CloseTarget::Session(17)));
        check("{\"session\":-17}", Err("one of"));
        check("{\"session\":\"+17\"}", Err("not a session's name"));
        check("{\"session\":\"99999999999999999999999\"}", Err("not a session's name"));
        check("{\"token\":\"eyJh.eyJz.c2ln\"}", Err("a whole token"));
        check("[]", Err("one of"));
        check("{\"user\":\"a\"} x", Err("trailing"));
        check("", Err("one of"));
        check(&format!("{{\"user\":\"{}\"}}", "x".repeat(NAME_BYTES_MAX + 1)), Err("bytes"));
    }

    #[test]
    fn a_list_has_bounds() {
        let count =
            |query: &str| sessions_query(query).map(|asked| asked.count).map_err(|failure| failure.code);
        assert_eq!((count(""), count("k=256&token=x")), (Ok(LISTED_DEFAULT), Ok(256)));
        assert_eq!(
            (count("k=257"), count("k=-1"), count("after=x")),
            (Err("bad_value"), Err("bad_value"), Err("bad_value"))
        );
        assert_eq!((count("n=1"), count("k=1&k=2")), (Err("unknown_parameter"), Err("bad_value")));
    }
}
