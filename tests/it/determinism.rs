//! Law 9: the same recording and the same seed give the same frames, byte for byte.
//!
//! The bundled recording goes through market, fan-out and framer with a clock that the test drives; threads and sockets,
//! which are free to cut batches elsewhere, are left out.

use std::time::Duration;

use tickcast::{
    fanout::{Fanout, Mode, Spec, SubscribeRequest, View},
    feed::{Opened, RefusedTick, RejectReason, Sink, Source},
    limits::Limits,
    shutdown::Stop,
    tick::{CustomFields, Field, Nanos, Symbol, Tick, WantedFields},
    topic::{Batch, Detail, FeedId, Image, Market, NewTopic, Stamped, Store, TopicId},
    wire::{
        FrameSize, Framer, ReadyFrame,
        encodings::{binary::Binary, encoder::Encoder, json::Json},
    },
};

/// Keeps every tick.
#[derive(Default)]
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

struct Shared<'a>(&'a Market);

impl Store for Shared<'_> {
    fn image(&self, topic: TopicId) -> Image {
        self.0.image(topic)
    }

    fn history(&self, topic: TopicId, from: u64, to: u64, max: usize, out: &mut Vec<Stamped>) -> u64 {
        self.0.history(topic, from, to, max, out)
    }

    fn ring(&self, topic: TopicId, to: u64, out: &mut Vec<Stamped>) {
        self.0.ring(topic, to, out);
    }

    fn new_topics(&self, from: TopicId, max: usize) -> Vec<NewTopic> {
        self.0.new_topics(from, max)
    }
}

fn ticks_of(source: &str) -> Vec<Tick> {
    let source = Source::parse(source).unwrap();
    let Ok(Opened::Feed(feed)) = source.open(&Limits::default(), &CustomFields::none()) else {
        panic!("{source} is not a feed")
    };
    let mut kept = Kept::default();
    feed.run(&mut kept, &Stop::default()).unwrap();
    kept.0
}

/// Everything that three sessions are sent: all of it, the newest of it now and then, some of it.
fn transcript<E: Encoder>(source: &str) -> Vec<u8> {
    let ticks = ticks_of(source);
    let limits = Limits::default();
    let mut market = Market::new(vec!["replay".to_owned()], limits.topics, limits.ring_ticks);
    let mut now = Nanos(1_000_000_000);
    let mut fanout = Fanout::new(now, limits.stale, limits.subscriptions);
    let mut framer = Framer::new(limits.frame_bytes);
    let symbols: std::collections::BTreeSet<Symbol> = ticks.iter().map(|tick| tick.symbol.clone()).collect();
    let specs = [
        Spec { mode: Mode::Every, ..Spec::default() },
        Spec { interval: Duration::from_millis(100), ..Spec::default() },
        Spec {
            view: View { wanted: Field::Last.bit().union(Field::Volume.bit()).into(), ..View::WHOLE },
            ..Spec::default()
        },
    ];
    assert_ne!(specs[2].view.wanted, WantedFields::ALL);
    for spec in &specs {
        let session = fanout.open();
        for symbol in &symbols {
            let request = SubscribeRequest::new(symbol, spec);
            fanout.subscribe(session, &request, now, &Shared(&market)).unwrap();
        }
    }
    let mut sent = Vec::new();
    for part in ticks.chunks(61) {
        now = now.plus(Duration::from_millis(7));
        let batch: Batch = market.ingest(FeedId(0), &mut part.to_vec(), now, &mut Vec::new(), Detail::Ticks);
        fanout.apply(&batch, now, &Shared(&market));
        fanout.advance(now);
        while let Some(session) = fanout.next_ready() {
            loop {
                let mut writer = framer.begin::<E>(FrameSize::Full);
                let tally = fanout.fill(session, now, &Shared(&market), &mut writer);
                fanout.accepted(&tally);
                let Some(ReadyFrame { bytes, .. }) = writer.finish() else { break };
                sent.extend_from_slice(bytes);
            }
        }
    }
    assert_eq!(fanout.accounts().residual(), 0);
    sent
}

/// Whether the bytes of this encoding are decided by the source, and at least so many.
fn check_recording<E: Encoder>(bytes_min: usize) {
    let once = transcript::<E>("replay:bundled?speed=max");
    assert!(once.len() > bytes_min, "{} bytes are not the whole recording", once.len());
    assert!(once == transcript::<E>("replay:bundled?speed=max"), "the frames differ");
}

fn check_seed<E: Encoder>() {
    let source = |seed: u32| format!("sim?symbols=20&rate=5000&speed=max&count=5000&start=1&seed={seed}");
    let once = transcript::<E>(&source(7));
    assert!(once == transcript::<E>(&source(7)), "the frames differ");
    assert!(once != transcript::<E>(&source(8)), "the seed says nothing");
}

#[test]
fn the_same_recording_gives_the_same_frames() {
    check_recording::<Json>(5_000_000);
    check_recording::<Binary>(500_000);
}

#[test]
fn the_same_seed_gives_the_same_frames() {
    check_seed::<Json>();
    check_seed::<Binary>();
}
