//! Law 11: clients with tokens, which are renewed with less and with more, expire and are revoked, while symbols are listed,
//! links are slow, and frames are taken in part. One seed chooses it all.
//!
//! What is checked is what the node has written, byte by byte, with the time of each: the symbols and fields of every
//! message are allowed by the token that is in force there, and from the end of that token on nothing follows but a close.
//! Which token is in force is known from the stream itself (the answer to `auth`), from its `exp`, and from what was
//! revoked. What is shown delayed is never early: with the time of each write, its receipt is long enough ago, by the delay that
//! is in force then; only a frame that waited for its client when the delay was changed is by the one before.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jsonwebtoken::{EncodingKey, Header};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use tickcast::{
    access::{
        Authority, Policy, Product, Products, SymbolPatterns,
        keys::{Key, KeyRing},
    },
    limits::{DEFAULT, Limits},
    tick::{Glob, Nanos, Symbol},
    topic::DelayedMarket,
};

use super::{
    law::{Breach, Law},
    network::LinkPlan,
    plan::{chance, pick},
    stage::{AuditUser, Stage, UPGRADE, ms},
    websocket,
    world::BEGIN,
};

const SECRET: &[u8] = b"a secret of thirty-two bytes, or more";
const SYMBOLS: [&str; 8] = ["A0", "A1", "A2", "B0", "B1", "B2", "C0", "C1"];
const PATTERNS: [&str; 8] = ["*", "A*", "B*", "*0", "*1", "B1", "C*", "A1"];
const FIELDS: [&[&str]; 3] = [&["bid", "ask"], &["bid"], &["last", "volume"]];
/// What a revocation has to be seen by.
const REVOKED_WITHIN: Duration = Duration::from_millis(250);
/// Of a message, beside the fields of the record.
const NO_FIELDS: [&str; 12] =
    ["delay_ms", "type", "symbol", "as", "seq", "ts", "rx", "n", "from", "to", "reason", "state"];
const SEEDS: u64 = 300;
/// From this one on users have limits, over all of their sessions.
const LIMITED_FROM: u64 = 240;
/// How much later symbols are shown: those of A, of B, and the others.
const DELAYS_MS: [u64; 3] = [40, 300, 120];

/// From this one on delays are changed.
const CHANGED_FROM: u64 = 200;
/// Shards learn of a change as they get to it.
const CHANGED_WITHIN: Duration = Duration::from_millis(20);

/// The delays that were in force, and since when.
struct Delays(Vec<(Nanos, [u64; 3])>);

/// What a token allows, for the check.
#[derive(Clone, Debug, Default)]
struct Grant {
    read: Vec<&'static str>,
    delayed: Vec<&'static str>,
    fields: Option<&'static [&'static str]>,
    interval_ms: u64,
    user: usize,
    expires: Option<Nanos>,
    text: String,
    revoked: Option<Nanos>,
}

/// A connection, and the tokens that it has sent: by the id of the command.
struct Visit {
    who: AuditUser,
    kind: VisitKind,
    first: Option<usize>,
    renewals: BTreeMap<u64, usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum VisitKind {
    WebSocket,
    Events,
    Request,
}

struct Run {
    stage: Stage,
    random: Pcg64Mcg,
    /// Of what is shown delayed, so that the rest of a seed's run is chosen as without.
    late_random: Pcg64Mcg,
    authority: Arc<Authority>,
    grants: Vec<Grant>,
    visits: Vec<Visit>,
    /// Of changes of delays, so that the rest of a seed's run is chosen as without.
    change_random: Option<Pcg64Mcg>,
    delays: Delays,
    next_id: u64,
    bid: u64,
}

/// How much a run has checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checked {
    messages: usize,
    refusals: usize,
    renewals: usize,
    cut: usize,
    closed: usize,
    /// Messages that were shown delayed.
    late: usize,
    /// Those by other delays than at first.
    changed: usize,
}

impl Delays {
    /// Which of them were in force at this time.
    fn at(&self, time: Nanos) -> usize {
        self.0.partition_point(|(since, _)| *since <= time) - 1
    }

    fn of(&self, number: usize, symbol: &str) -> u64 {
        let (_, delays) = self.0[number];
        delays[match symbol.as_bytes()[0] {
            b'A' => 0,
            b'B' => 1,
            _ => 2,
        }]
    }

    /// Whether a message is by delays that were in force a while before it was written.
    fn are_old(&self, message: &Value, begun: Nanos) -> bool {
        let (Some(symbol), Some(told)) = (message["symbol"].as_str(), message["delay_ms"].as_u64()) else {
            return false;
        };
        let (since, _) = self.0[self.at(begun)];
        self.of(self.at(begun), symbol) != told && since.plus(CHANGED_WITHIN) < begun
    }
}

fn products(delays: [u64; 3]) -> Arc<Products> {
    let product = |name: &str, at: usize| {
        let symbols = SymbolPatterns::new([name]).expect("a pattern");
        Product::new(name, symbols, ms(delays[at]))
    };
    Arc::new(Products::new(vec![product("A*", 0), product("B*", 1)], ms(delays[2])))
}

fn delayed_market(grid_ms: u64) -> DelayedMarket {
    DelayedMarket::new(products(DELAYS_MS), ms(grid_ms), Box::new(|| {}))
}

fn matches(patterns: &[&str], symbol: &str) -> bool {
    let symbol = Symbol::new(symbol).expect("a symbol");
    patterns.iter().any(|pattern| Glob::new(pattern).expect("a pattern").matches(&symbol))
}

impl Grant {
    fn allows(&self, symbol: &str) -> bool {
        self.reads(symbol) || matches(&self.delayed, symbol)
    }

    fn allows_any(&self) -> bool {
        !self.read.is_empty() || !self.delayed.is_empty()
    }

    /// As it happens.
    fn reads(&self, symbol: &str) -> bool {
        matches(&self.read, symbol)
    }

    fn allows_field(&self, name: &str) -> bool {
        self.fields.is_none_or(|fields| fields.contains(&name))
    }

    /// From when on nothing may be written under it.
    fn ends(&self) -> Option<Nanos> {
        let revoked = self.revoked.map(|revoked| revoked.plus(REVOKED_WITHIN));
        self.expires.into_iter().chain(revoked).min()
    }
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let authority = Arc::new(Authority::new(Policy { is_open: false, ..Policy::default() }));
        let key = Key::secret(SECRET).expect("a secret");
        authority.set_keys(KeyRing::new(vec![key], false).expect("a key"));
        let mut user_random = Pcg64Mcg::seed_from_u64(seed.rotate_left(32));
        let mut of_user =
            |limits: &[u32]| if seed < LIMITED_FROM { 0 } else { pick(&mut user_random, limits) };
        let limits = Limits {
            user_subscriptions: of_user(&[0, 3, 8]) as usize,
            user_commands_per_second: of_user(&[0, 2]),
            user_bytes_per_second: of_user(&[0, 4_000]),
            ring_ticks: pick(&mut random, &[16, 1_024]),
            frame_bytes: pick(&mut random, &[2_048, 16_384]),
            auth: ms(3_000),
            heartbeat: ms(700),
            stale: ms(400),
            pause: ms(pick(&mut random, &[0, 5])),
            ..DEFAULT
        };
        let call_nanos = pick(&mut random, &[0, 20_000, 200_000]);
        let mut late_random = Pcg64Mcg::seed_from_u64(!seed);
        let delayed = delayed_market(pick(&mut late_random, &[1, 10, 100]));
        let stage = Stage::with_authority(limits, Arc::clone(&authority), call_nanos, seed, Some(delayed));
        Run {
            stage,
            random,
            late_random,
            authority,
            grants: Vec::new(),
            visits: Vec::new(),
            change_random: (seed >= CHANGED_FROM).then(|| Pcg64Mcg::seed_from_u64(seed.rotate_left(7))),
            delays: Delays(vec![(Nanos(0), DELAYS_MS)]),
            next_id: 1,
            bid: 0,
        }
    }

    /// A token for some symbols, some fields and some time.
    fn token(&mut self) -> usize {
        let random = &mut self.random;
        let read = (0..random.random_range(0..4)).map(|_| pick(random, &PATTERNS)).collect::<Vec<_>>();
        let late = &mut self.late_random;
        let delayed = (0..late.random_range(0..3)).map(|_| pick(late, &PATTERNS)).collect::<Vec<_>>();
        let fields = chance(random, 40).then(|| pick(random, &FIELDS));
        let interval_ms = pick(random, &[0, 0, 100]);
        let user = random.random_range(0..3);
        let now_s = self.stage.clock.now().0 / 1_000_000_000;
        let expires_s = now_s + pick(random, &[1, 2, 4, 3_600]);
        let number = self.grants.len();
        let mut claim = json!({"read": read, "delayed": delayed, "min_interval_ms": interval_ms});
        if let Some(fields) = fields {
            claim["fields"] = json!(fields);
        }
        let claims = json!({
            "sub": format!("user{user}"), "jti": format!("token{number}"), "exp": expires_s, "tickcast": claim,
        });
        let text = jsonwebtoken::encode(
            &Header::default(),
            &claims,
            &EncodingKey::from_secret(SECRET).expect("a key"),
        );
        self.grants.push(Grant {
            read,
            delayed,
            fields,
            interval_ms,
            user,
            expires: Some(Nanos(expires_s * 1_000_000_000)),
            text: text.expect("a token"),
            revoked: None,
        });
        number
    }

    fn link(&mut self) -> LinkPlan {
        let random = &mut self.random;
        LinkPlan {
            delay_us: pick(random, &[0, 1_000, 40_000]),
            bytes_a_ms: pick(random, &[5, 50, 50_000]),
            send_buffer: pick(random, &[4_096, 131_072]),
            window: pick(random, &[2_048, 131_072]),
            proxy: 0,
            partial_percent: pick(random, &[0, 30, 80]),
        }
    }

    /// A client connects: with a token in its request, or, for a WebSocket, sometimes with one that follows.
    fn visit(&mut self) {
        let link = self.link();
        let who = self.stage.connect(&link);
        let kind = pick(
            &mut self.random,
            &[VisitKind::WebSocket, VisitKind::WebSocket, VisitKind::Events, VisitKind::Request],
        );
        let waits = kind == VisitKind::WebSocket && chance(&mut self.random, 25);
        let first = (!waits).then(|| self.token());
        let names = self.names();
        let token = first.map_or_else(String::new, |first| format!("&token={}", self.grants[first].text));
        let mode = pick(&mut self.random, &["latest", "every", "trades", "once"]);
        let head = match kind {
            VisitKind::WebSocket => {
                UPGRADE.replace("/v1/stream", &format!("/v1/stream?symbols={names}&mode={mode}{token}"))
            }
            VisitKind::Events => {
                format!("GET /v1/sse?symbols={names}&mode={mode}{token} HTTP/1.1\r\nHost: sim\r\n\r\n")
            }
            VisitKind::Request => {
                format!("GET /v1/snapshot?symbols={names}{token} HTTP/1.1\r\nHost: sim\r\n\r\n")
            }
        };
        self.stage.send(who, head.as_bytes());
        let visit = Visit { who, kind, first, renewals: BTreeMap::new() };
        self.visits.push(visit);
    }

    fn names(&mut self) -> String {
        let names = (0..self.random.random_range(1..4)).map(|_| {
            let from: &[&str] = if chance(&mut self.random, 50) { &SYMBOLS } else { &PATTERNS };
            pick(&mut self.random, from)
        });
        names.collect::<Vec<_>>().join(",")
    }

    /// Something that a client of a WebSocket does.
    fn act(&mut self, at: usize) {
        let who = self.visits[at].who;
        self.next_id += 1;
        let id = self.next_id;
        let names: Vec<String> = self.names().split(',').map(str::to_owned).collect();
        let command = match self.random.random_range(0..10) {
            0..=3 => {
                let mut command = json!({"op": "subscribe", "id": id, "symbols": names});
                command["mode"] = json!(pick(&mut self.random, &["latest", "every", "trades", "once"]));
                command["interval_ms"] = json!(pick(&mut self.random, &[0, 0, 300]));
                if chance(&mut self.random, 40) {
                    command["fields"] = json!(pick(&mut self.random, &FIELDS));
                }
                if chance(&mut self.random, 30) {
                    let last: BTreeMap<&str, u64> = names.iter().map(|name| (name.as_str(), 1)).collect();
                    command["resume"] = json!({"epoch": "sim", "last": last});
                }
                command
            }
            4 => json!({"op": "unsubscribe", "id": id, "symbols": names}),
            5 => {
                json!({"op": "set", "id": id, "symbols": names, "fields": pick(&mut self.random, &FIELDS), "interval_ms": 0})
            }
            6 => json!({"op": "list", "id": id}),
            _ => {
                let token = self.token();
                self.visits[at].renewals.insert(id, token);
                json!({"op": "auth", "id": id, "token": self.grants[token].text})
            }
        };
        self.stage.command(who, &command);
    }

    /// Takes back a token, or all of a user's.
    fn revoke(&mut self) {
        if self.grants.is_empty() {
            return;
        }
        let now = self.stage.clock.now();
        let chosen = self.random.random_range(0..self.grants.len());
        let user = self.grants[chosen].user;
        if chance(&mut self.random, 70) {
            self.authority.revoke_token(&format!("token{chosen}"), self.grants[chosen].expires, now);
            self.grants[chosen].revoked.get_or_insert(now);
        } else {
            self.authority.revoke_user(&format!("user{user}"), now);
            self.grants.iter_mut().filter(|grant| grant.user == user).for_each(|grant| {
                grant.revoked.get_or_insert(now);
            });
        }
    }

    /// Other delays, now and then.
    fn change_delays(&mut self) {
        let Some(random) = self.change_random.as_mut() else { return };
        if !chance(random, 15) {
            return;
        }
        let delays = [0, 1, 2].map(|_| pick(random, &[0, 40, 120, 300, 900]));
        self.delays.0.push((self.stage.clock.now(), delays));
        self.stage.node.change_delays(products(delays));
    }

    fn feed(&mut self) {
        let count = pick(&mut self.random, &[1, 20, 150]);
        let lines: Vec<String> = (0..count)
            .map(|_| {
                self.bid += 1;
                let symbol = pick(&mut self.random, &SYMBOLS);
                match self.random.random_range(0..4) {
                    0 => format!(
                        r#"{{"symbol":"{symbol}","last":{},"last_size":1,"affects":["volume"]}}"#,
                        self.bid
                    ),
                    1 => format!(r#"{{"symbol":"{symbol}","last":{},"last_size":1}}"#, self.bid),
                    _ => format!(r#"{{"symbol":"{symbol}","bid":{},"ask":{}}}"#, self.bid, self.bid + 1),
                }
            })
            .collect();
        self.stage.feed(&lines);
    }

    fn go(&mut self) {
        for _ in 0..self.random.random_range(20..80) {
            match self.random.random_range(0..16) {
                0 | 1 => self.visit(),
                2 => self.revoke(),
                3..=6 => self.feed(),
                7 => {
                    // Tokens expire at whole seconds: in the middle of a turn.
                    let now = self.stage.now();
                    self.stage.run_to(now / 1_000 * 1_000 + 999);
                    self.feed();
                }
                8 | 9 if !self.visits.is_empty() => {
                    let at = self.random.random_range(0..self.visits.len());
                    let reads = chance(&mut self.random, 30);
                    self.stage.reads(self.visits[at].who, reads);
                }
                _ => {
                    let sockets =
                        (0..self.visits.len()).filter(|&at| self.visits[at].kind == VisitKind::WebSocket);
                    let sockets: Vec<usize> = sockets.collect();
                    if !sockets.is_empty() {
                        let at = pick(&mut self.random, &sockets);
                        self.act(at);
                    }
                }
            }
            self.change_delays();
            let pause = pick(&mut self.random, &[0, 1, 20, 150, 700]);
            self.stage.run_for(pause);
        }
        for visit in &self.visits {
            self.stage.reads(visit.who, true);
        }
        self.stage.run_for(30_000);
    }
}

/// Runs a seed; says what it has checked.
///
/// # Errors
/// With what was written and should not have been.
fn run(seed: u64) -> Result<Checked, String> {
    let mut run = Run::new(seed);
    run.go();
    let mut checked = Checked::default();
    run.stage.node.check_shares().map_err(|what| format!("seed {seed}: {what}"))?;
    for (number, visit) in run.visits.iter().enumerate() {
        let writes = run.stage.writes(visit.who);
        let told = check(visit, (&run.grants, &run.delays), &writes, &mut checked);
        told.map_err(|what| format!("seed {seed}, client {number}: {what}"))?;
    }
    Ok(checked)
}

/// The same, as a run of the simulator tells it.
pub fn breach(seed: u64) -> Option<Breach> {
    run(seed).err().map(|what| Breach { law: Law::Entitlement, what, at: BEGIN })
}

/// Bytes that were written, with the time of each.
struct Written {
    bytes: Vec<u8>,
    /// Where each write begins, and when it was.
    times: Vec<(usize, Nanos)>,
}

impl Written {
    fn of(writes: &[(Nanos, Vec<u8>)]) -> Self {
        let (mut bytes, mut times) = (Vec::new(), Vec::new());
        for (at, written) in writes {
            times.push((bytes.len(), *at));
            bytes.extend_from_slice(written);
        }
        Written { bytes, times }
    }

    /// When this byte was written.
    fn at(&self, byte: usize) -> Nanos {
        let after = self.times.partition_point(|&(begins, _)| begins <= byte);
        self.times[after - 1].1
    }
}

fn check(
    visit: &Visit,
    (grants, delays): (&[Grant], &Delays),
    writes: &[(Nanos, Vec<u8>)],
    checked: &mut Checked,
) -> Result<(), String> {
    let written = Written::of(writes);
    let Some(head) = written.bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(()) };
    let nothing = Grant::default();
    let grant = visit.first.map_or(&nothing, |first| &grants[first]);
    let at = head + 4;
    match visit.kind {
        VisitKind::WebSocket => check_frames(visit, (grants, delays), &written, at, grant, checked),
        VisitKind::Events => check_events(&written, at, (grant, delays), checked),
        VisitKind::Request => {
            let messages: Value = serde_json::from_slice(&written.bytes[at..]).unwrap_or_default();
            let messages = messages.as_array().cloned().unwrap_or_default();
            let begun = written.at(at);
            messages.iter().try_for_each(|message| check_message(message, (grant, delays), begun, checked))
        }
    }
}

fn check_frames<'a>(
    visit: &Visit,
    (grants, delays): (&'a [Grant], &Delays),
    written: &Written,
    mut at: usize,
    mut grant: &'a Grant,
    checked: &mut Checked,
) -> Result<(), String> {
    let mut answered = BTreeSet::new();
    let mut waited = BTreeSet::new();
    while at < written.bytes.len() {
        let frame = websocket::read(&written.bytes[at..], 0);
        let end = frame.as_ref().map_or(written.bytes.len(), |frame| at + frame.bytes);
        let is_close = written.bytes[at] & 0x0F == websocket::CLOSE;
        checked.closed += usize::from(is_close);
        if let Some(ends) = grant.ends()
            && !is_close
            && written.at(end - 1) >= ends
        {
            let late = written.at(end - 1).since(ends) / 1_000;
            return Err(format!("a frame is written {late} us after the end of {grant:?}"));
        }
        let Some(frame) = frame else {
            checked.cut += 1;
            return Ok(());
        };
        let begun = written.at(at);
        at = end;
        if frame.opcode != websocket::TEXT {
            continue;
        }
        let messages: Vec<Value> =
            serde_json::from_slice(&frame.payload).map_err(|error| error.to_string())?;
        check_waited(&messages, delays, begun, &mut waited)?;
        for message in &messages {
            if message["type"] == "auth" {
                let id = message["id"].as_u64().ok_or("an auth without its id")?;
                grant = &grants[*visit.renewals.get(&id).ok_or("an answer to no auth")?];
                answered.insert(id);
                checked.renewals += 1;
            }
            check_message(message, (grant, delays), begun, checked)?;
        }
    }
    Ok(())
}

/// That of what is by delays before a change no more follows than the frame that waited for its client then.
fn check_waited(
    messages: &[Value],
    delays: &Delays,
    begun: Nanos,
    waited: &mut BTreeSet<usize>,
) -> Result<(), String> {
    if !messages.iter().any(|message| delays.are_old(message, begun)) {
        return Ok(());
    }
    if waited.insert(delays.at(begun)) {
        return Ok(());
    }
    Err(format!("more than one frame is by the delays before: {messages:?}"))
}

/// Events of one token: it cannot be renewed.
fn check_events(
    written: &Written,
    mut at: usize,
    (grant, delays): (&Grant, &Delays),
    checked: &mut Checked,
) -> Result<(), String> {
    let mut waited = BTreeSet::new();
    while at < written.bytes.len() {
        let rest = &written.bytes[at..];
        let end = rest.windows(2).position(|two| two == b"\n\n").map_or(rest.len(), |end| end + 2);
        let is_close = rest.starts_with(b"event: close");
        if let Some(ends) = grant.ends()
            && !is_close
            && written.at(at + end - 1) >= ends
        {
            return Err(format!("an event is written after the end of {grant:?}"));
        }
        let (event, begun) = (String::from_utf8_lossy(&rest[..end]).into_owned(), written.at(at));
        at += end;
        let data = event.lines().find_map(|line| line.strip_prefix("data: ")).filter(|_| !is_close);
        let messages =
            data.and_then(|data| serde_json::from_str::<Vec<Value>>(data).ok()).unwrap_or_default();
        check_waited(&messages, delays, begun, &mut waited)?;
        messages.iter().try_for_each(|message| check_message(message, (grant, delays), begun, checked))?;
    }
    Ok(())
}

/// That a message tells no more than a token allows, and refuses no less. `begun`: when its first byte was written.
fn check_message(
    message: &Value,
    (grant, delays): (&Grant, &Delays),
    begun: Nanos,
    checked: &mut Checked,
) -> Result<(), String> {
    let kind = message["type"].as_str().unwrap_or_default();
    let wrong = |what: &str| Err(format!("{what}: {message} under {grant:?}"));
    checked.messages += 1;
    if let Some(symbol) = message["symbol"].as_str()
        && !grant.allows(symbol)
    {
        return wrong("a symbol that may not be read");
    }
    if kind == "snapshot" || kind == "update" {
        let symbol = message["symbol"].as_str().unwrap_or_default();
        let told = message["delay_ms"].as_u64();
        let was = |told: u64| (0..=delays.at(begun)).any(|number| delays.of(number, symbol) == told);
        if told.is_some() == grant.reads(symbol) || told.is_some_and(|told| !was(told)) {
            return wrong("it is of the other market");
        }
        if let Some(delay_ms) = told {
            checked.late += 1;
            checked.changed += usize::from(delays.of(0, symbol) != delay_ms);
            let rx = Nanos(message["rx"].as_i64().unwrap_or(i64::MAX / 1_000) * 1_000);
            if rx.plus(ms(delay_ms)) > begun {
                let early = rx.plus(ms(delay_ms)).since(begun) / 1_000;
                return wrong(&format!("it is shown {early} us too early"));
            }
        }
        let fields = message.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
        for name in fields.filter(|name| !NO_FIELDS.contains(name)) {
            let is_report = ["trade", "cancel", "correct"].contains(&name);
            if !(grant.allows_field(name) && (!is_report || grant.fields.is_none())) {
                return wrong(&format!("{name} may not be read"));
            }
        }
    }
    for entry in message["subscriptions"].as_array().into_iter().flatten() {
        let symbol = entry["symbol"].as_str().unwrap_or_default();
        if !grant.allows(symbol) || entry["interval_ms"].as_u64() < Some(grant.interval_ms) {
            return wrong("a list has more than is allowed");
        }
    }
    if kind == "subscribed" {
        for result in message["results"].as_array().into_iter().flatten() {
            let symbol = result["symbol"].as_str().unwrap_or_default();
            let is_refused = result["code"] == "not_entitled";
            checked.refusals += usize::from(is_refused);
            if is_refused && result.as_object().is_some_and(|result| result.contains_key("known")) {
                return wrong("a refusal says whether the symbol exists");
            }
            if !symbol.contains('*') && !is_refused && !grant.allows(symbol) {
                return wrong("a symbol is taken that may not be read");
            }
            let is_allowed = if symbol.contains('*') { grant.allows_any() } else { grant.allows(symbol) };
            if is_refused && grant.fields.is_none() && is_allowed {
                return wrong("what may be read is refused");
            }
        }
    }
    Ok(())
}

#[test]
fn nothing_is_written_that_the_token_in_force_does_not_allow() {
    let mut all = Checked::default();
    for seed in 0..super::number("SIM_SEEDS").unwrap_or(SEEDS) {
        let checked = run(seed).unwrap_or_else(|what| panic!("{what}"));
        all.messages += checked.messages;
        all.refusals += checked.refusals;
        all.renewals += checked.renewals;
        all.cut += checked.cut;
        all.closed += checked.closed;
        all.late += checked.late;
        all.changed += checked.changed;
    }
    println!("{all:?}");
    assert!(all.messages > 2_000 && all.refusals > 200 && all.renewals > 100, "{all:?}");
    assert!(all.cut > 0 && all.closed > 50 && all.late > 500 && all.changed > 20, "{all:?}");
}
