//! Messages that a test makes up, and what both encodings write of them.

use proptest::prelude::*;

use super::{
    ORIGIN_US,
    write::{NAMES, Reference, Scale, Value, any_values, mask, scale, signed, text, values, varint, zigzag},
};

/// One message of a frame, in the terms of both encodings.
#[derive(Clone, Debug)]
pub enum Sample {
    Tick(SampleTick),
    Gap {
        first: u64,
        last: u64,
        reason: u8,
    },
    /// Of a newer server.
    Unknown {
        kind: u8,
        bytes: Vec<u8>,
    },
    Run(Vec<SampleTick>),
}

#[derive(Clone, Debug)]
pub struct SampleTick {
    is_snapshot: bool,
    seq: u64,
    n: u64,
    /// Since the origin.
    rx: i64,
    lag: i64,
    values: Vec<(usize, Value)>,
    withdrawn: Vec<usize>,
    report: Option<SampleReport>,
    is_wide: bool,
}

#[derive(Clone, Debug)]
pub struct SampleReport {
    cancel: Option<String>,
    correct: Option<String>,
    trade: Option<Vec<(usize, Value)>>,
    affects: Option<u8>,
}

/// A message with the number of its symbol, and the name of its subscription.
pub type Addressed = (usize, Option<&'static str>, Sample);

const SYMBOLS: [&str; 4] = ["A", "BTCUSDT", "AAPL  250221C00250000 and more of it", "币安"];
const NUMBERS: [u64; 4] = [0, 7, 300, u64::MAX];

fn any_report() -> impl Strategy<Value = SampleReport> {
    let id = || "[a-z0-9]{1,9}";
    let trade = any_values(4..10).prop_map(|values| {
        let of_trade = |(id, _): &(usize, Value)| [4, 5, 6, 9].contains(id);
        values.into_iter().filter(of_trade).collect::<Vec<_>>()
    });
    (prop::option::of(id()), prop::option::of(id()), prop::option::of(trade), prop::option::of(0..8u8))
        .prop_map(|(cancel, correct, trade, affects)| SampleReport { cancel, correct, trade, affects })
}

fn any_tick() -> impl Strategy<Value = SampleTick> {
    let withdrawn = prop::sample::subsequence(vec![0, 2, 5, 9, 12, 14, 17], 0..3);
    let of_time = (-5_000_000i64..5_000_000_000, -10_000i64..10_000_000);
    (
        any::<(bool, u32, bool)>(),
        1..100u64,
        of_time,
        any_values(0..18),
        withdrawn,
        prop::option::of(any_report()),
    )
        .prop_map(|((is_snapshot, seq, is_wide), n, (rx, lag), values, withdrawn, report)| {
            let is_named = |id: &usize| values.iter().any(|(of, _)| of == id);
            let withdrawn = withdrawn.into_iter().filter(|id| !is_snapshot && !is_named(id)).collect();
            let (n, report) = if is_snapshot { (1, None) } else { (n, report) };
            SampleTick { is_snapshot, seq: seq.into(), n, rx, lag, values, withdrawn, report, is_wide }
        })
}

fn any_sample() -> impl Strategy<Value = Sample> {
    prop_oneof![
        6 => any_tick().prop_map(Sample::Tick),
        1 => (any::<u64>(), any::<u64>(), 0..3u8)
            .prop_map(|(first, last, reason)| Sample::Gap { first, last, reason }),
        1 => (4..16u8, any::<Vec<u8>>()).prop_map(|(kind, bytes)| Sample::Unknown { kind, bytes }),
        2 => prop::collection::vec(any_tick(), 1..5).prop_map(|mut ticks| {
            let first = ticks[0].seq;
            for (seq, tick) in (first..).zip(&mut ticks) {
                (tick.seq, tick.n, tick.is_snapshot) = (seq, 1, false);
            }
            Sample::Run(ticks)
        }),
    ]
}

pub fn any_frame() -> impl Strategy<Value = Vec<Addressed>> {
    let name = prop::sample::select(vec![None, Some("tape")]);
    prop::collection::vec((0..SYMBOLS.len(), name, any_sample()), 0..6)
}

/// Writes frames in binary, as one connection gets them.
#[derive(Default)]
pub struct Writer {
    told: [bool; SYMBOLS.len()],
    rx: i64,
    lag: i64,
}

/// The references of the symbols.
const REFERENCES: [Option<Reference>; SYMBOLS.len()] = [
    None,
    Some(Reference { price_places: 2, size_places: 5, base: 8_723_201, spread: 10_050 }),
    Some(Reference { price_places: 14, size_places: 0, base: -5, spread: -1_000_000 }),
    Some(Reference { price_places: 0, size_places: 14, base: 0, spread: 7 }),
];

impl Writer {
    pub fn frame(&mut self, samples: &[Addressed]) -> Vec<u8> {
        (self.rx, self.lag) = (0, 0);
        let mut out = Vec::new();
        for sample in samples {
            self.message(sample, &mut out);
        }
        out
    }

    pub fn message(&mut self, (symbol, name, sample): &Addressed, out: &mut Vec<u8>) {
        match sample {
            Sample::Tick(tick) if tick.is_snapshot => {
                self.head(1, 0, *symbol, *name, out);
                varint(tick.seq, out);
                self.times(tick, out);
                body(tick, *symbol, out);
            }
            Sample::Tick(tick) => self.update(tick, *symbol, *name, out),
            Sample::Gap { first, last, reason } => {
                self.head(3, 0, *symbol, *name, out);
                varint(*first, out);
                varint(*last, out);
                out.push(*reason);
            }
            Sample::Unknown { kind, bytes } => {
                out.push(0x80 | kind);
                varint(bytes.len() as u64, out);
                out.extend(bytes);
            }
            Sample::Run(ticks) => {
                self.head(2, 0, *symbol, *name, out);
                varint(ticks[0].seq, out);
                varint(ticks.len() as u64, out);
                for tick in ticks {
                    self.times(tick, out);
                    body(tick, *symbol, out);
                }
            }
        }
    }

    fn update(&mut self, tick: &SampleTick, symbol: usize, name: Option<&str>, out: &mut Vec<u8>) {
        let mut whole = Vec::new();
        body(tick, symbol, &mut whole);
        let merged = if tick.n > 1 { 0x40 } else { 0 };
        if name.is_none() && self.told[symbol] && (1..0x40).contains(&whole[0]) {
            out.push(whole.remove(0) | merged);
            varint(NUMBERS[symbol], out);
        } else {
            self.head(0, merged, symbol, name, out);
        }
        varint(tick.seq, out);
        if tick.n > 1 {
            varint(tick.n, out);
        }
        self.times(tick, out);
        out.extend(whole);
    }

    fn head(&mut self, kind: u8, flags: u8, symbol: usize, name: Option<&str>, out: &mut Vec<u8>) {
        let tells = !std::mem::replace(&mut self.told[symbol], true);
        let named = if name.is_some() { 0x20 } else { 0 };
        out.push(0x80 | kind | flags | named | if tells { 0x10 } else { 0 });
        varint(NUMBERS[symbol], out);
        if tells {
            text(SYMBOLS[symbol], out);
            match REFERENCES[symbol] {
                None => out.push(0xFF),
                Some(reference) => {
                    out.push(reference.byte());
                    signed(reference.base, out);
                    signed(reference.spread, out);
                }
            }
        }
        if let Some(name) = name {
            text(name, out);
        }
    }

    fn times(&mut self, tick: &SampleTick, out: &mut Vec<u8>) {
        let coded = zigzag(tick.lag - self.lag) << 1;
        if tick.rx == self.rx {
            varint(coded, out);
        } else {
            varint(coded | 1, out);
            signed(tick.rx - self.rx, out);
        }
        (self.rx, self.lag) = (tick.rx, tick.lag);
    }
}

/// A short one where that is possible.
fn body(tick: &SampleTick, symbol: usize, out: &mut Vec<u8>) {
    let (scale, tells_scale) = scale(&tick.values, REFERENCES[symbol], tick.is_wide);
    let flags = u8::from(!tick.withdrawn.is_empty())
        | u8::from(tick.report.is_some()) << 1
        | u8::from(tells_scale) << 2;
    if flags == 0 && tick.values.iter().all(|(id, _)| *id < 7) {
        mask(ids(&tick.values), out);
    } else {
        out.push(0x80 | flags);
        mask(ids(&tick.values), out);
        if !tick.withdrawn.is_empty() {
            mask(tick.withdrawn.iter().copied(), out);
        }
        if let Some(report) = &tick.report {
            self::report(report, tick.is_wide, out);
        }
        if let Some(scale) = scale.filter(|_| tells_scale) {
            out.push(scale.byte());
        }
    }
    values(&tick.values, scale, out);
}

fn ids(values: &[(usize, Value)]) -> impl Iterator<Item = usize> {
    values.iter().map(|(id, _)| *id)
}

fn report(report: &SampleReport, is_wide: bool, out: &mut Vec<u8>) {
    let mut block = vec![0];
    for (flag, id) in [(1, &report.cancel), (2, &report.correct)] {
        if let Some(id) = id {
            block[0] |= flag;
            text(id, &mut block);
        }
    }
    if let Some(trade) = &report.trade {
        block[0] |= 4;
        mask(ids(trade), &mut block);
        let (scale, _) = scale(trade, None, is_wide);
        block.extend(scale.map(Scale::byte));
        values(trade, scale, &mut block);
    }
    if let Some(affects) = report.affects {
        block[0] |= 8;
        block.push(affects);
    }
    varint(block.len() as u64, out);
    out.extend(block);
}

/// The same messages as JSON.
pub fn json(samples: &[Addressed]) -> String {
    let mut messages = Vec::new();
    for (symbol, name, sample) in samples {
        let of = |kind: &str| {
            let name = name.map(|name| format!(",\"as\":\"{name}\"")).unwrap_or_default();
            format!("{{\"type\":\"{kind}\"{name},\"symbol\":\"{}\"", SYMBOLS[*symbol])
        };
        match sample {
            Sample::Tick(tick) => messages.push(json_tick(&of, tick)),
            Sample::Run(ticks) => messages.extend(ticks.iter().map(|tick| json_tick(&of, tick))),
            Sample::Gap { first, last, reason } => {
                let reason = ["slow", "resume", "epoch"][usize::from(*reason)];
                messages
                    .push(of("gap") + &format!(",\"from\":{first},\"to\":{last},\"reason\":\"{reason}\"}}"));
            }
            Sample::Unknown { .. } => {}
        }
    }
    format!("[{}]", messages.join(","))
}

fn json_tick(of: &impl Fn(&str) -> String, tick: &SampleTick) -> String {
    let rx = ORIGIN_US + tick.rx;
    let fields = |values: &[(usize, Value)]| -> Vec<String> {
        values.iter().map(|(id, value)| format!("\"{}\":{}", NAMES[*id], value.json())).collect()
    };
    let mut pairs = vec![of(if tick.is_snapshot { "snapshot" } else { "update" })];
    pairs.push(format!("\"seq\":{},\"ts\":{},\"rx\":{rx}", tick.seq, rx - tick.lag));
    if let Some(report) = &tick.report {
        for (key, id) in [("cancel", &report.cancel), ("correct", &report.correct)] {
            pairs.extend(id.as_ref().map(|id| format!("\"{key}\":\"{id}\"")));
        }
        let words = [(1, "\"last\""), (2, "\"high_low\""), (4, "\"volume\"")];
        let affects = report.affects.map(|bits| {
            let words: Vec<&str> =
                words.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, word)| *word).collect();
            format!("\"affects\":[{}]", words.join(","))
        });
        let trade: Vec<String> =
            report.trade.as_deref().map(fields).unwrap_or_default().into_iter().chain(affects).collect();
        pairs.push(format!("\"trade\":{{{}}}", trade.join(",")));
    }
    pairs.extend(fields(&tick.values));
    pairs.extend(tick.withdrawn.iter().map(|id| format!("\"{}\":null", NAMES[*id])));
    pairs.extend((tick.n > 1).then(|| format!("\"n\":{}", tick.n)));
    pairs.join(",") + "}"
}
