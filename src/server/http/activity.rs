//! [`HttpActivity`]: the recent activity of an HTTP connection, and its next deadline. Times are arguments.
//!
//! A first request must arrive within `limits.handshake` of accept, a later one within the same time of its first byte.
//! Between requests a connection may idle for `limits.idle`. While a part of an answer waits for the socket, a byte
//! must be sent or acknowledged every `limits.progress`. A connection that becomes a session follows the session's
//! deadlines.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::Duration,
};

use tokio::time::Instant;

use crate::{limits::Limits, server::slices::Priority, session::socket::SessionSocket};

/// Shared by the socket, the service and the deadlines of one connection, all on one thread. The lock is never
/// contended; it exists because HTTP requires sockets that can move between threads.
pub struct HttpActivity(Mutex<ActivityState>);

#[expect(clippy::struct_excessive_bools, reason = "four facts that hold or not, each for itself")]
struct ActivityState {
    /// Deadline of the first request; `None` once it has arrived.
    first_until: Option<Instant>,
    /// The number of requests whose answers were not yet handed to the socket whole.
    asking: usize,
    /// HTTP has started to write, and not finished.
    is_behind: bool,
    /// When the first byte of an incomplete request arrived.
    head_since: Option<Instant>,
    /// The last bytes read.
    tail: u32,
    /// Whether these are within a head, as far as known.
    in_head: bool,
    /// The last request had a body.
    had_body: bool,
    /// When a request was last read or an answer written.
    quiet_since: Instant,
    stalled: Option<Stalled>,
    /// The priority of the last request.
    priority: Priority,
    /// The connection must end, in favour of a client that reads.
    is_displaced: bool,
    /// The waker of the connection's task.
    waker: Option<Waker>,
}

/// Since when the socket has accepted nothing.
#[derive(Clone, Copy)]
struct Stalled {
    since: Instant,
    /// The kernel's unacknowledged bytes at that time.
    unacknowledged_bytes: usize,
}

/// The deadline that a connection has missed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overdue {
    /// A request, the first or one that has started, did not arrive in time.
    Request,
    /// No request came for too long.
    Idle,
    /// The client accepted no byte of an answer for too long.
    Progress,
}

impl HttpActivity {
    /// `until`: deadline of the first request.
    pub fn new(until: Instant, now: Instant) -> Self {
        HttpActivity(Mutex::new(ActivityState {
            first_until: Some(until),
            asking: 0,
            is_behind: false,
            head_since: None,
            tail: 0,
            in_head: true,
            had_body: false,
            quiet_since: now,
            stalled: None,
            priority: Priority::Common,
            is_displaced: false,
            waker: None,
        }))
    }

    /// Notes bytes that were read.
    pub fn has_read(&self, bytes: &[u8], now: Instant) {
        let mut state = self.state();
        state.tail = bytes[bytes.len().saturating_sub(4)..]
            .iter()
            .fold(state.tail, |tail, &byte| tail << 8 | u32::from(byte));
        // A request without a body ends in an empty line.
        state.in_head = state.tail != u32::from_be_bytes(*b"\r\n\r\n");
        state.quiet_since = now;
        if state.asking == 0 {
            state.head_since.get_or_insert(now);
        }
    }

    /// Notes a complete request, except for its body.
    pub fn begins(&self, has_body: bool, priority: Priority) {
        let mut state = self.state();
        state.priority = priority;
        state.first_until = None;
        state.asking += 1;
        state.head_since = None;
        state.had_body = has_body;
        // After a body the start of the next head is unknown.
        state.in_head &= !has_body;
    }

    /// Whether the last request had a body.
    pub fn had_body(&self) -> bool {
        self.state().had_body
    }

    /// Notes that an answer was handed to the socket, or abandoned.
    pub fn ends(&self, now: Instant) {
        let mut state = self.state();
        state.asking = state.asking.saturating_sub(1);
        state.quiet_since = now;
        if state.asking == 0 && state.in_head {
            state.head_since = Some(now);
        }
    }

    /// Notes that HTTP starts to write.
    pub fn writes(&self) {
        self.state().is_behind = true;
    }

    /// Notes that HTTP has written everything it has.
    pub fn has_flushed(&self) {
        self.state().is_behind = false;
    }

    /// Whether everything that HTTP wrote is out.
    pub fn is_flushed(&self) -> bool {
        !self.state().is_behind
    }

    /// Notes that the socket accepted bytes.
    pub fn has_written(&self, now: Instant) {
        let mut state = self.state();
        state.stalled = None;
        state.quiet_since = now;
    }

    /// Notes that the socket accepts no more for now.
    pub fn stalls(&self, socket: &impl SessionSocket, now: Instant) {
        let stalled = || Stalled { since: now, unacknowledged_bytes: socket.unacknowledged_bytes() };
        self.state().stalled.get_or_insert_with(stalled);
    }

    /// The priority for time slices of the connection.
    pub fn priority(&self) -> Priority {
        self.state().priority
    }

    /// How long the client has accepted nothing.
    pub fn stalled_for(&self, now: Instant) -> Option<Duration> {
        let Stalled { since, .. } = self.state().stalled?;
        Some(now.saturating_duration_since(since))
    }

    /// Ends the connection, from any thread.
    pub fn displace(&self) {
        let mut state = self.state();
        state.is_displaced = true;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// Whether the connection must end. If not, `waker` is woken when it must.
    pub fn is_displaced(&self, waker: &Waker) -> bool {
        let mut state = self.state();
        // A connection that is not stalled is never displaced.
        if state.stalled.is_some() && !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        state.is_displaced
    }

    /// Whether no request and no answer is in progress: the connection is evictable.
    pub fn is_idle(&self) -> bool {
        let state = self.state();
        state.first_until.is_none()
            && state.asking == 0
            && state.head_since.is_none()
            && state.stalled.is_none()
    }

    /// The next deadline, and what is overdue when it passes; `None` when nothing is expected.
    pub fn due(&self, limits: &Limits) -> Option<(Instant, Overdue)> {
        let state = self.state();
        if let Some(Stalled { since, .. }) = state.stalled {
            return Some((since + limits.progress, Overdue::Progress));
        }
        if let Some(until) = state.first_until {
            return Some((until, Overdue::Request));
        }
        if state.asking > 0 {
            return None;
        }
        Some(match state.head_since {
            Some(since) => (since + limits.handshake, Overdue::Request),
            None => (state.quiet_since + limits.idle, Overdue::Idle),
        })
    }

    /// On a slow link the peer acknowledges bytes long before the socket is writable. That is progress too.
    pub fn note_acknowledged(&self, socket: &impl SessionSocket, now: Instant) {
        let unacknowledged_bytes = socket.unacknowledged_bytes();
        let mut state = self.state();
        if let Some(stalled) = &mut state.stalled
            && unacknowledged_bytes < stalled.unacknowledged_bytes
        {
            *stalled = Stalled { since: now, unacknowledged_bytes };
        }
    }

    fn state(&self) -> MutexGuard<'_, ActivityState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

    const LIMITS: Limits = Limits {
        handshake: Duration::from_secs(10),
        idle: Duration::from_secs(75),
        progress: Duration::from_secs(20),
        ..limits::DEFAULT
    };

    fn check(activity: &HttpActivity, from: Instant, seconds: u64, overdue: Overdue) {
        assert_eq!(activity.due(&LIMITS), Some((from + Duration::from_secs(seconds), overdue)));
    }

    fn at(begin: Instant, seconds: u64) -> Instant {
        begin + Duration::from_secs(seconds)
    }

    #[test]
    fn a_first_request_has_the_time_of_a_handshake_however_it_trickles() {
        let begin = Instant::now();
        let activity = HttpActivity::new(at(begin, 10), begin);
        check(&activity, begin, 10, Overdue::Request);
        activity.has_read(b"GET / HT", at(begin, 9));
        check(&activity, begin, 10, Overdue::Request);
        assert!(!activity.is_idle());
    }

    #[test]
    fn between_requests_it_may_idle_and_a_later_one_has_the_time_of_a_handshake() {
        let begin = Instant::now();
        let activity = HttpActivity::new(at(begin, 10), begin);
        activity.has_read(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", begin);
        activity.begins(false, Priority::Common);
        assert_eq!(activity.due(&LIMITS), None);
        activity.has_written(at(begin, 1));
        activity.ends(at(begin, 1));
        check(&activity, begin, 76, Overdue::Idle);
        assert!(activity.is_idle());
        activity.has_read(b"GET / HTTP/1.1\r\n", at(begin, 70));
        activity.has_read(b"Host: x\r\n", at(begin, 79));
        check(&activity, begin, 80, Overdue::Request);
        activity.has_read(b"\r\n", at(begin, 79));
        activity.begins(false, Priority::Common);
        activity.ends(at(begin, 79));
        check(&activity, begin, 154, Overdue::Idle);
    }

    #[test]
    fn half_a_request_behind_a_whole_one_is_half_a_request() {
        let begin = Instant::now();
        let activity = HttpActivity::new(at(begin, 10), begin);
        activity.has_read(b"GET / HTTP/1.1\r\n\r\nGET / HT", begin);
        activity.begins(false, Priority::Common);
        activity.ends(at(begin, 1));
        check(&activity, begin, 11, Overdue::Request);
        let activity = HttpActivity::new(at(begin, 10), begin);
        activity.has_read(b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n{", begin);
        activity.begins(true, Priority::Common);
        activity.ends(at(begin, 1));
        check(&activity, begin, 76, Overdue::Idle);
    }
}
