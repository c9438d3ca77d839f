//! A client of the simulation: it does what its plan says, reads as its plan lets it, comes back where it left, and has
//! a witness of every connection.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash},
    io::Write,
    time::Duration,
};

use flate2::write::GzDecoder;
use serde_json::{Value, json};
use tickcast::{clock::MarketClock, limits::Limits, tick::Nanos};

use super::{
    acks::Acks,
    judge::{
        Encoding, Frames, Message,
        inflate::{OFFER, RSV1, inflated},
        message::unkeyed,
    },
    law::Law,
    network::{Event, Net, WorldEvent},
    plan::{Act, ClientKind, ClientPlan, Hostile, Ms, NodeAct, Plan, Reads, SubscribePlan, Targets},
    tape::Tape,
    websocket::{self, Frame},
    witness::{Asked, Counts, Found, Terms, Wanted, What, Witness},
};

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and none rules out another")]
pub struct Client {
    pub plan: ClientPlan,
    net: Net,
    market: MarketClock,
    begin: Nanos,
    /// The connection, while there is one.
    pub link: Option<usize>,
    pub connected_at: Nanos,
    pub witness: Witness,
    frames: Frames,
    inbound: Vec<u8>,
    /// Of an event stream: what has come and is not a whole event yet.
    events: Vec<u8>,
    /// Of one that is compressed.
    gzip: Option<GzDecoder<Vec<u8>>>,
    /// Bytes of the connection that were taken out of `inbound`.
    passed: u64,
    has_head: bool,
    next_act: usize,
    next_id: u64,
    is_deaf: bool,
    /// It has answered a ping on this connection: it must go on.
    has_answered: bool,
    acks: Acks,
    /// Everything planned has happened: it reads whatever comes.
    is_calm: bool,
    is_closing: bool,
    closed_by: Option<u16>,
    last_event_id: Option<String>,
    /// What it takes along to the next connection.
    left: Vec<(String, Wanted, Option<u64>)>,
    left_epoch: Option<String>,
    /// When it connects next.
    comes_at: Option<Nanos>,
    allowed: BTreeSet<u16>,
    heard_at: Nanos,
    next_read_at: Nanos,
    terms: Terms,
    stays_up: bool,
    limits: Limits,
    heartbeat_nanos_max: u64,
    /// Sizes that a frame of data may have, and from when on.
    frame_bytes: Vec<(Nanos, usize)>,
    pub counts: Counts,
    pub connections: u64,
    pub transcript: DefaultHasher,
    pub talks: bool,
}

/// A frame's header, and the wrapping of an event, beside what the limit counts.
const FRAME_BYTES_BESIDE: usize = 128;

impl Client {
    pub fn new(plan: &ClientPlan, of: &Plan, net: Net, market: MarketClock, begin: Nanos) -> Client {
        let link = &plan.link;
        let is_near = link.delay_us <= 1_000 && link.bytes_a_ms >= 50_000 && link.window >= 16_384;
        let is_prompt = is_near && plan.reads == Reads::AsItComes && plan.stalls.is_empty();
        let is_free =
            of.call_nanos <= 20_000 && of.crowd == 0 && link.partial_percent <= 5 && !of.is_lossless;
        // By a market whose time jumps, what was sent a moment ago may be a day old.
        let acks = Acks::of(of.seed, plan, begin);
        // One that acknowledges seldom is sent a burst in parts.
        let is_free = is_free && acks.each_ms.is_none();
        let age_nanos = (is_prompt && is_free && !of.is_driven).then_some(400_000_000);
        let heartbeats = of.node.iter().filter_map(|(_, act)| match act {
            NodeAct::Heartbeat(ms) => Some(*ms),
            _ => None,
        });
        let usual = of.limits.heartbeat.as_millis() as Ms;
        Client {
            plan: plan.clone(),
            net,
            market,
            begin,
            link: None,
            connected_at: begin,
            witness: Witness::default(),
            frames: Frames::default(),
            inbound: Vec::new(),
            events: Vec::new(),
            gzip: None,
            passed: 0,
            has_head: false,
            next_act: 0,
            next_id: 1,
            is_deaf: false,
            has_answered: false,
            acks,
            is_calm: false,
            is_closing: false,
            closed_by: None,
            last_event_id: None,
            left: Vec::new(),
            left_epoch: None,
            comes_at: Some(at(begin, plan.connects_ms)),
            allowed: BTreeSet::new(),
            heard_at: begin,
            next_read_at: begin,
            terms: Terms { age_nanos, is_lossless: of.is_lossless && !of.has_push() },
            stays_up: of.stays_up(),
            limits: of.limits.clone(),
            heartbeat_nanos_max: heartbeats.chain([usual]).max().unwrap_or(usual) * 1_000_000,
            frame_bytes: vec![(begin, of.limits.frame_bytes)],
            counts: Counts::default(),
            connections: 0,
            transcript: DefaultHasher::new(),
            talks: false,
        }
    }

    /// Has it woken for everything that it plans to do.
    pub fn schedule(&self) {
        let times = self.plan.acts.iter().map(|(ms, _)| *ms);
        let stalls = self.plan.stalls.iter().map(|(_, until)| *until);
        for ms in times.chain(stalls).chain([self.plan.connects_ms]) {
            self.wake_at(at(self.begin, ms));
        }
    }

    fn wake_at(&self, time: Nanos) {
        let event = Event::World(WorldEvent::Client(self.plan.number));
        self.net.borrow_mut().at(time, event);
    }

    fn now(&self) -> Nanos {
        self.net.borrow().clock.now()
    }

    /// The limits have changed: what it may rely on is the weaker of both.
    pub fn reload(&mut self, act: NodeAct) {
        match act {
            NodeAct::FrameBytes(bytes) => self.frame_bytes.push((self.now(), bytes)),
            NodeAct::Stale(ms) => self.limits.stale = self.limits.stale.max(Duration::from_millis(ms)),
            _ => {}
        }
    }

    /// From now on it reads whatever comes, and does nothing else.
    pub fn calm(&mut self) {
        self.is_calm = true;
        self.wake_at(self.now());
    }

    /// Says whether it wants a connection now.
    pub fn wants_connection(&mut self) -> bool {
        let wants = self.link.is_none() && self.comes_at.is_some_and(|at| at <= self.now());
        if wants {
            self.comes_at = None;
        }
        wants
    }

    /// Begins a connection.
    pub fn connect(&mut self, link: usize) {
        let now = self.now();
        self.link = Some(link);
        (self.connected_at, self.heard_at, self.next_read_at) = (now, now, now);
        let encoding = self.plan.encoding;
        self.witness = Witness::of(encoding);
        self.frames = Frames::default();
        self.inbound.clear();
        self.events.clear();
        self.gzip = None;
        (self.passed, self.has_head, self.is_closing) = (0, false, false);
        (self.is_deaf, self.has_answered) = (false, false);
        self.acks.begin();
        self.closed_by = None;
        self.allowed.clear();
        self.connections += 1;
        match self.plan.kind {
            ClientKind::Silent => {}
            ClientKind::WebSocket => {
                // To offer nothing is to ask for JSON. Each second connection has room for a small window alone.
                let window = ["", "; server_max_window_bits=10"][self.connections as usize % 2];
                let offer = match encoding {
                    Encoding::Json => String::new(),
                    Encoding::Compressed => format!("Sec-WebSocket-Extensions: {OFFER}{window}\r\n"),
                    Encoding::Binary => format!("Sec-WebSocket-Protocol: {}\r\n", encoding.subprotocol()),
                };
                let head = format!(
                    "GET /v1/stream HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{offer}\r\n"
                );
                self.send(head.as_bytes());
                for (key, wanted, last) in self.left.clone() {
                    self.resume(&key, &wanted, last);
                }
            }
            ClientKind::Events => self.ask_for_events(),
        }
    }

    fn ask_for_events(&mut self) {
        let Some(subscribe) = self.plan.acts.iter().find_map(|(_, act)| match act {
            Act::Subscribe(subscribe) => Some(subscribe.clone()),
            _ => None,
        }) else {
            return;
        };
        let mut query = format!(
            "symbols={}&mode={}&interval_ms={}&snapshot={}",
            names(&subscribe.symbols).join(","),
            subscribe.mode,
            subscribe.interval_ms,
            subscribe.snapshot
        );
        if !subscribe.fields.is_empty() {
            query.extend(["&fields=", &subscribe.fields.join(",")]);
        }
        if let Some(name) = subscribe.name {
            query.extend(["&as=", &name.replace(' ', "+")]);
        }
        if subscribe.texts {
            query.push_str("&numbers=string");
        }
        let mut head = format!("GET /v1/sse?{query} HTTP/1.1\r\nHost: sim\r\n");
        if self.plan.encoding == Encoding::Compressed {
            head.push_str("Accept-Encoding: gzip\r\n");
        }
        if let Some(id) = &self.last_event_id {
            head.extend(["Last-Event-ID: ", id, "\r\n"]);
        }
        head.push_str("\r\n");
        let cursors: BTreeMap<_, _> =
            self.left.iter().filter_map(|(key, _, last)| Some((key.clone(), (*last)?))).collect();
        self.witness.store.resume("", cursors);
        let wanted = Wanted::of(&subscribe, self.last_event_id.is_some());
        self.ask(Value::Null, What::Subscribe(wanted));
        self.send(head.as_bytes());
    }

    fn resume(&mut self, key: &str, wanted: &Wanted, last: Option<u64>) {
        let (symbol, _) = unkeyed(key);
        let mut command = subscribe(&[symbol.to_owned()], wanted);
        if let Some((last, epoch)) = last.zip(self.left_epoch.clone()) {
            command["resume"] = json!({"epoch": epoch, "last": {symbol: last}});
        }
        let id = json!(format!("{}-{}", self.plan.number, self.next_id));
        if let Some(last) = last {
            let last = BTreeMap::from([(key.to_owned(), last)]);
            self.witness.store.resume(id.as_str().unwrap_or_default(), last);
        }
        self.command(command, What::Subscribe(Wanted { resumes: last.is_some(), ..wanted.clone() }));
    }

    fn send(&mut self, bytes: &[u8]) {
        if let Some(link) = self.link {
            self.net.borrow_mut().client_sends(link, bytes);
        }
    }

    /// Notes that what it sends proves that it reads.
    fn prove(&mut self) {
        self.has_answered = true;
        if let Some(link) = self.link {
            let now = self.now();
            self.net.borrow_mut().links[link].proved_at = now;
        }
    }

    fn send_frame(&mut self, opcode: u8, payload: &[u8]) {
        self.send(&websocket::frame(opcode, true, payload));
    }

    fn ask(&mut self, id: Value, what: What) {
        let up = self.link.map(|link| self.net.borrow().links[link].up.given);
        let alone = up.filter(|_| self.witness.asked.is_empty() && matches!(what, What::Ping));
        if alone.is_some() {
            self.witness.data_begins.clear();
        }
        self.witness.asked.push_back(Asked { id, what, alone });
    }

    fn command(&mut self, mut command: Value, what: What) {
        let id = json!(format!("{}-{}", self.plan.number, self.next_id));
        self.next_id += 1;
        command["id"] = id.clone();
        self.ask(id, what);
        self.send_frame(websocket::TEXT, command.to_string().as_bytes());
    }

    fn command_for(&mut self, targets: &Targets, mut command: Value, what: What) {
        command["symbols"] = json!(names(&targets.symbols));
        if let Some(name) = targets.name {
            command["as"] = json!(name);
        }
        self.command(command, what);
    }

    /// Does what is due, and reads what there is.
    pub fn wake(&mut self, tape: &Tape) -> Found {
        let now = self.now();
        while let Some((ms, act)) = self.plan.acts.get(self.next_act).cloned()
            && at(self.begin, ms) <= now
        {
            self.next_act += 1;
            if self.link.is_some() && !self.is_closing && !self.is_calm {
                self.act(&act);
            }
        }
        self.read(now, tape)?;
        self.acknowledge(now);
        Ok(())
    }

    /// Says how much it has read, when that is due.
    fn acknowledge(&mut self, now: Nanos) {
        let is_there = self.link.is_some() && self.witness.epoch.is_some();
        if !is_there || self.is_deaf || self.is_closing {
            return;
        }
        match self.acks.due(now) {
            None => {}
            Some(Err(later)) => self.wake_at(later),
            Some(Ok(seen)) => {
                self.send_frame(websocket::TEXT, format!(r#"{{"op":"ack","seen":{seen}}}"#).as_bytes());
                if let Some(link) = self.link {
                    self.net.borrow_mut().links[link].proved_at = now;
                }
            }
        }
    }

    fn act(&mut self, act: &Act) {
        if self.plan.kind == ClientKind::Silent {
            return;
        }
        if self.plan.kind == ClientKind::Events {
            match act {
                Act::Close | Act::Reset => self.go(),
                Act::Vanish => self.vanish(),
                _ => {}
            }
            return;
        }
        match act {
            Act::Subscribe(plan) => {
                let wanted = Wanted::of(plan, false);
                self.command(subscribe(&names(&plan.symbols), &wanted), What::Subscribe(wanted));
            }
            Act::SubscribeGlobs(count) => {
                // Much work, and short commands right behind it.
                let globs = (0..*count).map(|glob| format!("*Q{glob}*X"));
                let symbols: Vec<_> = names(&[0, 1]).into_iter().chain(globs).collect();
                let wanted = Wanted::of_globs();
                self.command(subscribe(&symbols, &wanted), What::Subscribe(wanted));
                for _ in 0..3 {
                    self.command(json!({"op": "ping"}), What::Ping);
                }
                self.command(json!({"op": "list"}), What::List);
            }
            Act::Unsubscribe(targets) => {
                self.command_for(targets, json!({"op": "unsubscribe"}), What::Unsubscribe);
            }
            Act::SetInterval(targets, ms) => {
                self.command_for(targets, json!({"op": "set", "interval_ms": ms}), What::SetInterval(*ms));
            }
            Act::SetMode(targets, mode) => {
                self.command_for(targets, json!({"op": "set", "mode": mode}), What::SetMode(mode));
            }
            Act::SetFields(targets, fields) => {
                self.command_for(targets, json!({"op": "set", "fields": fields}), What::SetFields(fields));
            }
            Act::SetTexts(targets, texts) => {
                let numbers = if *texts { "string" } else { "number" };
                self.command_for(targets, json!({"op": "set", "numbers": numbers}), What::SetTexts(*texts));
            }
            Act::List => self.command(json!({"op": "list"}), What::List),
            Act::Ping => self.command(json!({"op": "ping"}), What::Ping),
            Act::Auth => self.command(json!({"op": "auth", "token": "x"}), What::Auth),
            Act::Faulty(kind) => self.faulty(*kind),
            Act::Fragments => self.fragments(),
            Act::WebSocketPing => self.send_frame(websocket::PING, b"sim"),
            Act::Deaf => {
                self.is_deaf = true;
                // It is sent nothing that it does not prove to have read.
                self.terms.age_nanos = None;
                self.allowed.insert(4001);
            }
            Act::Close => {
                self.is_closing = true;
                self.allowed.insert(1000);
                self.send_frame(websocket::CLOSE, &1000u16.to_be_bytes());
            }
            Act::Reset => self.go(),
            Act::Vanish => self.vanish(),
            Act::HalfClose => {
                let link = self.link.unwrap_or_default();
                self.is_closing = true;
                self.net.borrow_mut().client_ends(link);
            }
            Act::Hostile(hostile) => self.hostile(*hostile),
        }
    }

    fn faulty(&mut self, kind: usize) {
        let texts = [
            "{",
            "[]",
            r#"{"op":"buy"}"#,
            r#"{"op":"subscribe"}"#,
            r#"{"op":"ping","more":1}"#,
            r#"{"op":"subscribe","symbols":["A"],"mode":"fast"}"#,
        ];
        self.ask(Value::Null, What::Faulty);
        self.send_frame(websocket::TEXT, texts[kind % texts.len()].as_bytes());
    }

    fn fragments(&mut self) {
        let id = json!(format!("{}-{}", self.plan.number, self.next_id));
        self.next_id += 1;
        let text = json!({"op": "ping", "id": id}).to_string();
        self.ask(id, What::Ping);
        let (first, then) = text.as_bytes().split_at(5);
        self.send(&websocket::frame(websocket::TEXT, false, first));
        self.send_frame(websocket::PING, b"");
        self.send(&websocket::frame(websocket::CONTINUATION, true, then));
    }

    fn hostile(&mut self, hostile: Hostile) {
        self.allowed.extend(hostile.codes());
        let is_flood = matches!(hostile, Hostile::CommandFlood);
        self.is_closing = !is_flood;
        self.witness.is_hostile = !is_flood;
        match hostile {
            Hostile::Binary => self.send_frame(websocket::BINARY, b"123"),
            Hostile::BadUtf8 => self.send_frame(websocket::TEXT, &[0xC3, 0x28]),
            Hostile::TooBig => self.send_frame(websocket::TEXT, &vec![b' '; self.limits.message_bytes + 1]),
            Hostile::Unmasked => self.send(&websocket::unmasked(websocket::TEXT, br#"{"op":"ping"}"#)),
            Hostile::Noise => self.send(&[0xFF; 64]),
            Hostile::FrameFlood => {
                for _ in 0..self.limits.frames_burst + 500 {
                    self.send_frame(websocket::PONG, b"");
                }
            }
            Hostile::ByteFlood => {
                for _ in 0..120 {
                    self.send_frame(websocket::PONG, &[0; 100]);
                    self.send_frame(websocket::TEXT, &vec![b' '; 60_000]);
                }
            }
            Hostile::CommandFlood => {
                for _ in 0..self.limits.commands_burst + 100 {
                    self.command(json!({"op": "ping"}), What::Ping);
                }
            }
        }
    }

    /// Ends the connection without a word.
    fn go(&mut self) {
        if let Some(link) = self.link {
            self.net.borrow_mut().client_resets(link);
            self.ended();
        }
    }

    /// Stops without a word to the server: it sends, reads and acknowledges nothing from now on.
    fn vanish(&mut self) {
        if let Some(link) = self.link {
            self.net.borrow_mut().client_vanishes(link);
            self.ended();
        }
    }

    /// The connection is over; what was learnt is kept for the next one.
    fn ended(&mut self) {
        self.link = None;
        self.counts += std::mem::take(&mut self.witness.counts);
        if self.witness.epoch.is_some() {
            let cursors = self.witness.cursors();
            self.left_epoch.clone_from(&self.witness.epoch);
            let wanted = self.witness.wanted();
            self.left = wanted
                .map(|(key, wanted)| (key.to_owned(), wanted.clone(), cursors.get(key).copied()))
                .collect();
        }
        if self.plan.comes_back && !self.is_calm && self.plan.kind != ClientKind::Silent {
            let comes_at = self.now().plus(Duration::from_millis(50));
            self.comes_at = Some(comes_at);
            self.wake_at(comes_at);
        }
    }

    fn is_stalled(&self, now: Nanos) -> bool {
        let ms = now.since(self.begin) / 1_000_000;
        !self.is_calm && self.plan.stalls.iter().any(|&(from, until)| (from..until).contains(&ms))
    }

    fn read(&mut self, now: Nanos, tape: &Tape) -> Found {
        loop {
            let Some(link) = self.link else { return Ok(()) };
            if self.is_stalled(now) {
                return Ok(());
            }
            let most = match self.plan.reads {
                Reads::Slowly { bytes, each_ms } if !self.is_calm => {
                    if now < self.next_read_at {
                        return Ok(());
                    }
                    self.next_read_at = now.plus(Duration::from_millis(each_ms));
                    self.wake_at(self.next_read_at);
                    bytes
                }
                _ => usize::MAX,
            };
            let bytes = self.net.borrow_mut().client_reads(link, most);
            let is_over = self.net.borrow().links[link].is_over_for_client();
            if bytes.is_empty() {
                if is_over {
                    self.check_end(link)?;
                    self.ended();
                }
                return Ok(());
            }
            bytes.hash(&mut self.transcript);
            now.0.hash(&mut self.transcript);
            self.inbound.extend(bytes);
            self.parse(now, tape)?;
        }
    }

    fn parse(&mut self, now: Nanos, tape: &Tape) -> Found {
        if !self.has_head {
            let Some(end) = find(&self.inbound, b"\r\n\r\n") else { return Ok(()) };
            let head = String::from_utf8_lossy(&self.inbound[..end]).into_owned();
            self.skip(end + 4);
            self.has_head = true;
            let expected = if self.plan.kind == ClientKind::Events { "HTTP/1.1 200" } else { "HTTP/1.1 101" };
            if !head.starts_with(expected) {
                return Err((Law::Cause, format!("the request was answered by {head}")));
            }
            self.agrees(&head)?;
        }
        match self.plan.kind {
            ClientKind::Events => self.parse_events(now, tape),
            _ => self.parse_frames(now, tape),
        }
    }

    /// It is given the encoding that it asked for.
    fn agrees(&mut self, head: &str) -> Found {
        let (events, name) = match self.plan.kind {
            ClientKind::Events => (true, "content-encoding: gzip"),
            _ => (false, "sec-websocket-extensions: permessage-deflate"),
        };
        let has_it = head.to_ascii_lowercase().lines().any(|line| line.starts_with(name));
        if has_it != (self.plan.encoding == Encoding::Compressed) {
            return Err((Law::Answers, format!("{:?} was asked for: {head}", self.plan.encoding)));
        }
        self.gzip = (events && has_it).then(|| GzDecoder::new(Vec::new()));
        Ok(())
    }

    fn skip(&mut self, bytes: usize) {
        self.inbound.drain(..bytes);
        self.passed += bytes as u64;
    }

    fn parse_frames(&mut self, now: Nanos, tape: &Tape) -> Found {
        let agreed = if self.plan.encoding == Encoding::Compressed { RSV1 } else { 0 };
        while let Some(frame) = websocket::read(&self.inbound, agreed) {
            let Frame { opcode, is_deflated, payload, bytes } = frame;
            let begins = self.passed;
            self.skip(bytes);
            let payload = if is_deflated { inflated(&payload) } else { payload };
            match opcode {
                websocket::TEXT => {
                    let text = String::from_utf8_lossy(&payload).into_owned();
                    self.take_text(&text, begins, now, tape)?;
                }
                websocket::BINARY if self.plan.encoding == Encoding::Binary => {
                    let messages = self.frames.binary(&payload);
                    let messages = messages.map_err(|error| (Law::Truth, format!("{error}: {payload:?}")))?;
                    self.take(&messages, (begins, payload.len()), now, tape)?;
                }
                websocket::PING => {
                    if !self.is_deaf {
                        self.prove();
                        self.send_frame(websocket::PONG, &payload);
                    }
                }
                websocket::PONG => {}
                websocket::CLOSE => {
                    let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                    self.closed_by = Some(code);
                    self.check_code(code)?;
                    if !self.is_closing {
                        self.is_closing = true;
                        self.send_frame(websocket::CLOSE, &payload);
                    }
                }
                other => return Err((Law::Truth, format!("a frame with opcode {other}"))),
            }
        }
        Ok(())
    }

    fn parse_events(&mut self, now: Nanos, tape: &Tape) -> Found {
        let came = self.inbound.len();
        let begins = self.passed;
        match &mut self.gzip {
            None => self.events.append(&mut self.inbound),
            Some(gzip) => {
                let inflated = gzip.write_all(&self.inbound).and_then(|()| gzip.flush());
                inflated.map_err(|error| (Law::Truth, format!("no gzip: {error}")))?;
                self.events.append(gzip.get_mut());
            }
        }
        self.inbound.clear();
        self.passed += came as u64;
        while let Some(end) = find(&self.events, b"\n\n") {
            let event = String::from_utf8_lossy(&self.events[..end]).into_owned();
            self.events.drain(..end + 2);
            let mut is_close = false;
            for line in event.lines() {
                match line.split_once(": ").unwrap_or((line, "")) {
                    ("event", "close") => is_close = true,
                    ("data", text) if is_close => {
                        let close: Value = serde_json::from_str(text)
                            .map_err(|error| (Law::Truth, format!("{error}: {text}")))?;
                        let code = close["code"].as_u64().unwrap_or_default() as u16;
                        self.closed_by = Some(code);
                        self.check_code(code)?;
                    }
                    ("data", text) => self.take_text(text, begins, now, tape)?,
                    ("id", id) => self.last_event_id = Some(id.to_owned()),
                    ("retry", ms) if ms.parse::<u64>().is_ok() => {}
                    _ if line.starts_with(':') => {}
                    _ => return Err((Law::Truth, format!("{line:?} is not a line of an event"))),
                }
            }
        }
        Ok(())
    }

    fn take_text(&mut self, text: &str, begins: u64, now: Nanos, tape: &Tape) -> Found {
        let messages = self.frames.text(text);
        self.take(&messages, (begins, text.len()), now, tape)
    }

    /// One frame of messages, which began so many bytes behind the connection's begin, and has so many.
    fn take(
        &mut self,
        messages: &[Message],
        (begins, bytes): (u64, usize),
        now: Nanos,
        tape: &Tape,
    ) -> Found {
        if self.talks {
            let at = now.since(self.begin) as f64 / 1e9;
            println!("{at:>12.6} client {} {:.300}", self.plan.number, format!("{messages:?}"));
        }
        if messages.iter().any(Message::is_data) {
            self.witness.data_begins.push(begins);
            self.acks.read += 1;
            self.check_size(bytes, now)?;
        }
        self.check_heartbeat(now)?;
        self.heard_at = now;
        for message in messages {
            let from = self.answered_from();
            self.witness.hears(message, self.market.now(), tape, &self.terms, from)?;
        }
        Ok(())
    }

    /// How much had been sent towards this client when the server read the command that is to be answered next.
    fn answered_from(&self) -> Option<u64> {
        let alone = self.witness.asked.front()?.alone?;
        let net = self.net.borrow();
        let marks = &net.links[self.link?].marks;
        // The command began where the way up stood when it was sent.
        marks.iter().find(|(up, _)| *up > alone).map(|(_, down)| *down)
    }

    fn check_size(&self, bytes: usize, now: Nanos) -> Found {
        // What was made before a change may come a while behind it.
        let path = &self.plan.link;
        let queue_ms = (path.send_buffer + path.window + path.proxy) as u64 / path.bytes_a_ms.max(1);
        let is_prompt = self.plan.reads == Reads::AsItComes && self.plan.stalls.is_empty();
        let while_ms = if is_prompt { 1_000 + queue_ms } else { 60_000 };
        let since = Nanos(now.0 - while_ms as i64 * 1_000_000);
        let older = self.frame_bytes.iter().rev().find(|(from, _)| *from <= since);
        let newer = self.frame_bytes.iter().filter(|(from, _)| *from > since);
        let most = newer.chain(older).map(|(_, bytes)| *bytes).max().unwrap_or(usize::MAX);
        if bytes > most + FRAME_BYTES_BESIDE {
            return Err((Law::FrameSize, format!("a frame of data has {bytes} bytes, {most} are allowed")));
        }
        Ok(())
    }

    /// Whether it has not waited longer than it was promised.
    pub fn check_heartbeat(&self, now: Nanos) -> Found {
        let link = &self.plan.link;
        // Heartbeats follow the market's time.
        let is_good = !self.market.is_driven()
            && link.bytes_a_ms >= 500
            && self.plan.reads == Reads::AsItComes
            && self.plan.stalls.is_empty();
        let slack = 800_000_000
            + link.delay_us * 4_000
            + (link.proxy + link.send_buffer) as u64 * 1_000_000 / link.bytes_a_ms;
        let waited = now.since(self.heard_at.max(self.connected_at));
        let is_there = self.link.is_some() && self.has_head;
        if is_good && is_there && !self.is_closing && waited > self.heartbeat_nanos_max + slack {
            return Err((
                Law::Heartbeat,
                format!("client {} heard nothing for {} ms", self.plan.number, waited / 1_000_000),
            ));
        }
        Ok(())
    }

    /// Whether it may be closed with this code.
    fn check_code(&self, code: u16) -> Found {
        let Some(link) = self.link else { return Ok(()) };
        let net = self.net.borrow();
        let down = &net.links[link].down;
        let path = &self.plan.link;
        let queue_nanos =
            (path.send_buffer + path.window + path.proxy) as u64 * 1_000_000 / path.bytes_a_ms.max(1);
        let pong_nanos = self.limits.pong.as_nanos() as u64;
        let is_late = self.plan.reads != Reads::AsItComes
            || !self.plan.stalls.is_empty()
            || queue_nanos + path.delay_us * 4_000 > pong_nanos / 2;
        let is_right = match code {
            1001 => !self.stays_up && (self.witness.told_drain || self.witness.epoch.is_none()),
            1000 => self.allowed.contains(&1000) || self.witness.told_end,
            4001 => self.allowed.contains(&4001) || is_late,
            // Whether it was for its cause is looked at where it happens (`node.rs`).
            4008 | 4129 => true,
            other => self.allowed.contains(&other),
        };
        if !is_right {
            let stall_ms = down.longest_stall / 1_000_000;
            let what = format!(
                "client {} was closed with {code}; its longest stall was {stall_ms} ms",
                self.plan.number
            );
            return Err((if code == 1001 { Law::Farewell } else { Law::Cause }, what));
        }
        Ok(())
    }

    /// Checks whether the connection ended with a reason.
    fn check_end(&mut self, link: usize) -> Found {
        // Who takes nothing may not even get the word that it is closed.
        let is_prompt = self.plan.reads == Reads::AsItComes && self.plan.stalls.is_empty();
        let lost = self.net.borrow().links[link].lost_bytes || !is_prompt;
        if self.witness.epoch.is_some()
            && self.closed_by.is_none()
            && !self.is_closing
            && !lost
            && self.stays_up
        {
            return Err((Law::Cause, format!("client {} was cut off without a word", self.plan.number)));
        }
        // Behind a close that is whole stands the end of a compressed stream, with its checksum.
        if let Some(gzip) = self.gzip.take().filter(|_| self.closed_by.is_some() && !lost) {
            gzip.finish().map_err(|error| (Law::Truth, format!("a compressed stream's end: {error}")))?;
        }
        Ok(())
    }

    /// Everything has come to rest.
    pub fn at_rest(&mut self, tape: &Tape) -> Found {
        let now = self.now();
        if self.link.is_none() || self.plan.kind == ClientKind::Silent {
            return Ok(());
        }
        if self.is_deaf && self.has_answered && !self.is_closing {
            return Err((
                Law::Deadline,
                format!("client {} answers no ping and is still there", self.plan.number),
            ));
        }
        if self.is_closing {
            return Err((Law::Deadline, format!("client {} is closing and does not end", self.plan.number)));
        }
        self.check_heartbeat(now)?;
        self.witness.at_rest(self.market.now(), tape, self.limits.stale.as_nanos() as u64)
    }

    /// All that came on all its connections.
    pub fn counted(&self) -> Counts {
        let mut counts = self.counts;
        counts += self.witness.counts;
        counts
    }
}

impl Wanted {
    fn of(plan: &SubscribePlan, resumes: bool) -> Wanted {
        Wanted {
            mode: plan.mode,
            interval_ms: plan.interval_ms,
            fields: plan.fields,
            snapshot: plan.snapshot,
            name: plan.name,
            texts: plan.texts,
            resumes,
        }
    }

    fn of_globs() -> Wanted {
        Wanted {
            mode: "latest",
            interval_ms: 0,
            fields: &[],
            snapshot: true,
            name: None,
            texts: false,
            resumes: false,
        }
    }
}

fn subscribe(symbols: &[String], wanted: &Wanted) -> Value {
    let mut command =
        json!({"op": "subscribe", "symbols": symbols, "mode": wanted.mode, "snapshot": wanted.snapshot});
    if wanted.interval_ms > 0 {
        command["interval_ms"] = json!(wanted.interval_ms);
    }
    if !wanted.fields.is_empty() {
        command["fields"] = json!(wanted.fields);
    }
    if let Some(name) = wanted.name {
        command["as"] = json!(name);
    }
    if wanted.texts {
        command["numbers"] = json!("string");
    }
    command
}

fn names(symbols: &[usize]) -> Vec<String> {
    symbols.iter().map(|symbol| format!("S{symbol}")).collect()
}

pub fn at(begin: Nanos, ms: Ms) -> Nanos {
    begin.plus(Duration::from_millis(ms))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
