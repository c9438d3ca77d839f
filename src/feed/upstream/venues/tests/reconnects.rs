//! Trades over reconnects: each once, and in order where the venue numbers them, whatever it repeats.

use std::sync::Arc;

use proptest::prelude::*;

use crate::{
    feed::upstream::{
        sequence::{Sequence, SequenceCounts},
        testing::{dialer, group},
        venue::{Dialer, Reaction, StreamKind},
        venues::find,
    },
    tick::{CustomFields, Nanos, Tick},
};

/// One connection: from which trade on it is live and up to which, what its snapshot goes back to, and which messages come twice.
#[derive(Clone, Debug)]
struct PlayedConnection {
    /// Trades that happen while the link is down; below 0, trades that are sent again.
    skipped: i64,
    live: u64,
    snapshot: u64,
    twice: bool,
}

/// How a venue writes trades, and whether it repeats some on subscribing.
struct VenueForm {
    venue: &'static str,
    symbol: &'static str,
    has_snapshot: bool,
    /// Trades have numbers that rise, and not only names.
    is_numbered: bool,
    write: fn(&str, u64, &[u64]) -> String,
}

const FORMS: [VenueForm; 4] = [
    VenueForm {
        venue: "coinbase",
        symbol: "BTC-USD",
        has_snapshot: true,
        is_numbered: true,
        write: coinbase,
    },
    VenueForm { venue: "kraken", symbol: "BTC/USD", has_snapshot: true, is_numbered: true, write: kraken },
    VenueForm { venue: "bybit", symbol: "BTCUSDT", has_snapshot: false, is_numbered: false, write: bybit },
    VenueForm { venue: "okx", symbol: "BTC-USDT", has_snapshot: false, is_numbered: true, write: okx },
];

fn join(numbers: impl Iterator<Item = u64>, one: impl Fn(u64) -> String) -> String {
    numbers.map(one).collect::<Vec<_>>().join(",")
}

fn coinbase(kind: &str, sequence: u64, numbers: &[u64]) -> String {
    let trades = join(numbers.iter().rev().copied(), |number| {
        let time = format!("2026-08-09T21:05:48.{:06}Z", number / 2);
        format!(
            r#"{{"product_id":"BTC-USD","trade_id":"{number}","price":"1","size":"2","time":"{time}","side":"SELL"}}"#
        )
    });
    format!(
        r#"{{"channel":"market_trades","timestamp":"2026-08-09T21:05:48Z","sequence_num":{sequence},"events":[{{"type":"{kind}","trades":[{trades}]}}]}}"#
    )
}

fn kraken(kind: &str, _: u64, numbers: &[u64]) -> String {
    let trades = join(numbers.iter().copied(), |number| {
        let time = format!("2026-08-09T21:05:48.{:06}Z", number / 2);
        format!(
            r#"{{"symbol":"BTC/USD","side":"sell","price":1,"qty":2,"ord_type":"market","trade_id":{number},"timestamp":"{time}"}}"#
        )
    });
    format!(r#"{{"channel":"trade","type":"{kind}","data":[{trades}]}}"#)
}

fn bybit(_: &str, _: u64, numbers: &[u64]) -> String {
    let trades = join(numbers.iter().copied(), |number| {
        let time = 1_672_304_486_865 + number / 2;
        format!(r#"{{"T":{time},"s":"BTCUSDT","S":"Buy","v":"2","p":"1","i":"{number}","BT":false}}"#)
    });
    format!(r#"{{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1672304486868,"data":[{trades}]}}"#)
}

fn okx(_: &str, _: u64, numbers: &[u64]) -> String {
    let trades = join(numbers.iter().copied(), |number| {
        let time = 1_672_304_486_865 + number / 2;
        format!(
            r#"{{"instId":"BTC-USDT","tradeId":"{number}","px":"1","sz":"2","side":"buy","ts":"{time}","count":"1"}}"#
        )
    });
    format!(r#"{{"arg":{{"channel":"trades","instId":"BTC-USDT"}},"data":[{trades}]}}"#)
}

/// A feed: what was delivered, and what a model of the venue says should be.
struct PlayedFeed {
    form: &'static VenueForm,
    dialer: Arc<dyn Dialer>,
    sequence: Sequence,
    counts: SequenceCounts,
    delivered: Vec<Tick>,
    expected: Vec<u64>,
    /// The venue's last trade so far.
    last: u64,
}

impl PlayedFeed {
    fn new(form: &'static VenueForm) -> Self {
        let dialer = dialer(find(form.venue).unwrap(), "", &[form.symbol]);
        PlayedFeed {
            form,
            dialer,
            sequence: Sequence::default(),
            counts: SequenceCounts::default(),
            delivered: Vec::new(),
            expected: Vec::new(),
            last: 1_000,
        }
    }

    fn connect(&mut self, connection: &PlayedConnection) {
        let mut conversation =
            self.dialer.connect(&group(&*self.dialer, &[self.form.symbol]), &CustomFields::none());
        self.sequence.renewed();
        let mut out = Reaction::default();
        conversation.opened(Nanos(0), &mut out);
        let first = self.last.saturating_add_signed(connection.skipped).max(1_000) + 1;
        let mut messages = Vec::new();
        if self.form.has_snapshot && connection.snapshot > 0 {
            let history: Vec<u64> = (first - connection.snapshot.min(first - 1)..first).collect();
            // Of a first connection nothing can have been missed.
            if let Some(taken) = self.expected.iter().copied().max() {
                self.expected.extend(history.iter().filter(|number| **number > taken));
            }
            messages.push(("snapshot", history));
        }
        let live: Vec<u64> = (first..first + connection.live).collect();
        let begin = self.expected.first().copied().unwrap_or(0);
        // What was missed and is sent after all is late; a name does not tell what was before the begin.
        let is_new =
            |number: &&u64| !self.expected.contains(number) && (!self.form.is_numbered || **number > begin);
        let new: Vec<u64> = live.iter().filter(is_new).copied().collect();
        self.expected.extend(new);
        self.last = self.last.max(first + connection.live - 1);
        messages.extend(live.chunks(3).map(|numbers| ("update", numbers.to_vec())));
        for (at, (kind, numbers)) in messages.iter().enumerate() {
            let message = (self.form.write)(kind, at as u64, numbers);
            for _ in 0..=usize::from(connection.twice) {
                conversation.text(Nanos(0), &mut message.clone().into_bytes(), &mut out);
            }
        }
        for tick in out.ticks.drain(..).filter(|tick| tick.kind == StreamKind::Trades) {
            self.sequence.offer(Nanos(0), tick, &mut self.delivered, &mut self.counts);
        }
        self.sequence.release(&mut self.delivered, &mut self.counts);
    }

    fn numbers(&self) -> Vec<u64> {
        self.delivered.iter().map(|tick| tick.fields.name_of_trade().text().parse().unwrap()).collect()
    }
}

fn connections() -> impl Strategy<Value = Vec<PlayedConnection>> {
    let one = (-30i64..20, 1u64..25, 0u64..30, any::<bool>());
    let connection =
        one.prop_map(|(skipped, live, snapshot, twice)| PlayedConnection { skipped, live, snapshot, twice });
    prop::collection::vec(connection, 1..7)
}

proptest! {
    #[test]
    fn each_trade_comes_once_and_in_order(which in 0..FORMS.len(), connections in connections()) {
        let mut feed = PlayedFeed::new(&FORMS[which]);
        for connection in &connections {
            feed.connect(connection);
        }
        prop_assert_eq!(feed.numbers(), feed.expected);
    }
}
