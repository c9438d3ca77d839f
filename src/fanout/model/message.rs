//! The receiving end of a frame: its messages as values.

use std::fmt;

use super::naive::{only, set_in};
use crate::{
    fanout::{Emit, FRAMES_KEPT, GapReason, Name, TopicRef, View},
    tick::{Fields, Nanos, Numbers, Symbol, TradeReport, WantedFields},
    topic::{Record, Stamped, TopicId},
};

/// One message, as its client reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    pub symbol: Symbol,
    pub name: Option<Name>,
    pub numbers: Numbers,
    /// The symbol's number, and whether the message introduces it.
    pub number: TopicId,
    pub introduces: bool,
    pub what: What,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    Snapshot(Shown),
    /// An update with the changes of several ticks, or the whole record.
    Merged(Shown, u64),
    /// An update with one tick.
    Tick(Shown, u64),
    /// An update with the record at a tape event.
    TapeEvent(Shown, u64),
    Gap(u64, u64, GapReason),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    pub seq: u64,
    pub ts: Nanos,
    pub rx: Nanos,
    pub fields: Fields,
    /// The trade report of the tick, or of the newest one.
    pub report: Option<TradeReport>,
}

/// A frame that may be repeated.
#[derive(Clone, Default)]
pub struct KeptFrame {
    messages: Vec<Message>,
    /// The room that it was filled with.
    room: usize,
    encoding: u8,
}

/// By their numbers.
pub type Kept = [KeptFrame; FRAMES_KEPT];

/// A frame with room for this many messages.
pub struct Recorder {
    pub encoding: u8,
    pub messages: Vec<Message>,
    /// Earlier frames, by their numbers.
    pub kept: Kept,
    /// The number to keep this frame under.
    pub keep_as: Option<usize>,
    pub repeated: bool,
    pub room: usize,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.symbol)?;
        if let Some(name) = &self.name {
            write!(f, "as {name} ")?;
        }
        match &self.what {
            What::Snapshot(shown) => write!(f, "snapshot {}", shown.seq),
            What::Merged(shown, n) => write!(f, "merged {} n {n}", shown.seq),
            What::Tick(shown, n) => write!(f, "tick {} n {n}", shown.seq),
            What::TapeEvent(shown, n) => write!(f, "trade {} n {n}", shown.seq),
            What::Gap(from, to, reason) => write!(f, "gap {from} to {to} {}", reason.label()),
        }
    }
}

// === impl Recorder ===

impl Recorder {
    pub fn new(encoding: u8, room: usize, kept: Kept) -> Self {
        Recorder { encoding, messages: Vec::new(), kept, keep_as: None, repeated: false, room }
    }

    /// The kept frames, including this one.
    pub fn take_kept(&mut self) -> Kept {
        if let Some(number) = self.keep_as {
            let Recorder { messages, room, encoding, .. } = self;
            self.kept[number] = KeptFrame { messages: messages.clone(), room: *room, encoding: *encoding };
        }
        std::mem::take(&mut self.kept)
    }

    fn push(&mut self, topic: &TopicRef<'_>, view: &View, what: What) {
        self.messages.push(Message {
            symbol: topic.symbol.clone(),
            name: view.name.clone(),
            numbers: view.numbers,
            number: topic.number,
            introduces: topic.is_first,
            what,
        });
    }
}

impl Emit for Recorder {
    fn encoding(&self) -> u8 {
        self.encoding
    }

    fn has_room(&self) -> bool {
        self.messages.len() < self.room
    }

    fn keep(&mut self, number: usize) {
        self.keep_as = Some(number);
    }

    fn repeat(&mut self, number: usize) -> bool {
        let KeptFrame { messages: kept, room, encoding } = &self.kept[number];
        assert_eq!(*encoding, self.encoding, "a frame is repeated in another encoding");
        let leaves_nothing = kept.len() < *room;
        self.repeated = !kept.is_empty() && kept.len() <= self.room && (leaves_nothing || *room == self.room);
        if self.repeated {
            self.messages.clone_from(kept);
        }
        self.repeated
    }

    fn snapshot(&mut self, topic: &TopicRef<'_>, view: &View) {
        let record = topic.record;
        // A snapshot replaces what the client knows, so nothing has to be withdrawn.
        let wanted = view.wanted.intersect(set_in(&record.fields));
        self.push(topic, view, What::Snapshot(Shown { report: None, ..shown(record, wanted, view) }));
    }

    fn past_trades(&mut self, _: &TopicRef<'_>, _: &[Stamped], _: &View) {}

    fn merged(&mut self, topic: &TopicRef<'_>, n: u64, always: WantedFields, view: &View) {
        let record = topic.record;
        let changed = record.changed_since(record.seq - n).fields;
        let fields = changed.union(always).intersect(view.wanted);
        self.push(topic, view, What::Merged(shown(record, fields, view), n));
    }

    fn last_tick(&mut self, topic: &TopicRef<'_>, view: &View) {
        let shown = shown(topic.record, view.wanted.intersect(topic.record.all_changed()), view);
        self.push(topic, view, What::Tick(shown, 1));
    }

    fn tick(&mut self, topic: &TopicRef<'_>, tick: &Stamped, n: u64, view: &View) {
        self.push(topic, view, What::Tick(shown_tick(tick, view), n));
    }

    fn run(&mut self, topic: &TopicRef<'_>, ticks: &[Stamped], view: &View) -> usize {
        let sent = ticks.len().min(self.room.saturating_sub(self.messages.len()));
        for (index, tick) in ticks[..sent].iter().enumerate() {
            let topic = TopicRef { is_first: topic.is_first && index == 0, ..*topic };
            self.push(&topic, view, What::Tick(shown_tick(tick, view), 1));
        }
        sent
    }

    fn tape_event(
        &mut self,
        topic: &TopicRef<'_>,
        record: &Record,
        n: u64,
        always: WantedFields,
        view: &View,
    ) {
        let changed = record.changed_since(record.seq - n).fields;
        let fields = changed.union(always).intersect(view.wanted);
        self.push(topic, view, What::TapeEvent(shown(record, fields, view), n));
    }

    fn gap(&mut self, topic: &TopicRef<'_>, from: u64, to: u64, reason: GapReason, view: &View) {
        self.push(topic, view, What::Gap(from, to, reason));
    }
}

fn shown(record: &Record, wanted: WantedFields, view: &View) -> Shown {
    let report = view.report_of(&record.fields).cloned();
    Shown { seq: record.seq, ts: record.ts, rx: record.rx, fields: only(&record.fields, wanted), report }
}

fn shown_tick(tick: &Stamped, view: &View) -> Shown {
    let report = view.report_of(&tick.fields).cloned();
    Shown { seq: tick.seq, ts: tick.ts, rx: tick.rx, fields: only(&tick.fields, view.wanted), report }
}
