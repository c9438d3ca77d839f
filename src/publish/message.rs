//! One message of ticks: decoded piece by piece, then taken in at once.
//!
//! Invariant: until it is taken in nothing has happened, so a message whose session ends before that was never sent.

use std::{ops::Range, sync::Arc};

use super::{
    cut::Cut,
    outcome::{Outcome, REJECTED_KEPT, RejectedEntry},
    publishers::{Begun, NumberFault, NumberedMessage, Publishers},
    sink::PublishSink,
};
use crate::{
    fanout::Units,
    feed::{RefusedTick, RejectCounts, RejectReason, ndjson::NdjsonDecoder},
    tick::{CustomFields, Nanos, Symbol, Tick},
};

/// Ticks of one message: few enough for one hold of the market's lock.
pub const TICKS_A_MESSAGE: usize = 1_000;
/// Bytes of a tick that are decoded per unit.
const BYTES_A_UNIT: usize = 6;
/// To take in one tick.
const TAKE_UNITS: usize = 6;

/// Decodes ticks; keeps its buffers between them.
pub struct TickDecoder(NdjsonDecoder);

/// A message under way.
#[derive(Default)]
pub struct TickMessage {
    text: Vec<u8>,
    /// Where its ticks are.
    places: Vec<Range<u32>>,
    /// The index of the next one to be decoded.
    at: usize,
    ticks: Vec<Tick>,
    /// The index in the message of each of `ticks`.
    indexes: Vec<u32>,
    rejected: Vec<RejectedEntry>,
    counts: RejectCounts,
}

impl TickDecoder {
    pub fn new(line_bytes_max: usize, fields: Arc<CustomFields>) -> Self {
        TickDecoder(NdjsonDecoder::new(line_bytes_max).with_fields(fields))
    }

    pub fn line_bytes_max(&self) -> usize {
        self.0.line_bytes_max()
    }
}

impl TickMessage {
    pub fn new(text: Vec<u8>, cut: Cut) -> Self {
        let most = cut.ticks.len();
        TickMessage {
            text,
            places: cut.ticks,
            at: 0,
            ticks: Vec::with_capacity(most),
            indexes: Vec::with_capacity(most),
            rejected: Vec::new(),
            counts: RejectCounts::default(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Decodes ticks, as far as the units last; returns whether all are decoded. `may_publish` says of a symbol why it may
    /// not be published, if it may not.
    pub fn decode(
        &mut self,
        TickDecoder(decoder): &mut TickDecoder,
        may_publish: impl Fn(&Symbol) -> bool,
        units: &mut Units,
    ) -> bool {
        while let Some(place) = self.places.get(self.at) {
            if units.is_spent() {
                return false;
            }
            let line = &mut self.text[place.start as usize..place.end as usize];
            units.spend(2 + line.len() / BYTES_A_UNIT);
            let index = u32::try_from(self.at).unwrap_or(u32::MAX);
            self.at += 1;
            match decoder.decode(line) {
                Ok(line) if may_publish(&line.tick.symbol) => {
                    self.ticks.push(line.tick);
                    self.indexes.push(index);
                }
                Ok(line) => {
                    let message = format!("the token may not publish {}", line.tick.symbol);
                    self.reject(index, RejectReason::NotEntitled, message);
                }
                Err(error) => self.reject(index, error.reason(), error.to_string()),
            }
        }
        true
    }

    fn reject(&mut self, index: u32, reason: RejectReason, message: String) {
        self.counts.add(reason);
        self.rejected.push(RejectedEntry { at: u64::from(index), reason, message });
    }

    /// Takes the ticks in, unless this number was taken in before: then the outcome is that of the first time.
    ///
    /// # Errors
    /// When the publisher's number is not the next. Nothing is taken in then.
    pub fn take(
        self,
        sink: &dyn PublishSink,
        publishers: &Publishers,
        numbered: Option<&NumberedMessage>,
        now: Nanos,
        units: &mut Units,
    ) -> Result<Arc<Outcome>, NumberFault> {
        let Some(numbered) = numbered else {
            let mut outcome = Outcome::default();
            self.take_into(&mut outcome, sink, units);
            return Ok(Arc::new(outcome));
        };
        match publishers.begin(numbered, now)? {
            Begun::Repeated(outcome) => Ok(outcome),
            Begun::First(mut turn) => {
                turn.begin_taking();
                self.take_into(&mut turn.outcome, sink, units);
                Ok(turn.finish())
            }
        }
    }

    fn take_into(mut self, outcome: &mut Outcome, sink: &dyn PublishSink, units: &mut Units) {
        units.spend(self.ticks.len() * TAKE_UNITS);
        sink.count_rejected(&self.counts);
        outcome.reject_counted(self.rejected, &self.counts);
        let taking = sink.take(&mut self.ticks);
        for RefusedTick { index, reason, message } in taking.refused {
            outcome.reject(RejectedEntry { at: u64::from(self.indexes[index]), reason, message });
        }
        outcome.add(taking.taken, taking.seqs);
        outcome.keep_rejected(REJECTED_KEPT);
    }
}
