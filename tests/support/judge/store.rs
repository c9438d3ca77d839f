//! What a client holds after the messages that it was sent, and the laws that each message must keep.
//!
//! Every client of this suite feeds every message through here, so a test need not ask for law 4 (seqs rise,
//! `seq == previous + n`, what is missing was announced) or law 7 (nothing that was not asked for): a breach panics.

use std::collections::BTreeMap;

use wildmatch::WildMatchPattern;

use super::{
    Message,
    message::{keyed, unkeyed},
};

/// The records of every subscription of one session, by their symbols, [keyed] with their names.
#[derive(Default)]
pub struct Store {
    /// Names and globs that this session asked for and has not given up, [keyed] with the subscriptions' names.
    wanted: Vec<String>,
    held: BTreeMap<String, Held>,
    /// Every gap, in order.
    pub gaps: Vec<Message>,
    /// Every status, in order.
    pub statuses: Vec<Message>,
    /// By the id of a `subscribe` that was sent: the cursors that it asked to go on from.
    resumes: BTreeMap<String, BTreeMap<String, u64>>,
}

/// What a client holds of one symbol.
#[derive(Default)]
pub struct Held {
    /// The last seq it was brought to; `None` until the first message of the subscription.
    pub cursor: Option<u64>,
    /// Field by field, as text.
    pub record: BTreeMap<String, String>,
    /// Updates received, and the ticks that they stand for.
    pub updates: u64,
    pub ticks: u64,
    pub snapshots: u64,
    /// Every snapshot and update, in order.
    pub history: Vec<Message>,
    /// Subscribed before its first tick: the ticks count from seq 1 on.
    unborn: bool,
    /// A `set` was acknowledged: what it changed may begin with a whole record.
    renewed: bool,
    /// A gap was announced up to this seq, and the snapshot that follows it is still to come.
    owed_to: Option<u64>,
    last_rx: i64,
}

impl Store {
    /// The session asked for these names or globs.
    pub fn want(&mut self, names: &[String]) {
        self.wanted.extend_from_slice(names);
    }

    /// A `subscribe` with this id was sent, to go on from these cursors where they can be met.
    pub fn resume(&mut self, id: &str, last: BTreeMap<String, u64>) {
        self.resumes.insert(id.to_owned(), last);
    }

    pub fn records(&self) -> Vec<(String, BTreeMap<String, String>)> {
        self.held.iter().map(|(symbol, held)| (symbol.clone(), held.record.clone())).collect()
    }

    /// What the client kept from the connection before.
    pub fn hold(&mut self, records: Vec<(String, BTreeMap<String, String>)>) {
        for (symbol, record) in records {
            self.held.entry(symbol).or_default().record = record;
        }
    }

    fn subscribed(&mut self, answer: &Message) {
        let last = self.resumes.remove(answer.value("id").as_str().unwrap_or("")).unwrap_or_default();
        for (entry, status) in entries(answer) {
            if status.starts_with("error") || is_pattern(&entry) {
                continue;
            }
            let symbol = unescaped_symbol(&entry);
            let held = self.held.entry(symbol.clone()).or_default();
            held.unborn = status == "pending";
            held.cursor = if status == "resumed" { last.get(&symbol).copied() } else { None };
            held.owed_to = None;
            if status != "resumed" {
                // It begins anew, with what this command asks for.
                held.record.clear();
            }
        }
    }

    fn set(&mut self, answer: &Message) {
        for (symbol, _) in answer.results().iter().filter(|(_, status)| status == "ok") {
            if let Some(held) = self.held.get_mut(symbol) {
                held.renewed = true;
            }
        }
    }

    /// The session's wish for a name ended; its record is forgotten, and so nothing of it may come any more.
    fn unsubscribed(&mut self, answer: &Message) {
        for (entry, _) in entries(answer).iter().filter(|(_, status)| status == "ok") {
            self.wanted.retain(|wanted| wanted != entry);
            let symbol = unescaped_symbol(entry);
            if !is_pattern(entry) && !self.is_wanted(&symbol) {
                self.held.remove(&symbol);
            }
        }
    }

    pub fn get(&self, symbol: &str) -> &Held {
        self.held.get(symbol).unwrap_or_else(|| panic!("nothing was received of {symbol}"))
    }

    pub fn cursor(&self, symbol: &str) -> Option<u64> {
        self.held.get(symbol).and_then(|held| held.cursor)
    }

    pub fn symbols(&self) -> impl Iterator<Item = (&str, &Held)> {
        self.held.iter().map(|(symbol, held)| (symbol.as_str(), held))
    }

    /// Takes a message in; panics when it breaks a law.
    pub fn apply(&mut self, message: &Message) {
        match message.kind().as_str() {
            "status" => self.statuses.push(message.clone()),
            "subscribed" => self.subscribed(message),
            "unsubscribed" => self.unsubscribed(message),
            "set" => self.set(message),
            _ => {}
        }
        if !message.is_data() {
            return;
        }
        let symbol = message.key();
        assert!(self.is_wanted(&symbol), "law 7: never asked for {symbol}: {message:?}");
        if message.is("gap") {
            self.gaps.push(message.clone());
        }
        let held = self.held.entry(symbol).or_default();
        match message.kind().as_str() {
            "gap" => held.gap(message),
            "snapshot" => held.snapshot(message),
            _ => held.update(message),
        }
    }

    fn is_wanted(&self, key: &str) -> bool {
        let (symbol, name) = unkeyed(key);
        let matches = |wanted: &String| {
            let (entry, of) = unkeyed(wanted);
            of == name && WildMatchPattern::<'\0', '\u{1}'>::new(&unescaped(entry)).matches(symbol)
        };
        self.wanted.iter().any(matches)
    }
}

/// With control characters, which no symbol has, for stars that stand for any run.
fn unescaped(entry: &str) -> String {
    entry.split("\\*").map(|run| run.replace('*', "\0")).collect::<Vec<_>>().join("*")
}

fn is_pattern(entry: &str) -> bool {
    unescaped(unkeyed(entry).0).contains('\0')
}

/// The key of what is named, without escapes.
fn unescaped_symbol(entry: &str) -> String {
    let (symbol, name) = unkeyed(entry);
    keyed(&symbol.replace("\\*", "*"), name)
}

/// What was asked for, with its status: only a pattern's result says how many symbols it matches, and a symbol's carries
/// the symbol itself.
fn entries(answer: &Message) -> Vec<(String, String)> {
    let results = answer.value("results");
    let is_symbol = |at: usize| results[at]["matched"].is_null() && results[at]["status"] != "error";
    let entry = |(at, (symbol, status)): (usize, (String, String))| {
        let (text, name) = unkeyed(&symbol);
        (if is_symbol(at) { keyed(&text.replace('*', "\\*"), name) } else { symbol }, status)
    };
    answer.results().into_iter().enumerate().map(entry).collect()
}

impl Held {
    fn gap(&mut self, gap: &Message) {
        let (from, to) = (gap.seq("from"), gap.seq("to"));
        assert!(from <= to, "a gap that ends before it begins: {gap:?}");
        assert!(gap.str("reason").len() > 2, "a gap says why: {gap:?}");
        if let Some(cursor) = self.cursor {
            assert_eq!(from, cursor + 1, "law 4: a gap begins where the client stands: {gap:?}");
        }
        self.cursor = Some(to);
        self.owed_to = Some(to);
    }

    fn snapshot(&mut self, snapshot: &Message) {
        self.times(snapshot);
        let withdrawn = snapshot.withdrawn();
        assert!(withdrawn.is_empty(), "a snapshot leaves out what is withdrawn: {snapshot:?}");
        let seq = snapshot.seq("seq");
        let renewed = std::mem::take(&mut self.renewed);
        match (self.owed_to.take(), self.cursor) {
            (Some(to), _) => assert!(
                seq == to || seq == to + 1,
                "law 4: the gap ended at {to}, the snapshot after it stands at {seq}: {snapshot:?}"
            ),
            (None, Some(cursor)) if renewed => {
                assert!(seq >= cursor, "law 4: seq falls from {cursor}: {snapshot:?}");
            }
            (None, Some(cursor)) => {
                panic!("a snapshot that nothing called for, at cursor {cursor}: {snapshot:?}")
            }
            (None, None) => {}
        }
        self.cursor = Some(seq);
        self.record = snapshot.record();
        self.snapshots += 1;
        self.history.push(snapshot.clone());
    }

    fn update(&mut self, update: &Message) {
        self.times(update);
        assert!(self.owed_to.is_none(), "a snapshot follows a gap, not {update:?}");
        let (seq, n) = (update.seq("seq"), update.n());
        assert!(n >= 1 && n <= seq, "an update stands for at least one tick and at most all: {update:?}");
        if let Some(cursor) = self.cursor.or(self.unborn.then_some(0)) {
            assert_eq!(seq, cursor + n, "law 4: seq is the previous seq ({cursor}) + n: {update:?}");
        }
        let (changed, withdrawn) = (update.record(), update.withdrawn());
        self.cursor = Some(seq);
        self.renewed = false;
        self.record.retain(|name, _| !withdrawn.contains(name.as_str()));
        self.record.extend(changed);
        self.updates += 1;
        self.ticks += n;
        self.history.push(update.clone());
    }

    fn times(&mut self, message: &Message) {
        let rx = message.int("rx");
        assert!(rx >= self.last_rx, "`rx` went back from {} in {message:?}", self.last_rx);
        assert!(message.int("ts") > 0, "`ts` is a time: {message:?}");
        self.last_rx = rx;
    }
}
