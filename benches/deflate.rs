//! What compression costs and saves: frames as sessions are sent them, encoded and compressed, in time of the processor.
//!
//! `cargo bench --bench deflate` prints a row for each kind of frame: quotes of 1, 3, 20 and 90 symbols at once (the
//! ticks of the bench's scenario B2), and the bundled recording, each tick and the newest each 100 ms.

use std::{fmt::Write, sync::Arc, time::Duration};

use tickcast::{
    fanout::{Fanout, Mode, Spec, SubscribeRequest},
    feed::{Opened, RefusedTick, RejectReason, Sink, Source},
    limits,
    shutdown::Stop,
    tick::{CustomFields, Decimal, Field, Fields, Nanos, Symbol, Tick},
    topic::{Batch, BatchQueue, Detail, FeedId, Ingest, Interest, Market, Outlet},
    wire::{DeflateWindow, Deflater, Encoding, FrameSize, Framer},
};

/// Frames of one kind, and what encoding them cost.
struct Frames {
    payloads: Vec<Vec<u8>>,
    encode_nanos: u64,
}

/// A shard and its market, with one session.
struct Shard {
    ingest: Ingest,
    queue: Arc<BatchQueue<Batch>>,
    fanout: Fanout,
    framer: Framer,
    now: Nanos,
}

fn main() {
    // `cargo test --benches` runs it too: a little of everything.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { 2_000 } else { 3 };
    println!(
        "{:32} {:>8} {:>8} {:>6} {:>10} {:>12}",
        "frames", "bytes", "after", "times", "encode us", "compress us"
    );
    for symbols in [1, 3, 20, 90] {
        let frames = quotes(symbols, rounds);
        row(&format!("quotes, {symbols} in a frame"), &frames);
    }
    let ticks = recorded();
    let most = rounds * 25;
    row("recording, every tick", &recording(&ticks[..most.min(ticks.len())], Mode::Every, 0));
    row("recording, newest each 100 ms", &recording(&ticks[..most.min(ticks.len())], Mode::Latest, 100));
}

fn row(name: &str, Frames { payloads, encode_nanos }: &Frames) {
    let mut deflater = Deflater::new(1);
    let before: usize = payloads.iter().map(Vec::len).sum();
    let begun = thread_nanos();
    let after: usize = payloads
        .iter()
        .map(|payload| deflater.deflated(DeflateWindow::Full, payload).map_or(payload.len(), <[u8]>::len))
        .sum();
    let spent = thread_nanos() - begun;
    let count = payloads.len();
    assert!(after < before && count > 0, "{name}: {before} bytes became {after}");
    let each = |nanos: u64| nanos as f64 / count as f64 / 1e3;
    let mut line = String::new();
    write!(line, "{name:32} {:>8} {:>8} ", before / count, after / count)
        .expect("a string takes every write");
    println!(
        "{line}{:>6.2} {:>10.2} {:>12.2}",
        before as f64 / after as f64,
        each(*encode_nanos),
        each(spent)
    );
}

/// `rounds` frames, each with one quote of every symbol.
fn quotes(symbols: usize, rounds: usize) -> Frames {
    let names: Vec<Symbol> =
        (0..symbols).map(|at| Symbol::new(&format!("S{at:04}")).expect("a symbol")).collect();
    let mut shard = Shard::new(&names, Mode::Latest, 0);
    let mut frames = Frames { payloads: Vec::new(), encode_nanos: 0 };
    for round in 0..rounds {
        let ticks = names.iter().enumerate().map(|(at, symbol)| {
            let (cents, variant) = (6_000_000 + at * 137 + round % 16 * 3, round % 16);
            let mut fields = Fields::default();
            for (field, text) in [
                (Field::Bid, format!("{}.{:02}25", cents / 100, cents % 100)),
                (Field::BidSize, format!("{}.375", 1000 + variant)),
                (Field::Ask, format!("{}.{:02}75", cents / 100 + 1, cents % 100)),
                (Field::AskSize, format!("{}.625", 2000 + variant * 7)),
            ] {
                fields.set_decimal(field, Decimal::parse(&text).expect("a decimal"));
            }
            // No two ticks are of one moment.
            let ts = shard.now.plus(Duration::from_micros(20 * at as u64 + round as u64 % 17));
            Tick { symbol: symbol.clone(), ts: Some(ts), fields }
        });
        shard.step(ticks.collect(), Duration::from_millis(100), &mut frames);
    }
    frames
}

/// The recording as one session is sent it, at its own pace or nearly: 27 ticks in 100 ms.
fn recording(ticks: &[Tick], mode: Mode, interval_ms: u64) -> Frames {
    let names: std::collections::BTreeSet<Symbol> = ticks.iter().map(|tick| tick.symbol.clone()).collect();
    let mut shard = Shard::new(&names.into_iter().collect::<Vec<_>>(), mode, interval_ms);
    let mut frames = Frames { payloads: Vec::new(), encode_nanos: 0 };
    for part in ticks.chunks(9) {
        shard.step(part.to_vec(), Duration::from_millis(33), &mut frames);
    }
    frames
}

fn recorded() -> Vec<Tick> {
    struct Kept(Vec<Tick>);
    impl Sink for Kept {
        fn submit(&mut self, ticks: &mut Vec<Tick>, _: &mut Vec<RefusedTick>) {
            self.0.append(ticks);
        }

        fn reject(&mut self, reason: RejectReason) {
            panic!("{reason:?} in the bundled recording");
        }

        fn lag(&mut self, _: Duration) {}

        fn now(&self) -> Nanos {
            Nanos(1)
        }
    }
    let source = Source::parse("replay:bundled?speed=max").expect("a source");
    let Ok(Opened::Feed(feed)) = source.open(&limits::DEFAULT, &CustomFields::none()) else {
        panic!("{source} is no feed")
    };
    let mut kept = Kept(Vec::new());
    feed.run(&mut kept, &Stop::default()).expect("the recording");
    kept.0
}

impl Shard {
    fn new(symbols: &[Symbol], mode: Mode, interval_ms: u64) -> Self {
        let market = Market::new(vec!["feed".to_owned()], 1_000, 1_024);
        let queue = Arc::new(BatchQueue::new(100_000));
        let interest = Arc::new(Interest::default());
        interest.publish(Detail::Ticks);
        let outlet = Outlet { queue: Arc::clone(&queue), wake: Box::new(|| ()), interest };
        let ingest = Ingest::new(market, vec![outlet]);
        let now = Nanos(1_796_008_871_000_000_000);
        let mut fanout = Fanout::new(now, Duration::from_secs(3_600), symbols.len());
        let session = fanout.open();
        let interval = Duration::from_millis(interval_ms);
        let spec = Spec { mode, interval, snapshot: false, ..Spec::default() };
        for symbol in symbols {
            let request = SubscribeRequest::new(symbol, &spec);
            fanout.subscribe(session, &request, now, &ingest).expect("room for it");
        }
        Shard { ingest, queue, fanout, framer: Framer::new(limits::DEFAULT.frame_bytes), now }
    }

    /// Takes ticks in, and keeps the payloads of the frames that follow.
    fn step(&mut self, mut ticks: Vec<Tick>, pause: Duration, frames: &mut Frames) {
        self.now = self.now.plus(pause);
        let rx: Vec<Nanos> =
            (0..).zip(&ticks).map(|(at, _)| self.now.plus(Duration::from_micros(400 + 21 * at))).collect();
        self.ingest.submit_dated(FeedId(0), &mut ticks, &rx, &mut Vec::new());
        let mut batches = Vec::new();
        assert!(!self.queue.take(&mut batches).missed);
        for batch in batches {
            self.fanout.apply(&batch, self.now, &self.ingest);
        }
        self.fanout.advance(self.now);
        while let Some(session) = self.fanout.next_ready() {
            loop {
                let begun = thread_nanos();
                let (size, ingest) = (FrameSize::Full, &self.ingest);
                let tally =
                    Encoding::JSON.fill(&mut self.framer, size, &mut self.fanout, session, self.now, ingest);
                let spent = thread_nanos() - begun;
                self.fanout.accepted(&tally);
                let Some(frame) = self.framer.ready() else { break };
                frames.encode_nanos += spent;
                let head_bytes = if frame.bytes[1] < 126 { 2 } else { 4 };
                frames.payloads.push(frame.bytes[head_bytes..].to_vec());
            }
        }
    }
}

fn thread_nanos() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}
