//! A client of the simulation that asks by HTTP, one request after another on one connection: symbols, snapshots,
//! publishing. Each answer is compared with what the feed, or the client itself, has published so far.

use std::{collections::BTreeMap, time::Duration};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::Value;
use tickcast::tick::Nanos;

use super::{
    judge::Message,
    law::Law,
    network::{Event, LinkPlan, Net, WorldEvent},
    plan::AskerPlan,
    tape::Tape,
    witness::Found,
};

/// The number from which on clients are askers: there is one, and it has an address of its own.
pub const ASKER: usize = 1_000;
pub const ADDRESS: u8 = 99;

pub struct Asker {
    plan: AskerPlan,
    net: Net,
    random: Pcg64Mcg,
    link: Option<usize>,
    inbound: Vec<u8>,
    asked: Option<Question>,
    next_at: Nanos,
    /// The newest seq that it has been shown of each symbol.
    seqs: BTreeMap<String, u64>,
    /// Ticks of its own symbol that it has published, and those that were accepted.
    published: u64,
    accepted: u64,
    is_calm: bool,
    pub answers: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Question {
    Symbols,
    Snapshot,
    Publish(u64),
}

/// An answer of which nothing has come for so long does not come.
const COMING_NANOS: u64 = 5_000_000_000;
/// The symbol that it publishes; no other client requests it by name.
pub const OWN: &str = "P";

fn breach<T>(law: Law, what: impl Into<String>) -> Result<T, (Law, String)> {
    Err((law, what.into()))
}

impl Asker {
    pub fn new(plan: AskerPlan, net: Net, begin: Nanos) -> Asker {
        let random = Pcg64Mcg::seed_from_u64(plan.seed);
        let asker = Asker {
            plan,
            net,
            random,
            link: None,
            inbound: Vec::new(),
            asked: None,
            next_at: begin,
            seqs: BTreeMap::new(),
            published: 0,
            accepted: 0,
            is_calm: false,
            answers: 0,
        };
        asker.wake_at(begin);
        asker
    }

    fn wake_at(&self, time: Nanos) {
        self.net.borrow_mut().at(time, Event::World(WorldEvent::Client(ASKER)));
    }

    /// It asks no more.
    pub fn calm(&mut self) {
        self.is_calm = true;
    }

    pub fn wants_connection(&self) -> bool {
        self.link.is_none() && !self.is_calm
    }

    pub fn connect_plan(&self) -> &LinkPlan {
        &self.plan.link
    }

    pub fn connect(&mut self, link: usize) {
        self.link = Some(link);
        self.inbound.clear();
        self.asked = None;
    }

    /// Reads what has come, and asks the next question when its time has come.
    pub fn wake(&mut self, tape: &Tape) -> Found {
        let Some(link) = self.link else { return Ok(()) };
        let bytes = self.net.borrow_mut().client_reads(link, usize::MAX);
        self.inbound.extend(bytes);
        while let Some(body) = self.take_answer()? {
            self.check(&body, tape)?;
        }
        if self.net.borrow().links[link].is_over_for_client() {
            self.link = None;
            return Ok(());
        }
        let now = self.net.borrow().clock.now();
        if self.asked.is_none() && !self.is_calm && now >= self.next_at {
            self.ask(link);
            let pause = self.random.random_range(0..=self.plan.each_ms * 2);
            self.next_at = now.plus(Duration::from_millis(pause + 1));
            self.wake_at(self.next_at);
        }
        Ok(())
    }

    fn ask(&mut self, link: usize) {
        let question = match self.random.random_range(0..4) {
            0 => Question::Symbols,
            1 if self.plan.publishes => Question::Publish(self.random.random_range(1..=30)),
            _ => Question::Snapshot,
        };
        let request = match question {
            Question::Symbols => "GET /v1/symbols HTTP/1.1\r\nHost: sim\r\n\r\n".to_owned(),
            Question::Snapshot => {
                let symbols = ["S1,S*", "S0,P,S1", "*"][self.random.random_range(0..3)];
                format!("GET /v1/snapshot?symbols={symbols} HTTP/1.1\r\nHost: sim\r\n\r\n")
            }
            Question::Publish(ticks) => {
                let bids = self.published + 1..=self.published + ticks;
                let line = |bid| format!("{{\"symbol\":\"{OWN}\",\"bid\":{bid}}}\n");
                let lines = bids.map(line).collect::<Vec<_>>().concat();
                self.published += ticks;
                let body = format!("{lines}no line\n");
                let bytes = body.len();
                format!("POST /v1/publish HTTP/1.1\r\nHost: sim\r\nContent-Length: {bytes}\r\n\r\n{body}")
            }
        };
        self.asked = Some(question);
        self.net.borrow_mut().client_sends(link, request.as_bytes());
    }

    /// The body of an answer that has come whole.
    fn take_answer(&mut self) -> Result<Option<String>, (Law, String)> {
        let Some(end) = self.inbound.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let head = String::from_utf8_lossy(&self.inbound[..end]).into_owned();
        if !head.starts_with("HTTP/1.1 200") || self.asked.is_none() {
            return breach(Law::Answers, format!("{:?} is answered by {head}", self.asked));
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let Some(length) = length.and_then(|length| length.parse::<usize>().ok()) else {
            return breach(Law::Answers, format!("an answer without its length: {head}"));
        };
        if self.inbound.len() < end + 4 + length {
            return Ok(None);
        }
        let rest = self.inbound.split_off(end + 4 + length);
        let answer = std::mem::replace(&mut self.inbound, rest);
        let body = String::from_utf8(answer[end + 4..].to_vec());
        body.map(Some).or_else(|_| breach(Law::Truth, "an answer that is not UTF-8"))
    }

    fn check(&mut self, body: &str, tape: &Tape) -> Found {
        self.answers += 1;
        match self.asked.take() {
            Some(Question::Publish(ticks)) => {
                let answer: Value = serde_json::from_str(body).expect("JSON");
                self.accepted += ticks;
                let rejected = answer["rejected"].as_array().map_or(0, Vec::len);
                if answer["accepted"] != ticks || rejected != 1 {
                    return breach(Law::Ingest, format!("{ticks} ticks and a line that is none: {body}"));
                }
                Ok(())
            }
            Some(Question::Symbols) => {
                let rows: Vec<Value> = serde_json::from_str(body).expect("an array");
                rows.iter().try_for_each(|row| {
                    let symbol = row["symbol"].as_str().unwrap_or_default();
                    self.is_possible(symbol, row["seq"].as_u64().unwrap_or_default(), tape)
                })
            }
            _ => {
                let records = Message::of_array(body);
                records.iter().try_for_each(|record| self.is_true(record, tape))
            }
        }
    }

    /// A seq that the feed has got to, and none that is older than one before.
    fn is_possible(&mut self, symbol: &str, seq: u64, tape: &Tape) -> Found {
        let head = if symbol == OWN { self.published } else { tape.head(symbol) };
        let last = self.seqs.insert(symbol.to_owned(), seq).unwrap_or(0);
        if symbol.starts_with('C') || (last..=head).contains(&seq) {
            return Ok(());
        }
        breach(Law::Seqs, format!("{symbol} at {seq}, which stood at {last} and has got to {head}"))
    }

    fn is_true(&mut self, record: &Message, tape: &Tape) -> Found {
        let (symbol, seq) = (record.str("symbol"), record.seq("seq"));
        self.is_possible(&symbol, seq, tape)?;
        let is_right = match symbol.as_str() {
            OWN => record.raw("bid") == Some(&seq.to_string()),
            _ if symbol.starts_with('C') => true,
            _ => tape.record(&symbol, seq).is_some_and(|truth| {
                let shown = record.record();
                shown.len() == truth.len() && truth.iter().all(|(name, text)| shown.get(*name) == Some(text))
            }),
        };
        if is_right { Ok(()) } else { breach(Law::Truth, format!("not what the feed said: {record:?}")) }
    }

    /// At rest every question is answered, and what was accepted is what there is.
    pub fn at_rest(&self, node_seq: u64) -> Found {
        // A megabyte takes longer over a small window; but something of it must come.
        let is_coming = self.link.is_some_and(|link| {
            let net = self.net.borrow();
            net.clock.now().since(net.links[link].down.progress_at) < COMING_NANOS
        });
        if self.link.is_some() && self.asked.is_some() && !is_coming {
            return breach(Law::Answers, format!("{:?} was never answered", self.asked));
        }
        if !(self.accepted..=self.published).contains(&node_seq) {
            let (accepted, published) = (self.accepted, self.published);
            return breach(
                Law::Ingest,
                format!("{published} published, {accepted} accepted, {node_seq} there"),
            );
        }
        Ok(())
    }
}
