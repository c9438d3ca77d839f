//! Records and ticks to frames: what is encoded for the first session, and what the next ones copy.

use std::marker::PhantomData;

use tickcast::{
    access::ProductId,
    fanout::{Emit, LocalId, TopicRef, View},
    limits,
    tick::{Field, Symbol, WantedFields},
    topic::{Record, Stamped, TopicId},
    wire::{
        FrameSize, FrameWriter, Framer,
        encodings::{
            binary::Binary,
            encoder::Encoder,
            json::Json,
            json_deflated::{FULL, JsonDeflated},
        },
    },
};

use crate::{
    inputs::{Kind, START, Ticks, symbol},
    work::{Case, Done, Scale, Work, repeated},
};

pub const CASES: [Case; 22] = [
    Case::new("1000_records_for_the_first_session", |scale| each::<Json>(scale, Again::No, records)),
    Case::new("1000_records_for_the_next_session", |scale| each::<Json>(scale, Again::Yes, records)),
    Case::new("1000_changed_quotes_for_the_first_session", |scale| each::<Json>(scale, Again::No, changes)),
    Case::new("1000_changed_quotes_for_the_next_session", |scale| each::<Json>(scale, Again::Yes, changes)),
    Case::new("1000_ticks_for_the_first_session", |scale| each::<Json>(scale, Again::No, ticks)),
    Case::new("1000_ticks_for_the_next_session", |scale| each::<Json>(scale, Again::Yes, ticks)),
    Case::new("1000_ticks_in_runs_of_10_for_the_first_session", |scale| runs::<Json>(scale, Again::No)),
    Case::new("1000_ticks_in_runs_of_10_for_the_next_session", |scale| runs::<Json>(scale, Again::Yes)),
    Case::new("1000_records_with_2_fields", |scale| each::<Json>(scale, Again::Yes, two_fields)),
    Case::new("1000_frames_of_one_tick", |scale| frames::<Json>(scale, 1)),
    Case::new("50_frames_of_20_ticks", |scale| frames::<Json>(scale, 20)),
    Case::new("50_frames_of_20_ticks_deflated", |scale| frames::<JsonDeflated<FULL>>(scale, 20)),
    Case::new("1000_records_for_the_first_session_binary", |scale| each::<Binary>(scale, Again::No, records)),
    Case::new("1000_records_for_the_next_session_binary", |scale| each::<Binary>(scale, Again::Yes, records)),
    Case::new("1000_changed_quotes_for_the_first_session_binary", |scale| {
        each::<Binary>(scale, Again::No, changes)
    }),
    Case::new("1000_changed_quotes_for_the_next_session_binary", |scale| {
        each::<Binary>(scale, Again::Yes, changes)
    }),
    Case::new("1000_ticks_for_the_first_session_binary", |scale| each::<Binary>(scale, Again::No, ticks)),
    Case::new("1000_ticks_for_the_next_session_binary", |scale| each::<Binary>(scale, Again::Yes, ticks)),
    Case::new("1000_ticks_in_runs_of_10_for_the_first_session_binary", |scale| {
        runs::<Binary>(scale, Again::No)
    }),
    Case::new("1000_ticks_in_runs_of_10_for_the_next_session_binary", |scale| {
        runs::<Binary>(scale, Again::Yes)
    }),
    Case::new("1000_records_with_2_fields_binary", |scale| each::<Binary>(scale, Again::Yes, two_fields)),
    Case::new("1000_frames_of_one_tick_binary", |scale| frames::<Binary>(scale, 1)),
];

/// Whether a session before this one had the same messages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Yes,
    No,
}

/// A topic with its record, and its last tick.
struct Topic {
    local: LocalId,
    symbol: Symbol,
    record: Record,
    tick: Stamped,
}

impl Topic {
    fn as_ref(&self) -> TopicRef<'_> {
        let Topic { local, symbol, record, tick } = self;
        TopicRef {
            local: *local,
            number: tick.topic,
            symbol,
            product: ProductId::REST,
            record,
            is_first: false,
            delay_ms: None,
        }
    }
}

/// Frames that follow one another, each filled as far as it goes.
struct Pages<E: Encoder> {
    framer: Framer,
    done: Done,
    encoder: PhantomData<E>,
}

impl<E: Encoder> Pages<E> {
    fn new() -> Self {
        let mut framer = Framer::new(limits::DEFAULT.frame_bytes);
        framer.deflater.set_bytes_min(limits::DEFAULT.deflate_bytes);
        framer.begin::<E>(FrameSize::Full);
        Pages { framer, done: Done::default(), encoder: PhantomData }
    }

    /// The frame at hand, or the next one when it is full.
    fn page(&mut self) -> FrameWriter<'_, E> {
        if !self.framer.writer::<E>().has_room() {
            self.turn();
        }
        self.framer.writer()
    }

    /// Ends the frame.
    fn turn(&mut self) {
        if let Some(frame) = divan::black_box(self.framer.writer::<E>().finish()) {
            self.done.items += frame.rx.len() as u64;
            self.done.bytes += frame.bytes.len() as u64;
        }
        self.framer.begin::<E>(FrameSize::Full);
    }

    /// Ends the last frame; what all of them held.
    fn end(&mut self) -> Done {
        self.turn();
        std::mem::take(&mut self.done)
    }
}

fn topics(count: usize) -> Vec<Topic> {
    let trades = Ticks::new(Kind::Trades, count).take(count);
    let quotes = Ticks::new(Kind::Quotes, count).take(count);
    let topic = |((trade, quote), at): ((&tickcast::tick::Tick, &tickcast::tick::Tick), usize)| {
        let mut record = Record { ts: START, rx: START, ..Record::default() };
        record.take(&trade.fields).expect("a volume that is not full");
        record.take(&quote.fields).expect("a volume that is not full");
        let (local, topic) = (LocalId(at as u32), TopicId(at as u32));
        let tick = Stamped { topic, seq: 1, order: 1, ts: START, rx: START, fields: quote.fields.clone() };
        Topic { local, symbol: symbol(at), record, tick }
    };
    trades.iter().zip(&quotes).zip(0..).map(topic).collect()
}

fn records<E: Encoder>(mut writer: FrameWriter<'_, E>, topic: &Topic) {
    writer.merged(&topic.as_ref(), 2, WantedFields::ALL, &View::WHOLE);
}

fn changes<E: Encoder>(mut writer: FrameWriter<'_, E>, topic: &Topic) {
    writer.merged(&topic.as_ref(), 1, WantedFields::NONE, &View::WHOLE);
}

fn two_fields<E: Encoder>(mut writer: FrameWriter<'_, E>, topic: &Topic) {
    let some = View { wanted: Field::Bid.bit().with(Field::Ask).into(), ..View::WHOLE };
    writer.merged(&topic.as_ref(), 2, WantedFields::ALL, &some);
}

fn ticks<E: Encoder>(mut writer: FrameWriter<'_, E>, topic: &Topic) {
    writer.last_tick(&topic.as_ref(), &View::WHOLE);
}

/// One message of each topic, as `emit` writes it.
fn each<E: Encoder>(scale: Scale, again: Again, emit: fn(FrameWriter<'_, E>, &Topic)) -> Box<dyn Work> {
    let mut topics = topics(scale.of(1_000));
    let mut pages = Pages::<E>::new();
    repeated(move || {
        for topic in &mut topics {
            if again == Again::No {
                topic.record.seq += 1;
                topic.record.note(topic.record.changed);
                topic.tick.seq += 1;
            }
            emit(pages.page(), topic);
        }
        let done = pages.end();
        assert_eq!(done.items, topics.len() as u64);
        done
    })
}

fn runs<E: Encoder>(scale: Scale, again: Again) -> Box<dyn Work> {
    let topics = topics(scale.of(100));
    let mut runs: Vec<[Stamped; 10]> =
        topics.iter().map(|topic| std::array::from_fn(|_| topic.tick.clone())).collect();
    for (tick, at) in runs.iter_mut().flat_map(|run| run.iter_mut().zip(0..)) {
        tick.seq += at;
    }
    let mut pages = Pages::<E>::new();
    repeated(move || {
        for (topic, run) in topics.iter().zip(&mut runs) {
            if again == Again::No {
                for tick in run.iter_mut() {
                    tick.seq += 10;
                }
            }
            let mut left = &run[..];
            while !left.is_empty() {
                let sent = pages.page().run(&topic.as_ref(), left, &View::WHOLE);
                left = &left[sent..];
            }
        }
        let done = pages.end();
        assert_eq!(done.items, 10 * topics.len() as u64);
        done
    })
}

/// What a frame costs beside its messages.
fn frames<E: Encoder>(scale: Scale, each: usize) -> Box<dyn Work> {
    let topics = topics(scale.of(1_000));
    let mut pages = Pages::<E>::new();
    repeated(move || {
        for frame in topics.chunks(each) {
            for topic in frame {
                ticks(pages.page(), topic);
            }
            pages.turn();
        }
        let done = pages.end();
        assert_eq!(done.items, topics.len() as u64);
        done
    })
}
