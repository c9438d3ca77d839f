//! Frames into a [`Mirror`], and the events that come out, one after another.

use super::Mirror;
use crate::{
    event::Event,
    json::{MessageError, Messages},
};

/// The events of one frame, in order. When this is dropped, the rest of the frame is applied to the mirror all the same.
#[derive(Debug)]
pub struct Events<'a> {
    mirror: &'a mut Mirror,
    messages: Messages<'a>,
    now_nanos: i64,
}

// === impl Mirror ===

impl Mirror {
    /// Takes a frame that was received at `now_nanos`, in nanoseconds since 1970 by this machine's clock.
    pub fn receive<'a>(&'a mut self, frame: &'a str, now_nanos: i64) -> Events<'a> {
        self.totals.bytes += frame.len() as u64;
        Events { mirror: self, messages: Messages::new(frame), now_nanos }
    }
}

// === impl Events ===

impl Events<'_> {
    /// The next event; `None` after the last one.
    ///
    /// # Errors
    /// When the frame is not an array of messages. The messages before the fault are applied, and no event follows it.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, MessageError> {
        match self.messages.next().transpose()? {
            None => Ok(None),
            Some(message) => self.mirror.take(message, self.now_nanos).map(Some),
        }
    }

    /// The mirror, with the events so far applied.
    pub fn mirror(&self) -> &Mirror {
        self.mirror
    }
}

impl Drop for Events<'_> {
    fn drop(&mut self) {
        while let Some(Ok(message)) = self.messages.next() {
            // A caller that drops the events does not get their errors either.
            let _unheard = self.mirror.take(message, self.now_nanos);
        }
    }
}
