//! A scene that a test controls step by step: a node and clients on the simulated clock, so that each time is exact.
//!
//! Nothing is chosen by a seed but the order of steps at one moment. What holds after every step of a node is checked
//! here too.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use tickcast::{
    access::Authority,
    audit::AuditLog,
    clock::{Clock, MarketClock},
    feed::ndjson::NdjsonDecoder,
    limits::Limits,
    tick::Nanos,
    topic::DelayedMarket,
};

use super::{
    judge::Message,
    network::{Event, LinkPlan, Net, Network, WorldEvent},
    node::Node,
    plan::{Ms, NodeAct, Plan},
    websocket::{self, Frame},
    world::BEGIN,
};

pub struct Stage {
    pub clock: Clock,
    pub node: Node,
    net: Net,
    decoder: NdjsonDecoder,
    random: Pcg64Mcg,
    clients: Vec<Guest>,
}

/// A client of a scene, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AuditUser(usize);

/// What a client has read.
#[derive(Clone, Debug)]
pub enum Heard {
    /// The head of the answer to a request.
    Head(String),
    Message(Message),
    /// A message of a venue's protocol.
    Text(String),
    Ping,
    Pong,
    Close(u16),
    /// The connection is over.
    End,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and none rules out another")]
struct Guest {
    link: usize,
    inbound: Vec<u8>,
    is_upgraded: bool,
    /// It speaks a venue's protocol.
    is_foreign: bool,
    reads: bool,
    answers_pings: bool,
    is_over: bool,
    heard: VecDeque<(Ms, Heard)>,
}

/// A link without delay, on which nothing is taken in part.
pub const NEAR: LinkPlan = LinkPlan {
    delay_us: 0,
    bytes_a_ms: 1_000_000,
    send_buffer: 131_072,
    window: 131_072,
    proxy: 0,
    partial_percent: 0,
};

pub const UPGRADE: &str = "GET /v1/stream HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// The longest that a scene waits for something.
const PATIENCE_MS: Ms = 3_600_000;

impl Stage {
    pub fn new(limits: Limits) -> Stage {
        Stage::with_market(limits, MarketClock::of_world)
    }

    /// With a market whose time may be another than the machine's.
    pub fn with_market(limits: Limits, market: impl FnOnce(Clock) -> MarketClock) -> Stage {
        let clock = Clock::manual(BEGIN);
        let net = Network::new(clock, 0);
        let decoder = NdjsonDecoder::new(limits.line_bytes);
        let node = Node::new(&Plan::bare(limits), clock, &market(clock), &net);
        let random = Pcg64Mcg::seed_from_u64(1);
        Stage { clock, node, net, decoder, random, clients: Vec::new() }
    }

    /// With somebody who says who may read what, a price for each call into the kernel, and a seed for the order of steps.
    /// What is written is kept.
    pub fn with_authority(
        limits: Limits,
        authority: Arc<Authority>,
        call_nanos: u64,
        seed: u64,
        delayed: Option<DelayedMarket>,
    ) -> Stage {
        let clock = Clock::manual(BEGIN);
        let net = Network::new(clock, call_nanos);
        net.borrow_mut().keeps_writes = true;
        let decoder = NdjsonDecoder::new(limits.line_bytes);
        let market = MarketClock::of_world(clock);
        let node = Node::with(&Plan::bare(limits), clock, &market, &net, authority, None, delayed);
        let random = Pcg64Mcg::seed_from_u64(seed);
        Stage { clock, node, net, decoder, random, clients: Vec::new() }
    }

    /// With a usage audit, and a clock that begins later than others.
    pub fn audited(limits: Limits, begin: Nanos, audit: Arc<AuditLog>) -> Stage {
        let clock = Clock::manual(begin);
        let net = Network::new(clock, 0);
        let decoder = NdjsonDecoder::new(limits.line_bytes);
        let (market, authority) = (MarketClock::of_world(clock), Arc::new(Authority::open()));
        let node = Node::with(&Plan::bare(limits), clock, &market, &net, authority, Some(audit), None);
        let random = Pcg64Mcg::seed_from_u64(1);
        Stage { clock, node, net, decoder, random, clients: Vec::new() }
    }

    /// What was written to a client, and when.
    pub fn writes(&self, AuditUser(who): AuditUser) -> Vec<(Nanos, Vec<u8>)> {
        self.net.borrow().links[self.clients[who].link].writes.clone()
    }

    /// How long what a client sends is under way.
    pub fn delay_of(&self, AuditUser(who): AuditUser) -> Duration {
        Duration::from_micros(self.net.borrow().links[self.clients[who].link].plan.delay_us)
    }

    pub fn now(&self) -> Ms {
        self.clock.now().since(BEGIN) / 1_000_000
    }

    /// A connection that has sent nothing yet.
    pub fn connect(&mut self, link: &LinkPlan) -> AuditUser {
        let who = self.clients.len();
        let link = self.net.borrow_mut().connect(who, link, who as u64);
        self.clients.push(Guest {
            link,
            inbound: Vec::new(),
            is_upgraded: false,
            is_foreign: false,
            reads: true,
            answers_pings: true,
            is_over: false,
            heard: VecDeque::new(),
        });
        self.node.accept(link, 1);
        AuditUser(who)
    }

    /// A WebSocket, which has had its welcome.
    pub fn websocket(&mut self, link: &LinkPlan) -> AuditUser {
        let who = self.connect(link);
        self.send(who, UPGRADE.as_bytes());
        let (_, head) = self.head(who);
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        self.message(who, |message| message.is("welcome"));
        who
    }

    /// A WebSocket of a venue's client, at one of the venue's paths.
    pub fn venue(&mut self, link: &LinkPlan, path: &str) -> AuditUser {
        self.venue_with(link, path, &[])
    }

    /// The same, with these headers.
    pub fn venue_with(&mut self, link: &LinkPlan, path: &str, headers: &[(&str, &str)]) -> AuditUser {
        let who = self.connect(link);
        self.clients[who.0].is_foreign = true;
        let mut head = UPGRADE.replace("/v1/stream", path);
        head.truncate(head.len() - "\r\n".len());
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        self.send(who, head.as_bytes());
        let (_, head) = self.head(who);
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        who
    }

    pub fn send(&mut self, AuditUser(who): AuditUser, bytes: &[u8]) {
        self.net.borrow_mut().client_sends(self.clients[who].link, bytes);
    }

    pub fn command(&mut self, who: AuditUser, command: &Value) {
        self.say(who, &command.to_string());
    }

    /// A message of text.
    pub fn say(&mut self, who: AuditUser, text: &str) {
        self.send(who, &websocket::frame(websocket::TEXT, true, text.as_bytes()));
    }

    /// Subscribes with these further keys, and waits for the answer.
    pub fn subscribe(&mut self, who: AuditUser, symbols: &[&str], more: &Value) {
        let mut command = json!({"op": "subscribe", "symbols": symbols});
        for (key, value) in more.as_object().into_iter().flatten() {
            command[key] = value.clone();
        }
        self.command(who, &command);
        self.message(who, |message| message.is("subscribed"));
    }

    /// From now on it reads, or does not.
    pub fn reads(&mut self, AuditUser(who): AuditUser, reads: bool) {
        self.clients[who].reads = reads;
        self.wake(who);
    }

    /// Its connection is gone at once.
    pub fn hang_up(&mut self, AuditUser(who): AuditUser) {
        self.net.borrow_mut().client_resets(self.clients[who].link);
    }

    pub fn answers_no_ping(&mut self, AuditUser(who): AuditUser) {
        self.clients[who].answers_pings = false;
    }

    /// Ticks, taken in now.
    pub fn feed<S: AsRef<str>>(&mut self, lines: &[S]) {
        let decode = |line: &S| {
            let mut bytes = line.as_ref().as_bytes().to_vec();
            self.decoder.decode(&mut bytes).expect("a line of a tick").tick
        };
        let mut ticks: Vec<_> = lines.iter().map(decode).collect();
        self.node.submit(&mut ticks);
    }

    /// A tick of this symbol with this bid.
    pub fn bid(&mut self, symbol: &str, bid: u64) {
        self.feed(&[format!("{{\"symbol\":\"{symbol}\",\"bid\":{bid}}}")]);
    }

    pub fn act(&mut self, act: NodeAct) {
        self.node.act(act);
    }

    pub fn run_to(&mut self, ms: Ms) {
        let until = BEGIN.plus(Duration::from_millis(ms));
        self.settle();
        while self.go_on(until) {
            self.settle();
        }
        self.settle();
    }

    pub fn run_for(&mut self, ms: Ms) {
        self.run_to(self.now() + ms);
    }

    /// Waits until it has read something of this kind; passes over what came before. Says when.
    pub fn until<T>(&mut self, AuditUser(who): AuditUser, what: impl Fn(&Heard) -> Option<T>) -> (Ms, T) {
        let until = BEGIN.plus(Duration::from_millis(self.now() + PATIENCE_MS));
        loop {
            self.settle();
            while let Some((at, heard)) = self.clients[who].heard.pop_front() {
                if let Some(found) = what(&heard) {
                    return (at, found);
                }
            }
            assert!(self.go_on(until), "client {who} has waited for an hour");
        }
    }

    pub fn message(&mut self, who: AuditUser, what: impl Fn(&Message) -> bool) -> (Ms, Message) {
        self.until(who, |heard| match heard {
            Heard::Message(message) if what(message) => Some(message.clone()),
            _ => None,
        })
    }

    pub fn head(&mut self, who: AuditUser) -> (Ms, String) {
        self.until(who, |heard| if let Heard::Head(head) = heard { Some(head.clone()) } else { None })
    }

    pub fn pinged(&mut self, who: AuditUser) -> Ms {
        self.until(who, |heard| matches!(heard, Heard::Ping).then_some(())).0
    }

    pub fn closed(&mut self, who: AuditUser) -> (Ms, u16) {
        self.until(who, |heard| if let Heard::Close(code) = heard { Some(*code) } else { None })
    }

    pub fn ended(&mut self, who: AuditUser) -> Ms {
        self.until(who, |heard| matches!(heard, Heard::End).then_some(())).0
    }

    /// Whether the server still has its connection.
    pub fn is_held(&self, AuditUser(who): AuditUser) -> bool {
        !self.net.borrow().links[self.clients[who].link].server_closed
    }

    /// All that it has read until now, and that no test has waited for.
    pub fn heard(&mut self, AuditUser(who): AuditUser) -> Vec<(Ms, Heard)> {
        self.clients[who].heard.drain(..).collect()
    }

    /// Waits until this is so. Says when.
    pub fn until_so(&mut self, what: impl Fn(&Stage) -> bool) -> Ms {
        let until = BEGIN.plus(Duration::from_millis(self.now() + PATIENCE_MS));
        loop {
            self.settle();
            if what(self) {
                return self.now();
            }
            assert!(self.go_on(until), "the node has been waited for for an hour");
        }
    }

    /// Does what can be done now.
    fn settle(&mut self) {
        self.take_events();
        while self.node.run_one(&mut self.random) {
            self.node.check().unwrap_or_else(|(law, what)| panic!("{law:?}: {what}"));
            self.take_events();
        }
    }

    /// Goes on to the next moment at which something happens; says whether there is one by then.
    fn go_on(&mut self, until: Nanos) -> bool {
        let next = [self.net.borrow().next_at(), self.node.next_at()].into_iter().flatten().min();
        let is_next = next.is_some_and(|next| next <= until);
        self.clock.advance(next.filter(|_| is_next).unwrap_or(until));
        is_next
    }

    fn take_events(&mut self) {
        loop {
            let event = self.net.borrow_mut().pop_due();
            match event {
                None => return,
                Some(WorldEvent::Client(who)) => self.read(who),
                Some(other) => unreachable!("a scene plans no {other:?}"),
            }
        }
    }

    fn wake(&mut self, who: usize) {
        self.net.borrow_mut().at(self.clock.now(), Event::World(WorldEvent::Client(who)));
    }

    fn read(&mut self, who: usize) {
        let now = self.now();
        let guest = &mut self.clients[who];
        if !guest.reads || guest.is_over {
            return;
        }
        let bytes = self.net.borrow_mut().client_reads(guest.link, usize::MAX);
        guest.inbound.extend(bytes);
        let pings = guest.parse(now);
        let link = guest.link;
        if self.net.borrow().links[link].is_over_for_client() {
            guest.is_over = true;
            guest.heard.push_back((now, Heard::End));
        }
        for payload in pings {
            self.send(AuditUser(who), &websocket::frame(websocket::PONG, true, &payload));
        }
    }
}

impl Guest {
    /// Takes apart what has come; the pings that want an answer.
    fn parse(&mut self, now: Ms) -> Vec<Vec<u8>> {
        while !self.is_upgraded {
            let Some(end) = self.inbound.windows(4).position(|four| four == b"\r\n\r\n") else {
                return Vec::new();
            };
            let rest = self.inbound.split_off(end + 4);
            let head = std::mem::replace(&mut self.inbound, rest);
            let head = String::from_utf8(head).expect("a head in UTF-8");
            self.is_upgraded = head.starts_with("HTTP/1.1 101");
            self.heard.push_back((now, Heard::Head(head)));
        }
        let mut pings = Vec::new();
        while let Some(Frame { opcode, payload, bytes, .. }) = websocket::read(&self.inbound, 0) {
            self.inbound.drain(..bytes);
            match opcode {
                websocket::TEXT => {
                    let text = String::from_utf8(payload).expect("messages in UTF-8");
                    if self.is_foreign {
                        self.heard.push_back((now, Heard::Text(text)));
                        continue;
                    }
                    let messages = Message::of_frame(&text).into_iter();
                    self.heard.extend(messages.map(|message| (now, Heard::Message(message))));
                }
                websocket::BINARY if self.is_foreign => {
                    let mut json = Vec::new();
                    tickcast::msgpack::to_json(&payload, &mut json).expect("MessagePack");
                    let text = String::from_utf8(json).expect("messages in UTF-8");
                    self.heard.push_back((now, Heard::Text(text)));
                }
                websocket::PONG => self.heard.push_back((now, Heard::Pong)),
                websocket::PING => {
                    self.heard.push_back((now, Heard::Ping));
                    if self.answers_pings {
                        pings.push(payload);
                    }
                }
                websocket::CLOSE => {
                    let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                    self.heard.push_back((now, Heard::Close(code)));
                }
                _ => {}
            }
        }
        pings
    }
}

pub fn ms(ms: Ms) -> Duration {
    Duration::from_millis(ms)
}

/// A status of this symbol.
pub fn is_state<'a>(symbol: &'a str, state: &'a str) -> impl Fn(&Message) -> bool + 'a {
    move |message| {
        message.is("status") && message.value("symbol") == symbol && message.value("state") == state
    }
}

/// A message with a record.
pub fn is_price(message: &Message) -> bool {
    message.is("update") || message.is("snapshot")
}

/// When each price came, and with which bid.
pub fn updates(heard: &[(Ms, Heard)]) -> Vec<(Ms, String)> {
    let updates = heard.iter().filter_map(|(at, heard)| match heard {
        Heard::Message(message) if is_price(message) => Some((*at, message.record()["bid"].clone())),
        _ => None,
    });
    updates.collect()
}
