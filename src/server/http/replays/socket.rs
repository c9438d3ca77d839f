//! `/ws-replay-normalized`: a replay over a WebSocket, from the answer to its upgrade to its close, as one task.
//!
//! Not a session: it has no subscriptions, commands or cursors. The workers make complete frames, which are only copied
//! into the socket here, one part per time slice of the shard.
//!
//! Invariants: a pong goes out after the current frame, not after the part; at most two parts are pending; a client
//! that accepts no byte for `limits.progress` is closed.

use std::{
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, Sleep, sleep},
};

use super::{
    begin::{BegunReplay, CannotBegin, CannotBeginKind},
    recipient::Recipient,
};
use crate::{
    proxies::ClientAddress,
    replays::{
        frames::{ClientFrame, InboundFrames},
        outbound::OutboundFrames,
    },
    server::{
        admission::balancer::Connection,
        replays::{
            ReplayPlace,
            driver::{LOST, ReplayPart},
            stats::ReplayEnd,
        },
        shard::Shard,
        slices::Priority,
        socket::ClientSocket,
    },
    session::{inbound::budget::Budget, socket::SessionSocket},
    wire::CloseReason,
};

/// A connection whose upgrade is answered.
pub struct ReplaySocket {
    shard: Rc<Shard>,
    stream: ClientSocket,
    peer: ClientAddress,
    recipient: Recipient,
    source: ReplaySource,
    /// A part that is waiting for a time slice.
    arrived: Option<ReplayPart>,
    /// The time slice of the shard that the next part waits for.
    slice: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// Dropped when the current part is written.
    written: Option<oneshot::Sender<()>>,
    inbound: InboundFrames,
    budget: Budget,
    out: OutboundFrames,
    /// Timer for periodic checks: rights, drain, progress, pings, end.
    look: Pin<Box<Sleep>>,
    ping_at: Instant,
    /// Since when the socket has accepted nothing, and the kernel's unacknowledged bytes then.
    stalled: Option<(Instant, usize)>,
    /// When the close frame was out.
    closed_at: Option<Instant>,
    _connection: Option<Connection>,
}

type ReplayBeginning = Pin<Box<dyn Future<Output = Result<BegunReplay, CannotBegin>>>>;

enum ReplaySource {
    Begins(ReplayBeginning),
    Plays { parts: mpsc::Receiver<ReplayPart>, _place: ReplayPlace },
    Over,
}

/// tardis-machine's close, whose reason its clients know.
const FINISHED: (u16, &str) = (1000, "WS replay-normalized finished");
const FAILED: u16 = 1011;
const BUSY: u16 = 1013;
/// The ping interval of tardis-machine.
const PING_PERIOD: Duration = Duration::from_secs(30);
/// Revocation must take effect within 250 ms, 50 of which go to reading the list.
const LOOK: Duration = Duration::from_millis(100);
/// Reads per turn of the task.
const READS_A_TURN: usize = 4;

impl ReplaySocket {
    /// `read_ahead`: bytes received after the request. `beginning` ends with the replay's parts.
    pub fn new(
        shard: &Rc<Shard>,
        stream: ClientSocket,
        peer: ClientAddress,
        recipient: Recipient,
        beginning: impl Future<Output = Result<BegunReplay, CannotBegin>> + 'static,
        read_ahead: &[u8],
        connection: Option<Connection>,
    ) -> Self {
        let now = Instant::now();
        let budget = Budget::new(&shard.node.limits, shard.node.clock.now());
        let mut socket = ReplaySocket {
            shard: Rc::clone(shard),
            stream,
            peer,
            recipient,
            source: ReplaySource::Begins(Box::pin(beginning)),
            arrived: None,
            slice: None,
            written: None,
            inbound: InboundFrames::default(),
            budget,
            out: OutboundFrames::default(),
            look: Box::pin(sleep(LOOK)),
            ping_at: now + PING_PERIOD,
            stalled: None,
            closed_at: None,
            _connection: connection,
        };
        socket.hear(read_ahead);
        socket
    }

    /// Closes; pending parts beyond the current frame are dropped.
    fn cut(&mut self, end: ReplayEnd, code: u16, reason: &str) {
        self.out.cut(code, reason);
        self.over(end);
    }

    fn over(&mut self, end: ReplayEnd) {
        if !matches!(self.source, ReplaySource::Over) {
            self.recipient.end(end);
            self.source = ReplaySource::Over;
            (self.arrived, self.written, self.slice) = (None, None, None);
        }
    }

    /// Handles received bytes.
    fn hear(&mut self, bytes: &[u8]) {
        let (mut frames, mut close, out) = (0, None, &mut self.out);
        let heard = self.inbound.take(bytes, |heard| {
            frames += 1;
            match heard {
                ClientFrame::Ping(payload) => out.pong(payload),
                ClientFrame::Close(payload) => close = Some(payload),
                ClientFrame::Pong | ClientFrame::Message => {}
            }
        });
        let node = &self.shard.node;
        let (limits, now) = (&*node.limits, node.clock.now());
        let is_within =
            self.budget.take_frames(frames, limits, now) && self.budget.take_bytes(bytes.len(), limits, now);
        if let Some(payload) = close {
            self.out.answer_close(payload);
            self.over(ReplayEnd::Left);
        } else if let Err(reason) = heard {
            self.cut(ReplayEnd::Client, reason.code(), reason.phrase());
        } else if !is_within {
            let reason = CloseReason::Policy;
            self.cut(ReplayEnd::Client, reason.code(), reason.phrase());
        }
    }

    /// Reads; `false` when the client has hung up.
    fn read(&mut self, context: &mut Context<'_>) -> bool {
        let mut buffer = [0; 4 * 1024];
        for _ in 0..READS_A_TURN {
            match self.stream.poll_receive(context, &mut buffer) {
                Poll::Pending => return true,
                Poll::Ready(Ok(count)) if count > 0 => self.hear(&buffer[..count]),
                Poll::Ready(_) => return false,
            }
        }
        // Let others have their turn first.
        context.waker().wake_by_ref();
        true
    }

    /// Takes the next part; `false` if it is not available yet.
    fn refill(&mut self, context: &mut Context<'_>) -> bool {
        self.written = None;
        if let ReplaySource::Begins(beginning) = &mut self.source {
            match beginning.as_mut().poll(context) {
                Poll::Pending => return false,
                Poll::Ready(Ok(BegunReplay { parts, place })) => {
                    self.source = ReplaySource::Plays { parts, _place: place }
                }
                Poll::Ready(Err(CannotBegin { kind, message })) => {
                    if kind == CannotBeginKind::NotEntitled {
                        self.recipient.refused(self.peer);
                    }
                    let code = if kind == CannotBeginKind::Busy { BUSY } else { FAILED };
                    // As JavaScript formats a thrown error.
                    self.cut(ReplayEnd::Refused, code, &format!("Error: {message}"));
                    return true;
                }
            }
        }
        let ReplaySource::Plays { parts, .. } = &mut self.source else { return false };
        if self.arrived.is_none() {
            let Poll::Ready(part) = parts.poll_recv(context) else { return false };
            self.arrived = Some(part.unwrap_or(LOST));
        }
        let slices = &self.shard.slices;
        let slice = self.slice.get_or_insert_with(|| Box::pin(slices.slice(Priority::Common)));
        if slice.as_mut().poll(context).is_pending() {
            return false;
        }
        self.slice = None;
        let Some(part) = self.arrived.take() else { return false };
        if let Some(reason) = self.recipient.ended() {
            self.cut(ReplayEnd::Ended, reason.code(), reason.phrase());
            return true;
        }
        match part {
            ReplayPart::Messages(part) => {
                self.recipient.takes(&part);
                self.written = part.written;
                self.out.data(part.bytes);
            }
            ReplayPart::End => {
                self.out.close(FINISHED.0, FINISHED.1);
                self.over(ReplayEnd::Finished);
            }
            ReplayPart::Failed(why) => self.cut(ReplayEnd::Failed, FAILED, why),
        }
        true
    }

    /// Writes what the socket accepts; `false` when the client is gone.
    fn write(&mut self, context: &mut Context<'_>) -> bool {
        loop {
            while self.out.has_sent_data() && self.refill(context) {}
            let bytes = self.out.due();
            if bytes.is_empty() {
                break;
            }
            match self.stream.send(bytes) {
                Ok(count) => {
                    self.out.advance(count);
                    self.stalled = None;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    let held = || (Instant::now(), self.stream.unacknowledged_bytes());
                    self.stalled.get_or_insert_with(held);
                    if self.stream.poll_writable(context).is_pending() {
                        return true;
                    }
                }
                Err(_) => return false,
            }
        }
        // TLS may have buffered some of it.
        let _ = self.stream.poll_flush(context);
        if self.out.is_closed() && self.closed_at.is_none() {
            self.closed_at = Some(Instant::now());
            self.stream.end_writing();
        }
        true
    }

    /// Runs the periodic checks; `false` when the connection is over.
    fn look(&mut self) -> bool {
        let now = Instant::now();
        let node = Arc::clone(&self.shard.node);
        let limits = &*node.limits;
        if let Some(closed_at) = self.closed_at {
            return now < closed_at + limits.close_grace;
        }
        if let Some((since, held)) = &mut self.stalled {
            let holds = self.stream.unacknowledged_bytes();
            if holds < *held {
                (*since, *held) = (now, holds);
            } else if now >= *since + limits.progress {
                self.recipient.end(ReplayEnd::Client);
                return false;
            }
        }
        if let Some(reason) = self.recipient.ended() {
            if reason != CloseReason::Drain && self.out.is_within_frame() {
                // The rest of the frame may no longer be read, and a close cannot precede it.
                self.over(ReplayEnd::Ended);
                return false;
            }
            if !matches!(self.source, ReplaySource::Over) {
                self.cut(ReplayEnd::Ended, reason.code(), reason.phrase());
            }
        }
        if now >= self.ping_at {
            self.ping_at = now + PING_PERIOD;
            self.out.ping();
        }
        true
    }
}

impl Future for ReplaySocket {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let socket = self.get_mut();
        while socket.look.as_mut().poll(context).is_ready() {
            socket.look.as_mut().reset(Instant::now() + LOOK);
            if !socket.look() {
                return Poll::Ready(());
            }
        }
        if socket.read(context) && socket.write(context) { Poll::Pending } else { Poll::Ready(()) }
    }
}
