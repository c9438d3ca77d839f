//! A shard's state of one session. It is small, because most sessions are idle.

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
    /// Control frames that wait, ready for the socket.
    pub control: Vec<u8>,
    pub control_frames: u32,
    /// The rest of a write that the socket took in part, from `rest_at` on.
    pub rest: Vec<u8>,
    pub rest_at: usize,
    pub rest_frames: u32,
    /// Of an event stream: the order of the newest tick that it was sent.
    pub newest_order: u64,
    /// Of a stream that is one gzip member: the checksum of its plain bytes so far, up to the last that is queued.
    /// `None` for others, and when queued bytes were dropped: it then has no proper end.
    pub plain: Option<Box<Crc>>,
    /// The data frame in `rest`, recorded when its last byte is out.
    pub in_flight: Option<Box<InFlight>>,
    /// The socket takes no more for now.
    pub blocked: bool,
    /// No data is sent for now, although the socket may take some.
    pub hold: DataHold,
    /// Frames of data that were given to the socket, the one in `rest` included.
    pub data_frames: u64,
    /// From this [cost](Sent::cost) on, the window is asked before a frame, and marked behind it.
    pub check_at: u64,
    /// From this cost on, frames are small.
    pub small_at: u64,
    /// How far the client may be sent ahead of what it has read; `None` until it was sent something to speak of.
    pub window: Option<Box<ReadWindow>>,
    /// A pong has come.
    pub answers_pings: bool,
    pub closing: Option<Closing>,
    pub pace: Pace,
    /// Since when the session has had something to send without a break.
    pub behind_since: Option<Nanos>,
    /// Of that, since when its socket has refused bytes: frames are small then. A window that was full is no reason for
    /// small frames: it says itself from where on they are, and a client in step may fill its first one.
    pub refused_since: Option<Nanos>,
    /// When the socket last took a byte, the client proved that it reads, or there was nothing to take.
    pub progress_at: Nanos,
    /// The bytes that the kernel held for the peer at the last check. When they fall, the peer takes bytes.
    pub unacknowledged_bytes: usize,
    /// When the socket last refused a byte.
    pub blocked_at: Nanos,
    /// When the last frame with a message went out, by the market's clock. Pings and pongs do not count, because pages
    /// never see them.
    pub frame_at: Nanos,
    pub heard_at: Nanos,
    pub pinged_at: Nanos,
    pub budget: Budget,
    /// The session has subscribed, and is counted among the readers.
    pub joined: Option<JoinedReader>,
    pub frames_sent: u64,
    pub bytes_sent: u64,
    /// Messages of data that its socket has accepted, and that no account has yet.
    pub unreported_uses: ProductCounts,
    /// Its beginning was recorded, so its end is.
    pub is_audited: bool,
    /// Reading resumes when the control queue, or the list of commands, has room again.
    pub reading_held: bool,
    /// Commands that are not answered yet; `None` when all are.
    pub jobs: Option<Box<Jobs>>,
    /// What its token allows.
    pub rights: SharedRights,
    /// Its place among the sessions of its user, where the token limits those.
    pub user: Option<Box<UserPermit>>,
    /// What it has together with the other sessions of its user; `None` for those without a name.
    pub share: Option<Arc<UserShare>>,
    /// No token has come, and nobody may read without one.
    pub awaits_token: bool,
    /// It was told that its token ends soon.
    pub is_warned: bool,
    /// What waits in `control` and `rest` tells of symbols that only who may read them is told.
    pub discloses_symbols: bool,
    /// Of a session that speaks a venue's protocol.
    pub dialect: Option<Box<DialectSession>>,
}

/// A socket, and how its output is written.
pub struct Transport<S> {
    pub stream: Rc<S>,
    pub encoding: Encoding,
    /// Of the session's task, which reads, and resumes writing when the socket takes bytes again.
    pub waker: Option<Waker>,
}

/// A data frame of which the socket took a part.
pub struct InFlight {
    pub tally: FrameTally,
    pub rx: Vec<Nanos>,
    pub receipt_times: ReceiptTimes,
    pub uses: ProductCounts,
}

/// A session that is closing: it is sent its close, and no more data.
#[derive(Clone, Copy, Debug)]
pub struct Closing {
    pub reason: CloseReason,
    pub since: Nanos,
    /// The connection is dropped at this time, whatever the client has read.
    pub deadline: Nanos,
    /// The write side is shut down. Further input is read and discarded, so that a reset does not destroy the close
    /// frame.
    pub is_sent: bool,
}

/// A replay stops waiting for a client that takes no byte for this long, if `limits.progress` has not ended it before.
const WAITED_FOR_NANOS: u64 = 10_000_000_000;

impl<S> Session<S> {
    /// `now` is by the machine's clock.
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

    /// Queues bytes of this session alone, behind its control messages: what `write` appends.
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

    /// Makes bytes that this session alone is sent next a part of its stream.
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

    /// A part of the stream is sent next, or queued, whose plain bytes have this checksum.
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

    /// It has been sent all that it may be for now, by its socket or its window.
    pub fn is_stopped(&self) -> bool {
        self.blocked || self.hold == DataHold::Window
    }

    /// Its close is sent, and its write side is shut down.
    pub fn is_close_sent(&self) -> bool {
        self.closing.is_some_and(|closing| closing.is_sent)
    }

    /// A command is under way: the data that it calls for follows its answer.
    pub fn holds_data(&self) -> bool {
        let is_wrong = is_planted(Fault::DataBeforeAnswer);
        self.jobs.as_ref().is_some_and(|jobs| jobs.running.is_some()) && !is_wrong
    }

    /// Something that its rights allow is partly written, or waits to be.
    pub fn owes_what_rights_allow(&self) -> bool {
        self.in_flight.is_some() || self.discloses_symbols
    }

    pub fn is_open(&self) -> bool {
        self.closing.is_none()
    }

    /// When the client last took something that was due to it: a byte, or, after its last byte was sent, the time of
    /// the close that it has yet to answer. Now, when nothing is due.
    pub fn took_at(&self, now: Nanos) -> Nanos {
        if self.blocked {
            return self.progress_at;
        }
        self.closing.map_or(now, |closing| closing.since)
    }

    /// Whether a lossless replay still waits for this session: not for one that takes no byte.
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
