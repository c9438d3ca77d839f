//! One client without its socket: its commands, its handling of messages, and its records at the end.
//!
//! Pure but for the [`Ledger`] that it writes into. Invariant: `places` rises, and `cursors` and `held` stand beside it,
//! one for each symbol.

use std::{borrow::Cow, task::Waker};

use tickcast_client::{
    Answer, Breach, Cursor, Gap, Id, Message, MessageError, Messages, Mode, Outcome, Pattern, Resume,
    Subscription, Tick, Welcome, binary::Decoder, close,
};

use super::{
    held::HeldRecord,
    ledger::{Law, LawBreach, Ledger, SymbolTable},
    plan::Class,
    trades::{Merged, SentTrade},
};

/// A client, from before it connects until after it has gone.
pub struct Client {
    pub index: u32,
    pub class: Class,
    /// The numbers of its symbols, rising.
    places: Vec<u32>,
    cursors: Vec<Cursor>,
    /// Whole records, for the few clients that are compared with the server; otherwise empty.
    held: Vec<HeldRecord>,
    /// Acknowledgements that are still to come.
    acks_missing: usize,
    /// The server has announced the end of its market.
    told_end: bool,
    epoch: String,
    /// Of the present connection.
    decoder: Decoder,
    pub stage: ClientStage,
    /// What the run wants of it. The connection looks here each time it is woken.
    pub order: ClientOrder,
    /// Whether it takes bytes off its socket; stalled clients do not, at first.
    pub reads: bool,
    /// Wakes the connection for a new order.
    pub waker: Option<Waker>,
}

/// How far a client has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientStage {
    /// Not connected yet.
    Waiting,
    /// Connected; some of its symbols are not answered yet.
    Subscribing,
    /// Each symbol has its record, or was refused or is pending. For a stalled or slow client: its commands are sent.
    Ready,
    /// Never connected.
    Failed,
    /// Closed by the server, or broken, with the close code when there was one.
    Lost { code: Option<u16> },
    /// Left on an order.
    Left,
    /// The server's market is over: it sent `end`, and closed.
    Over,
}

/// What a client has to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientOrder {
    Stay,
    /// Read everything, however slow it was to be.
    CatchUp,
    /// Close, and read to the end of what the server had sent.
    Leave,
    /// Close in the same way, connect again and resume.
    Return,
}

/// The options of a client's subscriptions.
#[derive(Clone, Debug)]
pub struct LoadWish {
    pub mode: Mode,
    pub interval_ms: u32,
}

/// Symbols in one command: with 64 bytes each, and their last seqs, it stays below the 64 KiB of a message.
const COMMAND_SYMBOLS_MAX: usize = 256;

// === impl Client ===

impl Client {
    /// `places` must rise.
    pub fn new(index: u32, class: Class, places: Vec<u32>, sampled: Sampled) -> Self {
        let held =
            if sampled == Sampled::Yes { vec![HeldRecord::default(); places.len()] } else { Vec::new() };
        Client {
            index,
            class,
            cursors: vec![Cursor::NEW; places.len()],
            places,
            held,
            acks_missing: 0,
            told_end: false,
            epoch: String::new(),
            decoder: Decoder::new(),
            stage: ClientStage::Waiting,
            order: ClientOrder::Stay,
            reads: class != Class::Stalled,
            waker: None,
        }
    }

    /// The commands that subscribe to everything, or that resume where the last connection ended.
    pub fn commands(&mut self, symbols: &SymbolTable, wish: &LoadWish) -> Vec<String> {
        let subscription = Subscription::new::<String>(wish.mode.clone(), []).interval_ms(wish.interval_ms);
        let asked = self.places.chunks(COMMAND_SYMBOLS_MAX).zip(self.cursors.chunks(COMMAND_SYMBOLS_MAX));
        let commands: Vec<String> = (0..)
            .zip(asked)
            .map(|(id, (places, cursors))| {
                let names: Vec<&str> = places.iter().map(|&place| symbols.name(place).as_str()).collect();
                let resume = (!self.epoch.is_empty()).then(|| {
                    let known = names.iter().zip(cursors).filter(|(_, cursor)| cursor.seq() > 0);
                    Resume {
                        epoch: &self.epoch,
                        last: known.map(|(name, cursor)| (*name, cursor.seq())).collect(),
                    }
                });
                let entries: Vec<Cow<str>> = names.iter().map(|name| Pattern::spelled(name)).collect();
                let entries = entries.iter().map(AsRef::as_ref).collect();
                subscription.command(Id::Number(id), entries, resume).to_json()
            })
            .collect();
        (self.acks_missing, self.told_end) = (commands.len(), false);
        self.decoder.reset();
        commands
    }

    /// Takes in the payload of one text message, which was read at `now_us`.
    pub fn receive(&mut self, payload: &[u8], ledger: &mut Ledger, now_us: i64) {
        let Ok(frame) = str::from_utf8(payload) else {
            return self.fault(ledger, Law::Contract, None, || "a text message that is not UTF-8".to_owned());
        };
        for message in Messages::new(frame) {
            match message {
                Ok(message) => {
                    self.decoder.learn(&message);
                    self.take(&message, ledger, now_us);
                }
                Err(error) => self.fault(ledger, Law::Contract, None, || error.to_string()),
            }
        }
    }

    /// Takes in the payload of one binary message.
    pub fn receive_binary(&mut self, payload: &[u8], ledger: &mut Ledger, now_us: i64) {
        // Taken out for as long as messages borrow from it.
        let mut decoder = std::mem::take(&mut self.decoder);
        let mut frame = decoder.begin(payload);
        loop {
            match decoder.next_message(&mut frame) {
                Ok(Some(message)) => self.take(&message, ledger, now_us),
                Ok(None) => break,
                Err(error) => {
                    self.fault(ledger, Law::Contract, None, || MessageError::from(error).to_string());
                }
            }
        }
        self.decoder = decoder;
    }

    fn take(&mut self, message: &Message<'_>, ledger: &mut Ledger, now_us: i64) {
        ledger.tally(self.class).sums.messages += 1;
        match message {
            Message::Update(tick) => self.take_update(tick, ledger, now_us),
            Message::Snapshot(tick) => self.take_snapshot(tick, ledger),
            Message::Gap(gap) => self.take_gap(gap, ledger),
            Message::Welcome(welcome) => self.welcomed(welcome),
            Message::Subscribed(answer) => self.acknowledged(answer, ledger),
            Message::Error(error) => *ledger.errors.entry(error.code.to_string()).or_default() += 1,
            Message::Heartbeat(_) => ledger.heartbeats += 1,
            Message::Drain(_) => ledger.drains += 1,
            Message::End => self.told_end = true,
            _ => {}
        }
    }

    /// In another epoch the seqs of the last one say nothing.
    fn welcomed(&mut self, welcome: &Welcome<'_>) {
        if !self.epoch.is_empty() && self.epoch != welcome.epoch {
            self.cursors.iter_mut().for_each(Cursor::restart);
        }
        welcome.epoch.as_ref().clone_into(&mut self.epoch);
    }

    fn take_update(&mut self, tick: &Tick<'_>, ledger: &mut Ledger, now_us: i64) {
        let Some(slot) = self.slot_of(&tick.symbol, ledger) else { return };
        let measuring = ledger.measuring;
        let tally = ledger.tally(self.class);
        tally.sums.updates += 1;
        tally.sums.conflated += tick.n.saturating_sub(1);
        if measuring {
            tally.age(now_us, tick.rx_us);
        }
        let kept = self.cursors[slot].update(tick.seq, tick.n);
        self.judge(slot, kept, ledger);
        self.follow_trade(slot, tick, ledger);
        self.hold(slot, tick, false, ledger);
    }

    /// In mode `trades`: whether what other clients were sent by itself is merged into the update.
    fn follow_trade(&self, slot: usize, tick: &Tick<'_>, ledger: &mut Ledger) {
        let place = self.places[slot];
        let Some(log) = ledger.trades.get_mut(place as usize) else { return };
        let update = Merged { client: self.index, had: tick.seq.saturating_sub(tick.n), seq: tick.seq };
        let breach = match SentTrade::of(tick) {
            Ok(sent) => log.take(update, sent).err(),
            Err(error) => return self.fault(ledger, Law::Contract, None, || error.to_string()),
        };
        if let Some(breach) = breach {
            let name = Some(ledger.symbols.name(place).to_string());
            let client = Some(breach.client().unwrap_or(self.index));
            let what = breach.to_string();
            ledger.faults.note(|| LawBreach { law: Law::EveryTrade, client, symbol: name, what });
        }
    }

    fn take_snapshot(&mut self, tick: &Tick<'_>, ledger: &mut Ledger) {
        let Some(slot) = self.slot_of(&tick.symbol, ledger) else { return };
        ledger.tally(self.class).sums.snapshots += 1;
        let kept = self.cursors[slot].snapshot(tick.seq);
        self.judge(slot, kept, ledger);
        self.hold(slot, tick, true, ledger);
    }

    fn take_gap(&mut self, gap: &Gap<'_>, ledger: &mut Ledger) {
        let Some(slot) = self.slot_of(&gap.symbol, ledger) else { return };
        let sums = &mut ledger.tally(self.class).sums;
        sums.gaps += 1;
        sums.gapped += gap.to.saturating_sub(gap.from).saturating_add(1);
        let kept = self.cursors[slot].gap(gap.from, gap.to);
        self.judge(slot, kept, ledger);
    }

    /// Where a symbol stands among this client's; it is a breach when it does not.
    fn slot_of(&self, symbol: &str, ledger: &mut Ledger) -> Option<usize> {
        let slot = ledger.symbols.place(symbol).and_then(|place| self.slot(place));
        if slot.is_none() {
            let name = Some(symbol.to_owned());
            self.fault(ledger, Law::OwnDataOnly, name, || "was never asked for".to_owned());
        }
        slot
    }

    fn judge(&self, slot: usize, kept: Result<(), Breach>, ledger: &mut Ledger) {
        if let Err(breach) = kept {
            let name = ledger.symbols.name(self.places[slot]).to_string();
            self.fault(ledger, Law::SeqsRise, Some(name), || breach.to_string());
        }
    }

    fn hold(&mut self, slot: usize, tick: &Tick<'_>, is_snapshot: bool, ledger: &mut Ledger) {
        if let Some(held) = self.held.get_mut(slot)
            && let Err(error) = held.take(tick, is_snapshot)
        {
            self.fault(ledger, Law::Contract, None, || error.to_string());
        }
    }

    fn acknowledged(&mut self, answer: &Answer<'_>, ledger: &mut Ledger) {
        self.acks_missing = self.acks_missing.saturating_sub(1);
        for result in &answer.results {
            let Some(slot) = ledger.symbols.place(&result.symbol).and_then(|place| self.slot(place)) else {
                let name = Some(result.symbol.to_string());
                self.fault(ledger, Law::Contract, name, || "acknowledged, but never asked for".to_owned());
                continue;
            };
            let cursor = &mut self.cursors[slot];
            let knew = cursor.seq() > 0;
            match &result.status {
                Outcome::Resumed => ledger.resumed += 1,
                Outcome::Gap => ledger.not_resumed += 1,
                Outcome::Pending => cursor.pending(),
                Outcome::Ok if knew && self.stage == ClientStage::Subscribing && cursor.is_based() => {
                    // The server does not resume this symbol: a snapshot follows.
                    ledger.not_resumed += 1;
                    cursor.restart();
                }
                Outcome::Ok => {}
                Outcome::Error => {
                    cursor.refused();
                    let code = if result.code.is_empty() { "no code" } else { &*result.code };
                    let code = code.to_owned();
                    *ledger.refused.entry(code).or_default() += 1;
                }
                other => {
                    let what = format!("subscribed with the status {:?}", other.as_str());
                    let name = Some(result.symbol.to_string());
                    self.fault(ledger, Law::Contract, name, || what);
                }
            }
        }
    }

    /// Whether there is a result for every symbol that was requested.
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
    pub fn records(&self) -> impl Iterator<Item = (u32, &HeldRecord)> {
        self.places.iter().copied().zip(&self.held)
    }

    /// Its state after the server has closed its connection. An end that was announced is not a loss.
    pub fn closed(&self, code: Option<u16>) -> ClientStage {
        if self.told_end && code == Some(close::NORMAL) {
            ClientStage::Over
        } else {
            ClientStage::Lost { code }
        }
    }

    /// Whether it has all that it will ever be sent, or is still sent it.
    pub fn is_served(&self) -> bool {
        self.is_connected() || self.stage == ClientStage::Over
    }

    pub fn is_connected(&self) -> bool {
        matches!(self.stage, ClientStage::Subscribing | ClientStage::Ready)
    }

    /// Gives an order and wakes the connection, so that it is obeyed now.
    pub fn tell(&mut self, order: ClientOrder) {
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
        ledger.faults.note(|| LawBreach { law, client: Some(self.index), symbol, what: what() });
    }
}

/// Whether a client holds whole records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sampled {
    Yes,
    No,
}
