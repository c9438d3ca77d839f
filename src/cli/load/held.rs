//! What a client holds of one symbol: its record, and those just before it.
//!
//! Only a few clients pay for this.

use std::collections::VecDeque;

use tickcast_client::{MessageError, Record, Tick};

/// One symbol's record and those just before it: a snapshot that was taken a moment ago finds its equal here.
#[derive(Clone, Default, Debug)]
pub struct HeldRecord {
    now: Record,
    before: VecDeque<Record>,
}

/// How many earlier records are kept: enough for a request's way there and back at a thousand ticks a second.
const BEFORE_MAX: usize = 64;

// === impl HeldRecord ===

impl HeldRecord {
    /// # Errors
    /// When the message's fields cannot be read.
    pub fn take(&mut self, tick: &Tick<'_>, is_snapshot: bool) -> Result<(), MessageError> {
        if self.now.seq > 0 {
            if self.before.len() == BEFORE_MAX {
                self.before.pop_front();
            }
            self.before.push_back(self.now.clone());
        }
        if is_snapshot { self.now.replace(tick) } else { self.now.merge(tick) }
    }

    pub fn seq(&self) -> u64 {
        self.now.seq
    }

    /// The record as it was at `seq`; `None` when this client was never shown that one, or long ago.
    pub fn at(&self, seq: u64) -> Option<&Record> {
        if self.now.seq == seq {
            Some(&self.now)
        } else {
            self.before.iter().rev().find(|record| record.seq == seq)
        }
    }
}

#[cfg(test)]
mod tests {
    use tickcast_client::{Message, Messages};

    use super::*;

    #[test]
    fn only_so_many_earlier_records_are_kept() {
        let mut held = HeldRecord::default();
        for seq in 4..200u64 {
            let frame = format!(r#"[{{"type":"update","symbol":"A","seq":{seq},"ts":1,"rx":1}}]"#);
            let Some(Ok(Message::Update(tick))) = Messages::new(&frame).next() else { panic!() };
            held.take(&tick, seq == 4).unwrap();
        }
        assert!(held.at(199).is_some() && held.at(135).is_some() && held.at(134).is_none());
        assert_eq!(held.seq(), 199);
    }
}
