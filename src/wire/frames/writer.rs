//! [`FrameWriter`]: writes the messages of one frame in one encoding, from the cache where they are encoded already.

use std::marker::PhantomData;

use super::{
    buffers::FrameBuffers,
    cached::{Cached, CachedTopics, push_tick},
    frame::{Frame, ReadyFrame},
    merged::MergedUpdates,
    run::{Run, RunParts},
};
use crate::{
    fanout::{Emit, GapReason, NAME_BYTES_MAX, TopicRef, View},
    tick::{Nanos, SYMBOL_BYTES_MAX, WantedFields},
    topic::{Record, Stamped},
    wire::{
        compression::Deflater,
        encodings::encoder::{Addressed, Encoder, HEAD_BYTES, MessageKind, Messages, RecordPart},
    },
};

/// Writes into the current frame of a [`Framer`](super::Framer).
pub struct FrameWriter<'a, E> {
    frames: &'a mut FrameBuffers,
    cached: &'a mut CachedTopics,
    deflater: &'a mut Deflater,
    /// Scratch for ticks that are older than the cached ones.
    old_run: &'a mut Run,
    encoder: PhantomData<E>,
}

/// The frame and the cache for one message.
struct MessagePlace<'a> {
    frame: &'a mut Frame,
    cached: &'a mut Cached,
    old_run: &'a mut Run,
    head: Addressed<'a>,
}

/// Maximum size of a run's head: kind, number, symbol with reference, name, seq and count.
const RUN_HEAD_BYTES_MAX: usize = 1 + 5 + (1 + SYMBOL_BYTES_MAX + 21) + (1 + NAME_BYTES_MAX) + 10 + 10;
/// Maximum size of a tick in a run beside its cached part: its times.
const RUN_TIMES_BYTES_MAX: usize = 20;

impl<'a, E: Encoder> FrameWriter<'a, E> {
    pub(super) fn new(
        frames: &'a mut FrameBuffers,
        cached: &'a mut CachedTopics,
        deflater: &'a mut Deflater,
        old_run: &'a mut Run,
    ) -> Self {
        FrameWriter { frames, cached, deflater, old_run, encoder: PhantomData }
    }

    /// Finishes the frame; `None` if it is empty.
    pub fn finish(mut self) -> Option<ReadyFrame<'a>> {
        self.end();
        self.frames.ready()
    }

    /// As [`Self::finish`], for callers that fetch the frame later.
    #[inline]
    pub fn end(&mut self) {
        let encoding = self.encoding();
        if self.frames.current().sent.is_some() {
            self.complete_sent();
        }
        self.frames.finish(encoding, E::Messages::end, |bytes, plain| {
            let start = E::frame(bytes, self.deflater);
            if E::IS_GZIP {
                std::mem::swap(plain, &mut self.deflater.plain);
            }
            start
        });
    }

    /// Ends the frame's messages. `is_last`: the session is sent no more for now.
    pub fn end_gathered(&mut self, is_last: bool) {
        let frame = self.frames.current_mut();
        E::Messages::end_gathered(is_last, &mut frame.times, &mut frame.bytes);
    }

    #[cold]
    fn complete_sent(&mut self) {
        let frame = self.frames.current_mut();
        let newest = frame.newest_rx();
        if let (Some(at), Some(payload)) = (frame.sent, frame.bytes.get_mut(HEAD_BYTES..)) {
            E::Messages::complete_sent(at, newest, payload);
        }
    }

    /// Bytes of the messages so far.
    #[cfg(test)]
    pub fn written(&self) -> usize {
        self.frames.current().bytes.len()
    }

    /// The current frame, and a topic's cache for the view's kind of decimals.
    #[inline]
    fn place<'b>(&'b mut self, topic: &'b TopicRef<'b>, view: &'b View) -> MessagePlace<'b> {
        let numbers = if E::Messages::HAS_NUMBERS { view.numbers as usize } else { 0 };
        let cached = &mut self.cached[numbers];
        let index = topic.local.0 as usize;
        if index >= cached.len() {
            cached.resize_with(index + 1, Cached::default);
        }
        let cached = &mut cached[index];
        let reference = topic.record.reference;
        let head = Addressed { topic, reference, name: view.name.as_ref(), form: view.form };
        let frame = self.frames.current_mut();
        frame.is_of(topic.product);
        MessagePlace { frame, cached, old_run: self.old_run, head }
    }

    /// As [`Emit::run`], one message per tick, each with the subscription's name.
    fn run_named(&mut self, topic: &TopicRef<'_>, ticks: &[Stamped], view: &View) -> usize {
        let Some(first) = ticks.first() else { return 0 };
        let MessagePlace { frame, cached, head, .. } = self.place(topic, view);
        let is_cached = cached.covers(first.seq);
        if is_cached {
            cached.extend::<E::Messages>(|| head.constant(), ticks, view.numbers);
        }
        let mut sent = 0;
        while sent < ticks.len() && (sent == 0 || frame.has_room()) {
            let tick = &ticks[sent];
            let begin = frame.bytes.len();
            if is_cached {
                let parts = cached.run(tick.seq, 1);
                E::Messages::run(&head, &ticks[sent..=sent], parts, &mut frame.times, &mut frame.bytes);
            } else {
                write_tick::<E>(&head, tick, view, 1, frame);
            }
            frame.record(tick.rx, tick.order);
            write_name::<E>(begin, view, frame);
            sent += 1;
        }
        sent
    }

    /// An update of `n` ticks up to `record`, from that record's cached updates.
    #[inline]
    fn update(
        &mut self,
        topic: &TopicRef<'_>,
        record: &Record,
        n: u64,
        always: WantedFields,
        view: &View,
        updates: impl FnOnce(&mut Cached) -> &mut MergedUpdates,
    ) {
        let MessagePlace { frame, cached, head, .. } = self.place(topic, view);
        let (begin, cursor) = (frame.bytes.len(), record.seq - n);
        let part = updates(cached).update::<E::Messages>(|| head.constant(), record, cursor, always, view);
        let (kind, times) = (MessageKind::Update, &mut frame.times);
        E::Messages::message(kind, &head, &record.into(), n, part, times, &mut frame.bytes);
        record_of(begin, topic, record, frame);
        write_name::<E>(begin, view, frame);
    }
}

impl<E: Encoder> Emit for FrameWriter<'_, E> {
    fn encoding(&self) -> u8 {
        // Frames with a send time are not interchangeable with others.
        E::ID << 1 | u8::from(self.frames.current().sent.is_some())
    }

    fn has_room(&self) -> bool {
        self.frames.current().has_room()
    }

    fn keep(&mut self, number: usize) {
        if !E::IS_NUMBERED {
            self.frames.keep(number);
        }
    }

    fn repeat(&mut self, number: usize) -> bool {
        let encoding = self.encoding();
        !E::IS_NUMBERED && self.frames.repeat(number, encoding)
    }

    #[inline]
    fn gathers(&self) -> bool {
        E::Messages::GATHERS
    }

    fn gather(&mut self, at: Nanos) {
        self.frames.current_mut().times.gathered = at;
    }

    fn snapshot(&mut self, topic: &TopicRef<'_>, view: &View) {
        let record = topic.record;
        let MessagePlace { frame, cached, head, .. } = self.place(topic, view);
        let begin = frame.bytes.len();
        let (kind, times) = (MessageKind::Snapshot, &mut frame.times);
        if view.has_every_field() {
            let part = cached.record::<E::Messages>(|| head.constant(), record, view.numbers);
            E::Messages::message(kind, &head, &record.into(), 1, part, times, &mut frame.bytes);
        } else {
            let part =
                RecordPart { fields: view.wanted, report: None, numbers: view.numbers, form: view.form };
            E::Messages::whole(kind, &head, &record.into(), 1, &part, times, &mut frame.bytes);
        }
        record_of(begin, topic, record, frame);
        write_name::<E>(begin, view, frame);
    }

    fn past_trades(&mut self, topic: &TopicRef<'_>, trades: &[Stamped], view: &View) {
        let MessagePlace { frame, head, .. } = self.place(topic, view);
        let begin = frame.bytes.len();
        E::Messages::past_trades(&head, trades, view, &mut frame.times, &mut frame.bytes);
        record_of(begin, topic, topic.record, frame);
        if frame.bytes.len() > begin {
            frame.end_with_long(begin);
        }
    }

    fn merged(&mut self, topic: &TopicRef<'_>, n: u64, always: WantedFields, view: &View) {
        self.update(topic, topic.record, n, always, view, |cached| &mut cached.merged);
    }

    fn last_tick(&mut self, topic: &TopicRef<'_>, view: &View) {
        if !view.has_every_field() {
            return self.merged(topic, 1, WantedFields::NONE, view);
        }
        let record = topic.record;
        let MessagePlace { frame, cached, head, .. } = self.place(topic, view);
        let begin = frame.bytes.len();
        let part = cached.last_tick::<E::Messages>(|| head.constant(), record, view.numbers);
        E::Messages::tick(&head, &record.into(), part, &mut frame.times, &mut frame.bytes);
        record_of(begin, topic, record, frame);
        write_name::<E>(begin, view, frame);
    }

    fn tick(&mut self, topic: &TopicRef<'_>, tick: &Stamped, n: u64, view: &View) {
        let MessagePlace { frame, cached, head, .. } = self.place(topic, view);
        let begin = frame.bytes.len();
        if view.form.is_native() {
            write_tick::<E>(&head, tick, view, n, frame);
        } else {
            let part = cached.formed::<E::Messages>(|| head.constant(), tick, &part_of(view, tick));
            E::Messages::tick(&head, &tick.into(), part, &mut frame.times, &mut frame.bytes);
        }
        frame.record_from(begin, tick.rx, tick.order);
        write_name::<E>(begin, view, frame);
    }

    fn run(&mut self, topic: &TopicRef<'_>, ticks: &[Stamped], view: &View) -> usize {
        if view.name.is_some() && !E::Messages::JOINS_RUNS {
            return self.run_named(topic, ticks, view);
        }
        let Some(first) = ticks.first() else { return 0 };
        let MessagePlace { frame, cached, old_run, head } = self.place(topic, view);
        let room = (frame.room_bytes + HEAD_BYTES).saturating_sub(frame.bytes.len() + 1);
        let sent = if cached.covers(first.seq) {
            cached.extend::<E::Messages>(|| head.constant(), ticks, view.numbers);
            write_run::<E>(&head, ticks, cached.run(first.seq, ticks.len()), room, frame)
        } else if E::Messages::JOINS_RUNS {
            // Older than the cached run: this client catches up alone.
            old_run.clear(frame.room_bytes);
            for tick in ticks {
                if old_run.bytes() > room {
                    break;
                }
                push_tick::<E::Messages>(old_run, &head.constant(), tick, view.numbers);
            }
            write_run::<E>(&head, ticks, old_run.parts(0, ticks.len()), room, frame)
        } else {
            let limit = frame.bytes.len() + room.saturating_sub(frame.message_bytes_max);
            let mut sent = 0;
            while sent < ticks.len() && frame.bytes.len() <= limit {
                write_tick::<E>(&head, &ticks[sent], view, 1, frame);
                sent += 1;
            }
            sent
        };
        frame.rx.extend(ticks[..sent].iter().map(|tick| tick.rx));
        let newest_order = ticks[..sent].last().map_or(0, |tick| tick.order);
        frame.newest_order = frame.newest_order.max(newest_order);
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
        if !view.form.is_native() {
            // A rebuilt older record may lack fields, and a conflated message shows all of them.
            return self.merged(topic, n, always, view);
        }
        self.update(topic, record, n, always, view, |cached| cached.tape_event(record.seq));
    }

    fn gap(&mut self, topic: &TopicRef<'_>, from: u64, to: u64, reason: GapReason, view: &View) {
        let MessagePlace { frame, head, .. } = self.place(topic, view);
        let begin = frame.bytes.len();
        E::Messages::gap(&head, from, to, reason, &mut frame.bytes);
        frame.has_lost |= view.form.is_lossless();
        write_name::<E>(begin, view, frame);
    }
}

/// Writes consecutive ticks from their cached parts, as many as fit into `room` bytes. Returns how many.
#[inline]
fn write_run<E: Encoder>(
    head: &Addressed<'_>,
    ticks: &[Stamped],
    parts: RunParts<'_>,
    room: usize,
    frame: &mut Frame,
) -> usize {
    let parts = if E::Messages::JOINS_RUNS {
        parts.within_each(room.saturating_sub(RUN_HEAD_BYTES_MAX), RUN_TIMES_BYTES_MAX)
    } else {
        parts.within(room)
    };
    let sent = parts.len();
    if sent > 0 {
        E::Messages::run(head, &ticks[..sent], parts, &mut frame.times, &mut frame.bytes);
    }
    sent
}

/// Writes the wanted fields of a tick, set or withdrawn, and its trade report.
fn write_tick<E: Encoder>(head: &Addressed<'_>, tick: &Stamped, view: &View, n: u64, frame: &mut Frame) {
    let part = part_of(view, tick);
    let (kind, times) = (MessageKind::Update, &mut frame.times);
    E::Messages::whole(kind, head, &tick.into(), n, &part, times, &mut frame.bytes);
}

/// Records a message with the current record that starts at this offset, if one was written.
#[inline]
fn record_of(begin: usize, topic: &TopicRef<'_>, record: &Record, frame: &mut Frame) {
    if frame.bytes.len() == begin {
        return;
    }
    if topic.delay_ms.is_none() {
        frame.record(record.rx, record.order);
    } else {
        frame.record_late(topic.due(record.rx), record.rx, record.order);
    }
}

/// The part of a tick that a view shows.
#[inline]
fn part_of<'a>(view: &View, tick: &'a Stamped) -> RecordPart<'a> {
    let report = view.report_of(&tick.fields);
    RecordPart { fields: view.wanted, report, numbers: view.numbers, form: view.form }
}

/// Adds the subscription's name to the last message, which starts at this offset.
#[inline]
fn write_name<E: Encoder>(begin: usize, view: &View, frame: &mut Frame) {
    if let Some(name) = &view.name {
        E::Messages::name(begin, name, &mut frame.bytes);
    }
}
