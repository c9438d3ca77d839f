//! Hostile clients, beside those that are measured: they send the commands that cost the server the most, as often as its
//! limits allow, and discard the answers.
//!
//! They are not checked themselves; their effect on the others is measured. Neighbours, each with a session and no
//! subscription, measure the round trips of their pings.

use std::{cell::RefCell, rc::Rc, time::Duration};

use hdrhistogram::Histogram;
use serde::Serialize;
use serde_json::{Value, json};
use tickcast_client::{
    EndpointError, Id, Message, MessageError, Messages, Pattern, Token,
    encoding::Encoding,
    endpoint::Transport,
    frames::{self, Control, Data, OpCode},
};
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, split},
    task::{JoinHandle, spawn_local},
    time::{Instant, sleep},
};

use super::{
    quantiles::{Quantiles, histogram},
    shared::LoadShared,
};

/// The outcome of an attack.
#[derive(Clone, Serialize, Debug)]
pub struct HostileReport {
    pub clients: u32,
    /// Commands that the hostile clients sent.
    pub commands: u64,
    /// How often a hostile client was disconnected and connected again.
    pub cut_off: u64,
    /// Round trips of the neighbours' pings in the measured time.
    pub ping: Quantiles,
    /// As the server reports it, since its start.
    pub longest_slice_seconds: Option<f64>,
}

/// The attack under way.
pub struct Hostile {
    clients: u32,
    state: Rc<HostileState>,
    tasks: Vec<JoinHandle<()>>,
}

struct HostileState {
    counts: RefCell<HostileCounts>,
    pings_us: RefCell<Histogram<u64>>,
}

#[derive(Default)]
struct HostileCounts {
    commands: u64,
    cut_off: u64,
}

/// Neighbours that ping, and how often each does.
const NEIGHBOURS: u32 = 4;
const PING_EVERY: Duration = Duration::from_millis(20);
/// A little less than the server's default of `limits.inbound_bytes_per_second`.
const BYTES_PER_SECOND: u32 = 200_000;
/// A little less than the server's default of `limits.commands_per_second`.
const COMMAND_EVERY: Duration = Duration::from_millis(22);
/// A name of so many bytes fits 4,096 times into a message of 64 KiB.
const NAMES: usize = 3_000;
const MESSAGE_BYTES_MAX: usize = 60_000;
/// The pause before a hostile client that was disconnected connects again.
const PAUSE: Duration = Duration::from_millis(100);

// === impl Hostile ===

impl Hostile {
    /// Begins the attack, and the neighbours' pings.
    pub fn begin(shared: &Rc<LoadShared>, clients: u32) -> Self {
        let state = Rc::new(HostileState { counts: RefCell::default(), pings_us: RefCell::new(histogram()) });
        let mut tasks = Vec::new();
        for number in 0..clients {
            let (shared, state) = (Rc::clone(shared), Rc::clone(&state));
            tasks.push(spawn_local(async move { attack(&shared, &state, number).await }));
        }
        for _ in 0..if clients > 0 { NEIGHBOURS } else { 0 } {
            let (shared, state) = (Rc::clone(shared), Rc::clone(&state));
            tasks.push(spawn_local(async move { neighbour(&shared, &state).await }));
        }
        Hostile { clients, state, tasks }
    }

    /// Ends the attack. `longest_slice_seconds` is the server's own figure.
    pub fn end(self, longest_slice_seconds: Option<f64>) -> Option<HostileReport> {
        for task in &self.tasks {
            task.abort();
        }
        let counts = self.state.counts.borrow();
        (self.clients > 0).then(|| HostileReport {
            clients: self.clients,
            commands: counts.commands,
            cut_off: counts.cut_off,
            ping: Quantiles::of(&self.state.pings_us.borrow()),
            longest_slice_seconds,
        })
    }
}

/// One hostile client. Each sends one kind of command, and connects again when it is disconnected.
async fn attack(shared: &LoadShared, state: &HostileState, number: u32) {
    loop {
        let ended = match number % 8 {
            7 => stream_by_query(shared, state, number).await,
            kind => send_commands(shared, state, kind, number).await,
        };
        if ended.is_err() {
            state.counts.borrow_mut().cut_off += 1;
        }
        sleep(PAUSE).await;
    }
}

async fn open(shared: &LoadShared) -> Result<Transport, EndpointError> {
    let _turn = shared.handshakes.acquire().await;
    let transport = shared.endpoint.connect(shared.address, None).await?;
    Ok(shared.endpoint.upgrade(transport).await?.stream)
}

/// Sends one kind of command as fast as the limits allow, until the client is disconnected.
async fn send_commands(
    shared: &LoadShared,
    state: &HostileState,
    kind: u32,
    number: u32,
) -> Result<(), EndpointError> {
    let fault = |source| EndpointError::Connect { address: shared.address, source };
    let (read, mut write) = split(open(shared).await?);
    let reader = spawn_local(throw_away(read));
    let mut round = 0;
    let ended = loop {
        let command = command(shared, kind, number, round).to_string();
        round += 1;
        let mut out = Vec::new();
        frames::append_text(&command, shared.mask(), &mut out);
        if let Err(error) = send(&mut write, &out).await {
            break Err(fault(error));
        }
        if reader.is_finished() {
            break Err(fault(std::io::ErrorKind::ConnectionReset.into()));
        }
        state.counts.borrow_mut().commands += 1;
        let bytes = u32::try_from(out.len()).unwrap_or(u32::MAX);
        sleep(COMMAND_EVERY.max(Duration::from_secs(1) * bytes / BYTES_PER_SECOND)).await;
    };
    reader.abort();
    ended
}

/// What is encrypted has left once it is flushed.
async fn send(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}

async fn throw_away(mut read: ReadHalf<Transport>) {
    let mut sink = vec![0; 64 * 1024];
    while read.read(&mut sink).await.is_ok_and(|bytes| bytes > 0) {}
}

/// The most expensive commands.
fn command(shared: &LoadShared, kind: u32, number: u32, round: u32) -> Value {
    match kind {
        0 => json!({"op": "subscribe", "symbols": vec!["*"; 1_000]}),
        // Compared with every name and matching none: the worst case for a matcher that backtracks.
        1 => json!({"op": "subscribe", "mode": "once", "symbols": idle_globs(4_000, number)}),
        2 => json!({"op": "subscribe", "symbols": names(shared, NAMES)}),
        3 => json!({"op": "subscribe", "symbols": idle_globs(64, number * 1_000 + round)}),
        4 if round.is_multiple_of(2) => json!({"op": "unsubscribe", "symbols": ["*", "*-*"]}),
        4 => json!({"op": "subscribe", "mode": "every", "symbols": names(shared, 2_000)}),
        5 => {
            let names = names(shared, 1_200);
            let last: serde_json::Map<String, Value> =
                names.iter().map(|name| (Pattern::named(name).into_owned(), json!(1))).collect();
            json!({"op": "subscribe", "symbols": names, "resume": {"epoch": "another", "last": last}})
        }
        _ if round.is_multiple_of(4) => json!({"op": "subscribe", "symbols": names(shared, 2_000)}),
        _ => json!({"op": "list"}),
    }
}

fn idle_globs(count: usize, salt: u32) -> Vec<String> {
    let glob = |place| format!("*{}x{}*", "a".repeat(43), salt as usize + place);
    bounded((0..count).map(glob))
}

fn names(shared: &LoadShared, count: usize) -> Vec<String> {
    let ledger = shared.ledger.borrow();
    let all = ledger.symbols.len().min(count);
    let places = (0..all).filter_map(|place| u32::try_from(place).ok());
    bounded(places.map(|place| Pattern::spelled(ledger.symbols.name(place).as_str()).into_owned()))
}

/// As many names as fit into a message.
fn bounded(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut bytes = 0;
    let fits = |name: &String| {
        bytes += name.len() + 3;
        bytes < MESSAGE_BYTES_MAX
    };
    names.take_while(fits).collect()
}

/// Opens an event stream whose query is full of `*`, and another one whenever it ends.
async fn stream_by_query(
    shared: &LoadShared,
    state: &HostileState,
    number: u32,
) -> Result<(), EndpointError> {
    let fault = |source| EndpointError::Connect { address: shared.address, source };
    let mut stream = shared.endpoint.connect(shared.address, None).await?;
    let token = shared.endpoint.token().map(Token::read).transpose()?;
    let authorization =
        token.map(|token| format!("Authorization: Bearer {}\r\n", token.expose())).unwrap_or_default();
    let symbols =
        if (number / 8).is_multiple_of(2) { vec!["*".to_owned(); 1_500] } else { idle_globs(60, number) };
    let head = format!(
        "GET /v1/sse?symbols={}&mode=once HTTP/1.1\r\nHost: {}\r\n{authorization}\r\n",
        symbols.join(","),
        shared.endpoint.authority()
    );
    send(&mut stream, head.as_bytes()).await.map_err(fault)?;
    state.counts.borrow_mut().commands += 1;
    let mut sink = vec![0; 64 * 1024];
    let until = Instant::now() + Duration::from_millis(250);
    while let Ok(Ok(1..)) = tokio::time::timeout_at(until, stream.read(&mut sink)).await {}
    Ok(())
}

/// Sends pings one after the other, and measures the round trips.
async fn neighbour(shared: &LoadShared, state: &HostileState) {
    let Ok(mut stream) = open(shared).await else { return };
    let mut buffer = Vec::new();
    for id in 0u64.. {
        let mut out = Vec::new();
        frames::append_text(&json!({"op": "ping", "id": id}).to_string(), shared.mask(), &mut out);
        let begun = Instant::now();
        if send(&mut stream, &out).await.is_err() || !answered(&mut stream, &mut buffer, id, shared).await {
            return;
        }
        if shared.ledger.borrow().measuring {
            let us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            state.pings_us.borrow_mut().saturating_record(us);
        }
        sleep(PING_EVERY).await;
    }
}

/// Reads up to the answer to this ping. Other messages are skipped, and pings of the server are answered.
async fn answered(stream: &mut Transport, buffer: &mut Vec<u8>, id: u64, shared: &LoadShared) -> bool {
    let is_pong = |message: Result<Message<'_>, MessageError>| match message {
        Ok(Message::Pong(pong)) => pong.id == Some(Id::Number(id)),
        _ => false,
    };
    loop {
        while let Ok(Some(frame)) = frames::first(buffer, Encoding::Binary) {
            let text = str::from_utf8(frame.payload).unwrap_or_default();
            let is_it = frame.opcode == OpCode::Data(Data::Text) && Messages::new(text).any(is_pong);
            let mut out = Vec::new();
            if frame.opcode == OpCode::Control(Control::Ping) {
                frames::append_pong(frame.payload, shared.mask(), &mut out);
            }
            let length = frame.length;
            buffer.drain(..length);
            if send(stream, &out).await.is_err() {
                return false;
            }
            if is_it {
                return true;
            }
        }
        match stream.read_buf(buffer).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return false,
        }
    }
}
