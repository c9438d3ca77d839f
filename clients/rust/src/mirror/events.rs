//! Frames into a [`Mirror`], and the events that come out, one after another.

use super::Mirror;
use crate::{
    binary::{Decoder, Frame},
    event::Event,
    json::{MessageError, Messages},
    message::Message,
};

/// The events of one frame, in order. When this is dropped, the rest of the frame is applied to the mirror all the same.
#[derive(Debug)]
pub struct Events<'a> {
    mirror: &'a mut Mirror,
    frame: Reading<'a>,
    now_nanos: i64,
}

/// A frame under way.
#[derive(Debug)]
enum Reading<'a> {
    Text(Messages<'a>),
    /// With the mirror's decoder, which messages borrow from while the mirror changes.
    Binary(Frame<'a>, Decoder),
}

// === impl Mirror ===

impl Mirror {
    /// Takes a text frame that was received at `now_nanos`, in nanoseconds since 1970 by this machine's clock.
    pub fn receive<'a>(&'a mut self, frame: &'a str, now_nanos: i64) -> Events<'a> {
        self.totals.bytes += frame.len() as u64;
        Events { mirror: self, frame: Reading::Text(Messages::new(frame)), now_nanos }
    }

    /// As [`receive`](Self::receive), of a binary frame.
    pub fn receive_binary<'a>(&'a mut self, frame: &'a [u8], now_nanos: i64) -> Events<'a> {
        self.totals.bytes += frame.len() as u64;
        let decoder = std::mem::take(&mut self.decoder);
        Events { frame: Reading::Binary(decoder.begin(frame), decoder), mirror: self, now_nanos }
    }
}

// === impl Events ===

impl Events<'_> {
    /// The next event; `None` after the last one.
    ///
    /// # Errors
    /// When the frame is not an array of messages. The messages before the fault are applied, and no event follows it.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, MessageError> {
        match self.frame.next_message()? {
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
        while let Ok(Some(message)) = self.frame.next_message() {
            // A caller that drops the events does not get their errors either.
            let _unheard = self.mirror.take(message, self.now_nanos);
        }
        if let Reading::Binary(_, decoder) = &mut self.frame {
            self.mirror.decoder = std::mem::take(decoder);
        }
    }
}

// === impl Reading ===

impl Reading<'_> {
    fn next_message(&mut self) -> Result<Option<Message<'_>>, MessageError> {
        match self {
            Reading::Text(messages) => messages.next().transpose(),
            Reading::Binary(frame, decoder) => Ok(decoder.next_message(frame)?),
        }
    }
}
