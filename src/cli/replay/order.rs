//! The commands to a replay, as `/v1/replay` takes them.

use serde_json::json;

/// A command.
#[derive(Clone, PartialEq, Debug)]
pub enum ReplayOrder {
    Pause,
    Resume,
    Step(u64),
    /// A step that is answered when every reader was sent it.
    StepAndWait(u64),
    /// A time as the server takes it: a moment in UTC, or a count since 1970.
    Seek(String),
    /// Times as fast as it was received, or `max`.
    Speed(String),
    Restart,
    Sync,
}

/// The name that means every replay of a server.
pub const ALL: &str = "*";

/// Where a replay is queried and commanded; with `span`, its recording's length is queried too.
pub fn path(feed: Option<&str>, span: bool) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if let Some(feed) = feed {
        query.append_pair("feed", feed);
    }
    if span {
        query.append_pair("span", "true");
    }
    match query.finish() {
        query if query.is_empty() => "/v1/replay".to_owned(),
        query => format!("/v1/replay?{query}"),
    }
}

// === impl ReplayOrder ===

impl ReplayOrder {
    pub fn body(&self) -> String {
        let body = match self {
            ReplayOrder::Pause => json!({"op": "pause"}),
            ReplayOrder::Resume => json!({"op": "resume"}),
            ReplayOrder::Step(n) => json!({"op": "step", "n": n}),
            ReplayOrder::Seek(to) => json!({"op": "seek", "to": to}),
            ReplayOrder::Speed(speed) => json!({"op": "speed", "speed": speed}),
            ReplayOrder::StepAndWait(n) => json!({"op": "step", "n": n, "wait": true}),
            ReplayOrder::Restart => json!({"op": "restart"}),
            ReplayOrder::Sync => json!({"op": "sync"}),
        };
        body.to_string()
    }
}
