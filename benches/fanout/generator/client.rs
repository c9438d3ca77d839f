//! One connection: its handshake, then its frames or events.

use std::{
    collections::HashMap,
    io::{self, Read, Write},
    net::TcpStream,
};

use memchr::memmem::Finder;

use super::tally::{self, Dialect, Prefix, Tally};
use crate::{
    events::Events,
    frames::{self, Part, Walker},
};

/// What a client is to be.
#[derive(Clone)]
pub struct Plan {
    /// The upgrade, or what else is asked, as it goes out.
    pub request: Vec<u8>,
    pub stream: Stream,
    /// What is sent once the upgrade is done.
    pub hello: Vec<u8>,
    pub dialect: Dialect,
    pub ready: Ready,
    pub reading: Reading,
    /// Which tally it counts into.
    pub group: usize,
    pub detail: Detail,
    /// 0: as the system sets it.
    pub receive_buffer_bytes: usize,
}

/// What comes behind the head of the response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    WebSocket,
    Events,
}

/// When a client counts as connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ready {
    /// The upgrade is done, or the head of the response is there.
    Answered,
    /// A frame that begins with this.
    Frame(&'static [u8]),
    Messages(u64),
    /// So many answers to commands, whose dialect has them counted.
    Answers(u64),
}

/// How a client reads once it is connected.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Reading {
    All,
    /// Does not read until an order to do so.
    Nothing,
    /// So many bytes a second.
    Paced(f64),
}

/// How closely a client looks at what it reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    Count,
    /// Ages of all its messages.
    Ages,
    /// Ages, and the newest tick of each symbol.
    Heads,
}

pub struct Client {
    pub stream: TcpStream,
    pub plan: Plan,
    pub upgraded: bool,
    pub ready: bool,
    /// Bytes that may be read now, when the client is paced.
    pub budget_bytes: f64,
    /// By symbol, the newest `ts`.
    pub heads_us: HashMap<String, u64>,
    response: Vec<u8>,
    body: Body,
    prefix: Prefix,
    frame_objects: u64,
    /// All messages so far, and all answers.
    messages: u64,
    answers: u64,
    /// A frame that is not whole yet, of a client that looks closely.
    begun: Vec<u8>,
    /// A whole frame that answers one.
    pong: Option<Vec<u8>>,
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
    pub fn new(stream: TcpStream, plan: Plan) -> Client {
        Client {
            stream,
            plan,
            upgraded: false,
            ready: false,
            budget_bytes: 0.0,
            heads_us: HashMap::new(),
            response: Vec::new(),
            body: Body::Frames(Walker::default()),
            prefix: Prefix::default(),
            frame_objects: 0,
            messages: 0,
            answers: 0,
            begun: Vec::new(),
            pong: None,
        }
    }

    /// Asks for the stream; says `false` when the connection does not stand yet.
    pub fn begin(&mut self) -> io::Result<bool> {
        // A fresh socket takes a request whole, or nothing. A connection that failed says so here.
        match self.stream.write_all(&self.plan.request) {
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
        self.ready = self.plan.ready == Ready::Answered;
        if self.plan.stream == Stream::Events {
            self.body = Body::Events(Events::new(&self.response[..end]));
        }
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
        if let Some(pong) = self.pong.take() {
            // The answer is short, and nothing else is ever written here.
            self.stream.write_all(&pong)?;
        }
        Ok(())
    }

    fn part(&mut self, part: &Part<'_>, now_us: u64, tally: &mut Tally) {
        if part.opcode >= frames::CLOSE {
            if part.opcode == frames::PING {
                // Its payload is short, and comes at once.
                self.pong = Some(frames::masked(frames::PONG, part.bytes));
            }
            return;
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

    /// A frame is whole; `payload` is there when the client looks closely.
    fn frame(&mut self, begin: &[u8], objects: u64, payload: &[u8], now_us: u64, tally: &mut Tally) {
        let holds = self.plan.dialect.holds(begin, objects);
        if holds.pings > 0 {
            self.pong = Some(frames::masked(frames::TEXT, tally::PONG));
        }
        self.answers += holds.answers;
        if holds.messages > 0 {
            tally.messages += holds.messages;
            self.messages += holds.messages;
            if self.plan.detail != Detail::Count {
                self.look(payload, now_us, tally);
            }
        }
        if !self.ready {
            self.ready = match self.plan.ready {
                Ready::Answered => true,
                Ready::Frame(expected) => begin.starts_with(expected),
                Ready::Messages(count) => self.messages >= count,
                Ready::Answers(count) => self.answers >= count,
            };
        }
    }

    /// Ages, and newest ticks, of the messages in one payload.
    fn look(&mut self, payload: &[u8], now_us: u64, tally: &mut Tally) {
        for at in Finder::new(TS_KEY).find_iter(payload) {
            let Some(ts_us) = digits(&payload[at + TS_KEY.len()..]) else { continue };
            // A clock that was set back in between makes no negative age.
            tally.ages_us.saturating_record(now_us.saturating_sub(ts_us));
            if self.plan.detail == Detail::Heads {
                let Some(symbol) = symbol_before(&payload[..at]) else { continue };
                match self.heads_us.get_mut(symbol) {
                    Some(head) => *head = ts_us,
                    None => drop(self.heads_us.insert(symbol.to_owned(), ts_us)),
                }
            }
        }
    }
}

const TS_KEY: &[u8] = br#""ts":"#;
const SYMBOL_KEY: &[u8] = br#""symbol":""#;
const TS_DIGITS: usize = 16;

fn digits(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text.get(..TS_DIGITS)?).ok()?.parse().ok()
}

/// The symbol of the message whose `ts` comes next: in every dialect it is before that.
fn symbol_before(text: &[u8]) -> Option<&str> {
    let at = memchr::memmem::rfind(text, SYMBOL_KEY)? + SYMBOL_KEY.len();
    let end = at + memchr::memchr(b'"', &text[at..])?;
    std::str::from_utf8(&text[at..end]).ok()
}
