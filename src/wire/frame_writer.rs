//! Writes the messages of one frame in one encoding, and copies from the cache what is encoded already.

use std::marker::PhantomData;

use super::{
    cached::{Cached, CachedTopics},
    deflater::Deflater,
    encodings::encoder::{Encoder, HEAD_BYTES, MessageKind, Messages, RecordPart},
    frame_buffers::{Frame, FrameBuffers, ReadyFrame},
};
use crate::{
    fanout::{Emit, GapReason, LocalId, TopicRef, View},
    tick::WantedFields,
    topic::{Record, Stamped},
};

/// Writes into the current frame of a [`Framer`](super::Framer).
pub struct FrameWriter<'a, E> {
    frames: &'a mut FrameBuffers,
    cached: &'a mut CachedTopics,
    deflater: &'a mut Deflater,
    encoder: PhantomData<E>,
}

impl<'a, E: Encoder> FrameWriter<'a, E> {
    pub(super) fn new(
        frames: &'a mut FrameBuffers,
        cached: &'a mut CachedTopics,
        deflater: &'a mut Deflater,
    ) -> Self {
        FrameWriter { frames, cached, deflater, encoder: PhantomData }
    }

    /// Finishes the frame. `None` when it has no message.
    #[inline]
    pub fn finish(self) -> Option<ReadyFrame<'a>> {
        self.frames.finish(E::ID, E::Messages::end, |bytes| E::frame(bytes, self.deflater));
        self.frames.ready()
    }

    /// The current frame, and the cached messages of a topic, with decimals as this view has them.
    #[inline]
    fn frame_and_cached(&mut self, topic: LocalId, view: &View) -> (&mut Frame, &mut Cached) {
        let cached = &mut self.cached[view.numbers as usize];
        let index = topic.0 as usize;
        if index >= cached.len() {
            cached.resize_with(index + 1, Cached::default);
        }
        (self.frames.current_mut(), &mut cached[index])
    }

    /// As [`Emit::run`], message by message, each with the name of the subscription.
    fn run_named(&mut self, topic: &TopicRef<'_>, ticks: &[Stamped], view: &View) -> usize {
        let Some(first) = ticks.first() else { return 0 };
        let symbol = topic.symbol;
        let (frame, cached) = self.frame_and_cached(topic.local, view);
        let is_cached = cached.covers(first.seq);
        if is_cached {
            cached.extend::<E::Messages>(symbol, ticks, view.numbers);
        }
        let mut sent = 0;
        while sent < ticks.len() && (sent == 0 || frame.has_room()) {
            let tick = &ticks[sent];
            let begin = frame.bytes.len();
            if is_cached {
                cached.copy(tick.seq, 1, usize::MAX, &mut frame.bytes);
            } else {
                E::Messages::tick(symbol, tick, WantedFields::ALL, view.numbers, 1, &mut frame.bytes);
            }
            frame.record(tick.rx, tick.order);
            write_name::<E>(begin, view, frame);
            sent += 1;
        }
        sent
    }
}

impl<E: Encoder> Emit for FrameWriter<'_, E> {
    fn encoding(&self) -> u8 {
        E::ID
    }

    fn has_room(&self) -> bool {
        self.frames.current().has_room()
    }

    fn keep(&mut self, number: usize) {
        self.frames.keep(number);
    }

    fn repeat(&mut self, number: usize) -> bool {
        self.frames.repeat(number, E::ID)
    }

    fn snapshot(&mut self, topic: &TopicRef<'_>, view: &View) {
        let &TopicRef { local, symbol, record, .. } = topic;
        let (frame, cached) = self.frame_and_cached(local, view);
        let begin = frame.bytes.len();
        if view.has_every_field() {
            let encoded = cached.record::<E::Messages>(symbol, record, view.numbers);
            E::Messages::whole(MessageKind::Snapshot, encoded, 1, &mut frame.bytes);
        } else {
            let kind = MessageKind::Snapshot;
            let part = RecordPart { fields: view.wanted, report: None, numbers: view.numbers };
            E::Messages::some(kind, symbol, record, &part, 1, &mut frame.bytes);
        }
        frame.record(record.rx, record.order);
        write_name::<E>(begin, view, frame);
    }

    fn merged(&mut self, topic: &TopicRef<'_>, n: u64, always: WantedFields, view: &View) {
        let &TopicRef { local, symbol, record, .. } = topic;
        let (frame, cached) = self.frame_and_cached(local, view);
        let (begin, cursor) = (frame.bytes.len(), record.seq - n);
        let encoded =
            cached.merged.update::<E::Messages>(symbol, record, cursor, view.wanted, always, view.numbers);
        E::Messages::whole(MessageKind::Update, encoded, n, &mut frame.bytes);
        frame.record(record.rx, record.order);
        write_name::<E>(begin, view, frame);
    }

    fn last_tick(&mut self, topic: &TopicRef<'_>, view: &View) {
        if !view.has_every_field() {
            return self.merged(topic, 1, WantedFields::NONE, view);
        }
        let &TopicRef { local, symbol, record, .. } = topic;
        let (frame, cached) = self.frame_and_cached(local, view);
        let begin = frame.bytes.len();
        frame.bytes.extend_from_slice(cached.last_tick::<E::Messages>(symbol, record, view.numbers));
        frame.record(record.rx, record.order);
        write_name::<E>(begin, view, frame);
    }

    fn tick(&mut self, topic: &TopicRef<'_>, tick: &Stamped, n: u64, view: &View) {
        let frame = self.frames.current_mut();
        let begin = frame.bytes.len();
        E::Messages::tick(topic.symbol, tick, view.wanted, view.numbers, n, &mut frame.bytes);
        frame.record(tick.rx, tick.order);
        write_name::<E>(begin, view, frame);
    }

    fn run(&mut self, topic: &TopicRef<'_>, ticks: &[Stamped], view: &View) -> usize {
        if view.name.is_some() {
            return self.run_named(topic, ticks, view);
        }
        let Some(first) = ticks.first() else { return 0 };
        let symbol = topic.symbol;
        let (frame, cached) = self.frame_and_cached(topic.local, view);
        let message_bytes_max = frame.message_bytes_max;
        let out = &mut frame.bytes;
        let room = (frame.room_bytes + HEAD_BYTES).saturating_sub(out.len() + 1);
        let sent = if cached.covers(first.seq) {
            cached.extend::<E::Messages>(symbol, ticks, view.numbers);
            cached.copy(first.seq, ticks.len(), room, out)
        } else {
            // Older than the run in the cache: this client catches up alone.
            let limit = out.len() + room.saturating_sub(message_bytes_max);
            let mut sent = 0;
            while sent < ticks.len() && out.len() <= limit {
                E::Messages::tick(symbol, &ticks[sent], WantedFields::ALL, view.numbers, 1, out);
                sent += 1;
            }
            sent
        };
        frame.rx.extend(ticks[..sent].iter().map(|tick| tick.rx));
        let newest_order = ticks[..sent].last().map_or(0, |tick| tick.order);
        frame.newest_order = frame.newest_order.max(newest_order);
        sent
    }

    fn stop(&mut self, topic: &TopicRef<'_>, record: &Record, n: u64, always: WantedFields, view: &View) {
        let symbol = topic.symbol;
        let (frame, cached) = self.frame_and_cached(topic.local, view);
        let (begin, cursor) = (frame.bytes.len(), record.seq - n);
        let updates = cached.stop(record.seq);
        let encoded =
            updates.update::<E::Messages>(symbol, record, cursor, view.wanted, always, view.numbers);
        E::Messages::whole(MessageKind::Update, encoded, n, &mut frame.bytes);
        frame.record(record.rx, record.order);
        write_name::<E>(begin, view, frame);
    }

    fn gap(&mut self, topic: &TopicRef<'_>, from: u64, to: u64, reason: GapReason, view: &View) {
        let frame = self.frames.current_mut();
        let begin = frame.bytes.len();
        E::Messages::gap(topic.symbol, from, to, reason, &mut frame.bytes);
        write_name::<E>(begin, view, frame);
    }
}

/// Gives the last message, which begins at this offset, the name of its subscription.
#[inline]
fn write_name<E: Encoder>(begin: usize, view: &View, frame: &mut Frame) {
    if let Some(name) = &view.name {
        E::Messages::name(begin, name, &mut frame.bytes);
    }
}
