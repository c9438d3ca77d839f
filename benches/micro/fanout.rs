//! The core of a shard, as its turn drives it: a batch is applied, time moves on, and each session that has become
//! ready is filled, frame by frame, by the real encoder. Only the sockets are missing: every frame is taken whole.

use std::{sync::Arc, time::Duration};

use rand::{Rng, seq::index};
use tickcast::{
    fanout::{Accounts, Fanout, Mode, SessionKey, Spec, SubscribeRequest},
    limits,
    tick::{Field, Nanos, Symbol},
    topic::{Batch, BatchQueue, FeedId, Ingest, Interest, Market, Outlet},
    wire::{
        Encoding, FrameSize, Framer,
        encodings::{
            binary::Binary,
            json_deflated::{FULL, JsonDeflated},
        },
    },
};

use crate::{
    inputs::{Kind, START, Ticks, random, symbol},
    work::{Case, Done, Scale, Stock, Work, repeated},
};

pub const CASES: [Case; 19] = [
    Case::new("latest_1000_sessions_on_the_same_10_topics_1_tick_each", |scale| SAME.open(scale)),
    Case::new("latest_1000_sessions_on_the_same_10_topics_5_ticks_each", |scale| {
        Crowd { batch_ticks: 50, ..SAME }.open(scale)
    }),
    Case::new("latest_1000_sessions_on_20_of_500_topics_batches_of_100", |scale| APART.open(scale)),
    Case::new("latest_1000_sessions_on_20_of_500_topics_two_fields", |scale| {
        Crowd { fields: Wanted::BidAndAsk, ..APART }.open(scale)
    }),
    Case::new("latest_1000_sessions_on_20_of_500_topics_interval_100_ms_10_batches", |scale| {
        Crowd { interval_ms: 100, batches: 10, ..APART }.open(scale)
    }),
    Case::new("trades_1000_sessions_on_the_same_10_topics_1_tick_each", |scale| {
        Crowd { mode: Mode::Trades, ..SAME }.open(scale)
    }),
    Case::new("trades_1000_sessions_on_20_of_500_topics_batches_of_100", |scale| {
        Crowd { mode: Mode::Trades, ..APART }.open(scale)
    }),
    Case::new("every_1000_sessions_on_the_same_10_topics_5_ticks_each", |scale| {
        Crowd { mode: Mode::Every, batch_ticks: 50, ..SAME }.open(scale)
    }),
    Case::new("every_1000_sessions_on_20_of_500_topics_batches_of_100", |scale| {
        Crowd { mode: Mode::Every, ..APART }.open(scale)
    }),
    Case::new("every_100_sessions_catch_up_400_ticks_out_of_the_ring", |scale| {
        Crowd { mode: Mode::Every, topics: 1, per_session: 1, sessions: 100, batch_ticks: 400, ..SAME }
            .open(scale)
    }),
    Case::new("latest_1000_sessions_on_the_same_10_topics_5_ticks_each_binary", |scale| {
        Crowd { batch_ticks: 50, written: Written::Binary, ..SAME }.open(scale)
    }),
    Case::new("latest_1000_sessions_on_20_of_500_topics_batches_of_100_binary", |scale| {
        Crowd { written: Written::Binary, ..APART }.open(scale)
    }),
    Case::new("latest_1000_sessions_on_20_of_500_topics_interval_100_ms_10_batches_binary", |scale| {
        Crowd { interval_ms: 100, batches: 10, written: Written::Binary, ..APART }.open(scale)
    }),
    Case::new("every_1000_sessions_on_the_same_10_topics_5_ticks_each_binary", |scale| {
        Crowd { mode: Mode::Every, batch_ticks: 50, written: Written::Binary, ..SAME }.open(scale)
    }),
    Case::new("every_1000_sessions_on_20_of_500_topics_batches_of_100_binary", |scale| {
        Crowd { mode: Mode::Every, written: Written::Binary, ..APART }.open(scale)
    }),
    Case::new("every_1000_sessions_on_the_same_10_topics_5_ticks_each_deflated", |scale| {
        Crowd { mode: Mode::Every, batch_ticks: 50, written: Written::Deflated, ..SAME }.open(scale)
    }),
    Case::new("1000_ticks_of_500_topics_that_nobody_watches", |scale| {
        Crowd { sessions: 0, batch_ticks: 1_000, ..APART }.open(scale)
    }),
    Case::new("1000_ticks_of_500_topics_while_1000_sessions_on_20_do_not_read", |scale| {
        Crowd { reading: Reading::Nobody, batch_ticks: 1_000, ..APART }.open(scale)
    }),
    Case::new("500_sessions_come_take_20_snapshots_and_go", visits),
];

/// Who subscribes to what, and what arrives.
#[derive(Clone, Copy)]
struct Crowd {
    topics: usize,
    sessions: usize,
    /// Subscriptions of each; when there are as many as topics, all sessions have the same.
    per_session: usize,
    mode: Mode,
    interval_ms: u64,
    fields: Wanted,
    reading: Reading,
    written: Written,
    batch_ticks: usize,
    /// Batches of one iteration, [`STEP`] apart.
    batches: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    All,
    BidAndAsk,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Everybody,
    Nobody,
}

/// How the sessions' frames are encoded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Json,
    Binary,
    /// JSON, each frame compressed once.
    Deflated,
}

const SAME: Crowd = Crowd {
    topics: 10,
    sessions: 1_000,
    per_session: 10,
    mode: Mode::Latest,
    interval_ms: 0,
    fields: Wanted::All,
    reading: Reading::Everybody,
    written: Written::Json,
    batch_ticks: 10,
    batches: 1,
};
const APART: Crowd = Crowd { topics: 500, per_session: 20, batch_ticks: 100, ..SAME };

/// From one batch to the next.
const STEP: Duration = Duration::from_millis(10);

/// A shard without sockets, and the market before it.
struct Shard {
    crowd: Crowd,
    ticks: Ticks,
    ingest: Ingest,
    batch_queue: Arc<BatchQueue<Batch>>,
    /// What the shard needs of batches.
    interest: Arc<Interest>,
    /// Time of receipt of the newest batch that was made.
    made_at: Nanos,
    /// Batches of iterations to come.
    stock: Stock<Vec<Arc<Batch>>>,
    now: Nanos,
    core: Core,
    /// Messages of all iterations, those that showed what was there before aside.
    messages: u64,
}

/// What a turn works on.
struct Core {
    fanout: Fanout,
    framer: Framer,
    encoding: Encoding,
}

impl Written {
    fn encoding(self) -> Encoding {
        match self {
            Written::Json => Encoding::JSON,
            Written::Binary => Encoding::of::<Binary>(),
            Written::Deflated => Encoding::of::<JsonDeflated<FULL>>(),
        }
    }
}

impl Crowd {
    fn open(mut self, scale: Scale) -> Box<dyn Work> {
        self.topics = scale.of(self.topics);
        self.sessions = scale.of(self.sessions);
        Box::new(self.shard())
    }

    fn spec(&self) -> Spec {
        let mut spec =
            Spec { mode: self.mode, interval: Duration::from_millis(self.interval_ms), ..Spec::default() };
        if self.fields == Wanted::BidAndAsk {
            spec.view.wanted = Field::Bid.bit().with(Field::Ask).into();
        }
        spec
    }

    /// The symbols of one session, in an order of its own.
    fn choose(&self, random: &mut impl Rng) -> Vec<Symbol> {
        index::sample(random, self.topics, self.per_session).into_iter().map(symbol).collect()
    }

    /// Every topic has ticks, every session its subscriptions and its snapshots.
    fn shard(self) -> Shard {
        let mut shard = Shard::new(self);
        let mut random = random();
        let spec = self.spec();
        for _ in 0..self.sessions {
            let session = shard.core.fanout.open();
            shard.core.subscribe(session, &self.choose(&mut random), &spec, START, &shard.ingest);
        }
        shard.core.serve(shard.now, &shard.ingest);
        shard.interest.publish(shard.core.fanout.wanted_detail());
        shard
    }
}

impl Shard {
    fn new(crowd: Crowd) -> Self {
        let batch_queue = Arc::new(BatchQueue::new(usize::MAX));
        let interest: Arc<Interest> = Arc::default();
        let outlet = Outlet {
            queue: Arc::clone(&batch_queue),
            wake: Box::new(|| {}),
            interest: Arc::clone(&interest),
        };
        let market = Market::new(vec!["bench".to_owned()], crowd.topics, limits::DEFAULT.ring_ticks);
        let fanout = Fanout::new(START, limits::DEFAULT.stale, limits::DEFAULT.subscriptions);
        let mut framer = Framer::new(limits::DEFAULT.frame_bytes);
        framer.deflater.set_bytes_min(limits::DEFAULT.deflate_bytes);
        let mut shard = Shard {
            crowd,
            ticks: Ticks::new(Kind::Mixed, crowd.topics),
            ingest: Ingest::new(market, vec![outlet]),
            batch_queue,
            interest,
            made_at: START,
            stock: Stock::default(),
            now: START,
            core: Core { fanout, framer, encoding: crowd.written.encoding() },
            messages: 0,
        };
        // Several ticks for each topic, so that its record has its fields.
        for batch in shard.make(8 * crowd.topics, 1) {
            shard.core.fanout.apply(&batch, START, &shard.ingest);
        }
        shard
    }

    fn make(&mut self, batch_ticks: usize, batches: usize) -> Vec<Arc<Batch>> {
        let mut made = Vec::new();
        for _ in 0..batches {
            self.made_at = self.made_at.plus(STEP);
            let mut refused = Vec::new();
            self.ingest.submit(FeedId(0), &mut self.ticks.take(batch_ticks), self.made_at, &mut refused);
        }
        assert!(!self.batch_queue.take(&mut made).missed);
        made
    }
}

impl Work for Shard {
    fn prepare(&mut self) {
        drop(self.stock.take_spent());
        let made = self.make(self.crowd.batch_ticks, self.crowd.batches);
        self.stock.put(made);
    }

    fn run(&mut self) -> Done {
        let mut done = Done::default();
        let mut ticks = 0;
        for batch in self.stock.take() {
            self.now = self.now.plus(STEP);
            self.core.fanout.apply(batch, self.now, &self.ingest);
            self.core.fanout.advance(self.now);
            ticks += batch.taken as u64;
            if self.crowd.reading == Reading::Everybody {
                let sent = self.core.serve(self.now, &self.ingest);
                done.items += sent.items;
                done.bytes += sent.bytes;
            }
        }
        self.messages += done.items;
        // Where nothing is sent, the ticks are what was worked on.
        if done.items == 0 { Done { items: ticks, bytes: 0 } } else { done }
    }

    /// The accounts: each message is one tick delivered, and what is not delivered is where the case says.
    fn audit(&mut self) {
        let Accounts { offered, delivered, conflated, filtered, pending, gapped, .. } =
            self.core.fanout.accounts();
        assert_eq!(self.core.fanout.accounts().residual(), 0);
        assert_eq!((delivered, gapped), (self.messages, [0; 3]));
        let is_whole = self.crowd.reading == Reading::Everybody && self.crowd.interval_ms == 0;
        assert!(pending == 0 || !is_whole, "whoever reads is level: {pending} ticks are pending");
        assert!(conflated == 0 || self.crowd.mode != Mode::Every, "mode every conflates nothing");
        assert_eq!(filtered > 0, self.crowd.fields == Wanted::BidAndAsk, "trades have no bid");
        assert_eq!(offered > 0, self.crowd.sessions > 0);
    }
}

impl Core {
    fn subscribe(
        &mut self,
        session: SessionKey,
        symbols: &[Symbol],
        spec: &Spec,
        now: Nanos,
        ingest: &Ingest,
    ) {
        for symbol in symbols {
            let request = SubscribeRequest::new(symbol, spec);
            let subscribed = self.fanout.subscribe(session, &request, now, ingest);
            assert!(subscribed.is_ok(), "the session may have more subscriptions than it asks for");
        }
    }

    /// Fills each session that is ready, until it is level.
    fn serve(&mut self, now: Nanos, ingest: &Ingest) -> Done {
        let mut done = Done::default();
        while let Some(session) = self.fanout.next_ready() {
            loop {
                let (framer, size) = (&mut self.framer, FrameSize::Full);
                let tally = self.encoding.fill(framer, size, &mut self.fanout, session, now, ingest);
                let Some(frame) = divan::black_box(self.framer.ready()) else {
                    break;
                };
                done.items += frame.rx.len() as u64;
                done.bytes += frame.bytes.len() as u64;
                self.fanout.accepted(&tally);
                if self.fanout.is_drained(session) {
                    break;
                }
            }
        }
        done
    }
}

/// Sessions that come, take what is there, and go before anything else happens.
fn visits(scale: Scale) -> Box<dyn Work> {
    let crowd = Crowd { sessions: 0, topics: scale.of(APART.topics), ..APART };
    let Shard { mut core, ingest, now, .. } = crowd.shard();
    let mut random = random();
    let chosen: Vec<Vec<Symbol>> = (0..scale.of(500)).map(|_| crowd.choose(&mut random)).collect();
    repeated(move || {
        let mut done = Done::default();
        for symbols in &chosen {
            let session = core.fanout.open();
            core.subscribe(session, symbols, &Spec::default(), now, &ingest);
            let sent = core.serve(now, &ingest);
            done.items += sent.items;
            done.bytes += sent.bytes;
            core.fanout.close(session);
        }
        assert_eq!(done.items, (crowd.per_session * chosen.len()) as u64, "each subscription has a snapshot");
        done
    })
}
