//! The read side: tungstenite decodes a client's messages, from a stream that counts bytes and keeps its answers.
//!
//! tungstenite answers pings and closes by itself. Its answers go to the control queue, frame by frame, and never into
//! the middle of a data frame. Input that it does not report (bytes, empty fragments) is counted as it is read.
//!
//! An idle session owns no decoder. Between two messages there is no state to keep, so the decoder is dropped, together
//! with the buffer that the last message may have grown.

use std::{
    io::{self, Read, Write},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{
    Error, Message,
    error::{CapacityError, ProtocolError},
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

use super::{
    balancer::Connection, boundary::Boundary, budget::Budget, core::Core, flush::CONTROL_GATE_BYTES,
    places::Place, shard::Shard, socket::SessionSocket, state::Session, stats::LimitHit,
};
use crate::{
    fanout::SessionKey,
    limits::{Limits, READ_BUFFER_BYTES},
    planted::{Fault, is_planted},
    tick::Nanos,
    wire::CloseReason,
};

/// Messages that are read from one session before the others' turn.
const MESSAGES_A_TURN: usize = 16;
/// The same, in bytes of messages.
const BYTES_A_TURN: usize = 16 * 1024;

/// A WebSocket decoder with small buffers.
fn decoder(read_ahead: Vec<u8>, limits: &Limits) -> WebSocketContext {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(64 * 1024)
        .max_message_size(Some(limits.message_bytes))
        .max_frame_size(Some(limits.message_bytes));
    WebSocketContext::from_partially_read(read_ahead, Role::Server, Some(config))
}

/// A session after its handshake, as one task: it reads, and resumes writing when the socket takes bytes.
///
/// Written out, because an `async fn` would hold its arguments twice.
pub struct SessionTask<S: SessionSocket = TcpStream> {
    pub shard: Rc<Shard<S>>,
    pub key: SessionKey,
    pub stream: Rc<S>,
    pub inbound: Inbound,
    /// The session's share of its peer's limits; released when the task ends.
    pub held: (Option<Place>, Option<Connection>),
}

/// Input that is not yet a whole message.
pub struct Inbound {
    /// `None` between messages.
    decoder: Option<Box<WebSocketContext>>,
    boundary: Boundary,
}

impl Inbound {
    /// `read_ahead`: bytes that came after the handshake.
    pub fn new(read_ahead: &[u8], limits: &Limits) -> Self {
        let mut boundary = Boundary::default();
        boundary.pass(read_ahead);
        let decoder = (!read_ahead.is_empty()).then(|| Box::new(decoder(read_ahead.to_vec(), limits)));
        Inbound { decoder, boundary }
    }
}

impl<S: SessionSocket> Future for SessionTask<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let task = self.get_mut();
        let mut core = task.shard.core.borrow_mut();
        let result = poll(&mut core, task.key, &task.stream, &mut task.inbound, context);
        if result.is_ready() {
            if is_planted(Fault::KeepsPlace) {
                std::mem::forget(task.held.0.take());
            }
            task.held = (None, None);
        }
        // This client's commands may have queued messages for other sessions and made them ready: a turn is due. A
        // replay may wait for what this session has just taken.
        if core.fanout.has_ready() || core.has_work() || core.shared.ingest.readers.is_watched() {
            task.shard.wake();
        }
        result
    }
}

fn poll<S: SessionSocket>(
    core: &mut Core<S>,
    key: SessionKey,
    stream: &S,
    inbound: &mut Inbound,
    context: &mut Context<'_>,
) -> Poll<()> {
    core.write_on(key, stream, context);
    let mut bytes = 0;
    for _ in 0..MESSAGES_A_TURN {
        let Some(session) = core.session(key) else { return Poll::Ready(()) };
        if session.closing.is_some() {
            return core.poll_farewell(key, stream, &mut inbound.boundary, context);
        }
        if session.control.len() > CONTROL_GATE_BYTES
            || session.jobs.as_ref().is_some_and(|jobs| jobs.is_full())
        {
            // A client that has not read its answers, or has not been sent them yet, is not read further.
            session.reading_held = true;
            core.flush(key);
            if core.session(key).is_some_and(|session| session.reading_held) {
                return Poll::Pending;
            }
            continue;
        }
        // A session that has nothing to read gets no decoder.
        let progress = if inbound.decoder.is_some() || stream.poll_readable(context).is_ready() {
            core.read_message(key, stream, inbound)
        } else {
            Progress::WouldBlock
        };
        match progress {
            Progress::Message(more) => {
                bytes += more;
                if bytes > BYTES_A_TURN {
                    break;
                }
            }
            Progress::Ended => core.flush(key),
            Progress::WouldBlock => match stream.poll_readable(context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => core.drop_session(key, CloseReason::Gone),
                Poll::Pending => {
                    core.flush(key);
                    return if core.session(key).is_some() { Poll::Pending } else { Poll::Ready(()) };
                }
            },
        }
    }
    core.flush(key);
    context.waker().wake_by_ref();
    Poll::Pending
}

enum Progress {
    /// Its length in bytes.
    Message(usize),
    WouldBlock,
    Ended,
}

impl<S: SessionSocket> Core<S> {
    /// Has the session's task woken when its socket can take bytes, and resumes writing then.
    pub(super) fn write_on(&mut self, key: SessionKey, stream: &S, context: &mut Context<'_>) {
        let Some(session) = self.session(key) else { return };
        let waker = &mut session.transport.waker;
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        if session.blocked && stream.poll_writable(context).is_ready() {
            session.blocked = is_planted(Fault::StaysBlocked);
            self.flush(key);
        }
    }

    fn read_message(&mut self, key: SessionKey, stream: &S, inbound: &mut Inbound) -> Progress {
        let now = self.shared.clock.now();
        let shared = Arc::clone(&self.shared);
        let Some(session) = self.session(key) else { return Progress::Ended };
        let Session { control, control_frames, budget, .. } = session;
        let Inbound { decoder: context, boundary } = inbound;
        let mut counted = Counted {
            stream,
            answers: control,
            answered: control_frames,
            budget,
            boundary,
            limits: &shared.limits,
            now,
            spent: None,
        };
        let context = context.get_or_insert_with(|| Box::new(decoder(Vec::new(), &shared.limits)));
        let message = context.read(&mut counted);
        if let Some(limit) = counted.spent {
            self.stats.limits[limit as usize] += 1;
            self.close(key, CloseReason::Policy);
            return Progress::Ended;
        }
        match message {
            Ok(message) => {
                if matches!(message, Message::Ping(_) | Message::Close(_)) {
                    // The answer is queued; the flush moves it to the control queue. It fails when the close is
                    // complete.
                    let _ = context.flush(&mut counted);
                }
                self.take_message(key, message, now)
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                if inbound.boundary.is_between_messages() {
                    inbound.decoder = None;
                }
                Progress::WouldBlock
            }
            Err(error) => {
                match reason_of(&error) {
                    CloseReason::Gone => self.drop_session(key, CloseReason::Gone),
                    reason => self.close(key, reason),
                }
                Progress::Ended
            }
        }
    }

    fn take_message(&mut self, key: SessionKey, message: Message, now: Nanos) -> Progress {
        let Some(session) = self.session(key) else { return Progress::Ended };
        if !is_planted(Fault::ForgetsHeard) {
            session.heard_at = now;
        }
        let bytes = message.len();
        match message {
            Message::Text(text) => self.command(key, text.as_str(), now),
            Message::Binary(_) if is_planted(Fault::TakesBinary) => {}
            Message::Binary(_) => self.close(key, CloseReason::UnsupportedData),
            Message::Close(_) => self.closed_by_client(key),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
        Progress::Message(bytes)
    }

    /// Reads and discards what a client sends after our close, until it closes its side or sends its own close.
    fn poll_farewell(
        &mut self,
        key: SessionKey,
        stream: &S,
        boundary: &mut Boundary,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        self.flush(key);
        for _ in 0..MESSAGES_A_TURN {
            let Some(session) = self.session(key) else { return Poll::Ready(()) };
            if session.has_said_all() && boundary.has_closed() {
                // Both sides have closed: the server ends the connection first (RFC 6455, 7.1.1).
                self.drop_session(key, CloseReason::Gone);
                continue;
            }
            let mut sink = [0; 4096];
            match stream.receive(&mut sink) {
                Ok(bytes @ 1..) => {
                    boundary.pass(&sink[..bytes]);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if stream.poll_readable(context).is_pending() {
                        return Poll::Pending;
                    }
                }
                Ok(0) | Err(_) => self.drop_session(key, CloseReason::Gone),
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// The socket as tungstenite sees it: reads are counted, and writes are answers for the control queue.
struct Counted<'a, S> {
    stream: &'a S,
    answers: &'a mut Vec<u8>,
    answered: &'a mut u32,
    budget: &'a mut Budget,
    boundary: &'a mut Boundary,
    limits: &'a Limits,
    now: Nanos,
    /// The budget that was exceeded.
    spent: Option<LimitHit>,
}

impl<S: SessionSocket> Read for Counted<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.stream.receive(buffer)?;
        let frames = self.boundary.pass(&buffer[..bytes]);
        if !self.budget.take_bytes(bytes, self.limits, self.now) {
            self.spent = Some(LimitHit::InboundBytes);
        } else if !self.budget.take_frames(frames, self.limits, self.now)
            && !is_planted(Fault::CountsNoFrames)
        {
            self.spent = Some(LimitHit::Frames);
        }
        if self.spent.is_some() {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        Ok(bytes)
    }
}

impl<S> Write for Counted<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // With a write buffer of 0 bytes, tungstenite writes each frame at once and whole.
        self.answers.extend_from_slice(bytes);
        *self.answered += 1;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The close reason that says whose fault the end of reading was.
fn reason_of(error: &Error) -> CloseReason {
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Io(_)
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => CloseReason::Gone,
        Error::Capacity(CapacityError::MessageTooLong { .. }) => CloseReason::TooBig,
        Error::Utf8(_) => CloseReason::InvalidPayload,
        Error::Protocol(_) => CloseReason::ProtocolError,
        _ => CloseReason::Internal,
    }
}
