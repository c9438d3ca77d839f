//! What a group of clients has received, and which frames hold data.

use hdrhistogram::Histogram;

/// How a server's frames are to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// Arrays of messages; data and control never share a frame, so a frame's first message says what all are.
    Tickcast,
    /// Each frame is one line of the feed; what is no object is not data.
    Lines,
    /// The NATS protocol; of its own objects there is one, in `INFO`, before all else.
    Nats,
    /// JSON of Centrifugo, a message a line: a push is a tick within three objects, an answer to a command one within
    /// another, a ping an empty one, which the client is to answer alike.
    Centrifuge,
    /// tickcast's binary data; control in arrays as before.
    TickcastBinary,
    /// A tick of a fixed layout a frame; text is not data.
    Fixed,
    /// A venue's protocol: each message has this once, and nothing else does.
    Venue(&'static [u8]),
}

/// What a frame holds.
#[derive(Clone, Copy, Default)]
pub struct Holds {
    pub messages: u64,
    pub answers: u64,
    pub pings: u64,
}

/// The answer to a ping that is a message.
pub const PONG: &[u8] = b"{}";

/// The first bytes of a frame: enough to know what is in it.
#[derive(Default)]
pub struct Prefix {
    bytes: [u8; PREFIX_BYTES],
    length: usize,
}

/// The shortest text that distinguishes all of tickcast's messages.
pub const PREFIX_BYTES: usize = 12;

/// Counts since the last look. A message is a tick's object: these are flat, so that each has one `{` of its own.
pub struct Tally {
    pub messages: u64,
    /// Of all frames, heads included.
    pub bytes: u64,
    pub reads: u64,
    /// Frames of data whose messages were counted.
    pub frames: u64,
    /// Frames that were compressed, and are not among those: who does not look closely inflates nothing.
    pub unread: u64,
    /// Messages that do not follow those before them, of the clients that are sampled; of binary data alone.
    pub out_of_order: u64,
    /// From `ts` to the read that completed the message's frame, in microseconds; of the clients that are sampled.
    pub ages_us: Histogram<u64>,
    /// Connections that the server ended.
    pub gone: u64,
    /// Handshakes of TLS that went on from an earlier one.
    pub resumed: u64,
}

impl Prefix {
    pub fn clear(&mut self) {
        self.length = 0;
    }

    pub fn add(&mut self, bytes: &[u8]) {
        let taken = bytes.len().min(PREFIX_BYTES - self.length);
        self.bytes[self.length..self.length + taken].copy_from_slice(&bytes[..taken]);
        self.length += taken;
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Dialect {
    /// Whether its data are not text.
    pub fn is_binary(self) -> bool {
        matches!(self, Dialect::TickcastBinary | Dialect::Fixed)
    }

    /// What a frame holds that begins so and has so many objects.
    pub fn holds(self, begin: &[u8], objects: u64) -> Holds {
        let is_data = match self {
            Dialect::Tickcast | Dialect::TickcastBinary => {
                TICKCAST_DATA.iter().any(|data| begin.starts_with(*data))
            }
            Dialect::Lines => begin.starts_with(b"{"),
            Dialect::Nats => !begin.starts_with(b"INFO"),
            Dialect::Fixed | Dialect::Venue(_) => false,
            Dialect::Centrifuge => return centrifuge(begin, objects),
        };
        Holds { messages: if is_data { objects } else { 0 }, ..Holds::default() }
    }
}

/// Pushes may be joined with pings, whose number is below that of a push's objects.
fn centrifuge(begin: &[u8], objects: u64) -> Holds {
    const OBJECTS_A_PUSH: u64 = 4;
    const OBJECTS_AN_ANSWER: u64 = 2;
    if begin.starts_with(br#"{"id":"#) {
        return Holds { answers: objects / OBJECTS_AN_ANSWER, ..Holds::default() };
    }
    Holds { messages: objects / OBJECTS_A_PUSH, pings: objects % OBJECTS_A_PUSH, answers: 0 }
}

const TICKCAST_DATA: [&[u8; PREFIX_BYTES]; 3] = [br#"[{"type":"up"#, br#"[{"type":"sn"#, br#"[{"type":"ga"#];

impl Default for Tally {
    fn default() -> Tally {
        let ages_us = Histogram::new_with_bounds(1, 600_000_000, 3).expect("bounds are in order");
        Tally {
            messages: 0,
            bytes: 0,
            reads: 0,
            frames: 0,
            unread: 0,
            out_of_order: 0,
            ages_us,
            gone: 0,
            resumed: 0,
        }
    }
}

impl Tally {
    /// Of one message. A clock that was set back in between makes no negative age.
    pub fn age(&mut self, ts_us: u64, now_us: u64) {
        self.ages_us.saturating_record(now_us.saturating_sub(ts_us));
    }

    pub fn add(&mut self, more: &Tally) {
        self.messages += more.messages;
        self.bytes += more.bytes;
        self.reads += more.reads;
        self.frames += more.frames;
        self.unread += more.unread;
        self.out_of_order += more.out_of_order;
        self.gone += more.gone;
        self.resumed += more.resumed;
        // Both have the same bounds.
        let _ = self.ages_us.add(&more.ages_us);
    }

    pub fn age_ms(&self, quantile: f64) -> f64 {
        self.ages_us.value_at_quantile(quantile) as f64 / 1e3
    }
}
