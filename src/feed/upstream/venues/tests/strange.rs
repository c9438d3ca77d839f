//! What venues, proxies and players write otherwise than it is documented, and must cost no trade.

use serde_json::{Value, json};

use super::*;

/// Where the list of trades is in a sample's message.
fn list_of<'m>(venue: &str, message: &'m mut Value) -> &'m mut Vec<Value> {
    let place = match venue {
        "coinbase" => "/events/0/trades",
        "alpaca" | "massive" => "",
        _ => "/data",
    };
    message.pointer_mut(place).and_then(Value::as_array_mut).expect("a list of trades")
}

fn ids(out: &Reaction) -> Vec<String> {
    out.ticks.iter().map(|tick| tick.tick.fields.name_of_trade().to_string()).collect()
}

#[test]
fn one_broken_trade_costs_no_other() {
    for sample in &SAMPLES {
        let whole: Value = serde_json::from_str(sample.trades).expect("JSON");
        let good = list_of(sample.venue, &mut whole.clone())[0].clone();
        let names: Vec<String> = good.as_object().expect("a trade").keys().cloned().collect();
        let mut broken = vec![json!(null), json!(1), json!([]), json!({}), json!("x")];
        for name in names {
            for value in [json!(null), json!([]), json!({}), json!("\u{1F4C8}"), json!(-1)] {
                let mut trade = good.clone();
                trade[&name] = value;
                broken.push(trade);
            }
        }
        for broken in broken {
            let mut message = whole.clone();
            let list = list_of(sample.venue, &mut message);
            list.insert(1, broken.clone());
            let (mut conversation, mut out) = (sample.connect(), Reaction::default());
            for before in sample.before.iter().filter(|message| message.contains("auth")) {
                hear(&mut *conversation, before.as_bytes(), &mut out);
            }
            let count = hear(&mut *conversation, message.to_string().as_bytes(), &mut out);
            // What is wrong may be of no weight, such as the flag of a tape.
            let whole = [sample.count, sample.count + 1];
            assert!(whole.contains(&count), "{}: {count} with {broken}", sample.venue);
        }
    }
}

/// A number of an answer as text, or the other way round: some servers keep the type of a request, and some do not.
#[test]
fn numbers_of_answers_may_be_text() {
    let cases = [
        ("binance", "BTCUSDT", r#"{"result":null,"id":"1"}"#, 2),
        (
            "kraken",
            "BTC/USD",
            r#"{"method":"subscribe","result":{"channel":"trade","symbol":"BTC/USD"},"success":true,"req_id":"1"}"#,
            1,
        ),
        ("bybit", "BTCUSDT", r#"{"success":true,"ret_msg":"","req_id":1,"op":"subscribe"}"#, 2),
        (
            "coinbase",
            "BTC-USD",
            r#"{"channel":"subscriptions","sequence_num":"7","events":[{"subscriptions":{"market_trades":["BTC-USD"]}}]}"#,
            1,
        ),
        (
            "okx",
            "BTC-USDT",
            r#"{"event":"subscribe","code":0,"arg":{"channel":"trades","instId":"BTC-USDT"}}"#,
            1,
        ),
    ];
    for (venue, symbol, answer, count) in cases {
        let dialer = dialer(find(venue).unwrap(), "", &[symbol]);
        let mut conversation = dialer.connect(&group(&*dialer, &[symbol]), &CustomFields::none());
        let mut out = Reaction::default();
        conversation.opened(Nanos(0), &mut out);
        hear(&mut *conversation, answer.as_bytes(), &mut out);
        let given = out.notes.iter().filter(|note| matches!(note, Note::Subscribed(_))).count();
        assert_eq!((given, out.notes.len()), (count, count), "{venue}: {:?}", out.notes);
    }
}

/// Times of one message may fall where numbers rise: the numbers say the order.
#[test]
fn numbers_of_trades_go_before_their_times() {
    for venue in ["coinbase", "kraken", "okx"] {
        let sample = SAMPLES.iter().find(|sample| sample.venue == venue).unwrap();
        let mut message: Value = serde_json::from_str(sample.trades).expect("JSON");
        let list = list_of(venue, &mut message);
        let trade = list[0].clone();
        let (id, time) = match venue {
            "coinbase" => ("trade_id", "time"),
            "kraken" => ("trade_id", "timestamp"),
            _ => ("tradeId", "ts"),
        };
        *list = [(3, "2026-08-09T21:05:48.9Z"), (4, "2026-08-09T21:05:48.1Z"), (5, "2026-08-09T21:05:48.5Z")]
            .map(|(number, at)| {
                let mut trade = trade.clone();
                trade[id] = json!(number);
                trade[time] = json!(at);
                trade
            })
            .to_vec();
        for is_reversed in [false, true] {
            if is_reversed {
                list_of(venue, &mut message).reverse();
            }
            let (mut conversation, mut out) = (sample.connect(), Reaction::default());
            hear(&mut *conversation, message.to_string().as_bytes(), &mut out);
            assert_eq!(ids(&out), ["3", "4", "5"], "{venue}");
        }
    }
}

/// Where the venue writes in order, falling times are those of several exchanges, or of clocks that were set.
#[test]
fn messages_that_are_written_in_order_are_left_so() {
    for (venue, id, time, times) in [
        ("bybit", "i", "T", [json!(1_672_304_486_865_u64), json!(1_672_304_486_860_u64)]),
        ("alpaca", "i", "t", [json!("2021-02-22T15:51:45.9Z"), json!("2021-02-22T15:51:45.1Z")]),
        ("massive", "i", "t", [json!(1_536_036_818_784_u64), json!(1_536_036_818_700_u64)]),
    ] {
        let sample = SAMPLES.iter().find(|sample| sample.venue == venue).unwrap();
        let mut message: Value = serde_json::from_str(sample.trades).expect("JSON");
        let list = list_of(venue, &mut message);
        let trade = list[0].clone();
        list.clear();
        for (number, at) in times.into_iter().enumerate() {
            let mut trade = trade.clone();
            trade[id] = json!(number.to_string());
            trade[time] = at;
            list.push(trade);
        }
        let (mut conversation, mut out) = (sample.connect(), Reaction::default());
        hear(&mut *conversation, message.to_string().as_bytes(), &mut out);
        assert_eq!(ids(&out), ["0", "1"], "{venue}");
    }
}

/// A server that greets and authenticates nobody, and sends: it is left alone, and asked for what is wanted.
#[test]
fn ticks_say_that_a_key_is_good() {
    for sample in SAMPLES.iter().filter(|sample| matches!(sample.venue, "alpaca" | "massive")) {
        let (mut conversation, mut out) = (sample.connect(), Reaction::default());
        assert_eq!(hear(&mut *conversation, sample.trades.as_bytes(), &mut out), sample.count);
        assert!(!out.sends.is_empty(), "{} is asked for its streams", sample.venue);
        assert_eq!(conversation.due(), None, "{}", sample.venue);
        assert_eq!(hear(&mut *conversation, sample.trades.as_bytes(), &mut out), sample.count);
        assert_eq!((&out.sends[..], &out.notes[..]), (&[][..], &[][..]), "{}", sample.venue);
    }
}

/// The largest numbers that there are.
#[test]
fn numbers_at_the_end_of_their_range_are_numbers() {
    let sample = SAMPLES.iter().find(|sample| sample.venue == "coinbase").unwrap();
    let (mut conversation, mut out) = (sample.connect(), Reaction::default());
    for number in ["18446744073709551615", "5", "18446744073709551615", "0", "-1", "1e3"] {
        let message = sample.trades.replace("\"sequence_num\":2", &format!("\"sequence_num\":{number}"));
        assert_eq!(hear(&mut *conversation, message.as_bytes(), &mut out), sample.count, "{number}");
    }
}
