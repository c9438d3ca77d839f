//! Ticks as lines, made ahead: when one is due, only its time is written into it.
//!
//! Every server gets the same bytes, about 115 a line. The time of each tick is unique, so that it names the tick.

use std::time::{SystemTime, UNIX_EPOCH};

use rand::{SeedableRng, seq::SliceRandom};
use rand_pcg::Pcg64Mcg;

/// The text before and after each line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wrapping {
    /// A line of its own, for standard input.
    Line,
    /// The same, of trades.
    TradeLine,
    /// A `PUB` of the NATS protocol, the symbol as its subject.
    NatsPublish,
}

pub struct Lines {
    /// By symbol, `VARIANTS` of each.
    made: Vec<Made>,
    /// Symbols in the order in which they tick: shuffled, so that popular ones are not neighbours.
    order: Vec<usize>,
    next: usize,
    last_ts_us: u64,
    /// The time of each symbol's newest tick; 0 before its first.
    pub heads_us: Vec<u64>,
}

struct Made {
    bytes: Vec<u8>,
    ts_at: usize,
}

const VARIANTS: usize = 16;
const SEED: u64 = 7;
const TS_PLACEHOLDER: &[u8; 16] = b"1111111111111111";

pub fn symbol(number: usize) -> String {
    format!("S{number:04}")
}

/// The symbol that a line is of: its name begins at 11, and nothing else has to be read.
pub fn symbol_of(line: &[u8]) -> &str {
    let name = line.get(11..).and_then(|rest| rest.split(|byte| *byte == b'"').next());
    name.and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
}

/// The wall clock, in microseconds since 1970.
pub fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

impl Lines {
    pub fn new(symbols: usize, wrapping: Wrapping) -> Lines {
        let mut order: Vec<usize> = (0..symbols).collect();
        order.shuffle(&mut Pcg64Mcg::seed_from_u64(SEED));
        let made =
            (0..symbols * VARIANTS).map(|place| Made::new(place / VARIANTS, place % VARIANTS, wrapping));
        Lines { made: made.collect(), order, next: 0, last_ts_us: 0, heads_us: vec![0; symbols] }
    }

    /// Appends the next `count` ticks, as of now.
    pub fn render(&mut self, count: usize, out: &mut Vec<u8>) {
        let now_us = now_us();
        for _ in 0..count {
            self.last_ts_us = now_us.max(self.last_ts_us + 1);
            let symbol = self.order[self.next % self.order.len()];
            let variant = self.next / self.order.len() % VARIANTS;
            let made = &self.made[symbol * VARIANTS + variant];
            let start = out.len() + made.ts_at;
            out.extend_from_slice(&made.bytes);
            write_digits(self.last_ts_us, &mut out[start..start + TS_PLACEHOLDER.len()]);
            self.heads_us[symbol] = self.last_ts_us;
            self.next += 1;
        }
    }
}

impl Made {
    fn new(number: usize, variant: usize, wrapping: Wrapping) -> Made {
        let cents = 6_000_000 + number * 137 + variant * 3;
        let line = format!(
            r#"{{"symbol":"{}","ts":{},"bid":{}.{:02}25,"bid_size":{}.375,"ask":{}.{:02}75,"ask_size":{}.625}}"#,
            symbol(number),
            std::str::from_utf8(TS_PLACEHOLDER).expect("digits"),
            cents / 100,
            cents % 100,
            1000 + variant,
            cents / 100 + 1,
            cents % 100,
            2000 + variant * 7,
        );
        let text = match wrapping {
            Wrapping::Line => format!("{line}\n"),
            Wrapping::TradeLine => trade_line(number, variant, cents) + "\n",
            Wrapping::NatsPublish => format!("PUB {} {}\r\n{line}\r\n", symbol(number), line.len()),
        };
        let ts_at = memchr::memmem::find(text.as_bytes(), TS_PLACEHOLDER).expect("the line has a time");
        Made { bytes: text.into_bytes(), ts_at }
    }
}

/// A trade, with a name as venues have it.
fn trade_line(number: usize, variant: usize, cents: usize) -> String {
    format!(
        r#"{{"symbol":"{}","ts":{},"last":{}.{:02}25,"last_size":{}.375,"side":"{}","trade_id":"{}"}}"#,
        symbol(number),
        std::str::from_utf8(TS_PLACEHOLDER).expect("digits"),
        cents / 100,
        cents % 100,
        1 + variant,
        if variant.is_multiple_of(2) { "buy" } else { "sell" },
        100_000_000 + number * VARIANTS + variant,
    )
}

/// Writes a number right-aligned into a field that is exactly as wide.
pub fn write_digits(mut value: u64, field: &mut [u8]) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}
