//! What clients in mode `trades` must be sent by itself: trades, cancels and corrections. Each client is checked against
//! all the others: what one of them was sent as a trade, no other may have been sent merged into a later update, unless a
//! gap has told that it is missing.
//!
//! Pure. Loss: of each symbol the newest [`KEPT_MAX`] trades and updates are kept. A client that is further behind than
//! that is not checked there.

use std::{collections::VecDeque, hash::BuildHasher};

use foldhash::fast::FixedState;
use tickcast_client::{Field, MessageError, ReportKind, Tick};

/// The trades of one symbol, as some client was sent them.
#[derive(Default, Debug)]
pub struct TradeLog {
    /// By seq, rising.
    seen: VecDeque<SeenTrade>,
    /// Updates that stand for more ticks than one, in the order in which they came.
    merged: VecDeque<Merged>,
    counts: TradeCounts,
}

/// How many were sent to some client.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, serde::Serialize)]
pub struct TradeCounts {
    pub trades: u64,
    /// Cancels and corrections.
    pub corrections: u64,
}

/// A tick that mode `trades` merges with none after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SentTrade {
    /// Of the trade's name, or of none, and of what is said of it.
    name: u64,
    is_correction: bool,
}

/// An update that a client was sent: the last seq before it, and its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Merged {
    pub client: u32,
    pub had: u64,
    pub seq: u64,
}

/// What is wrong with an update.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TradeBreach {
    #[error("update {} after {} merges the trade {trade}, which another client was sent by itself", .by.seq, .by.had)]
    Merged { by: Merged, trade: u64 },
    #[error("update {seq} is a trade to one client, and to another it is none, or another one")]
    Differs { seq: u64 },
}

#[derive(Clone, Copy, Debug)]
struct SeenTrade {
    seq: u64,
    sent: SentTrade,
}

/// Of one symbol.
const KEPT_MAX: usize = 4_096;

// === impl TradeBreach ===

impl TradeBreach {
    /// The client that was sent too little, where that is known.
    pub fn client(&self) -> Option<u32> {
        match self {
            TradeBreach::Merged { by, .. } => Some(by.client),
            TradeBreach::Differs { .. } => None,
        }
    }
}

// === impl SentTrade ===

impl SentTrade {
    /// What an update says of its last tick; `None` for one that is not a trade. A trade moves the count of trades, so halves
    /// of one that were merged are not taken for it.
    ///
    /// # Errors
    /// When the message cannot be read.
    pub fn of(tick: &Tick<'_>) -> Result<Option<SentTrade>, MessageError> {
        let hash = |kind: u8, name: &str| FixedState::default().hash_one((kind, name));
        if let Some(report) = tick.report()? {
            let name = hash(report.kind as u8 + 1, report.trade_id.as_deref().unwrap_or_default());
            return Ok(Some(SentTrade { name, is_correction: report.kind != ReportKind::Trade }));
        }
        let values = tick.values()?;
        let has = |field| values.text(field).is_some();
        if !has(Field::Last) || !has(Field::LastSize) || !has(Field::Trades) {
            return Ok(None);
        }
        let name = values.text(Field::TradeId).unwrap_or_default();
        Ok(Some(SentTrade { name: hash(0, name), is_correction: false }))
    }
}

// === impl TradeLog ===

impl TradeLog {
    /// Takes in an update: what it says of its last tick, and the seqs that it stands for.
    ///
    /// # Errors
    /// When a trade is merged into it, or is another one to another client.
    pub fn take(&mut self, update: Merged, sent: Option<SentTrade>) -> Result<(), TradeBreach> {
        let Merged { had, seq, .. } = update;
        let at = self.seen.partition_point(|seen| seen.seq < seq);
        let known = self.seen.get(at).filter(|seen| seen.seq == seq).map(|seen| seen.sent);
        let merged = at.checked_sub(1).map(|before| self.seen[before].seq).filter(|&trade| trade > had);
        if seq > had + 1 && self.merged.back() != Some(&update) {
            push(&mut self.merged, update);
        }
        if let Some(trade) = merged {
            return Err(TradeBreach::Merged { by: update, trade });
        }
        match (sent, known) {
            (Some(sent), None) => self.note(at, seq, sent),
            (sent, known) if known.is_some() && sent != known => Err(TradeBreach::Differs { seq }),
            _ => Ok(()),
        }
    }

    /// A trade that no client was sent before. Some may have been sent a later update, into which it was merged.
    fn note(&mut self, at: usize, seq: u64, sent: SentTrade) -> Result<(), TradeBreach> {
        let TradeCounts { trades, corrections } = &mut self.counts;
        *(if sent.is_correction { corrections } else { trades }) += 1;
        if self.seen.len() < KEPT_MAX || at > 0 {
            self.seen.insert(at, SeenTrade { seq, sent });
        }
        if self.seen.len() > KEPT_MAX {
            self.seen.pop_front();
        }
        let hides = |merged: &&Merged| merged.had < seq && seq < merged.seq;
        self.merged.iter().find(hides).map_or(Ok(()), |&by| Err(TradeBreach::Merged { by, trade: seq }))
    }

    pub fn counts(&self) -> TradeCounts {
        self.counts
    }
}

fn push(merged: &mut VecDeque<Merged>, update: Merged) {
    if merged.len() == KEPT_MAX {
        merged.pop_front();
    }
    merged.push_back(update);
}

// === impl TradeCounts ===

impl TradeCounts {
    #[must_use]
    pub fn plus(self, other: TradeCounts) -> TradeCounts {
        TradeCounts { trades: self.trades + other.trades, corrections: self.corrections + other.corrections }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tickcast_client::{Message, Messages};

    use super::*;

    fn sent(fields: &str) -> Option<SentTrade> {
        let frame = format!(r#"[{{"type":"update","symbol":"A","seq":5,"ts":1,"rx":1{fields}}}]"#);
        let Some(Ok(Message::Update(tick))) = Messages::new(&frame).next() else { panic!("{frame}") };
        SentTrade::of(&tick).unwrap()
    }

    #[test]
    fn a_trade_moves_the_count_of_trades_or_is_reported() {
        let trade = r#","last":1,"last_size":2"#;
        assert_eq!(sent(r#","bid":1"#), None);
        assert_eq!(sent(trade), None, "two halves of which neither is a trade");
        let named = |id| sent(&format!(r#"{trade},"trades":7,"trade_id":"{id}""#)).unwrap();
        assert!(named(1) == named(1) && named(1) != named(2) && !named(1).is_correction);
        let cancel = sent(r#","cancel":"1""#).unwrap();
        assert!(cancel.is_correction && cancel != sent(r#","correct":"1","trade":{"last":1}"#).unwrap());
        let odd_lot = sent(r#","trade":{"last":1,"last_size":2,"affects":["volume"]}"#).unwrap();
        assert!(!odd_lot.is_correction);
    }

    const TRADE: Option<SentTrade> = Some(SentTrade { name: 7, is_correction: false });

    fn update(client: u32, had: u64, seq: u64) -> Merged {
        Merged { client, had, seq }
    }

    #[test]
    fn a_trade_that_is_another_one_to_another_client_is_found() {
        let mut log = TradeLog::default();
        assert_eq!(log.take(update(0, 4, 5), TRADE), Ok(()));
        assert_eq!(log.take(update(1, 2, 5), TRADE), Ok(()));
        assert_eq!(log.take(update(2, 4, 5), None), Err(TradeBreach::Differs { seq: 5 }));
        let other = Some(SentTrade { name: 8, is_correction: false });
        assert_eq!(log.take(update(3, 4, 5), other), Err(TradeBreach::Differs { seq: 5 }));
        assert_eq!(log.counts(), TradeCounts { trades: 1, corrections: 0 });
    }

    proptest! {
        /// Clients are sent the same market, each at its own pace, and in any order: each trade by itself, quotes merged.
        /// Then one update of one client is merged with the next, and that is found exactly where it hides a trade that
        /// another one was sent.
        #[test]
        fn what_is_merged_is_found_whoever_is_sent_it_first(
            ticks in prop::collection::vec(any::<bool>(), 1..60),
            merges in prop::collection::vec(prop::collection::vec(any::<bool>(), 60), 2..5),
            order in prop::collection::vec(any::<prop::sample::Index>(), 400),
            liar: prop::sample::Index, lie: prop::sample::Index, lies in any::<bool>(),
        ) {
            let stop = |seq: u64| ticks[seq as usize - 1];
            let mut queues: Vec<VecDeque<(Merged, Option<SentTrade>)>> = Vec::new();
            for (client, merges) in (0..).zip(&merges) {
                let (mut had, mut sent) = (0, VecDeque::new());
                for seq in 1..=ticks.len() as u64 {
                    if stop(seq) || !merges[seq as usize - 1] || seq == ticks.len() as u64 {
                        let name = stop(seq).then_some(SentTrade { name: seq, is_correction: false });
                        sent.push_back((update(client, had, seq), name));
                        had = seq;
                    }
                }
                queues.push(sent);
            }
            let mut hidden = None;
            let liar = liar.index(queues.len());
            if lies && queues[liar].len() > 1 {
                let at = lie.index(queues[liar].len() - 1);
                let (first, sent) = queues[liar].remove(at).unwrap();
                queues[liar][at].0.had = first.had;
                hidden = sent.map(|_| first.seq);
            }
            let (mut log, mut found) = (TradeLog::default(), Vec::new());
            for index in order {
                let open: Vec<usize> = (0..queues.len()).filter(|&client| !queues[client].is_empty()).collect();
                if open.is_empty() {
                    break;
                }
                let (update, sent) = queues[open[index.index(open.len())]].pop_front().unwrap();
                found.extend(log.take(update, sent).err());
            }
            prop_assert!(queues.iter().all(VecDeque::is_empty), "400 turns are enough");
            match hidden {
                None => prop_assert_eq!(found, []),
                Some(trade) => {
                    let is_it = |breach: &TradeBreach| matches!(breach, TradeBreach::Merged { by, trade: found }
                        if *found == trade && by.client == liar as u32);
                    prop_assert!(!found.is_empty() && found.iter().all(is_it), "{:?}", found);
                }
            }
        }
    }
}
