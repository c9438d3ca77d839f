//! [`FaultyWriter`]: writes the messages that the fan-out chooses, altered by the session's faults.
//!
//! Invariant: a message takes its sequence number when it is written, even if it is then dropped or held: clients that
//! check numbers can notice.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::{altered::AlteredMessage, fill::FaultyFill, held::HeldUntil, messages::FaultyMessages};
use crate::{
    fanout::{Emit, GapReason, TopicRef, View},
    scenario::{
        Announcement, Offered,
        chance::Chance,
        deal::Deal,
        engine::{FaultAct, Ruling},
    },
    tick::{Nanos, WantedFields},
    topic::{Record, Stamped},
    wire::{
        Encoding,
        dialects::{Dialect, Moment, NUMBER_PLACE, Wish, Wishes, stream, trade::Trade},
        encodings::encoder::{Addressed, MessageKind, RecordPart, Shown},
        frames::FrameTimes,
        websocket,
    },
};

/// Writes one frame of a session with faults.
pub struct FaultyWriter<'a> {
    messages: &'a mut FaultyMessages,
    dialect: &'a mut dyn Dialect,
    encoding: Encoding,
    /// By the machine's clock.
    now: Nanos,
    /// The maximum bytes of a frame.
    room: usize,
    message_bytes_max: usize,
    times: FrameTimes,
    filled: FaultyFill,
}

impl<'a> FaultyWriter<'a> {
    pub fn new(
        messages: &'a mut FaultyMessages,
        dialect: &'a mut dyn Dialect,
        encoding: Encoding,
        now: Nanos,
        (room, message_bytes_max): (usize, usize),
    ) -> Self {
        let sequence = dialect.sequence().map_or(0, |sequence| *sequence);
        let mut times = FrameTimes::default();
        times.sequence = sequence;
        let filled = FaultyFill::default();
        FaultyWriter { messages, dialect, encoding, now, room, message_bytes_max, times, filled }
    }

    /// All messages before this market time were written: writes what faults have due by then.
    pub fn come_to(&mut self, at: Nanos) {
        let acts = self.messages.engine.advance(at);
        self.carry_out(acts);
        self.release(at);
    }

    /// Ends the frame: moves what fits into `out`, and keeps the rest.
    pub fn finish(self, out: &mut Vec<u8>) -> FaultyFill {
        self.messages.take_ready(self.room, out);
        if let Some(sequence) = self.dialect.sequence() {
            *sequence = self.times.sequence;
        }
        self.filled
    }

    /// Encodes a message correctly, then applies the faults.
    fn put(
        &mut self,
        kind: MessageKind,
        topic: &TopicRef<'_>,
        shown: &Shown<'_>,
        order: u64,
        part: &RecordPart<'_>,
        view: &View,
    ) {
        let head =
            Addressed { topic, reference: topic.record.reference, name: view.name.as_ref(), form: view.form };
        let before = self.times;
        if self.written(kind, &head, shown, part).is_empty() {
            return;
        }
        self.times = before;
        if self.messages.ended.is_some() {
            return self.drop_message(topic);
        }
        let trade = Trade::of(shown, part);
        let numbers = [trade.as_ref().map_or(shown.seq, |trade| trade.number(shown.seq)), shown.seq];
        let stream = view.name.as_ref().map_or("", |name| stream::kind_of_name(name));
        let class = if view.form.is_lossless() { "trades" } else { "quotes" };
        let offered = Offered { class, stream, symbol: topic.symbol, numbers, at: shown.rx };
        let Ruling { acts, deal } = self.messages.engine.offer(&offered);
        self.carry_out(acts);
        self.release(shown.rx);
        if self.messages.ended.is_some() {
            return self.drop_message(topic);
        }
        let stream = Chance::new(0).with_text(stream).with_text(topic.symbol.as_str()).number();
        let is_trade = trade.is_some() && view.form.is_lossless();
        for index in 0..deal.parts {
            let altered = AlteredMessage::of(&deal, index, is_trade, shown, part, numbers[0]);
            let bytes = match &altered {
                Some(altered) => {
                    let (shown, part) = altered.shown(shown, part);
                    self.written(kind, &head, &shown, &part)
                }
                None => self.written(kind, &head, shown, part),
            };
            self.dispose(&deal, stream, &bytes);
        }
        if deal.is_dropped {
            return self.drop_message(topic);
        }
        if !deal.is_held() {
            self.filled.sent.push((shown.rx, order));
        }
    }

    /// Sends a message, holds it back, or drops it.
    fn dispose(&mut self, deal: &Deal, stream: u64, bytes: &[u8]) {
        if deal.is_dropped {
            return;
        }
        for _ in 0..=deal.copies {
            let bytes = bytes.to_vec();
            if let Some(until) = deal.until {
                self.messages.held.hold(HeldUntil::Time(until), stream, bytes);
            } else if deal.behind > 0 {
                self.messages.held.hold(HeldUntil::Others(deal.behind), stream, bytes);
            } else {
                for late in self.messages.held.take_of(stream) {
                    self.send(late);
                }
                self.send(bytes);
                for waited in self.messages.held.sent_other() {
                    self.send(waited);
                }
            }
        }
    }

    fn send(&mut self, bytes: Vec<u8>) {
        if self.messages.remembers > 0 {
            if self.messages.recent.len() == self.messages.remembers {
                self.messages.recent.pop_front();
            }
            self.messages.recent.push_back(bytes.clone());
        }
        self.messages.put_ready(bytes);
    }

    fn release(&mut self, at: Nanos) {
        if self.messages.ended.is_some() {
            return;
        }
        for bytes in self.messages.held.take_due(at) {
            self.send(bytes);
        }
    }

    /// Carries out fault acts; messages that are due earlier go first.
    fn carry_out(&mut self, acts: Vec<(Nanos, FaultAct)>) {
        for (at, act) in acts {
            self.release(at);
            if self.messages.ended.is_some() {
                return;
            }
            match act {
                FaultAct::Say(announcement) => self.say(&announcement, at),
                FaultAct::Again(messages) => {
                    let skipped = self.messages.recent.len().saturating_sub(messages);
                    let again: Vec<Vec<u8>> = self.messages.recent.iter().skip(skipped).cloned().collect();
                    for bytes in again {
                        self.messages.put_ready(bytes);
                    }
                }
                FaultAct::RestartSequence(to) => self.times.sequence = to,
                FaultAct::JumpSequence(by) => self.times.sequence += by,
                FaultAct::End(like) => self.messages.ended = Some(like),
            }
        }
    }

    /// Sends a message of the venue's own, between two data messages.
    fn say(&mut self, announcement: &Announcement, market: Nanos) {
        let at = Moment { machine: self.now, market };
        let mut wishes = Wishes::default();
        self.dialect.announce(announcement, at, &mut wishes);
        for wish in wishes.0 {
            let Wish::Send(mut payload) = wish else { continue };
            if let Some(place) = memchr::memchr(NUMBER_PLACE, &payload)
                && self.dialect.sequence().is_some()
            {
                payload.splice(place..=place, self.times.sequence.to_string().into_bytes());
                self.times.sequence += 1;
            }
            let kind = if self.encoding.is_binary() { Data::Binary } else { Data::Text };
            let mut bytes = Vec::with_capacity(payload.len() + 10);
            websocket::write_frame(OpCode::Data(kind), &payload, &mut bytes);
            self.messages.put_ready(bytes);
        }
    }

    fn written(
        &mut self,
        kind: MessageKind,
        head: &Addressed<'_>,
        shown: &Shown<'_>,
        part: &RecordPart<'_>,
    ) -> Vec<u8> {
        // Each is a frame of its own.
        self.times.array = None;
        let mut bytes = Vec::new();
        self.encoding.write_message(kind, head, shown, part, &mut self.times, &mut bytes);
        bytes
    }

    fn drop_message(&mut self, topic: &TopicRef<'_>) {
        self.filled.dropped[usize::from(topic.delay_ms.is_some())] += 1;
    }

    fn put_record(&mut self, kind: MessageKind, topic: &TopicRef<'_>, record: &Record, view: &View) {
        let report = (kind == MessageKind::Update).then(|| view.report_of(&record.fields)).flatten();
        let part = RecordPart { fields: view.wanted, report, numbers: view.numbers, form: view.form };
        self.put(kind, topic, &record.into(), record.order, &part, view);
    }
}

impl Emit for FaultyWriter<'_> {
    /// No other session shares its frames.
    fn encoding(&self) -> u8 {
        u8::MAX
    }

    fn has_room(&self) -> bool {
        self.messages.ready_bytes + self.message_bytes_max <= self.room
    }

    fn keep(&mut self, _: usize) {}

    fn repeat(&mut self, _: usize) -> bool {
        false
    }

    fn snapshot(&mut self, topic: &TopicRef<'_>, view: &View) {
        self.put_record(MessageKind::Snapshot, topic, topic.record, view);
    }

    /// Past trades precede the subscription, so no fault applies to them.
    fn past_trades(&mut self, topic: &TopicRef<'_>, trades: &[Stamped], view: &View) {
        if self.messages.ended.is_some() {
            return self.drop_message(topic);
        }
        let (record, name) = (topic.record, view.name.as_ref());
        let head = Addressed { topic, reference: record.reference, name, form: view.form };
        self.times.array = None;
        let mut bytes = Vec::new();
        self.encoding.write_past_trades(&head, trades, view, &mut self.times, &mut bytes);
        if !bytes.is_empty() {
            self.send(bytes);
            self.filled.sent.push((record.rx, record.order));
        }
    }

    fn merged(&mut self, topic: &TopicRef<'_>, _: u64, _: WantedFields, view: &View) {
        self.put_record(MessageKind::Update, topic, topic.record, view);
    }

    fn last_tick(&mut self, topic: &TopicRef<'_>, view: &View) {
        self.put_record(MessageKind::Update, topic, topic.record, view);
    }

    fn tick(&mut self, topic: &TopicRef<'_>, tick: &Stamped, _: u64, view: &View) {
        let report = view.report_of(&tick.fields);
        let part = RecordPart { fields: view.wanted, report, numbers: view.numbers, form: view.form };
        self.put(MessageKind::Update, topic, &tick.into(), tick.order, &part, view);
    }

    fn run(&mut self, topic: &TopicRef<'_>, ticks: &[Stamped], view: &View) -> usize {
        let mut sent = 0;
        while sent < ticks.len() && (sent == 0 || self.has_room()) {
            self.tick(topic, &ticks[sent], 1, view);
            sent += 1;
        }
        sent
    }

    fn tape_event(&mut self, topic: &TopicRef<'_>, _: &Record, n: u64, always: WantedFields, view: &View) {
        self.merged(topic, n, always, view);
    }

    fn gap(&mut self, _: &TopicRef<'_>, _: u64, _: u64, _: GapReason, view: &View) {
        self.filled.has_lost |= view.form.is_lossless();
    }
}
