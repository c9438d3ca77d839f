//! One frame: its bytes, and what is known of the messages in it. `buffers.rs` has all frames.
//!
//! Invariant: a finished frame begins at `start` in its bytes, and does not change until it is begun again.

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
    /// Space for the header, then the payload.
    pub bytes: Vec<u8>,
    /// The most bytes of payload.
    pub room_bytes: usize,
    /// More than the longest message.
    pub message_bytes_max: usize,
    /// Bytes of its last message, if that is one which may be longer.
    long_bytes: usize,
    /// When it is sent, if its clients have asked for it.
    pub sent: Option<Nanos>,
    /// The times of its last message.
    pub times: FrameTimes,
    /// Length of `bytes` before the first message.
    begun_bytes: usize,
    /// Bytes of the payload before it was compressed, once the frame is finished.
    payload_bytes: usize,
    /// Offset of the header in `bytes`, once the frame is finished.
    start: usize,
    /// The encoding of a finished frame.
    encoding: Option<u8>,
    /// Time of receipt of the newest tick of each message.
    pub rx: Vec<Nanos>,
    /// The product of the last messages, and the first of these.
    product: ProductId,
    product_from: usize,
    /// How many messages there are of each product, once the frame is finished.
    uses: ProductCounts,
    /// Which of them are when the message could first be shown, and when its tick was taken in: those that are shown
    /// delayed.
    late: Vec<(usize, Nanos)>,
    /// The sum of these times, once the frame is finished.
    receipt_times: ReceiptTimes,
    pub newest_order: u64,
    /// It leaves out ticks of a form of which a client must miss nothing.
    pub has_lost: bool,
    /// Of a finished frame that is a part of a gzip member: the checksum of its plain bytes.
    plain: Crc,
    /// How many users the frame has: it is kept, or held.
    pub users: u32,
}

/// A frame that is ready to be sent.
pub struct ReadyFrame<'a> {
    pub bytes: &'a [u8],
    /// Time of receipt of the newest tick of each message.
    pub rx: &'a [Nanos],
    pub receipt_times: ReceiptTimes,
    /// How many messages there are of each product.
    pub uses: &'a ProductCounts,
    /// Order of the newest tick in it, over all symbols.
    pub newest_order: u64,
    /// Of a part of a gzip member: the checksum of its plain bytes.
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

    /// Whether nothing was written since it was begun.
    #[inline]
    pub fn is_untouched(&self) -> bool {
        self.bytes.len() == self.begun_bytes && !self.has_lost
    }

    /// The next messages are of this product.
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

    /// Counts the last messages, which are of one product.
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

    /// As [`Self::record`], of a message that is shown later than it was taken in: `due` is when it could first be
    /// shown.
    #[cold]
    pub fn record_late(&mut self, due: Nanos, rx: Nanos, order: u64) {
        self.late.push((self.rx.len(), rx));
        self.record(due, order);
    }

    /// When the newest tick of its messages was taken in.
    pub fn newest_rx(&self) -> Option<Nanos> {
        let mut rx = self.rx.clone();
        for &(at, received) in &self.late {
            rx[at] = received;
        }
        rx.into_iter().max()
    }

    /// As [`Self::record`], of a message that begins at this offset, if there is one: a dialect may have nothing to
    /// say.
    #[inline]
    pub fn record_from(&mut self, begin: usize, rx: Nanos, order: u64) {
        if self.bytes.len() > begin {
            self.record(rx, order);
        }
    }

    /// What was written from this offset is one message that may be longer than others: none follows it.
    #[cold]
    pub fn end_with_long(&mut self, begin: usize) {
        (self.long_bytes, self.room_bytes) = (self.bytes.len() - begin, 0);
    }

    /// Whether another message fits, whatever it is.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.payload_bytes() + self.message_bytes_max <= self.room_bytes
    }

    /// Ends it. `end` ends the payload. `head` writes the header, and returns where the frame begins.
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

    /// Whether this finished frame can be sent in place of the one that is due: in its encoding, said to be sent at the
    /// same time, and within its room.
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
