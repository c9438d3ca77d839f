//! The read side of a session: tungstenite decodes messages from a stream that counts bytes and captures its answers.
//!
//! tungstenite answers pings and closes itself. Its answers go to the control queue, frame by frame, never into the
//! middle of a data frame. Input that it does not report (bytes, empty fragments) is counted as it is read.
//!
//! An idle session has no decoder: between messages there is no state to keep, so the decoder is dropped, with the
//! buffer that the last message may have grown.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    sync::Arc,
    task::{Context, Poll},
};

use tokio_tungstenite::tungstenite::{
    Error, Message,
    error::{CapacityError, ProtocolError},
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

use super::{
    boundary::{Arrival, Boundary},
    budget::Budget,
    small::Small,
};
use crate::{
    fanout::SessionKey,
    limits::{Limits, READ_BUFFER_BYTES},
    planted::{Fault, is_planted},
    session::{
        core::Core, outbound::write::CONTROL_GATE_BYTES, socket::SessionSocket, state::Session,
        stats::LimitHit,
    },
    tick::Nanos,
    wire::{CloseReason, Encoding, InflateFault},
};

/// Messages read from one session before the others get their turn.
pub(super) const MESSAGES_A_TURN: usize = 16;
/// The same limit, in bytes of messages.
const BYTES_A_TURN: usize = 16 * 1024;

/// State that exists only while a message is incomplete.
struct MessageDecoder {
    context: WebSocketContext,
    /// With permessage-deflate: how the started messages were sent.
    arrivals: VecDeque<Arrival>,
}

/// A WebSocket decoder with small buffers.
fn decoder(read_ahead: Vec<u8>, arrivals: VecDeque<Arrival>, limits: &Limits) -> Box<MessageDecoder> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(64 * 1024)
        .max_message_size(Some(limits.message_bytes))
        .max_frame_size(Some(limits.message_bytes));
    let context = WebSocketContext::from_partially_read(read_ahead, Role::Server, Some(config));
    Box::new(MessageDecoder { context, arrivals })
}

/// The read state of a session.
pub struct Inbound {
    /// `None` between messages.
    decoder: Option<Box<MessageDecoder>>,
    pub boundary: Boundary,
}

impl Inbound {
    /// `read_ahead`: bytes that were received after the handshake.
    pub fn new(read_ahead: &[u8], encoding: Encoding, limits: &Limits) -> Self {
        let mut boundary = Boundary::of(encoding);
        let (mut bytes, mut arrivals) = (read_ahead.to_vec(), VecDeque::new());
        boundary.pass(&mut bytes, |arrival| arrivals.push_back(arrival));
        let decoder = (!bytes.is_empty()).then(|| decoder(bytes, arrivals, limits));
        Inbound { decoder, boundary }
    }
}

enum Progress {
    /// With its length in bytes.
    Message(usize),
    WouldBlock,
    Ended,
}

impl<S: SessionSocket> Core<S> {
    /// Reads the client's input, and writes what its socket accepts. Ready when the session has ended.
    pub fn poll_session(
        &mut self,
        key: SessionKey,
        stream: &S,
        inbound: &mut Inbound,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        self.polled = self.polled.wrapping_add(1);
        self.resume_writing(key, stream, context);
        let mut bytes = 0;
        for _ in 0..MESSAGES_A_TURN {
            let Some(session) = self.session(key) else { return Poll::Ready(()) };
            if session.closing.is_some() {
                return self.poll_close(key, stream, &mut inbound.boundary, context);
            }
            if session.control.len() > CONTROL_GATE_BYTES
                || session.jobs.as_ref().is_some_and(|jobs| jobs.is_full())
            {
                // Backpressure: do not read on from a client that has not read, or not been sent, its answers.
                session.reading_held = true;
                self.flush(key);
                if self.session(key).is_some_and(|session| session.reading_held) {
                    return Poll::Pending;
                }
                continue;
            }
            // Without input no decoder is created.
            if inbound.decoder.is_none() && stream.poll_readable(context).is_pending() {
                self.flush_own(key);
                return if self.session(key).is_some() { Poll::Pending } else { Poll::Ready(()) };
            }
            match self.read_message(key, stream, inbound) {
                Progress::Message(more) => {
                    bytes += more;
                    if bytes > BYTES_A_TURN {
                        break;
                    }
                }
                Progress::Ended => self.flush(key),
                Progress::WouldBlock => match stream.poll_readable(context) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => self.drop_session(key, CloseReason::Gone),
                    Poll::Pending => {
                        self.flush_own(key);
                        return if self.session(key).is_some() { Poll::Pending } else { Poll::Ready(()) };
                    }
                },
            }
        }
        self.flush_own(key);
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Registers the task to be woken when the socket accepts bytes, and resumes writing then.
    pub fn resume_writing(&mut self, key: SessionKey, stream: &S, context: &mut Context<'_>) {
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
        let now = self.node.clock.now();
        if inbound.decoder.is_none()
            && let Some(progress) = self.read_small(key, stream, inbound, now)
        {
            return progress;
        }
        let node = Arc::clone(&self.node);
        let Some(session) = self.session(key) else { return Progress::Ended };
        let Session { control, control_frames, budget, .. } = session;
        let Inbound { decoder: current, boundary } = inbound;
        let current = current.get_or_insert_with(|| decoder(Vec::new(), VecDeque::new(), &node.limits));
        let MessageDecoder { context, arrivals } = &mut **current;
        let mut counted = CountedSocket {
            stream,
            answers: control,
            answered: control_frames,
            budget,
            boundary,
            arrivals,
            limits: &node.limits,
            now,
            spent: None,
        };
        let message = context.read(&mut counted);
        if let Some(limit) = counted.spent {
            return self.end_by_budget(key, limit);
        }
        match message {
            Ok(message) => {
                if matches!(message, Message::Ping(_) | Message::Close(_)) {
                    // The answer is queued; the flush moves it to the control queue. It fails when the close is
                    // complete.
                    let _ = context.flush(&mut counted);
                }
                let is_data = matches!(message, Message::Text(_) | Message::Binary(_));
                let arrival = if is_data { arrivals.pop_front() } else { None };
                self.take_message(key, message, arrival.unwrap_or(Arrival::Plain), now)
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

    /// Reads between two messages, and handles leading proofs of reading (whole pong and `ack` frames) without the
    /// decoder. What follows is left to a decoder; `None` if there is some.
    fn read_small(
        &mut self,
        key: SessionKey,
        stream: &S,
        inbound: &mut Inbound,
        now: Nanos,
    ) -> Option<Progress> {
        let mut buffer = [0; READ_BUFFER_BYTES];
        let mut rest = match stream.receive(&mut buffer) {
            Ok(bytes @ 1..) => &mut buffer[..bytes],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Some(Progress::WouldBlock),
            Ok(0) | Err(_) => {
                self.drop_session(key, CloseReason::Gone);
                return Some(Progress::Ended);
            }
        };
        let bytes = rest.len();
        while let Some((small, length)) = Small::read(rest) {
            match small {
                Small::Pong(position) => self.take_pong(key, position, now),
                // A dialect handles it like any other message.
                Small::Ack(_) if self.speaks_dialect(key) => break,
                // The decoder reports the error.
                Small::Ack(seen) if self.take_ack(key, seen, now).is_err() => break,
                Small::Ack(_) => {}
            }
            let session = self.sessions.get_mut(key.0 as usize).and_then(Option::as_deref_mut);
            let Some(session) = session else { return Some(Progress::Ended) };
            if let Some(limit) = session.budget.take_frame(length, &self.node.limits, now) {
                return Some(self.end_by_budget(key, limit));
            }
            self.note_heard(key, now);
            if !self.may_say_more(key, now) {
                return Some(Progress::Ended);
            }
            rest = &mut rest[length..];
        }
        if rest.is_empty() {
            return Some(Progress::Message(bytes));
        }
        let node = Arc::clone(&self.node);
        let Some(session) = self.session(key) else { return Some(Progress::Ended) };
        let mut arrivals = VecDeque::new();
        let note = |arrival| arrivals.push_back(arrival);
        if let Some(limit) = session.budget.take_input(&mut inbound.boundary, rest, note, &node.limits, now) {
            return Some(self.end_by_budget(key, limit));
        }
        inbound.decoder = Some(decoder(rest.to_vec(), arrivals, &node.limits));
        None
    }

    fn end_by_budget(&mut self, key: SessionKey, limit: LimitHit) -> Progress {
        self.stats.limits[limit as usize] += 1;
        self.close(key, CloseReason::Policy);
        Progress::Ended
    }

    fn note_heard(&mut self, key: SessionKey, now: Nanos) {
        if let Some(session) = self.session(key)
            && !is_planted(Fault::ForgetsHeard)
        {
            session.heard_at = now;
        }
    }

    fn take_message(&mut self, key: SessionKey, message: Message, arrival: Arrival, now: Nanos) -> Progress {
        if self.session(key).is_none() {
            return Progress::Ended;
        }
        self.note_heard(key, now);
        if !self.may_say_more(key, now) {
            return Progress::Ended;
        }
        let bytes = message.len();
        match message {
            Message::Text(text) => self.command(key, text.as_str(), now),
            Message::Binary(_) if is_planted(Fault::TakesBinary) => {}
            Message::Binary(deflated) if arrival == Arrival::DeflatedText => {
                return self.take_deflated(key, &deflated, now);
            }
            Message::Binary(message) if self.speaks_dialect(key) => {
                self.binary_message(key, &message, now);
            }
            Message::Binary(_) => self.close(key, CloseReason::UnsupportedData),
            Message::Close(_) => self.closed_by_client(key),
            Message::Pong(payload) => {
                let position = <[u8; 8]>::try_from(&payload[..]).ok();
                self.take_pong(key, position.map(u64::from_be_bytes), now);
            }
            Message::Ping(_) | Message::Frame(_) => {}
        }
        Progress::Message(bytes)
    }
}

impl<S: SessionSocket> Core<S> {
    /// Handles a compressed text message. Its decompressed size counts towards the session's inbound bytes too.
    fn take_deflated(&mut self, key: SessionKey, deflated: &[u8], now: Nanos) -> Progress {
        let mut inflater = std::mem::take(&mut self.inflater);
        let limits: &Limits = &self.node.limits;
        let text = match inflater.inflate(deflated, limits.message_bytes) {
            Ok(bytes) => str::from_utf8(bytes).map_err(|_| CloseReason::InvalidPayload),
            Err(InflateFault::TooLong) => Err(CloseReason::TooBig),
            Err(InflateFault::Invalid) => Err(CloseReason::InvalidPayload),
        };
        let bytes = deflated.len() + text.map_or(0, str::len);
        match text {
            Ok(text) if self.takes_bytes(key, text.len(), now) => self.command(key, text, now),
            Ok(_) => {
                self.stats.limits[LimitHit::InboundBytes as usize] += 1;
                self.close(key, CloseReason::Policy);
            }
            Err(reason) => self.close(key, reason),
        }
        self.inflater = inflater;
        Progress::Message(bytes)
    }

    fn takes_bytes(&mut self, key: SessionKey, bytes: usize, now: Nanos) -> bool {
        let node = Arc::clone(&self.node);
        self.session(key).is_some_and(|session| session.budget.take_bytes(bytes, &node.limits, now))
    }
}

/// The socket as tungstenite sees it: reads are counted, and writes are collected for the control queue.
struct CountedSocket<'a, S> {
    stream: &'a S,
    answers: &'a mut Vec<u8>,
    answered: &'a mut u32,
    budget: &'a mut Budget,
    boundary: &'a mut Boundary,
    arrivals: &'a mut VecDeque<Arrival>,
    limits: &'a Limits,
    now: Nanos,
    /// The limit that was exceeded.
    spent: Option<LimitHit>,
}

impl<S: SessionSocket> Read for CountedSocket<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.stream.receive(buffer)?;
        let arrivals = &mut *self.arrivals;
        let note = |arrival| arrivals.push_back(arrival);
        self.spent = self.budget.take_input(self.boundary, &mut buffer[..bytes], note, self.limits, self.now);
        if self.spent.is_some() {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        Ok(bytes)
    }
}

impl<S> Write for CountedSocket<'_, S> {
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

/// The close reason for a read error: the client's fault, or ours.
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
