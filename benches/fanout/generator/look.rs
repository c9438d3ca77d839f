//! What clients see that look closely: the age of each message, the newest tick of each symbol, and, of binary data,
//! whether each message follows the one before it.

use std::collections::HashMap;

use memchr::memmem::Finder;

use super::{
    binary::{Seen, What},
    tally::Tally,
};

/// What one client has seen.
#[derive(Default)]
pub struct Looks {
    /// Whether newest ticks are kept.
    keeps_heads: bool,
    /// By symbol, the newest `ts`.
    pub heads_us: HashMap<String, u64>,
    /// The time that binary messages count from, in microseconds since 1970.
    origin_us: u64,
    /// By number of a symbol, in binary data: its name, and the last seq.
    symbols: HashMap<u64, (String, u64)>,
}

impl Looks {
    pub fn new(keeps_heads: bool) -> Looks {
        Looks { keeps_heads, ..Looks::default() }
    }

    /// Ages, and newest ticks, of the messages in one payload of text.
    pub fn text(&mut self, payload: &[u8], now_us: u64, tally: &mut Tally) {
        for at in Finder::new(TS_KEY).find_iter(payload) {
            let Some(ts_us) = digits(&payload[at + TS_KEY.len()..]) else { continue };
            tally.age(ts_us, now_us);
            if self.keeps_heads
                && let Some(symbol) = symbol_before(&payload[..at])
            {
                self.head(symbol, ts_us);
            }
        }
    }

    /// The first message of a connection, in which binary data has its origin.
    pub fn welcome(&mut self, payload: &[u8]) {
        self.origin_us = number_behind(ORIGIN_KEY, payload).unwrap_or_default();
    }

    /// One of tickcast's binary messages.
    pub fn message(&mut self, seen: &Seen<'_>, now_us: u64, tally: &mut Tally) {
        if let Some(symbol) = seen.symbol {
            // Clients here subscribe once: whoever is introduced again goes on.
            let symbol = || (String::from_utf8_lossy(symbol).into_owned(), 0);
            self.symbols.entry(seen.number).or_insert_with(symbol);
        }
        let Some((symbol, last)) = self.symbols.get_mut(&seen.number) else {
            tally.out_of_order += 1;
            return;
        };
        let (follows, seq, ts_us) = match seen.what {
            What::Update { seq, n, ts_us } => (seq == last.wrapping_add(n), seq, Some(ts_us)),
            What::Snapshot { seq, ts_us } => (seq >= *last, seq, Some(ts_us)),
            What::Gap { from, to } => (from == *last + 1 && to >= from, to, None),
        };
        tally.out_of_order += u64::from(!follows && *last > 0);
        *last = seq;
        let Some(ts_us) = ts_us.and_then(|ts_us| self.origin_us.checked_add_signed(ts_us)) else { return };
        if self.keeps_heads {
            let symbol = symbol.clone();
            self.head(&symbol, ts_us);
        }
        tally.age(ts_us, now_us);
    }

    pub fn head(&mut self, symbol: &str, ts_us: u64) {
        match self.heads_us.get_mut(symbol) {
            Some(head) => *head = ts_us,
            None => drop(self.heads_us.insert(symbol.to_owned(), ts_us)),
        }
    }
}

const ORIGIN_KEY: &[u8] = br#""origin":"#;
const TS_KEY: &[u8] = br#""ts":"#;
const SYMBOL_KEY: &[u8] = br#""symbol":""#;
const TS_DIGITS: usize = 16;

fn digits(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text.get(..TS_DIGITS)?).ok()?.parse().ok()
}

/// The whole number behind the first such key.
fn number_behind(key: &[u8], text: &[u8]) -> Option<u64> {
    let from = memchr::memmem::find(text, key)? + key.len();
    let digits = text[from..].split(|byte| !byte.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The symbol of the message whose `ts` comes next: in every dialect it is before that.
fn symbol_before(text: &[u8]) -> Option<&str> {
    let at = memchr::memmem::rfind(text, SYMBOL_KEY)? + SYMBOL_KEY.len();
    let end = at + memchr::memchr(b'"', &text[at..])?;
    std::str::from_utf8(&text[at..end]).ok()
}
