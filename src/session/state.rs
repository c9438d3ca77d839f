//! [`Session`]: a shard's state of one session. Small, because most sessions are idle.

use std::{rc::Rc, sync::Arc, task::Waker};

use flate2::Crc;

use super::{
    dialect::DialectSession,
    inbound::{budget::Budget, job::Jobs},
    node::NodeState,
    outbound::window::{DataHold, FIRST_MARK, FIRST_SMALL, ReadWindow, Sent},
    peer::Peer,
    users::UserPermit,
};
use crate::{
    access::{ProductCounts, Rights, SharedRights, user_share::UserShare},
    fanout::FrameTally,
    planted::{Fault, is_planted},
    tick::Nanos,
    topic::readers::JoinedReader,
    wire::{CloseReason, Encoding, ReceiptTimes, compression::gzip, control::Pace, faulty::FaultyMessages},
};

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and none rules out another")]
pub struct Session<S> {
    pub transport: Transport<S>,
    pub peer: Peer,
    pub opened_at: Nanos,
    /// The session's number in this process, as `welcome` shows it.
    pub number: u64,
    /// Control frames ready to be written.
    pub control: Vec<u8>,
    pub control_frames: u32,
    /// The rest of a partial write, from `rest_at` on.
    pub rest: Vec<u8>,
    pub rest_at: usize,
    pub rest_frames: u32,
    /// Event streams: order of the newest tick sent.
    pub newest_order: u64,
    /// Gzip streams: checksum of all plain bytes queued so far. `None` for others, and after queued bytes were dropped:
    /// the stream then has no proper end.
    pub plain: Option<Box<Crc>>,
    /// The data frame in `rest`, recorded when its last byte is out.
    pub in_flight: Option<Box<InFlight>>,
    /// The socket accepts no more for now.
    pub blocked: bool,
    /// Why no data is sent for now, although the socket may accept some.
    pub hold: DataHold,
    /// Data frames given to the socket, including the one in `rest`.
    pub data_frames: u64,
    /// From this [cost](Sent::cost) on, the window is consulted before a frame, and the frame is marked.
    pub check_at: u64,
    /// From this cost on, frames are small.
    pub small_at: u64,
    /// Limits how far the client is sent ahead of what it has read; `None` until a substantial amount was sent.
    pub window: Option<Box<ReadWindow>>,
    /// A pong was received.
    pub answers_pings: bool,
    pub closing: Option<Closing>,
    pub pace: Pace,
    /// Since when the session has had pending data without a break.
    pub behind_since: Option<Nanos>,
    /// Since when, within that, its socket has refused bytes: frames are then small. A full window alone does not make
    /// frames small: it decides that itself, and a client that keeps up may fill its first one.
    pub refused_since: Option<Nanos>,
    /// When the socket last accepted a byte, the client proved that it reads, or nothing was pending.
    pub progress_at: Nanos,
    /// Unacknowledged bytes in the kernel at the last check. When they fall, the peer is receiving.
    pub unacknowledged_bytes: usize,
    /// When the socket last refused a byte.
    pub blocked_at: Nanos,
    /// When the last frame with a message was sent, by the market's clock. Pings and pongs do not count, because web
    /// pages never see them.
    pub frame_at: Nanos,
    pub heard_at: Nanos,
    pub pinged_at: Nanos,
    pub budget: Budget,
    /// Set once the session has subscribed: counts it among the readers.
    pub joined: Option<JoinedReader>,
    pub frames_sent: u64,
    pub bytes_sent: u64,
    /// Messages accepted by the socket and not yet reported to the audit.
    pub unreported_uses: ProductCounts,
    /// The audit has recorded its start, so it must record its end.
    pub is_audited: bool,
    /// Backpressure: reading resumes when the control queue, or the list of commands, has room again.
    pub reading_held: bool,
    /// Unanswered commands; `None` when there are none.
    pub jobs: Option<Box<Jobs>>,
    /// The rights given by its token.
    pub rights: SharedRights,
    /// Its slot among the user's sessions, if the token limits these.
    pub user: Option<Box<UserPermit>>,
    /// Usage shared with the user's other sessions; `None` for users without a name.
    pub share: Option<Arc<UserShare>>,
    /// It needs a token, and none has come yet.
    pub awaits_token: bool,
    /// It was warned that its token expires soon.
    pub is_warned: bool,
    /// Pending bytes in `control` and `rest` reveal symbols that need the right to read them.
    pub discloses_symbols: bool,
    /// Set in sessions that speak a venue's protocol.
    pub dialect: Option<Box<DialectSession>>,
}

/// A socket, and the encoding of its output.
pub struct Transport<S> {
    pub stream: Rc<S>,
    pub encoding: Encoding,
    /// Waker of the session's task, which reads, and resumes writing when the socket is writable again.
    pub waker: Option<Waker>,
}

/// A data frame that the socket accepted only in part.
pub struct InFlight {
    pub tally: FrameTally,
    pub rx: Vec<Nanos>,
    pub receipt_times: ReceiptTimes,
    pub uses: ProductCounts,
}

/// A closing session: it is sent its close, and no more data.
#[derive(Clone, Copy, Debug)]
pub struct Closing {
    pub reason: CloseReason,
    pub since: Nanos,
    /// When the connection is dropped, whatever the client has read.
    pub deadline: Nanos,
    /// The write side is shut down. Further input is discarded, so that no reset destroys the close frame.
    pub is_sent: bool,
}

/// A replay stops waiting for a client that accepts no byte for this long, if `limits.progress` has not ended it
/// before.
const WAITED_FOR_NANOS: u64 = 10_000_000_000;

impl<S> Session<S> {
    /// `now` is the machine's clock.
    pub fn new(node: &NodeState, transport: Transport<S>, peer: Peer, number: u64, now: Nanos) -> Self {
        let budget = Budget::new(&node.limits, now);
        let has_window = transport.encoding.has_window();
        let plain = transport.encoding.is_gzip().then(Box::default);
        Session {
            transport,
            peer,
            opened_at: now,
            number,
            control: Vec::new(),
            control_frames: 0,
            rest: Vec::new(),
            rest_at: 0,
            rest_frames: 0,
            newest_order: 0,
            plain,
            in_flight: None,
            blocked: false,
            hold: DataHold::None,
            data_frames: 0,
            check_at: if has_window { FIRST_MARK } else { u64::MAX },
            small_at: if has_window { FIRST_SMALL } else { u64::MAX },
            window: None,
            answers_pings: false,
            closing: None,
            pace: Pace::Live,
            behind_since: None,
            refused_since: None,
            progress_at: now,
            unacknowledged_bytes: 0,
            blocked_at: now,
            frame_at: node.market.at(now),
            heard_at: now,
            pinged_at: now,
            budget,
            joined: None,
            frames_sent: 0,
            bytes_sent: 0,
            unreported_uses: ProductCounts::default(),
            is_audited: false,
            reading_held: false,
            jobs: None,
            rights: Rights::nothing(),
            user: None,
            share: None,
            awaits_token: false,
            is_warned: false,
            discloses_symbols: false,
            dialect: None,
        }
    }

    pub fn encoding(&self) -> Encoding {
        self.transport.encoding
    }

    /// Queues bytes of this session alone after its control messages: what `write` appends.
    pub fn write_own(&mut self, write: impl FnOnce(Encoding, &mut Vec<u8>)) {
        let encoding = self.encoding();
        if !encoding.is_gzip() {
            return write(encoding, &mut self.control);
        }
        let mut plain = Vec::new();
        write(encoding, &mut plain);
        self.make_part(&mut plain);
        self.control.extend_from_slice(&plain);
    }

    /// Wraps this session's own next bytes as a part of its gzip stream.
    pub fn make_part(&mut self, bytes: &mut Vec<u8>) {
        if !self.encoding().is_gzip() || bytes.is_empty() {
            return;
        }
        if let Some(sum) = &mut self.plain {
            sum.update(bytes);
        }
        let plain = std::mem::take(bytes);
        gzip::write_stored(&plain, bytes);
    }

    /// Adds a part, sent or queued next, to the stream's checksum.
    pub fn note_part(&mut self, plain: &Crc) {
        if let Some(sum) = &mut self.plain {
            sum.combine(plain);
        }
    }

    /// Bytes of the session that wait for the socket.
    pub fn waiting_bytes(&self) -> usize {
        let faults = self.dialect.as_deref().and_then(|dialect| dialect.faults.as_deref());
        self.control.len() + self.rest.len() - self.rest_at + faults.map_or(0, FaultyMessages::ready_bytes)
    }

    pub fn sent(&self) -> Sent {
        Sent { bytes: self.bytes_sent, frames: self.data_frames }
    }

    /// Whether its socket or its window stops it from sending.
    pub fn is_stopped(&self) -> bool {
        self.blocked || self.hold == DataHold::Window
    }

    /// Whether its close is sent and its write side shut down.
    pub fn is_close_sent(&self) -> bool {
        self.closing.is_some_and(|closing| closing.is_sent)
    }

    /// Whether a command is running: the data that it causes must follow its answer.
    pub fn holds_data(&self) -> bool {
        let is_wrong = is_planted(Fault::DataBeforeAnswer);
        self.jobs.as_ref().is_some_and(|jobs| jobs.running.is_some()) && !is_wrong
    }

    /// Whether something that needs its rights is partly written, or pending.
    pub fn owes_what_rights_allow(&self) -> bool {
        self.in_flight.is_some() || self.discloses_symbols
    }

    pub fn is_open(&self) -> bool {
        self.closing.is_none()
    }

    /// When the client last accepted a due byte; after its last byte, when the close was sent that it has yet to
    /// answer. `now` if nothing is due.
    pub fn took_at(&self, now: Nanos) -> Nanos {
        if self.blocked {
            return self.progress_at;
        }
        self.closing.map_or(now, |closing| closing.since)
    }

    /// Whether a lossless replay still waits for this session: not if it accepts no bytes.
    pub fn is_waited_for(&self, now: Nanos) -> bool {
        let stalled_since = self.is_stopped().then_some(self.progress_at);
        self.closing.is_none() && stalled_since.is_none_or(|since| now.since(since) < WAITED_FOR_NANOS)
    }

    pub fn wake(&mut self) {
        if let Some(waker) = &self.transport.waker {
            waker.wake_by_ref();
        }
    }
}
