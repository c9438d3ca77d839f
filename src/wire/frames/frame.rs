//! [`Frame`]: one frame's bytes, and what is known of its messages. `buffers.rs` owns all frames.
//!
//! Invariant: a finished frame starts at `start` in its bytes, and does not change until it is reused.

use flate2::Crc;

use super::{receipt_times::ReceiptTimes, times::FrameTimes};
use crate::{
    access::{ProductCounts, ProductId},
    tick::Nanos,
    wire::encodings::encoder::HEAD_BYTES,
};

/// A frame, finished or not.
#[derive(Default)]
pub(super) struct Frame {
    /// Room for the header, then the payload.
    pub bytes: Vec<u8>,
    /// The payload limit.
    pub room_bytes: usize,
    /// More than the longest message.
    pub message_bytes_max: usize,
    /// Size of the last message if it may exceed the usual limit, otherwise 0.
    long_bytes: usize,
    /// The send time, if the clients asked for it.
    pub sent: Option<Nanos>,
    /// The times of the last message.
    pub times: FrameTimes,
    /// Length of `bytes` before the first message.
    begun_bytes: usize,
    /// Size of the payload before compression, once finished.
    payload_bytes: usize,
    /// Offset of the header in `bytes`, once finished.
    start: usize,
    /// The encoding of a finished frame.
    encoding: Option<u8>,
    /// For each message, the receive time of its newest tick.
    pub rx: Vec<Nanos>,
    /// The product of the messages being written, and the first message of that product.
    product: ProductId,
    product_from: usize,
    /// The number of messages for each product, once finished.
    uses: ProductCounts,
    /// For delayed messages: when each could first be shown, with its message's index, and its receive time.
    late: Vec<(usize, Nanos)>,
    /// A summary of the receive times, once finished.
    receipt_times: ReceiptTimes,
    pub newest_order: u64,
    /// Ticks are missing of a form of which a client must miss nothing.
    pub has_lost: bool,
    /// Checksum of the plain bytes, for a finished part of a gzip member.
    plain: Crc,
    /// The number of references: as kept, and as held.
    pub users: u32,
}

/// A frame that is ready to be sent.
pub struct ReadyFrame<'a> {
    pub bytes: &'a [u8],
    /// For each message, the receive time of its newest tick.
    pub rx: &'a [Nanos],
    pub receipt_times: ReceiptTimes,
    /// The number of messages for each product.
    pub uses: &'a ProductCounts,
    /// `order` of its newest tick, over all symbols.
    pub newest_order: u64,
    /// Checksum of the plain bytes, for a part of a gzip member.
    pub plain: &'a Crc,
}

impl Frame {
    #[inline]
    pub fn begin(
        &mut self,
        room_bytes: usize,
        message_bytes_max: usize,
        begin: impl FnOnce(&mut FrameTimes, &mut Vec<u8>),
    ) {
        (self.room_bytes, self.message_bytes_max, self.long_bytes) = (room_bytes, message_bytes_max, 0);
        self.encoding = None;
        self.newest_order = 0;
        self.has_lost = false;
        self.rx.clear();
        (self.product, self.product_from) = (ProductId::REST, 0);
        self.uses.clear();
        self.late.clear();
        self.bytes.clear();
        self.bytes.extend_from_slice(&[0; HEAD_BYTES]);
        begin(&mut self.times, &mut self.bytes);
        self.begun_bytes = self.bytes.len();
    }

    /// Whether it has no message.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes.len() <= self.begun_bytes
    }

    /// Whether nothing was written since it was started.
    #[inline]
    pub fn is_untouched(&self) -> bool {
        self.bytes.len() == self.begun_bytes && !self.has_lost
    }

    /// Sets the product of the next messages.
    #[inline]
    pub fn is_of(&mut self, product: ProductId) {
        if self.product != product {
            self.turn_product(product);
        }
    }

    #[cold]
    fn turn_product(&mut self, product: ProductId) {
        self.count_product();
        (self.product, self.product_from) = (product, self.rx.len());
    }

    /// Counts the last messages, all of one product.
    #[inline]
    fn count_product(&mut self) {
        self.uses.add(self.product, (self.rx.len() - self.product_from) as u64);
    }

    /// Records a message by its newest tick.
    #[inline]
    pub fn record(&mut self, rx: Nanos, order: u64) {
        self.rx.push(rx);
        self.newest_order = self.newest_order.max(order);
    }

    /// As [`Self::record`], for a delayed message: `due` is when it could first be shown.
    #[cold]
    pub fn record_late(&mut self, due: Nanos, rx: Nanos, order: u64) {
        self.late.push((self.rx.len(), rx));
        self.record(due, order);
    }

    /// The newest receive time of its messages.
    pub fn newest_rx(&self) -> Option<Nanos> {
        let mut rx = self.rx.clone();
        for &(at, received) in &self.late {
            rx[at] = received;
        }
        rx.into_iter().max()
    }

    /// As [`Self::record`], for a message that starts at this offset, if one was written: a dialect may have none.
    #[inline]
    pub fn record_from(&mut self, begin: usize, rx: Nanos, order: u64) {
        if self.bytes.len() > begin {
            self.record(rx, order);
        }
    }

    /// What was written from this offset is one message that may exceed the usual limit: no other follows it.
    #[cold]
    pub fn end_with_long(&mut self, begin: usize) {
        (self.long_bytes, self.room_bytes) = (self.bytes.len() - begin, 0);
    }

    /// Whether any further message fits.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.payload_bytes() + self.message_bytes_max <= self.room_bytes
    }

    /// Finishes the frame. `end` ends the payload; `head` writes the header and returns the offset of the frame.
    #[inline]
    pub fn finish(
        &mut self,
        encoding: u8,
        payload_bytes_max: usize,
        end: impl FnOnce(&mut Vec<u8>),
        head: impl FnOnce(&mut Vec<u8>, &mut Crc) -> usize,
    ) {
        debug_assert!(
            self.payload_bytes() <= payload_bytes_max + self.long_bytes,
            "a message is longer than any may be"
        );
        end(&mut self.bytes);
        self.payload_bytes = self.payload_bytes();
        self.start = head(&mut self.bytes, &mut self.plain);
        self.encoding = Some(encoding);
        self.receipt_times = ReceiptTimes::of(&self.rx);
        self.count_product();
    }

    /// Whether this finished frame can replace the one that is due: same encoding, same send time, and within its room.
    #[inline]
    pub fn is_as_due(&self, encoding: u8, due: &Frame) -> bool {
        // A full frame may have left out messages that fit into a larger one.
        let is_complete = self.payload_bytes + self.message_bytes_max <= self.room_bytes;
        self.encoding == Some(encoding)
            && self.sent == due.sent
            && self.payload_bytes <= due.room_bytes
            && (is_complete || self.room_bytes == due.room_bytes)
    }

    pub fn ready(&self) -> ReadyFrame<'_> {
        let Frame { newest_order, receipt_times, .. } = *self;
        ReadyFrame {
            bytes: &self.bytes[self.start..],
            rx: &self.rx,
            receipt_times,
            uses: &self.uses,
            newest_order,
            plain: &self.plain,
        }
    }

    fn payload_bytes(&self) -> usize {
        self.bytes.len() - HEAD_BYTES
    }
}
