//! Data frames, ready for the socket, header and all.
//!
//! A [`Framer`] builds one frame at a time in a buffer that it keeps, so that no delivery allocates. What several
//! sessions get alike is encoded once: a topic's whole record, its last tick, and its newest ticks one after another,
//! of which a session copies the stretch it needs at one go. Finished frames may be held until they are sent, and kept to
//! be sent once more.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::{
    cached::Cached,
    frame::{EVENT_HEAD, EVENT_TAIL, Framing, HEAD_BYTES, write_header},
    message::{SNAPSHOT, UPDATE, write_end, write_head, write_int, write_some, write_tick},
    taken_in::TakenIn,
};
use crate::{
    fanout::{Emit, FRAMES_KEPT, GapReason, LocalId},
    tick::{FieldSet, Nanos, Symbol},
    topic::{Record, Stamped},
};

/// How much one frame may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameSize {
    /// As much as the limit allows: the fewer frames, the less they cost.
    Full,
    /// A little: the client is behind, and what is chosen later is fresher.
    Small,
}

pub struct Framer {
    /// Every frame that there is: at hand, kept, held, or free.
    frames: Vec<Frame>,
    /// Neither at hand nor anyone's.
    free: Vec<usize>,
    /// The one that is being built.
    at_hand: usize,
    /// Frames that may be sent once more, by their numbers.
    kept: [Option<usize>; FRAMES_KEPT],
    /// In place of the frame at hand this one is sent once more.
    repeats: Option<usize>,
    /// The frame at hand is to be kept under this number.
    keep_as: Option<usize>,
    payload_bytes_max: usize,
    framing: Framing,
    /// By local topic.
    cached: Vec<Cached>,
}

/// A finished frame that stays as it is until it is [released](Framer::release).
#[must_use = "a frame that is not released is never used again"]
pub struct Held(usize);

/// A frame, or what there is of it so far.
#[derive(Default)]
struct Frame {
    /// Room for the header, then the payload.
    bytes: Vec<u8>,
    /// How much payload it may have.
    room_bytes: usize,
    /// Where the header begins, once the frame is wrapped.
    start: usize,
    wrapped: Option<Framing>,
    /// When the newest tick of each message was taken in.
    rx: Vec<Nanos>,
    /// The same in sum, once the frame is wrapped.
    taken_in: TakenIn,
    newest_order: u64,
    /// How many want it to stay as it is: it is kept, or held.
    users: u32,
}

/// A frame that is ready to be sent.
pub struct Ready<'a> {
    pub bytes: &'a [u8],
    /// Of each message, when its newest tick was taken in.
    pub rx: &'a [Nanos],
    pub taken_in: TakenIn,
    /// Place among all ticks of the newest one that it holds.
    pub newest_order: u64,
}

/// A client that is behind gets frames of this size, in bytes: what is encoded can no longer be conflated.
const SMALL_FRAME_BYTES: usize = 2 * 1024;
/// More than the longest message that one call of [`Emit`] adds, a gap and a snapshot together.
const MESSAGE_BYTES_MAX: usize = 1024;

/// A frame has room for two messages at least, whatever the limit.
fn at_least_two(payload_bytes_max: usize) -> usize {
    payload_bytes_max.max(2 * MESSAGE_BYTES_MAX)
}

impl Framer {
    /// `payload_bytes_max`: of one frame; at least 2 KiB.
    pub fn new(payload_bytes_max: usize) -> Self {
        Framer {
            frames: vec![Frame::default()],
            free: Vec::new(),
            at_hand: 0,
            kept: [None; FRAMES_KEPT],
            repeats: None,
            keep_as: None,
            payload_bytes_max: at_least_two(payload_bytes_max),
            framing: Framing::WebSocket,
            cached: Vec::new(),
        }
    }

    /// From the next frame on.
    pub fn set_frame_bytes(&mut self, payload_bytes_max: usize) {
        self.payload_bytes_max = at_least_two(payload_bytes_max);
    }

    /// Releases the buffers of frames that nobody holds.
    pub fn shrink(&mut self) {
        for &free in &self.free {
            self.frames[free] = Frame::default();
        }
    }

    /// Begins a frame; an unfinished one is forgotten.
    pub fn begin(&mut self, size: FrameSize, framing: Framing) {
        if self.frame().users > 0 {
            self.at_hand = self.free.pop().unwrap_or_else(|| {
                self.frames.push(Frame::default());
                self.frames.len() - 1
            });
        }
        (self.repeats, self.keep_as, self.framing) = (None, None, framing);
        let room_bytes = match size {
            FrameSize::Full => self.payload_bytes_max,
            FrameSize::Small => SMALL_FRAME_BYTES.min(self.payload_bytes_max),
        };
        self.frame_mut().begin(room_bytes);
    }

    /// Ends the frame, which is there until the next one begins. `None` when it has no message.
    pub fn finish(&mut self) -> Option<Ready<'_>> {
        self.end().map(|at| self.frames[at].ready())
    }

    /// Ends the frame, which is there until it is released. `None` when it has no message.
    pub fn hold(&mut self) -> Option<Held> {
        let at = self.end()?;
        self.frames[at].users += 1;
        Some(Held(at))
    }

    pub fn get(&self, held: &Held) -> Ready<'_> {
        self.frames[held.0].ready()
    }

    pub fn release(&mut self, Held(at): Held) {
        self.let_go(at);
    }

    fn end(&mut self) -> Option<usize> {
        if self.repeats.is_some() {
            return self.repeats;
        }
        let (at, framing) = (self.at_hand, self.framing);
        let frame = &mut self.frames[at];
        // Each message has left a comma behind it.
        if frame.bytes.len() <= HEAD_BYTES + 1 {
            return None;
        }
        debug_assert!(frame.payload_bytes() <= self.payload_bytes_max, "longer than MESSAGE_BYTES_MAX");
        if frame.wrapped.is_none() {
            frame.wrap(framing);
        }
        if let Some(number) = self.keep_as.take() {
            frame.users += 1;
            if let Some(before) = self.kept[number].replace(at) {
                self.let_go(before);
            }
        }
        Some(at)
    }

    fn let_go(&mut self, at: usize) {
        let frame = &mut self.frames[at];
        frame.users -= 1;
        if frame.users == 0 && at != self.at_hand {
            self.free.push(at);
        }
    }

    fn frame(&self) -> &Frame {
        &self.frames[self.at_hand]
    }

    fn frame_mut(&mut self) -> &mut Frame {
        &mut self.frames[self.at_hand]
    }

    /// The frame at hand, and what is encoded of a topic.
    #[inline]
    fn frame_and_cached(&mut self, topic: LocalId) -> (&mut Frame, &mut Cached) {
        let index = topic.0 as usize;
        if index >= self.cached.len() {
            self.cached.resize_with(index + 1, Cached::default);
        }
        (&mut self.frames[self.at_hand], &mut self.cached[index])
    }

    fn whole_record(&mut self, topic: LocalId, symbol: &Symbol, record: &Record, kind: &[u8], n: u64) {
        let (frame, cached) = self.frame_and_cached(topic);
        let out = &mut frame.bytes;
        out.extend_from_slice(kind);
        if cached.record_seq != record.seq {
            cached.record.clear();
            write_head(symbol, record.seq, record.ts, record.rx, &mut cached.record);
            record.fields.write_json(FieldSet::ALL, &mut cached.record);
            cached.record_seq = record.seq;
        }
        out.extend_from_slice(&cached.record);
        write_end(n, out);
        frame.takes(record.rx, record.order);
    }

    fn some_fields(&mut self, symbol: &Symbol, record: &Record, wanted: FieldSet, kind: &[u8], n: u64) {
        let frame = self.frame_mut();
        write_some(kind, symbol, record, wanted, n, &mut frame.bytes);
        frame.takes(record.rx, record.order);
    }
}

impl Frame {
    fn begin(&mut self, room_bytes: usize) {
        self.room_bytes = room_bytes;
        self.wrapped = None;
        self.newest_order = 0;
        self.rx.clear();
        self.bytes.clear();
        self.bytes.extend_from_slice(&[0; HEAD_BYTES]);
        self.bytes.push(b'[');
    }

    /// Notes a message by its newest tick.
    fn takes(&mut self, rx: Nanos, order: u64) {
        self.rx.push(rx);
        self.newest_order = self.newest_order.max(order);
    }

    fn ready(&self) -> Ready<'_> {
        let Frame { newest_order, taken_in, .. } = *self;
        Ready { bytes: &self.bytes[self.start..], rx: &self.rx, taken_in, newest_order }
    }

    fn payload_bytes(&self) -> usize {
        self.bytes.len() - HEAD_BYTES
    }

    fn has_room(&self) -> bool {
        self.payload_bytes() + MESSAGE_BYTES_MAX <= self.room_bytes
    }

    fn wrap(&mut self, framing: Framing) {
        if let Some(comma) = self.bytes.last_mut() {
            *comma = b']';
        }
        let mut head = [0; HEAD_BYTES];
        let head_bytes = match framing {
            Framing::WebSocket => write_header(OpCode::Data(Data::Text), self.payload_bytes(), &mut head),
            Framing::Events => {
                self.bytes.extend_from_slice(EVENT_TAIL);
                head[..EVENT_HEAD.len()].copy_from_slice(EVENT_HEAD);
                EVENT_HEAD.len()
            }
        };
        self.start = HEAD_BYTES - head_bytes;
        self.bytes[self.start..HEAD_BYTES].copy_from_slice(&head[..head_bytes]);
        self.wrapped = Some(framing);
        self.taken_in = TakenIn::of(&self.rx);
    }
}

impl Emit for Framer {
    fn has_room(&self) -> bool {
        self.frame().has_room()
    }

    fn keep(&mut self, number: usize) {
        self.keep_as = Some(number);
    }

    fn repeat(&mut self, number: usize) -> bool {
        let Some(at) = self.kept[number] else { return false };
        let (kept, room_bytes) = (&self.frames[at], self.frame().room_bytes);
        // One that is full may have left something over that another room would have held.
        let fits = kept.wrapped == Some(self.framing)
            && kept.payload_bytes() <= room_bytes
            && (kept.has_room() || kept.room_bytes == room_bytes);
        self.repeats = fits.then_some(at);
        fits
    }

    fn snapshot(&mut self, topic: LocalId, symbol: &Symbol, record: &Record, wanted: FieldSet) {
        if wanted == FieldSet::ALL {
            self.whole_record(topic, symbol, record, SNAPSHOT, 1);
        } else {
            self.some_fields(symbol, record, wanted, SNAPSHOT, 1);
        }
    }

    fn merged(&mut self, topic: LocalId, symbol: &Symbol, record: &Record, n: u64, wanted: FieldSet) {
        if wanted == FieldSet::ALL {
            self.whole_record(topic, symbol, record, UPDATE, n);
        } else {
            self.some_fields(symbol, record, wanted, UPDATE, n);
        }
    }

    fn last_tick(&mut self, topic: LocalId, symbol: &Symbol, record: &Record, wanted: FieldSet) {
        if wanted != FieldSet::ALL {
            return self.some_fields(symbol, record, wanted.intersect(record.changed), UPDATE, 1);
        }
        let (frame, cached) = self.frame_and_cached(topic);
        if cached.tick_seq != record.seq {
            cached.tick.clear();
            write_some(UPDATE, symbol, record, record.changed, 1, &mut cached.tick);
            cached.tick_seq = record.seq;
        }
        frame.bytes.extend_from_slice(&cached.tick);
        frame.takes(record.rx, record.order);
    }

    fn tick(&mut self, symbol: &Symbol, tick: &Stamped, n: u64, wanted: FieldSet) {
        let frame = self.frame_mut();
        frame.takes(tick.rx, tick.order);
        write_tick(symbol, tick, n, wanted, &mut frame.bytes);
    }

    fn run(&mut self, topic: LocalId, symbol: &Symbol, ticks: &[Stamped]) -> usize {
        let Some(first) = ticks.first() else { return 0 };
        let (frame, cached) = self.frame_and_cached(topic);
        let out = &mut frame.bytes;
        let room = (frame.room_bytes + HEAD_BYTES).saturating_sub(out.len() + 1);
        let sent = if cached.covers(first.seq) {
            cached.extend(symbol, ticks);
            cached.copy(first.seq, ticks.len(), room, out)
        } else {
            // Older than what is encoded: a client that catches up, alone.
            let limit = out.len() + room.saturating_sub(MESSAGE_BYTES_MAX);
            let mut sent = 0;
            while sent < ticks.len() && out.len() <= limit {
                write_tick(symbol, &ticks[sent], 1, FieldSet::ALL, out);
                sent += 1;
            }
            sent
        };
        frame.rx.extend(ticks[..sent].iter().map(|tick| tick.rx));
        let newest_order = ticks[..sent].last().map_or(0, |tick| tick.order);
        frame.newest_order = frame.newest_order.max(newest_order);
        sent
    }

    fn gap(&mut self, symbol: &Symbol, from: u64, to: u64, reason: GapReason) {
        let out = &mut self.frame_mut().bytes;
        out.extend_from_slice(br#"{"type":"gap","symbol":""#);
        out.extend_from_slice(symbol.as_str().as_bytes());
        out.extend_from_slice(br#"","from":"#);
        write_int(from, out);
        out.extend_from_slice(br#","to":"#);
        write_int(to, out);
        out.extend_from_slice(br#","reason":""#);
        out.extend_from_slice(reason.label().as_bytes());
        out.extend_from_slice(b"\"},");
    }
}
