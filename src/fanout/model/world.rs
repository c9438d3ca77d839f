//! [`World`]: a real market and fan-out, and beside them the naive model; every operation is applied to both.

use std::{
    cell::Cell,
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{
    law::{Broken, Coverage, Held, ensure},
    ledger::Ledger,
    message::Kept,
    naive::Past,
    ops::{GLOBS, Mix, Op, Run, SESSIONS_MAX, STALE, SUBSCRIPTIONS_MAX, SYMBOLS, Slot},
    sabotage::Sabotage,
};
use crate::{
    fanout::{Fanout, FrameTally, Glob, Notice, SessionKey, Spec, shard::Bounds},
    tick::{Nanos, State, Symbol},
    topic::{Batch, Image, Market, NewTopic, Stamped, Store, TopicId},
};

pub struct World {
    pub store: ModelStore,
    pub fanout: Fanout,
    pub now: Nanos,
    pub ring_ticks: usize,
    /// Between the market and the shard.
    pub batches: VecDeque<Batch>,
    pub missed: bool,
    pub past: [Past; SYMBOLS.len()],
    pub views: [View; SYMBOLS.len()],
    /// Symbols in the order in which they were listed, and how many of them the shard knows.
    pub new_topics: Vec<usize>,
    pub listed: usize,
    pub feed_ended: [bool; 2],
    pub clients: [Option<ModelClient>; SESSIONS_MAX],
    /// Subscriptions that have ended.
    pub ended: Vec<Ledger>,
    /// Whether each frame was accepted; `None` while it is in flight.
    pub frames: Vec<Option<bool>>,
    pub flights: Vec<Flight>,
    /// Frames that may be repeated.
    pub kept_frames: Kept,
    /// Counts batches and commands.
    pub stamp: u64,
    pub expected_notices: Vec<Notice>,
    pub coverage: Coverage,
    /// Everything that the fan-out returned, in order.
    pub transcript: Option<Vec<String>>,
    /// Only the messages, in short form.
    pub sent: Vec<String>,
    pub keeps_sent: bool,
    pub sabotage: Sabotage,
}

/// The market as the shard reads it.
pub struct ModelStore {
    pub market: Market,
    /// How many calls found history.
    pub reads: Cell<u64>,
}

/// What the shard must know of a symbol.
#[derive(Clone, Copy, Default)]
pub struct View {
    pub watched: bool,
    pub head: u64,
    pub state: State,
    /// The market says that its feed has ended.
    pub closed: bool,
}

pub struct ModelClient {
    pub key: SessionKey,
    pub ledgers: BTreeMap<Slot, Ledger>,
    /// For each interval, when a subscription with it last caught up.
    pub groups: BTreeMap<Duration, Nanos>,
    /// Oldest first.
    pub globs: Vec<(usize, Spec)>,
    /// It was returned as having something to send.
    pub named: bool,
    /// All pending ticks of its subscriptions in mode `every` are among the recent ones.
    pub in_order: Cell<bool>,
    /// The order of the last of these ticks, and the subscription that was sent it.
    pub last_order: (u64, Option<Slot>),
    /// Subscriptions that waited during the last turn of the every-mode queue, and since when they were due.
    pub overtaken: Vec<(Slot, Option<u64>)>,
}

impl ModelClient {
    /// Its subscriptions to a symbol.
    pub fn of(&self, which: usize) -> impl Iterator<Item = &Ledger> {
        self.ledgers.iter().filter(move |(slot, _)| slot.which == which).map(|(_, ledger)| ledger)
    }

    pub fn has(&self, which: usize) -> bool {
        self.of(which).next().is_some()
    }

    /// Notes that a subscription with this interval caught up: others with it wait for the same end.
    pub fn keep_time(&mut self, interval: Duration, now: Nanos) {
        self.groups.insert(interval, now);
        for ledger in self.ledgers.values_mut().filter(|ledger| ledger.spec.interval == interval) {
            ledger.group = Some(now);
        }
    }
}

/// A frame in flight.
pub struct Flight {
    pub frame: usize,
    pub client: usize,
    pub tally: FrameTally,
}

pub fn symbol(which: usize) -> Symbol {
    Symbol::new(SYMBOLS[which]).expect("a valid symbol")
}

pub fn glob(which: usize) -> Glob {
    Glob::new(GLOBS[which]).expect("a valid glob")
}

/// Runs all operations, then lets the feed fall quiet; stops at the first broken law.
pub fn run(run: &Run, sabotage: Sabotage) -> Result<Coverage, Broken> {
    let mut world = World::new(run, sabotage);
    play(&mut world, run)?;
    Ok(world.coverage)
}

/// As [`run`]; returns all that the fan-out returned, as text.
pub fn transcript(run: &Run) -> Result<Vec<String>, Broken> {
    let mut world = World::new(run, Sabotage::None);
    world.transcript = Some(Vec::new());
    play(&mut world, run)?;
    Ok(world.transcript.unwrap_or_default())
}

/// As [`run`]; returns the messages that were sent before the feed fell quiet, in short.
pub fn sent(run: &Run) -> Result<Vec<String>, Broken> {
    let mut world = World::new(run, Sabotage::None);
    world.keeps_sent = true;
    play(&mut world, run)?;
    Ok(world.sent)
}

fn play(world: &mut World, run: &Run) -> Held {
    world.act(&Op::Open)?;
    world.act(&Op::Open)?;
    for (step, op) in run.ops.iter().enumerate() {
        let done = world.step(op);
        done.map_err(|broken| Broken { what: format!("step {step} {op:?}: {}", broken.what), ..broken })?;
    }
    world.keeps_sent = false;
    world.fall_quiet().map_err(|broken| Broken { what: format!("at last: {}", broken.what), ..broken })
}

impl World {
    pub fn new(run: &Run, sabotage: Sabotage) -> Self {
        let now = Nanos(1_000_000_007);
        let market = Market::new(vec!["even".into(), "odd".into()], SYMBOLS.len(), run.ring_ticks);
        let mut fanout = Fanout::new(now, STALE, SUBSCRIPTIONS_MAX);
        fanout.bounds = Bounds {
            recent_ticks: run.recent_ticks,
            history_ticks: run.history_ticks,
            tape_events_at_once: run.tape_events_at_once,
        };
        World {
            store: ModelStore { market, reads: Cell::new(0) },
            fanout,
            now,
            ring_ticks: run.ring_ticks,
            batches: VecDeque::new(),
            missed: false,
            past: Default::default(),
            views: Default::default(),
            new_topics: Vec::new(),
            listed: 0,
            feed_ended: [false; 2],
            clients: Default::default(),
            ended: Vec::new(),
            frames: Vec::new(),
            flights: Vec::new(),
            kept_frames: Default::default(),
            stamp: 0,
            expected_notices: Vec::new(),
            coverage: Coverage::default(),
            transcript: None,
            sent: Vec::new(),
            keeps_sent: false,
            sabotage,
        }
    }

    fn step(&mut self, op: &Op) -> Held {
        self.stamp += 1;
        self.act(op)?;
        self.sabotage.spoil(&mut self.fanout);
        self.check()
    }

    fn act(&mut self, op: &Op) -> Held {
        match *op {
            Op::Ingest(ref ticks, detail) => self.ingest(ticks, detail),
            Op::Apply(most) => self.apply(most),
            Op::Advance(nanos) => {
                self.now.0 += nanos.cast_signed();
                self.advance()
            }
            Op::Wake => {
                self.now = self.fanout.next_due().unwrap_or(self.now).max(self.now);
                self.advance()
            }
            Op::Subscribe(client, which, ref spec, claim) => self.subscribe(client, which, spec, claim),
            Op::Glob(client, pattern, ref spec) => self.subscribe_glob(client, pattern, spec),
            Op::Set(client, slot, ref change) => self.set(client, slot, change),
            Op::SetGlob(client, pattern, name, ref change) => self.set_glob(client, pattern, name, change),
            Op::Unsubscribe(client, slot) => self.unsubscribe(client, slot),
            Op::RemoveGlob(client, pattern, name) => self.remove_glob(client, pattern, name),
            Op::Fill(client, room) => self.fill(client, room),
            Op::SubscribeAll(which, ref spec) => {
                (0..SESSIONS_MAX).try_for_each(|client| self.subscribe(client, which, spec, None))
            }
            Op::FillAll(room) => (0..SESSIONS_MAX).try_for_each(|client| self.fill(client, room)),
            Op::MakeReady(client) => self.make_ready(client),
            _ => {
                self.act_without_answer(op);
                Ok(())
            }
        }
    }

    /// Operations whose effect shows only in the checks.
    fn act_without_answer(&mut self, op: &Op) {
        match *op {
            Op::Lose => {
                self.missed |= !self.batches.is_empty();
                self.batches.clear();
            }
            Op::Pass(nanos) => self.now.0 += nanos.cast_signed(),
            Op::Open => self.open(),
            Op::Close(client) => self.close(client),
            Op::Accept(at) => self.accept(at),
            Op::Abandon(at) => self.abandon(at),
            Op::FindStale => self.find_stale(),
            Op::FeedEnds(feed) => self.feed_ends(feed),
            Op::Shrink(client) => self.shrink(client),
            Op::FlushIntervals(client) => self.flush_intervals(client),
            Op::Clear(client) => self.clear(client),
            _ => unreachable!("{op:?} has an answer"),
        }
    }

    pub fn record_line(&mut self, line: impl FnOnce() -> String) {
        if let Some(transcript) = &mut self.transcript {
            transcript.push(line());
        }
    }

    /// The feed falls quiet, the shard catches up, time passes, and every socket accepts everything.
    fn fall_quiet(&mut self) -> Held {
        self.apply(usize::MAX)?;
        self.check()?;
        for round in 0.. {
            while !self.flights.is_empty() {
                self.accept(0);
            }
            self.now.0 += 3_000_000_000;
            self.advance()?;
            self.check()?;
            let named: Vec<usize> = (0..SESSIONS_MAX)
                .filter(|&client| self.clients[client].as_ref().is_some_and(|p| p.named))
                .collect();
            if named.is_empty() && self.flights.is_empty() {
                break;
            }
            ensure!(round < 1_000, Progress, "sessions {named:?} are never drained");
            for client in named {
                self.fill(client, 1 + round % 7)?;
                self.check()?;
            }
        }
        self.check_quiet()?;
        for client in 0..SESSIONS_MAX {
            self.close(client);
        }
        self.check()?;
        self.check_empty()
    }
}

impl Store for ModelStore {
    fn image(&self, topic: TopicId) -> Image {
        self.market.image(topic)
    }

    fn history(&self, topic: TopicId, from: u64, to: u64, max: usize, out: &mut Vec<Stamped>) -> u64 {
        let before = out.len();
        let oldest = self.market.history(topic, from, to, max, out);
        self.reads.set(self.reads.get() + u64::from(out.len() > before));
        oldest
    }

    fn ring(&self, topic: TopicId, to: u64, out: &mut Vec<Stamped>) {
        let before = out.len();
        self.market.ring(topic, to, out);
        self.reads.set(self.reads.get() + u64::from(out.len() > before));
    }

    fn new_topics(&self, from: TopicId, max: usize) -> Vec<NewTopic> {
        self.market.new_topics(from, max)
    }
}

/// A mix for each of a few numbers.
pub const MIXES: [Mix; 8] = [
    Mix::Everything,
    Mix::Slow,
    Mix::Intervals,
    Mix::Lossy,
    Mix::Commands,
    Mix::Returns,
    Mix::SameFrames,
    Mix::Trades,
];
