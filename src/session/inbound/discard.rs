//! Discards input, only to learn that the client has disconnected, or has answered a close.

use std::{
    io,
    task::{Context, Poll},
};

use super::{boundary::Boundary, read::MESSAGES_A_TURN};
use crate::{
    fanout::SessionKey,
    session::{core::Core, socket::SessionSocket},
    wire::CloseReason,
};

impl<S: SessionSocket> Core<S> {
    /// Discards input after our close, until the client closes its side or sends its own close.
    pub(super) fn poll_close(
        &mut self,
        key: SessionKey,
        stream: &S,
        boundary: &mut Boundary,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        self.flush(key);
        for _ in 0..MESSAGES_A_TURN {
            let Some(session) = self.session(key) else { return Poll::Ready(()) };
            if session.is_close_sent() && boundary.has_closed() {
                // Both sides have closed: the server ends the connection first (RFC 6455, 7.1.1).
                self.drop_session(key, CloseReason::Gone);
                continue;
            }
            let mut sink = [0; 4096];
            match stream.receive(&mut sink) {
                Ok(bytes @ 1..) => {
                    boundary.pass(&mut sink[..bytes], |_| ());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if stream.poll_readable(context).is_pending() {
                        return Poll::Pending;
                    }
                }
                Ok(0) | Err(_) => self.drop_session(key, CloseReason::Gone),
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Discards the input of an event stream, at most `left_bytes` of it.
    pub fn discard_input(
        &mut self,
        key: SessionKey,
        stream: &S,
        left_bytes: &mut usize,
        context: &mut Context<'_>,
    ) {
        let mut sink = [0; 1024];
        while *left_bytes > 0 {
            let read = match stream.poll_readable(context) {
                Poll::Pending => return,
                Poll::Ready(ready) => ready.and_then(|()| stream.receive(&mut sink)),
            };
            match read {
                Ok(0) => {
                    *left_bytes = 0;
                    self.probe(key);
                }
                Ok(bytes) => *left_bytes = left_bytes.saturating_sub(bytes),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return self.drop_session(key, CloseReason::Gone),
            }
        }
        if self.session(key).is_some_and(|session| session.is_close_sent()) {
            self.drop_session(key, CloseReason::Gone);
        }
    }

    /// Sends a comment after the client has closed its side: it may still read, or be gone. If it is gone, a reset
    /// follows, and the next write fails.
    fn probe(&mut self, key: SessionKey) {
        if let Some(session) = self.session(key).filter(|session| session.is_open()) {
            session.write_own(|_, out| out.extend_from_slice(b":\n\n"));
        }
    }
}
