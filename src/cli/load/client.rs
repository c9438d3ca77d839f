//! One client without its socket: what it asks for, what it makes of the messages, and what it holds at the end.
//!
//! Pure but for the [`Ledger`] that it writes into. Invariant: `places` rises, and `cursors` and `held` stand beside it,
//! one for each symbol.

use std::{collections::BTreeMap, task::Waker};

use super::{
    args::Mode,
    law::Cursor,
    ledger::{Fault, Law, Ledger, Symbols},
    plan::Class,
    record::Held,
    scan::{Kind, Message, Scanner},
};

/// A client, from before it connects until after it has gone.
pub struct Client {
    pub index: u32,
    pub class: Class,
    /// The numbers of its symbols, rising.
    places: Vec<u32>,
    cursors: Vec<Cursor>,
    /// Whole records, for the few clients that are compared with the server; otherwise empty.
    held: Vec<Held>,
    /// Acknowledgements that are still to come.
    acks_missing: usize,
    /// The server has said that its market is over.
    told_end: bool,
    epoch: String,
    pub stage: Stage,
    /// What the run wants of it. The connection looks here each time it is woken.
    pub order: Order,
    /// Whether it takes bytes off its socket; stalled clients do not, at first.
    pub reads: bool,
    /// Wakes the connection for a new order.
    pub waker: Option<Waker>,
}

/// How far a client has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Not connected yet.
    Waiting,
    /// Connected; some of its symbols are not answered yet.
    Subscribing,
    /// Each symbol has its record, or was refused or is pending. A stalled or slow client: has asked.
    Ready,
    /// Never connected.
    Failed,
    /// Closed by the server, or broken, with the close code when there was one.
    Lost { code: Option<u16> },
    /// Left as it was told to.
    Left,
    /// The server's market is over: it said so, and closed.
    Over,
}

/// What a client is told to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    Stay,
    /// Read everything, however slow it was to be.
    CatchUp,
    /// Close, and read to the end of what the server had sent.
    Leave,
    /// Close in the same way, connect again and resume.
    Return,
}

/// How subscriptions are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub mode: Mode,
    pub interval_ms: u32,
}

/// Symbols in one command: with 64 bytes each, and their last seqs, it stays below the 64 KiB of a message.
const COMMAND_SYMBOLS_MAX: usize = 256;
/// RFC 6455: done, nothing is wrong. Behind `end` it says that the market is over.
const CODE_OVER: u16 = 1000;

#[derive(serde::Deserialize)]
struct Welcome {
    epoch: String,
}

#[derive(serde::Deserialize)]
struct Subscribed {
    results: Vec<Outcome>,
}

#[derive(serde::Deserialize)]
struct Outcome {
    symbol: String,
    status: String,
    code: Option<String>,
}

#[derive(serde::Deserialize)]
struct ServerError {
    code: String,
}

// === impl Client ===

impl Client {
    /// `places` must rise.
    pub fn new(index: u32, class: Class, places: Vec<u32>, sampled: Sampled) -> Self {
        let held = if sampled == Sampled::Yes { vec![Held::default(); places.len()] } else { Vec::new() };
        Client {
            index,
            class,
            cursors: vec![Cursor::NEW; places.len()],
            places,
            held,
            acks_missing: 0,
            told_end: false,
            epoch: String::new(),
            stage: Stage::Waiting,
            order: Order::Stay,
            reads: class != Class::Stalled,
            waker: None,
        }
    }

    /// The commands that subscribe to everything, or that resume where the last connection ended.
    pub fn commands(&mut self, symbols: &Symbols, wish: Wish) -> Vec<String> {
        let resumes = !self.epoch.is_empty();
        let asked = self.places.chunks(COMMAND_SYMBOLS_MAX).zip(self.cursors.chunks(COMMAND_SYMBOLS_MAX));
        let commands: Vec<String> = asked
            .enumerate()
            .map(|(id, (places, cursors))| {
                let names: Vec<&str> = places.iter().map(|&place| symbols.name(place).as_str()).collect();
                let mut command = serde_json::json!({
                    "op": "subscribe", "id": id, "symbols": names,
                    "mode": wish.mode.name(), "interval_ms": wish.interval_ms,
                });
                if resumes {
                    let known = names.iter().zip(cursors).filter(|(_, cursor)| cursor.seq() > 0);
                    let last: BTreeMap<&str, u64> =
                        known.map(|(name, cursor)| (*name, cursor.seq())).collect();
                    command["resume"] = serde_json::json!({ "epoch": self.epoch, "last": last });
                }
                command.to_string()
            })
            .collect();
        (self.acks_missing, self.told_end) = (commands.len(), false);
        commands
    }

    /// Takes in the payload of one text frame, which was read at `now_us`.
    pub fn receive(&mut self, payload: &[u8], scanner: &Scanner, ledger: &mut Ledger, now_us: i64) {
        let read = scanner.each(payload, |message| self.take(message, ledger, now_us));
        if let Err(error) = read {
            self.fault(ledger, Law::Contract, None, || error.to_string());
        }
    }

    fn take(&mut self, message: &Message<'_>, ledger: &mut Ledger, now_us: i64) {
        ledger.tally(self.class).sums.messages += 1;
        match message.kind {
            Kind::Update | Kind::Snapshot | Kind::Gap => self.take_tick(message, ledger, now_us),
            Kind::Welcome => match serde_json::from_slice::<Welcome>(message.raw) {
                Ok(welcome) => self.welcomed(welcome),
                Err(error) => self.fault(ledger, Law::Contract, None, || format!("welcome: {error}")),
            },
            Kind::Subscribed => match serde_json::from_slice::<Subscribed>(message.raw) {
                Ok(subscribed) => self.acknowledged(&subscribed, ledger),
                Err(error) => self.fault(ledger, Law::Contract, None, || format!("subscribed: {error}")),
            },
            Kind::Error => {
                let code = serde_json::from_slice(message.raw)
                    .map_or_else(|_| "no code".to_owned(), |e: ServerError| e.code);
                *ledger.errors.entry(code).or_default() += 1;
            }
            Kind::Heartbeat => ledger.heartbeats += 1,
            Kind::Drain => ledger.drains += 1,
            Kind::End => self.told_end = true,
            Kind::Status | Kind::Other => {}
        }
    }

    /// In another epoch the seqs of the last one say nothing.
    fn welcomed(&mut self, welcome: Welcome) {
        if !self.epoch.is_empty() && self.epoch != welcome.epoch {
            self.cursors.iter_mut().for_each(Cursor::restart);
        }
        self.epoch = welcome.epoch;
    }

    fn take_tick(&mut self, message: &Message<'_>, ledger: &mut Ledger, now_us: i64) {
        let Some(slot) = ledger.symbols.place(&message.symbol).and_then(|place| self.slot(place)) else {
            let name = String::from_utf8_lossy(&message.symbol).into_owned();
            return self.fault(ledger, Law::OwnDataOnly, Some(name), || "was never asked for".to_owned());
        };
        let measuring = ledger.measuring;
        let tally = ledger.tally(self.class);
        let cursor = &mut self.cursors[slot];
        let kept = match message.kind {
            Kind::Update => {
                tally.sums.updates += 1;
                tally.sums.conflated += message.n.saturating_sub(1);
                if measuring {
                    tally.age(now_us, message.rx);
                }
                cursor.update(message.seq, message.n)
            }
            Kind::Snapshot => {
                tally.sums.snapshots += 1;
                cursor.snapshot(message.seq)
            }
            _ => {
                tally.sums.gaps += 1;
                tally.sums.gapped += message.to.saturating_sub(message.from).saturating_add(1);
                cursor.gap(message.from, message.to)
            }
        };
        if let Err(breach) = kept {
            let name = ledger.symbols.name(self.places[slot]).to_string();
            self.fault(ledger, Law::SeqsRise, Some(name), || breach.to_string());
        }
        if message.kind != Kind::Gap
            && let Some(held) = self.held.get_mut(slot)
            && let Err(error) = held.merge(message)
        {
            self.fault(ledger, Law::Contract, None, || error.to_string());
        }
    }

    fn acknowledged(&mut self, subscribed: &Subscribed, ledger: &mut Ledger) {
        self.acks_missing = self.acks_missing.saturating_sub(1);
        for outcome in &subscribed.results {
            let place = ledger.symbols.place(outcome.symbol.as_bytes());
            let Some(slot) = place.and_then(|place| self.slot(place)) else {
                let name = outcome.symbol.clone();
                self.fault(ledger, Law::Contract, Some(name), || {
                    "acknowledged, but never asked for".to_owned()
                });
                continue;
            };
            let cursor = &mut self.cursors[slot];
            let knew = cursor.seq() > 0;
            match outcome.status.as_str() {
                "resumed" => ledger.resumed += 1,
                "gap" => ledger.not_resumed += 1,
                "pending" => cursor.pending(),
                "ok" if knew && self.stage == Stage::Subscribing && cursor.is_based() => {
                    // It was asked to resume and begins anew: a snapshot follows.
                    ledger.not_resumed += 1;
                    cursor.restart();
                }
                "ok" => {}
                "error" => {
                    cursor.refused();
                    let code = outcome.code.clone().unwrap_or_else(|| "no code".to_owned());
                    *ledger.refused.entry(code).or_default() += 1;
                }
                other => {
                    let what = format!("subscribed with the status {other:?}");
                    let name = outcome.symbol.clone();
                    self.fault(ledger, Law::Contract, Some(name), || what);
                }
            }
        }
    }

    /// Whether every symbol that was asked for is answered.
    pub fn is_answered(&self) -> bool {
        self.acks_missing == 0 && self.cursors.iter().all(Cursor::is_based)
    }

    /// The first symbol that is behind its head, if any: its number, its last seq, and the head.
    pub fn behind(&self, heads: &[u64]) -> Option<(u32, u64, u64)> {
        self.subscriptions().find_map(|(place, cursor)| {
            let head = heads.get(place as usize).copied().unwrap_or(0);
            let reached = cursor.is_refused() || (cursor.is_based() && cursor.seq() >= head);
            (!reached).then_some((place, cursor.seq(), head))
        })
    }

    pub fn subscriptions(&self) -> impl Iterator<Item = (u32, &Cursor)> {
        self.places.iter().copied().zip(&self.cursors)
    }

    /// The records that it holds, when it is one of those that are compared.
    pub fn records(&self) -> impl Iterator<Item = (u32, &Held)> {
        self.places.iter().copied().zip(&self.held)
    }

    /// How it stands when the server has closed its connection. What was announced is no loss.
    pub fn closed(&self, code: Option<u16>) -> Stage {
        if self.told_end && code == Some(CODE_OVER) { Stage::Over } else { Stage::Lost { code } }
    }

    /// Whether it has all that it will ever be sent, or is still sent it.
    pub fn is_served(&self) -> bool {
        self.is_connected() || self.stage == Stage::Over
    }

    pub fn is_connected(&self) -> bool {
        matches!(self.stage, Stage::Subscribing | Stage::Ready)
    }

    /// Gives an order and wakes the connection, so that it is obeyed now.
    pub fn tell(&mut self, order: Order) {
        self.order = order;
        self.reads = true;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn slot(&self, place: u32) -> Option<usize> {
        self.places.binary_search(&place).ok()
    }

    fn fault(&self, ledger: &mut Ledger, law: Law, symbol: Option<String>, what: impl FnOnce() -> String) {
        ledger.faults.note(|| Fault { law, client: Some(self.index), symbol, what: what() });
    }
}

/// Whether a client holds whole records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sampled {
    Yes,
    No,
}
