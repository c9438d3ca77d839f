//! A symbol's record by its corrected tape: the naive model of names, `affects`, cancels and corrections.
//!
//! It follows docs/PROTOCOL.md alone. A correction changes the tape, and the record is computed anew from the lines that
//! are left of it. Only trades of the newest lines are corrected, and none from before a line that withdraws what trades
//! have moved.

use std::collections::{BTreeMap, VecDeque};

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use serde_json::{Map, Value, json};

use super::judge::Decimal;

pub type Record = BTreeMap<&'static str, String>;

/// What a tick says of a trade beside the record's fields.
#[derive(Clone, Default, Debug)]
pub struct Said {
    pub is_trade: bool,
    /// `cancel` or `correct`, and the name of the trade.
    pub correction: Option<(&'static str, String)>,
    /// What `trade` shows: values as text.
    pub trade: Option<BTreeMap<String, String>>,
}

#[derive(Clone)]
struct Trade {
    last: String,
    last_size: String,
    side: String,
    id: Option<String>,
    /// `None`: everything.
    affects: Option<Vec<&'static str>>,
}

enum Line {
    Fields(Map<String, Value>),
    Trade(Trade),
}

#[derive(Default)]
pub struct Day {
    pub record: Record,
    /// The record before the newest lines.
    base: Record,
    newest: VecDeque<Line>,
    trades: u64,
}

const NAMES: [&str; 13] = [
    "bid",
    "bid_size",
    "ask",
    "ask_size",
    "last",
    "last_size",
    "side",
    "trade_id",
    "open",
    "high",
    "low",
    "volume",
    "trades",
];
const NEWEST_MAX: usize = 40;

impl Day {
    /// Takes a line of the market, and gives some trades a name and what they affect. Returns the line and what it says.
    pub fn take(&mut self, line: &str, random: &mut Pcg64Mcg) -> (String, Said) {
        let mut fields: Map<String, Value> = serde_json::from_str(line).expect("a line is an object");
        let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        let (mut line, mut said) = (line.to_owned(), Said::default());
        if let (Some(last), Some(last_size)) = (text("last"), text("last_size")) {
            self.trades += 1;
            let trade = Trade {
                last,
                last_size,
                side: text("side").unwrap_or_else(|| "unknown".to_owned()),
                id: (random.random_range(0..10) < 7).then(|| format!("t {}", self.trades)),
                affects: (random.random_range(0..6) == 0).then(|| some_words(random)),
            };
            if let Some(id) = &trade.id {
                fields.insert("trade_id".to_owned(), json!(id));
            }
            if let Some(affects) = &trade.affects {
                fields.insert("affects".to_owned(), json!(affects));
            }
            line = Value::Object(fields.clone()).to_string();
            // What the line withdraws beside its trade stays so, whatever becomes of the trade.
            fields.retain(|_, value| value.is_null());
            self.push(Line::Fields(fields));
            said = Said {
                is_trade: true,
                correction: None,
                trade: trade.affects.as_ref().map(|_| trade.shown()),
            };
            self.push(Line::Trade(trade));
        } else {
            fields.remove("symbol");
            let ends = ["last", "volume"].iter().any(|name| fields.contains_key(*name));
            self.push(Line::Fields(fields));
            if ends {
                self.newest.clear();
                self.base.clone_from(&self.record);
            }
        }
        (line, said)
    }

    fn push(&mut self, line: Line) {
        line.apply(&mut self.record);
        self.newest.push_back(line);
        if self.newest.len() > NEWEST_MAX
            && let Some(oldest) = self.newest.pop_front()
        {
            oldest.apply(&mut self.base);
        }
    }

    /// A cancel or a correction of one of the newest trades, when one has a name.
    pub fn correct(&mut self, symbol: &str, random: &mut Pcg64Mcg) -> Option<(String, Said)> {
        let is_named = |line: &Line| matches!(line, Line::Trade(trade) if trade.id.is_some());
        let named: Vec<usize> = (0..self.newest.len()).filter(|&at| is_named(&self.newest[at])).collect();
        if named.is_empty() {
            return None;
        }
        let at = named[random.random_range(0..named.len())];
        let Line::Trade(trade) = &mut self.newest[at] else { return None };
        let id = trade.id.clone().unwrap_or_default();
        let (line, said);
        if random.random() {
            line = json!({"symbol": symbol, "cancel": id});
            said = Said { correction: Some(("cancel", id)), ..Said::default() };
            self.newest.remove(at);
        } else {
            let kind = random.random_range(0..4);
            let mut fields = json!({"symbol": symbol, "correct": id});
            if kind != 1 {
                trade.last = twice(&trade.last, random);
                fields["last"] = json!(trade.last);
            }
            if kind > 0 {
                trade.last_size = twice(&trade.last_size, random);
                fields["last_size"] = json!(trade.last_size);
            }
            if kind == 3 {
                let other = if trade.side == "buy" { "sell" } else { "buy" };
                other.clone_into(&mut trade.side);
                fields["side"] = json!(trade.side);
            }
            let mut shown = trade.shown();
            shown.remove("trade_id");
            line = fields;
            said = Said { is_trade: false, correction: Some(("correct", id)), trade: Some(shown) };
        }
        self.record.clone_from(&self.base);
        self.newest.iter().for_each(|line| line.apply(&mut self.record));
        Some((line.to_string(), said))
    }
}

/// A part of the words, not all of them.
fn some_words(random: &mut Pcg64Mcg) -> Vec<&'static str> {
    let bits = random.random_range(0..7);
    let words = ["last", "high_low", "volume"].into_iter().zip(0..);
    words.filter(|(_, bit)| bits & (1 << bit) != 0).map(|(word, _)| word).collect()
}

/// Two or three times a value, or the value again.
fn twice(text: &str, random: &mut Pcg64Mcg) -> String {
    Decimal(Decimal::read(text).0 * random.random_range(1..=3)).to_string()
}

impl Trade {
    /// What a message shows in `trade`.
    fn shown(&self) -> BTreeMap<String, String> {
        let quoted = |text: &str| format!("\"{text}\"");
        let mut shown = BTreeMap::from([
            ("last".to_owned(), self.last.clone()),
            ("last_size".to_owned(), self.last_size.clone()),
            ("side".to_owned(), quoted(&self.side)),
        ]);
        shown.extend(self.id.as_ref().map(|id| ("trade_id".to_owned(), quoted(id))));
        shown.extend(self.affects.as_ref().map(|words| ("affects".to_owned(), json!(words).to_string())));
        shown
    }

    fn affects(&self, word: &str) -> bool {
        self.affects.as_ref().is_none_or(|words| words.contains(&word))
    }

    fn apply(&self, record: &mut Record) {
        let of = |name: &str| record.get(name).map(|text| Decimal::read(text));
        let (price, size) = (Decimal::read(&self.last), Decimal::read(&self.last_size));
        let high = of("high").map_or(price, |high| high.max(price));
        let low = of("low").map_or(price, |low| low.min(price));
        let mut volume = of("volume").unwrap_or_default();
        volume += size;
        let trades = record.get("trades").map_or(0, |text| text.parse::<u64>().expect("a count"));
        if self.affects("last") {
            record.insert("last", self.last.clone());
            record.insert("last_size", self.last_size.clone());
            record.insert("side", format!("\"{}\"", self.side));
            match &self.id {
                Some(id) => record.insert("trade_id", format!("\"{id}\"")),
                None => record.remove("trade_id"),
            };
            record.entry("open").or_insert_with(|| self.last.clone());
        }
        if self.affects("high_low") {
            record.insert("high", high.to_string());
            record.insert("low", low.to_string());
        }
        if self.affects("volume") {
            record.insert("volume", volume.to_string());
            record.insert("trades", (trades + 1).to_string());
        }
    }
}

impl Line {
    fn apply(&self, record: &mut Record) {
        let fields = match self {
            Line::Trade(trade) => return trade.apply(record),
            Line::Fields(fields) => fields,
        };
        for (name, value) in fields {
            let name = NAMES.into_iter().find(|known| known == name).expect("a field of a record");
            match value.as_str() {
                Some(text) => record.insert(name, text.to_owned()),
                None => record.remove(name),
            };
        }
    }
}
