//! Data frames, ready for the socket, header and all.
//!
//! A [`Framer`] builds one frame at a time in a buffer that it keeps, so that no delivery allocates. What several
//! sessions get alike is encoded once: a topic's whole record, its last tick, and its newest ticks one after another,
//! of which a session copies the stretch it needs at one go.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::message::{SNAPSHOT, UPDATE, write_end, write_head, write_int, write_some, write_tick};
use crate::{
    fanout::{Emit, FRAMES_KEPT, GapReason, LocalId},
    tick::{FieldSet, Nanos, Symbol},
    topic::{Record, Stamped},
};

/// How a frame is wrapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// A WebSocket text frame.
    WebSocket,
    /// An event of a `text/event-stream`.
    Events,
}

/// How much one frame may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameSize {
    /// As much as the limit allows: the fewer frames, the less they cost.
    Full,
    /// A little: the client is behind, and what is chosen later is fresher.
    Small,
}

pub struct Framer {
    /// The frame at hand, unless it is a kept one.
    frame: Frame,
    /// Frames that may be sent once more, by their numbers.
    kept: [Frame; FRAMES_KEPT],
    /// The frame at hand is this kept one.
    repeats: Option<usize>,
    /// The frame at hand is to be kept under this number.
    keep_as: Option<usize>,
    payload_bytes_max: usize,
    framing: Framing,
    /// By local topic.
    cached: Vec<Cached>,
}

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
}

/// When the messages of a frame were taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TakenIn {
    pub oldest: Nanos,
    pub newest: Nanos,
    pub count: u64,
    /// Of nanoseconds since the oldest.
    pub since_oldest_sum: u64,
}

/// A frame that is ready to be sent.
pub struct Ready<'a> {
    pub bytes: &'a [u8],
    /// Of each message, when its newest tick was taken in.
    pub rx: &'a [Nanos],
    pub taken_in: TakenIn,
}

/// A topic's messages as bytes.
#[derive(Default)]
struct Cached {
    /// What stands between `{"type":"…",` and `}` in a message with the whole record as of `record_seq`.
    record: Vec<u8>,
    record_seq: u64,
    /// The message of the one tick `tick_seq`.
    tick: Vec<u8>,
    tick_seq: u64,
    /// The messages of consecutive ticks from `run_first` on, each with its comma, and where each ends.
    run: Vec<u8>,
    run_ends: Vec<u32>,
    run_first: u64,
}

/// A client that is behind gets frames of this size, in bytes: what is encoded can no longer be conflated.
const SMALL_FRAME_BYTES: usize = 4 * 1024;
/// A WebSocket header of a server has at most 10 bytes; `data: ` has 6.
const HEAD_BYTES: usize = 10;
/// More than the longest message that one call of [`Emit`] adds, a gap and a snapshot together.
const MESSAGE_BYTES_MAX: usize = 1024;
/// A topic's run of encoded ticks is begun anew beyond this.
const RUN_BYTES_MAX: usize = 8 * 1024;

impl Framer {
    /// `payload_bytes_max`: of one frame; at least 2 KiB.
    pub fn new(payload_bytes_max: usize) -> Self {
        Framer {
            frame: Frame::default(),
            kept: Default::default(),
            repeats: None,
            keep_as: None,
            payload_bytes_max: payload_bytes_max.max(2 * MESSAGE_BYTES_MAX),
            framing: Framing::WebSocket,
            cached: Vec::new(),
        }
    }

    /// Begins a frame; an unfinished one is forgotten.
    pub fn begin(&mut self, size: FrameSize, framing: Framing) {
        self.frame.room_bytes = match size {
            FrameSize::Full => self.payload_bytes_max,
            FrameSize::Small => SMALL_FRAME_BYTES.min(self.payload_bytes_max),
        };
        self.framing = framing;
        (self.repeats, self.keep_as) = (None, None);
        self.frame.rx.clear();
        self.frame.wrapped = None;
        self.frame.bytes.clear();
        self.frame.bytes.extend_from_slice(&[0; HEAD_BYTES]);
        self.frame.bytes.push(b'[');
    }

    /// Ends the frame. `None` when it has no message.
    pub fn finish(&mut self) -> Option<Ready<'_>> {
        if self.repeats.is_none() {
            // Each message has left a comma behind it.
            if self.frame.bytes.len() <= HEAD_BYTES + 1 {
                return None;
            }
            debug_assert!(
                self.frame.payload_bytes() <= self.payload_bytes_max,
                "longer than MESSAGE_BYTES_MAX"
            );
            self.frame.wrap(self.framing);
            if let Some(number) = self.keep_as.take() {
                std::mem::swap(&mut self.frame, &mut self.kept[number]);
                self.repeats = Some(number);
            }
        }
        let frame = self.repeats.map_or(&self.frame, |number| &self.kept[number]);
        Some(Ready { bytes: &frame.bytes[frame.start..], rx: &frame.rx, taken_in: frame.taken_in })
    }

    fn cached(&mut self, topic: LocalId) -> &mut Cached {
        let index = topic.0 as usize;
        if index >= self.cached.len() {
            self.cached.resize_with(index + 1, Cached::default);
        }
        &mut self.cached[index]
    }

    fn whole_record(&mut self, topic: LocalId, symbol: &Symbol, record: &Record, kind: &[u8], n: u64) {
        let mut out = std::mem::take(&mut self.frame.bytes);
        out.extend_from_slice(kind);
        let cached = self.cached(topic);
        if cached.record_seq != record.seq {
            cached.record.clear();
            write_head(symbol, record.seq, record.ts, record.rx, &mut cached.record);
            record.fields.write_json(FieldSet::ALL, &mut cached.record);
            cached.record_seq = record.seq;
        }
        out.extend_from_slice(&cached.record);
        write_end(n, &mut out);
        self.frame.bytes = out;
        self.frame.rx.push(record.rx);
    }

    fn some_fields(&mut self, symbol: &Symbol, record: &Record, wanted: FieldSet, kind: &[u8], n: u64) {
        write_some(kind, symbol, record, wanted, n, &mut self.frame.bytes);
        self.frame.rx.push(record.rx);
    }
}

impl TakenIn {
    pub fn of(rx: &[Nanos]) -> Self {
        let oldest = rx.iter().copied().min().unwrap_or_default();
        TakenIn {
            oldest,
            newest: rx.iter().copied().max().unwrap_or_default(),
            count: rx.len() as u64,
            since_oldest_sum: rx.iter().map(|rx| rx.since(oldest)).sum(),
        }
    }
}

impl Frame {
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

const EVENT_HEAD: &[u8] = b"data: ";
const EVENT_TAIL: &[u8] = b"\n\n";

impl Emit for Framer {
    fn has_room(&self) -> bool {
        self.frame.has_room()
    }

    fn keep(&mut self, number: usize) {
        self.keep_as = Some(number);
    }

    fn repeat(&mut self, number: usize) -> bool {
        let kept = &self.kept[number];
        // One that is full may have left something over that another room would have held.
        let fits = kept.wrapped == Some(self.framing)
            && kept.payload_bytes() <= self.frame.room_bytes
            && (kept.has_room() || kept.room_bytes == self.frame.room_bytes);
        self.repeats = fits.then_some(number);
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
        let mut out = std::mem::take(&mut self.frame.bytes);
        let cached = self.cached(topic);
        if cached.tick_seq != record.seq {
            cached.tick.clear();
            write_some(UPDATE, symbol, record, record.changed, 1, &mut cached.tick);
            cached.tick_seq = record.seq;
        }
        out.extend_from_slice(&cached.tick);
        self.frame.bytes = out;
        self.frame.rx.push(record.rx);
    }

    fn tick(&mut self, symbol: &Symbol, tick: &Stamped, n: u64, wanted: FieldSet) {
        self.frame.rx.push(tick.rx);
        write_tick(symbol, tick, n, wanted, &mut self.frame.bytes);
    }

    fn run(&mut self, topic: LocalId, symbol: &Symbol, ticks: &[Stamped]) -> usize {
        let Some(first) = ticks.first() else { return 0 };
        let room = (self.frame.room_bytes + HEAD_BYTES).saturating_sub(self.frame.bytes.len() + 1);
        let mut out = std::mem::take(&mut self.frame.bytes);
        let cached = self.cached(topic);
        let sent = if cached.covers(first.seq) {
            cached.extend(symbol, ticks);
            cached.copy(first.seq, ticks.len(), room, &mut out)
        } else {
            // Older than what is encoded: a client that catches up, alone.
            let limit = out.len() + room.saturating_sub(MESSAGE_BYTES_MAX);
            let mut sent = 0;
            while sent < ticks.len() && out.len() <= limit {
                write_tick(symbol, &ticks[sent], 1, FieldSet::ALL, &mut out);
                sent += 1;
            }
            sent
        };
        self.frame.bytes = out;
        self.frame.rx.extend(ticks[..sent].iter().map(|tick| tick.rx));
        sent
    }

    fn gap(&mut self, symbol: &Symbol, from: u64, to: u64, reason: GapReason) {
        let out = &mut self.frame.bytes;
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

impl Cached {
    /// Whether a run from `seq` on can be served from here, once it is extended; an outgrown run is begun anew.
    fn covers(&mut self, seq: u64) -> bool {
        let end = self.run_first + self.run_ends.len() as u64;
        if seq > end || (seq == end && self.run.len() > RUN_BYTES_MAX) || self.run_ends.is_empty() {
            self.run_first = seq;
            self.run.clear();
            self.run_ends.clear();
            self.run.shrink_to(2 * RUN_BYTES_MAX);
        }
        seq >= self.run_first
    }

    fn extend(&mut self, symbol: &Symbol, ticks: &[Stamped]) {
        let end = self.run_first + self.run_ends.len() as u64;
        for tick in ticks.iter().filter(|tick| tick.seq >= end) {
            write_tick(symbol, tick, 1, FieldSet::ALL, &mut self.run);
            self.run_ends.push(u32::try_from(self.run.len()).unwrap_or(u32::MAX));
        }
    }

    /// Copies at most `count` whole messages from `seq` on into `room` bytes; says how many.
    fn copy(&self, seq: u64, count: usize, room: usize, out: &mut Vec<u8>) -> usize {
        let first = (seq - self.run_first) as usize;
        let start = if first == 0 { 0 } else { self.run_ends[first - 1] as usize };
        let ends = &self.run_ends[first..first + count];
        let fitting = ends.partition_point(|&end| end as usize - start <= room);
        if fitting > 0 {
            out.extend_from_slice(&self.run[start..ends[fitting - 1] as usize]);
        }
        fitting
    }
}

/// Appends a control frame or a text frame with this payload.
pub fn write_frame(opcode: OpCode, payload: &[u8], out: &mut Vec<u8>) {
    let mut head = [0; HEAD_BYTES];
    let head_bytes = write_header(opcode, payload.len(), &mut head);
    out.extend_from_slice(&head[..head_bytes]);
    out.extend_from_slice(payload);
}

/// Appends a frame of a control message.
pub fn write_control(
    message: &super::Control<'_>,
    framing: Framing,
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
) {
    scratch.clear();
    message.write(scratch);
    match framing {
        Framing::WebSocket => write_frame(OpCode::Data(Data::Text), scratch, out),
        Framing::Events => {
            out.extend_from_slice(EVENT_HEAD);
            out.extend_from_slice(scratch);
            out.extend_from_slice(EVENT_TAIL);
        }
    }
}

pub fn write_ping(out: &mut Vec<u8>) {
    write_frame(OpCode::Control(Control::Ping), b"", out);
}

pub fn write_close(reason: super::CloseReason, out: &mut Vec<u8>) {
    let mut payload = reason.code().to_be_bytes().to_vec();
    payload.extend_from_slice(reason.phrase().as_bytes());
    write_frame(OpCode::Control(Control::Close), &payload, out);
}

/// The last event of an event stream: why it ends. A browser's `EventSource` comes back by itself.
pub fn write_end_event(reason: super::CloseReason, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: close\ndata: {\"code\":");
    write_int(u64::from(reason.code()), out);
    out.extend_from_slice(b",\"reason\":\"");
    out.extend_from_slice(reason.phrase().as_bytes());
    out.extend_from_slice(b"\"}\n\n");
}

/// The header of a whole frame that a server sends (RFC 6455, 5.2): unmasked, with the shortest length there is.
fn write_header(opcode: OpCode, payload_bytes: usize, head: &mut [u8; HEAD_BYTES]) -> usize {
    const FINAL: u8 = 0x80;
    head[0] = FINAL | u8::from(opcode);
    match payload_bytes {
        0..=125 => {
            head[1] = payload_bytes as u8;
            2
        }
        126..=0xFFFF => {
            head[1] = 126;
            head[2..4].copy_from_slice(&(payload_bytes as u16).to_be_bytes());
            4
        }
        _ => {
            head[1] = 127;
            head[2..].copy_from_slice(&(payload_bytes as u64).to_be_bytes());
            HEAD_BYTES
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;

    use super::*;

    /// As the WebSocket library writes it.
    fn check_header(opcode: OpCode, payload_bytes: usize) {
        let mut head = [0; HEAD_BYTES];
        let head_bytes = write_header(opcode, payload_bytes, &mut head);
        let header =
            FrameHeader { is_final: true, rsv1: false, rsv2: false, rsv3: false, opcode, mask: None };
        let mut expected = Vec::new();
        header.format(payload_bytes as u64, &mut expected).expect("a vector takes it");
        assert_eq!(head[..head_bytes], expected, "{opcode:?} of {payload_bytes} bytes");
    }

    #[test]
    fn headers_are_those_of_the_standard() {
        for payload_bytes in [0, 1, 125, 126, 127, 255, 256, 65_535, 65_536, 1 << 20] {
            check_header(OpCode::Data(Data::Text), payload_bytes);
        }
        check_header(OpCode::Control(Control::Ping), 0);
        check_header(OpCode::Control(Control::Close), 31);
    }

    #[test]
    fn what_a_frame_holds_was_taken_in_between_the_oldest_and_the_newest() {
        let taken_in = TakenIn::of(&[Nanos(7), Nanos(5), Nanos(9)]);
        assert_eq!(taken_in, TakenIn { oldest: Nanos(5), newest: Nanos(9), count: 3, since_oldest_sum: 6 });
    }
}
