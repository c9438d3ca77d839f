//! One connection: its handshake, then its frames or events.

use std::io::{self, Read, Write};

use super::{
    binary,
    inflate::Inflater,
    link::Link,
    look::Looks,
    plan::{Detail, Plan, Ready, Stream},
    tally::{self, Dialect, Prefix, Tally},
};
use crate::{
    events::Events,
    frames::{self, Part, Walker},
    lines,
};

pub struct Client {
    pub stream: Link,
    pub plan: Plan,
    pub upgraded: bool,
    pub ready: bool,
    /// Bytes that may be read now, when the client is paced.
    pub budget_bytes: f64,
    pub looks: Looks,
    response: Vec<u8>,
    body: Body,
    prefix: Prefix,
    frame_objects: u64,
    /// All messages so far, and all answers.
    messages: u64,
    answers: u64,
    /// A frame that is not whole yet, where it has to be.
    begun: Vec<u8>,
    /// What compressed frames are read with, while they are.
    inflater: Option<Inflater>,
    /// The payload of a ping that is not whole yet.
    ping: Vec<u8>,
    /// Whole frames that answer some.
    pongs: Vec<u8>,
    fault: Option<io::Error>,
}

enum Body {
    Frames(Walker),
    Events(Events),
}

/// What a read came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Took {
    Bytes(usize),
    Nothing,
    End,
}

impl Client {
    pub fn new(stream: Link, plan: Plan) -> Client {
        let looks = Looks::new(plan.detail == Detail::Heads);
        Client {
            stream,
            plan,
            upgraded: false,
            ready: false,
            budget_bytes: 0.0,
            looks,
            response: Vec::new(),
            body: Body::Frames(Walker::default()),
            prefix: Prefix::default(),
            frame_objects: 0,
            messages: 0,
            answers: 0,
            begun: Vec::new(),
            inflater: None,
            ping: Vec::new(),
            pongs: Vec::new(),
            fault: None,
        }
    }

    /// Asks for the stream; says `false` when the connection does not stand yet.
    pub fn begin(&mut self) -> io::Result<bool> {
        // A fresh socket takes a request whole, or nothing. A connection that failed says so here.
        match self.stream.begin(&self.plan.request) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            written => written?,
        }
        self.plan.request = Vec::new();
        Ok(true)
    }

    /// Reads once.
    pub fn read(
        &mut self,
        buffer: &mut [u8],
        tally: &mut Tally,
        clock: impl Fn() -> u64,
    ) -> io::Result<Took> {
        let length = match self.stream.read(buffer) {
            Ok(0) => return Ok(Took::End),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Took::Nothing),
            Err(error) => return Err(error),
        };
        tally.reads += 1;
        let bytes = &buffer[..length];
        if self.upgraded {
            self.frames(bytes, tally, clock)?;
        } else {
            self.upgrade(bytes, tally, clock)?;
        }
        Ok(Took::Bytes(length))
    }

    fn upgrade(&mut self, bytes: &[u8], tally: &mut Tally, clock: impl Fn() -> u64) -> io::Result<()> {
        self.response.extend_from_slice(bytes);
        let Some(end) = memchr::memmem::find(&self.response, b"\r\n\r\n") else { return Ok(()) };
        let expected: &[u8] = match self.plan.stream {
            Stream::WebSocket => b"HTTP/1.1 101",
            Stream::Events => b"HTTP/1.1 200",
        };
        if !self.response.starts_with(expected) {
            return Err(io::Error::other(String::from_utf8_lossy(&self.response[..end]).into_owned()));
        }
        self.upgraded = true;
        tally.resumed += u64::from(self.stream.is_resumed());
        self.ready = self.plan.ready == Ready::Answered;
        if self.plan.stream == Stream::Events {
            self.body = Body::Events(Events::new(&self.response[..end]));
        }
        self.inflater = Inflater::agreed(&self.response[..end]);
        let rest = std::mem::take(&mut self.response).split_off(end + 4);
        self.stream.write_all(&std::mem::take(&mut self.plan.hello))?;
        self.frames(&rest, tally, clock)
    }

    fn frames(&mut self, bytes: &[u8], tally: &mut Tally, clock: impl Fn() -> u64) -> io::Result<()> {
        tally.bytes += bytes.len() as u64;
        let now_us = if self.plan.detail == Detail::Count { 0 } else { clock() };
        let mut body = std::mem::replace(&mut self.body, Body::Frames(Walker::default()));
        let walked = match &mut body {
            Body::Frames(walker) => walker.walk(bytes, |part| self.part(part, now_us, tally)),
            Body::Events(events) => events.walk(bytes, |part| self.part(part, now_us, tally)),
        };
        self.body = body;
        walked.map_err(io::Error::other)?;
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        if !self.pongs.is_empty() {
            // Answers are short, and nothing else is ever written here.
            self.stream.write_all(&self.pongs)?;
            self.pongs.clear();
        }
        Ok(())
    }

    fn part(&mut self, part: &Part<'_>, now_us: u64, tally: &mut Tally) {
        if part.opcode >= frames::CLOSE {
            return self.control(part);
        }
        if part.deflated && self.ready && self.plan.detail == Detail::Count {
            // Nothing is inflated from now on; what it would refer to is not kept.
            self.inflater = None;
            tally.unread += u64::from(part.last);
            return;
        }
        let is_whole_alone = matches!(self.plan.dialect, Dialect::Venue(_))
            || (part.opcode == frames::BINARY && self.plan.dialect.is_binary());
        if part.deflated || is_whole_alone {
            return self.in_one_piece(part, now_us, tally);
        }
        let objects = memchr::memchr_iter(b'{', part.bytes).count() as u64;
        if part.first && part.last {
            return self.frame(part.bytes, objects, part.bytes, now_us, tally);
        }
        if part.first {
            self.prefix.clear();
            self.frame_objects = 0;
        }
        self.prefix.add(part.bytes);
        self.frame_objects += objects;
        if self.plan.detail != Detail::Count {
            self.begun.extend_from_slice(part.bytes);
        }
        if part.last {
            let (prefix, begun) = (std::mem::take(&mut self.prefix), std::mem::take(&mut self.begun));
            self.frame(prefix.bytes(), self.frame_objects, &begun, now_us, tally);
            self.begun = begun;
            self.begun.clear();
        }
    }

    fn control(&mut self, part: &Part<'_>) {
        if part.opcode != frames::PING {
            return;
        }
        self.ping.extend_from_slice(part.bytes);
        if part.last {
            self.pongs.extend(frames::masked(frames::PONG, &self.ping));
            self.ping.clear();
        }
    }

    /// A frame that is looked at when it is whole.
    fn in_one_piece(&mut self, part: &Part<'_>, now_us: u64, tally: &mut Tally) {
        if part.first && part.last {
            return self.whole(part.deflated, part.bytes, now_us, tally);
        }
        self.begun.extend_from_slice(part.bytes);
        if part.last {
            let begun = std::mem::take(&mut self.begun);
            self.whole(part.deflated, &begun, now_us, tally);
            self.begun = begun;
            self.begun.clear();
        }
    }

    fn whole(&mut self, deflated: bool, payload: &[u8], now_us: u64, tally: &mut Tally) {
        if let Dialect::Venue(mark) = self.plan.dialect {
            let messages = memchr::memmem::find_iter(payload, mark).count() as u64;
            if messages > 0 {
                self.count(messages, tally);
            }
            return self.get_ready(payload);
        }
        if !deflated {
            if let Err(fault) = self.binary(payload, now_us, tally) {
                self.fault.get_or_insert(io::Error::other(fault));
            }
            return;
        }
        let Some(mut inflater) = self.inflater.take() else {
            self.fault.get_or_insert(io::Error::other("a frame is compressed, which was not agreed"));
            return;
        };
        match inflater.inflate(payload) {
            Ok(text) => {
                let objects = memchr::memchr_iter(b'{', text).count() as u64;
                self.frame(text, objects, text, now_us, tally);
            }
            Err(fault) => drop(self.fault.get_or_insert(fault)),
        }
        self.inflater = Some(inflater);
    }

    /// Counts the messages of a binary frame; who looks closely takes their ages, and checks their order.
    fn binary(&mut self, payload: &[u8], now_us: u64, tally: &mut Tally) -> Result<(), binary::Fault> {
        let mut messages = 0;
        let is_closely = self.plan.detail != Detail::Count;
        if self.plan.dialect == Dialect::Fixed {
            let (number, ts_us) = binary::fixed(payload)?;
            messages = 1;
            if is_closely {
                tally.age(ts_us, now_us);
            }
            if self.plan.detail == Detail::Heads {
                self.looks.head(&lines::symbol(number.into()), ts_us);
            }
        } else if is_closely {
            binary::walk(payload, |seen| {
                messages += 1;
                self.looks.message(&seen, now_us, tally);
            })?;
        } else {
            binary::walk(payload, |_| messages += 1)?;
        }
        self.count(messages, tally);
        self.get_ready(&[]);
        Ok(())
    }

    /// A frame is whole; `payload` is there when the client looks closely.
    fn frame(&mut self, begin: &[u8], objects: u64, payload: &[u8], now_us: u64, tally: &mut Tally) {
        let holds = self.plan.dialect.holds(begin, objects);
        if holds.pings > 0 {
            self.pongs.extend(frames::masked(frames::TEXT, tally::PONG));
        }
        self.answers += holds.answers;
        if holds.messages > 0 {
            self.count(holds.messages, tally);
            if self.plan.detail != Detail::Count {
                self.looks.text(payload, now_us, tally);
            }
        }
        if self.plan.dialect == Dialect::TickcastBinary && begin.starts_with(WELCOME) {
            self.looks.welcome(payload);
        }
        self.get_ready(begin);
    }

    /// A frame of data with so many messages.
    fn count(&mut self, messages: u64, tally: &mut Tally) {
        tally.frames += 1;
        tally.messages += messages;
        self.messages += messages;
    }

    /// After a frame that begins so.
    fn get_ready(&mut self, begin: &[u8]) {
        if !self.ready {
            self.ready = match self.plan.ready {
                Ready::Answered => true,
                Ready::Frame(expected) => begin.starts_with(expected),
                Ready::Messages(count) => self.messages >= count,
                Ready::Answers(count) => self.answers >= count,
            };
        }
    }
}

const WELCOME: &[u8] = br#"[{"type":"we"#;
