//! How long a shard's thread is held at one go by what comes in crowds, or from clients that do harm: the longest slice of
//! each kind, in processor time, so that a busy machine does not count.
//!
//! `cargo bench --bench slices` has 100,000 topics and 50 sessions with as many subscriptions as a session may have; as a
//! test it is small, and checks that all is done.

use std::{sync::Arc, time::Duration};

use tickcast::{
    fanout::{Fanout, Mode, SessionKey, Spec, SubscribeRequest, Units},
    limits,
    tick::{Decimal, Field, Fields, Nanos, Symbol, Tick},
    topic::{Batch, BatchQueue, FeedId, Ingest, Interest, Market, Outlet},
    wire::{FrameSize, Framer, command::CommandReader, encodings::json::Json},
};

/// What a turn of a shard has for each of these.
const SLICE_UNITS: u32 = 16 * 1024;
const START: Nanos = Nanos(1_750_000_000_000_000_000);
const FEED: FeedId = FeedId(0);
const ROUNDS: usize = 20;

#[derive(Clone, Copy)]
struct Scale {
    topics: usize,
    sessions: usize,
    subscriptions: usize,
}

/// A market, and a shard without sockets.
struct Shard {
    scale: Scale,
    ingest: Ingest,
    batch_queue: Arc<BatchQueue<Batch>>,
    interest: Arc<Interest>,
    fanout: Fanout,
    framer: Framer,
    sessions: Vec<SessionKey>,
    now: Nanos,
}

/// The goes that one kind of work took.
#[derive(Default)]
struct Goes {
    nanos: Vec<u64>,
}

fn main() {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let scale = if is_bench {
        Scale { topics: 100_000, sessions: 50, subscriptions: limits::DEFAULT.subscriptions }
    } else {
        Scale { topics: 300, sessions: 4, subscriptions: 40 }
    };
    read_commands();
    catch_up(scale);
    go_stale(scale);
    end_intervals(scale);
    fill_lanes(scale);
    let mut shard = Shard::new(scale, &Spec::default());
    let mut goes = Goes::default();
    for _ in 0..ROUNDS {
        shard.tick();
        shard.apply();
        let behind = goes.time(|| shard.fanout.all_behind());
        assert_eq!(behind.dirty, scale.sessions * scale.subscriptions);
    }
    goes.tell("metrics: how far all subscriptions are behind");
    let mut goes = Goes::default();
    let mut from = Some(0);
    while let Some(place) = from {
        from = goes.time(|| shard.fanout.shrink_from(place, &mut Units::new(SLICE_UNITS)));
    }
    goes.tell("memory: room of sessions that have gone");
    let mut goes = Goes::default();
    shard.ingest.close(FEED);
    for batch in shard.taken() {
        goes.time(|| shard.fanout.apply(&batch, shard.now, &shard.ingest));
    }
    assert_eq!(shard.fanout.take_notices().len(), scale.sessions * scale.subscriptions);
    goes.tell("a feed ends: a batch of topics that are closed");
}

fn read_commands() {
    let names = |count: usize| (0..count).map(|name| format!("\"N{name:05}\"")).collect::<Vec<_>>().join(",");
    let last = (0..3_500).map(|name| format!("\"N{name:05}\":1")).collect::<Vec<_>>().join(",");
    let kinds = [
        ("3,900 names", format!("{{\"op\":\"subscribe\",\"symbols\":[{}]}}", names(3_900))),
        (
            "a resume of 3,500",
            format!(
                "{{\"op\":\"subscribe\",\"symbols\":[\"A\"],\"resume\":{{\"epoch\":\"e\",\"last\":{{{last}}}}}}}"
            ),
        ),
        ("32,000 zeros", format!("{{\"op\":\"subscribe\",\"symbols\":[{}0]}}", "0,".repeat(32_000))),
        ("21,000 arrays", format!("{{\"op\":\"subscribe\",\"symbols\":[{}[]]}}", "[],".repeat(21_000))),
        ("16,000 objects", format!("{{\"op\":\"subscribe\",\"x\":[{}0]}}", "{\"\":0},".repeat(8_000))),
        (
            "an object of 8,000",
            format!(
                "{{{},\"op\":\"list\"}}",
                (0..6_500).map(|number| format!("\"{number:04}\":0")).collect::<Vec<_>>().join(",")
            ),
        ),
        ("digits", format!("{{\"op\":\"ping\",\"id\":{}}}", "9".repeat(60_000))),
        ("escapes", format!("{{\"op\":\"subscribe\",\"symbols\":[\"{}\"]}}", "\\u0041".repeat(10_000))),
        (
            "wide numbers",
            format!("{{\"op\":\"subscribe\",\"symbols\":[{}0]}}", "99999999999999999999,".repeat(2_900)),
        ),
    ];
    let mut reader = CommandReader::default();
    for (what, text) in kinds {
        assert!(text.len() <= limits::DEFAULT.message_bytes, "{what}: {}", text.len());
        let mut goes = Goes::default();
        for _ in 0..ROUNDS {
            let mut bytes = text.clone().into_bytes();
            let read = goes.time(|| reader.read(&mut bytes, &limits::DEFAULT).map(drop));
            drop(read);
        }
        goes.tell(&format!("a message of 64 KiB is read: {what}"));
    }
}

fn catch_up(scale: Scale) {
    let mut goes = Goes::default();
    let mut shard = Shard::new(scale, &Spec::default());
    for _ in 0..3 {
        shard.tick();
        drop(shard.taken());
        shard.fanout.begin_resync();
        while !goes.time(|| shard.fanout.resync_some(shard.now, &shard.ingest, &mut Units::new(SLICE_UNITS)))
        {
        }
    }
    goes.tell("batches were lost: topics are caught up with");
}

fn go_stale(scale: Scale) {
    let mut shard = Shard::new(scale, &Spec::default());
    let now = shard.now.plus(Duration::from_secs(60));
    let mut goes = Goes::default();
    let mut from = Some(0);
    while let Some(place) = from {
        from = goes.time(|| shard.fanout.find_stale_from(place, now, &mut Units::new(SLICE_UNITS)));
    }
    assert_eq!(shard.fanout.take_notices().len(), scale.sessions * scale.subscriptions);
    goes.tell("all topics have become stale: they are found");
}

fn end_intervals(scale: Scale) {
    let spec = Spec { interval: Duration::from_secs(1), ..Spec::default() };
    let mut shard = Shard::new(scale, &spec);
    let mut goes = Goes::default();
    for _ in 0..3 {
        shard.tick();
        shard.apply();
        shard.now = shard.now.plus(Duration::from_secs(2));
        while !goes.time(|| shard.fanout.advance_some(shard.now, &mut Units::new(SLICE_UNITS))) {}
        shard.serve(&mut Goes::default());
    }
    goes.tell("all intervals are over: subscriptions become ready");
}

fn fill_lanes(scale: Scale) {
    let mut shard = Shard::new(scale, &Spec { mode: Mode::Every, ..Spec::default() });
    let mut goes = Goes::default();
    for _ in 0..3 {
        shard.tick();
    }
    shard.apply();
    shard.serve(&mut goes);
    goes.tell("mode every, all behind: one frame is filled");
}

impl Shard {
    fn new(scale: Scale, spec: &Spec) -> Self {
        let batch_queue = Arc::new(BatchQueue::new(usize::MAX));
        let interest: Arc<Interest> = Arc::default();
        let outlet = Outlet {
            queue: Arc::clone(&batch_queue),
            wake: Box::new(|| {}),
            interest: Arc::clone(&interest),
        };
        let market = Market::new(vec!["bench".to_owned()], scale.topics, limits::DEFAULT.ring_ticks);
        let mut shard = Shard {
            scale,
            ingest: Ingest::new(market, vec![outlet]),
            batch_queue,
            interest,
            fanout: Fanout::new(START, limits::DEFAULT.stale, limits::DEFAULT.subscriptions),
            framer: Framer::new(limits::DEFAULT.frame_bytes),
            sessions: Vec::new(),
            now: START,
        };
        shard.tick();
        shard.apply();
        for number in 0..scale.sessions {
            let session = shard.fanout.open();
            for at in 0..scale.subscriptions {
                let symbol = symbol((number * scale.subscriptions + at) % scale.topics);
                let request = SubscribeRequest::new(&symbol, spec);
                let done = shard.fanout.subscribe(session, &request, shard.now, &shard.ingest);
                assert!(done.is_ok());
            }
            shard.sessions.push(session);
        }
        shard.interest.publish(shard.fanout.wanted_detail());
        shard.serve(&mut Goes::default());
        shard
    }

    /// One of each topic.
    fn tick(&mut self) {
        self.now = self.now.plus(Duration::from_millis(10));
        let tick = |number| {
            let mut fields = Fields::default();
            fields.set_decimal(Field::Bid, Decimal::from_units(1_000_000_000));
            Tick { symbol: symbol(number), ts: Some(self.now), fields }
        };
        let mut ticks: Vec<Tick> = (0..self.scale.topics).map(tick).collect();
        let taken = self.ingest.submit(FEED, &mut ticks, self.now, &mut Vec::new());
        assert_eq!(taken, self.scale.topics);
    }

    fn taken(&self) -> Vec<Arc<Batch>> {
        let mut batches = Vec::new();
        assert!(!self.batch_queue.take(&mut batches).missed);
        batches
    }

    fn apply(&mut self) {
        for batch in self.taken() {
            self.fanout.apply(&batch, self.now, &self.ingest);
        }
    }

    /// Fills every session that is ready until all are caught up.
    fn serve(&mut self, goes: &mut Goes) {
        while let Some(session) = self.fanout.next_ready() {
            while !self.fanout.is_drained(session) {
                let mut writer = self.framer.begin::<Json>(FrameSize::Full);
                let tally = goes.time(|| self.fanout.fill(session, self.now, &self.ingest, &mut writer));
                if writer.finish().is_none() {
                    break;
                }
                self.fanout.accepted(&tally);
            }
        }
    }
}

fn symbol(number: usize) -> Symbol {
    Symbol::new(&format!("S{number:06}")).expect("letters and digits")
}

impl Goes {
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let begun = thread_nanos();
        let done = work();
        self.nanos.push(thread_nanos() - begun);
        done
    }

    fn tell(mut self, what: &str) {
        self.nanos.sort_unstable();
        let at = |place: usize| self.nanos[place] as f64 / 1e6;
        let count = self.nanos.len();
        println!(
            "{what:60} {count:6} goes, median {:7.3} ms, longest {:7.3} ms",
            at(count / 2),
            at(count - 1)
        );
    }
}

fn thread_nanos() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}
