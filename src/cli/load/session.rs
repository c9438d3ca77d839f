//! One client's socket while it is connected: sends, reads at the pace of its class, and closes.
//!
//! Not what the messages mean: that is [`Client`]. All sessions read into one buffer that they share, so a session
//! owns no more than the piece of a frame that has not come whole. A wake-up costs one `recv`, and no allocation.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use tickcast_client::{
    close,
    encoding::Encoding,
    endpoint::{Transport, Upgraded},
    frames::{self, Control, Data, FrameError, OpCode},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

use super::{
    client::{Client, ClientOrder, ClientStage},
    pace::ReadPace,
    plan::Class,
    shared::LoadShared,
};

/// A connected client.
pub struct ClientSession<'a> {
    shared: &'a LoadShared,
    client: &'a RefCell<Client>,
    stream: Transport,
    /// The beginning of a frame whose end has not come.
    partial: Vec<u8>,
    /// Whether `partial` came with the handshake and is not parsed yet.
    unseen: bool,
    encoding: Encoding,
    /// The beginning of a message whose last frame has not come; `None` outside of one.
    message: Option<(Data, Vec<u8>)>,
    /// What is to be sent.
    out: Vec<u8>,
    throttle: Option<(ReadPace, Pin<Box<Sleep>>)>,
    /// Whether our close frame is queued.
    closing: bool,
}

/// How a connection ended.
#[derive(Debug)]
pub enum ClientEnd {
    /// We closed, and the server has answered or gone.
    Left,
    /// The server closed.
    Closed(Option<u16>),
    /// The connection ended without a close frame.
    Eof,
    Broken(io::ErrorKind),
    Frame(FrameError),
}

/// What one read may take in: several of a busy client's wake-ups fit.
pub const READ_BYTES: usize = 256 * 1024;
/// Reads of one client until the others have their turn.
const READS_PER_WAKE: usize = 4;
/// A partial frame's buffer above this is given back.
const PARTIAL_BYTES_KEPT: usize = 4 * 1024;

// === impl ClientSession ===

impl<'a> ClientSession<'a> {
    /// `out` is what is to be sent first.
    pub fn new(
        shared: &'a LoadShared,
        client: &'a RefCell<Client>,
        upgraded: Upgraded,
        out: Vec<u8>,
        pace: Option<ReadPace>,
    ) -> Self {
        ClientSession {
            shared,
            client,
            stream: upgraded.stream,
            unseen: !upgraded.read.is_empty(),
            partial: upgraded.read.into(),
            encoding: upgraded.encoding,
            message: None,
            out,
            throttle: pace.map(|pace| (pace, Box::pin(sleep_until(Instant::now())))),
            closing: false,
        }
    }

    /// Sends, reads and obeys until the connection ends.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ClientEnd> {
        self.obey(cx);
        for _ in 0..READS_PER_WAKE {
            if let Err(error) = self.send(cx) {
                return Poll::Ready(self.broken(&error));
            }
            if let Some(end) = ready!(self.receive(cx)) {
                return Poll::Ready(end);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Registers the waker, and carries out orders: to read at full speed, or to begin to close.
    fn obey(&mut self, cx: &Context<'_>) {
        let mut client = self.client.borrow_mut();
        if !client.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            client.waker = Some(cx.waker().clone());
        }
        if client.order != ClientOrder::Stay {
            self.throttle = None;
        }
        if matches!(client.order, ClientOrder::Leave | ClientOrder::Return) && !self.closing {
            self.closing = true;
            frames::append_close(close::NORMAL, self.shared.mask(), &mut self.out);
        }
    }

    /// Sends what the socket takes.
    fn send(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while !self.out.is_empty() {
            let Poll::Ready(sent) = Pin::new(&mut self.stream).poll_write(cx, &self.out)? else {
                return Ok(());
            };
            self.out.drain(..sent);
            if self.out.is_empty() {
                self.out = Vec::new();
                self.asked();
            }
        }
        // What is encrypted may wait for the socket though it was taken.
        let _sent_or_woken = Pin::new(&mut self.stream).poll_flush(cx)?;
        Ok(())
    }

    /// A client that reads slowly or not at all counts as ready once its commands are sent.
    fn asked(&self) {
        let mut client = self.client.borrow_mut();
        if client.stage == ClientStage::Subscribing && client.class != Class::Normal {
            client.stage = ClientStage::Ready;
            self.shared.settle();
        }
    }

    /// Reads once and takes in the frames that are whole; `Some` when the connection ends.
    fn receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<ClientEnd>> {
        if !self.client.borrow().reads {
            return Poll::Pending;
        }
        if std::mem::take(&mut self.unseen) {
            let bytes = std::mem::take(&mut self.partial);
            return Poll::Ready(self.take(&bytes, bytes.len()));
        }
        let allowed = ready!(self.allowance(cx));
        // Taken out for as long as it is in use: nothing that runs meanwhile reads.
        let mut buffer = self.shared.buffer.take();
        let kept = self.partial.len();
        if buffer.len() < kept + READ_BYTES {
            buffer.resize(kept + READ_BYTES, 0);
        }
        let mut room = ReadBuf::new(&mut buffer[kept..kept + allowed.min(READ_BYTES)]);
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut room);
        let count = room.filled().len();
        let done = match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Some(self.broken(&error))),
            Poll::Ready(Ok(())) if count == 0 => Poll::Ready(Some(self.eof())),
            Poll::Ready(Ok(())) => {
                buffer[..kept].copy_from_slice(&self.partial);
                Poll::Ready(self.take(&buffer[..kept + count], count))
            }
        };
        self.shared.buffer.replace(buffer);
        done
    }

    /// The bytes that may be read now; waits when there are none.
    fn allowance(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        let Some((pace, alarm)) = &mut self.throttle else { return Poll::Ready(usize::MAX) };
        loop {
            let allowed = pace.allowance_bytes(self.shared.clock.now());
            if allowed > 0 {
                return Poll::Ready(allowed);
            }
            alarm.as_mut().reset(Instant::now() + pace.wait());
            ready!(alarm.as_mut().poll(cx));
        }
    }

    /// Takes in the frames of `bytes`, of which the last `count` are new, and keeps what is not whole.
    fn take(&mut self, bytes: &[u8], count: usize) -> Option<ClientEnd> {
        if let Some((pace, _)) = &mut self.throttle {
            pace.spend(count);
        }
        let now_us = self.shared.clock.now().micros();
        let class = self.client.borrow().class;
        self.shared.ledger.borrow_mut().tally(class).sums.bytes += count as u64;
        let mut rest = bytes;
        let end = loop {
            match frames::first(rest, self.encoding) {
                Ok(None) => break None,
                Err(error) => break Some(ClientEnd::Frame(error)),
                Ok(Some(frame)) => {
                    rest = &rest[frame.length..];
                    match self.take_frame(&frame, now_us) {
                        Ok(None) => {}
                        Ok(Some(end)) => break Some(end),
                        Err(error) => break Some(ClientEnd::Frame(error)),
                    }
                }
            }
        };
        self.partial.clear();
        if self.partial.capacity() > PARTIAL_BYTES_KEPT {
            self.partial = Vec::new();
        }
        self.partial.extend_from_slice(rest);
        self.answered();
        end
    }

    fn take_frame(
        &mut self,
        frame: &frames::Frame<'_>,
        now_us: i64,
    ) -> Result<Option<ClientEnd>, FrameError> {
        match frame.opcode {
            OpCode::Data(Data::Text | Data::Binary) if self.message.is_some() => {
                return Err(FrameError::OutOfTurn);
            }
            OpCode::Data(kind @ (Data::Text | Data::Binary)) if frame.is_final => {
                self.take_message(kind, frame.payload, now_us);
            }
            OpCode::Data(kind @ (Data::Text | Data::Binary)) => {
                self.message = Some((kind, frame.payload.to_vec()));
            }
            OpCode::Data(_) => {
                let (kind, mut message) = self.message.take().ok_or(FrameError::OutOfTurn)?;
                let length = (message.len() + frame.payload.len()) as u64;
                if length > frames::FRAME_BYTES_MAX {
                    return Err(FrameError::TooLong(length));
                }
                message.extend_from_slice(frame.payload);
                if frame.is_final {
                    self.take_message(kind, &message, now_us);
                } else {
                    self.message = Some((kind, message));
                }
            }
            OpCode::Control(Control::Ping) => {
                frames::append_pong(frame.payload, self.shared.mask(), &mut self.out);
            }
            OpCode::Control(Control::Close) if self.closing => return Ok(Some(ClientEnd::Left)),
            OpCode::Control(Control::Close) => {
                return Ok(Some(self.close_too(frames::close_code(frame.payload))));
            }
            OpCode::Control(_) => {}
        }
        Ok(None)
    }

    fn take_message(&self, kind: Data, payload: &[u8], now_us: i64) {
        let mut ledger = self.shared.ledger.borrow_mut();
        let mut client = self.client.borrow_mut();
        match kind {
            Data::Binary => client.receive_binary(payload, &mut ledger, now_us),
            _ => client.receive(payload, &mut ledger, now_us),
        }
    }

    /// Settles the client once every symbol is answered.
    fn answered(&self) {
        let mut client = self.client.borrow_mut();
        if client.stage == ClientStage::Subscribing && client.is_answered() {
            client.stage = ClientStage::Ready;
            self.shared.settle();
        }
    }

    /// Answers the server's close. A socket that does not take the answer at once gets none: it is going away.
    fn close_too(&mut self, code: Option<u16>) -> ClientEnd {
        frames::append_close(code.unwrap_or(close::NORMAL), self.shared.mask(), &mut self.out);
        let mut cx = Context::from_waker(Waker::noop());
        let _best_effort = Pin::new(&mut self.stream).poll_write(&mut cx, &self.out);
        ClientEnd::Closed(code)
    }

    fn eof(&self) -> ClientEnd {
        if self.closing { ClientEnd::Left } else { ClientEnd::Eof }
    }

    fn broken(&self, error: &io::Error) -> ClientEnd {
        if self.closing { ClientEnd::Left } else { ClientEnd::Broken(error.kind()) }
    }
}

// === impl ClientEnd ===

impl ClientEnd {
    /// What the report calls it.
    pub fn label(&self) -> String {
        match self {
            ClientEnd::Left => "left".to_owned(),
            ClientEnd::Closed(Some(code)) => code.to_string(),
            ClientEnd::Closed(None) => "closed without a code".to_owned(),
            ClientEnd::Eof => "ended without a close frame".to_owned(),
            ClientEnd::Broken(kind) => format!("broken: {kind}"),
            ClientEnd::Frame(error) => format!("bad frame: {error}"),
        }
    }
}
