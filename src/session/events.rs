//! Sessions for clients without WebSocket: the same messages as server-sent events, pulled by HTTP.
//!
//! HTTP asks for the next piece when the socket has taken the last one, so the rule is the same: what waits is a
//! cursor. A frame counts as delivered when HTTP has taken it; its buffer holds at most a few frames.

use std::{
    net::IpAddr,
    pin::Pin,
    rc::Rc,
    sync::atomic::Ordering,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::Notify;

use super::{
    budget::Budget,
    core::Core,
    places::Place,
    shard::Shard,
    state::{Session, Transport},
};
use crate::{
    fanout::SessionKey,
    wire::{CloseReason, FrameSize, Framing},
};

/// The body of an event stream; the session ends with it.
pub struct EventBody {
    shard: Rc<Shard>,
    key: SessionKey,
    _place: Place,
}

impl EventBody {
    /// Opens a session and subscribes it. `kill` ends the connection when the client takes nothing.
    pub fn open(shard: &Rc<Shard>, peer: IpAddr, place: Place, command: &str, kill: Rc<Notify>) -> Self {
        let now = shard.shared.clock.now();
        let number = shard.shared.session_numbers.fetch_add(1, Ordering::Relaxed);
        let transport = Transport::Events { waker: None, wanted_since: None, kill };
        let budget = Budget::new(&shard.shared.limits, now);
        let mut core = shard.core.borrow_mut();
        let session = Session::new(transport, peer, number, budget, now, shard.shared.market.at(now));
        let key = core.open(session, Vec::new());
        core.command(key, command, now);
        EventBody { shard: Rc::clone(shard), key, _place: place }
    }
}

impl Body for EventBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let polled = self.shard.core.borrow_mut().pull(self.key, context);
        if self.shard.shared.ingest.readers.is_watched() {
            self.shard.wake();
        }
        polled.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl Drop for EventBody {
    fn drop(&mut self) {
        self.shard.core.borrow_mut().drop_session(self.key, CloseReason::Gone);
    }
}

impl Core {
    /// The next piece for an event stream: control first, then data; `None` at its end.
    fn pull(&mut self, key: SessionKey, context: &Context<'_>) -> Poll<Option<Bytes>> {
        let now = self.shared.clock.now();
        let Some(session) = self.session(key) else { return Poll::Ready(None) };
        let Transport::Events { waker, wanted_since, .. } = &mut session.transport else {
            return Poll::Ready(None);
        };
        *waker = Some(context.waker().clone());
        *wanted_since = None;
        session.progress_at = now;
        if !session.control.is_empty() {
            let bytes = std::mem::take(&mut session.control);
            let frames = std::mem::take(&mut session.control_frames);
            return Poll::Ready(Some(self.pulled(key, bytes.into(), frames)));
        }
        if session.closing.is_some() {
            return Poll::Ready(None);
        }
        if session.holds_data() {
            return Poll::Pending;
        }
        self.framer.begin(FrameSize::Full, Framing::Events);
        let market = self.shared.market.at(now);
        let tally = self.fanout.fill(key, market, &*self.shared.ingest, &mut self.framer);
        let Some(frame) = self.framer.finish() else { return Poll::Pending };
        let bytes = Bytes::copy_from_slice(frame.bytes);
        self.fanout.accepted(&tally);
        self.stats.ages.observe(frame.rx, frame.taken_in, market);
        Poll::Ready(Some(self.pulled(key, bytes, 1)))
    }

    fn pulled(&mut self, key: SessionKey, bytes: Bytes, frames: u32) -> Bytes {
        let now = self.shared.market.now();
        if let Some(session) = self.session(key) {
            session.frame_at = now;
            session.frames_sent += u64::from(frames);
            session.bytes_sent += bytes.len() as u64;
        }
        self.stats.frames_sent += u64::from(frames);
        self.stats.bytes_sent += bytes.len() as u64;
        bytes
    }
}
