//! Spans of handshakes and commands, for whoever collects traces: the program does with the feature `otel`.
//!
//! A span is one of `tracing`, of the level TRACE and of one target, so that without a collector it costs one comparison. None
//! has a parent: a session's are found by its number.
//!
//! Invariants: there is none for a message that is delivered; none has a token, a query, a header or a symbol; each has an
//! outcome once it has ended.

use tracing::{Span, field::Empty};

/// What every span has as its target, and nothing else.
pub const TARGET: &str = "tickcast::spans";

/// What is under way.
pub struct OpenSpan {
    span: Span,
    has_outcome: bool,
}

/// A handshake of TLS, from the connection's beginning on.
pub fn tls_handshake() -> OpenSpan {
    OpenSpan::of(tracing::trace_span!(
        target: TARGET, parent: None, "tls_handshake",
        version = Empty, resumed = Empty, outcome = Empty, otel.status_code = Empty
    ))
}

/// An upgrade to a WebSocket, from its request on.
pub fn upgrade() -> OpenSpan {
    OpenSpan::of(tracing::trace_span!(
        target: TARGET, parent: None, "upgrade", session = Empty, outcome = Empty, otel.status_code = Empty
    ))
}

/// A command of a session, from its reading to its answer. `symbols`: how many symbols and globs it names.
pub fn command(op: &'static str, session: u64, symbols: usize) -> OpenSpan {
    OpenSpan::of(tracing::trace_span!(
        target: TARGET, parent: None, "command",
        op, session, symbols = symbols as u64, refused = Empty, outcome = Empty, otel.status_code = Empty
    ))
}

impl OpenSpan {
    fn of(span: Span) -> Self {
        OpenSpan { span, has_outcome: false }
    }

    /// Whether anybody collects it.
    pub fn is_collected(&self) -> bool {
        !self.span.is_disabled()
    }

    /// Of a handshake that is done.
    pub fn note_tls(&self, version: Option<&'static str>, is_resumed: bool) {
        if let Some(version) = version {
            self.span.record("version", version);
        }
        self.span.record("resumed", is_resumed);
    }

    /// The number of the session that has begun.
    pub fn note_session(&self, number: u64) {
        self.span.record("session", number);
    }

    /// How many of the symbols were refused.
    pub fn note_refused(&self, symbols: usize) {
        self.span.record("refused", symbols as u64);
    }

    /// It has failed, for this reason; the first one counts.
    pub fn fail(&mut self, reason: &'static str) {
        self.end_with(reason);
        self.span.record("otel.status_code", "ERROR");
    }

    /// It ends here, and well unless it has failed.
    pub fn end(mut self) {
        self.end_with("ok");
    }

    fn end_with(&mut self, outcome: &'static str) {
        if !std::mem::replace(&mut self.has_outcome, true) {
            self.span.record("outcome", outcome);
        }
    }
}

/// Nothing is under way.
impl Default for OpenSpan {
    fn default() -> Self {
        OpenSpan { span: Span::none(), has_outcome: true }
    }
}

/// What ends without a word has lost its client.
impl Drop for OpenSpan {
    fn drop(&mut self) {
        self.end_with("gone");
    }
}
