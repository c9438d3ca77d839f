//! Frames into a [`Mirror`], and the events that come out, one after another.

use super::Mirror;
use crate::{
    event::Event,
    json::{MessageError, Messages},
};

/// The events of one frame, in order. What is not asked for is taken in all the same when this is dropped.
#[derive(Debug)]
pub struct Events<'a> {
    mirror: &'a mut Mirror,
    messages: Messages<'a>,
    now_nanos: i64,
}

// === impl Mirror ===

impl Mirror {
    /// Takes in a frame that came at `now_nanos` since 1970 by this machine's clock.
    pub fn receive<'a>(&'a mut self, frame: &'a str, now_nanos: i64) -> Events<'a> {
        self.totals.bytes += frame.len() as u64;
        Events { mirror: self, messages: Messages::new(frame), now_nanos }
    }
}

// === impl Events ===

impl Events<'_> {
    /// The next event; `None` behind the last one.
    ///
    /// # Errors
    /// When the frame is no array of messages. What stood before the fault has been taken in; there is no event behind it.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, MessageError> {
        match self.messages.next().transpose()? {
            None => Ok(None),
            Some(message) => self.mirror.take(message, self.now_nanos).map(Some),
        }
    }

    /// The mirror as it stands between two events.
    pub fn mirror(&self) -> &Mirror {
        self.mirror
    }
}

impl Drop for Events<'_> {
    fn drop(&mut self) {
        while let Some(Ok(message)) = self.messages.next() {
            // Whoever stops listening does not hear of faults either.
            let _unheard = self.mirror.take(message, self.now_nanos);
        }
    }
}
