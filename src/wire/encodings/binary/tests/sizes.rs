//! Bytes an update, the headers of WebSocket frames among them, on ticks like those of `benches/fanout/lines.rs`: four
//! fields, 500 symbols, a session with 20 of them.

use crate::{
    access::ProductId,
    fanout::{Emit, LocalId, TopicRef, View},
    tick::{Decimal, Field, Fields, Nanos, Symbol, WantedFields},
    topic::{Record, TopicId},
    wire::{
        FrameSize, Framer,
        encodings::{binary::Binary, encoder::Encoder, json::Json},
    },
};

const ORIGIN: Nanos = Nanos(1_742_860_800_000_000_000);
const SYMBOLS: usize = 500;
/// A session's are those whose number is a multiple of this.
const EACH: usize = 25;

/// Bytes of all frames, and how many messages they hold.
struct Sent {
    bytes: usize,
    messages: usize,
}

/// A market of the bench: each symbol ticks in turn, in an order that looks random.
struct Market {
    records: Vec<Record>,
    symbols: Vec<Symbol>,
    ticks: usize,
    ticks_per_ms: usize,
}

impl Market {
    fn new(ticks_per_ms: usize) -> Self {
        let symbols = (0..SYMBOLS).map(|number| Symbol::new(&format!("S{number:04}")).unwrap()).collect();
        Market { records: vec![Record::default(); SYMBOLS], symbols, ticks: 0, ticks_per_ms }
    }

    /// The next tick; its symbol. A chunk is written each millisecond, and comes some hundred microseconds later.
    fn tick(&mut self) -> usize {
        let number = self.ticks * 167 % SYMBOLS;
        let variant = self.ticks / SYMBOLS % 16;
        let (ms, within) = (self.ticks / self.ticks_per_ms, self.ticks % self.ticks_per_ms);
        let jitter = ms * 7919 % 300;
        let written = ORIGIN.0 + 30_000_000_000 + ms as i64 * 1_000_000;
        let cents = 6_000_000 + number * 137 + variant * 3;
        let values = [
            (Field::Bid, format!("{}.{:02}25", cents / 100, cents % 100)),
            (Field::BidSize, format!("{}.375", 1000 + variant)),
            (Field::Ask, format!("{}.{:02}75", cents / 100 + 1, cents % 100)),
            (Field::AskSize, format!("{}.625", 2000 + variant * 7)),
        ];
        let mut fields = Fields::default();
        for (field, value) in values {
            fields.set_decimal(field, Decimal::parse(&value).unwrap());
        }
        let record = &mut self.records[number];
        record.take(&fields).unwrap();
        record.ts = Nanos(written + within as i64 * 1_000);
        record.rx = Nanos(written + 100_000 + jitter as i64 * 1_000);
        self.ticks += 1;
        number
    }

    /// Bytes of frames with so many messages each; a message stands for the ticks of the symbol since its last one.
    fn send<E: Encoder>(&mut self, a_frame: usize, window_ticks: usize) -> Sent {
        let mut framer = Framer::new(16 * 1024).with_origin(ORIGIN);
        let mut cursors = vec![0; SYMBOLS];
        let mut sent = Sent { bytes: 0, messages: 0 };
        for _ in 0..SYMBOLS {
            self.tick();
        }
        // So that seqs have their usual length.
        self.records.iter_mut().for_each(|record| record.seq = 200);
        let mut due: Vec<usize> = Vec::new();
        for step in 0..SYMBOLS * 200 {
            let number = self.tick();
            if number.is_multiple_of(EACH) && !due.contains(&number) {
                due.push(number);
            }
            if step % window_ticks != window_ticks - 1 || due.len() < a_frame {
                continue;
            }
            let is_counted = cursors.iter().step_by(EACH).all(|&cursor| cursor > 0);
            let mut writer = framer.begin::<E>(FrameSize::Full);
            for &number in &due {
                let record = &self.records[number];
                let n = record.seq - cursors[number].max(200);
                let topic = TopicRef {
                    local: LocalId(number as u32),
                    number: TopicId(number as u32),
                    symbol: &self.symbols[number],
                    product: ProductId::REST,
                    record,
                    is_first: cursors[number] == 0,
                    delay_ms: None,
                };
                if n == 1 {
                    writer.last_tick(&topic, &View::WHOLE);
                } else {
                    writer.merged(&topic, n, WantedFields::NONE, &View::WHOLE);
                }
                cursors[number] = record.seq;
            }
            let bytes = writer.finish().unwrap().bytes.len();
            if is_counted {
                sent.bytes += bytes;
                sent.messages += due.len();
            }
            due.clear();
        }
        sent
    }
}

fn check(ticks_per_ms: usize, a_frame: usize, window_ticks: usize, bytes_max: f64) {
    let each = |sent: Sent| sent.bytes as f64 / sent.messages as f64;
    let binary = each(Market::new(ticks_per_ms).send::<Binary>(a_frame, window_ticks));
    let json = each(Market::new(ticks_per_ms).send::<Json>(a_frame, window_ticks));
    println!("{a_frame:>2} a frame: {binary:.1} bytes an update, JSON {json:.1}");
    assert!(binary <= bytes_max, "{binary:.1} bytes an update");
}

/// 5,000 ticks a second, each sent.
#[test]
fn an_update_in_small_frames_has_about_20_bytes() {
    check(5, 1, 1, 25.0);
    check(5, 2, 1, 20.5);
    check(5, 3, 1, 20.0);
}

/// 50,000 ticks a second, conflated over 100 ms.
#[test]
fn an_update_in_frames_of_20_has_less_than_20_bytes() {
    check(50, 20, 5_000, 20.0);
}
