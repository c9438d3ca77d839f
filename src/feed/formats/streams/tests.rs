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

/// The lines of the ticks of a capture.
fn lines(text: &str) -> Vec<String> {
    tests::lines(&tests::decode("streams.txt", text.as_bytes(), &[7]))
}

#[test]
fn trades_from_before_the_capture_are_skipped() {
    let coinbase = |kind: &str, id: u8| {
        format!(
            r#"{{"channel":"market_trades","timestamp":"2026-08-09T21:05:48Z","sequence_num":0,"events":[{{"type":"{kind}","trades":[{{"product_id":"BTC-USD","trade_id":"{id}","price":"1","size":"2","time":"2026-08-09T21:05:48Z","side":"BUY"}}]}}]}}"#
        )
    };
    let kraken = |kind: &str, id: u8| {
        format!(
            r#"{{"channel":"trade","type":"{kind}","data":[{{"symbol":"A/B","side":"buy","price":1,"qty":2,"ord_type":"limit","trade_id":{id},"timestamp":"2026-08-09T21:05:48Z"}}]}}"#
        )
    };
    let text = [coinbase("snapshot", 1), coinbase("update", 2), kraken("snapshot", 3), kraken("update", 4)]
        .join("\n");
    let lines = lines(&text);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains(r#""trade_id":"2""#) && lines[1].contains(r#""trade_id":"4""#), "{lines:?}");
}

#[test]
fn hyperliquid_alpaca_and_massive() {
    let text = [
        r#"{"channel":"trades","data":[{"coin":"SOL","side":"A","px":"23.25","sz":"1.5","hash":"0x00","time":1708622398623,"tid":118906512037719,"users":["0x1","0x2"]}]}"#,
        r#"{"channel":"bbo","data":{"coin":"SOL","time":1708622398623,"bbo":[{"px":"23.2","sz":"3","n":2},null]}}"#,
        r#"[{"T":"t","S":"AAPL","i":96921,"x":"D","p":126.55,"s":1,"t":"2021-02-22T15:51:44.208Z","c":["@","I"],"z":"C"},{"T":"q","S":"AMD","bx":"U","bp":87.66,"bs":1,"ax":"Q","ap":87.68,"as":4,"t":"2021-02-22T15:51:45.335689322Z","c":["R"],"z":"C"}]"#,
        r#"[{"T":"x","S":"AAPL","i":96921,"x":"D","p":126.55,"s":1,"a":"C","t":"2021-02-22T15:51:46Z","z":"C"},{"T":"c","S":"AMD","x":"D","oi":7,"op":1,"os":2,"oc":["@"],"ci":8,"cp":1.5,"cs":2,"cc":["@"],"t":"2021-02-22T15:51:46Z","z":"C"}]"#,
        r#"[{"ev":"T","sym":"MSFT","x":4,"i":"12345","z":3,"p":114.125,"s":100,"ds":"100.5","c":[0,12],"t":1536036818784,"q":3681328},{"ev":"Q","sym":"MSFT","bx":4,"bp":114.125,"bs":100,"ax":7,"ap":114.128,"as":160,"c":0,"i":[604],"t":1536036818784,"q":50385480,"z":3}]"#,
        r#"[{"ev":"XT","pair":"BTC-USD","p":33021.9,"t":1610462007425,"s":0.01616617,"c":[2],"i":"14272084","x":3,"r":1610462007576},{"ev":"C","p":"USD/CNH","x":44,"a":6.83366,"b":6.83363,"t":1536036818784}]"#,
        // A trade that is reported late stays behind the one before it.
        r#"[{"T":"t","S":"LATE","i":2,"p":2,"s":1,"t":"2021-02-22T15:51:46Z"},{"T":"t","S":"LATE","i":1,"p":1,"s":1,"t":"2021-02-22T15:51:44Z"}]"#,
        r#"[{"T":"success","msg":"connected"}]"#,
        r#"[{"ev":"status","status":"connected","message":"Connected Successfully"}]"#,
    ];
    assert_eq!(
        lines(&text.join("\n")),
        [
            r#"{"symbol":"SOL","ts":1708622398623000,"last":23.25,"last_size":1.5,"side":"sell","trade_id":"118906512037719"}"#,
            r#"{"symbol":"SOL","ts":1708622398623000,"bid":23.2,"bid_size":3,"ask":null,"ask_size":null}"#,
            r#"{"symbol":"AAPL","ts":1614009104208000,"last":126.55,"last_size":1,"trade_id":"96921","affects":["volume"]}"#,
            r#"{"symbol":"AMD","ts":1614009105335689,"bid":87.66,"bid_size":1,"ask":87.68,"ask_size":4}"#,
            r#"{"symbol":"AAPL","ts":1614009106000000,"cancel":"96921"}"#,
            r#"{"symbol":"AMD","ts":1614009106000000,"correct":"7","last":1.5,"last_size":2}"#,
            r#"{"symbol":"MSFT","ts":1536036818784000,"last":114.125,"last_size":100.5,"trade_id":"12345","affects":["volume"]}"#,
            r#"{"symbol":"MSFT","ts":1536036818784000,"bid":114.125,"bid_size":100,"ask":114.128,"ask_size":160}"#,
            r#"{"symbol":"BTC-USD","ts":1610462007425000,"last":33021.9,"last_size":0.01616617,"side":"buy","trade_id":"14272084"}"#,
            r#"{"symbol":"USD/CNH","ts":1536036818784000,"bid":6.83363,"ask":6.83366}"#,
            r#"{"symbol":"LATE","ts":1614009106000000,"last":2,"last_size":1,"trade_id":"2"}"#,
            r#"{"symbol":"LATE","ts":1614009104000000,"last":1,"last_size":1,"trade_id":"1"}"#,
        ]
    );
    for line in text {
        assert_eq!(Format::detect("x", line.as_bytes()).ok(), Some(Format::Streams), "{line}");
    }
}
