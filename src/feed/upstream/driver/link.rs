//! One link: a task that reads messages into a conversation, and sends what that asks for at the venue's pace.
//!
//! Invariants: answers to pings go before what waits for its pace; a link on which nothing comes for the venue's
//! silence is closed; what a link is told while it is made is done when it is open.

use std::{collections::VecDeque, rc::Rc, sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::CloseFrame},
};

use super::{
    connect::{ConnectRefusal, Connector, VenueWire},
    tasks::{FeedTasks, LinkCommand},
};
use crate::{
    feed::{
        formats::streams::binary,
        upstream::{
            backoff::RateWindow,
            core::{LinkEnd, LinkId},
            target::VenueTarget,
            venue::{Conversation, Dialer, Facts, Outgoing, Reaction, StreamGroup},
        },
    },
    tick::Nanos,
};

/// Where a link goes.
pub struct LinkDial {
    pub id: LinkId,
    pub dialer: Arc<dyn Dialer>,
    pub url: Option<VenueTarget>,
    pub group: StreamGroup,
}

/// An open link.
struct OpenLink {
    id: LinkId,
    facts: Facts,
    conversation: Box<dyn Conversation>,
    socket: WebSocketStream<Box<dyn VenueWire>>,
    shared: Rc<FeedTasks>,
    reaction: Reaction,
    /// What waits for its pace.
    waiting: VecDeque<Outgoing>,
    sends: RateWindow,
    /// When a byte came last, and when a ping was sent.
    heard: Nanos,
    pinged: Nanos,
    /// A message is parsed in place.
    scratch: Vec<u8>,
}

/// How a message stands in a recording.
#[derive(Clone, Copy)]
enum Recorded {
    Text,
    Packed,
}

/// How long the answer to the venue's close may take.
const FAREWELL: Duration = Duration::from_millis(100);
/// A frame is sent within this time, or the link is dead.
const SEND: Duration = Duration::from_secs(10);

/// Runs a link until it ends, and says so.
pub async fn run(
    dial: LinkDial,
    conversation: Box<dyn Conversation>,
    connector: Rc<Connector>,
    shared: Rc<FeedTasks>,
    commands: mpsc::UnboundedReceiver<LinkCommand>,
) {
    let id = dial.id;
    let end = match open(dial, conversation, &connector, &shared).await {
        Ok(link) => link.run(commands).await,
        Err(end) => end,
    };
    let now = shared.clock.now();
    shared.upstream.borrow_mut().closed(id, now, &end, &mut shared.out.borrow_mut());
    shared.ready.notify_one();
}

async fn open(
    dial: LinkDial,
    conversation: Box<dyn Conversation>,
    connector: &Connector,
    shared: &Rc<FeedTasks>,
) -> Result<OpenLink, LinkEnd> {
    let facts = dial.dialer.facts();
    let path = dial.dialer.path(&dial.group);
    let target = match dial.url {
        Some(url) => url,
        None => dial.dialer.root().parse().map_err(|fault| LinkEnd::Broken(format!("{fault}")))?,
    };
    let opened = connector.open(&target, &path, &dial.dialer.headers(), facts.message_bytes_max).await;
    let socket = opened.map_err(|ConnectRefusal { why, wait }| match wait {
        Some(wait) => LinkEnd::Refused { why, wait },
        None => LinkEnd::Broken(why),
    })?;
    let now = shared.clock.now();
    Ok(OpenLink {
        id: dial.id,
        facts,
        conversation,
        socket,
        shared: Rc::clone(shared),
        reaction: Reaction::default(),
        waiting: VecDeque::new(),
        sends: RateWindow::new(facts.sends),
        heard: now,
        pinged: now,
        scratch: Vec::new(),
    })
}

// === impl OpenLink ===

impl OpenLink {
    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<LinkCommand>) -> LinkEnd {
        let now = self.shared.clock.now();
        let (id, shared) = (self.id, Rc::clone(&self.shared));
        shared.upstream.borrow_mut().opened(id, now, &mut shared.out.borrow_mut());
        self.conversation.opened(now, &mut self.reaction);
        self.react(now);
        loop {
            if let Err(end) = self.send_due().await {
                return end;
            }
            let now = self.shared.clock.now();
            let wait = Duration::from_nanos(self.due(now).since(now));
            tokio::select! {
                // Cancelled without loss: a frame that is half read stays in the socket's buffer.
                message = self.socket.next() => {
                    if let Err(end) = self.take(message) {
                        self.answer_close().await;
                        return end;
                    }
                }
                // A link that is dropped has no commands any more, and its task is aborted.
                Some(LinkCommand::Change { add, remove }) = commands.recv() => {
                    let now = self.shared.clock.now();
                    self.conversation.change(now, &add, &remove, &mut self.reaction);
                    self.react(now);
                }
                () = tokio::time::sleep(wait) => {
                    if let Err(end) = self.look_at_time() {
                        return end;
                    }
                }
            }
        }
    }

    /// The library has the answer to the venue's close ready, if the venue has sent one.
    async fn answer_close(&mut self) {
        // The link has ended, whatever comes of it.
        let _ = tokio::time::timeout(FAREWELL, self.socket.flush()).await;
    }

    fn take(
        &mut self,
        message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    ) -> Result<(), LinkEnd> {
        let broken = |why: String| Err(LinkEnd::Broken(why));
        let now = self.shared.clock.now();
        self.heard = now;
        match message {
            None => return broken("the venue has closed the connection".to_owned()),
            Some(Err(error)) => return broken(error.to_string()),
            Some(Ok(Message::Text(text))) => {
                self.scratch.clear();
                self.scratch.extend_from_slice(text.as_bytes());
                self.record(now, Recorded::Text);
                self.conversation.text(now, &mut self.scratch, &mut self.reaction);
            }
            Some(Ok(Message::Binary(bytes))) => {
                self.scratch.clear();
                self.scratch.extend_from_slice(&bytes);
                let is_packed = self.conversation.is_packed(&bytes) || str::from_utf8(&bytes).is_err();
                self.record(now, if is_packed { Recorded::Packed } else { Recorded::Text });
                self.conversation.binary(now, &mut self.scratch, &mut self.reaction);
            }
            Some(Ok(Message::Close(frame))) => return broken(closed(frame.as_ref())),
            // The library answers a ping with its payload; that is flushed with the next read.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => return Ok(()),
        }
        self.shared.upstream.borrow_mut().count_message();
        self.react(now);
        Ok(())
    }

    /// Keeps the message, where messages are recorded as they came.
    fn record(&self, now: Nanos, recorded: Recorded) {
        let Some(raw) = &self.shared.raw else { return };
        let line = match recorded {
            Recorded::Text if !self.conversation.is_recorded(&self.scratch) => return,
            // A message is one line there. In JSON, line breaks are nothing but space.
            Recorded::Text => {
                let space = |byte: &u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte };
                self.scratch.iter().map(space).collect()
            }
            Recorded::Packed => binary::write(&self.scratch),
        };
        raw.borrow_mut().push((now, line));
        self.shared.ready.notify_one();
    }

    /// Hands on what the conversation made of a message.
    fn react(&mut self, now: Nanos) {
        self.waiting.extend(self.reaction.sends.drain(..));
        if !self.reaction.ticks.is_empty() || !self.reaction.notes.is_empty() {
            let (mut upstream, mut out) = (self.shared.upstream.borrow_mut(), self.shared.out.borrow_mut());
            upstream.reacted(self.id, now, &mut self.reaction, &mut out);
            self.shared.ready.notify_one();
        }
        self.reaction.clear();
    }

    /// Sends what the pace allows.
    async fn send_due(&mut self) -> Result<(), LinkEnd> {
        while !self.waiting.is_empty() && self.sends.take(self.shared.clock.now()) {
            if let Some(outgoing) = self.waiting.pop_front() {
                self.send(outgoing).await?;
            }
        }
        Ok(())
    }

    async fn send(&mut self, outgoing: Outgoing) -> Result<(), LinkEnd> {
        let message = match outgoing {
            Outgoing::Text(text) => Message::text(text),
            Outgoing::Binary(bytes) => Message::binary(bytes),
            Outgoing::Ping(payload) => Message::Ping(payload.into()),
        };
        let late = |_| LinkEnd::Broken("the venue takes nothing that is sent".to_owned());
        let sent = tokio::time::timeout(SEND, self.socket.send(message)).await.map_err(late)?;
        sent.map_err(|error| LinkEnd::Broken(error.to_string()))
    }

    fn due(&self, now: Nanos) -> Nanos {
        let send = (!self.waiting.is_empty()).then(|| self.sends.next(now));
        let silent = self.heard.plus(self.facts.silence);
        let ping = self.facts.ping.map(|every| self.heard.max(self.pinged).plus(every));
        [send, self.conversation.due(), ping].into_iter().flatten().fold(silent, Nanos::min)
    }

    fn look_at_time(&mut self) -> Result<(), LinkEnd> {
        let now = self.shared.clock.now();
        let silent = now.since(self.heard);
        if u128::from(silent) >= self.facts.silence.as_nanos() {
            let seconds = self.facts.silence.as_secs();
            return Err(LinkEnd::Broken(format!("nothing came for {seconds} s, no ping either")));
        }
        if self.facts.ping.is_some_and(|every| self.heard.max(self.pinged).plus(every) <= now) {
            self.pinged = now;
            self.waiting.push_back(Outgoing::Ping(Vec::new()));
        }
        if self.conversation.due().is_some_and(|due| due <= now) {
            self.conversation.wake(now, &mut self.reaction);
            self.react(now);
        }
        Ok(())
    }
}

fn closed(frame: Option<&CloseFrame>) -> String {
    match frame {
        Some(frame) if !frame.reason.is_empty() => {
            let reason: String = frame.reason.chars().take(120).collect();
            format!("the venue has closed the connection: {} {}", frame.code, crate::escape::escaped(&reason))
        }
        Some(frame) => format!("the venue has closed the connection: {}", frame.code),
        None => "the venue has closed the connection".to_owned(),
    }
}
