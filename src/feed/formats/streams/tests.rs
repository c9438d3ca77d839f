//! Messages of each exchange, from the sample in `tests/formats`.

use super::{
    super::{Decoder as _, DecoderOutput, Format, tests},
    Streams,
};

#[test]
fn streams_of_exchanges() {
    let two = |price: &str, size: &str, ts: &str, side: &str, id: u8| {
        format!(
            r#"{{"symbol":"BTC-USD","ts":{ts},"last":{price},"last_size":{size},"side":"{side}","trade_id":"{id}"}}"#
        )
    };
    tests::check(
        "streams.txt",
        "capture",
        6,
        &[
            r#"{"symbol":"BNBBTC","ts":1672515782136000,"last":0.001,"last_size":100,"side":"sell","trade_id":"12345"}"#,
            r#"{"symbol":"BNBUSDT","rx":1672515782136000,"bid":25.3519,"bid_size":31.21,"ask":25.3652,"ask_size":40.66}"#,
            r#"{"symbol":"BTCUSDT","ts":1672304486865000,"rx":1672515783123456,"last":16578.5,"last_size":0.001,"side":"buy","trade_id":"20f43950"}"#,
            r#"{"symbol":"BTCUSDT","ts":1672304486866000,"rx":1672515783123456,"last":16578,"last_size":0.002,"side":"sell","trade_id":"20f43951"}"#,
            r#"{"symbol":"BTCUSDT","ts":1672304484978000,"bid":16493.5,"bid_size":0.006,"ask":16611,"ask_size":0.029}"#,
            r#"{"symbol":"BTCUSDT","ts":1673272861686000,"bid":17215.5,"bid_size":84.489}"#,
            r#"{"symbol":"BTC-USDT","ts":1630048897897000,"last":42219.9,"last_size":0.12060306,"side":"buy","trade_id":"130639474"}"#,
            r#"{"symbol":"BTC-USDT","ts":1670324386802000,"ask":111.06,"ask_size":55154,"bid":null,"bid_size":null}"#,
            r#"{"symbol":"LTC-USD-SWAP","ts":1597026383085000,"bid":8888.88,"bid_size":5,"ask":9999.99,"ask_size":11,"last":9999.99}"#,
            // The resting order sold, so the aggressor bought.
            r#"{"symbol":"BTC-USD","ts":1415348367028459,"rx":1494620070123456,"last":400.23,"last_size":5.23512,"side":"buy","trade_id":"10"}"#,
            r#"{"symbol":"ETH-USD","ts":1666222102061769,"bid":1285.04,"bid_size":0.46688654,"ask":1285.27,"ask_size":1.5663704,"last":1285.22}"#,
            // The newest is first in the message.
            &two("65083.5", "1", "1786309548067634", "sell", 1),
            &two("65083.67", "0.01034361", "1786309548167634", "buy", 2),
            r#"{"symbol":"BTC-USD","ts":1786309548229198,"bid":65083.66,"bid_size":0.20371215,"ask":65083.67,"ask_size":0.24290402,"last":65086.18}"#,
            r#"{"symbol":"XBT/USD","ts":1534614057321597,"last":5541.2,"last_size":0.15850568,"side":"sell"}"#,
            r#"{"symbol":"XBT/USD","ts":1534614057324998,"last":6060,"last_size":0.02455,"side":"buy"}"#,
            r#"{"symbol":"XBT/USD","ts":1542057299545897,"bid":5698.4,"bid_size":1.01234567,"ask":5700,"ask_size":0.98765432}"#,
            r#"{"symbol":"XBT/USD","bid":5525.1,"bid_size":2.5,"ask":5525.4,"ask_size":1,"last":5525.1}"#,
            r#"{"symbol":"MATIC/USD","ts":1695628177708706,"last":0.5117,"last_size":40,"side":"sell","trade_id":"4665906"}"#,
            r#"{"symbol":"BTC/USD","bid":105944.2,"bid_size":2.5,"ask":105944.3,"ask_size":0.1234567891,"last":105899.4}"#,
            r#"{"symbol":"ETHBTC","ts":1571826769669000,"rx":1571826769740000,"last":0.02,"last_size":3,"side":"buy"}"#,
            "line 25, value: price, size or side of a match: missing",
            "line 26, value: time: no time that can be",
            "line 27, syntax: not JSON of this format: EOF while parsing an object at line 1 column 15",
        ],
    );
}

/// Each line of the sample starts its own file, unless nothing in it identifies its exchange.
#[test]
fn each_message_is_known_wherever_it_begins() {
    let sample = String::from_utf8(tests::sample("streams.txt")).unwrap();
    // The others are broken on purpose.
    for (at, line) in sample.lines().enumerate().take(24) {
        let is_answer = line.starts_with("{\"result\"");
        let told = Format::detect("x", line.as_bytes());
        assert_eq!(told.is_ok_and(|format| format == Format::Streams), !is_answer, "line {}: {line}", at + 1);
    }
}

#[test]
fn dumps_of_cryptofeed_begin_with_what_was_asked_for() {
    let dump = "configuration: {\"COINBASE\": []}\nwss://ws-feed.exchange.coinbase.com <-> 1617233400.1\n\
                wss://ws-feed.exchange.coinbase.com <- 1617233400.2: {\"type\": \"subscribe\"}\n\
                https://api.exchange.coinbase.com/products -> 1617233400.3: [{\"id\": \"BTC-USD\"}]\n\
                1617233403.123456: {\"type\": \"match\", \"product_id\": \"BTC-USD\", \"price\": \"1\", \"size\": \"2\", \"side\": \"buy\", \"time\": \"2021-03-31T23:30:03Z\"}\n";
    let out = tests::decode("COINBASE.0", dump.as_bytes(), &[7]);
    assert_eq!(
        tests::lines(&out),
        [
            r#"{"symbol":"BTC-USD","ts":1617233403000000,"rx":1617233403123456,"last":1,"last_size":2,"side":"sell"}"#
        ]
    );
    assert_eq!(out.passed, 4);
}

#[test]
fn which_trades_of_binance_count_is_said_once() {
    let event = |kind: &str| {
        format!(
            "{{\"e\":\"{kind}\",\"E\":1735689600000,\"s\":\"A\",\"p\":\"1\",\"q\":\"2\",\"T\":1735689600000,\"m\":true}}\n"
        )
    };
    let text = [event("aggTrade"), event("trade"), event("trade"), event("aggTrade")].concat();
    let (mut streams, mut out) =
        (Streams::new(4_096, crate::tick::CustomFields::none()), DecoderOutput::default());
    streams.feed(&mut text.into_bytes(), &mut out);
    assert_eq!((out.ticks.len(), out.passed, out.notes.len()), (2, 2, 1));
    assert!(out.notes[0].contains("those of A are taken by aggTrade"), "{}", out.notes[0]);
}
