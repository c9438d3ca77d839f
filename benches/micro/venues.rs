//! Messages of venues to ticks, as their connections hear them: one trade to four quotes, each a message of its own, in
//! the forms of the vendors' documents. Beside each, the same bytes parsed as JSON into a value and nothing more.
//!
//! A conversation is given messages and no socket. What the driver does with its ticks, which is the same for all
//! venues, is not in it. An item is a message.

use std::path::PathBuf;

use tickcast::{
    feed::{
        Source,
        source::SourceKind,
        upstream::venue::{Conversation, Reaction, Stream, StreamGroup},
    },
    tick::{CustomFields, Nanos},
};

use crate::{
    inputs::files_made,
    work::{Case, Done, Scale, Work, fed},
};

pub const CASES: [Case; 20] = [
    Case::new("1000_messages_of_binance", |scale| BINANCE.decode(scale)),
    Case::new("1000_messages_of_binance_as_plain_json", |scale| BINANCE.parse(scale)),
    Case::new("1000_messages_of_binance_usdm", |scale| BINANCE_USDM.decode(scale)),
    Case::new("1000_messages_of_binance_usdm_as_plain_json", |scale| BINANCE_USDM.parse(scale)),
    Case::new("1000_messages_of_coinbase", |scale| COINBASE.decode(scale)),
    Case::new("1000_messages_of_coinbase_as_plain_json", |scale| COINBASE.parse(scale)),
    Case::new("1000_messages_of_kraken", |scale| KRAKEN.decode(scale)),
    Case::new("1000_messages_of_kraken_as_plain_json", |scale| KRAKEN.parse(scale)),
    Case::new("1000_messages_of_bybit", |scale| BYBIT.decode(scale)),
    Case::new("1000_messages_of_bybit_as_plain_json", |scale| BYBIT.parse(scale)),
    Case::new("1000_messages_of_okx", |scale| OKX.decode(scale)),
    Case::new("1000_messages_of_okx_as_plain_json", |scale| OKX.parse(scale)),
    Case::new("1000_messages_of_hyperliquid", |scale| HYPERLIQUID.decode(scale)),
    Case::new("1000_messages_of_hyperliquid_as_plain_json", |scale| HYPERLIQUID.parse(scale)),
    Case::new("1000_messages_of_alpaca", |scale| ALPACA.decode(scale)),
    Case::new("1000_messages_of_alpaca_as_plain_json", |scale| ALPACA.parse(scale)),
    Case::new("1000_messages_of_massive", |scale| MASSIVE.decode(scale)),
    Case::new("1000_messages_of_massive_as_plain_json", |scale| MASSIVE.parse(scale)),
    Case::new("1000_messages_of_tickcast", |scale| TICKCAST.decode(scale)),
    Case::new("1000_messages_of_tickcast_as_plain_json", |scale| TICKCAST.parse(scale)),
];

/// One venue's messages. `NUMBER` rises by one with each message, `MILLIS` and `ISO` are the venue's time.
struct Messages {
    /// As `--feed` has it.
    source: &'static str,
    /// Whether it is asked for with a key.
    has_key: bool,
    symbol: &'static str,
    /// Heard before the first tick.
    greetings: &'static [&'static str],
    trade: &'static str,
    quote: &'static str,
}

const QUOTES_A_TRADE: u64 = 4;
/// The venues' time of the first message, in milliseconds: 2026-08-09, 21:05:00.
const FIRST_MILLIS: u64 = 1_786_309_500_000;
const FIRST_NUMBER: u64 = 1_000_000_000;

static BINANCE: Messages = Messages {
    source: "binance?symbols=BTCUSDT",
    has_key: false,
    symbol: "BTCUSDT",
    greetings: &[],
    trade: r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":MILLIS,"s":"BTCUSDT","t":NUMBER,"p":"87232.01000000","q":"0.00078000","T":MILLIS,"m":true,"M":true}}"#,
    quote: r#"{"stream":"btcusdt@bookTicker","data":{"u":NUMBER,"s":"BTCUSDT","b":"87232.00000000","B":"4.21000000","a":"87232.01000000","A":"3.66000000"}}"#,
};
static BINANCE_USDM: Messages = Messages {
    source: "binance-usdm?symbols=BTCUSDT&trades=agg",
    has_key: false,
    symbol: "BTCUSDT",
    greetings: &[],
    trade: r#"{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":MILLIS,"a":NUMBER,"s":"BTCUSDT","p":"87232.10","q":"0.078","f":100,"l":105,"T":MILLIS,"m":true}}"#,
    quote: r#"{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":NUMBER,"s":"BTCUSDT","b":"87232.00","B":"31.210","a":"87232.10","A":"40.660","T":MILLIS,"E":MILLIS}}"#,
};
static COINBASE: Messages = Messages {
    source: "coinbase?symbols=BTC-USD",
    has_key: false,
    symbol: "BTC-USD",
    greetings: &[],
    trade: r#"{"channel":"market_trades","timestamp":"ISO","sequence_num":NUMBER,"events":[{"type":"update","trades":[{"product_id":"BTC-USD","trade_id":"NUMBER","price":"65083.67","size":"0.01034361","time":"ISO","side":"SELL"}]}]}"#,
    quote: r#"{"channel":"ticker","timestamp":"ISO","sequence_num":NUMBER,"events":[{"type":"update","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"65086.18","volume_24_h":"2867.54532609","low_24_h":"64675.22","high_24_h":"65252.99","low_52_w":"57717.55","high_52_w":"126296","price_percent_chg_24_h":"0.09601107287722","best_bid":"65083.66","best_ask":"65083.67","best_bid_quantity":"0.20371215","best_ask_quantity":"0.24290402"}]}]}"#,
};
static KRAKEN: Messages = Messages {
    source: "kraken?symbols=BTC/USD",
    has_key: false,
    symbol: "BTC/USD",
    greetings: &[],
    trade: r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":105944.2,"qty":0.40000001,"ord_type":"market","trade_id":NUMBER,"timestamp":"ISO"}]}"#,
    quote: r#"{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":105944.20,"bid_qty":2.5,"ask":105944.30,"ask_qty":3.2,"last":105899.40,"volume":163.28908096,"vwap":105904.39279,"low":104711.00,"high":106613.10,"change":250.00,"change_pct":0.24,"timestamp":"ISO"}]}"#,
};
static BYBIT: Messages = Messages {
    source: "bybit?symbols=BTCUSDT",
    has_key: false,
    symbol: "BTCUSDT",
    greetings: &[],
    trade: r#"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":MILLIS,"data":[{"T":MILLIS,"s":"BTCUSDT","S":"Buy","v":"0.001","p":"16578.50","L":"PlusTick","i":"20f43950-d8dd-5b31-9112-NUMBER6b","BT":false,"seq":NUMBER}]}"#,
    quote: r#"{"topic":"orderbook.1.BTCUSDT","type":"snapshot","ts":MILLIS,"data":{"s":"BTCUSDT","b":[["16493.50","0.006"]],"a":[["16611.00","0.029"]],"u":NUMBER,"seq":NUMBER},"cts":MILLIS}"#,
};
static OKX: Messages = Messages {
    source: "okx?symbols=BTC-USDT",
    has_key: false,
    symbol: "BTC-USDT",
    greetings: &[],
    trade: r#"{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"NUMBER","px":"42219.9","sz":"0.12060306","side":"buy","ts":"MILLIS","count":"3","source":"0","seqId":NUMBER}]}"#,
    quote: r#"{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT"},"data":[{"asks":[["42219.9","55154","0","2"]],"bids":[["42219.8","57745","0","2"]],"ts":"MILLIS","seqId":NUMBER}]}"#,
};
static HYPERLIQUID: Messages = Messages {
    source: "hyperliquid?symbols=SOL",
    has_key: false,
    symbol: "SOL",
    greetings: &[],
    trade: r#"{"channel":"trades","data":[{"coin":"SOL","side":"A","px":"23.25","sz":"1.5","time":MILLIS,"hash":"0x5f3a6d1c0b9e4f2a8d7c6b5a49382716f0e1d2c3b4a5968778695a4b3c2d1e0f","tid":NUMBER,"users":["0x31ca8395cf837de08b24da3f660e77761dfb974b","0x010461c14e146ac35fe42271bdc1134ee31c703a"]}]}"#,
    quote: r#"{"channel":"bbo","data":{"coin":"SOL","time":MILLIS,"bbo":[{"px":"23.2","sz":"3","n":2},{"px":"23.3","sz":"4.5","n":1}]}}"#,
};
static ALPACA: Messages = Messages {
    source: "alpaca?symbols=AAPL&source=sip&encoding=json",
    has_key: true,
    symbol: "AAPL",
    greetings: &[r#"[{"T":"success","msg":"connected"}]"#, r#"[{"T":"success","msg":"authenticated"}]"#],
    trade: r#"[{"T":"t","S":"AAPL","i":NUMBER,"x":"D","p":126.55,"s":1,"t":"ISO","c":["@","I"],"z":"C"}]"#,
    quote: r#"[{"T":"q","S":"AAPL","bx":"U","bp":87.66,"bs":1,"ax":"Q","ap":87.68,"as":4,"t":"ISO","c":["R"],"z":"C"}]"#,
};
static MASSIVE: Messages = Messages {
    source: "massive?symbols=MSFT&market=stocks",
    has_key: true,
    symbol: "MSFT",
    greetings: &[
        r#"[{"ev":"status","status":"connected","message":"Connected Successfully"}]"#,
        r#"[{"ev":"status","status":"auth_success","message":"authenticated"}]"#,
    ],
    trade: r#"[{"ev":"T","sym":"MSFT","x":4,"i":"NUMBER","z":3,"p":114.125,"s":100,"ds":"100.0","c":[0,12],"t":MILLIS,"q":NUMBER,"trfi":201,"trft":MILLIS}]"#,
    quote: r#"[{"ev":"Q","sym":"MSFT","bx":4,"bp":114.125,"bs":100,"ax":7,"ap":114.128,"as":160,"c":0,"i":[604],"t":MILLIS,"q":NUMBER,"z":3}]"#,
};
static TICKCAST: Messages = Messages {
    source: "tickcast?symbols=BTCUSDT&url=ws://127.0.0.1:1",
    has_key: false,
    symbol: "BTCUSDT",
    greetings: &[r#"[{"type":"welcome","protocol":1,"epoch":"e1","heartbeat_ms":5000}]"#],
    trade: r#"[{"type":"update","symbol":"BTCUSDT","seq":NUMBER,"ts":MILLIS123,"rx":MILLIS456,"last":"87230.5","last_size":"0.004","side":"sell","trade_id":"NUMBER","volume":"0.03984","trades":15}]"#,
    quote: r#"[{"type":"update","symbol":"BTCUSDT","seq":NUMBER,"ts":MILLIS123,"rx":MILLIS456,"bid":"87232","bid_size":"4.21","ask":"87232.01","ask_size":"3.66"}]"#,
};

impl Messages {
    /// A connection that is subscribed, and its messages.
    fn decode(&'static self, scale: Scale) -> Box<dyn Work> {
        let mut conversation = self.connect();
        let (mut out, mut is_first) = (Reaction::default(), true);
        fed(self.stock(scale), move |messages| {
            out.ticks.clear();
            let mut bytes = 0;
            for message in messages.iter_mut() {
                bytes += message.len() as u64;
                conversation.text(Nanos(0), message, &mut out);
            }
            let (ticks, told) = (out.ticks.len(), &out.notes);
            // The first trades of some venues are a history.
            assert!(is_first || (ticks == messages.len() && told.is_empty()), "{ticks} ticks, {told:?}");
            out.notes.clear();
            is_first = false;
            Done { items: messages.len() as u64, bytes }
        })
    }

    fn parse(&'static self, scale: Scale) -> Box<dyn Work> {
        fed(self.stock(scale), move |messages| {
            let mut bytes = 0;
            for message in messages.iter() {
                bytes += message.len() as u64;
                let value = serde_json::from_slice::<serde_json::Value>(message).expect("a message is JSON");
                drop(divan::black_box(value));
            }
            Done { items: messages.len() as u64, bytes }
        })
    }

    fn connect(&self) -> Box<dyn Conversation> {
        let key = key_file();
        let keys = match self.has_key {
            true if self.source.starts_with("alpaca") => {
                format!("&key_file={0}&secret_file={0}", key.display())
            }
            true => format!("&key_file={}", key.display()),
            false => String::new(),
        };
        let source = Source::parse(&format!("{}{keys}", self.source)).expect("a source");
        let SourceKind::Upstream(config) = source.kind else { panic!("{} is no venue", self.source) };
        let kinds = config.dialer.kinds().iter();
        let streams = kinds.map(|kind| Stream::new(self.symbol, *kind)).collect();
        let group = StreamGroup { channel: "", streams };
        let mut conversation = config.dialer.connect(&group, &CustomFields::none());
        let mut out = Reaction::default();
        conversation.opened(Nanos(0), &mut out);
        for greeting in self.greetings {
            conversation.text(Nanos(0), &mut greeting.as_bytes().to_vec(), &mut out);
        }
        conversation
    }

    /// Makes the messages of an iteration, whose numbers follow those of the one before it.
    fn stock(&'static self, scale: Scale) -> impl FnMut(Option<Vec<Vec<u8>>>) -> Vec<Vec<u8>> + 'static {
        let mut given = 0;
        move |_| {
            let messages = (given..given + scale.of(1_000) as u64).map(|number| {
                let is_trade = number % (QUOTES_A_TRADE + 1) == 0;
                let form = if is_trade { self.trade } else { self.quote };
                let number_text = (FIRST_NUMBER + number).to_string();
                let millis = (FIRST_MILLIS + number).to_string();
                let text = form.replace("NUMBER", &number_text).replace("MILLIS", &millis);
                text.replace("ISO", &iso(number)).into_bytes()
            });
            let messages = messages.collect();
            given += scale.of(1_000) as u64;
            messages
        }
    }
}

/// The time of the message with this number, a millisecond after the one before it.
fn iso(number: u64) -> String {
    let (seconds, millis) = (number / 1_000, number % 1_000);
    format!(
        "2026-08-09T{:02}:{:02}:{:02}.{millis:03}127Z",
        21 + (5 + seconds / 60) / 60,
        (5 + seconds / 60) % 60,
        seconds % 60
    )
}

/// A file with a key that nobody asks for.
fn key_file() -> PathBuf {
    let path = files_made().join("key");
    std::fs::write(&path, "KEY\n").expect("a file of a key");
    path
}
