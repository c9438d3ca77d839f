//! What holds for every venue, whatever it sends.

mod reconnects;
mod strange;

use std::sync::Arc;

use proptest::prelude::*;

use crate::{
    feed::upstream::{
        testing::{dialer, group, key_file},
        venue::{Conversation, Dialer, Note, Reaction, StreamKind},
        venues::find,
    },
    tick::{CustomFields, Nanos},
};

/// A venue's messages: those that come before, and one of trades with how many it has.
struct Sample {
    venue: &'static str,
    symbol: &'static str,
    before: &'static [&'static str],
    trades: &'static str,
    count: usize,
}

const SAMPLES: [Sample; 7] = [
    Sample {
        venue: "coinbase",
        symbol: "BTC-USD",
        before: &[
            r#"{"channel":"subscriptions","timestamp":"2026-08-09T21:05:48Z","sequence_num":0,"events":[{"subscriptions":{"market_trades":["BTC-USD"]}}]}"#,
            r#"{"channel":"ticker","timestamp":"2026-08-09T21:05:48Z","sequence_num":1,"events":[{"type":"snapshot","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"65086.18","best_bid":"65083.66","best_ask":"65083.67","best_bid_quantity":"0.2","best_ask_quantity":"0.3"}]}]}"#,
            r#"{"type":"error","message":"failure of BTC-USD"}"#,
        ],
        trades: r#"{"channel":"market_trades","timestamp":"2026-08-09T21:05:48Z","sequence_num":2,"events":[{"type":"update","trades":[{"product_id":"BTC-USD","trade_id":"2","price":"65083.67","size":"0.01","time":"2026-08-09T21:05:48Z","side":"SELL"},{"product_id":"BTC-USD","trade_id":"1","price":"65083.67","size":"0.01","time":"2026-08-09T21:05:48Z","side":"BUY"}]}]}"#,
        count: 2,
    },
    Sample {
        venue: "kraken",
        symbol: "BTC/USD",
        before: &[
            r#"{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2","connection_id":1}]}"#,
            r#"{"method":"subscribe","result":{"channel":"ticker","symbol":"BTC/USD","snapshot":true},"success":true,"req_id":2}"#,
            r#"{"error":"Currency pair not supported","method":"subscribe","success":false,"symbol":"XBT/USD","req_id":1}"#,
            r#"{"channel":"ticker","type":"snapshot","data":[{"symbol":"BTC/USD","bid":105944.20,"bid_qty":2.5,"ask":105944.30,"ask_qty":3.2,"last":105899.40,"timestamp":"2022-12-25T09:30:59.123456Z"}]}"#,
        ],
        trades: r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":0.5117,"qty":40.0,"ord_type":"market","trade_id":4665906,"timestamp":"2023-09-25T07:49:37.708706Z"}]}"#,
        count: 1,
    },
    Sample {
        venue: "bybit",
        symbol: "BTCUSDT",
        before: &[
            r#"{"success":true,"ret_msg":"","conn_id":"x","req_id":"1","op":"subscribe"}"#,
            r#"{"success":false,"ret_msg":"error:handler not found,topic:publicTrade.BTCUSDT","req_id":"1","op":"subscribe"}"#,
            r#"{"topic":"orderbook.1.BTCUSDT","type":"delta","ts":1672304484978,"data":{"s":"BTCUSDT","b":[["16493.50","0"]],"a":[["16611.00","0.029"]],"u":18521288,"seq":7961638724}}"#,
        ],
        trades: r#"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1672304486868,"data":[{"T":1672304486865,"s":"BTCUSDT","S":"Buy","v":"0.001","p":"16578.50","L":"PlusTick","i":"20f43950-d8dd-5b31-9112-a178eb6023af","BT":false}]}"#,
        count: 1,
    },
    Sample {
        venue: "okx",
        symbol: "BTC-USDT",
        before: &[
            "pong",
            r#"{"event":"subscribe","arg":{"channel":"trades","instId":"BTC-USDT"},"connId":"a4d3ae55"}"#,
            r#"{"event":"error","msg":"Wrong URL or channel:bbo-tbt,instId:BTC-USDT doesn't exist.","code":"60018"}"#,
            r#"{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT"},"data":[{"asks":[["111.06","55154","0","2"]],"bids":[],"ts":"1670324386802","seqId":5}]}"#,
        ],
        trades: r#"{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"130639474","px":"42219.9","sz":"0.12060306","side":"buy","ts":"1630048897897","count":"3"}]}"#,
        count: 1,
    },
    Sample {
        venue: "hyperliquid",
        symbol: "SOL",
        before: &[
            r#"{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"trades","coin":"SOL"}}}"#,
            r#"{"channel":"error","data":"Invalid subscription {\"type\":\"bbo\",\"coin\":\"SOL\"}"}"#,
            r#"{"channel":"bbo","data":{"coin":"SOL","time":1708622398623,"bbo":[{"px":"23.2","sz":"3","n":2},null]}}"#,
        ],
        trades: r#"{"channel":"trades","data":[{"coin":"SOL","side":"A","px":"23.25","sz":"1.5","hash":"0x00","time":1708622398623,"tid":118906512037719,"users":["0x1","0x2"]}]}"#,
        count: 1,
    },
    Sample {
        venue: "alpaca",
        symbol: "AAPL",
        before: &[
            r#"[{"T":"success","msg":"connected"}]"#,
            r#"[{"T":"success","msg":"authenticated"}]"#,
            r#"[{"T":"subscription","trades":["AAPL"],"quotes":["AAPL"]}]"#,
            r#"[{"T":"error","code":405,"msg":"symbol limit exceeded"}]"#,
            r#"[{"T":"s","S":"AAPL","sc":"H","sm":"Trading Halt","rc":"T12","rm":"","t":"2021-02-22T19:15:00Z","z":"C"}]"#,
        ],
        trades: r#"[{"T":"t","S":"AAPL","i":96921,"x":"D","p":126.55,"s":1,"t":"2021-02-22T15:51:44.208Z","c":["@","I"],"z":"C"},{"T":"q","S":"AAPL","bp":87.66,"bs":1,"ap":87.68,"as":4,"t":"2021-02-22T15:51:45.335689322Z"}]"#,
        count: 1,
    },
    Sample {
        venue: "massive",
        symbol: "MSFT",
        before: &[
            r#"[{"ev":"status","status":"connected","message":"Connected Successfully"}]"#,
            r#"[{"ev":"status","status":"auth_success","message":"authenticated"}]"#,
            r#"[{"ev":"status","status":"success","message":"subscribed to: T.MSFT"}]"#,
        ],
        trades: r#"[{"ev":"T","sym":"MSFT","x":4,"i":"12345","z":3,"p":114.125,"s":100,"c":[0,12],"t":1536036818784,"q":3681328}]"#,
        count: 1,
    },
];

impl Sample {
    fn dialer(&self) -> Arc<dyn Dialer> {
        let key = key_file("key");
        let query = match self.venue {
            "alpaca" => format!("key_file={0}&secret_file={0}", key.display()),
            "massive" => format!("key_file={}", key.display()),
            _ => String::new(),
        };
        dialer(find(self.venue).unwrap(), &query, &[self.symbol])
    }

    fn connect(&self) -> Box<dyn Conversation> {
        let dialer = self.dialer();
        let mut conversation = dialer.connect(&group(&*dialer, &[self.symbol]), &CustomFields::none());
        conversation.opened(Nanos(0), &mut Reaction::default());
        conversation
    }

    fn messages(&self) -> Vec<&'static str> {
        self.before.iter().copied().chain([self.trades]).collect()
    }
}

/// How many trades a message brings.
fn hear(conversation: &mut dyn Conversation, message: &[u8], out: &mut Reaction) -> usize {
    out.clear();
    conversation.text(Nanos(1), &mut message.to_vec(), out);
    out.ticks.iter().filter(|tick| tick.kind == StreamKind::Trades).count()
}

/// Words of the venue's are repeated, but not at any length.
fn is_bounded(out: &Reaction) -> bool {
    out.notes.iter().all(|note| match note {
        Note::Refused { why, .. }
        | Note::Halted { why, .. }
        | Note::Gap { why }
        | Note::Reject { why, .. }
        | Note::Leaving { why }
        | Note::Reconnect { why }
        | Note::Fatal { why } => why.chars().count() <= 400,
        _ => true,
    })
}

/// Changes of a message: bytes that are replaced, and where it is cut.
fn damage() -> impl Strategy<Value = (Vec<(prop::sample::Index, u8)>, Option<prop::sample::Index>)> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"\"{}[],:0-9.ex\\ntf".to_vec())];
    (prop::collection::vec((any::<prop::sample::Index>(), byte), 0..6), any::<Option<prop::sample::Index>>())
}

proptest! {
    #[test]
    fn no_bytes_panic_and_none_spoil_what_follows(
        which in 0..SAMPLES.len(),
        message in any::<prop::sample::Index>(),
        (bytes, cut) in damage(),
    ) {
        let sample = &SAMPLES[which];
        let (mut conversation, mut out) = (sample.connect(), Reaction::default());
        for before in sample.before {
            hear(&mut *conversation, before.as_bytes(), &mut out);
        }
        prop_assert_eq!(hear(&mut *conversation, sample.trades.as_bytes(), &mut out), sample.count);
        let mut damaged = message.get(&sample.messages()).as_bytes().to_vec();
        for (at, byte) in bytes {
            *at.get_mut(&mut damaged) = byte;
        }
        if let Some(cut) = cut {
            damaged.truncate(cut.index(damaged.len()));
        }
        hear(&mut *conversation, &damaged, &mut out);
        prop_assert!(is_bounded(&out), "{:?}", out.notes);
        conversation.binary(Nanos(2), &mut damaged, &mut out);
        prop_assert!(is_bounded(&out), "{:?}", out.notes);
        prop_assert_eq!(hear(&mut *conversation, sample.trades.as_bytes(), &mut out), sample.count);
    }
}

#[test]
fn every_venue_asks_for_both_streams_and_goes_on_without_an_acknowledgement() {
    for sample in &SAMPLES {
        let mut conversation = sample.connect();
        let mut out = Reaction::default();
        for before in
            sample.before.iter().filter(|message| message.contains("connected") || message.contains("auth"))
        {
            hear(&mut *conversation, before.as_bytes(), &mut out);
        }
        assert_eq!(
            hear(&mut *conversation, sample.trades.as_bytes(), &mut out),
            sample.count,
            "{}",
            sample.venue
        );
        assert_eq!(out.notes, [], "{}", sample.venue);
    }
}
