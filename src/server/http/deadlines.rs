//! Drives an HTTP connection: HTTP itself, its deadlines, and its eviction when idle.
//!
//! One timer per connection, armed when something is expected. hyper's own timeout is not used: it treats a connection
//! that is idle between requests like a failing handshake.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    activity::{HttpActivity, Overdue},
    caller::Caller,
    shared_socket::WeakSocket,
};
use crate::server::{
    admission::balancer::{Connection, Idleness},
    shard::Shard,
};

pub struct ConnectionDeadlines<'a> {
    shard: &'a Shard,
    caller: &'a Caller,
    activity: Arc<HttpActivity>,
    /// HTTP's socket, which a session may take over.
    stream: WeakSocket,
    timer: Pin<Box<Sleep>>,
    /// When rights are checked next, while an answer is pending.
    look: Option<Pin<Box<Sleep>>>,
}

/// Revocation must take effect within 250 ms, 50 of which go to reading the list.
const LOOK: Duration = Duration::from_millis(100);

/// How the connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConnectionEnd {
    /// HTTP ended it, it became a session, or it was evicted.
    Over,
    Overdue(Overdue),
}

impl<'a> ConnectionDeadlines<'a> {
    pub fn new(shard: &'a Shard, caller: &'a Caller, stream: WeakSocket, until: Instant) -> Self {
        let activity = Arc::clone(&caller.activity);
        ConnectionDeadlines {
            shard,
            caller,
            activity,
            stream,
            timer: Box::pin(sleep_until(until)),
            look: None,
        }
    }

    /// Polls `connection` while it may go on.
    pub fn poll<T>(
        &mut self,
        context: &mut Context<'_>,
        connection: Pin<&mut impl Future<Output = T>>,
    ) -> Poll<ConnectionEnd> {
        if !self.may_continue() || connection.poll(context).is_ready() {
            return Poll::Ready(ConnectionEnd::Over);
        }
        if self.poll_rights(context) {
            return Poll::Ready(ConnectionEnd::Over);
        }
        while let Some((until, overdue)) = self.activity.due(&self.shard.node.limits) {
            // A timer that fires too early is cheaper than one that is reset on each request.
            if self.timer.is_elapsed() || until < self.timer.deadline() {
                self.timer.as_mut().reset(until);
            }
            if self.timer.as_mut().poll(context).is_pending() {
                break;
            }
            let now = Instant::now();
            if let Some(stream) = self.stream.upgrade() {
                self.activity.note_acknowledged(&*stream.get(), now);
            }
            if self.activity.due(&self.shard.node.limits).is_some_and(|(until, _)| until <= now) {
                return Poll::Ready(ConnectionEnd::Overdue(overdue));
            }
        }
        if self.activity.is_displaced(context.waker()) {
            return Poll::Ready(ConnectionEnd::Over);
        }
        if self.activity.is_idle() {
            self.mark_idle(context);
        }
        Poll::Pending
    }

    /// Whether a pending answer's rights have ended: the rest of it is not sent.
    fn poll_rights(&mut self, context: &mut Context<'_>) -> bool {
        if !self.caller.has_rights() || self.activity.stalled_for(Instant::now()).is_none() {
            self.look = None;
            return false;
        }
        loop {
            if self.caller.have_rights_ended(&self.shard.node) {
                return true;
            }
            let look = self.look.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + LOOK)));
            if look.as_mut().poll(context).is_pending() {
                return false;
            }
            self.look = None;
        }
    }

    /// Whether the connection has not been evicted.
    fn may_continue(&self) -> bool {
        self.with_connection(Connection::busy).unwrap_or(true)
    }

    fn mark_idle(&self, context: &Context<'_>) {
        self.with_connection(|connection| connection.idle(Idleness::Answered, context.waker()));
    }

    fn with_connection<T>(&self, ask: impl FnOnce(&Connection) -> T) -> Option<T> {
        let connection = self.caller.connection.take()?;
        let answer = ask(&connection);
        self.caller.connection.set(Some(connection));
        Some(answer)
    }
}
